package confine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// startInChroot starts a program with less around it: a chroot in namespaces, with
// the capabilities of Docker's containers but mknod's. Root of the image is root
// of the machine there, and a program that wants to leaves.
func (p *Program) startInChroot() (*Process, error) {
	if os.Getuid() != 0 {
		return nil, fmt.Errorf("%w: only root can change its root", ErrUnavailable)
	}
	if err := isolateThread(unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS); err != nil {
		return nil, err
	}
	for _, name := range []string{"proc", "dev"} { // not to be mounted elsewhere
		if info, err := os.Lstat(filepath.Join(p.Root, name)); err != nil || !info.IsDir() {
			return nil, fmt.Errorf("/%s of the image is no directory", name)
		}
	}
	process := &Process{}
	if p.Watch {
		// A mount of its own, so that it is the program's opens alone that are seen.
		err := unix.Mount(p.Root, p.Root, "", unix.MS_BIND, "")
		if err == nil {
			process.watch, err = watchFiles(p.Root, unix.FAN_MARK_MOUNT)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := unix.Mount("proc", filepath.Join(p.Root, "proc"), "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC|unix.MS_RDONLY, ""); err != nil {
		return nil, fmt.Errorf("cannot mount /proc: %w", err)
	}
	if err := mountDev(filepath.Join(p.Root, "dev")); err != nil {
		return nil, err
	}
	if err := dropCapabilities(); err != nil {
		return nil, err
	}
	attr := &syscall.SysProcAttr{Chroot: p.Root, Cloneflags: syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	if p.UID != 0 || p.GID != 0 {
		attr.Credential = &syscall.Credential{Uid: uint32(p.UID), Gid: uint32(p.GID)}
		for _, g := range p.Groups {
			attr.Credential.Groups = append(attr.Credential.Groups, uint32(g))
		}
	}
	if err := process.start(p.Path, p.Args, &os.ProcAttr{Dir: p.Dir, Env: p.Env, Sys: attr}, p.UID); err != nil {
		process.Close()
		return nil, err
	}
	return process, nil
}

// mountDev gives the program the devices that every container has.
func mountDev(dev string) error {
	if err := unix.Mount("tmpfs", dev, "tmpfs", unix.MS_NOSUID|unix.MS_NOEXEC, "mode=755,size=64m"); err != nil {
		return fmt.Errorf("cannot mount /dev: %w", err)
	}
	for _, name := range []string{"null", "zero", "full", "random", "urandom", "tty"} {
		at := filepath.Join(dev, name)
		if err := os.WriteFile(at, nil, 0o666); err != nil {
			return err
		}
		if err := unix.Mount("/dev/"+name, at, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("cannot mount /dev/%s: %w", name, err)
		}
	}
	for name, target := range map[string]string{"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"} {
		if err := os.Symlink(target, filepath.Join(dev, name)); err != nil {
			return err
		}
	}
	shm := filepath.Join(dev, "shm")
	return errors.Join(os.Mkdir(shm, 0o777), os.Chmod(shm, 0o777|os.ModeSticky))
}

// dropCapabilities leaves those of Docker's containers, without mknod, to what the
// thread starts.
func dropCapabilities() error {
	stay := []uintptr{unix.CAP_CHOWN, unix.CAP_DAC_OVERRIDE, unix.CAP_FOWNER, unix.CAP_FSETID, unix.CAP_KILL, unix.CAP_SETGID, unix.CAP_SETUID,
		unix.CAP_SETPCAP, unix.CAP_NET_BIND_SERVICE, unix.CAP_NET_RAW, unix.CAP_SYS_CHROOT, unix.CAP_AUDIT_WRITE, unix.CAP_SETFCAP}
	const lastPossible = 63 // more than any kernel has
	for c := range uintptr(lastPossible) {
		if slices.Contains(stay, c) {
			continue
		}
		err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0)
		if errors.Is(err, unix.EINVAL) {
			return nil // the kernel has no more
		}
		if err != nil {
			return fmt.Errorf("cannot drop capabilities: %w", err)
		}
	}
	return nil
}
