//go:build !linux

package slim

import (
	"context"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/rootfs"
)

// CanTry reports why images of a platform cannot be run here; nil where they can.
func CanTry(image.Platform) error { return ErrNoTrials }

// Unpack writes a tree into a directory; not on this system.
func Unpack(context.Context, *rootfs.Tree, string) error { return ErrNoTrials }

// Run runs a trial; not on this system.
func (t *Trial) Run(context.Context) (Observation, error) { return Observation{}, ErrNoTrials }

// Trace runs a trial under strace; not on this system.
func (t *Trial) Trace(context.Context) ([]string, error) { return nil, ErrNoTrials }
