// Command careend scans whole registries and keeps judging what it found.
package main

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/careen/careen/internal/fleet/daemon"
)

func main() {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	os.Exit(daemon.Main(signals, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}
