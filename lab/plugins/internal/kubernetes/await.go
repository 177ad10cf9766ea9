package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
)

// skipAwait switches waiting off: "true" also for the deletion of some kinds, see skipDelete; "ready" not.
const skipAwait = "pulumi.com/skipAwait"

// pace are the intervals of waiting; tests shorten them.
type pace struct {
	poll   time.Duration // between looks at an object that does not change; changes are seen at once
	retry  time.Duration // between tries while a CRD or a namespace appears
	status time.Duration // between status lines
	appear time.Duration // for a CRD or a namespace to appear
	stuck  time.Duration // that a container may be in a state of error before waiting ends
}

// appear is about what the official plugin's five retries come to.
var defaultPace = pace{poll: 5 * time.Second, retry: 500 * time.Millisecond, status: 5 * time.Second, appear: 30 * time.Second, stuck: 30 * time.Second}

// defaultTimeout is the official plugin's.
const defaultTimeout = 10 * time.Minute

// timeoutOf is how long to wait: customTimeouts, or else the annotation, or else the default.
func timeoutOf(custom float64, obj *unstructured.Unstructured) time.Duration {
	if custom > 0 {
		return time.Duration(custom * float64(time.Second))
	}
	if n, err := strconv.Atoi(obj.GetAnnotations()["pulumi.com/timeoutSeconds"]); err == nil && n > 0 {
		return time.Duration(n) * time.Second
	}
	return defaultTimeout
}

// await waits until an object that was just applied is ready. It answers with the last state seen, also in case of error.
func (p *Plugin) await(ctx context.Context, conn *connection, urn resource.URN, wanted, live *unstructured.Unstructured,
	custom float64,
) (*unstructured.Unstructured, error) {
	switch wanted.GetAnnotations()[skipAwait] {
	case "true", "ready":
		return live, nil
	}
	rule, err := ruleOf(wanted)
	if err != nil || rule == nil {
		return live, err
	}
	client, err := conn.resource(wanted)
	if err != nil {
		return live, err
	}
	timeout := timeoutOf(custom, wanted)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	changed := watch(ctx, client, wanted.GetName(), p.pace.poll)
	defer func() { p.log.Status(context.WithoutCancel(ctx), urn, "") }()
	watcher := &diagnosis{conn: conn, stuck: p.pace.stuck, seen: map[string]sighting{}}
	told, said := time.Now(), ""
	for {
		now := rule(ctx, conn, live)
		if now.ready {
			return live, nil
		}
		problem := watcher.look(ctx, live)
		if ctx.Err() == nil && (now.failed || problem.fatal) {
			return live, watcher.failure(ctx, live, now, problem, "is not ready")
		}
		if line := watcher.line(now, problem); ctx.Err() == nil && line != said && time.Since(told) >= p.pace.status {
			p.log.Status(ctx, urn, line)
			told, said = time.Now(), line
		}
		select {
		case <-ctx.Done():
			headline := fmt.Sprintf("is not ready after %s", timeout)
			if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
				headline = "was not waited for to the end (interrupted; the next update goes on)"
			}
			return live, watcher.failure(ctx, live, now, problem, headline)
		case <-changed:
		case <-time.After(p.pace.poll):
		}
		latest, err := client.Get(ctx, wanted.GetName(), metav1.GetOptions{})
		switch {
		case err == nil:
			live = latest
		case apierrors.IsNotFound(err):
			return live, fmt.Errorf("%s was deleted by somebody while it was waited for", describe(live))
		}
	}
}

// healthy tells at once whether an object is ready, without waiting.
func (p *Plugin) healthy(ctx context.Context, conn *connection, wanted, live *unstructured.Unstructured) error {
	switch wanted.GetAnnotations()[skipAwait] {
	case "true", "ready":
		return nil
	}
	wanted.SetGroupVersionKind(live.GroupVersionKind())
	rule, err := ruleOf(wanted)
	if err != nil || rule == nil {
		return err
	}
	now := rule(ctx, conn, live)
	if now.ready {
		return nil
	}
	watcher := &diagnosis{conn: conn, stuck: p.pace.stuck, seen: map[string]sighting{}}
	return watcher.failure(ctx, live, now, watcher.look(ctx, live), "is not ready")
}

// awaitGone waits until an object that is being deleted is gone.
func (p *Plugin) awaitGone(ctx context.Context, urn resource.URN, client dynamic.ResourceInterface,
	obj *unstructured.Unstructured, timeout time.Duration,
) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	changed := watch(ctx, client, obj.GetName(), p.pace.poll)
	started, told := time.Now(), time.Now()
	for {
		latest, err := client.Get(ctx, obj.GetName(), metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err) || err == nil && latest.GetUID() != obj.GetUID():
			return nil
		case err == nil:
			obj = latest
		}
		reason := whyNotGone(obj)
		if time.Since(told) >= p.pace.status {
			p.log.Status(ctx, urn, "still there: "+reason)
			told = time.Now()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is still there after %s: %s\n  to look further: %s", describe(obj),
				time.Since(started).Round(time.Second), reason, kubectl(obj, "get", "-o", "yaml"))
		case <-changed:
		case <-time.After(p.pace.poll):
		}
	}
}

// whyNotGone names what keeps an object: its finalizers, and a namespace's own account of what is left in it.
func whyNotGone(obj *unstructured.Unstructured) string {
	reason := "being deleted"
	finalizers := obj.GetFinalizers()
	if inner, _, _ := unstructured.NestedStringSlice(obj.Object, "spec", "finalizers"); obj.GetKind() == "Namespace" {
		finalizers = append(finalizers, inner...)
	}
	if len(finalizers) > 0 {
		reason = fmt.Sprintf("waits for finalizers %v", finalizers)
	}
	for _, c := range conditionsOf(obj) {
		if obj.GetKind() == "Namespace" && c.Status == "True" {
			reason += "; " + c.Message
		}
	}
	return reason
}

// watch says when an object changes, until the context ends. It only speeds up polling: it may miss changes.
func watch(ctx context.Context, client dynamic.ResourceInterface, name string, pause time.Duration) <-chan struct{} {
	changed := make(chan struct{}, 1)
	go func() {
		for ctx.Err() == nil {
			w, err := client.Watch(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + name})
			if err == nil {
				for range w.ResultChan() {
					select {
					case changed <- struct{}{}:
					default:
					}
				}
				w.Stop()
			}
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
		}
	}()
	return changed
}
