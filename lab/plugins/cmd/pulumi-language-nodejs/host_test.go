package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"
)

func writeFile(t *testing.T, content string, mode os.FileMode, path ...string) {
	t.Helper()
	name := filepath.Join(path...)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

// program makes a program's folder, and a "node" on the PATH that is a shell script.
func program(t *testing.T, node string) *pulumirpc.ProgramInfo {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, "#!/bin/sh\n"+node, 0o755, dir, "bin", "node")
	t.Setenv("PATH", filepath.Join(dir, "bin")+":"+os.Getenv("PATH"))
	for _, entry := range []string{"run", "run-plugin", "run-policy-pack"} {
		writeFile(t, "", 0o644, dir, "node_modules", "@pulumi", "pulumi", "cmd", entry, "index.js")
	}
	writeFile(t, "{}", 0o644, dir, "program", "package.json")
	return &pulumirpc.ProgramInfo{RootDirectory: dir, ProgramDirectory: filepath.Join(dir, "program"), EntryPoint: "."}
}

func withOptions(t *testing.T, info *pulumirpc.ProgramInfo, options map[string]any) *pulumirpc.ProgramInfo {
	t.Helper()
	var err error
	if info.Options, err = structpb.NewStruct(options); err != nil {
		t.Fatal(err)
	}
	return info
}

