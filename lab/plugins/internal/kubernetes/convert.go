package kubernetes

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

type tree = map[string]any

// Keys of the state that are not part of the object, as the official plugin names them.
const (
	managerKey        = "__fieldManager"
	initialVersionKey = "__initialApiVersion"
)

// tokenKind is the API version and the kind that a type token names: kubernetes:apps/v1:Deployment, core/v1 for v1.
func tokenKind(t tokens.Type) (apiVersion, kind string) {
	parts := strings.SplitN(string(t), ":", 3)
	if len(parts) != 3 {
		return "", ""
	}
	return strings.TrimPrefix(parts[1], "core/"), parts[2]
}

// cleaned is a copy of inputs without nulls, which mean "not set", and without the SDK's own keys.
func cleaned(m resource.PropertyMap) resource.PropertyMap {
	result := resource.PropertyMap{}
	for key, value := range m {
		if !value.IsNull() && !resource.IsInternalPropertyKey(key) {
			result[key] = cleanedValue(value)
		}
	}
	return result
}

func cleanedValue(v resource.PropertyValue) resource.PropertyValue {
	switch {
	case v.IsObject():
		result := resource.PropertyMap{}
		for key, value := range v.ObjectValue() {
			if !value.IsNull() {
				result[key] = cleanedValue(value)
			}
		}
		return resource.NewProperty(result)
	case v.IsArray():
		result := make([]resource.PropertyValue, 0, len(v.ArrayValue()))
		for _, value := range v.ArrayValue() {
			result = append(result, cleanedValue(value))
		}
		return resource.NewProperty(result)
	case v.IsSecret():
		return cleanedValue(v.SecretValue().Element)
	}
	return v
}

// toTree is a property map as JSON data; it must hold no unknowns.
func toTree(m resource.PropertyMap) (tree, error) {
	text, err := json.Marshal(cleaned(m).Mappable())
	if err != nil {
		return nil, err
	}
	result := tree{}
	return result, json.Unmarshal(text, &result)
}

// fromTree is JSON data as a property map.
func fromTree(t tree) (resource.PropertyMap, error) {
	text, err := json.Marshal(t)
	if err != nil {
		return nil, err
	}
	plain := tree{} // numbers are all float64 then
	if err := json.Unmarshal(text, &plain); err != nil {
		return nil, err
	}
	return resource.NewPropertyMapFromMap(plain), nil
}

// toObject is the object that inputs describe. A Secret's stringData becomes data, so that the field manager owns what
// the server stores.
func toObject(t tokens.Type, inputs resource.PropertyMap) (*unstructured.Unstructured, error) {
	text, err := json.Marshal(withKind(t, cleaned(inputs)).Mappable())
	if err != nil {
		return nil, err
	}
	obj := &unstructured.Unstructured{}
	if err := obj.UnmarshalJSON(text); err != nil {
		return nil, err
	}
	if texts, ok := obj.Object["stringData"].(tree); ok && isSecret(obj) {
		data, _ := obj.Object["data"].(tree)
		if data == nil {
			data = tree{}
		}
		for key, value := range texts {
			if text, ok := value.(string); ok {
				data[key] = base64.StdEncoding.EncodeToString([]byte(text))
			}
		}
		obj.Object["data"] = data
		delete(obj.Object, "stringData")
	}
	return obj, nil
}

// withKind fills in the API version and the kind that the type token names.
func withKind(t tokens.Type, inputs resource.PropertyMap) resource.PropertyMap {
	apiVersion, kind := tokenKind(t)
	if v := inputs["apiVersion"]; !v.IsString() {
		inputs["apiVersion"] = resource.NewProperty(apiVersion)
	}
	if v := inputs["kind"]; !v.IsString() {
		inputs["kind"] = resource.NewProperty(kind)
	}
	return inputs
}

func isSecret(obj *unstructured.Unstructured) bool {
	return obj.GetAPIVersion() == "v1" && obj.GetKind() == "Secret"
}

// lastApplied is a copy of the object that kubectl leaves in an annotation: a Secret's data in the clear.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// toState is what the engine keeps of a live object: no record of field managers, and a Secret's data marked secret.
func toState(live *unstructured.Unstructured, manager string) (resource.PropertyMap, error) {
	obj := live.DeepCopy()
	unstructured.RemoveNestedField(obj.Object, "metadata", "managedFields")
	unstructured.RemoveNestedField(obj.Object, "metadata", "annotations", lastApplied)
	state, err := fromTree(obj.Object)
	if err != nil {
		return nil, err
	}
	if isSecret(obj) {
		markSecret(state)
	}
	state[managerKey] = resource.NewProperty(manager)
	state[initialVersionKey] = resource.NewProperty(obj.GetAPIVersion())
	return state, nil
}

func markSecret(m resource.PropertyMap) {
	for _, key := range []resource.PropertyKey{"data", "stringData"} {
		if value, ok := m[key]; ok && !value.IsSecret() {
			m[key] = resource.MakeSecret(value)
		}
	}
}

// planned is the state that a preview promises: what only the server knows is unknown.
func planned(state resource.PropertyMap, manager string) resource.PropertyMap {
	state = state.Copy()
	state["status"] = unknown
	if metadata := state["metadata"]; metadata.IsObject() {
		copied := metadata.ObjectValue().Copy()
		for _, key := range []resource.PropertyKey{"uid", "resourceVersion", "generation", "creationTimestamp"} {
			copied[key] = unknown
		}
		state["metadata"] = resource.NewProperty(copied)
	}
	switch spec := state["spec"]; get(state, "kind") {
	case "Secret":
		markSecret(state)
	case "Service":
		if spec.IsObject() && !spec.ObjectValue().HasValue("clusterIP") {
			copied := spec.ObjectValue().Copy()
			copied["clusterIP"], copied["clusterIPs"] = unknown, unknown
			state["spec"] = resource.NewProperty(copied)
		}
	}
	state[managerKey] = resource.NewProperty(manager)
	return state
}

var unknown = resource.MakeComputed(resource.NewProperty(""))

// get reads a string deep inside a property map; "" when it is not there or not known.
func get(m resource.PropertyMap, path ...any) string {
	value, ok := resource.PropertyPath(path).Get(resource.NewProperty(m))
	for ok && value.IsSecret() {
		value = value.SecretValue().Element
	}
	if !ok || !value.IsString() {
		return ""
	}
	return value.StringValue()
}
