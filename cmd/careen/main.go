// Command careen looks below the waterline of a container image.
package main

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/careen/careen/internal/cli"
)

func main() {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	os.Exit(cli.Main(signals, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}
