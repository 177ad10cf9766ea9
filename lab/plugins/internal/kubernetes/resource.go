package kubernetes

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil/rpcerror"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
)

// autonamed marks objects whose name the plugin made.
const autonamed = "pulumi.com/autonamed"

// Check fills in the API version, the kind and a name.
func (p *Plugin) Check(_ context.Context, req plugin.CheckRequest) (plugin.CheckResponse, error) {
	inputs := withKind(req.Type, req.News.Copy())
	if _, kind := tokenKind(req.Type); kind != get(inputs, "kind") && kind == get(inputs, "kind")+"Patch" {
		return plugin.CheckResponse{}, official(string(req.Type))
	}
	metadata := resource.PropertyMap{}
	switch v := inputs["metadata"]; {
	case v.IsObject():
		metadata = v.ObjectValue().Copy()
	case v.ContainsUnknowns():
		return plugin.CheckResponse{Properties: inputs}, nil
	}
	if v, ok := metadata["name"]; ok && !v.IsNull() {
		return plugin.CheckResponse{Properties: inputs}, nil
	}
	name := get(req.Olds, "metadata", "name")
	if name == "" || get(req.Olds, "metadata", "annotations", autonamed) != "true" {
		prefix := get(metadata, "generateName")
		if prefix == "" {
			prefix = strings.ToLower(req.URN.Name()) + "-"
		}
		var err error
		if name, err = resource.NewUniqueName(req.RandomSeed, prefix, 8, 253, nil); err != nil {
			return plugin.CheckResponse{}, err
		}
	}
	metadata["name"] = resource.NewProperty(name)
	delete(metadata, "generateName")
	annotations := resource.PropertyMap{}
	if v := metadata["annotations"]; v.IsObject() {
		annotations = v.ObjectValue().Copy()
	}
	annotations[autonamed] = resource.NewProperty("true")
	metadata["annotations"] = resource.NewProperty(annotations)
	inputs["metadata"] = resource.NewProperty(metadata)
	return plugin.CheckResponse{Properties: inputs}, nil
}

// Create applies a new object and waits until it is ready.
func (p *Plugin) Create(ctx context.Context, req plugin.CreateRequest) (plugin.CreateResponse, error) {
	inputs := withKind(req.Type, cleaned(req.Properties))
	manager := fieldManager(req.URN, inputs)
	if inputs.ContainsUnknowns() && req.Preview {
		return plugin.CreateResponse{Properties: planned(req.Properties, manager)}, nil
	}
	obj, err := toObject(req.Type, inputs)
	if err != nil {
		return plugin.CreateResponse{}, err
	}
	conn, err := p.cluster.connect(ctx)
	if req.Preview {
		state, err := p.previewCreate(ctx, conn, err, obj, req.Properties, manager)
		return plugin.CreateResponse{Properties: state}, err
	}
	if err != nil {
		return plugin.CreateResponse{}, fmt.Errorf("cannot create %s: %w", describe(obj), err)
	}
	var live *unstructured.Unstructured
	report := func(err error) { p.log.Status(ctx, req.URN, "not yet possible: "+err.Error()) }
	err = p.eventually(ctx, conn, obj, report, func(client dynamic.ResourceInterface) error {
		if err := p.makeWay(ctx, req.URN, client, obj, timeoutOf(req.Timeout, obj)); err != nil {
			return err
		}
		live, err = p.apply(ctx, client, obj, manager, p.force(obj), false)
		return err
	})
	if err != nil {
		return plugin.CreateResponse{}, fmt.Errorf("%s was not created: %w", describe(obj), explainConflict(err))
	}
	live, waitErr := p.await(ctx, conn, req.URN, obj, live, req.Timeout)
	state, err := toState(live, manager)
	if err != nil {
		return plugin.CreateResponse{}, err
	}
	if waitErr != nil {
		return plugin.CreateResponse{}, initFailed(idOf(live), state, inputs, waitErr)
	}
	return plugin.CreateResponse{ID: idOf(live), Properties: state}, nil
}

// previewCreate is a dry run where that is possible. It fails on what is wrong with the object itself only: the cluster,
// the namespace, the CRD or the service account may be made by the same update.
func (p *Plugin) previewCreate(ctx context.Context, conn *connection, connErr error, obj *unstructured.Unstructured,
	inputs resource.PropertyMap, manager string,
) (resource.PropertyMap, error) {
	state := planned(inputs, manager)
	if connErr != nil {
		return state, nil
	}
	client, err := conn.resource(obj)
	if err != nil {
		return state, nil
	}
	if _, err := client.Get(ctx, obj.GetName(), metav1.GetOptions{}); err == nil {
		return state, nil // to be replaced or adopted
	}
	live, err := p.apply(ctx, client, obj, manager, true, true)
	switch {
	case err == nil:
		_, chosen, _ := unstructured.NestedString(obj.Object, "spec", "clusterIP")
		if obj.GetKind() == "Service" && !chosen { // the next one will be another
			unstructured.RemoveNestedField(live.Object, "spec", "clusterIP")
			unstructured.RemoveNestedField(live.Object, "spec", "clusterIPs")
		}
		if state, err = toState(live, manager); err != nil {
			return nil, err
		}
		return planned(state, manager), nil
	case wrongInItself(err):
		return nil, fmt.Errorf("%s is not valid: %w", describe(obj), err)
	}
	return state, nil
}

