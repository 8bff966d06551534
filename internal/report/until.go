package report

import (
	"context"
	"io"
)

// Until returns a writer that takes what w takes until a context has ended, and
// then fails with its cause: encoders of large reports look at no context
// themselves, and end with their first write after that.
func Until(ctx context.Context, w io.Writer) io.Writer { return until{ctx, w} }

type until struct {
	ctx context.Context
	w   io.Writer
}

func (u until) Write(p []byte) (int, error) {
	if u.ctx.Err() != nil {
		return 0, context.Cause(u.ctx)
	}
	return u.w.Write(p)
}
