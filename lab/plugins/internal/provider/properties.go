package provider

import (
	"context"
	"errors"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

// Changed lists the top-level keys whose values differ, sorted, without the ignored ones. Nulls count as absent, and an
// unknown differs from every value.
func Changed(olds, news resource.PropertyMap, ignore []string) []resource.PropertyKey {
	var changed []resource.PropertyKey
	diff := olds.Diff(news)
	if diff == nil {
		return nil
	}
	for _, key := range diff.ChangedKeys() {
		if slices.Contains(ignore, string(key)) || olds[key].IsNull() && news[key].IsNull() {
			continue
		}
		changed = append(changed, key)
	}
	slices.Sort(changed)
	return changed
}

// DiffOf is the answer to Diff: the changed keys, and those among them that replace the resource.
func DiffOf(changed []resource.PropertyKey, replaces func(resource.PropertyKey) bool) plugin.DiffResult {
	result := plugin.DiffResult{Changes: plugin.DiffNone, ChangedKeys: changed}
	if len(changed) > 0 {
		result.Changes = plugin.DiffSome
		result.DetailedDiff = map[string]plugin.PropertyDiff{}
	}
	for _, key := range changed {
		kind := plugin.DiffUpdate
		if replaces != nil && replaces(key) {
			kind = plugin.DiffUpdateReplace
			result.ReplaceKeys = append(result.ReplaceKeys, key)
		}
		result.DetailedDiff[string(key)] = plugin.PropertyDiff{Kind: kind, InputDiff: true}
	}
	return result
}

// WithDefaults is a copy of inputs in which absent and null keys have their default.
func WithDefaults(inputs, defaults resource.PropertyMap) resource.PropertyMap {
	result := defaults.Copy()
	for key, value := range inputs {
		if !value.IsNull() {
			result[key] = value
		}
	}
	return result
}

// Text is a string property; "" when it is absent, null or unknown.
func Text(m resource.PropertyMap, key resource.PropertyKey) string {
	if v := m[key]; v.IsString() {
		return v.StringValue()
	}
	return ""
}

// Number is a numeric property as an integer, or a default.
func Number(m resource.PropertyMap, key resource.PropertyKey, otherwise int) int {
	if v := m[key]; v.IsNumber() {
		return int(v.NumberValue())
	}
	return otherwise
}

// Flag is a boolean property; false when it is absent, null or unknown.
func Flag(m resource.PropertyMap, key resource.PropertyKey) bool {
	v := m[key]
	return v.IsBool() && v.BoolValue()
}

// Texts is a list of strings.
func Texts(m resource.PropertyMap, key resource.PropertyKey) []string {
	var texts []string
	if v := m[key]; v.IsArray() {
		for _, item := range v.ArrayValue() {
			if item.IsString() {
				texts = append(texts, item.StringValue())
			}
		}
	}
	return texts
}

// Secret is a string that the engine encrypts in the state.
func Secret(text string) resource.PropertyValue {
	return resource.MakeSecret(resource.NewProperty(text))
}

// Generated is a resource made once from its inputs (random values, keys, certificates): it lives in the state only,
// reading it changes nothing, and a changed input replaces it.
type Generated struct {
	// Required inputs must be set; Defaults of the others.
	Required []resource.PropertyKey
	Defaults resource.PropertyMap
	// Normalize settles inputs that depend on each other, before the defaults. May be nil.
	Normalize func(inputs resource.PropertyMap)
	// Outputs that only Make knows: unknown in a preview; those in Secrets are secret.
	Outputs, Secrets []resource.PropertyKey
	// InPlace inputs are taken over without a replacement.
	InPlace []resource.PropertyKey
	// Validate finds bad inputs; some may be unknown. May be nil.
	Validate func(inputs resource.PropertyMap) []plugin.CheckFailure
	// Make computes the ID and the outputs from inputs with defaults.
	Make func(inputs resource.PropertyMap) (resource.ID, resource.PropertyMap, error)
	// Outdated says whether a state is no longer good (an expiring certificate): marks it and names the key. May be nil.
	Outdated func(state resource.PropertyMap) (resource.PropertyKey, bool)
}

var _ Resource = (*Generated)(nil)

// filled are the inputs with their defaults.
func (g *Generated) filled(inputs resource.PropertyMap) resource.PropertyMap {
	if g.Normalize != nil {
		inputs = inputs.Copy()
		g.Normalize(inputs)
	}
	return WithDefaults(inputs, g.Defaults)
}

// Check wants the required inputs and leaves all inputs as they are: defaults go into the outputs only.
func (g *Generated) Check(_ context.Context, req plugin.CheckRequest) (plugin.CheckResponse, error) {
	var failures []plugin.CheckFailure
	for _, key := range g.Required {
		if v, ok := req.News[key]; !ok || v.IsNull() {
			failures = append(failures, plugin.CheckFailure{Property: key, Reason: "Missing required argument \"" + string(key) + "\""})
		}
	}
	if g.Validate != nil && len(failures) == 0 {
		failures = g.Validate(g.filled(req.News))
	}
	return plugin.CheckResponse{Properties: req.News, Failures: failures}, nil
}

// Diff compares inputs with their defaults filled in.
func (g *Generated) Diff(_ context.Context, req plugin.DiffRequest) (plugin.DiffResult, error) {
	changed := Changed(g.filled(req.OldInputs), g.filled(req.NewInputs), req.IgnoreChanges)
	replaces := func(key resource.PropertyKey) bool { return !slices.Contains(g.InPlace, key) }
	if g.Outdated != nil {
		state := req.OldOutputs.Copy()
		for _, key := range g.InPlace {
			state[key] = g.filled(req.NewInputs)[key]
		}
		if key, outdated := g.Outdated(state); outdated {
			changed = append(changed, key)
		}
	}
	return DiffOf(changed, replaces), nil
}

// Create makes the outputs; in a preview they are unknown.
func (g *Generated) Create(_ context.Context, req plugin.CreateRequest) (plugin.CreateResponse, error) {
	state := g.filled(req.Properties)
	var id resource.ID
	made := resource.PropertyMap{}
	if !req.Preview {
		var err error
		if id, made, err = g.Make(state); err != nil {
			return plugin.CreateResponse{}, err
		}
	}
	for _, key := range g.Outputs {
		value, ok := made[key]
		if !ok {
			value = resource.MakeComputed(resource.NewProperty(""))
		}
		if slices.Contains(g.Secrets, key) {
			value = resource.MakeSecret(value)
		}
		state[key] = value
	}
	return plugin.CreateResponse{ID: id, Properties: state}, nil
}

// Read answers with the state it is given, for there is nothing outside of it.
func (g *Generated) Read(_ context.Context, req plugin.ReadRequest) (plugin.ReadResponse, error) {
	if len(req.State) == 0 {
		return plugin.ReadResponse{}, errors.New("import needs the official provider: this stand-in only makes new values")
	}
	state := req.State.Copy()
	if g.Outdated != nil {
		if key, outdated := g.Outdated(state); outdated {
			state[key] = resource.NewProperty(true)
		}
	}
	return plugin.ReadResponse{ReadResult: plugin.ReadResult{ID: req.ID, Inputs: req.Inputs, Outputs: g.marked(state)}}, nil
}

// Update takes over the inputs that need no replacement.
func (g *Generated) Update(_ context.Context, req plugin.UpdateRequest) (plugin.UpdateResponse, error) {
	state := req.OldOutputs.Copy()
	for _, key := range g.InPlace {
		state[key] = g.filled(req.NewInputs)[key]
	}
	return plugin.UpdateResponse{Properties: g.marked(state)}, nil
}

// Delete has nothing to do.
func (g *Generated) Delete(context.Context, plugin.DeleteRequest) (plugin.DeleteResponse, error) {
	return plugin.DeleteResponse{}, nil
}

// marked wraps the secret outputs of a state that came without its marks.
func (g *Generated) marked(state resource.PropertyMap) resource.PropertyMap {
	for _, key := range g.Secrets {
		if value, ok := state[key]; ok && !value.IsSecret() {
			state[key] = resource.MakeSecret(value)
		}
	}
	return state
}
