package readers

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/careen/careen/internal/catalog"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/reach"
	"github.com/careen/careen/internal/rootfs"
)

// The oracle: real programs run under strace in a root made of real packages,
// and every file of that root that they open must not be called unreached.

// needsTrace skips a test that cannot trace here.
func needsTrace(t *testing.T) {
	t.Helper()
	if os.Getenv("CAREEN_LONG") == "" {
		t.Skip("CAREEN_LONG is not set: building roots of packages takes minutes")
	}
	if os.Getuid() != 0 {
		t.Skip("not root: cannot chroot")
	}
	for _, tool := range []string{"strace", "mmdebstrap", "chroot"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no %s here", tool)
		}
	}
}

// debianRoot makes a root directory of Debian's minimal set and some packages.
// Roots are kept in $CAREEN_ROOTS, if set, for the next run; slim's tests use
// the same tars.
func debianRoot(t *testing.T, packages ...string) string {
	t.Helper()
	name := "debian-" + strings.Join(packages, "-")
	dir := filepath.Join(t.TempDir(), name)
	if kept := os.Getenv("CAREEN_ROOTS"); kept != "" {
		dir = filepath.Join(kept, name)
		if _, err := os.Stat(filepath.Join(dir, "etc/passwd")); err == nil {
			return dir
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("tar", "-C", dir, "-xpf", imagetest.DebianTar(t, packages...))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("tar: %v\n%s", err, out)
	}
	return dir
}

// computeDir computes reach over a root directory as careen does for an image.
func computeDir(t *testing.T, root string, cfg image.Config) *reach.Result {
	t.Helper()
	visitors := slices.Concat(catalog.Visitors(catalog.Limits{}), reach.Visitors(Languages()))
	facts, err := rootfs.PassDir(context.Background(), root, visitors, rootfs.Limits{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	tree := rootfs.Stack([]*rootfs.Facts{facts}, nil)
	t.Cleanup(func() { tree.Close() })
	began := time.Now()
	found, err := catalog.Packages(t.Context(), tree, catalog.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	result, err := reach.Compute(t.Context(), tree, cfg, found.Packages, Languages(), reach.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("computed in %s", time.Since(began).Round(time.Millisecond))
	logShares(t, result)
	logLargest(t, result, 40)
	return result
}

// logShares prints what share of the root has which verdict.
func logShares(t *testing.T, r *reach.Result) {
	t.Helper()
	s := r.Summary()
	for _, c := range []struct {
		state reach.State
		count reach.Count
	}{{reach.Reached, s.Reached}, {reach.Unknown, s.Unknown}, {reach.NotReached, s.NotReached}} {
		t.Logf("%-12s %6d files %10d bytes %4d packages", c.state, c.count.Files, c.count.Bytes, c.count.Packages)
	}
	for _, g := range r.Gaps {
		t.Logf("gap: /%s:%d %s (%s)", g.Path, g.Line, g.What, g.Scope)
	}
}

// traceOpened runs a command line in a root under strace and returns the
// regular files and links of the root that any of its processes opened,
// executed or read as a link with success, clean and sorted. probe, if not nil, is called
// while it runs, and the command is ended after it; without one the command
// runs to its end.
func traceOpened(t *testing.T, root string, env, argv []string, probe func()) []string {
	t.Helper()
	log := filepath.Join(t.TempDir(), "trace")
	args := []string{"-f", "-qq", "-s", "4096", "-y", "-e", "trace=openat,openat2,open,execve,execveat,chroot", "-o", log, "chroot", root}
	cmd := exec.Command("strace", append(args, argv...)...)
	cmd.Env = env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// The group is ours: nothing else is in it.
	end := time.AfterFunc(2*time.Minute, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	if probe != nil {
		probe()
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		end.Reset(5 * time.Second) // some servers do not go
	}
	err := cmd.Wait()
	end.Stop()
	if probe == nil && err != nil {
		t.Fatalf("%q: %v\n%s", argv, err, out.String())
	}
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	t.Logf("%q said:\n%s", argv, out.String())
	return parseTrace(t, log, root)
}

// opened matches a successful open: strace -y shows the path that the
// descriptor has, links resolved.
var opened = regexp.MustCompile(`= \d+<([^>]+)>`)
var executed = regexp.MustCompile(`execve(?:at)?\([^"]*"([^"]+)".*= 0$`)

// parseTrace reads strace's log from where the process is inside the root.
func parseTrace(t *testing.T, log, root string) []string {
	t.Helper()
	f, err := os.Open(log)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	set := map[string]bool{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for inside := false; lines.Scan(); {
		line := lines.Text()
		if !inside {
			inside = strings.Contains(line, "chroot(") && strings.HasSuffix(line, "= 0")
			continue
		}
		if m := executed.FindStringSubmatch(line); m != nil {
			set[strings.TrimPrefix(m[1], root)] = true
		} else if m := opened.FindStringSubmatch(line); m != nil {
			if below, ok := strings.CutPrefix(m[1], root+"/"); ok {
				set[below] = true
			}
		}
	}
	var list []string
	for p := range set {
		at := reach.Clean(p)
		if info, err := os.Stat(filepath.Join(root, at)); err == nil && info.Mode().IsRegular() {
			list = append(list, at)
		}
	}
	slices.Sort(list)
	if len(list) < 3 {
		t.Fatalf("the trace shows %d files: %q", len(list), list)
	}
	return list
}

// checkTrace compares a result with what was opened. Files that the run itself
// wrote are not in the tree.
func checkTrace(t *testing.T, r *reach.Result, files []string) {
	t.Helper()
	misses := 0
	for _, f := range files {
		for _, at := range r.Paths("/" + f) {
			if at != "" && r.State(at) == reach.NotReached {
				misses++
				t.Errorf("opened, but not reached: /%s", at)
			}
		}
	}
	t.Logf("%d files opened, %d missed", len(files), misses)
}

// logLargest prints what the largest kept things are kept for.
func logLargest(t *testing.T, r *reach.Result, n int) {
	t.Helper()
	var all []*rootfs.Entry
	for e, state := range r.Files() {
		if state != reach.NotReached && e.Mode.IsRegular() {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b *rootfs.Entry) int { return int(b.Size - a.Size) })
	for _, e := range all[:min(n, len(all))] {
		t.Logf("%9d /%s  %s", e.Size, e.Path, r.File(e.Path))
	}
}
