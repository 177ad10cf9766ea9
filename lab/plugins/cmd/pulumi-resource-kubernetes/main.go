// pulumi-resource-kubernetes is the lab's stand-in for the official resource provider of this name.
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"

	"stratiform.local/lab/plugins/internal/kubernetes"
)

// version is set by the build: -ldflags "-X main.version=…".
var version = "0.0.0"

func main() {
	// Only looked at, not parsed here: the Pulumi SDK has its own flags and reads the engine's address from the arguments.
	if slices.Contains(os.Args[1:], "-version") || slices.Contains(os.Args[1:], "--version") {
		fmt.Println(version)
		return
	}
	// klog, which client-go logs with, must not write over the protocol on standard output.
	_ = flag.Set("logtostderr", "true")
	if err := kubernetes.Serve(version); err != nil {
		fmt.Fprintf(os.Stderr, "pulumi-resource-kubernetes: %v\n", err)
		os.Exit(1)
	}
}
