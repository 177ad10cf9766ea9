package kubernetes

import (
	"reflect"
	"testing"

	"sigs.k8s.io/yaml"
)

func TestObserved(t *testing.T) {
	cases := []struct{ what, input, live, last, want string }{
		{"as before", "{cpu: '0.5'}", "{cpu: 500m, other: x}", "{cpu: 500m, other: x}", "{cpu: '0.5'}"},
		{"changed", "{replicas: 2}", "{replicas: 5}", "{replicas: 2}", "{replicas: 5}"},
		{"set back to what the program says", "{cpu: '0.5'}", "{cpu: 500m}", "{cpu: 700m}", "{cpu: '0.5'}"},
		{"deleted", "{a: x, b: y}", "{a: x}", "{a: x, b: y}", "{a: x}"},
		{"never shown by the server", "{a: x, secret: y}", "{a: z}", "{a: x}", "{a: z, secret: y}"},
		{"added field", "{labels: {a: x}}", "{labels: {a: x, b: y}}", "{labels: {a: x}}", "{labels: {a: x}}"},
		{"empty map", "{securityContext: {}}", "{securityContext: {}, x: y}", "{securityContext: {}}", "{securityContext: {}}"},
		{"element changed", "[{name: c, image: a}]", "[{name: c, image: b, more: 1}]", "[{name: c, image: a, more: 1}]", "[{name: c, image: b}]"},
		{"element removed", "[{name: c}, {name: d}]", "[{name: d}]", "[{name: c}, {name: d}]", "[{name: d}]"},
		{"element added since", "[{name: c}]", "[{name: c}, {name: d}]", "[{name: c}]", "[{name: c}, {name: d}]"},
		{"element that the server adds", "[{name: c, x: 1}]", "[{name: c, x: 2}, {name: token}]", "[{name: c, x: 1}, {name: token}]", "[{name: c, x: 2}]"},
		{"rule added", "[{verbs: [get]}]", "[{verbs: [get]}, {verbs: ['*']}]", "[{verbs: [get]}]", "[{verbs: [get]}, {verbs: ['*']}]"},
		{"scalar list", "[a, b]", "[a, c]", "[a, b]", "[a, c]"},
		{"number as text", "{port: 80}", "{port: '80'}", "{port: 81}", "{port: 80}"},
	}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			value := func(text string) (v any) {
				if err := yaml.Unmarshal([]byte(text), &v); err != nil {
					t.Fatal(err)
				}
				return v
			}
			if got := observed(value(c.input), value(c.live), value(c.last)); !reflect.DeepEqual(got, value(c.want)) {
				t.Errorf("got %v, want %s", got, c.want)
			}
		})
	}
}

func TestSecrets(t *testing.T) {
	obj, err := toObject("kubernetes:core/v1:Secret", props(t, "metadata: {name: s}\ndata: {a: MQ==}\nstringData: {b: '2'}"))
	if err != nil {
		t.Fatal(err)
	}
	if want := (tree{"a": "MQ==", "b": "Mg=="}); !reflect.DeepEqual(obj.Object["data"], want) || obj.Object["stringData"] != nil {
		t.Errorf("%v", obj.Object)
	}
	obj.SetAnnotations(map[string]string{lastApplied: "{data: MQ==}", "keep": "x"})
	state, err := toState(obj, "m")
	if err != nil {
		t.Fatal(err)
	}
	if !state["data"].IsSecret() {
		t.Error("data must be secret")
	}
	if get(state, "metadata", "annotations", lastApplied) != "" || get(state, "metadata", "annotations", "keep") != "x" {
		t.Error("the last-applied annotation holds the data in the clear")
	}
	if promised := planned(props(t, "kind: Secret\nstringData: {a: b}"), "m"); !promised["stringData"].IsSecret() {
		t.Error("secret in a preview, too")
	}

	live := parse(t, "{apiVersion: v1, kind: Secret, metadata: {name: s}, data: {b: Mw==}}")
	inputs, err := liveInputs(props(t, "stringData: {b: '2'}"), live, props(t, "data: {b: Mg==}"))
	if err != nil {
		t.Fatal(err)
	}
	if get(inputs, "stringData", "b") != "3" {
		t.Errorf("drift of stringData: %v", inputs)
	}
	inputs, err = liveInputs(nil, live, nil)
	if err != nil || get(inputs, "data", "b") != "Mw==" {
		t.Errorf("import: %v %v", inputs, err)
	}
}
