//go:build !linux

package rootfs

import "errors"

var errNoOverlay = errors.New("not Linux")

func mount(string, string) error { return errNoOverlay }
func unmount(string) error       { return errNoOverlay }
func setOpaque(string) error     { return errNoOverlay }
func mknodWhiteout(string) error { return errNoOverlay }
