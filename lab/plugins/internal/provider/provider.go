// Package provider is what the stand-in resource providers share: the program's main loop, the calls that are the same
// for all of them (handshake, configuration, schema, cancellation), and a few helpers for property maps.
//
// A provider gives a lookup from type token to Resource. The Pulumi SDK's plugin.NewProviderServer translates between
// gRPC messages and property maps. Secrets: the provider says that it takes none, so the engine hands over plain values
// and marks outputs that depend on secret inputs again; outputs that are secret by nature are wrapped with MakeSecret.
package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/blang/semver"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	sdk "github.com/pulumi/pulumi/sdk/v3/go/pulumi/provider"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// Resource is the life of one resource type. Contexts end on SIGINT, SIGTERM and the engine's Cancel call; they do not
// end when the engine dies (as with the official providers, an operation under way is finished).
// Property maps hold no secrets; they may hold unknowns in previews (Check, Diff, Create and Update with Preview set).
type Resource interface {
	Check(ctx context.Context, req plugin.CheckRequest) (plugin.CheckResponse, error)
	Diff(ctx context.Context, req plugin.DiffRequest) (plugin.DiffResult, error)
	Create(ctx context.Context, req plugin.CreateRequest) (plugin.CreateResponse, error)
	Read(ctx context.Context, req plugin.ReadRequest) (plugin.ReadResponse, error)
	Update(ctx context.Context, req plugin.UpdateRequest) (plugin.UpdateResponse, error)
	Delete(ctx context.Context, req plugin.DeleteRequest) (plugin.DeleteResponse, error)
}

// Logger sends lines to the engine. A nil host (in tests) writes nothing.
type Logger struct{ host *sdk.HostClient }

// Info shows a line under the resource, and keeps it in the update's diagnostics.
func (l *Logger) Info(ctx context.Context, urn resource.URN, message string) {
	if l != nil && l.host != nil {
		_ = l.host.Log(ctx, diag.Info, urn, message)
	}
}

// Warn is Info with the severity of a warning.
func (l *Logger) Warn(ctx context.Context, urn resource.URN, message string) {
	if l != nil && l.host != nil {
		_ = l.host.Log(ctx, diag.Warning, urn, message)
	}
}

// Status shows a line in the resource's row of the progress display only.
func (l *Logger) Status(ctx context.Context, urn resource.URN, message string) {
	if l != nil && l.host != nil {
		_ = l.host.LogStatus(ctx, diag.Info, urn, message)
	}
}

// Provider describes one resource provider program.
type Provider struct {
	Name    string
	Version string // without "v"
	// Lookup answers with the resource type of a token.
	Lookup func(t tokens.Type) (Resource, error)
	// Configure takes the provider's inputs; nil when there are none worth reading.
	Configure func(ctx context.Context, inputs resource.PropertyMap) error
	// DiffConfig compares the inputs of an explicit provider; nil means that no change replaces the provider.
	DiffConfig func(ctx context.Context, req plugin.DiffConfigRequest) (plugin.DiffConfigResponse, error)
}

// Table is the Lookup of a fixed set of resource types; hint ends the message for other ones.
func Table(resources map[tokens.Type]Resource, hint string) func(tokens.Type) (Resource, error) {
	return func(t tokens.Type) (Resource, error) {
		if r, ok := resources[t]; ok {
			return r, nil
		}
		return nil, fmt.Errorf("resource type %s is not in this stand-in: %s", t, hint)
	}
}

// Main runs the provider until the engine ends it. Build makes the provider once the engine's log is at hand.
func Main(name string, build func(log *Logger) Provider) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := sdk.MainContext(ctx, "pulumi-resource-"+name,
		func(host *sdk.HostClient) (pulumirpc.ResourceProviderServer, error) {
			return plugin.NewProviderServer(New(ctx, build(&Logger{host}))), nil
		})
	if err != nil {
		fmt.Fprintf(os.Stderr, "pulumi-resource-%s: %v\n", name, err)
		os.Exit(1)
	}
}

// New makes the engine's view of a provider; life ends all operations when it ends.
func New(life context.Context, p Provider) plugin.Provider {
	life, cancel := context.WithCancel(life)
	return &server{Provider: p, life: life, cancel: cancel}
}

type server struct {
	plugin.UnimplementedProvider
	Provider
	life   context.Context
	cancel context.CancelFunc
}

