package kubernetes

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"stratiform.local/lab/plugins/internal/provider"
)

// Client limits when neither the program nor the environment sets them: a lab's API server is near and idle.
const defaultQPS, defaultBurst = 100, 200

// settings are the provider's inputs.
type settings struct {
	unknown                          bool // some input that leads to the cluster is not known yet
	kubeconfig, context, clusterName string
	namespace                        string
	upsert, patchForce               bool
	configMapMutable, secretMutable  bool
	suppressWarnings                 bool
	deleteUnreachable                bool
	skipUpdateUnreachable            bool
	client                           clientSettings
}

type clientSettings struct {
	QPS     float32 `json:"qps"`
	Burst   int     `json:"burst"`
	Timeout int     `json:"timeout"` // seconds
}

func (p *Plugin) configure(_ context.Context, inputs resource.PropertyMap) error {
	s, err := parseSettings(inputs)
	if err != nil {
		return err
	}
	p.settings = s
	p.cluster.settings = &p.settings
	return nil
}

// parseSettings reads provider inputs; the engine hands all but strings over as JSON text.
func parseSettings(in resource.PropertyMap) (settings, error) {
	flag := func(key resource.PropertyKey, environment string) bool {
		text := provider.Text(in, key)
		if text == "" && !in[key].IsBool() {
			text = os.Getenv(environment)
		}
		return text == "true" || text == "1" || provider.Flag(in, key)
	}
	s := settings{
		unknown:    in["kubeconfig"].ContainsUnknowns() || in["context"].ContainsUnknowns() || in["cluster"].ContainsUnknowns(),
		kubeconfig: jsonText(in["kubeconfig"]), context: provider.Text(in, "context"),
		clusterName: provider.Text(in, "cluster"), namespace: provider.Text(in, "namespace"),
		upsert:                flag("upsertExistingObjects", "PULUMI_K8S_UPSERT_EXISTING_OBJECTS"),
		patchForce:            flag("enablePatchForce", "PULUMI_K8S_ENABLE_PATCH_FORCE"),
		configMapMutable:      flag("enableConfigMapMutable", "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE"),
		secretMutable:         flag("enableSecretMutable", "PULUMI_K8S_ENABLE_SECRET_MUTABLE"),
		suppressWarnings:      flag("suppressDeprecationWarnings", "PULUMI_K8S_SUPPRESS_DEPRECATION_WARNINGS"),
		deleteUnreachable:     flag("deleteUnreachable", "PULUMI_K8S_DELETE_UNREACHABLE"),
		skipUpdateUnreachable: flag("skipUpdateUnreachable", "PULUMI_K8S_SKIP_UPDATE_UNREACHABLE"),
		client:                clientSettings{QPS: defaultQPS, Burst: defaultBurst},
	}
	environment := func(name string, set func(float64)) {
		if n, err := strconv.ParseFloat(os.Getenv("PULUMI_K8S_CLIENT_"+name), 64); err == nil {
			set(n)
		}
	}
	environment("QPS", func(n float64) { s.client.QPS = float32(n) })
	environment("BURST", func(n float64) { s.client.Burst = int(n) })
	environment("TIMEOUT", func(n float64) { s.client.Timeout = int(n) })
	if text := jsonText(in["kubeClientSettings"]); text != "" {
		if err := json.Unmarshal([]byte(text), &s.client); err != nil {
			return s, fmt.Errorf("kubeClientSettings: %w", err)
		}
	}
	return s, nil
}

// jsonText is a string input, or the JSON of an object: a kubeconfig may be given as either.
func jsonText(v resource.PropertyValue) string {
	switch {
	case v.IsString():
		return v.StringValue()
	case v.IsObject() && !v.ContainsUnknowns():
		text, _ := json.Marshal(v.Mappable())
		return string(text)
	}
	return ""
}

// diffConfig decides whether a changed provider is another cluster. With a clusterIdentifier only its change says so;
// without, another context or another server address does.
func (p *Plugin) diffConfig(_ context.Context, req plugin.DiffConfigRequest) (plugin.DiffConfigResponse, error) {
	changed := provider.Changed(req.OldInputs, req.NewInputs, req.IgnoreChanges)
	replaces := func(key resource.PropertyKey) bool { return key == "clusterIdentifier" }
	if !req.NewInputs.HasValue("clusterIdentifier") {
		replaces = func(key resource.PropertyKey) bool {
			if key == "kubeconfig" {
				return serverOf(req.OldInputs) != serverOf(req.NewInputs)
			}
			return key == "context" || key == "cluster"
		}
	}
	return provider.DiffOf(changed, replaces), nil
}

// serverOf is the API server that provider inputs lead to; "" when that is not known.
func serverOf(inputs resource.PropertyMap) string {
	s, err := parseSettings(inputs)
	if err != nil || s.unknown {
		return ""
	}
	config, err := s.loader().ClientConfig()
	if err != nil {
		return ""
	}
	return config.Host
}

// loader finds the kubeconfig: the content of a file, a path or a list of paths, or else what kubectl would use.
func (s *settings) loader() clientcmd.ClientConfig {
	overrides := &clientcmd.ConfigOverrides{CurrentContext: s.context}
	overrides.Context = clientcmdapi.Context{Cluster: s.clusterName, Namespace: s.namespace}
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	if s.kubeconfig != "" {
		if strings.ContainsAny(s.kubeconfig, "\n{:") && !exists(s.kubeconfig) {
			if config, err := clientcmd.Load([]byte(s.kubeconfig)); err == nil {
				return clientcmd.NewDefaultClientConfig(*config, overrides)
			}
		}
		rules.ExplicitPath = ""
		rules.Precedence = filepath.SplitList(expandHome(s.kubeconfig))
	}
	return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides)
}

func exists(paths string) bool {
	for _, path := range filepath.SplitList(expandHome(paths)) {
		if _, err := os.Stat(path); err == nil {
			return true
		}
	}
	return false
}

func expandHome(path string) string {
	if home, err := os.UserHomeDir(); err == nil && strings.HasPrefix(path, "~/") {
		return filepath.Join(home, path[2:])
	}
	return path
}

// restConfig is the client configuration, and the namespace of objects that name none.
func (s *settings) restConfig() (*rest.Config, string, error) {
	loader := s.loader()
	config, err := loader.ClientConfig()
	if err != nil {
		return nil, "", fmt.Errorf("cannot load the kubeconfig: %w", err)
	}
	namespace, _, err := loader.Namespace()
	if err != nil {
		return nil, "", err
	}
	config.QPS, config.Burst = s.client.QPS, s.client.Burst
	config.Timeout = time.Duration(s.client.Timeout) * time.Second
	config.UserAgent = "pulumi-resource-kubernetes"
	config.WarningHandler = rest.NoWarnings{}
	if !s.suppressWarnings {
		config.WarningHandler = rest.NewWarningWriter(os.Stderr, rest.WarningWriterOptions{Deduplicate: true})
	}
	return config, namespace, nil
}
