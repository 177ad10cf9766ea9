package kubernetes

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/util/jsonpath"
)

// verdict is what a rule thinks of an object.
type verdict struct {
	ready, failed bool
	message       string
}

// rule judges whether an object is ready; it may look at other objects.
type rule func(ctx context.Context, conn *connection, obj *unstructured.Unstructured) verdict

// rules by group and kind. Kinds that are not here are ready as soon as they exist, custom resources among them.
var rules = map[string]rule{
	"/Pod":                   byStatus,
	"/Service":               serviceRule,
	"/PersistentVolumeClaim": claimRule,
	"apps/DaemonSet":         byStatus,
	"apps/Deployment":        byStatus,
	"apps/StatefulSet":       byStatus,
	"batch/Job":              func(_ context.Context, _ *connection, obj *unstructured.Unstructured) verdict { return jobRule(obj) },
	"apiextensions.k8s.io/CustomResourceDefinition": byStatus,
}

// ruleOf is the rule for an object: its waitFor annotation, or else that of its kind; nil if there is nothing to wait for.
func ruleOf(obj *unstructured.Unstructured) (rule, error) {
	text := strings.TrimSpace(obj.GetAnnotations()["pulumi.com/waitFor"])
	if text == "" {
		kind := obj.GroupVersionKind()
		return rules[kind.Group+"/"+kind.Kind], nil
	}
	terms := []string{text}
	if strings.HasPrefix(text, "[") {
		terms = nil
		if err := json.Unmarshal([]byte(text), &terms); err != nil {
			return nil, fmt.Errorf("%s: annotation pulumi.com/waitFor is not a JSON array of strings: %w", describe(obj), err)
		}
	}
	var all []rule
	for _, term := range terms {
		r, err := termRule(term)
		if err != nil {
			return nil, fmt.Errorf("%s: annotation pulumi.com/waitFor: %w", describe(obj), err)
		}
		all = append(all, r)
	}
	return func(ctx context.Context, conn *connection, obj *unstructured.Unstructured) verdict {
		for _, r := range all {
			if v := r(ctx, conn, obj); !v.ready {
				return v
			}
		}
		return verdict{ready: true}
	}, nil
}

// termRule reads "condition=Ready", "condition=Ready=False", "jsonpath={.status.phase}" or "jsonpath={.status.phase}=Bound".
func termRule(term string) (rule, error) {
	kind, rest, _ := strings.Cut(strings.TrimSpace(term), "=")
	switch kind {
	case "condition":
		name, value, ok := strings.Cut(rest, "=")
		if !ok {
			value = "True"
		}
		return func(_ context.Context, _ *connection, obj *unstructured.Unstructured) verdict {
			for _, c := range conditionsOf(obj) {
				if strings.EqualFold(c.Type, name) && (c.ObservedGeneration == 0 || c.ObservedGeneration >= obj.GetGeneration()) {
					return verdict{ready: strings.EqualFold(string(c.Status), value), message: c.text()}
				}
			}
			return verdict{message: "no condition " + name + " yet"}
		}, nil
	case "jsonpath":
		path, value, compare := rest, "", false
		if end := strings.LastIndex(rest, "}"); end >= 0 {
			path = rest[:end+1]
			value, compare = strings.CutPrefix(rest[end+1:], "=")
		} else if at := strings.LastIndex(rest, "="); at >= 0 && !strings.ContainsAny(rest[at:], "])\"'") {
			path, value, compare = rest[:at], rest[at+1:], true
		}
		if !strings.HasPrefix(path, "{") {
			path = "{" + path + "}"
		}
		parsed := jsonpath.New("waitFor").AllowMissingKeys(true)
		if err := parsed.Parse(path); err != nil {
			return nil, fmt.Errorf("%s: %w", term, err)
		}
		return func(_ context.Context, _ *connection, obj *unstructured.Unstructured) verdict {
			var out bytes.Buffer
			if err := parsed.Execute(&out, obj.Object); err != nil {
				return verdict{message: err.Error()}
			}
			found := out.String()
			if compare {
				return verdict{ready: found == value, message: fmt.Sprintf("%s is %q, waiting for %q", path, found, value)}
			}
			return verdict{ready: found != "", message: path + " is not set yet"}
		}, nil
	}
	return nil, fmt.Errorf(`%q: expected "condition=…" or "jsonpath=…"`, term)
}

// byStatus is kstatus' opinion.
func byStatus(_ context.Context, _ *connection, obj *unstructured.Unstructured) verdict {
	result, err := status.Compute(obj)
	if err != nil {
		return verdict{message: err.Error()}
	}
	return verdict{ready: result.Status == status.CurrentStatus, failed: result.Status == status.FailedStatus, message: result.Message}
}

