// Package kubernetes is a small stand-in for the official Kubernetes resource provider: server-side apply, comparison of
// inputs, reading that finds drift, and waiting that says what is wrong. README.md tells what it does not do.
package kubernetes

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	sdk "github.com/pulumi/pulumi/sdk/v3/go/pulumi/provider"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"stratiform.local/lab/plugins/internal/provider"
)

// Logger shows messages of a resource: status lines in its row of the progress display, warnings in the diagnostics.
type Logger interface {
	Status(ctx context.Context, urn resource.URN, message string)
	Warn(ctx context.Context, urn resource.URN, message string)
}

// Plugin is the provider and at the same time the resource type of every Kubernetes kind.
type Plugin struct {
	log      Logger
	settings settings
	cluster  cluster
	pace     pace
}

var _ provider.Resource = (*Plugin)(nil)

// New makes a provider that is not configured yet.
func New(log Logger) *Plugin {
	return &Plugin{log: log, pace: defaultPace}
}

// Serve runs the provider until the engine ends it.
func Serve(version string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return sdk.MainContext(ctx, "pulumi-resource-kubernetes",
		func(host *sdk.HostClient) (pulumirpc.ResourceProviderServer, error) {
			return &server{plugin.NewProviderServer(New(hostLogger{host}).provider(ctx, version))}, nil
		})
}

// server adds to the SDK's translation the top-level keys of a diff, which the progress display shows: "[diff: ~spec]".
type server struct {
	pulumirpc.ResourceProviderServer
}

func (s *server) Diff(ctx context.Context, req *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	resp, err := s.ResourceProviderServer.Diff(ctx, req)
	if err != nil {
		return nil, err
	}
	for _, path := range resp.Diffs {
		if key, _, nested := strings.Cut(path, "."); nested && !slices.Contains(resp.Diffs, key) {
			resp.Diffs = append(resp.Diffs, key)
		}
	}
	return resp, nil
}

// provider is the engine's view: what all stand-ins have in common, and the calls that only this one answers.
func (p *Plugin) provider(life context.Context, version string) plugin.Provider {
	return &face{Provider: provider.New(life, provider.Provider{
		Name: "kubernetes", Version: version, Lookup: p.lookup, Configure: p.configure, DiffConfig: p.diffConfig,
	})}
}

// unsupported are the modules of components and releases that the official plugin makes inside itself.
var unsupported = []string{"helm.sh/", "yaml", "kustomize"}

func (p *Plugin) lookup(t tokens.Type) (provider.Resource, error) {
	for _, module := range unsupported {
		if strings.HasPrefix(string(t), "kubernetes:"+module) {
			return nil, official(string(t))
		}
	}
	if len(strings.Split(string(t), ":")) != 3 {
		return nil, official(string(t))
	}
	return p, nil
}

func official(what string) error {
	return fmt.Errorf("%s needs the official plugin: this is the lab's stand-in for pulumi-resource-kubernetes", what)
}

// face adds the refusals to the shared provider.
type face struct{ plugin.Provider }

func (face) Invoke(_ context.Context, req plugin.InvokeRequest) (plugin.InvokeResponse, error) {
	return plugin.InvokeResponse{}, official(string(req.Tok))
}

func (face) Call(_ context.Context, req plugin.CallRequest) (plugin.CallResponse, error) {
	return plugin.CallResponse{}, official(string(req.Tok))
}

func (face) Construct(_ context.Context, req plugin.ConstructRequest) (plugin.ConstructResponse, error) {
	return plugin.ConstructResponse{}, official(string(req.Type))
}

// CheckConfig refuses the modes that are not here, before anything is made.
func (face) CheckConfig(_ context.Context, req plugin.CheckConfigRequest) (plugin.CheckConfigResponse, error) {
	resp := plugin.CheckConfigResponse{Properties: req.News}
	if v := req.News["enableServerSideApply"]; v.IsString() && v.StringValue() == "false" || v.IsBool() && !v.BoolValue() {
		resp.Failures = append(resp.Failures, plugin.CheckFailure{
			Property: "enableServerSideApply", Reason: official("client-side apply").Error(),
		})
	}
	if provider.Text(req.News, "renderYamlToDirectory") != "" {
		resp.Failures = append(resp.Failures, plugin.CheckFailure{
			Property: "renderYamlToDirectory", Reason: official("rendering to a directory").Error(),
		})
	}
	return resp, nil
}

type hostLogger struct{ host *sdk.HostClient }

func (l hostLogger) Status(ctx context.Context, urn resource.URN, message string) {
	_ = l.host.LogStatus(ctx, diag.Info, urn, message)
}

func (l hostLogger) Warn(ctx context.Context, urn resource.URN, message string) {
	_ = l.host.Log(ctx, diag.Warning, urn, message)
}
