package kubernetes

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil/rpcerror"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	deploymentToken = "kubernetes:apps/v1:Deployment"
	configToken     = "kubernetes:core/v1:ConfigMap"
	webInputs       = "metadata: {name: web, namespace: lab}\nspec: {replicas: 1, selector: {matchLabels: {app: web}}, template: {spec: {containers: [{name: c, image: i}]}}}"
	webReplicaSet   = "{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web-2, namespace: lab, uid: rs, labels: {app: web, pod-template-hash: h2}, annotations: {deployment.kubernetes.io/revision: '2'}, ownerReferences: [{uid: uid-applied}]}}"
	// A pod of the revision before, which is broken: it must not count.
	oldReplicaSet = "{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web-1, namespace: lab, uid: rs1, labels: {app: web, pod-template-hash: h1}, annotations: {deployment.kubernetes.io/revision: '1'}, ownerReferences: [{uid: uid-applied}]}}"
	oldPod        = "{apiVersion: v1, kind: Pod, metadata: {name: web-1-x, namespace: lab, uid: oldpod, labels: {app: web, pod-template-hash: h1}}, spec: {containers: [{name: c}]}, status: {containerStatuses: [{name: c, restartCount: 9, state: {waiting: {reason: InvalidImageName}}}]}}"
)

func webPod(status string) string {
	return "{apiVersion: v1, kind: Pod, metadata: {name: web-2-x, namespace: lab, uid: pod, labels: {app: web, pod-template-hash: h2}}, spec: {nodeName: dev-2, containers: [{name: c}]}, status: {" + status + "}}"
}

func create(c *fakeCluster, t *testing.T, token, inputs string) (plugin.CreateResponse, error) {
	t.Helper()
	in := props(t, inputs)
	urn := urnOf(token, "x")
	return c.Create(context.Background(), plugin.CreateRequest{URN: urn, Type: urn.Type(), Properties: in, Timeout: 0.3})
}

// failed is what the engine gets for an object that exists but is not ready.
func failed(t *testing.T, err error) *pulumirpc.ErrorResourceInitFailed {
	t.Helper()
	status, ok := rpcerror.FromError(err)
	if !ok || len(status.Details()) != 1 {
		t.Fatalf("not an ErrorResourceInitFailed: %v", err)
	}
	return status.Details()[0].(*pulumirpc.ErrorResourceInitFailed)
}

func TestFailsEarlyAndSaysWhy(t *testing.T) {
	const event = "{apiVersion: v1, kind: Event, metadata: {name: e, namespace: lab}, type: Warning, reason: Failed, message: 'Failed to pull image: not found', involvedObject: {kind: Pod, name: web-2-x, uid: pod}}"
	cases := []struct {
		what, status string
		want         []string
	}{
		{"image", "phase: Pending, conditions: [{type: Ready, status: 'False', reason: ContainersNotReady}], containerStatuses: [{name: c, state: {waiting: {reason: ImagePullBackOff, message: Back-off}}}]",
			[]string{"Deployment lab/web is not ready", "pod web-2-x, container c on dev-2: ImagePullBackOff: Back-off", "condition Ready=False ContainersNotReady", "event Failed (Pod web-2-x): Failed to pull image: not found", "kubectl -n lab describe pod web-2-x"}},
		{"config", "phase: Pending, containerStatuses: [{name: c, state: {waiting: {reason: CreateContainerConfigError, message: 'secret \"x\" not found'}}}]",
			[]string{`CreateContainerConfigError: secret "x" not found`}},
		{"image name", "phase: Pending, initContainerStatuses: [{name: init, state: {waiting: {reason: InvalidImageName}}}]", []string{"container init on dev-2: InvalidImageName"}},
		{"crash loop", "phase: Running, containerStatuses: [{name: c, restartCount: 3, state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 1, reason: Error}}}]",
			[]string{"CrashLoopBackOff: exit code 1, Error (3 restarts)", "last log lines of container c:", "| ModuleNotFoundError: no module named oslo", "kubectl -n lab logs web-2-x -c c --previous"}},
	}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			cluster := newCluster(t, oldReplicaSet, oldPod, webReplicaSet, webPod(c.status), event)
			started := time.Now()
			_, err := create(cluster, t, deploymentToken, webInputs)
			if took := time.Since(started); took > 250*time.Millisecond {
				t.Errorf("waited %s, the whole limit", took)
			}
			details := failed(t, err)
			text := details.Reasons[0]
			for _, want := range c.want {
				if !strings.Contains(text, want) {
					t.Errorf("missing %q in:\n%s", want, text)
				}
			}
			if strings.Contains(text, "unable to retrieve") {
				t.Errorf("no log is no line:\n%s", text)
			}
			if strings.Contains(text, "web-1-x") {
				t.Errorf("a pod of the revision before is not to blame:\n%s", text)
			}
			if details.Id != "lab/web" || details.Properties.Fields["spec"] == nil {
				t.Errorf("the object must stay in the state: %v", details)
			}
		})
	}
}

