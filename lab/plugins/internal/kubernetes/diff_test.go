package kubernetes

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

func TestDiff(t *testing.T) {
	const named, auto = "metadata: {name: x, namespace: n}\n", "metadata: {name: x-1, annotations: {pulumi.com/autonamed: 'true'}}\n"
	cases := []struct {
		what, token, old, new string
		want                  string // "", "update", "replace", "delete first"
		set                   func(*settings)
	}{
		{"nothing", "core/v1:ConfigMap", named + "data: {a: '1'}", named + "data: {a: '1'}", "", nil},
		{"null is absent", "core/v1:ConfigMap", named, named + "data: null", "", nil},
		{"label", "core/v1:ConfigMap", named, "metadata: {name: x, namespace: n, labels: {a: b}}", "update", nil},
		{"ConfigMap data", "core/v1:ConfigMap", named + "data: {a: '1'}", named + "data: {a: '2'}", "delete first", nil},
		{"auto-named", "core/v1:ConfigMap", auto + "data: {a: '1'}", auto + "data: {a: '2'}", "replace", nil},
		{"ConfigMap mutable", "core/v1:ConfigMap", named + "data: {a: '1'}", named + "data: {a: '2'}", "update", func(s *settings) { s.configMapMutable = true }},
		{"ConfigMap immutable", "core/v1:ConfigMap", named + "immutable: true\ndata: {a: '1'}", named + "immutable: true\ndata: {a: '2'}", "delete first", func(s *settings) { s.configMapMutable = true }},
		{"Secret", "core/v1:Secret", named + "stringData: {a: '1'}", named + "stringData: {a: '2'}", "delete first", nil},
		{"Secret mutable", "core/v1:Secret", named + "data: {a: MQ==}", named + "data: {a: Mg==}", "update", func(s *settings) { s.secretMutable = true }},
		{"Secret type", "core/v1:Secret", named + "type: a", named + "type: b", "delete first", func(s *settings) { s.secretMutable = true }},
		{"name", "core/v1:ConfigMap", named, "metadata: {name: y, namespace: n}", "replace", nil},
		{"namespace", "core/v1:ConfigMap", named, "metadata: {name: x, namespace: m}", "replace", nil},
		{"image", "apps/v1:Deployment", named + "spec: {template: {spec: {containers: [{name: c, image: a}]}}}", named + "spec: {template: {spec: {containers: [{name: c, image: b}]}}}", "update", nil},
		{"Deployment selector", "apps/v1:Deployment", named + "spec: {selector: {matchLabels: {a: '1'}}}", named + "spec: {selector: {matchLabels: {a: '2'}}}", "delete first", nil},
		{"DaemonSet selector", "apps/v1:DaemonSet", named + "spec: {selector: {matchLabels: {a: '1'}}}", named + "spec: {selector: {matchLabels: {a: '2'}}}", "delete first", nil},
		{"StatefulSet claims", "apps/v1:StatefulSet", named + "spec: {volumeClaimTemplates: [{spec: {a: 1}}]}", named + "spec: {volumeClaimTemplates: [{spec: {a: 2}}]}", "delete first", nil},
		{"StatefulSet replicas", "apps/v1:StatefulSet", named + "spec: {replicas: 1}", named + "spec: {replicas: 2}", "update", nil},
		{"Job template", "batch/v1:Job", named + "spec: {template: {spec: {containers: [{image: a}]}}}", named + "spec: {template: {spec: {containers: [{image: b}]}}}", "delete first", nil},
		{"Job backoffLimit", "batch/v1:Job", named + "spec: {backoffLimit: 1}", named + "spec: {backoffLimit: 2}", "update", nil},
		{"PVC size", "core/v1:PersistentVolumeClaim", named + "spec: {resources: {requests: {storage: 1Gi}}}", named + "spec: {resources: {requests: {storage: 2Gi}}}", "update", nil},
		{"PVC class", "core/v1:PersistentVolumeClaim", named + "spec: {storageClassName: a}", named + "spec: {storageClassName: b}", "delete first", nil},
		{"Pod image", "core/v1:Pod", named + "spec: {containers: [{image: a}]}", named + "spec: {containers: [{image: b}]}", "delete first", nil},
		{"Pod deadline", "core/v1:Pod", named + "spec: {activeDeadlineSeconds: 1}", named + "spec: {activeDeadlineSeconds: 2}", "update", nil},
		{"StorageClass", "storage.k8s.io/v1:StorageClass", named + "reclaimPolicy: Retain", named + "reclaimPolicy: Delete", "delete first", nil},
		{"roleRef", "rbac.authorization.k8s.io/v1:ClusterRoleBinding", named + "roleRef: {name: a}", named + "roleRef: {name: b}", "delete first", nil},
		{"subjects", "rbac.authorization.k8s.io/v1:ClusterRoleBinding", named + "subjects: [{name: a}]", named + "subjects: [{name: b}]", "update", nil},
		{"headless", "core/v1:Service", named + "spec: {clusterIP: None}", named + "spec: {type: ClusterIP}", "delete first", nil},
		{"Service port", "core/v1:Service", named + "spec: {ports: [{port: 1}]}", named + "spec: {ports: [{port: 2}]}", "update", nil},
		{"to ExternalName", "core/v1:Service", named + "spec: {clusterIP: 10.0.0.1}", named + "spec: {type: ExternalName}", "update", nil},
		{"custom resource", "example.com/v1:Thing", named + "spec: {data: 1}", named + "spec: {data: 2}", "update", nil},
	}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			p := New(&messages{})
			if c.set != nil {
				c.set(&p.settings)
			}
			token := "kubernetes:" + c.token
			result, err := p.Diff(context.Background(), plugin.DiffRequest{
				URN: urnOf(token, "x"), Type: tokens.Type(token), OldInputs: props(t, c.old), NewInputs: props(t, c.new),
			})
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			switch {
			case result.DeleteBeforeReplace && result.Replace():
				got = "delete first"
			case result.Replace():
				got = "replace"
			case result.Changes == plugin.DiffSome:
				got = "update"
			}
			if got != c.want {
				t.Errorf("got %q, want %q: %+v", got, c.want, result.DetailedDiff)
			}
		})
	}
}

