//go:build linux

// Command zoo builds images of real programs from Debian's packages, slims each at
// every level, and has the original and the result do the same work, isolated. Its
// product is the table of docs/slim.md.
//
//	make zoo [NAME…]
//
// It needs root, mmdebstrap, busybox, runc or crun, and Debian's package registry.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/careen/careen/internal/cli"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
)

// recipe is one program.
type recipe struct {
	name     string
	packages string // of Debian
	setup    string // run in the image after they are installed
	files    map[string]string
	config   image.Config
	work     string // what is done with the program: busybox's shell; it prints what must be equal
	says     string // part of what the original prints, which shows that the work was done
}

// preamble is what every work has: the tools of its driver, which are not the image's.
const preamble = `bb() { /zoo/busybox "$@"; }
await() { at=$(printf %04X "$1"); for i in $(bb seq 300); do bb grep -q ":$at 0*:0000 0A" /proc/net/tcp /proc/net/tcp6 && return; bb usleep 100000; done; echo "nothing listens on $1"; exit 9; }
there() { for i in $(bb seq 300); do [ -e "$1" ] && return; bb usleep 100000; done; echo "no $1"; exit 9; }
get() { bb wget -qO- "http://127.0.0.1:$1"; echo; }
`

// ending prints what the work said, and fails where that does not show that it was
// done. The work's output is a file because servers that it started hold it open.
const ending = `bb cat /tmp/zoo.out
bb grep -qF "$says" /tmp/zoo.out || exit 42
`

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	flag.Parse()
	if err := run(ctx, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "zoo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, names []string) error {
	z, err := open(ctx)
	if err != nil {
		return err
	}
	defer os.RemoveAll(z.dir)
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	defer out.Flush()
	fmt.Fprintf(out, "| program\t| before\t| `package`\t| `file`\t| `file`, observed\t| missed files\t| missed packages\t| open gaps\t| s |\n")
	fmt.Fprintf(out, "|---\t|---\t|---\t|---\t|---\t|---\t|---\t|---\t|--- |\n")
	failed := 0
	for _, r := range recipes() {
		if len(names) > 0 && !slices.Contains(names, r.name) {
			continue
		}
		began := time.Now()
		row, notes, err := z.try(ctx, r)
		if err != nil {
			failed++
			fmt.Fprintf(os.Stderr, "%s: %v\n", r.name, err)
			continue
		}
		fmt.Fprintf(os.Stderr, "%s: %s\n%s", r.name, strings.ReplaceAll(row, "\t", " "), notes)
		fmt.Fprintf(out, "| %s\t%s\t| %.0f |\n", r.name, row, time.Since(began).Seconds())
	}
	if failed > 0 {
		return fmt.Errorf("%d programs could not be tried", failed)
	}
	return nil
}

// zoo is where images are built.
type zoo struct {
	dir  string
	base string // Debian's minimal system, unpacked
	tar  string // and as it came
}

func open(ctx context.Context) (*zoo, error) {
	if os.Getuid() != 0 {
		return nil, errors.New("only root can build and run images")
	}
	roots := os.Getenv("CAREEN_ROOTS")
	if roots == "" {
		roots = filepath.Join(os.TempDir(), "careen-roots")
	}
	if err := os.MkdirAll(roots, 0o755); err != nil {
		return nil, err
	}
	z := &zoo{tar: filepath.Join(roots, "zoo-base.tar")}
	if _, err := os.Stat(z.tar); err != nil {
		part := z.tar + ".part.tar"
		if err := tool(ctx, "mmdebstrap", "--quiet", "--variant=minbase", "--dpkgopt=force-unsafe-io", `--aptopt=Acquire::Languages "none"`,
			"--include=ca-certificates", "bookworm", part); err != nil {
			return nil, err
		}
		if err := os.Rename(part, z.tar); err != nil {
			return nil, err
		}
	}
	var err error
	if z.dir, err = os.MkdirTemp("", "careen-zoo-"); err != nil {
		return nil, err
	}
	z.base = filepath.Join(z.dir, "base")
	if err := os.Mkdir(z.base, 0o755); err != nil {
		return nil, err
	}
	return z, tool(ctx, "tar", "-C", z.base, "--numeric-owner", "-xpf", z.tar)
}

func tool(ctx context.Context, argv ...string) error {
	if out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", argv[0], err, out)
	}
	return nil
}

// install is run in namespaces of its own: it lays an overlay over the base and
// installs there, with the package lists and registry of this machine.
const install = `set -e
cd "$1"
mount -t overlay overlay -o "lowerdir=$2,upperdir=upper,workdir=work" merged
for d in etc/apt usr/share/keyrings var/lib/apt/lists var/cache/apt etc/ssl/certs; do mkdir -p merged/$d; mount --bind /$d merged/$d; done
for f in etc/resolv.conf etc/hosts; do [ -e merged/$f ] || : >merged/$f; mount --bind /$f merged/$f; done
mount -t proc proc merged/proc
mount --rbind /dev merged/dev
printf '#!/bin/sh\nexit 101\n' >merged/usr/sbin/policy-rc.d; chmod +x merged/usr/sbin/policy-rc.d
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
chroot merged apt-get install -y -qq --no-install-recommends -o DPkg::Options::=--force-unsafe-io -o Dpkg::Use-Pty=0 $3
rm merged/usr/sbin/policy-rc.d
[ -z "$4" ] || chroot merged sh -ec "$4"
`

