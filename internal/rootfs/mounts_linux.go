package rootfs

import (
	"io/fs"
	"syscall"
)

// filesystems are the kinds of file system that a walk leaves out when they are
// mounted below its root (linux/magic.h, and the file systems' own headers).
// Those that may hold files which somebody means to be scanned make the result
// incomplete.
var filesystems = map[uint32]struct {
	name       string
	incomplete bool
}{
	0x9fa0:     {"proc", false},
	0x62656572: {"sysfs", false},
	0x01021994: {"tmpfs", false}, // devtmpfs too
	0x858458f6: {"ramfs", false},
	0x1cd1:     {"devpts", false},
	0x27e0eb:   {"cgroup", false},
	0x63677270: {"cgroup2", false},
	0x64626720: {"debugfs", false},
	0x74726163: {"tracefs", false},
	0x73636673: {"securityfs", false},
	0xf97cff8c: {"selinuxfs", false},
	0xcafe4a11: {"bpf", false},
	0x6165676c: {"pstore", false},
	0x19800202: {"mqueue", false},
	0x958458f6: {"hugetlbfs", false},
	0x65735543: {"fusectl", false},
	0x62656570: {"configfs", false},
	0x42494e4d: {"binfmt_misc", false},
	0x6e736673: {"nsfs", false},
	0x0187:     {"autofs", false},
	0xde5e81e4: {"efivarfs", false},
	0x67596969: {"rpc_pipefs", false},
	0x73717368: {"squashfs", true}, // snaps
	0x6969:     {"NFS", true},
	0xff534d42: {"CIFS", true},
	0xfe534d42: {"SMB", true},
	0x01021997: {"9p", true},
	0x65735546: {"FUSE", true},
	0x00c36400: {"Ceph", true},
}

// foreign says whether what is mounted at a path is to be left out, and why.
func foreign(path string) (what string, skip, incomplete bool) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(path, &st); err != nil {
		return "unreadable", true, true
	}
	kind, skip := filesystems[uint32(st.Type)]
	return kind.name, skip, kind.incomplete
}

// capsOf returns the file capabilities of an executable.
func capsOf(path string, info fs.FileInfo) []byte {
	if info.Mode()&0o111 == 0 {
		return nil
	}
	var buf [64]byte
	n, err := syscall.Getxattr(path, "security.capability", buf[:])
	if err != nil || n <= 0 {
		return nil
	}
	return append([]byte(nil), buf[:n]...)
}
