package kubernetes

import (
	"context"
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Read answers with the live object and with inputs that describe it: see observed.
func (p *Plugin) Read(ctx context.Context, req plugin.ReadRequest) (plugin.ReadResponse, error) {
	known := req.Inputs
	if len(known) == 0 {
		known = resource.PropertyMap{}
	}
	conn, live, err := p.live(ctx, req.URN, req.ID, known)
	unchanged := plugin.ReadResult{ID: req.ID, Inputs: req.Inputs, Outputs: req.State}
	switch {
	case isUnreachable(err) && p.settings.deleteUnreachable:
		return plugin.ReadResponse{}, nil
	case isUnreachable(err) && p.settings.skipUpdateUnreachable:
		return plugin.ReadResponse{ReadResult: unchanged}, nil
	case err != nil && isMissing(err):
		return plugin.ReadResponse{}, nil
	case err != nil:
		return plugin.ReadResponse{}, fmt.Errorf("cannot read %s: %w", req.ID, err)
	}
	manager := get(req.State, managerKey)
	if manager == "" {
		manager = fieldManager(req.URN, known)
	}
	state, err := toState(live, manager)
	if err != nil {
		return plugin.ReadResponse{}, err
	}
	inputs, err := liveInputs(req.Inputs, live, req.State)
	if err != nil {
		return plugin.ReadResponse{}, err
	}
	if isSecret(live) {
		markSecret(inputs)
	}
	if len(req.Inputs) > 0 {
		wanted := &unstructured.Unstructured{Object: tree{"metadata": live.Object["metadata"]}}
		if err := p.healthy(ctx, conn, wanted, live); err != nil {
			return plugin.ReadResponse{}, initFailed(idOf(live), state, inputs, err)
		}
	}
	return plugin.ReadResponse{ReadResult: plugin.ReadResult{ID: idOf(live), Inputs: inputs, Outputs: state}}, nil
}

// liveInputs are the inputs that describe the live object.
func liveInputs(inputs resource.PropertyMap, live *unstructured.Unstructured, state resource.PropertyMap) (resource.PropertyMap, error) {
	plain, err := fromTree(live.Object)
	if err != nil {
		return nil, err
	}
	now, err := toTree(plain)
	if err != nil {
		return nil, err
	}
	if len(inputs) == 0 {
		return fromTree(imported(now))
	}
	wanted, err := toTree(inputs)
	if err != nil {
		return nil, err
	}
	before, err := toTree(state)
	if err != nil {
		return nil, err
	}
	return fromTree(observedMap(wanted, readable(now, wanted), readable(before, wanted)))
}

// live finds the object of a resource in the cluster.
func (p *Plugin) live(ctx context.Context, urn resource.URN, id resource.ID, known resource.PropertyMap) (*connection, *unstructured.Unstructured, error) {
	conn, err := p.cluster.connect(ctx)
	if err != nil {
		return nil, nil, err
	}
	obj := &unstructured.Unstructured{Object: tree{}}
	kind := withKind(urn.Type(), resource.PropertyMap{"apiVersion": known["apiVersion"], "kind": known["kind"]})
	obj.SetAPIVersion(get(kind, "apiVersion"))
	obj.SetKind(get(kind, "kind"))
	namespace, name, ok := strings.Cut(string(id), "/")
	if !ok {
		namespace, name = "", string(id)
	}
	obj.SetNamespace(namespace)
	obj.SetName(name)
	client, err := conn.resource(obj)
	if err != nil {
		return conn, nil, err
	}
	live, err := client.Get(ctx, name, metav1.GetOptions{})
	return conn, live, err
}