// jobRule waits for completion: kstatus calls a Job current once it has started.
func jobRule(obj *unstructured.Unstructured) verdict {
	message := "not started yet"
	for _, field := range []string{"active", "succeeded", "failed"} {
		if n, ok, _ := unstructured.NestedInt64(obj.Object, "status", field); ok && n > 0 {
			message = strings.TrimPrefix(message+fmt.Sprintf(", %d %s", n, field), "not started yet, ")
		}
	}
	for _, c := range conditionsOf(obj) {
		if c.Status != "True" {
			continue
		}
		switch c.Type {
		case "Complete", "Suspended":
			return verdict{ready: true}
		case "Failed":
			return verdict{failed: true, message: c.text()}
		}
	}
	return verdict{message: message}
}

// serviceRule waits for an endpoint, and for the address of a load balancer.
func serviceRule(ctx context.Context, conn *connection, obj *unstructured.Unstructured) verdict {
	field := func(path ...string) string {
		text, _, _ := unstructured.NestedString(obj.Object, append([]string{"spec"}, path...)...)
		return text
	}
	selector, _, _ := unstructured.NestedStringMap(obj.Object, "spec", "selector")
	if field("type") == "ExternalName" || field("clusterIP") == "None" || len(selector) == 0 {
		return verdict{ready: true}
	}
	if field("type") == "LoadBalancer" {
		if ingress, _, _ := unstructured.NestedSlice(obj.Object, "status", "loadBalancer", "ingress"); len(ingress) == 0 {
			return verdict{message: "has no load balancer address yet"}
		}
	}
	slices, err := conn.list(ctx, "discovery.k8s.io/v1/endpointslices", obj.GetNamespace(),
		metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=" + obj.GetName()})
	if err != nil {
		return verdict{message: err.Error()}
	}
	for _, slice := range slices {
		endpoints, _, _ := unstructured.NestedSlice(slice.Object, "endpoints")
		for _, endpoint := range endpoints {
			ready, set, _ := unstructured.NestedBool(endpoint.(tree), "conditions", "ready")
			if ready || !set {
				return verdict{ready: true}
			}
		}
	}
	return verdict{message: fmt.Sprintf("has no ready endpoint: no ready pod with labels %v", selector)}
}

// claimRule waits until a claim is bound, but not where its class waits for the first pod that uses it.
func claimRule(ctx context.Context, conn *connection, obj *unstructured.Unstructured) verdict {
	phase, _, _ := unstructured.NestedString(obj.Object, "status", "phase")
	switch phase {
	case "Bound":
		return verdict{ready: true}
	case "Lost":
		return verdict{failed: true, message: "its volume is lost"}
	}
	wanted, named, _ := unstructured.NestedString(obj.Object, "spec", "storageClassName")
	classes, err := conn.list(ctx, "storage.k8s.io/v1/storageclasses", "", metav1.ListOptions{})
	if err != nil {
		return verdict{message: err.Error()}
	}
	for _, class := range classes {
		byDefault := class.GetAnnotations()["storageclass.kubernetes.io/is-default-class"] == "true"
		if mode := class.Object["volumeBindingMode"]; mode == "WaitForFirstConsumer" && (class.GetName() == wanted || !named && byDefault) {
			return verdict{ready: true}
		}
	}
	return verdict{message: fmt.Sprintf("is %s, not Bound (storage class %q)", phase, wanted)}
}

// list reads objects by "group/version/resource" or "version/resource".
func (c *connection) list(ctx context.Context, what, namespace string, options metav1.ListOptions) ([]unstructured.Unstructured, error) {
	at := strings.LastIndex(what, "/")
	version, err := schema.ParseGroupVersion(what[:at])
	if err != nil {
		return nil, err
	}
	list, err := c.dynamic.Resource(version.WithResource(what[at+1:])).Namespace(namespace).List(ctx, options)
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

type condition struct{ metav1.Condition }

func (c condition) text() string {
	return strings.TrimSuffix(fmt.Sprintf("%s=%s (%s: %s)", c.Type, c.Status, c.Reason, c.Message), " (: )")
}

// conditionsOf are the conditions in an object's status.
func conditionsOf(obj *unstructured.Unstructured) []condition {
	list, _, _ := unstructured.NestedSlice(obj.Object, "status", "conditions")
	var result []condition
	for _, item := range list {
		if m, ok := item.(tree); ok {
			text := func(key string) string { s, _ := m[key].(string); return s }
			generation, _, _ := unstructured.NestedInt64(m, "observedGeneration")
			result = append(result, condition{metav1.Condition{
				Type: text("type"), Status: metav1.ConditionStatus(text("status")), Reason: text("reason"), Message: text("message"),
				ObservedGeneration: generation,
			}})
		}
	}
	return result
}
