package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/pulumi/pulumi/pkg/v3/codegen/nodejs"
	"github.com/pulumi/pulumi/pkg/v3/codegen/schema"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// manifest is the part of a package.json that the host reads.
type manifest struct {
	Name            string            `json:"name"`
	Version         string            `json:"version"`
	Scripts         map[string]string `json:"scripts"`
	Dependencies    map[string]string `json:"dependencies"`
	DevDependencies map[string]string `json:"devDependencies"`
	Pulumi          struct {
		Resource         bool   `json:"resource"`
		Name             string `json:"name"`
		Version          string `json:"version"`
		Server           string `json:"server"`
		Parameterization *struct {
			Name    string `json:"name"`
			Version string `json:"version"`
			Value   []byte `json:"value"`
		} `json:"parameterization"`
	} `json:"pulumi"`
}

func readManifest(directory string) (manifest, error) {
	var m manifest
	content, err := os.ReadFile(filepath.Join(directory, "package.json"))
	if err == nil {
		err = json.Unmarshal(content, &m)
	}
	return m, err
}

// installed lists the manifests of all packages in the node_modules of a folder and of the folders above it.
func installed(directory string) []manifest {
	var found []manifest
	for dir := directory; ; dir = filepath.Dir(dir) {
		found = append(found, inNodeModules(dir)...)
		if dir == filepath.Dir(dir) {
			return found
		}
	}
}

// inNodeModules lists a folder's packages, scoped ones among them, and the packages nested in them.
func inNodeModules(directory string) []manifest {
	var found []manifest
	folders, _ := filepath.Glob(filepath.Join(directory, "node_modules", "[^.@]*"))
	scoped, _ := filepath.Glob(filepath.Join(directory, "node_modules", "@*", "[^.]*"))
	for _, folder := range append(folders, scoped...) {
		if m, err := readManifest(folder); err == nil {
			found = append(found, m)
		}
		if info, err := os.Lstat(folder); err == nil && info.Mode()&os.ModeSymlink == 0 {
			found = append(found, inNodeModules(folder)...)
		}
	}
	return found
}

// GetRequiredPackages names the plugins that belong to the installed packages.
func (h *host) GetRequiredPackages(_ context.Context, req *pulumirpc.GetRequiredPackagesRequest,
) (*pulumirpc.GetRequiredPackagesResponse, error) {
	response := &pulumirpc.GetRequiredPackagesResponse{}
	seen := map[string]bool{}
	for _, m := range installed(req.GetInfo().GetProgramDirectory()) {
		if !m.Pulumi.Resource {
			continue
		}
		dependency := &pulumirpc.PackageDependency{
			Name: m.Pulumi.Name, Version: m.Pulumi.Version, Server: m.Pulumi.Server, Kind: "resource",
		}
		if dependency.Name == "" {
			dependency.Name = strings.TrimPrefix(m.Name, "@pulumi/")
		}
		if dependency.Version == "" {
			dependency.Version = m.Version
		}
		key := dependency.Name + "@" + dependency.Version
		if p := m.Pulumi.Parameterization; p != nil {
			dependency.Parameterization = &pulumirpc.PackageParameterization{Name: p.Name, Version: p.Version, Value: p.Value}
			key += "#" + p.Name + "@" + p.Version
		}
		if !seen[key] {
			seen[key] = true
			response.Packages = append(response.Packages, dependency)
		}
	}
	return response, nil
}

// GetRequiredPlugins is the older form of GetRequiredPackages.
func (h *host) GetRequiredPlugins(ctx context.Context, req *pulumirpc.GetRequiredPluginsRequest,
) (*pulumirpc.GetRequiredPluginsResponse, error) {
	packages, err := h.GetRequiredPackages(ctx, &pulumirpc.GetRequiredPackagesRequest{Info: req.GetInfo()})
	response := &pulumirpc.GetRequiredPluginsResponse{}
	for _, p := range packages.GetPackages() {
		response.Plugins = append(response.Plugins, &pulumirpc.PluginDependency{
			Name: p.Name, Kind: p.Kind, Version: p.Version, Server: p.Server,
		})
	}
	return response, err
}

// GetProgramDependencies names the npm packages of a program, with the versions that are installed.
func (h *host) GetProgramDependencies(_ context.Context, req *pulumirpc.GetProgramDependenciesRequest,
) (*pulumirpc.GetProgramDependenciesResponse, error) {
	directory := req.GetInfo().GetProgramDirectory()
	own, err := readManifest(directory)
	if err != nil {
		return nil, fmt.Errorf("dependencies of %s: %w", directory, err)
	}
	response := &pulumirpc.GetProgramDependenciesResponse{}
	for _, m := range installed(directory) {
		_, direct := own.Dependencies[m.Name]
		_, development := own.DevDependencies[m.Name]
		if direct || development || req.GetTransitiveDependencies() {
			response.Dependencies = append(response.Dependencies, &pulumirpc.DependencyInfo{Name: m.Name, Version: m.Version})
		}
	}
	return response, nil
}

// About names the node that runs programs.
func (h *host) About(ctx context.Context, _ *pulumirpc.AboutRequest) (*pulumirpc.AboutResponse, error) {
	bin, err := exec.LookPath("node")
	if err != nil {
		return nil, fmt.Errorf("could not find node on the PATH: %w", err)
	}
	output, err := exec.CommandContext(ctx, bin, "--version").Output()
	return &pulumirpc.AboutResponse{Executable: bin, Version: strings.TrimSpace(string(output))}, err
}