// client talks to a host over gRPC.
func client(t *testing.T) pulumirpc.LanguageRuntimeClient {
	t.Helper()
	stop := make(chan bool)
	t.Cleanup(func() { close(stop) })
	handle, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{Cancel: stop, Init: func(s *grpc.Server) error {
		pulumirpc.RegisterLanguageRuntimeServer(s, newHost(context.Background(), "engine:1", ""))
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient(fmt.Sprintf("127.0.0.1:%d", handle.Port), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return pulumirpc.NewLanguageRuntimeClient(conn)
}

func TestRunStartsNode(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	info := program(t, `{ echo "$@"; env | grep '^PULUMI_'; } > `+out)
	withOptions(t, info, map[string]any{"tsconfig": "tsconfig.pulumi.json", "nodeargs": "--import 'a b'"})
	response, err := client(t).Run(context.Background(), &pulumirpc.RunRequest{
		Project: "p", Stack: "s", Pwd: "/w", Organization: "o", DryRun: true, Parallel: 4, MonitorAddress: "monitor:2",
		Config: map[string]string{"p:a": "1"}, ConfigSecretKeys: []string{"p:b"}, Args: []string{"x"}, Info: info,
	})
	if err != nil || response.Error != "" || response.Bail {
		t.Fatalf("%v, %v", response, err)
	}
	got, _ := os.ReadFile(out)
	want := "--import a b " + filepath.Join(info.RootDirectory, "node_modules/@pulumi/pulumi/cmd/run") +
		" --monitor monitor:2 --engine engine:1 --organization o --project p --root-directory " + info.RootDirectory +
		" --stack s --pwd /w --parallel 4 --dry-run . x"
	lines := strings.Split(strings.TrimSpace(string(got)), "\n")
	if lines[0] != want {
		t.Errorf("node %s\nwant %s", lines[0], want)
	}
	for _, line := range []string{
		`PULUMI_CONFIG={"p:a":"1"}`, `PULUMI_CONFIG_SECRET_KEYS=["p:b"]`, "PULUMI_NODEJS_TYPESCRIPT=true",
		"PULUMI_NODEJS_TSCONFIG_PATH=tsconfig.pulumi.json",
	} {
		if !slices.Contains(lines, line) {
			t.Errorf("no %s in %v", line, lines)
		}
	}
}

func TestHowAProgramEnds(t *testing.T) {
	for node, want := range map[string]*pulumirpc.RunResponse{
		"exit 0":     {},
		"exit 32":    {Bail: true},
		"exit 7":     {Error: "Program exited with non-zero exit code: 7"},
		"kill -9 $$": {Error: "Program exited unexpectedly: signal: killed"},
	} {
		got, err := client(t).Run(context.Background(), &pulumirpc.RunRequest{Info: program(t, node)})
		if err != nil || got.Error != want.Error || got.Bail != want.Bail {
			t.Errorf("%s: %v, %v", node, got, err)
		}
	}
	info := program(t, "exit 0")
	if err := os.RemoveAll(filepath.Join(info.RootDirectory, "node_modules")); err != nil {
		t.Fatal(err)
	}
	got, err := client(t).Run(context.Background(), &pulumirpc.RunRequest{Info: info})
	if err != nil || !strings.Contains(got.Error, "run npm install") {
		t.Errorf("without @pulumi/pulumi: %v, %v", got, err)
	}
	withOptions(t, info, map[string]any{"nodeargs": true})
	if _, err := client(t).Run(context.Background(), &pulumirpc.RunRequest{Info: info}); err == nil ||
		!strings.Contains(err.Error(), "runtime option nodeargs") {
		t.Errorf("a wrong option: %v", err)
	}
}

func TestCancelEndsNode(t *testing.T) {
	started := filepath.Join(t.TempDir(), "started")
	info := program(t, "touch "+started+"; exec sleep 60")
	c := client(t)
	ended := make(chan *pulumirpc.RunResponse, 1)
	go func() {
		response, _ := c.Run(context.Background(), &pulumirpc.RunRequest{Info: info})
		ended <- response
	}()
	for range 300 {
		if _, err := os.Stat(started); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if _, err := c.Cancel(context.Background(), &emptypb.Empty{}); err != nil {
		t.Fatal(err)
	}
	select {
	case response := <-ended:
		if response.GetError() != errCancelled.Error() {
			t.Errorf("%v", response)
		}
	case <-time.After(3 * time.Second):
		t.Fatal("node goes on after Cancel")
	}
}

func TestRunPlugin(t *testing.T) {
	info := program(t, `pwd; echo "$@"; echo "$A" >&2; exit 3`)
	run := func(kind string) (stdout, stderr string, code int32) {
		stream, err := client(t).RunPlugin(context.Background(), &pulumirpc.RunPluginRequest{
			Info: info, Kind: kind, Pwd: "/", Args: []string{"engine:1"}, Env: append(os.Environ(), "A=b"),
		})
		if err != nil {
			t.Fatal(err)
		}
		for {
			message, err := stream.Recv()
			if err == io.EOF {
				return stdout, stderr, code
			}
			if err != nil {
				t.Fatal(err)
			}
			stdout += string(message.GetStdout())
			stderr += string(message.GetStderr())
			code = max(code, message.GetExitcode())
		}
	}
	entry := filepath.Join(info.RootDirectory, "node_modules/@pulumi/pulumi/cmd")
	stdout, stderr, code := run("resource")
	if want := "/\n" + entry + "/run-plugin " + info.ProgramDirectory + " engine:1\n"; stdout != want || stderr != "b\n" || code != 3 {
		t.Errorf("%q, %q, %d; want %q", stdout, stderr, code, want)
	}
	stdout, _, _ = run("analyzer")
	if want := info.ProgramDirectory + "\n" + entry + "/run-policy-pack engine:1 " + info.ProgramDirectory + "\n"; stdout != want {
		t.Errorf("policy pack: %q, want %q", stdout, want)
	}
}

func TestPackages(t *testing.T) {
	info := program(t, "echo v22.0.0")
	root := info.RootDirectory
	add := func(path, content string) { writeFile(t, content, 0o644, root, "node_modules", path, "package.json") }
	add("@pulumi/random", `{"name":"@pulumi/random","version":"4.21.1","pulumi":{"resource":true}}`)
	add("other/node_modules/@pulumi/random", `{"name":"@pulumi/random","version":"4.0.0","pulumi":{"resource":true}}`)
	add("thing", `{"name":"thing","version":"9.9.9","pulumi":{"resource":true,"name":"base","version":"1.0.0","server":"here",
		"parameterization":{"name":"thing","version":"2.0.0","value":"YWJj"}}}`)
	add("plain", `{"name":"plain","version":"0.1.0"}`)
	add("broken", `{`)
	writeFile(t, `{"dependencies":{"plain":"*","@pulumi/random":"*"}}`, 0o644, info.ProgramDirectory, "package.json")
	c := client(t)
	response, err := c.GetRequiredPackages(context.Background(), &pulumirpc.GetRequiredPackagesRequest{Info: info})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range response.Packages {
		got = append(got, p.Name+"@"+p.Version+p.Server+string(p.Parameterization.GetValue()))
	}
	slices.Sort(got)
	if want := "base@1.0.0hereabc random@4.0.0 random@4.21.1"; strings.Join(got, " ") != want {
		t.Errorf("packages %v, want %s", got, want)
	}
	dependencies, err := c.GetProgramDependencies(context.Background(), &pulumirpc.GetProgramDependenciesRequest{Info: info})
	if err != nil || len(dependencies.Dependencies) != 3 {
		t.Errorf("dependencies %v, %v", dependencies, err)
	}
	about, err := c.About(context.Background(), &pulumirpc.AboutRequest{})
	if err != nil || about.Version != "v22.0.0" {
		t.Errorf("about %v, %v", about, err)
	}
}

func TestInstallDependencies(t *testing.T) {
	info := program(t, "")
	for _, name := range []string{"npm", "pnpm"} {
		writeFile(t, "#!/bin/sh\necho "+name+" $@; test ! -e fail", 0o755, info.RootDirectory, "bin", name)
	}
	install := func() (string, error) {
		stream, err := client(t).InstallDependencies(context.Background(),
			&pulumirpc.InstallDependenciesRequest{Directory: info.ProgramDirectory, Info: info})
		if err != nil {
			t.Fatal(err)
		}
		var output string
		for {
			message, err := stream.Recv()
			if err == io.EOF {
				return output, nil
			}
			if err != nil {
				return output, err
			}
			output += string(message.GetStdout())
		}
	}
	if output, err := install(); output != "npm install\n" || err != nil {
		t.Errorf("%q, %v", output, err)
	}
	withOptions(t, info, map[string]any{"packagemanager": "pnpm"})
	if output, err := install(); output != "pnpm install\n" || err != nil {
		t.Errorf("%q, %v", output, err)
	}
	writeFile(t, "", 0o644, info.ProgramDirectory, "fail")
	if _, err := install(); err == nil || !strings.Contains(err.Error(), "exit code 1") {
		t.Errorf("a failed installation: %v", err)
	}
}
