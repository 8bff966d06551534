//go:build linux

package main

import (
	"slices"

	"github.com/careen/careen/internal/image"
)

func cmd(argv ...string) image.Config { return image.Config{Cmd: argv} }

func entry(argv ...string) image.Config { return image.Config{Entrypoint: argv} }

// recipes are chosen to be unlike one another: each starts programs, finds files or
// writes in another way.
func recipes() []recipe {
	return slices.Concat(starters(), servers(), languages(), batch())
}