// packageManager is the one of the options, or the one whose lock file is there, or npm.
func packageManager(opts options, directory string) string {
	for name, lock := range map[string]string{"yarn": "yarn.lock", "pnpm": "pnpm-lock.yaml", "bun": "bun.lock"} {
		if _, err := os.Stat(filepath.Join(directory, lock)); opts.packageManager == "" && err == nil {
			return name
		}
	}
	if opts.packageManager != "" {
		return opts.packageManager
	}
	return "npm"
}

// InstallDependencies runs the package manager.
func (h *host) InstallDependencies(req *pulumirpc.InstallDependenciesRequest,
	stream pulumirpc.LanguageRuntime_InstallDependenciesServer,
) error {
	ctx, cancel := h.operation(stream.Context())
	defer cancel()
	opts, err := optionsOf(req.GetInfo())
	if err != nil {
		return err
	}
	closer, stdout, stderr, err := rpcutil.MakeInstallDependenciesStreams(stream, req.GetIsTerminal())
	if err != nil {
		return err
	}
	defer closer.Close()
	directory := req.GetDirectory()
	if directory == "" {
		directory = req.GetInfo().GetProgramDirectory()
	}
	cmd := exec.CommandContext(ctx, packageManager(opts, directory), "install")
	cmd.Dir = directory
	if code, err := runTo(cmd, stdout, stderr); err != nil || code != 0 {
		return errors.Join(err, fmt.Errorf("%s in %s ended with exit code %d", strings.Join(cmd.Args, " "), cmd.Dir, code))
	}
	return closer.Close()
}

// GeneratePackage writes the Node.js SDK of a schema.
func (h *host) GeneratePackage(_ context.Context, req *pulumirpc.GeneratePackageRequest,
) (*pulumirpc.GeneratePackageResponse, error) {
	loader, err := schema.NewLoaderClient(req.GetLoaderTarget())
	if err != nil {
		return nil, err
	}
	defer loader.Close()
	var spec schema.PackageSpec
	if err := json.Unmarshal([]byte(req.GetSchema()), &spec); err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	cached := schema.NewCachedLoader(loader)
	bound, diagnostics, err := schema.BindSpec(spec, cached, schema.ValidationOptions{AllowDanglingReferences: true})
	response := &pulumirpc.GeneratePackageResponse{
		Diagnostics: plugin.HclDiagnosticsToRPCDiagnostics([]*hcl.Diagnostic(diagnostics)),
	}
	if err != nil || diagnostics.HasErrors() {
		return response, err
	}
	files, err := nodejs.GeneratePackage("pulumi-language-nodejs", bound, req.GetExtraFiles(), req.GetLocalDependencies(),
		req.GetLocal(), cached)
	if err != nil {
		return nil, err
	}
	for name, content := range files {
		path := filepath.Join(req.GetDirectory(), name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return nil, err
		}
	}
	return response, nil
}

// Link writes generated SDKs into the dependencies of a program's package.json; the engine installs them then.
func (h *host) Link(ctx context.Context, req *pulumirpc.LinkRequest) (*pulumirpc.LinkResponse, error) {
	directory := req.GetInfo().GetProgramDirectory()
	instructions := []string{"You can import the SDK in your TypeScript code with:\n"}
	for _, dependency := range req.GetPackages() {
		path := dependency.GetPath() // relative to the program, or absolute
		if !filepath.IsAbs(path) {
			path = filepath.Join(directory, path)
		}
		m, err := readManifest(path)
		if err != nil {
			return nil, fmt.Errorf("the package at %s: %w", path, err)
		}
		if path, err = filepath.Rel(directory, path); err != nil {
			return nil, err
		}
		cmd := exec.CommandContext(ctx, "npm", "pkg", "set", fmt.Sprintf("dependencies.%s=file:%s", m.Name, path))
		cmd.Dir = directory
		if output, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("npm pkg set in %s: %w\n%s", directory, err, output)
		}
		name := strings.ReplaceAll(m.Name[strings.LastIndex(m.Name, "/")+1:], "-", "_")
		instructions = append(instructions, fmt.Sprintf("  import * as %s from \"%s\";", name, m.Name))
	}
	return &pulumirpc.LinkResponse{ImportInstructions: strings.Join(instructions, "\n")}, nil
}

// Pack makes an npm archive of a generated SDK: installs, builds if there is a build script, packs.
func (h *host) Pack(ctx context.Context, req *pulumirpc.PackRequest) (*pulumirpc.PackResponse, error) {
	m, err := readManifest(req.GetPackageDirectory())
	if err != nil {
		return nil, err
	}
	steps := [][]string{{"install"}, {"run", "build"}, {"pack", "--json", "--pack-destination", req.GetDestinationDirectory()}}
	if m.Scripts["build"] == "" {
		steps = slices.Delete(steps, 1, 2)
	}
	var output []byte
	for _, args := range steps {
		cmd := exec.CommandContext(ctx, "npm", args...)
		cmd.Dir = req.GetPackageDirectory()
		if output, err = cmd.Output(); err != nil {
			return nil, fmt.Errorf("npm %s: %w\n%s", strings.Join(args, " "), err, output)
		}
	}
	var packed []struct{ Filename string }
	if err := json.Unmarshal(output, &packed); err != nil || len(packed) != 1 {
		return nil, fmt.Errorf("npm pack answered %q", output)
	}
	return &pulumirpc.PackResponse{ArtifactPath: filepath.Join(req.GetDestinationDirectory(), packed[0].Filename)}, nil
}
