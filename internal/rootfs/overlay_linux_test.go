package rootfs

import "syscall"

func mount(at, lower string) error {
	return syscall.Mount("overlay", at, "overlay", syscall.MS_RDONLY, "lowerdir="+lower)
}

func unmount(at string) error { return syscall.Unmount(at, 0) }

func setOpaque(dir string) error {
	return syscall.Setxattr(dir, "trusted.overlay.opaque", []byte("y"), 0)
}

func mknodWhiteout(path string) error { return syscall.Mknod(path, syscall.S_IFCHR, 0) }
