package base_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/careen/careen/internal/base"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/scan"
)

// The oracle: real programs, from Debian's packages and from compilers, are laid
// on other real releases and run there. A verdict has to be what happens.

// release is a base, unpacked and as an image.
type release struct {
	dir   string
	layer imagetest.Layer
	in    *scan.Opened
}

// program is what an image adds to the release that it was built on.
type realProgram struct {
	name string
	on   string // the release
	dir  string // the tree of its own layer
	over string // the releases that it is laid on, with blanks between
	cfg  image.Config
	says string // in its output once it has started
}

// shapes are the releases that have what a suggested base has.
var shapes = map[string]string{
	"debian:12-slim": "bookworm", "debian:13-slim": "trixie", "alpine:3": "alpine", "cgr.dev/chainguard/musl-dynamic": "alpine",
	"gcr.io/distroless/base-nossl-debian12": "distroless", "gcr.io/distroless/base-debian12": "distroless", "gcr.io/distroless/cc-debian12": "distroless",
	"gcr.io/distroless/static-debian12": "scratch", "cgr.dev/chainguard/static": "scratch",
	"gcr.io/distroless/python3-debian12": "python", "gcr.io/distroless/java17-debian12": "java",
}

// TestVerdictsAreWhatHappens lays every program on every release, and on the bases that
// are suggested for it, as far as their shapes can be made here.
func TestVerdictsAreWhatHappens(t *testing.T) {
	needsRoots(t)
	w := workshop{t: t, dir: t.TempDir(), cache: rootfs.OpenCache(t.TempDir())}
	releases := w.releases()
	right, unproved, suggested := 0, 0, 0
	for _, p := range w.programs() {
		t.Run(p.name, func(t *testing.T) {
			img := w.image(t, p, releases)
			if out := runOn(t, releases[p.on].dir, p); !strings.Contains(out, p.says) {
				t.Fatalf("it does not start on its own base: %s", out)
			}
			for _, on := range strings.Fields(p.over) {
				got, err := img.Try(releases[on].in)
				if err != nil {
					t.Fatal(err)
				}
				out := runOn(t, releases[on].dir, p)
				started := strings.Contains(out, p.says)
				t.Logf("%-8s on %-10s, really: %-5t %q %v", got.Start, on, started, got.Problems, got.Lacks)
				switch {
				case got.Start == base.Unproved:
					unproved++
				case (got.Start == base.Starts) != started:
					t.Errorf("on %s it %s; in truth: %s", on, got.Start, out)
				default:
					right++
				}
			}
			for _, s := range img.Suggest(&base.Index{}, nil) {
				on, ok := shapes[s.Ref]
				if !ok || len(s.Lacks) > 0 {
					continue // of a shape that cannot be made here, or not said to start
				}
				suggested++
				if out := runOn(t, releases[on].dir, p); !strings.Contains(out, p.says) {
					t.Errorf("%s is suggested (%s), and it does not start there: %s", s.Ref, s.Why, out)
				}
			}
		})
	}
	t.Logf("%d verdicts are right, %d were not given; %d suggested bases start", right, unproved, suggested)
	if suggested == 0 {
		t.Error("no base was suggested that could be tried")
	}
}

// workshop makes what the test needs.
type workshop struct {
	t     *testing.T
	dir   string
	cache *rootfs.Cache

	nginx, redis, flask string // trees of packages
}

func (w *workshop) options() scan.Options {
	return scan.Options{Reach: true, Cache: w.cache, Now: time.Unix(1700000000, 0)}
}

func (w *workshop) layer(dir string) imagetest.Layer {
	w.t.Helper()
	layer, err := imagetest.TreeLayer(dir, filepath.Join(w.t.TempDir(), "layer.tar"))
	if err != nil {
		w.t.Fatal(err)
	}
	layer.Compression = imagetest.None
	return layer
}

func (w *workshop) open(t *testing.T, cfg image.Config, layers ...imagetest.Layer) *scan.Opened {
	t.Helper()
	in, err := scan.Open(context.Background(), imagetest.Memory(t, imagetest.Image{Config: cfg, Layers: layers}), w.options())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close() })
	return in
}

func (w *workshop) image(t *testing.T, p realProgram, releases map[string]release) *base.Image {
	t.Helper()
	in := w.open(t, p.cfg, releases[p.on].layer, w.layer(p.dir))
	img, _, err := base.NewImage(in, reachOf(t, in), 1, w.options())
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func needsRoots(t *testing.T) {
	t.Helper()
	if os.Getenv("CAREEN_LONG") == "" {
		t.Skip("CAREEN_LONG is not set: building roots of packages takes minutes")
	}
	if os.Getuid() != 0 {
		t.Skip("not root: cannot chroot")
	}
	for _, tool := range []string{"mmdebstrap", "gcc", "g++", "musl-gcc", "busybox", "go", "javac"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no %s here", tool)
		}
	}
}

// unpack unpacks a tar of a root.
func (w *workshop) unpack(tar string) string {
	w.t.Helper()
	dir := filepath.Join(w.dir, strings.TrimSuffix(filepath.Base(tar), ".tar"))
	if err := os.Mkdir(dir, 0o755); err != nil {
		w.t.Fatal(err)
	}
	if out, err := exec.Command("tar", "-C", dir, "-xpf", tar).CombinedOutput(); err != nil {
		w.t.Fatalf("tar: %v\n%s", err, out)
	}
	return dir
}