func TestDiffUnknownAndDefaults(t *testing.T) {
	p := New(&messages{})
	p.settings.namespace = "lab"
	request := func(news resource.PropertyMap) plugin.DiffRequest {
		return plugin.DiffRequest{
			Type: "kubernetes:core/v1:Service", OldInputs: props(t, "metadata: {name: x}\nspec: {ports: []}"), NewInputs: news,
			OldOutputs: props(t, "metadata: {name: x, namespace: lab}\nspec: {clusterIP: 10.0.0.7}"),
		}
	}
	same := props(t, "metadata: {name: x, namespace: lab}\nspec: {ports: [], clusterIP: 10.0.0.7}")
	if result, _ := p.Diff(context.Background(), request(same)); result.Changes != plugin.DiffNone {
		t.Errorf("the default namespace and the address that it has are no change: %+v", result.DetailedDiff)
	}
	elsewhere := New(&messages{})
	elsewhere.settings.namespace = "other"
	if result, _ := elsewhere.Diff(context.Background(), request(props(t, "metadata: {name: x}\nspec: {ports: []}"))); !result.Replace() {
		t.Error("another default namespace moves the object")
	}
	later := props(t, "metadata: {name: x}\nspec: {ports: []}")
	later["spec"].ObjectValue()["type"] = unknown
	if result, _ := p.Diff(context.Background(), request(later)); result.Changes != plugin.DiffSome || result.Replace() {
		t.Errorf("an unknown value is a change: %+v", result)
	}
}

