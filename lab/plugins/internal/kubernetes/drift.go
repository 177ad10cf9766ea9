package kubernetes

import (
	"encoding/base64"
	"fmt"
	"reflect"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"
)

// observed answers what a program's inputs would have to be to describe the live object: the fields that the program had
// set, with their live values. What did not change since the last known state keeps the program's own way to write it
// ("0.5" is not drift from "500m", nor is a field that the server filled in).
func observed(input, live, last any) any {
	if reflect.DeepEqual(live, last) || equivalent(input, live) {
		return input
	}
	switch in := input.(type) {
	case tree:
		if now, ok := live.(tree); ok {
			before, _ := last.(tree)
			return observedMap(in, now, before)
		}
	case []any:
		if now, ok := live.([]any); ok {
			before, _ := last.([]any)
			return observedList(in, now, before)
		}
	}
	return live
}

func observedMap(input, live, last tree) tree {
	result := tree{}
	for key, value := range input {
		if now, ok := live[key]; ok {
			result[key] = observed(value, now, last[key])
		} else if _, had := last[key]; !had {
			result[key] = value // the server never showed it: a write-only field, or an empty one
		}
	}
	return result
}

func observedList(input, live, last []any) any {
	key := listKey(input, live, last)
	if key == "" {
		if len(input) != len(live) {
			return live
		}
		result := make([]any, len(input))
		for i := range input {
			var before any
			if i < len(last) {
				before = last[i]
			}
			result[i] = observed(input[i], live[i], before)
		}
		return result
	}
	now, before, wanted := byKey(live, key), byKey(last, key), byKey(input, key)
	result := []any{}
	for _, item := range input {
		id := item.(tree)[key]
		if value, ok := now[id]; ok {
			result = append(result, observed(item, value, before[id]))
		}
	}
	for _, item := range live { // elements that somebody added
		id := item.(tree)[key]
		if wanted[id] == nil && before[id] == nil {
			result = append(result, item)
		}
	}
	return result
}

// listKeys are the fields by which the elements of Kubernetes' lists are told apart.
var listKeys = []string{"name", "containerPort", "mountPath", "devicePath", "port", "ip"}

// listKey is the first field that all elements have, with distinct values in each list; "" if there is none.
func listKey(lists ...[]any) string {
next:
	for _, key := range listKeys {
		for _, list := range lists {
			if byKey(list, key) == nil {
				continue next
			}
		}
		return key
	}
	return ""
}

func byKey(list []any, key string) map[any]any {
	result := map[any]any{}
	for _, item := range list {
		object, ok := item.(tree)
		if !ok || object[key] == nil || !reflect.TypeOf(object[key]).Comparable() || result[object[key]] != nil {
			return nil
		}
		result[object[key]] = item
	}
	return result
}

// equivalent tells whether two values mean the same to Kubernetes: equal, or equal as text or as quantities.
func equivalent(a, b any) bool {
	if reflect.DeepEqual(a, b) {
		return true
	}
	textA, okA := scalar(a)
	textB, okB := scalar(b)
	if !okA || !okB {
		return false
	}
	if textA == textB {
		return true
	}
	qa, errA := resource.ParseQuantity(textA)
	qb, errB := resource.ParseQuantity(textB)
	return errA == nil && errB == nil && qa.Cmp(qb) == 0
}

func scalar(v any) (string, bool) {
	switch v.(type) {
	case string, bool, float64, int64:
		return fmt.Sprint(v), true
	}
	return "", false
}

// readable gives a Secret's live data also as the stringData that a program had set.
func readable(live tree, input tree) tree {
	texts, ok := input["stringData"].(tree)
	if !ok {
		return live
	}
	live = runtime.DeepCopyJSON(live)
	data, _ := live["data"].(tree)
	shown := tree{}
	for key := range texts {
		if encoded, ok := data[key].(string); ok {
			if text, err := base64.StdEncoding.DecodeString(encoded); err == nil {
				shown[key] = string(text)
			}
		}
	}
	live["stringData"] = shown
	return live
}

// imported is what a program would write for a live object that it has not made.
func imported(live tree) tree {
	live = runtime.DeepCopyJSON(live)
	delete(live, "status")
	if metadata, ok := live["metadata"].(tree); ok {
		for _, key := range []string{"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink"} {
			delete(metadata, key)
		}
		if annotations, ok := metadata["annotations"].(tree); ok {
			delete(annotations, lastApplied)
		}
	}
	return live
}
