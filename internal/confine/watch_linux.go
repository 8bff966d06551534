package confine

import (
	"encoding/binary"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// watch notes the files of one filesystem or mount that are opened or executed
// (fanotify(7)): of a root that nobody but the program uses.
type watch struct {
	fd       int
	root     string // where it is mounted
	opened   map[string]bool
	overflow bool
}

// watchFiles watches what is mounted at root: scope is FAN_MARK_FILESYSTEM for it in
// any namespace of mounts, or FAN_MARK_MOUNT.
func watchFiles(root string, scope uint) (*watch, error) {
	fd, err := unix.FanotifyInit(unix.FAN_CLASS_NOTIF|unix.FAN_CLOEXEC|unix.FAN_NONBLOCK|unix.FAN_UNLIMITED_QUEUE, unix.O_RDONLY|unix.O_LARGEFILE|unix.O_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("cannot watch files (fanotify): %w", err)
	}
	if err := unix.FanotifyMark(fd, unix.FAN_MARK_ADD|scope, unix.FAN_OPEN|unix.FAN_OPEN_EXEC, unix.AT_FDCWD, root); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("cannot watch files (fanotify): %w", err)
	}
	return &watch{fd: fd, root: root, opened: map[string]bool{}}, nil
}

// read collects what has been opened. Events hold a descriptor of the file.
func (w *watch) read() {
	if w == nil || w.fd < 0 {
		return
	}
	const size = int(unsafe.Sizeof(unix.FanotifyEventMetadata{}))
	var buf [256 * size]byte
	for range 16 * maxReads {
		n, err := unix.Read(w.fd, buf[:])
		if err == unix.EINTR {
			continue
		}
		if err != nil || n < size {
			return
		}
		for at := 0; at+size <= n; {
			length := int(binary.NativeEndian.Uint32(buf[at:]))
			mask := binary.NativeEndian.Uint64(buf[at+8:])
			w.event(mask, int(int32(binary.NativeEndian.Uint32(buf[at+16:]))))
			at += max(length, size)
		}
	}
}

func (w *watch) event(mask uint64, fd int) {
	w.overflow = w.overflow || mask&unix.FAN_Q_OVERFLOW != 0
	if fd < 0 {
		return
	}
	defer unix.Close(fd)
	var buf [unix.PathMax]byte
	n, err := unix.Readlink("/proc/self/fd/"+strconv.Itoa(fd), buf[:])
	if err != nil {
		return
	}
	// The runtime opens some below the mount, before the root is the program's.
	file := string(buf[:n])
	if below, ok := strings.CutPrefix(file, w.root); ok && (below == "" || below[0] == '/') {
		file = below
	}
	file = strings.TrimSuffix(file, " (deleted)")
	if len(w.opened) >= maxOpened {
		w.overflow = true
		return
	}
	w.opened[strings.Trim(path.Clean("/"+file), "/")] = true
}

func (w *watch) files() (files []string, complete bool) {
	if w == nil {
		return nil, false
	}
	for file := range w.opened {
		files = append(files, file)
	}
	slices.Sort(files)
	return files, !w.overflow
}

func (w *watch) close() {
	if w != nil && w.fd >= 0 {
		unix.Close(w.fd)
		w.fd = -1
	}
}
