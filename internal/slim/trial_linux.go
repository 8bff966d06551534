package slim

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"unsafe"

	"github.com/careen/careen/internal/image"
)

// CanTry reports why images of a platform cannot be run here; nil where they can.
func CanTry(p image.Platform) error {
	if os.Getuid() != 0 {
		return ErrNoTrials
	}
	if p.OS != "linux" || p.Architecture != runtime.GOARCH {
		return fmt.Errorf("the image is of %s, this machine of linux/%s", p, runtime.GOARCH)
	}
	return nil
}

// Run runs a trial in namespaces of its own: no network but the loopback, a root
// that is the image's, no more capabilities than containers have. This isolates
// less than a container: it is for images that one would run.
//
// The calling goroutine must be locked to its thread and end after it, because
// the thread stays in the namespaces.
func (t *Trial) Run(ctx context.Context) (Observation, error) {
	var seen Observation
	if err := t.isolate(); err != nil {
		return seen, err
	}
	if err := dropCapabilities(); err != nil {
		return seen, err
	}
	program, argv, err := t.argv()
	if err != nil {
		return Observation{Failed: err.Error()}, nil
	}
	attr := &syscall.SysProcAttr{Chroot: t.Root, Cloneflags: syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	if uid, gid, ok := numericUser(t.Tree, t.Config.User); ok {
		attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	return t.watch(ctx, program, argv, &syscall.ProcAttr{Dir: t.workingDir(), Env: t.environment(), Sys: attr})
}

func (t *Trial) workingDir() string {
	return "/" + strings.Trim(t.Config.WorkingDir, "/")
}

// environment is the image's, with what runtimes add (OCI image specification,
// Docker's run reference).
func (t *Trial) environment() []string {
	env := slices.Clone(t.Config.Env)
	for _, kv := range []string{"PATH=" + defaultPath, "HOME=/root", "HOSTNAME=careen"} {
		name, _, _ := strings.Cut(kv, "=")
		if !slices.ContainsFunc(env, func(has string) bool { return strings.HasPrefix(has, name+"=") }) {
			env = append(env, kv)
		}
	}
	return env
}

// watch starts a program and sees what it does.
func (t *Trial) watch(ctx context.Context, program string, argv []string, attr *syscall.ProcAttr) (Observation, error) {
	var seen Observation
	out, err := os.CreateTemp(filepath.Dir(t.Root), "output-*")
	if err != nil {
		return seen, err
	}
	defer os.Remove(out.Name())
	defer out.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return seen, err
	}
	defer null.Close()
	if t.Config.User != "" {
		if err := out.Chmod(0o666); err != nil { // nginx opens /dev/stdout anew
			return seen, err
		}
	}
	attr.Files = []uintptr{null.Fd(), out.Fd(), out.Fd()}
	pid, _, err := syscall.StartProcess(program, argv, attr)
	if err != nil {
		return Observation{Failed: fmt.Sprintf("%s does not start: %v", program, err)}, nil
	}
	running := &process{pid: pid}
	defer running.end()
	t.await(ctx, running, "", &seen)
	running.end()
	if err := ctx.Err(); err != nil {
		return seen, err
	}
	if _, err := out.Seek(0, io.SeekStart); err != nil {
		return seen, err
	}
	text, err := io.ReadAll(io.LimitReader(out, maxOutput))
	seen.Output = string(text)
	return seen, err
}

// process is the first of a namespace of processes: with it end all.
type process struct {
	pid    int
	done   bool
	status syscall.WaitStatus
}

func (p *process) ended() (exit int, ended bool) {
	if !p.done {
		pid, err := syscall.Wait4(p.pid, &p.status, syscall.WNOHANG, nil)
		p.done = err == nil && pid == p.pid
	}
	if p.status.Signaled() {
		return 128 + int(p.status.Signal()), p.done
	}
	return p.status.ExitStatus(), p.done
}

func (p *process) end() {
	if p.done {
		return
	}
	_ = syscall.Kill(p.pid, syscall.SIGKILL)
	_, _ = syscall.Wait4(p.pid, &p.status, 0, nil)
	p.done = true
}

// isolate moves the thread into namespaces of its own, and mounts there what
// runtimes mount into a container (OCI runtime specification, "Linux runtime").
func (t *Trial) isolate() error {
	flags := syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS
	if err := syscall.Unshare(flags); err != nil {
		return fmt.Errorf("cannot make namespaces: %w", err)
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("cannot keep mounts apart: %w", err)
	}
	if err := loopbackUp(); err != nil {
		return err
	}
	if err := t.prepare(); err != nil {
		return err
	}
	proc := filepath.Join(t.Root, "proc")
	if err := syscall.Mount("proc", proc, "proc", syscall.MS_NOSUID|syscall.MS_NODEV|syscall.MS_NOEXEC|syscall.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("cannot mount /proc: %w", err)
	}
	return mountDev(filepath.Join(t.Root, "dev"))
}

// prepare makes what runtimes make where an image does not have it.
func (t *Trial) prepare() error {
	root, err := os.OpenRoot(t.Root)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, dir := range []string{"proc", "dev", "sys", "etc", strings.Trim(t.Config.WorkingDir, "/")} {
		if _, err := root.Lstat(dir); dir == "" || err == nil {
			continue
		}
		if err := root.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	for _, dir := range []string{"proc", "dev"} { // not to be mounted elsewhere
		if info, err := root.Lstat(dir); err != nil || !info.IsDir() {
			return fmt.Errorf("/%s of the image is no directory", dir)
		}
	}
	for name, text := range map[string]string{"etc/hosts": "127.0.0.1 localhost careen\n", "etc/resolv.conf": "", "etc/hostname": "careen\n"} {
		if _, err := root.Lstat(name); err == nil {
			continue
		}
		if err := root.WriteFile(name, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// mountDev gives the program the devices that every container has.
func mountDev(dev string) error {
	if err := syscall.Mount("tmpfs", dev, "tmpfs", syscall.MS_NOSUID|syscall.MS_NOEXEC, "mode=755,size=64m"); err != nil {
		return fmt.Errorf("cannot mount /dev: %w", err)
	}
	for _, name := range []string{"null", "zero", "full", "random", "urandom", "tty"} {
		at := filepath.Join(dev, name)
		if err := os.WriteFile(at, nil, 0o666); err != nil {
			return err
		}
		if err := syscall.Mount("/dev/"+name, at, "", syscall.MS_BIND, ""); err != nil {
			return fmt.Errorf("cannot mount /dev/%s: %w", name, err)
		}
	}
	for name, target := range map[string]string{"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"} {
		if err := os.Symlink(target, filepath.Join(dev, name)); err != nil {
			return err
		}
	}
	shm := filepath.Join(dev, "shm")
	if err := os.Mkdir(shm, 0o777); err != nil {
		return err
	}
	return os.Chmod(shm, 0o777|os.ModeSticky)
}

// loopbackUp does what "ip link set lo up" does (netdevice(7)).
func loopbackUp() error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	defer syscall.Close(fd)
	request := struct {
		name  [syscall.IFNAMSIZ]byte
		flags uint16
		_     [22]byte
	}{name: [syscall.IFNAMSIZ]byte{'l', 'o'}, flags: syscall.IFF_UP | syscall.IFF_RUNNING}
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), syscall.SIOCSIFFLAGS, uintptr(unsafe.Pointer(&request))); errno != 0 {
		return fmt.Errorf("loopback: %w", errno)
	}
	return nil
}

// containerCapabilities are those that containers have by default (Docker's
// list), without mknod: the devices are there. Their place in capabilities(7) is
// that of capabilityNumbers.
var (
	containerCapabilities = []string{"chown", "dac_override", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap",
		"net_bind_service", "net_raw", "sys_chroot", "audit_write", "setfcap"}
	capabilityNumbers = []uint{0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 29, 31}
)

// dropCapabilities leaves those to what the thread starts.
func dropCapabilities() error {
	const (
		prCapbsetDrop = 24 // prctl(2)
		lastPossible  = 63 // more than any kernel has
	)
	for c := range uint(lastPossible) {
		if slices.Contains(capabilityNumbers, c) {
			continue
		}
		if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, prCapbsetDrop, uintptr(c), 0); errno == syscall.EINVAL {
			return nil // the kernel has no more
		} else if errno != 0 {
			return fmt.Errorf("cannot drop capabilities: %w", errno)
		}
	}
	return nil
}
