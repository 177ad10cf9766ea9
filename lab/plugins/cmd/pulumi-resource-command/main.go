// pulumi-resource-command is the lab's stand-in for the official resource provider of this name.
package main

import (
	"stratiform.local/lab/plugins/internal/command"
	"stratiform.local/lab/plugins/internal/provider"
)

// version is set by the build: -ldflags "-X main.version=…".
var version = "0.0.0"

func main() {
	provider.Main("command", func(log *provider.Logger) provider.Provider { return command.New(version, log) })
}