func TestTimeoutAndProgress(t *testing.T) {
	cluster := newCluster(t, webReplicaSet, webPod("phase: Pending, conditions: [{type: PodScheduled, status: 'False', reason: Unschedulable, message: 0/3 nodes are available}]"))
	_, err := create(cluster, t, deploymentToken, webInputs)
	text := failed(t, err).Reasons[0]
	if !strings.Contains(text, "is not ready after 300ms") || !strings.Contains(text, "Unschedulable: 0/3 nodes are available") {
		t.Error(text)
	}
	if len(cluster.said.status) == 0 || !strings.Contains(cluster.said.status[0], "Unschedulable") {
		t.Errorf("%q", cluster.said.status)
	}
}

func TestInterrupted(t *testing.T) {
	cluster := newCluster(t)
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(30*time.Millisecond, cancel)
	urn := urnOf(deploymentToken, "x")
	_, err := cluster.Create(ctx, plugin.CreateRequest{URN: urn, Type: urn.Type(), Properties: props(t, webInputs)})
	if text := failed(t, err).Reasons[0]; !strings.Contains(text, "interrupted") {
		t.Error(text)
	}
}

func TestBecomesReady(t *testing.T) {
	cluster := newCluster(t)
	const ready = "{observedGeneration: 0, replicas: 1, readyReplicas: 1, updatedReplicas: 1, availableReplicas: 1, conditions: [{type: Available, status: 'True'}]}"
	cluster.onApply = func(obj *unstructured.Unstructured) {
		obj.Object["status"] = parse(t, "{kind: x, status: "+ready+"}").Object["status"]
	}
	resp, err := create(cluster, t, deploymentToken, webInputs)
	if err != nil {
		t.Fatal(err)
	}
	if resp.ID != "lab/web" || !strings.HasPrefix(get(resp.Properties, managerKey), "pulumi-kubernetes-") {
		t.Errorf("%v", resp)
	}
	if call := cluster.applied[0]; call.force || call.dryRun || call.manager != get(resp.Properties, managerKey) {
		t.Errorf("%+v", call)
	}
}

func TestSkipAwait(t *testing.T) {
	inputs := strings.Replace(webInputs, "namespace: lab", "namespace: lab, annotations: {pulumi.com/skipAwait: 'true'}", 1)
	if _, err := create(newCluster(t), t, deploymentToken, inputs); err != nil {
		t.Fatal(err)
	}
}

const existing = "{apiVersion: v1, kind: ConfigMap, metadata: {name: conf, namespace: lab, uid: theirs}, data: {a: old}}"

func TestExistingObject(t *testing.T) {
	const inputs = "metadata: {name: conf, namespace: lab}\ndata: {a: new}"
	_, err := create(newCluster(t, existing), t, configToken, inputs)
	if err == nil || !strings.Contains(err.Error(), "already exists") || !strings.Contains(err.Error(), "upsertExistingObjects") {
		t.Fatalf("%v", err)
	}
	adopter := newCluster(t, existing)
	adopter.settings.upsert = true
	if _, err := create(adopter, t, configToken, inputs); err != nil || len(adopter.applied) != 1 {
		t.Fatalf("%v", err)
	}
	urn := urnOf(configToken, "x")
	preview := newCluster(t, existing)
	resp, err := preview.Create(context.Background(), plugin.CreateRequest{URN: urn, Type: urn.Type(), Properties: props(t, inputs), Preview: true})
	if err != nil || len(preview.applied) != 0 || !resp.Properties["status"].IsComputed() {
		t.Errorf("a preview cannot know whether the object will be replaced: %v %v", resp, err)
	}
}

func TestPreviewWithoutCluster(t *testing.T) {
	p := New(&messages{})
	p.settings.unknown = true
	p.cluster.settings = &p.settings
	urn := urnOf(configToken, "x")
	request := plugin.CreateRequest{URN: urn, Type: urn.Type(), Properties: props(t, "metadata: {name: a}"), Preview: true}
	if _, err := p.Create(context.Background(), request); err != nil {
		t.Error(err)
	}
	request.Preview = false
	if _, err := p.Create(context.Background(), request); err == nil {
		t.Error("an update needs the cluster")
	}
}

