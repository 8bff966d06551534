package confine

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// escapeRoot is an image's files: the program of testdata/escape.c, also as a file
// that makes its caller root.
func escapeRoot(t *testing.T) string {
	t.Helper()
	if err := Available(); err != nil {
		t.Skip(err)
	}
	private := t.TempDir() // which lets nobody through
	if err := os.Chmod(private, 0o700); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(private, fmt.Sprintf("careen-confine-%d", os.Getpid()))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(dir, "image")
	for _, sub := range []string{"", "tmp", "proc", "dev", "sys"} {
		if err := os.Mkdir(filepath.Join(root, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	program := filepath.Join(root, "esc")
	out, err := exec.Command("gcc", "-static", "-w", "-O1", "-o", program, "testdata/escape.c").CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) || strings.Contains(string(out), "cannot find -lc") {
		t.Skip("no gcc here that builds static programs")
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	data, err := os.ReadFile(program)
	if err == nil {
		err = os.WriteFile(program+"-setuid", data, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(root, func(p string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(p, Owner(0), Owner(0)))
	})
	if err = errors.Join(err, os.Chmod(program+"-setuid", 0o755|os.ModeSetuid)); err != nil {
		t.Fatal(err)
	}
	return root
}

// ran is what a run of the program showed.
type ran struct {
	exit   int
	output string
	opened []string
	err    error
}

func runIn(t *testing.T, root string, within time.Duration, change func(*Program), args ...string) ran {
	t.Helper()
	work, err := os.MkdirTemp(filepath.Dir(root), "run-")
	if err != nil {
		t.Fatal(err)
	}
	p := Program{Root: root, Work: work, Path: "/esc", Args: append([]string{"/esc"}, args...), Env: []string{"PATH=/"}, Dir: "/"}
	if change != nil {
		change(&p)
	}
	done := make(chan ran)
	go func() {
		runtime.LockOSThread()
		done <- await(&p, within)
	}()
	return <-done
}

func await(p *Program, within time.Duration) (seen ran) {
	process, err := p.Start()
	if err != nil {
		return ran{err: err}
	}
	defer func() {
		process.Close()
		seen.output = process.Output()
		seen.opened, _ = process.Opened()
		if seen.err == nil {
			seen.err = process.Failed()
		}
	}()
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if exit, ended := process.Ended(); ended {
			seen.exit = exit
			return seen
		}
	}
	seen.exit = -1
	return seen
}

// TestNoWayOut runs a hostile program, which says of each attempt how it went, and
// looks at the machine after it.
func TestNoWayOut(t *testing.T) {
	root := escapeRoot(t)
	outside := filepath.Join(t.TempDir(), "outside")
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	neighbour := exec.Command("sleep", "600")
	if err := neighbour.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = neighbour.Process.Kill(); _ = neighbour.Wait() }()
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	var disk unix.Stat_t
	if err := unix.Stat("/", &disk); err != nil {
		t.Fatal(err)
	}
	pattern, _ := os.ReadFile("/proc/sys/kernel/core_pattern")
	_, port, _ := net.SplitHostPort(server.Addr().String())
	for _, way := range []struct {
		args     []string
		attempts int // that have to be refused
		seconds  int // more than it takes, unless it never ends
		long     bool
	}{
		{[]string{"chroot", outside}, 1, 20, false},
		{[]string{"ptrace", strconv.Itoa(neighbour.Process.Pid)}, 4, 20, false},
		{[]string{"mount"}, 12, 20, false},
		{[]string{"mknod", fmt.Sprint(unix.Major(disk.Dev)), fmt.Sprint(unix.Minor(disk.Dev))}, 4, 20, false},
		{[]string{"procroot", secret}, 3, 20, false},
		{[]string{"corepattern"}, 6, 20, false},
		{[]string{"cgroup"}, 5, 20, false},
		{[]string{"keyring"}, 3, 20, false},
		{[]string{"sockets", port}, 5, 20, false},
		{[]string{"kernel"}, 13, 20, false},
		{[]string{"privileges"}, 1, 20, false},
		{[]string{"forks"}, 1, 3, true},
		{[]string{"disk"}, 4, 60, true},
		{[]string{"memory"}, 0, 60, true},
	} {
		t.Run(way.args[0], func(t *testing.T) {
			if way.long && os.Getenv("CAREEN_LONG") == "" {
				t.Skip("CAREEN_LONG is not set: it uses up what it may")
			}
			seen := runIn(t, root, time.Duration(way.seconds)*time.Second, nil, way.args...)
			if seen.err != nil {
				t.Fatal(seen.err)
			}
			if n := strings.Count(seen.output, "refused: "); n != way.attempts || strings.Contains(seen.output, "done: ") || strings.Contains(seen.output, "wrong: ") {
				t.Errorf("%d of %d attempts refused:\n%s", n, way.attempts, seen.output)
			}
			if way.attempts == 0 && seen.exit != 128+9 {
				t.Errorf("exit %d, not killed:\n%s", seen.exit, seen.output)
			}
			for _, at := range []string{outside, filepath.Join(root, "fill"), filepath.Join(root, "tmp/x"), filepath.Join(root, outside)} {
				if _, err := os.Lstat(at); err == nil {
					t.Errorf("%s was written", at)
				}
			}
			nothingLeft(t, root)
		})
	}
	if err := neighbour.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("a process of the machine is gone: %v", err)
	}
	if now, _ := os.ReadFile("/proc/sys/kernel/core_pattern"); string(now) != string(pattern) {
		t.Errorf("core_pattern is %q, was %q", now, pattern)
	}
}

// nothingLeft looks for control groups of a root's runs, and for processes in them.
func nothingLeft(t *testing.T, root string) {
	t.Helper()
	mine := "careen-" + filepath.Base(filepath.Dir(root)) + "-"
	var left []string
	for range 100 {
		left = nil
		processes, _ := filepath.Glob("/proc/[0-9]*/cgroup")
		for _, file := range processes {
			if groups, _ := os.ReadFile(file); strings.Contains(string(groups), "/"+mine) {
				left = append(left, file)
			}
		}
		for _, pattern := range []string{"/sys/fs/cgroup/", "/sys/fs/cgroup/*/"} {
			groups, _ := filepath.Glob(pattern + mine + "*")
			left = append(left, groups...)
		}
		if len(left) == 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("left on the machine: %q", left)
}

func TestWhatIsWrittenStaysAway(t *testing.T) {
	root := escapeRoot(t)
	seen := runIn(t, root, time.Minute, func(p *Program) { p.Watch = true }, "output")
	if seen.err != nil || seen.exit != 0 || len(seen.output) != maxOutput {
		t.Errorf("exit %d, %d bytes of output, %v", seen.exit, len(seen.output), seen.err)
	}
	if len(seen.opened) == 0 || seen.opened[len(seen.opened)-1] != "esc" {
		t.Errorf("opened %q, not esc", seen.opened)
	}
	for name, change := range map[string]func(*Program){
		"no such program":   func(p *Program) { p.Args[0] = "/absent" },
		"not a program":     func(p *Program) { p.Args[0] = "/tmp" },
		"no such directory": func(p *Program) { p.Path, p.Args[0] = "/x/y", "/x/y" },
	} {
		if seen := runIn(t, root, time.Minute, change, "output"); !errors.Is(seen.err, ErrNotStarted) || errors.Is(seen.err, ErrUnavailable) {
			t.Errorf("%s: %v", name, seen.err)
		}
	}
	unavailable := runIn(t, root, time.Minute, func(p *Program) { p.Root += "/absent" }, "output")
	if !errors.Is(unavailable.err, ErrUnavailable) || !strings.Contains(unavailable.err.Error(), "private root") {
		t.Errorf("without a root: %v", unavailable.err)
	}
}

func TestWithoutARuntimeNothingIsRun(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("not root")
	}
	kept := runtimes
	defer func() { runtimes = kept }()
	runtimes = []string{"no-such-runtime"}
	if err := Available(); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "no-such-runtime") {
		t.Errorf("%v", err)
	}
	work := t.TempDir()
	seen := runIn(t, filepath.Join(work, "image"), time.Second, nil, "output")
	if !errors.Is(seen.err, ErrUnavailable) {
		t.Errorf("%v", seen.err)
	}
}

// TestItEndsWithCareen kills the process that started a program.
func TestItEndsWithCareen(t *testing.T) {
	if root := os.Getenv("CAREEN_TEST_CONFINED"); root != "" {
		runIn(t, root, time.Minute, nil, "forks")
		return
	}
	root := escapeRoot(t)
	starter := exec.Command(os.Args[0], "-test.run=^TestItEndsWithCareen$")
	starter.Env = append(os.Environ(), "CAREEN_TEST_CONFINED="+root)
	if err := starter.Start(); err != nil {
		t.Fatal(err)
	}
	var groups []string
	for range 1000 {
		for _, pattern := range []string{"/sys/fs/cgroup/", "/sys/fs/cgroup/*/"} {
			if found, _ := filepath.Glob(pattern + "careen-" + filepath.Base(filepath.Dir(root)) + "-run-*"); len(found) > 0 {
				groups = found
			}
		}
		if len(groups) > 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if len(groups) == 0 {
		t.Fatal("it was not started")
	}
	time.Sleep(300 * time.Millisecond)
	_ = starter.Process.Kill()
	_ = starter.Wait()
	RemoveGroup(filepath.Base(groups[0]))
	nothingLeft(t, root)
}
