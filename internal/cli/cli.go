// Package cli is the command line: one file a verb. It is the only room that
// reads flags and the environment, prints to a terminal or chooses an exit code.
package cli

import (
	"context"
	"fmt"
	"io"
)

// Main runs one command and returns its exit code.
func Main(ctx context.Context, args, env []string, stdin io.Reader, stdout, stderr io.Writer) int {
	fmt.Fprintln(stderr, "careen: no verbs yet")
	return 1
}