func wrongInItself(err error) bool {
	return apierrors.IsInvalid(err) || strings.Contains(err.Error(), "field not declared in schema") ||
		apierrors.IsBadRequest(err) && !strings.Contains(err.Error(), "dry run")
}

// makeWay sees to an object that exists already: it is adopted if the provider may, or waited for if it is going away.
func (p *Plugin) makeWay(ctx context.Context, urn resource.URN, client dynamic.ResourceInterface,
	obj *unstructured.Unstructured, timeout time.Duration,
) error {
	existing, err := client.Get(ctx, obj.GetName(), metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return err
	case existing.GetDeletionTimestamp() != nil:
		return p.awaitGone(ctx, urn, client, existing, timeout)
	case !p.settings.upsert:
		kind := schema.GroupResource{Group: obj.GroupVersionKind().Group, Resource: strings.ToLower(obj.GetKind())}
		return fmt.Errorf("%w; set upsertExistingObjects on the provider to adopt it, or import it",
			apierrors.NewAlreadyExists(kind, obj.GetName()))
	}
	return nil
}

// apply is a server-side apply.
func (p *Plugin) apply(ctx context.Context, client dynamic.ResourceInterface, obj *unstructured.Unstructured,
	manager string, force, dryRun bool,
) (*unstructured.Unstructured, error) {
	text, err := obj.MarshalJSON()
	if err != nil {
		return nil, err
	}
	options := metav1.PatchOptions{FieldManager: manager, Force: &force, FieldValidation: metav1.FieldValidationStrict}
	if dryRun {
		options.DryRun = []string{metav1.DryRunAll}
	}
	return client.Patch(ctx, obj.GetName(), types.ApplyPatchType, text, options)
}

// force tells whether an apply takes over fields that another field manager has set to something else.
func (p *Plugin) force(obj *unstructured.Unstructured) bool {
	if text, ok := obj.GetAnnotations()["pulumi.com/patchForce"]; ok {
		return text == "true"
	}
	return p.settings.patchForce
}

func explainConflict(err error) error {
	if !apierrors.IsConflict(err) {
		return err
	}
	return fmt.Errorf("%w; these fields were changed by others: to overwrite them set enablePatchForce on the provider, "+
		`or the annotation pulumi.com/patchForce: "true"`, err)
}

// Update applies changed inputs and waits until the object is ready.
func (p *Plugin) Update(ctx context.Context, req plugin.UpdateRequest) (plugin.UpdateResponse, error) {
	inputs := withKind(req.Type, cleaned(req.NewInputs))
	manager := get(req.OldOutputs, managerKey)
	if manager == "" {
		manager = fieldManager(req.URN, inputs)
	}
	if inputs.ContainsUnknowns() && req.Preview {
		return plugin.UpdateResponse{Properties: planned(req.NewInputs, manager)}, nil
	}
	obj, err := toObject(req.Type, inputs)
	if err != nil {
		return plugin.UpdateResponse{}, err
	}
	conn, current, err := p.live(ctx, req.URN, req.ID, inputs)
	switch {
	case isUnreachable(err) && p.settings.skipUpdateUnreachable:
		p.log.Warn(ctx, req.URN, "not updated: "+err.Error())
		return plugin.UpdateResponse{Properties: req.OldOutputs}, nil
	case err != nil && req.Preview:
		return plugin.UpdateResponse{Properties: planned(req.NewInputs, manager)}, nil
	case err != nil && isMissing(err):
		return plugin.UpdateResponse{}, fmt.Errorf("%s is gone: %w; run `pulumi up --refresh` to make it again", describe(obj), err)
	case err != nil:
		return plugin.UpdateResponse{}, fmt.Errorf("cannot update %s: %w", describe(obj), err)
	}
	client, err := conn.resource(obj)
	if err != nil {
		return plugin.UpdateResponse{}, err
	}
	live, err := p.apply(ctx, client, obj, manager, p.force(obj) || len(current.GetManagedFields()) == 0, req.Preview)
	if err != nil {
		return plugin.UpdateResponse{}, fmt.Errorf("%s was not updated: %w", describe(obj), explainConflict(err))
	}
	var waitErr error
	if !req.Preview {
		live, waitErr = p.await(ctx, conn, req.URN, obj, live, req.Timeout)
	}
	state, err := toState(live, manager)
	if err != nil {
		return plugin.UpdateResponse{}, err
	}
	if waitErr != nil {
		return plugin.UpdateResponse{}, initFailed(idOf(live), state, inputs, waitErr)
	}
	return plugin.UpdateResponse{Properties: state}, nil
}

