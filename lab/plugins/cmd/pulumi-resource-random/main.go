// pulumi-resource-random is the lab's stand-in for the official resource provider of this name.
package main

import (
	"stratiform.local/lab/plugins/internal/provider"
	"stratiform.local/lab/plugins/internal/random"
)

// version is set by the build: -ldflags "-X main.version=…".
var version = "0.0.0"

func main() {
	provider.Main("random", func(_ *provider.Logger) provider.Provider { return random.New(version) })
}
