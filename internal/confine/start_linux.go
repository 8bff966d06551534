package confine

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// runtimes are the programs that start containers, the first that is found.
var runtimes = []string{"runc", "crun"}

// Available reports the first piece that is known to be missing; nil where the
// rest is seen when a program starts.
func Available() error {
	_, _, err := tools()
	return err
}

// tools finds the runtime, and unshare(1), by which all that the runtime starts
// ends with it.
func tools() (runtimePath, unshare string, err error) {
	if os.Getuid() != 0 {
		return "", "", fmt.Errorf("%w: only root can map an image's users", ErrUnavailable)
	}
	if architectures[runtime.GOARCH] == nil {
		return "", "", fmt.Errorf("%w: no list of system calls for %s", ErrUnavailable, runtime.GOARCH)
	}
	for _, name := range runtimes {
		if runtimePath = find(name); runtimePath != "" {
			break
		}
	}
	if runtimePath == "" {
		return "", "", fmt.Errorf("%w: no container runtime: install %s", ErrUnavailable, strings.Join(runtimes, " or "))
	}
	if unshare = find("unshare"); unshare == "" {
		return "", "", fmt.Errorf("%w: no unshare: install util-linux", ErrUnavailable)
	}
	return runtimePath, unshare, nil
}

// runtimePATH is where a runtime finds what it starts in its turn.
const runtimePATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// find looks in PATH and where programs of root are, which PATH may lack.
func find(name string) string {
	for _, candidate := range []string{name, "/usr/local/sbin/" + name, "/usr/sbin/" + name, "/usr/bin/" + name, "/sbin/" + name} {
		if path, err := exec.LookPath(candidate); err == nil && filepath.IsAbs(path) {
			return path
		}
	}
	return ""
}

// Process is a program that was started.
type Process struct {
	pid    int
	done   bool
	status unix.WaitStatus
	out    int // where its output is read
	output []byte
	watch  *watch
	log    string // of the runtime
	cgroup string
}

// Start starts a program. The calling goroutine must be locked to its thread and
// end after it, because the thread moves into namespaces: with it end the
// program, its children and their mounts. The caller must Close the process.
func (p *Program) Start() (*Process, error) {
	if p.Unconfined {
		return p.startInChroot()
	}
	runtimePath, unshare, err := tools()
	if err != nil {
		return nil, err
	}
	merged, err := p.privateRoot()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	cgroup := "careen-" + filepath.Base(filepath.Dir(p.Work)) + "-" + filepath.Base(p.Work)
	spec, err := p.spec(merged, cgroup)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(p.Work, "config.json"), spec, 0o600); err != nil {
		return nil, err
	}
	process := &Process{log: filepath.Join(p.Work, "log"), cgroup: cgroup}
	if p.Watch {
		if process.watch, err = watchFiles(merged, unix.FAN_MARK_FILESYSTEM); err != nil {
			return nil, err
		}
	}
	line := []string{unshare, "--fork", "--pid", "--kill-child", "--mount-proc",
		runtimePath, "--root", filepath.Join(p.Work, "state"), "--log", process.log, "--log-format", "json",
		"run", "--bundle", p.Work, cgroup}
	attr := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err = process.start(unshare, line, &os.ProcAttr{Dir: p.Work, Env: []string{"PATH=" + runtimePATH}, Sys: attr}, Shift+p.UID)
	if err != nil {
		process.Close()
		return nil, err
	}
	return process, nil
}

