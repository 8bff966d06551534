// Command careen looks below the waterline of a container image.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/careen/careen/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Main(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