// skipDelete are the kinds whose deletion is not waited for either, if they skip waiting: as with the official plugin.
var skipDelete = []string{"Namespace", "Pod", "DaemonSet", "Deployment", "StatefulSet", "Job"}

// Delete removes the object, with its dependents first, and waits until it is gone.
func (p *Plugin) Delete(ctx context.Context, req plugin.DeleteRequest) (plugin.DeleteResponse, error) {
	known := req.Inputs
	if len(known) == 0 {
		known = req.Outputs
	}
	conn, live, err := p.live(ctx, req.URN, req.ID, known)
	switch {
	case isUnreachable(err) && p.settings.deleteUnreachable:
		p.log.Warn(ctx, req.URN, "only forgotten, not deleted: "+err.Error())
		return plugin.DeleteResponse{}, nil
	case isUnreachable(err):
		return plugin.DeleteResponse{}, fmt.Errorf("%w; if the cluster is gone, set PULUMI_K8S_DELETE_UNREACHABLE=true to forget its objects", err)
	case err != nil && isMissing(err):
		return plugin.DeleteResponse{}, nil
	case err != nil:
		return plugin.DeleteResponse{}, fmt.Errorf("cannot delete %s: %w", req.ID, err)
	}
	if uid := get(req.Outputs, "metadata", "uid"); uid != "" && uid != string(live.GetUID()) {
		p.log.Warn(ctx, req.URN, fmt.Sprintf("%s is another object than the one in the state (UID %s): left alone", describe(live), live.GetUID()))
		return plugin.DeleteResponse{}, nil
	}
	client, err := conn.resource(live)
	if err != nil {
		return plugin.DeleteResponse{}, err
	}
	propagation, uid := metav1.DeletePropagationForeground, live.GetUID()
	switch get(known, "metadata", "annotations", "pulumi.com/deletionPropagationPolicy") {
	case "background":
		propagation = metav1.DeletePropagationBackground
	case "orphan":
		propagation = metav1.DeletePropagationOrphan
	}
	err = client.Delete(ctx, live.GetName(), metav1.DeleteOptions{
		PropagationPolicy: &propagation, Preconditions: &metav1.Preconditions{UID: &uid},
	})
	switch {
	case err != nil && isMissing(err):
		return plugin.DeleteResponse{}, nil
	case err != nil:
		return plugin.DeleteResponse{}, fmt.Errorf("cannot delete %s: %w", describe(live), err)
	case get(known, "metadata", "annotations", skipAwait) == "true" && slices.Contains(skipDelete, live.GetKind()):
		return plugin.DeleteResponse{}, nil
	}
	timeout := timeoutOf(req.Timeout, &unstructured.Unstructured{Object: tree{"metadata": tree{"annotations": annotationsOf(known)}}})
	return plugin.DeleteResponse{}, p.awaitGone(ctx, req.URN, client, live, timeout)
}

func annotationsOf(m resource.PropertyMap) tree {
	result := tree{}
	if v, ok := (resource.PropertyPath{"metadata", "annotations"}).Get(resource.NewProperty(m)); ok && v.IsObject() {
		for key, value := range v.ObjectValue() {
			if value.IsString() {
				result[string(key)] = value.StringValue()
			}
		}
	}
	return result
}

// fieldManager is the name under which fields are owned. It comes from the URN, so that a create that was interrupted
// before its state was written owns the same fields when it is done again.
func fieldManager(urn resource.URN, inputs resource.PropertyMap) string {
	if name := get(inputs, "metadata", "annotations", "pulumi.com/patchFieldManager"); name != "" {
		return name
	}
	sum := sha256.Sum256([]byte(urn))
	return "pulumi-kubernetes-" + hex.EncodeToString(sum[:4])
}

func idOf(obj *unstructured.Unstructured) resource.ID {
	if obj.GetNamespace() == "" {
		return resource.ID(obj.GetName())
	}
	return resource.ID(obj.GetNamespace() + "/" + obj.GetName())
}

// describe names an object in messages: Deployment lab/web.
func describe(obj *unstructured.Unstructured) string {
	return obj.GetKind() + " " + string(idOf(obj))
}

// initFailed is the answer for an object that exists but is not ready: it is kept in the state, and the next update goes on
// with it.
func initFailed(id resource.ID, state, inputs resource.PropertyMap, cause error) error {
	options := plugin.MarshalOptions{KeepUnknowns: true, KeepSecrets: true}
	properties, err := plugin.MarshalProperties(state, options)
	if err != nil {
		return errors.Join(cause, err)
	}
	rpcInputs, err := plugin.MarshalProperties(inputs, options)
	if err != nil {
		return errors.Join(cause, err)
	}
	return rpcerror.WithDetails(rpcerror.New(codes.Unknown, cause.Error()), &pulumirpc.ErrorResourceInitFailed{
		Id: string(id), Properties: properties, Inputs: rpcInputs, Reasons: []string{cause.Error()},
	})
}
