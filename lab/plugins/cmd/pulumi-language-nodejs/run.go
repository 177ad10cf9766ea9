package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/kballard/go-shellquote"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

const (
	// programReported is the exit code by which @pulumi/pulumi says that it has shown the error already.
	programReported = 32
	// endGrace is how long a node process may take to end after SIGINT.
	endGrace = 5 * time.Second
)

// options are the runtime options of Pulumi.yaml.
type options struct {
	typescript     bool
	tsconfig       string
	nodeArgs       []string
	packageManager string
}

func optionsOf(info *pulumirpc.ProgramInfo) (options, error) {
	result := options{typescript: true}
	for name, value := range info.GetOptions().AsMap() {
		text, isText := value.(string)
		flag, isFlag := value.(bool)
		var err error
		switch {
		case name == "typescript" && isFlag:
			result.typescript = flag
		case name == "tsconfig" && isText:
			result.tsconfig = text
		case name == "packagemanager" && isText:
			result.packageManager = text
		case name == "nodeargs" && isText:
			result.nodeArgs, err = shellquote.Split(text)
		case name == "typescript" || name == "tsconfig" || name == "packagemanager" || name == "nodeargs":
			err = fmt.Errorf("a %T cannot be used here", value)
		}
		if err != nil {
			return result, fmt.Errorf("runtime option %s: %w", name, err)
		}
	}
	return result, nil
}

// find looks for a path below node_modules in a folder and the ones above it, as Node.js does.
func find(directory string, path ...string) (string, error) {
	for dir := directory; ; dir = filepath.Dir(dir) {
		found := filepath.Join(append([]string{dir, "node_modules"}, path...)...)
		if _, err := os.Stat(found); err == nil {
			return found, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%s is not installed for %s: run npm install there", filepath.Join(path...), directory)
		}
	}
}

// node prepares a node process: one of @pulumi/pulumi's entry points, found from directory. It ends with ctx.
func node(ctx context.Context, opts options, directory, entry string, args ...string) (*exec.Cmd, error) {
	bin, err := exec.LookPath("node")
	if err != nil {
		return nil, fmt.Errorf("could not find node on the PATH: %w", err)
	}
	path := os.Getenv("PULUMI_LANGUAGE_NODEJS_RUN_PATH")
	if path == "" || entry != "run" {
		if path, err = find(directory, "@pulumi", "pulumi", "cmd", entry); err != nil {
			return nil, err
		}
	}
	cmd := exec.CommandContext(ctx, bin, append(append(append([]string{}, opts.nodeArgs...), path), args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = endGrace
	cmd.Env = os.Environ()
	return cmd, nil
}

// Run executes a program. Output goes to this process' own streams, which the engine shows to the user.
func (h *host) Run(call context.Context, req *pulumirpc.RunRequest) (*pulumirpc.RunResponse, error) {
	ctx, cancel := h.operation(call)
	defer cancel()
	opts, err := optionsOf(req.GetInfo())
	if err != nil {
		return nil, err
	}
	cmd, err := node(ctx, opts, req.GetInfo().GetProgramDirectory(), "run", h.runArguments(req)...)
	if err != nil {
		return &pulumirpc.RunResponse{Error: err.Error()}, nil
	}
	config, err := json.Marshal(orEmpty(req.GetConfig()))
	if err != nil {
		return nil, err
	}
	secretKeys, err := json.Marshal(append([]string{}, req.GetConfigSecretKeys()...))
	if err != nil {
		return nil, err
	}
	cmd.Env = append(cmd.Env, "PULUMI_CONFIG="+string(config), "PULUMI_CONFIG_SECRET_KEYS="+string(secretKeys),
		"PULUMI_NODEJS_TYPESCRIPT="+strconv.FormatBool(opts.typescript))
	if opts.tsconfig != "" {
		cmd.Env = append(cmd.Env, "PULUMI_NODEJS_TSCONFIG_PATH="+opts.tsconfig)
	}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return response(ctx, cmd.Run())
}

func orEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

// response tells the engine how a program ended; bail means that the user has read the reason already.
func response(ctx context.Context, err error) (*pulumirpc.RunResponse, error) {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return &pulumirpc.RunResponse{}, nil
	case ctx.Err() != nil:
		return &pulumirpc.RunResponse{Error: errCancelled.Error()}, nil
	case errors.As(err, &exit) && exit.ExitCode() == programReported:
		return &pulumirpc.RunResponse{Bail: true}, nil
	case errors.As(err, &exit) && exit.ExitCode() >= 0:
		return &pulumirpc.RunResponse{Error: fmt.Sprintf("Program exited with non-zero exit code: %d", exit.ExitCode())}, nil
	default:
		return &pulumirpc.RunResponse{Error: fmt.Sprintf("Program exited unexpectedly: %v", err)}, nil
	}
}

func (h *host) runArguments(req *pulumirpc.RunRequest) []string {
	var args []string
	for _, pair := range [][2]string{
		{"monitor", req.GetMonitorAddress()},
		{"engine", h.engine},
		{"organization", req.GetOrganization()},
		{"project", req.GetProject()},
		{"root-directory", req.GetInfo().GetRootDirectory()},
		{"stack", req.GetStack()},
		{"pwd", req.GetPwd()},
		{"parallel", strconv.Itoa(int(req.GetParallel()))},
		{"tracing", h.tracing},
	} {
		if pair[1] != "" {
			args = append(args, "--"+pair[0], pair[1])
		}
	}
	if req.GetDryRun() {
		args = append(args, "--dry-run")
	}
	program := req.GetInfo().GetEntryPoint()
	if program == "" {
		program = "."
	}
	return append(append(args, program), req.GetArgs()...)
}

// RunPlugin executes a component package or a policy pack, and streams its output until it ends or the call does.
func (h *host) RunPlugin(req *pulumirpc.RunPluginRequest, stream pulumirpc.LanguageRuntime_RunPluginServer) error {
	ctx, cancel := h.operation(stream.Context())
	defer cancel()
	opts, err := optionsOf(req.GetInfo())
	if err != nil {
		return err
	}
	directory := req.GetInfo().GetProgramDirectory()
	entry, args := "run-plugin", append([]string{directory}, req.GetArgs()...)
	if req.GetKind() == "analyzer" {
		entry, args = "run-policy-pack", append(append([]string{}, req.GetArgs()...), directory)
	}
	cmd, err := node(ctx, opts, directory, entry, args...)
	if err != nil {
		return err
	}
	cmd.Dir = req.GetPwd()
	if req.GetKind() == "analyzer" || cmd.Dir == "" {
		cmd.Dir = directory // where a pack's tsconfig.json is
	}
	if len(req.GetEnv()) > 0 {
		cmd.Env = req.GetEnv()
	}
	closer, stdout, stderr, err := rpcutil.MakeRunPluginStreams(stream, false)
	if err != nil {
		return err
	}
	defer closer.Close()
	code, err := runTo(cmd, stdout, stderr)
	if err != nil {
		return err
	}
	if err := closer.Close(); err != nil {
		return err
	}
	return stream.Send(&pulumirpc.RunPluginResponse{Output: &pulumirpc.RunPluginResponse_Exitcode{Exitcode: int32(code)}})
}

// runTo runs a command to its end and gives its exit code; an error means that it did not run.
func runTo(cmd *exec.Cmd, stdout, stderr io.Writer) (int, error) {
	cmd.Stdout, cmd.Stderr = stdout, stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	if err != nil {
		return 0, fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err)
	}
	return 0, nil
}
