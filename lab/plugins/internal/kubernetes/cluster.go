package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/restmapper"
)

// How long an API server may take to answer the first request, and how long the answer "unreachable" is believed.
const probeTimeout, unreachableFor = 10 * time.Second, 20 * time.Second

// errNotConfigured says that the kubeconfig is not known yet (in a preview of a cluster that does not exist).
var errNotConfigured = errors.New("the kubeconfig is not known yet")

// unreachableError says that there is no API server to talk to.
type unreachableError struct{ cause error }

func (e *unreachableError) Error() string {
	return fmt.Sprintf("configured Kubernetes cluster is unreachable: %v", e.cause)
}

func (e *unreachableError) Unwrap() error { return e.cause }

func isUnreachable(err error) bool {
	var unreachable *unreachableError
	return errors.As(err, &unreachable) || errors.Is(err, errNotConfigured)
}

// cluster connects on first use, so that a provider can be configured before its cluster exists.
type cluster struct {
	settings *settings
	mutex    sync.Mutex
	conn     *connection
	failure  error
	failedAt time.Time
}

// connection is a way to an API server.
type connection struct {
	dynamic   dynamic.Interface
	mapper    meta.ResettableRESTMapper
	namespace string
	logs      func(ctx context.Context, namespace, pod, container string, previous bool) (string, error)
}

// connect is the connection, made and tried at the first call.
func (c *cluster) connect(ctx context.Context) (*connection, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.conn != nil {
		return c.conn, nil
	}
	if c.settings == nil || c.settings.unknown {
		return nil, errNotConfigured
	}
	if c.failure != nil && time.Since(c.failedAt) < unreachableFor {
		return nil, c.failure
	}
	conn, err := dial(ctx, c.settings)
	if err != nil {
		c.failure, c.failedAt = &unreachableError{err}, time.Now()
		return nil, c.failure
	}
	c.conn, c.failure = conn, nil
	return conn, nil
}

func dial(ctx context.Context, s *settings) (*connection, error) {
	config, namespace, err := s.restConfig()
	if err != nil {
		return nil, err
	}
	client, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, err
	}
	objects, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	raw := client.RESTClient()
	if err := raw.Get().AbsPath("/version").Do(ctx).Error(); err != nil && apierrors.ReasonForError(err) == "" {
		return nil, err
	}
	return &connection{
		dynamic: objects, mapper: restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(client)), namespace: namespace,
		logs: func(ctx context.Context, namespace, pod, container string, previous bool) (string, error) {
			path := fmt.Sprintf("/api/v1/namespaces/%s/pods/%s/log", namespace, pod)
			text, err := raw.Get().AbsPath(path).Param("container", container).Param("tailLines", fmt.Sprint(logLines)).
				Param("previous", fmt.Sprint(previous)).DoRaw(ctx)
			return string(text), err
		},
	}, nil
}

// resource is the client for one object's kind and namespace. It settles the object's namespace: the default one where it
// names none, and none where the kind has no namespaces.
func (c *connection) resource(obj *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	kind := obj.GroupVersionKind()
	mapping, err := c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return nil, err
	}
	client := c.dynamic.Resource(mapping.Resource)
	if mapping.Scope.Name() != meta.RESTScopeNameNamespace {
		obj.SetNamespace("")
		return client, nil
	}
	if obj.GetNamespace() == "" {
		obj.SetNamespace(c.namespace)
	}
	return client.Namespace(obj.GetNamespace()), nil
}

// isMissing says that an object, its kind or its namespace is not there.
func isMissing(err error) bool {
	return meta.IsNoMatchError(err) || apierrors.IsNotFound(err)
}

// mayAppear says that an operation can succeed soon: the CRD or the namespace is being made, or the namespace is so new
// that its default service account is not there.
func mayAppear(err error) bool {
	return isMissing(err) || apierrors.IsForbidden(err) && strings.Contains(err.Error(), "error looking up service account")
}

// eventually repeats an operation on an object while what it needs may still appear.
func (p *Plugin) eventually(ctx context.Context, conn *connection, obj *unstructured.Unstructured,
	report func(error), operation func(dynamic.ResourceInterface) error,
) error {
	deadline := time.Now().Add(p.pace.appear)
	for {
		client, err := conn.resource(obj)
		if err == nil {
			err = operation(client)
		}
		if err == nil || !mayAppear(err) || time.Now().After(deadline) {
			return err
		}
		report(err)
		if meta.IsNoMatchError(err) {
			conn.mapper.Reset()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("interrupted: %w", err)
		case <-time.After(p.pace.retry):
		}
	}
}
