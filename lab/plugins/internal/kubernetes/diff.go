package kubernetes

import (
	"context"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// immutable lists, by group and kind, the fields whose change needs another object. A path includes all below it; one
// with "!" in front is excepted.
var immutable = map[string][]string{
	"/ConfigMap": {"data", "binaryData"},
	"/Secret":    {"data", "stringData", "type"},
	"/PersistentVolumeClaim": {
		"spec", "!spec.resources", "!spec.volumeAttributesClassName",
	},
	"/PersistentVolume": {
		"spec", "!spec.capacity", "!spec.accessModes", "!spec.mountOptions", "!spec.persistentVolumeReclaimPolicy",
		"!spec.claimRef", "!spec.storageClassName",
	},
	"/Pod":             {"spec", "!spec.activeDeadlineSeconds", "!spec.tolerations"},
	"/ResourceQuota":   {"spec.scopes"},
	"/Service":         {"spec.clusterIP"},
	"apps/DaemonSet":   {"spec.selector"},
	"apps/Deployment":  {"spec.selector"},
	"apps/StatefulSet": {"spec.podManagementPolicy", "spec.selector", "spec.serviceName", "spec.volumeClaimTemplates"},
	"batch/Job":        {"spec.completions", "spec.completionMode", "spec.parallelism", "spec.podFailurePolicy", "spec.selector", "spec.template"},
	"rbac.authorization.k8s.io/ClusterRoleBinding": {"roleRef"},
	"rbac.authorization.k8s.io/RoleBinding":        {"roleRef"},
	"storage.k8s.io/StorageClass":                  {"parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"},
	"*":                                            {"metadata.name", "metadata.namespace"},
}

// Diff compares inputs with inputs, as the official plugin does; drift is found by Read, which puts live values there.
func (p *Plugin) Diff(ctx context.Context, req plugin.DiffRequest) (plugin.DiffResult, error) {
	olds, news := withKind(req.Type, cleaned(req.OldInputs)), withKind(req.Type, cleaned(req.NewInputs))
	p.settleNamespaces(olds, news, req.OldOutputs)
	settleClusterIP(olds, news, req.OldOutputs)

	detailed := plugin.NewDetailedDiffFromObjectDiff(olds.Diff(news), true)
	result := plugin.DiffResult{Changes: plugin.DiffNone, DetailedDiff: detailed}
	replaced := false
	for text, change := range detailed {
		path, err := resource.ParsePropertyPath(text)
		if err != nil || len(path) == 0 {
			continue
		}
		if p.replaces(olds, news, path) {
			change.Kind = change.Kind.AsReplace()
			detailed[text] = change
			replaced = true
		}
		result.Changes = plugin.DiffSome
	}
	if p.replaceUnready(ctx, req, news) {
		detailed["metadata.annotations"] = plugin.PropertyDiff{Kind: plugin.DiffUpdateReplace, InputDiff: true}
		result.Changes, replaced = plugin.DiffSome, true
	}
	result.DeleteBeforeReplace = replaced && sameExplicitName(olds, news)
	return result, nil
}

// settleNamespaces makes "no namespace" and the name of the default one equal, on objects that have a namespace.
func (p *Plugin) settleNamespaces(olds, news, state resource.PropertyMap) {
	actual := get(state, "metadata", "namespace")
	if actual == "" || !news["metadata"].IsObject() || !olds["metadata"].IsObject() {
		return
	}
	fallback := p.settings.namespace
	if fallback == "" {
		fallback = "default"
		if _, namespace, err := p.settings.restConfig(); err == nil {
			fallback = namespace
		}
	}
	if get(olds, "metadata", "namespace") == "" {
		olds["metadata"].ObjectValue()["namespace"] = resource.NewProperty(actual)
	}
	if _, set := news["metadata"].ObjectValue()["namespace"]; !set {
		news["metadata"].ObjectValue()["namespace"] = resource.NewProperty(fallback)
	}
}

// settleClusterIP lets a program name the address that its Service has already.
func settleClusterIP(olds, news, state resource.PropertyMap) {
	actual := get(state, "spec", "clusterIP")
	if get(news, "kind") == "Service" && actual != "" && actual == get(news, "spec", "clusterIP") && olds["spec"].IsObject() {
		olds["spec"].ObjectValue()["clusterIP"] = resource.NewProperty(actual)
	}
}

// replaces tells whether a change at a path needs another object.
func (p *Plugin) replaces(olds, news resource.PropertyMap, path resource.PropertyPath) bool {
	kind := schema.FromAPIVersionAndKind(get(news, "apiVersion"), get(news, "kind"))
	rules := append([]string{}, immutable["*"]...)
	for _, rule := range immutable[kind.Group+"/"+kind.Kind] {
		if !p.mutable(kind.Group+"/"+kind.Kind, olds) || rule == "type" {
			rules = append(rules, rule)
		}
	}
	if kind.Group == "" && kind.Kind == "Service" && get(news, "spec", "type") == "ExternalName" {
		rules = immutable["*"]
	}
	hit := false
	for _, rule := range rules {
		except := strings.HasPrefix(rule, "!")
		below, above := related(strings.Split(strings.TrimPrefix(rule, "!"), "."), path)
		switch {
		case except && below:
			return false
		case !except && (below || above):
			hit = true
		}
	}
	return hit
}

// mutable tells whether the provider may change the data of this ConfigMap or Secret.
func (p *Plugin) mutable(kind string, olds resource.PropertyMap) bool {
	if v := olds["immutable"]; v.IsBool() && v.BoolValue() {
		return false
	}
	return kind == "/ConfigMap" && p.settings.configMapMutable || kind == "/Secret" && p.settings.secretMutable
}

// related tells whether a path is at or below a rule, or above it; list indices do not count.
func related(rule []string, path resource.PropertyPath) (below, above bool) {
	i := 0
	for _, element := range path {
		key, ok := element.(string)
		if !ok {
			continue
		}
		if i == len(rule) {
			return true, false
		}
		if key != rule[i] {
			return false, false
		}
		i++
	}
	return i == len(rule), i < len(rule)
}

// sameExplicitName tells whether the new object must wait until the old one of the same name is gone.
func sameExplicitName(olds, news resource.PropertyMap) bool {
	name := get(news, "metadata", "name")
	return name != "" && get(news, "metadata", "annotations", autonamed) != "true" &&
		name == get(olds, "metadata", "name") && get(olds, "metadata", "namespace") == get(news, "metadata", "namespace")
}

// replaceUnready tells whether a Job that asks for it is to be made anew, because it has not completed.
func (p *Plugin) replaceUnready(ctx context.Context, req plugin.DiffRequest, news resource.PropertyMap) bool {
	if get(news, "metadata", "annotations", "pulumi.com/replaceUnready") != "true" || get(news, "kind") != "Job" {
		return false
	}
	_, live, err := p.live(ctx, req.URN, req.ID, news)
	if err != nil {
		return false
	}
	verdict := jobRule(live)
	return verdict.failed
}