// privateRoot moves the thread into mount and network namespaces, and mounts a
// root there that shows the image's files and keeps what is written in memory.
func (p *Program) privateRoot() (string, error) {
	if strings.ContainsAny(p.Root+p.Work, `,:\`) { // they divide the options of an overlay
		return "", fmt.Errorf("%s: a folder for temporary files with none of , : \\ in its name is needed (TMPDIR)", p.Work)
	}
	if err := isolateThread(unix.CLONE_NEWNS | unix.CLONE_NEWNET); err != nil {
		return "", err
	}
	scratch, err := p.place()
	if err != nil {
		return "", err
	}
	options := fmt.Sprintf("mode=711,size=%d,nr_inodes=%d", maxDisk, maxInodes)
	if err := unix.Mount("tmpfs", scratch, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		return "", fmt.Errorf("memory for what it writes: %w", err)
	}
	upper, work, merged := filepath.Join(scratch, "upper"), filepath.Join(scratch, "work"), filepath.Join(scratch, "root")
	for _, dir := range []string{upper, work, merged} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return "", err
		}
	}
	if err := os.Chown(upper, Shift, Shift); err != nil {
		return "", err
	}
	layers := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", p.Root, upper, work)
	if err := unix.Mount("overlay", merged, "overlay", unix.MS_NOSUID|unix.MS_NODEV, layers); err != nil {
		return "", fmt.Errorf("a private root (overlayfs): %w", err)
	}
	return merged, nil
}

// place is a directory of the machine over which this thread's namespace mounts. The
// runtime looks the root up as the image's root, who may not pass the folders of a
// user's temporary files; every account may pass these.
func (p *Program) place() (string, error) {
	for _, dir := range []string{"/mnt", "/media", "/srv", "/opt"} {
		info, err := os.Stat(dir)
		covers := strings.HasPrefix(p.Root+"/", dir+"/") || strings.HasPrefix(p.Work+"/", dir+"/")
		if err == nil && info.IsDir() && !covers {
			return dir, nil
		}
	}
	return "", errors.New("none of /mnt, /media, /srv and /opt is there to mount its root over")
}

// isolateThread moves the thread into new namespaces, of which the network is the
// loopback alone, and keeps its mounts to itself.
func isolateThread(flags int) error {
	if err := unix.Unshare(flags); err != nil {
		return fmt.Errorf("namespaces: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	if err := loopbackUp(); err != nil {
		return fmt.Errorf("a network of its own: %w", err)
	}
	// The network is not the image's root's, who listens below 1024 all the same
	// (ip-sysctl.rst); so it is in Docker's containers.
	const lowest = "/proc/sys/net/ipv4/ip_unprivileged_port_start"
	if err := os.WriteFile(lowest, []byte("0"), 0o644); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("a network of its own: %w", err)
	}
	return nil
}

// loopbackUp does what "ip link set lo up" does (netdevice(7)).
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo)
}

// start starts a program with nothing to read and a pipe to write to, which
// belongs to a user of the machine: servers open /dev/stdout anew.
func (p *Process) start(path string, line []string, attr *os.ProcAttr, owner int) error {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return err
	}
	p.out = ends[0]
	write := os.NewFile(uintptr(ends[1]), "output")
	defer write.Close()
	if err := errors.Join(unix.SetNonblock(p.out, true), unix.Fchown(ends[1], owner, -1), unix.Fchmod(ends[1], 0o666)); err != nil {
		return err
	}
	_, _ = unix.FcntlInt(uintptr(p.out), unix.F_SETPIPE_SZ, maxOutput) // as it is, if that is more than allowed
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer null.Close()
	attr.Files = []*os.File{null, write, write}
	started, err := os.StartProcess(path, line, attr)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotStarted, err)
	}
	p.pid = started.Pid
	return started.Release()
}

// Ended reports whether the program has ended, and with which code: 128 and the
// signal, if one ended it. It also collects what there is to read of it, which
// stops a program that nobody asks this.
func (p *Process) Ended() (exit int, ended bool) {
	if !p.done && p.pid > 0 {
		pid, err := unix.Wait4(p.pid, &p.status, unix.WNOHANG, nil)
		p.done = err == nil && pid == p.pid
	}
	p.read()
	if p.status.Signaled() {
		return 128 + int(p.status.Signal()), p.done
	}
	return p.status.ExitStatus(), p.done
}

func (p *Process) read() {
	var buf [64 << 10]byte
	for range maxReads { // a program may write faster than this reads
		n, err := unix.Read(p.out, buf[:])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if n <= 0 {
			break // nothing more now, or the end, or closed
		}
		p.output = append(p.output, buf[:min(n, maxOutput-len(p.output))]...)
	}
	p.watch.read()
}

const maxReads = 64 // at a time

// Output is what the program wrote, cut after 1 MiB.
func (p *Process) Output() string { return string(p.output) }

// Opened lists the files of the image that were opened or executed, sorted, if
// the program was watched; complete is false where the kernel or the bound left
// some out.
func (p *Process) Opened() (files []string, complete bool) { return p.watch.files() }

// Failed says why the program was not started, after it ended: what the runtime
// could not do. Nil if it was.
func (p *Process) Failed() error {
	f, err := os.Open(p.log)
	if err != nil {
		return nil // in a chroot, or nothing to say
	}
	defer f.Close()
	lines := bufio.NewScanner(io.LimitReader(f, maxOutput))
	lines.Buffer(nil, maxOutput)
	for lines.Scan() {
		var said struct{ Level, Msg string }
		if json.Unmarshal(lines.Bytes(), &said) != nil || said.Level != "error" && said.Level != "fatal" {
			continue
		}
		// "exec: …: no such file", "exec /x: exec format error", "executable file …"
		if strings.Contains(said.Msg, "exec") && !strings.Contains(said.Msg, "seccomp") && !strings.Contains(said.Msg, "fifo") {
			return fmt.Errorf("%w: %s", ErrNotStarted, said.Msg)
		}
		return fmt.Errorf("%w: %s", ErrUnavailable, said.Msg)
	}
	return nil
}

const (
	patience = 2 * time.Second // for processes that were killed to go
	pause    = 10 * time.Millisecond
)

// Close ends the program and all that it started, and takes away what the run
// left on the machine.
func (p *Process) Close() {
	if !p.done && p.pid > 0 {
		_ = unix.Kill(p.pid, unix.SIGKILL)
		_, _ = unix.Wait4(p.pid, &p.status, 0, nil)
		p.done = true
	}
	p.read()
	if p.out > 0 {
		_ = unix.Close(p.out)
		p.out = -1
	}
	p.watch.close()
	RemoveGroup(p.cgroup)
}

// RemoveGroup removes the control groups of a name once their processes have
// gone, which are being killed.
func RemoveGroup(name string) {
	if name == "" {
		return
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(pause) {
		left := false
		for _, pattern := range []string{"/sys/fs/cgroup/", "/sys/fs/cgroup/*/"} { // version 2, version 1
			groups, _ := filepath.Glob(pattern + name)
			for _, dir := range groups {
				left = left || unix.Rmdir(dir) != nil
			}
		}
		if !left || time.Now().After(deadline) {
			return
		}
	}
}
