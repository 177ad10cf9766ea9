package provider

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/emptypb"
)

const kind = "test:index:Thing"

var urn = string(resource.NewURN("stack", "project", "", kind, "one"))

// things is a provider whose only resource type is r.
func things(r Resource) pulumirpc.ResourceProviderServer {
	return plugin.NewProviderServer(New(context.Background(), Provider{
		Name: "test", Version: "1.2.3", Lookup: Table(map[tokens.Type]Resource{kind: r}, "it has Thing"),
	}))
}

func TestSecretsGoInPlainAndComeOutMarked(t *testing.T) {
	ctx := context.Background()
	var seen resource.PropertyMap
	s := things(&Generated{
		Outputs: []resource.PropertyKey{"made"}, Secrets: []resource.PropertyKey{"made"},
		Make: func(in resource.PropertyMap) (resource.ID, resource.PropertyMap, error) {
			seen = in
			return "id", resource.PropertyMap{"made": resource.NewProperty("output")}, nil
		},
	})
	handshake, err := s.Handshake(ctx, &pulumirpc.ProviderHandshakeRequest{})
	if err != nil || handshake.AcceptSecrets {
		t.Fatalf("the provider must take no secrets, so that the engine keeps their marks: %v, %v", handshake, err)
	}
	if _, err := s.Configure(ctx, &pulumirpc.ConfigureRequest{AcceptSecrets: true}); err != nil {
		t.Fatal(err)
	}
	inputs, err := plugin.MarshalProperties(
		resource.PropertyMap{"in": Secret("input")}, plugin.MarshalOptions{KeepSecrets: true})
	if err != nil {
		t.Fatal(err)
	}
	created, err := s.Create(ctx, &pulumirpc.CreateRequest{Urn: urn, Name: "one", Type: kind, Properties: inputs})
	if err != nil {
		t.Fatal(err)
	}
	if Text(seen, "in") != "input" {
		t.Errorf("the resource saw %v, want the plain text", seen["in"])
	}
	outputs, err := plugin.UnmarshalProperties(created.Properties, plugin.MarshalOptions{KeepSecrets: true})
	if err != nil || !outputs["made"].IsSecret() {
		t.Errorf("output %v (%v), want a secret", outputs["made"], err)
	}
}

func TestAboutTheProvider(t *testing.T) {
	s := things(&Generated{})
	info, err := s.GetPluginInfo(context.Background(), &emptypb.Empty{})
	if err != nil || info.Version != "1.2.3" {
		t.Errorf("version %v, %v", info, err)
	}
	schema, err := s.GetSchema(context.Background(), &pulumirpc.GetSchemaRequest{})
	if err != nil || schema.Schema != `{"name":"test","version":"1.2.3"}` {
		t.Errorf("schema %v, %v", schema, err)
	}
	other := strings.Replace(urn, "Thing", "Other", 1)
	if _, err := s.Delete(context.Background(), &pulumirpc.DeleteRequest{Urn: other}); err == nil ||
		!strings.Contains(err.Error(), "test:index:Other is not in this stand-in: it has Thing") {
		t.Errorf("unknown type: %v", err)
	}
}

// slow deletes until its context ends.
type slow struct {
	Generated
	started chan bool
}

func (s *slow) Delete(ctx context.Context, _ plugin.DeleteRequest) (plugin.DeleteResponse, error) {
	s.started <- true
	<-ctx.Done()
	return plugin.DeleteResponse{}, ctx.Err()
}

func TestOperationsEndByCancelNotByALostEngine(t *testing.T) {
	r := &slow{started: make(chan bool)}
	s := things(r)
	call, hangUp := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		_, err := s.Delete(call, &pulumirpc.DeleteRequest{Urn: urn})
		ended <- err
	}()
	<-r.started
	hangUp()
	select {
	case err := <-ended:
		t.Fatalf("ended with the engine's connection: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	if _, err := s.Cancel(context.Background(), &emptypb.Empty{}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
	case <-time.After(3 * time.Second):
		t.Fatal("goes on after Cancel")
	}
}

func TestChanged(t *testing.T) {
	unknown := resource.MakeComputed(resource.NewProperty(""))
	olds := resource.NewPropertyMapFromMap(map[string]any{"same": 1, "gone": "x", "other": "a", "ignored": 1, "null": nil})
	news := resource.NewPropertyMapFromMap(map[string]any{"same": 1, "other": "b", "ignored": 2, "added": true})
	news["unknown"], news["none"] = unknown, resource.NewNullProperty()
	var got []string
	for _, key := range Changed(olds, news, []string{"ignored"}) {
		got = append(got, string(key))
	}
	if want := "added gone other unknown"; strings.Join(got, " ") != want {
		t.Errorf("changed: %v, want %s", got, want)
	}
	diff := DiffOf([]resource.PropertyKey{"a", "b"}, func(key resource.PropertyKey) bool { return key == "b" })
	if diff.Changes != plugin.DiffSome || len(diff.ReplaceKeys) != 1 || diff.DetailedDiff["b"].Kind != plugin.DiffUpdateReplace {
		t.Errorf("diff: %+v", diff)
	}
	if DiffOf(nil, nil).Changes != plugin.DiffNone {
		t.Error("no change is a change")
	}
}