func TestUnreachable(t *testing.T) {
	const kubeconfig = "{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c}}], clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]}"
	p := New(&messages{})
	p.settings = settings{kubeconfig: kubeconfig}
	p.cluster.settings = &p.settings
	urn := urnOf(configToken, "x")
	known := props(t, "metadata: {name: a}")
	if _, err := p.Delete(context.Background(), plugin.DeleteRequest{URN: urn, ID: "n/a", Inputs: known}); err == nil || !strings.Contains(err.Error(), "PULUMI_K8S_DELETE_UNREACHABLE") {
		t.Errorf("%v", err)
	}
	if _, err := p.Read(context.Background(), plugin.ReadRequest{URN: urn, ID: "n/a", Inputs: known}); err == nil || !strings.Contains(err.Error(), "unreachable") {
		t.Errorf("%v", err)
	}
	p.settings.deleteUnreachable = true
	if _, err := p.Delete(context.Background(), plugin.DeleteRequest{URN: urn, ID: "n/a", Inputs: known}); err != nil {
		t.Error(err)
	}
	if resp, err := p.Read(context.Background(), plugin.ReadRequest{URN: urn, ID: "n/a", Inputs: known}); err != nil || resp.ID != "" {
		t.Errorf("%v %v", resp, err)
	}
}

func TestRead(t *testing.T) {
	c := newCluster(t, existing)
	urn := urnOf(configToken, "x")
	state := props(t, "metadata: {uid: theirs}\ndata: {a: first}")
	resp, err := c.Read(context.Background(), plugin.ReadRequest{URN: urn, ID: "lab/conf", Inputs: props(t, "metadata: {name: conf}\ndata: {a: first}"), State: state})
	if err != nil || get(resp.Inputs, "data", "a") != "old" || get(resp.Outputs, "data", "a") != "old" {
		t.Errorf("%v %v", resp, err)
	}
	for _, id := range []string{"lab/gone"} {
		if resp, err := c.Read(context.Background(), plugin.ReadRequest{URN: urn, ID: "lab/gone"}); err != nil || resp.ID != "" {
			t.Errorf("%s: %v %v", id, resp, err)
		}
	}
	thing := urnOf("kubernetes:example.com/v1:Thing", "x")
	if resp, err := c.Read(context.Background(), plugin.ReadRequest{URN: thing, ID: "lab/x"}); err != nil || resp.ID != "" {
		t.Errorf("an object whose kind is gone is gone: %v %v", resp, err)
	}
}

func TestDelete(t *testing.T) {
	remove := func(c *fakeCluster, outputs string) error {
		urn := urnOf(configToken, "x")
		_, err := c.Delete(context.Background(), plugin.DeleteRequest{URN: urn, ID: "lab/conf", Inputs: props(t, "metadata: {name: conf}"), Outputs: props(t, outputs), Timeout: 0.1})
		return err
	}
	if err := remove(newCluster(t), "{}"); err != nil {
		t.Errorf("an object that is gone: %v", err)
	}
	if err := remove(newCluster(t, existing), "metadata: {uid: theirs}"); err != nil {
		t.Error(err)
	}
	other := newCluster(t, existing)
	if err := remove(other, "metadata: {uid: ours}"); err != nil || len(other.said.warnings) != 1 {
		t.Errorf("another object of the same name is left alone: %v %v", err, other.said.warnings)
	}
	kept := newCluster(t, strings.Replace(existing, "uid: theirs", "uid: theirs, finalizers: [example.com/hold]", 1))
	kept.client.PrependReactor("delete", "*", swallow)
	err := remove(kept, "metadata: {uid: theirs}")
	if err == nil || !strings.Contains(err.Error(), "example.com/hold") || !strings.Contains(err.Error(), "kubectl -n lab get configmap conf") {
		t.Errorf("%v", err)
	}
}

func TestWaitsForKind(t *testing.T) {
	c := newCluster(t)
	_, err := create(c, t, "kubernetes:example.com/v1:Thing", "metadata: {name: x}")
	if err == nil || !strings.Contains(err.Error(), "no matches for kind") {
		t.Fatalf("%v", err)
	}
	if len(c.said.status) < 2 {
		t.Error("not tried again")
	}
}