// take moves the files of packages of a root to a tree of their own.
func (w *workshop) take(root, name string, packages ...string) string {
	w.t.Helper()
	to := filepath.Join(w.dir, name)
	for _, p := range packages {
		lists, _ := filepath.Glob(filepath.Join(root, "var/lib/dpkg/info", p+"*.list"))
		if len(lists) == 0 {
			w.t.Fatalf("%s has no package %s", root, p)
		}
		for _, list := range lists {
			if base := filepath.Base(list); base != p+".list" && !strings.HasPrefix(base, p+":") {
				continue
			}
			data, err := os.ReadFile(list)
			if err != nil {
				w.t.Fatal(err)
			}
			for file := range strings.Lines(string(data)) {
				w.move(root, to, strings.TrimSpace(file))
			}
		}
	}
	return to
}

// move moves one file; directories stay too.
func (w *workshop) move(root, to, file string) {
	from := filepath.Join(root, file)
	info, err := os.Lstat(from)
	if err != nil {
		return // documentation is left out of some roots
	}
	if at, err := os.Stat(from); err == nil && at.IsDir() && !info.IsDir() {
		return // a link of a merged /usr
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(from)) // of a merged /usr: links are relative
	if err != nil {
		w.t.Fatal(err)
	}
	rel, err := filepath.Rel(root, filepath.Join(dir, filepath.Base(file)))
	if err != nil {
		w.t.Fatal(err)
	}
	target := filepath.Join(to, rel)
	if info.IsDir() {
		err = os.MkdirAll(target, 0o755)
	} else if err = os.MkdirAll(filepath.Dir(target), 0o755); err == nil {
		err = os.Rename(from, target)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// tree writes files to a tree of their own; those that begin like programs can
// be executed.
func (w *workshop) tree(name string, files map[string]string) string {
	w.t.Helper()
	dir := filepath.Join(w.dir, name)
	for file, content := range files {
		mode := fs.FileMode(0o644)
		if strings.HasPrefix(content, "#!") || strings.HasPrefix(content, "\x7fELF") {
			mode = 0o755
		}
		at := filepath.Join(dir, file)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			w.t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(content), mode); err != nil {
			w.t.Fatal(err)
		}
	}
	return dir
}

// compiled runs a compiler over one file and returns what it makes.
func (w *workshop) compiled(source, content, out string, argv ...string) string {
	w.t.Helper()
	dir := w.t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, source), []byte(content), 0o644); err != nil {
		w.t.Fatal(err)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0")
	if log, err := cmd.CombinedOutput(); err != nil {
		w.t.Fatalf("%q: %v\n%s", argv, err, log)
	}
	data, err := os.ReadFile(filepath.Join(dir, out))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(data)
}

// runOn runs a program on a release, as a container of both would, and returns
// what it said until it said what it says when it has started, or ended.
func runOn(t *testing.T, release string, p realProgram) string {
	t.Helper()
	at := t.TempDir()
	for _, dir := range []string{"up/proc", "up/dev", "work", "root"} {
		if err := os.MkdirAll(filepath.Join(at, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	root := filepath.Join(at, "root")
	options := "lowerdir=" + p.dir + ":" + release + ",upperdir=" + at + "/up,workdir=" + at + "/work"
	if err := syscall.Mount("overlay", root, "overlay", 0, options); err != nil {
		t.Skipf("no overlay here: %v", err)
	}
	defer syscall.Unmount(root, syscall.MNT_DETACH)
	for _, dir := range []string{"/proc", "/dev"} {
		if err := syscall.Mount(dir, root+dir, "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
			t.Fatal(err)
		}
		defer syscall.Unmount(root+dir, syscall.MNT_DETACH)
	}
	argv := append(append([]string{}, p.cfg.Entrypoint...), p.cfg.Cmd...)
	credential, err := userOf(root, p.cfg.User)
	if err != nil {
		return err.Error()
	}
	names := []string{argv[0]}
	if !strings.Contains(argv[0], "/") {
		names = []string{"/usr/local/bin/" + argv[0], "/usr/sbin/" + argv[0], "/usr/bin/" + argv[0], "/sbin/" + argv[0], "/bin/" + argv[0]}
	}
	for _, name := range names {
		out := newOutput(p.says)
		cmd := &exec.Cmd{Path: name, Args: argv, Dir: "/" + p.cfg.WorkingDir, Stdout: out, Stderr: out,
			Env:         append([]string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/"}, p.cfg.Env...),
			SysProcAttr: &syscall.SysProcAttr{Chroot: root, Setpgid: true, Credential: credential}}
		if err = cmd.Start(); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err.Error()
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		select {
		case <-out.seen:
		case err = <-ended:
		case <-time.After(time.Minute):
			t.Errorf("it neither ends nor says %q: %s", p.says, out)
		}
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // the group is ours
		if err == nil {
			<-ended
		}
		return fmt.Sprintf("%s %v", out, err)
	}
	return err.Error()
}

// userOf finds a configured user in the passwd of a root, as Docker does.
func userOf(root, user string) (*syscall.Credential, error) {
	if user == "" {
		return nil, nil
	}
	if n, err := strconv.Atoi(user); err == nil {
		return &syscall.Credential{Uid: uint32(n), Gid: uint32(n)}, nil
	}
	data, _ := os.ReadFile(filepath.Join(root, "etc/passwd"))
	for line := range strings.Lines(string(data)) {
		if f := strings.Split(line, ":"); len(f) > 3 && f[0] == user {
			uid, _ := strconv.Atoi(f[2])
			gid, _ := strconv.Atoi(f[3])
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
	}
	return nil, fmt.Errorf("unable to find user %s", user)
}

// output closes seen once what is written has a word in it.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
	word string
	seen chan struct{}
}

func newOutput(word string) *output { return &output{word: word, seen: make(chan struct{})} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	had := strings.Contains(o.text.String(), o.word)
	o.text.Write(p)
	if !had && strings.Contains(o.text.String(), o.word) {
		close(o.seen)
	}
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
