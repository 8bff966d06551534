package feed

import (
	"context"
	"errors"
	"fmt"
	"syscall"
)

// Advised adds to the error of a build what there is to do.
func Advised(ctx context.Context, err error) error {
	var unread *Error
	switch {
	case ctx.Err() != nil:
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("%w; make room and try again: what was downloaded is kept", err)
	case errors.As(err, &unread):
		return fmt.Errorf("%w; try again later, or go without it: --skip %s", err, unread.Feed)
	}
	return err
}
