// pulumi-resource-tls is the lab's stand-in for the official resource provider of this name.
package main

import (
	"stratiform.local/lab/plugins/internal/provider"
	"stratiform.local/lab/plugins/internal/tls"
)

// version is set by the build: -ldflags "-X main.version=…".
var version = "0.0.0"

func main() {
	provider.Main("tls", func(_ *provider.Logger) provider.Provider { return tls.New(version) })
}