// build makes a recipe's image: the base, what the packages add, and its own files.
func (z *zoo) build(ctx context.Context, r recipe) (archive string, err error) {
	dir := filepath.Join(z.dir, r.name)
	for _, sub := range []string{"upper", "work", "merged", "own/zoo"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return "", err
		}
	}
	if err := tool(ctx, "unshare", "-m", "sh", "-c", install, "install", dir, z.base, r.packages, r.setup); err != nil {
		return "", err
	}
	own := filepath.Join(dir, "own")
	files := map[string]string{"zoo/work": preamble + "says=" + quote(r.says) + "\n" + "(\n" + r.work + "\n) >/tmp/zoo.out\n" + ending}
	for name, text := range r.files {
		files[name] = text
	}
	for name, text := range files {
		at := filepath.Join(own, name)
		mode := os.FileMode(0o644)
		if strings.HasPrefix(text, "#!") {
			mode = 0o755
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o755), os.WriteFile(at, []byte(text), mode)); err != nil {
			return "", err
		}
	}
	busybox, err := exec.LookPath("busybox")
	if err == nil {
		err = tool(ctx, "cp", busybox, filepath.Join(own, "zoo/busybox"))
	}
	if err != nil {
		return "", err
	}
	img := imagetest.Image{Config: r.config, Layers: []imagetest.Layer{{TarFile: z.tar, Compression: imagetest.None}}}
	for _, part := range []string{"upper", "own"} {
		layer, err := imagetest.TreeLayer(filepath.Join(dir, part), filepath.Join(dir, part+".tar"))
		if err != nil {
			return "", err
		}
		img.Layers = append(img.Layers, layer)
	}
	archive = filepath.Join(dir, "image.tar")
	return archive, imagetest.WriteDockerArchive(archive, img)
}

// result is what of slim's JSON is read.
type result struct {
	Before, After struct{ Bytes int64 }
	Gaps          []struct{ Path, What string }
	Notes         []string
	said          string // on standard error
	Observed      *struct {
		Missed         int
		MissedFiles    []string
		MissedPackages []string
		Ended          string
	}
}

// try builds, slims and runs one program, and returns its row.
func (z *zoo) try(ctx context.Context, r recipe) (row, notes string, err error) {
	defer os.RemoveAll(filepath.Join(z.dir, r.name))
	archive, err := z.build(ctx, r)
	if err != nil {
		return "", "", err
	}
	work, _ := json.Marshal([]string{"/zoo/busybox", "sh", "/zoo/work"})
	seen, err := careen("slim", archive, "--dry-run", "--level", "file", "--observe", string(work))
	if err != nil {
		return "", "", err
	}
	o := seen.Observed
	if o.Ended != "" {
		return "", "", fmt.Errorf("the original does not do its work: %s", seen.said)
	}
	missed := slices.DeleteFunc(o.MissedFiles, func(file string) bool { return strings.HasPrefix(file, "/zoo/") })
	cells := []string{fmt.Sprintf("| %s", megabytes(seen.Before.Bytes))}
	var b strings.Builder
	out := "oci-dir:" + filepath.Join(z.dir, r.name, "out")
	verify := []string{"slim", archive, "-o", out, "--verify", string(work), "--verify-within", "2m"}
	refused := ""
	for _, note := range seen.Notes {
		if strings.HasPrefix(note, "level file may drop") {
			refused = note
		}
	}
	for _, level := range []struct {
		name string
		args []string
	}{
		{"package", nil},
		{"file", []string{"--level", "file", "--keep", "/zoo", "--force"}},
		{"observed", []string{"--level", "file", "--keep", "/zoo", "--observe", string(work)}},
	} {
		made, err := careen(append(slices.Clone(verify), level.args...)...)
		switch {
		case err == nil:
			less := 100 * float64(made.Before.Bytes-made.After.Bytes) / float64(made.Before.Bytes)
			cells = append(cells, fmt.Sprintf("| %s −%.0f %%", megabytes(made.After.Bytes), less))
		case level.name == "file" && refused != "":
			cells = append(cells, "| refused")
			fmt.Fprintf(&b, "  %s: refused, and rightly: %.700s\n", level.name, err)
		case strings.Contains(err.Error(), "cannot verify"):
			return "", "", err
		default:
			cells = append(cells, "| **differs**")
			fmt.Fprintf(&b, "  %s: %.1200s\n", level.name, err)
		}
	}
	open := 0
	if refused != "" {
		open = 1
		fmt.Fprintf(&b, "  file: %.500s\n", refused)
	}
	cells = append(cells, fmt.Sprintf("| %d\t| %d\t| %s of %d gaps", len(missed), len(o.MissedPackages), map[int]string{0: "none", 1: "some"}[open], len(seen.Gaps)))
	if len(missed) > 0 {
		fmt.Fprintf(&b, "  missed files: %.1500s\n", strings.Join(missed, " "))
	}
	if len(o.MissedPackages) > 0 {
		fmt.Fprintf(&b, "  missed packages: %s\n", strings.Join(o.MissedPackages, " "))
	}
	return strings.Join(cells, "\t"), b.String(), nil
}

func megabytes(n int64) string { return fmt.Sprintf("%.0f MB", float64(n)/1e6) }

// careen runs a verb of careen's own main.
func careen(args ...string) (*result, error) {
	var out, errs bytes.Buffer
	env := append(os.Environ(), "DOCKER_HOST=unix:///nonexistent/docker.sock") // isolated by confine
	if code := cli.Main(nil, append(args, "-f", "json"), env, strings.NewReader(""), &out, &errs); code != 0 {
		return nil, errors.New(strings.TrimSpace(errs.String()))
	}
	r := result{said: errs.String()}
	return &r, json.Unmarshal(out.Bytes(), &r)
}
