// Package command has the resource types of the command provider that labs use.
package command

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"

	"stratiform.local/lab/plugins/internal/provider"
)

type props = resource.PropertyMap

// New describes the provider.
func New(version string, log *provider.Logger) provider.Provider {
	return provider.Provider{Name: "command", Version: version, Lookup: provider.Table(map[tokens.Type]provider.Resource{
		"command:local:Command": &command{log: log, execute: (*runner).local},
		"command:remote:Command": &command{
			log: log, execute: (*runner).remote, required: []resource.PropertyKey{"connection"},
		},
		"command:remote:CopyToRemote": &copyToRemote{command{
			log: log, required: []resource.PropertyKey{"connection", "remotePath", "source"},
		}},
	}, "it has local.Command, remote.Command and remote.CopyToRemote")}
}

// runner is one run of a command: the resource it belongs to, its inputs, and the output of the run before.
type runner struct {
	log      *provider.Logger
	urn      resource.URN
	in       props
	previous props
}

// command is a resource that runs programs: create, update (or create again), delete.
type command struct {
	log      *provider.Logger
	required []resource.PropertyKey
	execute  func(r *runner, ctx context.Context, text string, out, errs io.Writer) error
}

func (c *command) Check(_ context.Context, req plugin.CheckRequest) (plugin.CheckResponse, error) {
	response := plugin.CheckResponse{Properties: req.News}
	fail := func(key resource.PropertyKey, reason string) {
		response.Failures = append(response.Failures, plugin.CheckFailure{Property: key, Reason: reason})
	}
	for _, key := range c.required {
		if v, ok := req.News[key]; !ok || v.IsNull() {
			fail(key, fmt.Sprintf("Missing required argument %q", key))
		}
	}
	if v := req.News["connection"]; v.IsObject() && v.ObjectValue()["host"].IsNull() {
		fail("connection", "connection.host is missing")
	}
	for _, key := range []resource.PropertyKey{"assetPaths", "archivePaths"} {
		if v, ok := req.News[key]; ok && !v.IsNull() {
			fail(key, "needs the official command provider")
		}
	}
	return response, nil
}

// Diff: any change is an update, only triggers replace.
func (c *command) Diff(_ context.Context, req plugin.DiffRequest) (plugin.DiffResult, error) {
	changed := provider.Changed(req.OldInputs, req.NewInputs, req.IgnoreChanges)
	return provider.DiffOf(changed, func(key resource.PropertyKey) bool { return key == "triggers" }), nil
}

func (c *command) Create(ctx context.Context, req plugin.CreateRequest) (plugin.CreateResponse, error) {
	id, err := uniqueID(req.Name)
	if err != nil || req.Preview {
		return plugin.CreateResponse{ID: id, Properties: unknownOutput(req.Properties)}, err
	}
	r := &runner{c.log, req.URN, req.Properties, nil}
	state, err := c.run(ctx, r, "create")
	return plugin.CreateResponse{ID: id, Properties: state}, err
}

func (c *command) Update(ctx context.Context, req plugin.UpdateRequest) (plugin.UpdateResponse, error) {
	if req.Preview {
		return plugin.UpdateResponse{Properties: unknownOutput(req.NewInputs)}, nil
	}
	r := &runner{c.log, req.URN, req.NewInputs, req.OldOutputs}
	which := resource.PropertyKey("create")
	if v, ok := req.NewInputs["update"]; ok && !v.IsNull() {
		which = "update"
	}
	state, err := c.run(ctx, r, which)
	return plugin.UpdateResponse{Properties: state}, err
}

// Read answers with the state it is given: nothing is known about what a command has done.
func (c *command) Read(_ context.Context, req plugin.ReadRequest) (plugin.ReadResponse, error) {
	return plugin.ReadResponse{ReadResult: plugin.ReadResult{ID: req.ID, Inputs: req.Inputs, Outputs: req.State}}, nil
}

// Delete runs the old state's command, with its connection and standard input.
func (c *command) Delete(ctx context.Context, req plugin.DeleteRequest) (plugin.DeleteResponse, error) {
	_, err := c.run(ctx, &runner{c.log, req.URN, req.Outputs, req.Outputs}, "delete")
	return plugin.DeleteResponse{}, err
}

func unknownOutput(in props) props {
	state := in.Copy()
	for _, key := range []resource.PropertyKey{"stdout", "stderr"} {
		state[key] = resource.MakeComputed(resource.NewProperty(""))
	}
	return state
}