// operation is a context with the call's values that ends with the program's life, not with the engine's connection.
func (s *server) operation(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(s.life, cancel)
	return ctx, func() { stop(); cancel() }
}

func (s *server) Handshake(context.Context, plugin.ProviderHandshakeRequest) (*plugin.ProviderHandshakeResponse, error) {
	return &plugin.ProviderHandshakeResponse{}, nil
}

func (s *server) GetPluginInfo(context.Context) (plugin.PluginInfo, error) {
	v, err := semver.ParseTolerant(s.Version)
	return plugin.PluginInfo{Version: &v}, err
}

func (s *server) GetSchema(context.Context, plugin.GetSchemaRequest) (plugin.GetSchemaResponse, error) {
	schema, err := json.Marshal(map[string]string{"name": s.Name, "version": s.Version})
	return plugin.GetSchemaResponse{Schema: schema}, err
}

func (s *server) GetMapping(context.Context, plugin.GetMappingRequest) (plugin.GetMappingResponse, error) {
	return plugin.GetMappingResponse{}, nil
}

func (s *server) GetMappings(context.Context, plugin.GetMappingsRequest) (plugin.GetMappingsResponse, error) {
	return plugin.GetMappingsResponse{}, nil
}

func (s *server) SignalCancellation(context.Context) error {
	s.cancel()
	return nil
}

func (s *server) Close() error {
	s.cancel()
	return nil
}

func (s *server) CheckConfig(_ context.Context, req plugin.CheckConfigRequest) (plugin.CheckConfigResponse, error) {
	return plugin.CheckConfigResponse{Properties: req.News}, nil
}

func (s *server) DiffConfig(ctx context.Context, req plugin.DiffConfigRequest) (plugin.DiffConfigResponse, error) {
	if s.Provider.DiffConfig != nil {
		return s.Provider.DiffConfig(ctx, req)
	}
	return DiffOf(Changed(req.OldInputs, req.NewInputs, req.IgnoreChanges), nil), nil
}

func (s *server) Configure(ctx context.Context, req plugin.ConfigureRequest) (plugin.ConfigureResponse, error) {
	if s.Provider.Configure != nil {
		return plugin.ConfigureResponse{}, s.Provider.Configure(ctx, req.Inputs)
	}
	return plugin.ConfigureResponse{}, nil
}

// call runs one operation of the resource type named by a URN.
func call[Req, Resp any](s *server, ctx context.Context, urn resource.URN, req Req,
	method func(Resource) func(context.Context, Req) (Resp, error),
) (Resp, error) {
	r, err := s.Lookup(urn.Type())
	if err != nil {
		var none Resp
		return none, err
	}
	ctx, cancel := s.operation(ctx)
	defer cancel()
	return method(r)(ctx, req)
}

func (s *server) Check(ctx context.Context, req plugin.CheckRequest) (plugin.CheckResponse, error) {
	return call(s, ctx, req.URN, req, func(r Resource) func(context.Context, plugin.CheckRequest) (plugin.CheckResponse, error) {
		return r.Check
	})
}

func (s *server) Diff(ctx context.Context, req plugin.DiffRequest) (plugin.DiffResponse, error) {
	return call(s, ctx, req.URN, req, func(r Resource) func(context.Context, plugin.DiffRequest) (plugin.DiffResult, error) {
		return r.Diff
	})
}

func (s *server) Create(ctx context.Context, req plugin.CreateRequest) (plugin.CreateResponse, error) {
	return call(s, ctx, req.URN, req, func(r Resource) func(context.Context, plugin.CreateRequest) (plugin.CreateResponse, error) {
		return r.Create
	})
}

func (s *server) Read(ctx context.Context, req plugin.ReadRequest) (plugin.ReadResponse, error) {
	return call(s, ctx, req.URN, req, func(r Resource) func(context.Context, plugin.ReadRequest) (plugin.ReadResponse, error) {
		return r.Read
	})
}

func (s *server) Update(ctx context.Context, req plugin.UpdateRequest) (plugin.UpdateResponse, error) {
	return call(s, ctx, req.URN, req, func(r Resource) func(context.Context, plugin.UpdateRequest) (plugin.UpdateResponse, error) {
		return r.Update
	})
}

func (s *server) Delete(ctx context.Context, req plugin.DeleteRequest) (plugin.DeleteResponse, error) {
	return call(s, ctx, req.URN, req, func(r Resource) func(context.Context, plugin.DeleteRequest) (plugin.DeleteResponse, error) {
		return r.Delete
	})
}
