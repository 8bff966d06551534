package cli

import (
	"context"
	"io"
)

// runCareen runs one command, as Main does, without signals.
func runCareen(ctx context.Context, args, env []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return supervise(ctx, nil, grace, args, env, stdin, stdout, stderr)
}
