package kubernetes

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/fake"
	clienttesting "k8s.io/client-go/testing"
	"sigs.k8s.io/yaml"
)

// quick is the pace of tests.
var quick = pace{poll: 5 * time.Millisecond, retry: time.Millisecond, status: 10 * time.Millisecond, appear: 60 * time.Millisecond, stuck: 40 * time.Millisecond}

// kinds that the fake cluster has, with the name of their lists.
var kinds = []struct {
	group, version, kind, plural string
	namespaced                   bool
}{
	{"", "v1", "Namespace", "namespaces", false},
	{"", "v1", "ConfigMap", "configmaps", true},
	{"", "v1", "Secret", "secrets", true},
	{"", "v1", "Service", "services", true},
	{"", "v1", "Pod", "pods", true},
	{"", "v1", "Event", "events", true},
	{"", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", true},
	{"apps", "v1", "Deployment", "deployments", true},
	{"apps", "v1", "DaemonSet", "daemonsets", true},
	{"apps", "v1", "StatefulSet", "statefulsets", true},
	{"apps", "v1", "ReplicaSet", "replicasets", true},
	{"apps", "v1", "ControllerRevision", "controllerrevisions", true},
	{"batch", "v1", "Job", "jobs", true},
	{"storage.k8s.io", "v1", "StorageClass", "storageclasses", false},
	{"discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", true},
}

type fakeMapper struct{ *meta.DefaultRESTMapper }

func (fakeMapper) Reset() {}

type messages struct {
	sync.Mutex
	status, warnings []string
}

func (m *messages) Status(_ context.Context, _ resource.URN, text string) {
	m.Lock()
	defer m.Unlock()
	m.status = append(m.status, text)
}

func (m *messages) Warn(_ context.Context, _ resource.URN, text string) {
	m.Lock()
	defer m.Unlock()
	m.warnings = append(m.warnings, text)
}

// applied is one server-side apply that the fake cluster got.
type applied struct {
	object  tree
	manager string
	force   bool
	dryRun  bool
}

// fakeCluster is a plugin that talks to objects in memory.
type fakeCluster struct {
	*Plugin
	said    *messages
	client  *fake.FakeDynamicClient
	applied []applied
	// onApply changes what the server makes of an applied object.
	onApply func(obj *unstructured.Unstructured)
}

func newCluster(t *testing.T, yamls ...string) *fakeCluster {
	t.Helper()
	mapper := meta.NewDefaultRESTMapper(nil)
	lists := map[schema.GroupVersionResource]string{}
	for _, k := range kinds {
		version := schema.GroupVersion{Group: k.group, Version: k.version}
		scope := meta.RESTScopeRoot
		if k.namespaced {
			scope = meta.RESTScopeNamespace
		}
		mapper.AddSpecific(version.WithKind(k.kind), version.WithResource(k.plural), version.WithResource(k.plural), scope)
		lists[version.WithResource(k.plural)] = k.kind + "List"
	}
	var objects []runtime.Object
	for _, text := range yamls {
		objects = append(objects, parse(t, text))
	}
	c := &fakeCluster{said: &messages{}, client: fake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), lists, objects...)}
	c.client.PrependReactor("patch", "*", c.apply(t))
	c.Plugin = New(c.said)
	c.pace = quick
	c.cluster.settings = &c.settings
	c.cluster.conn = &connection{
		dynamic: c.client, mapper: fakeMapper{mapper}, namespace: "default",
		logs: func(_ context.Context, _, pod, container string, previous bool) (string, error) {
			if previous {
				return "line 1\nModuleNotFoundError: no module named oslo\n", nil
			}
			return "unable to retrieve container logs for containerd://0", nil
		},
	}
	return c
}

// apply stands in for the server-side apply that the fake client does not have.
func (c *fakeCluster) apply(t *testing.T) clienttesting.ReactionFunc {
	return func(action clienttesting.Action) (bool, runtime.Object, error) {
		patch := action.(clienttesting.PatchActionImpl)
		obj := &unstructured.Unstructured{}
		if err := json.Unmarshal(patch.GetPatch(), &obj.Object); err != nil {
			t.Error(err)
		}
		call := applied{object: runtime.DeepCopyJSON(obj.Object), manager: patch.PatchOptions.FieldManager, force: *patch.PatchOptions.Force,
			dryRun: len(patch.PatchOptions.DryRun) > 0}
		c.applied = append(c.applied, call)
		obj.SetUID("uid-" + "applied")
		if c.onApply != nil {
			c.onApply(obj)
		}
		if call.dryRun {
			return true, obj, nil
		}
		tracker := c.client.Tracker()
		if _, err := tracker.Get(patch.Resource, patch.Namespace, patch.Name); err == nil {
			return true, obj, tracker.Update(patch.Resource, obj, patch.Namespace)
		}
		return true, obj, tracker.Create(patch.Resource, obj, patch.Namespace)
	}
}

func parse(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	data, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	obj := &unstructured.Unstructured{}
	if err := obj.UnmarshalJSON(data); err != nil {
		t.Fatal(err)
	}
	return obj
}

// props are inputs written as YAML.
func props(t *testing.T, text string) resource.PropertyMap {
	t.Helper()
	data := tree{}
	if err := yaml.Unmarshal([]byte(text), &data); err != nil {
		t.Fatal(err)
	}
	result, err := fromTree(data)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func urnOf(token, name string) resource.URN {
	return resource.URN("urn:pulumi:dev::test::" + token + "::" + name)
}

// swallow answers a request without doing anything.
func swallow(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, nil }
