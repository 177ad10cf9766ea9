// pulumi-language-nodejs is the lab's stand-in for Pulumi's official Node.js language host: it starts programs,
// component packages and policy packs by the @pulumi/pulumi package, and answers the engine's questions about them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/logging"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
)

// version is set by the build: -ldflags "-X main.version=…".
var version = "0.0.0"

// engineCheckInterval bounds how long the host lives on after its engine was killed.
const engineCheckInterval = 5 * time.Second

func main() {
	// the engine may also pass -v and -logtostderr, which its logging library has registered
	tracing := flag.String("tracing", "", "Zipkin-compatible endpoint for traces")
	flag.Parse()
	logging.InitLogging(false, 0, false)
	if err := serve(flag.Arg(0), *tracing); err != nil {
		fmt.Fprintf(os.Stderr, "pulumi-language-nodejs: %v\n", err)
		os.Exit(1)
	}
}

// serve prints the port it listens on, and runs until a signal or the end of the engine.
func serve(engine, tracing string) error {
	life, end := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer end()
	if engine != "" {
		if err := rpcutil.Healthcheck(life, engine, engineCheckInterval, end); err != nil {
			return fmt.Errorf("could not watch the engine at %s: %w", engine, err)
		}
	}
	stop := make(chan bool)
	context.AfterFunc(life, func() { close(stop) })
	handle, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{
		Cancel: stop,
		Init: func(server *grpc.Server) error {
			pulumirpc.RegisterLanguageRuntimeServer(server, newHost(life, engine, tracing))
			return nil
		},
		Options: rpcutil.OpenTracingServerInterceptorOptions(nil),
	})
	if err != nil {
		return err
	}
	fmt.Println(handle.Port)
	return <-handle.Done
}

// host is the language runtime: its node children end with life.
type host struct {
	pulumirpc.UnimplementedLanguageRuntimeServer
	life    context.Context
	end     context.CancelFunc
	engine  string
	tracing string
}

func newHost(life context.Context, engine, tracing string) *host {
	life, end := context.WithCancel(life)
	return &host{life: life, end: end, engine: engine, tracing: tracing}
}

// Handshake takes the engine's address, which is an argument of the program too.
func (h *host) Handshake(_ context.Context, req *pulumirpc.LanguageHandshakeRequest,
) (*pulumirpc.LanguageHandshakeResponse, error) {
	if req.EngineAddress != "" {
		h.engine = req.EngineAddress
	}
	return &pulumirpc.LanguageHandshakeResponse{}, nil
}

func (h *host) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: version}, nil
}

// Cancel ends everything under way.
func (h *host) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	h.end()
	return &emptypb.Empty{}, nil
}

// Template has nothing to add to a new project.
func (h *host) Template(context.Context, *pulumirpc.TemplateRequest) (*pulumirpc.TemplateResponse, error) {
	return &pulumirpc.TemplateResponse{}, nil
}

// RuntimeOptionsPrompts asks nothing.
func (h *host) RuntimeOptionsPrompts(context.Context, *pulumirpc.RuntimeOptionsRequest,
) (*pulumirpc.RuntimeOptionsResponse, error) {
	return &pulumirpc.RuntimeOptionsResponse{}, nil
}

// operation is a context that ends with the call or with the host.
func (h *host) operation(call context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(call)
	stop := context.AfterFunc(h.life, cancel)
	return ctx, func() { stop(); cancel() }
}

// errCancelled is what the user reads when the program was ended by the engine.
var errCancelled = errors.New("program cancelled")