// run executes one of a resource's commands and gives the new state; without such a command it runs nothing.
func (c *command) run(ctx context.Context, r *runner, which resource.PropertyKey) (props, error) {
	state := r.in.Copy()
	for _, key := range []resource.PropertyKey{"stdout", "stderr"} {
		state[key] = resource.NewProperty(provider.Text(r.previous, key))
	}
	if v, ok := r.in[which]; !ok || v.IsNull() {
		return state, nil
	}
	text := provider.Text(r.in, which)
	var out, errs, both bytes.Buffer
	sink := &locked{Writer: &both}
	lines, done := r.lines(ctx)
	writers := func(own io.Writer, logged bool) io.Writer {
		if logged {
			return io.MultiWriter(own, sink, lines)
		}
		return io.MultiWriter(own, sink)
	}
	logging := provider.Text(r.in, "logging")
	err := c.execute(r, ctx, text,
		writers(&out, logging == "" || logging == "stdout" || logging == "stdoutAndStderr"),
		writers(&errs, logging == "" || logging == "stderr" || logging == "stdoutAndStderr"))
	_ = lines.Close()
	<-done
	if err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("cancelled (%w)", err)
		}
		var connecting *connectError
		if errors.As(err, &connecting) {
			return nil, err
		}
		return nil, fmt.Errorf("%w: running %q:\n%s", err, text, both.String())
	}
	state["stdout"] = resource.NewProperty(strings.TrimSuffix(out.String(), "\n"))
	state["stderr"] = resource.NewProperty(strings.TrimSuffix(errs.String(), "\n"))
	return state, nil
}

// lines shows each line of output while the command runs.
func (r *runner) lines(ctx context.Context) (io.WriteCloser, <-chan struct{}) {
	reader, writer := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		scanner := bufio.NewScanner(reader)
		for scanner.Scan() {
			r.log.Status(ctx, r.urn, scanner.Text())
		}
		_, _ = io.Copy(io.Discard, reader) // a line too long for the scanner
	}()
	return writer, done
}

// locked is a writer for two streams at once.
type locked struct {
	io.Writer
	mutex sync.Mutex
}

func (l *locked) Write(p []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.Writer.Write(p)
}

// environment has the resource's own variables and the previous run's output.
func (r *runner) environment() (own, previous map[string]string) {
	own, previous = map[string]string{}, map[string]string{}
	if v := r.in["environment"]; v.IsObject() {
		for key := range v.ObjectValue() {
			own[string(key)] = provider.Text(v.ObjectValue(), key)
		}
	}
	if v := r.in["addPreviousOutputInEnv"]; !v.IsBool() || v.BoolValue() {
		for name, key := range map[string]resource.PropertyKey{
			"PULUMI_COMMAND_STDOUT": "stdout", "PULUMI_COMMAND_STDERR": "stderr",
		} {
			if text := provider.Text(r.previous, key); text != "" {
				previous[name] = text
			}
		}
	}
	return own, previous
}

// local runs the command on this computer.
func (r *runner) local(ctx context.Context, text string, out, errs io.Writer) error {
	args := provider.Texts(r.in, "interpreter")
	if len(args) == 0 {
		args = []string{"/bin/sh", "-c"}
	}
	args = append(args, text)
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = provider.Text(r.in, "dir"), out, errs
	cmd.WaitDelay = time.Second // for children of a killed command that hold its output open
	cmd.Env = os.Environ()
	own, previous := r.environment()
	for _, variables := range []map[string]string{own, previous} {
		for name, value := range variables {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	if input := provider.Text(r.in, "stdin"); input != "" {
		cmd.Stdin = strings.NewReader(input)
	}
	return cmd.Run()
}

// connectError is a failure before the command was started: the command's text would only hide it.
type connectError struct{ error }

func (e *connectError) Unwrap() error { return e.error }

// remote runs the command over SSH.
func (r *runner) remote(ctx context.Context, text string, out, errs io.Writer) error {
	in, err := connectionOf(r.in)
	if err != nil {
		return &connectError{err}
	}
	client, err := r.dial(ctx, in)
	if err != nil {
		return &connectError{err}
	}
	defer client.Close()
	session, err := client.NewSession()
	if err != nil {
		return &connectError{err}
	}
	defer session.Close()
	own, previous := r.environment()
	for name, value := range own {
		if err := session.Setenv(name, value); err != nil {
			return &connectError{fmt.Errorf("environment: the server does not accept %s (AcceptEnv in sshd_config): %w", name, err)}
		}
	}
	for name, value := range previous {
		if err := session.Setenv(name, value); err != nil {
			r.log.Warn(ctx, r.urn, fmt.Sprintf("the SSH server does not accept %s (AcceptEnv in sshd_config)", name))
		}
	}
	if input := provider.Text(r.in, "stdin"); input != "" {
		session.Stdin = strings.NewReader(input)
	}
	session.Stdout, session.Stderr = out, errs
	return session.Run(text)
}
