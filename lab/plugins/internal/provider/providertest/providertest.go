// Package providertest drives a stand-in provider in tests as the engine does: check, diff, create, read, update, delete.
package providertest

import (
	"context"
	"slices"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"

	"stratiform.local/lab/plugins/internal/provider"
)

// Props makes a property map of plain values.
func Props(values map[string]any) resource.PropertyMap { return resource.NewPropertyMapFromMap(values) }

// One is a resource under test: its type and what the engine has in its state.
type One struct {
	T              *testing.T
	P              plugin.Provider
	URN            resource.URN
	ID             resource.ID
	Inputs, Output resource.PropertyMap
}

// New makes a resource of a type, not yet created.
func New(t *testing.T, p provider.Provider, kind string) *One {
	t.Helper()
	urn := resource.NewURN("test", "project", "", tokens.Type(kind), "one")
	return &One{T: t, P: provider.New(context.Background(), p), URN: urn}
}

// plain is what a provider sees of a property map: the engine removes the marks of secrets.
func plain(m resource.PropertyMap) resource.PropertyMap {
	result := resource.PropertyMap{}
	for key, value := range m {
		if value.IsSecret() {
			value = value.SecretValue().Element
		}
		result[key] = value
	}
	return result
}

// Check gives the failures of inputs.
func (o *One) Check(inputs resource.PropertyMap) []plugin.CheckFailure {
	o.T.Helper()
	response, err := o.P.Check(context.Background(), plugin.CheckRequest{URN: o.URN, News: inputs, AllowUnknowns: true})
	if err != nil {
		o.T.Fatal(err)
	}
	return response.Failures
}

// TryCreate checks and creates.
func (o *One) TryCreate(inputs resource.PropertyMap) error {
	o.T.Helper()
	if failures := o.Check(inputs); len(failures) > 0 {
		o.T.Fatalf("check: %v", failures)
	}
	response, err := o.P.Create(context.Background(), plugin.CreateRequest{URN: o.URN, Name: "one", Properties: inputs})
	if err == nil {
		o.ID, o.Inputs, o.Output = response.ID, inputs, response.Properties
	}
	return err
}

// Create creates; the test ends if it cannot.
func (o *One) Create(inputs resource.PropertyMap) *One {
	o.T.Helper()
	if err := o.TryCreate(inputs); err != nil {
		o.T.Fatal(err)
	}
	return o
}

// Preview creates without creating.
func (o *One) Preview(inputs resource.PropertyMap) resource.PropertyMap {
	o.T.Helper()
	response, err := o.P.Create(context.Background(), plugin.CreateRequest{URN: o.URN, Properties: inputs, Preview: true})
	if err != nil {
		o.T.Fatal(err)
	}
	return response.Properties
}

// Diff compares the state with new inputs.
func (o *One) Diff(inputs resource.PropertyMap) plugin.DiffResult {
	o.T.Helper()
	result, err := o.P.Diff(context.Background(), plugin.DiffRequest{
		URN: o.URN, ID: o.ID, OldInputs: o.Inputs, OldOutputs: plain(o.Output), NewInputs: inputs, AllowUnknowns: true,
	})
	if err != nil {
		o.T.Fatal(err)
	}
	return result
}

// WantDiff checks what a change does: "none", "update" or "replace".
func (o *One) WantDiff(what, want string, inputs resource.PropertyMap) {
	o.T.Helper()
	result, got := o.Diff(inputs), "none"
	if len(result.ReplaceKeys) > 0 {
		got = "replace"
	} else if result.Changes == plugin.DiffSome {
		got = "update"
	}
	if got != want {
		o.T.Errorf("%s: %s (%v), want %s", what, got, result.ChangedKeys, want)
	}
}

// TryUpdate takes over new inputs.
func (o *One) TryUpdate(inputs resource.PropertyMap) error {
	response, err := o.P.Update(context.Background(), plugin.UpdateRequest{
		URN: o.URN, ID: o.ID, OldInputs: o.Inputs, OldOutputs: plain(o.Output), NewInputs: inputs,
	})
	if err == nil {
		o.Inputs, o.Output = inputs, response.Properties
	}
	return err
}

// Read refreshes.
func (o *One) Read() resource.PropertyMap {
	o.T.Helper()
	response, err := o.P.Read(context.Background(), plugin.ReadRequest{
		URN: o.URN, ID: o.ID, Inputs: o.Inputs, State: plain(o.Output),
	})
	if err != nil {
		o.T.Fatal(err)
	}
	return response.Outputs
}

// TryDelete deletes.
func (o *One) TryDelete() error {
	_, err := o.P.Delete(context.Background(), plugin.DeleteRequest{
		URN: o.URN, ID: o.ID, Inputs: o.Inputs, Outputs: plain(o.Output),
	})
	return err
}

// Text is an output; the mark of a secret is removed.
func (o *One) Text(key string) string {
	o.T.Helper()
	value := plain(o.Output)[resource.PropertyKey(key)]
	if !value.IsString() {
		o.T.Fatalf("output %s is %v, not a string", key, value)
	}
	return value.StringValue()
}

// WantSecrets checks that these outputs, and no others, are marked as secrets in a property map.
func (o *One) WantSecrets(m resource.PropertyMap, want ...string) {
	o.T.Helper()
	var got []string
	for key, value := range m {
		if value.IsSecret() {
			got = append(got, string(key))
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		o.T.Errorf("secret outputs are %v, want %v", got, want)
	}
}