func TestNames(t *testing.T) {
	check := func(olds, news string) resource.PropertyMap {
		var old resource.PropertyMap
		if olds != "" {
			old = props(t, olds)
		}
		resp, err := New(&messages{}).Check(context.Background(), plugin.CheckRequest{
			URN: urnOf("kubernetes:core/v1:ConfigMap", "Conf"), Type: "kubernetes:core/v1:ConfigMap", Olds: old, News: props(t, news),
			RandomSeed: []byte("0123456789abcdef0123456789abcdef"),
		})
		if err != nil {
			t.Fatal(err)
		}
		return resp.Properties
	}
	made := check("", "data: {a: b}")
	if name := get(made, "metadata", "name"); !regexp.MustCompile(`^conf-[0-9a-f]{8}$`).MatchString(name) {
		t.Errorf("name %q", name)
	}
	if get(made, "metadata", "annotations", autonamed) != "true" || get(made, "kind") != "ConfigMap" || get(made, "apiVersion") != "v1" {
		t.Errorf("%v", made)
	}
	kept := check("metadata: {name: conf-12345678, annotations: {pulumi.com/autonamed: 'true'}}", "metadata: {labels: {a: b}}")
	if name := get(kept, "metadata", "name"); name != "conf-12345678" {
		t.Errorf("the name of the state is kept, got %q", name)
	}
	if name := get(check("metadata: {name: explicit}", "{}"), "metadata", "name"); name == "explicit" {
		t.Error("an explicit name that is taken out is not kept")
	}
	if name := get(check("", "metadata: {generateName: job-}"), "metadata", "name"); !strings.HasPrefix(name, "job-") {
		t.Errorf("generateName gave %q", name)
	}
	explicit := check("", "metadata: {name: mine}")
	if get(explicit, "metadata", "name") != "mine" || get(explicit, "metadata", "annotations", autonamed) != "" {
		t.Errorf("%v", explicit)
	}
}

func TestRefusals(t *testing.T) {
	p := New(&messages{})
	for _, token := range []string{"kubernetes:helm.sh/v3:Release", "kubernetes:yaml/v2:ConfigGroup", "kubernetes:kustomize/v2:Directory", "kubernetes:helm.sh/v4:Chart"} {
		if _, err := p.lookup(tokens.Type(token)); err == nil || !strings.Contains(err.Error(), "needs the official plugin") {
			t.Errorf("%s: %v", token, err)
		}
	}
	_, err := p.Check(context.Background(), plugin.CheckRequest{Type: "kubernetes:apps/v1:DaemonSetPatch", News: props(t, "kind: DaemonSet")})
	if err == nil || !strings.Contains(err.Error(), "needs the official plugin") {
		t.Errorf("Patch: %v", err)
	}
	front := p.provider(context.Background(), "4.32.0")
	if _, err := front.Invoke(context.Background(), plugin.InvokeRequest{Tok: "kubernetes:yaml:decode"}); err == nil {
		t.Error("Invoke must be refused")
	}
	resp, _ := front.CheckConfig(context.Background(), plugin.CheckConfigRequest{News: props(t, "enableServerSideApply: 'false'\nrenderYamlToDirectory: /tmp")})
	if len(resp.Failures) != 2 {
		t.Errorf("%v", resp.Failures)
	}
}

func TestSettings(t *testing.T) {
	t.Setenv("PULUMI_K8S_CLIENT_QPS", "300")
	s, err := parseSettings(props(t, `{upsertExistingObjects: "true", deleteUnreachable: "false", kubeClientSettings: '{"burst": 7, "timeout": 3}', kubeconfig: {kind: Config}}`))
	if err != nil {
		t.Fatal(err)
	}
	if !s.upsert || s.deleteUnreachable || s.client.QPS != 300 || s.client.Burst != 7 || s.client.Timeout != 3 || !strings.Contains(s.kubeconfig, "Config") {
		t.Errorf("%+v", s)
	}
}

func TestProviderReplacement(t *testing.T) {
	kubeconfig := func(server string) string {
		return "{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}], users: [{name: u, user: {token: t}}], clusters: [{name: c, cluster: {server: '" + server + "'}}]}"
	}
	diff := func(old, new string) plugin.DiffResult {
		result, err := New(&messages{}).diffConfig(context.Background(), plugin.DiffConfigRequest{OldInputs: props(t, old), NewInputs: props(t, new)})
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	quoted := func(server, rest string) string { return `{kubeconfig: "` + kubeconfig(server) + `"` + rest + "}" }
	if r := diff(quoted("https://a", ""), quoted("https://b", "")); !r.Replace() {
		t.Error("another server is another cluster")
	}
	if r := diff(quoted("https://a", ", clusterIdentifier: x"), quoted("https://b", ", clusterIdentifier: x")); r.Replace() || r.Changes != plugin.DiffSome {
		t.Errorf("with a clusterIdentifier the kubeconfig may change: %+v", r)
	}
	if r := diff(quoted("https://a", ", clusterIdentifier: x"), quoted("https://a", ", clusterIdentifier: y")); !r.Replace() {
		t.Error("another clusterIdentifier is another cluster")
	}
}
