package kubernetes

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestRules(t *testing.T) {
	const slice = "{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: s-1, namespace: n, labels: {kubernetes.io/service-name: s}}, endpoints: [{conditions: {ready: %v}}]}"
	const class = "{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: local, annotations: {storageclass.kubernetes.io/is-default-class: 'true'}}, volumeBindingMode: %s}"
	service := func(spec, status string) string {
		return "{apiVersion: v1, kind: Service, metadata: {name: s, namespace: n}, spec: {" + spec + "}, status: {" + status + "}}"
	}
	claim := func(spec, status string) string {
		return "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: c, namespace: n}, spec: {" + spec + "}, status: {" + status + "}}"
	}
	workload := func(kind, spec, status string) string {
		return "{apiVersion: apps/v1, kind: " + kind + ", metadata: {name: d, namespace: n, generation: 2}, spec: {" + spec + "}, status: {" + status + "}}"
	}
	waiting := func(waitFor, status string) string {
		return fmt.Sprintf("{apiVersion: example.com/v1, kind: Thing, metadata: {name: t, generation: 3, annotations: {pulumi.com/waitFor: %q}}, status: {%s}}", waitFor, status)
	}
	cases := []struct {
		what, object string
		want         string // ready, failed, waits, none
		others       []string
	}{
		{"ConfigMap", "{apiVersion: v1, kind: ConfigMap, metadata: {name: c}}", "none", nil},
		{"custom resource", "{apiVersion: example.com/v1, kind: Thing, metadata: {name: c}}", "none", nil},
		{"Job runs", "{apiVersion: batch/v1, kind: Job, metadata: {name: j}, status: {active: 1}}", "waits", nil},
		{"Job done", "{apiVersion: batch/v1, kind: Job, metadata: {name: j}, status: {conditions: [{type: Complete, status: 'True'}]}}", "ready", nil},
		{"Job failed", "{apiVersion: batch/v1, kind: Job, metadata: {name: j}, status: {conditions: [{type: Failed, status: 'True', reason: BackoffLimitExceeded}]}}", "failed", nil},
		{"Service without endpoints", service("clusterIP: 10.0.0.1, selector: {a: b}", ""), "waits", nil},
		{"Service with an endpoint that is not ready", service("clusterIP: 10.0.0.1, selector: {a: b}", ""), "waits", []string{fmt.Sprintf(slice, false)}},
		{"Service with an endpoint", service("clusterIP: 10.0.0.1, selector: {a: b}", ""), "ready", []string{fmt.Sprintf(slice, true)}},
		{"headless", service("clusterIP: None, selector: {a: b}", ""), "ready", nil},
		{"ExternalName", service("type: ExternalName", ""), "ready", nil},
		{"no selector", service("clusterIP: 10.0.0.1", ""), "ready", nil},
		{"LoadBalancer without address", service("type: LoadBalancer, selector: {a: b}", ""), "waits", []string{fmt.Sprintf(slice, true)}},
		{"LoadBalancer", service("type: LoadBalancer, selector: {a: b}", "loadBalancer: {ingress: [{ip: 1.2.3.4}]}"), "ready", []string{fmt.Sprintf(slice, true)}},
		{"claim bound", claim("storageClassName: x", "phase: Bound"), "ready", nil},
		{"claim lost", claim("storageClassName: x", "phase: Lost"), "failed", nil},
		{"claim pending", claim("storageClassName: local", "phase: Pending"), "waits", []string{fmt.Sprintf(class, "Immediate")}},
		{"claim of a class that waits", claim("storageClassName: local", "phase: Pending"), "ready", []string{fmt.Sprintf(class, "WaitForFirstConsumer")}},
		{"claim of the default class", claim("", "phase: Pending"), "ready", []string{fmt.Sprintf(class, "WaitForFirstConsumer")}},
		{"claim of another class", claim("storageClassName: other", "phase: Pending"), "waits", []string{fmt.Sprintf(class, "WaitForFirstConsumer")}},
		{"Deployment not observed", workload("Deployment", "replicas: 1", "observedGeneration: 1, replicas: 1, readyReplicas: 1, updatedReplicas: 1, availableReplicas: 1, conditions: [{type: Available, status: 'True'}]"), "waits", nil},
		{"Deployment", workload("Deployment", "replicas: 1", "observedGeneration: 2, replicas: 1, readyReplicas: 1, updatedReplicas: 1, availableReplicas: 1, conditions: [{type: Available, status: 'True'}]"), "ready", nil},
		{"Deployment past its deadline", workload("Deployment", "replicas: 1, progressDeadlineSeconds: 1", "observedGeneration: 2, conditions: [{type: Progressing, status: 'False', reason: ProgressDeadlineExceeded}]"), "failed", nil},
		{"StatefulSet", workload("StatefulSet", "replicas: 1", "observedGeneration: 2, replicas: 1, readyReplicas: 0"), "waits", nil},
		{"DaemonSet", workload("DaemonSet", "", "observedGeneration: 2, desiredNumberScheduled: 2, currentNumberScheduled: 2, updatedNumberScheduled: 2, numberAvailable: 2, numberReady: 2"), "ready", nil},
		{"DaemonSet not available", workload("DaemonSet", "", "observedGeneration: 2, desiredNumberScheduled: 2, currentNumberScheduled: 2, updatedNumberScheduled: 2, numberAvailable: 1, numberReady: 1"), "waits", nil},
		{"condition", waiting("condition=Ready", "conditions: [{type: Ready, status: 'True'}]"), "ready", nil},
		{"condition of an older generation", waiting("condition=Ready", "conditions: [{type: Ready, status: 'True', observedGeneration: 2}]"), "waits", nil},
		{"condition is false", waiting("condition=Ready", "conditions: [{type: Ready, status: 'False'}]"), "waits", nil},
		{"condition should be false", waiting("condition=Busy=False", "conditions: [{type: Busy, status: 'False'}]"), "ready", nil},
		{"jsonpath", waiting("jsonpath={.status.phase}=Ready", "phase: Ready"), "ready", nil},
		{"jsonpath without braces", waiting("jsonpath=.status.phase=Ready", "phase: Starting"), "waits", nil},
		{"jsonpath exists", waiting("jsonpath={.status.phase}", "phase: x"), "ready", nil},
		{"jsonpath does not exist", waiting("jsonpath={.status.phase}", ""), "waits", nil},
		{"array of terms", waiting(`["condition=Ready","jsonpath={.status.phase}=Up"]`, "phase: Down, conditions: [{type: Ready, status: 'True'}]"), "waits", nil},
	}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			obj := parse(t, c.object)
			judge, err := ruleOf(obj)
			if err != nil {
				t.Fatal(err)
			}
			got := "none"
			if judge != nil {
				v := judge(context.Background(), newCluster(t, c.others...).cluster.conn, obj)
				got = "waits"
				if v.ready {
					got = "ready"
				} else if v.failed {
					got = "failed"
				}
			}
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestBadWaitFor(t *testing.T) {
	for _, text := range []string{"Ready", "[1]", "jsonpath={.a", "cond=x"} {
		obj := &unstructured.Unstructured{Object: tree{}}
		obj.SetAnnotations(map[string]string{"pulumi.com/waitFor": text})
		if _, err := ruleOf(obj); err == nil || !strings.Contains(err.Error(), "pulumi.com/waitFor") {
			t.Errorf("%s: %v", text, err)
		}
	}
}
