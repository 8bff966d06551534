//go:build linux

// Command zoo builds images of real programs, slims each at every level, and has the
// original and the result do the same work, isolated. Its product is the table of
// docs/slim.md.
//
//	make zoo [NAME…]
//
// It needs root, mmdebstrap, a static busybox, runc or crun, and Debian's package
// registry; some programs need npm, Go or gcc, and are skipped without.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
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
	"time"

	"github.com/careen/careen/internal/cli"
	"github.com/careen/careen/internal/confine"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/scan"
	"github.com/careen/careen/internal/slim"
)

// recipe is one program.
type recipe struct {
	name     string
	packages string // of Debian
	setup    string // run in the image after they are installed
	bare     bool   // the image has nothing but what follows
	made     string // run on this machine, where the recipe's own files are: what is compiled, or fetched from a registry
	needs    string // programs of this machine for that
	files    map[string]string
	config   image.Config
	work     string // what is done with the program: busybox's shell; it prints what must be equal
	clients  string // programs of the image that only the work runs: they are asked to stay
	says     string // part of what the original prints, which shows that the work was done
}

// preamble is what every work has: the tools of its driver, which are not the image's.
const preamble = `bb() { /zoo/driver "$@"; }
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
	look := flag.Bool("look", false, "do not run what is slimmed: say what reading missed of what the original opens, and the sizes")
	kept := flag.String("rows", "", "keep what came of each program in this directory, and go on from what is there")
	flag.Parse()
	if err := run(ctx, flag.Args(), *look, *kept); err != nil {
		fmt.Fprintln(os.Stderr, "zoo:", err)
		os.Exit(1)
	}
}

// run tries the programs and prints their table. What came of each is kept in a
// directory, if one is given: a run that ends early goes on from there.
func run(ctx context.Context, names []string, look bool, kept string) error {
	z, err := open(ctx)
	if err != nil {
		return err
	}
	defer os.RemoveAll(z.dir)
	var rows []row
	failed := 0
	for _, r := range recipes() {
		if len(names) > 0 && !slices.Contains(names, r.name) {
			continue
		}
		file := filepath.Join(kept, r.name+".json")
		if data, err := os.ReadFile(file); err == nil && kept != "" {
			var done row
			if err := json.Unmarshal(data, &done); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			rows = append(rows, done)
			continue
		}
		began := time.Now()
		got, err := z.try(ctx, r, look)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			failed++
			fmt.Fprintf(os.Stderr, "%s: %v\n", r.name, err)
			continue
		}
		got.Took = time.Since(began)
		fmt.Fprintf(os.Stderr, "%s\n%s", got.line(), got.notes())
		rows = append(rows, *got)
		if kept != "" {
			data, _ := json.MarshalIndent(got, "", " ")
			if err := errors.Join(os.MkdirAll(kept, 0o755), os.WriteFile(file, append(data, '\n'), 0o644)); err != nil {
				return err
			}
		}
	}
	fmt.Print(table(rows))
	if failed > 0 {
		return fmt.Errorf("%d programs could not be tried", failed)
	}
	return nil
}

// zoo is where images are built. What Debian's packages add to the base is kept
// from one run to the next.
type zoo struct {
	dir   string // of this run
	roots string
	tar   string // Debian's minimal system
}

func open(ctx context.Context) (*zoo, error) {
	if os.Getuid() != 0 {
		return nil, errors.New("only root can build and run images")
	}
	z := &zoo{roots: os.Getenv("CAREEN_ROOTS")}
	if z.roots == "" {
		z.roots = filepath.Join(os.TempDir(), "careen-roots")
	}
	if err := os.MkdirAll(z.roots, 0o755); err != nil {
		return nil, err
	}
	z.tar = filepath.Join(z.roots, "zoo-base.tar")
	err := once(z.tar, func(part string) error {
		return tool(ctx, "mmdebstrap", "--quiet", "--variant=minbase", "--dpkgopt=force-unsafe-io", `--aptopt=Acquire::Languages "none"`,
			"--include=ca-certificates", "bookworm", part)
	})
	if err != nil {
		return nil, err
	}
	z.dir, err = os.MkdirTemp("", "careen-zoo-")
	return z, err
}

// once makes a file that is not there; one half made is never seen.
func once(file string, make func(part string) error) error {
	if _, err := os.Stat(file); err == nil {
		return nil
	}
	part := strings.TrimSuffix(file, ".tar") + ".part.tar"
	if err := make(part); err != nil {
		return errors.Join(err, os.RemoveAll(part))
	}
	return os.Rename(part, file)
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
for d in etc/apt usr/share/keyrings var/lib/apt/lists etc/ssl/certs; do mkdir -p merged/$d; mount --bind /$d merged/$d; done
mkdir -p merged/var/cache/apt
mount --bind "$5" merged/var/cache/apt
for f in etc/resolv.conf etc/hosts; do [ -e merged/$f ] || : >merged/$f; mount --bind /$f merged/$f; done
mount -t proc proc merged/proc
mount --rbind /dev merged/dev
printf '#!/bin/sh\nexit 101\n' >merged/usr/sbin/policy-rc.d; chmod +x merged/usr/sbin/policy-rc.d
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
[ -z "$3" ] || chroot merged apt-get install -y -qq --no-install-recommends -o DPkg::Options::=--force-unsafe-io -o Dpkg::Use-Pty=0 $3
rm merged/usr/sbin/policy-rc.d
[ -z "$4" ] || chroot merged sh -ec "$4"
`

// installed returns the layer that a recipe's packages and setup add to the base.
func (z *zoo) installed(ctx context.Context, r recipe) (tar string, err error) {
	key := sha256.Sum256([]byte(install + "\x00" + r.packages + "\x00" + r.setup))
	tar = filepath.Join(z.roots, fmt.Sprintf("zoo-%s-%x.tar", r.name, key[:6]))
	return tar, once(tar, func(part string) error {
		base := filepath.Join(z.dir, "base")
		if _, err := os.Stat(base); err != nil {
			if err := errors.Join(os.Mkdir(base, 0o755), tool(ctx, "tar", "-C", base, "--numeric-owner", "-xpf", z.tar)); err != nil {
				return err
			}
		}
		dir := filepath.Join(z.dir, r.name)
		for _, sub := range []string{"upper", "work", "merged", "../apt/archives/partial"} {
			if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
				return err
			}
		}
		if err := tool(ctx, "unshare", "-m", "sh", "-c", install, "install", dir, base, r.packages, r.setup, filepath.Join(z.dir, "apt")); err != nil {
			return err
		}
		_, err := imagetest.TreeLayer(filepath.Join(dir, "upper"), part)
		return err
	})
}

// errSkipped is a recipe for which this machine lacks something.
var errSkipped = errors.New("skipped")

// build makes a recipe's image: the base, what the packages add, and its own files.
func (z *zoo) build(ctx context.Context, r recipe) (archive string, err error) {
	dir := filepath.Join(z.dir, r.name)
	own := filepath.Join(dir, "own")
	if err := os.MkdirAll(filepath.Join(own, "zoo"), 0o755); err != nil {
		return "", err
	}
	for name := range strings.FieldsSeq(r.needs) {
		if _, err := exec.LookPath(name); err != nil {
			return "", fmt.Errorf("%w: no %s here", errSkipped, name)
		}
	}
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
	if r.bare {
		for _, name := range []string{"tmp", "etc"} {
			if err := os.MkdirAll(filepath.Join(own, name), 0o1777); err != nil {
				return "", err
			}
		}
	}
	err = z.addDriver(ctx, filepath.Join(own, "zoo"))
	if err == nil && r.made != "" {
		err = tool(ctx, "sh", "-ec", "cd "+quote(own)+"; export HOME="+quote(dir)+" GOPATH=$(go env GOPATH) GOCACHE=$(go env GOCACHE)\n"+r.made)
	}
	if err != nil {
		return "", err
	}
	img := imagetest.Image{Config: r.config}
	if !r.bare {
		tar, err := z.installed(ctx, r)
		if err != nil {
			return "", err
		}
		for _, file := range []string{z.tar, tar} {
			img.Layers = append(img.Layers, imagetest.Layer{TarFile: file, Compression: imagetest.None})
		}
	}
	layer, err := imagetest.TreeLayer(own, filepath.Join(dir, "own.tar"))
	if err != nil {
		return "", err
	}
	img.Layers = append(img.Layers, layer)
	archive = filepath.Join(dir, "image.tar")
	return archive, imagetest.WriteDockerArchive(archive, img)
}

// addDriver adds what does the work: a program that says nothing of what it can do,
// and the tools that it runs, a static busybox.
func (z *zoo) addDriver(ctx context.Context, dir string) error {
	made := filepath.Join(z.dir, "driver")
	if _, err := os.Stat(made); err != nil {
		build := exec.CommandContext(ctx, "go", "build", "-ldflags", "-s -w", "-o", made, "github.com/careen/careen/test/zoo/driver")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("building the driver: %w\n%s", err, out)
		}
	}
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return fmt.Errorf("%w: no busybox here", errSkipped)
	}
	tools, err := os.ReadFile(busybox)
	if err != nil {
		return err
	}
	for i := range tools {
		tools[i] = ^tools[i]
	}
	return errors.Join(os.WriteFile(filepath.Join(dir, "tools"), tools, 0o644), tool(ctx, "cp", made, filepath.Join(dir, "driver")))
}

// result is what of slim's JSON is read.
type result struct {
	Before, After struct{ Bytes int64 }
	Gaps          []struct{ Path, What string }
	Notes         []string
	Observed      *struct {
		MissedFiles    []string
		MissedPackages []string
	}
}

// outcome is what came of one level.
type outcome struct {
	Bytes int64
	State string // "" where the result does as the original does; "refused", "differs"
	Note  string // how it differs
}

func (o outcome) cell(before int64) string {
	if o.State != "" {
		return o.State
	}
	return fmt.Sprintf("%s (−%.0f %%)", megabytes(o.Bytes), max(0, 100*float64(before-o.Bytes)/float64(before)))
}

// row is a line of the table.
type row struct {
	Name           string
	Before         int64
	Levels         []outcome // package, file, file observed; and package observed where package differs
	MissedFiles    []string
	MissedPackages []string
	Gaps           int
	Open           []string // gaps because of which level file refuses
	Took           time.Duration
	Looked         bool // nothing that was slimmed was run: the levels are sizes
}

const head = "| program | before | `package` | `file` | `file`, observed | missed files | missed packages | gaps (open) | s |\n" +
	"|---|---|---|---|---|---|---|---|---|\n"

func (r *row) line() string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s | %s |", r.Name, megabytes(r.Before))
	for i := range 3 {
		if i < len(r.Levels) {
			fmt.Fprintf(&b, " %s |", r.Levels[i].cell(r.Before))
		} else {
			b.WriteString(" |")
		}
	}
	fmt.Fprintf(&b, " %d | %d | %d (%d) | %.0f |", len(r.MissedFiles), len(r.MissedPackages), r.Gaps, len(r.Open), r.Took.Seconds())
	return b.String()
}

// notes says what is behind a line's numbers.
func (r *row) notes() string {
	var b strings.Builder
	for _, list := range []struct {
		what  string
		items []string
	}{{"missed files", r.MissedFiles}, {"missed packages", r.MissedPackages}, {"refused", r.Open}} {
		if len(list.items) > 0 {
			fmt.Fprintf(&b, "  %s: %.1500s\n", list.what, strings.Join(list.items, "; "))
		}
	}
	for i, o := range r.Levels {
		if o.Note != "" {
			fmt.Fprintf(&b, "  %s: %s\n", levelNames[i], o.Note)
		}
	}
	return b.String()
}

var levelNames = [...]string{"package", "file", "file, observed", "package, observed"}

// table is the product: a row for each program, and what holds over all.
func table(rows []row) string {
	var b strings.Builder
	b.WriteString(head)
	runs, refused, looked := [len(levelNames)]int{}, 0, 0
	var less []float64
	files, packages := 0, 0
	for i := range rows {
		r := &rows[i]
		b.WriteString(r.line() + "\n")
		if r.Looked {
			looked++
		}
		for j, o := range r.Levels {
			switch o.State {
			case "":
				if !r.Looked {
					runs[j]++
				}
			case refusedState:
				refused++
			}
		}
		if len(r.Levels) > 0 && r.Levels[0].State == "" {
			less = append(less, 100*float64(r.Before-r.Levels[0].Bytes)/float64(r.Before))
		}
		files += len(r.MissedFiles)
		packages += len(r.MissedPackages)
	}
	if len(less) == 0 {
		return b.String()
	}
	slices.Sort(less)
	only := ""
	if looked > 0 {
		only = fmt.Sprintf(", %d of them only looked at", looked)
	}
	fmt.Fprintf(&b, "\n%d programs%s: %d run at level package, %d at level file (%d refused), %d observed; median −%.0f %%; %d files and %d packages missed\n",
		len(rows), only, runs[0], runs[1], refused, runs[2], less[len(less)/2], files, packages)
	return b.String()
}

const (
	refusedState = "refused"
	differs      = "**differs**"
)

// try builds, slims and runs one program. The original is laid out and run once: what
// it prints is what each result must print, and what it opens is the trace that slim
// is given, as --observe would have it.
func (z *zoo) try(ctx context.Context, r recipe, look bool) (*row, error) {
	dir := filepath.Join(z.dir, r.name)
	defer os.RemoveAll(dir)
	archive, err := z.build(ctx, r)
	if err != nil {
		return nil, err
	}
	original, err := openTrial(ctx, "docker-archive:"+archive, filepath.Join(dir, "original"))
	if err != nil {
		return nil, err
	}
	defer original.close()
	original.Watch = true
	was, err := original.run(ctx)
	switch {
	case err != nil:
		return nil, err
	case was.Failed != "" || was.Exit != 0:
		return nil, fmt.Errorf("the original does not do its work: %s (exit %d)\n%s", was.Failed, was.Exit, was.Output)
	case !was.Whole:
		return nil, errors.New("the original opens more files than could be noted")
	}
	original.Watch = false
	trace := filepath.Join(dir, "trace")
	if err := os.WriteFile(trace, []byte("/"+strings.Join(was.Opened, "\n/")+"\n"), 0o644); err != nil {
		return nil, err
	}
	slimmed := []string{"slim", "docker-archive:" + archive}
	for client := range strings.FieldsSeq(r.clients) {
		slimmed = append(slimmed, "--keep", client)
	}
	seen, err := careen(slices.Concat(slimmed, []string{"--dry-run", "--level", "file", "--trace", trace})...)
	if err != nil {
		return nil, err
	}
	isOurs := func(file string) bool { return strings.HasPrefix(file, "/zoo/") }
	got := &row{
		Name: r.name, Before: seen.Before.Bytes, Gaps: len(seen.Gaps), Open: openGaps(seen.Notes),
		MissedFiles: slices.DeleteFunc(seen.Observed.MissedFiles, isOurs), MissedPackages: seen.Observed.MissedPackages,
	}
	if look {
		return got, z.sizes(got, slimmed)
	}
	file := []string{"--level", "file", "--keep", "/zoo", "--force"}
	observed := []string{"--trace", trace}
	levels := [][]string{nil, file, slices.Concat(file, observed)}
	for i := 0; i < len(levels); i++ {
		o := outcome{State: refusedState}
		switch {
		case i == 1 && len(got.Open) > 0:
		case i == 2 && got.Levels[1].State == "" && len(got.MissedFiles) == 0:
			o = got.Levels[1] // reading found all that was observed, and that ran
		default:
			if o, err = z.level(ctx, original, was, slices.Concat(slimmed, levels[i]), filepath.Join(dir, fmt.Sprint("level", i))); err != nil {
				return nil, err
			}
		}
		if got.Levels = append(got.Levels, o); i == 0 && o.State == differs {
			levels = append(levels, observed)
		}
	}
	return got, nil
}

// sizes says what the levels would leave, without trying it.
func (z *zoo) sizes(r *row, slimmed []string) error {
	r.Looked = true
	for _, level := range []string{"package", "file"} {
		made, err := careen(slices.Concat(slimmed, []string{"--dry-run", "--force", "--level", level})...)
		if err != nil {
			return err
		}
		r.Levels = append(r.Levels, outcome{Bytes: made.After.Bytes})
	}
	return nil
}

// level slims the image once and has the result do the work.
func (z *zoo) level(ctx context.Context, original *trial, was slim.Observation, args []string, dir string) (outcome, error) {
	defer os.RemoveAll(dir)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return outcome{}, err
	}
	to := "docker-archive:" + filepath.Join(dir, "out.tar")
	made, err := careen(append(args, "-o", to)...)
	if err != nil {
		return outcome{}, err
	}
	t, err := openTrial(ctx, to, filepath.Join(dir, "result"))
	if err != nil {
		return outcome{}, err
	}
	defer t.close()
	is, err := t.run(ctx)
	if err != nil {
		return outcome{}, err
	}
	o := outcome{Bytes: made.After.Bytes}
	if is.Failed == "" && is.Exit == was.Exit && is.Output == was.Output {
		return o, nil
	}
	again, err := original.run(ctx)
	if err != nil {
		return outcome{}, err
	}
	if again.Output != was.Output && is.Failed == "" && is.Exit == was.Exit {
		return o, nil // the original does not agree with itself
	}
	o.State = differs
	o.Note = fmt.Sprintf("%s (exit %d) %.800q instead of %.300q", is.Failed, is.Exit, is.Output, was.Output)
	if lacking := slim.Lacking(was.Opened, original.Tree, t.Tree); len(lacking) > 0 {
		o.Note += fmt.Sprintf("; lacks %.800s", strings.Join(lacking, " "))
	}
	return o, nil
}

// trial is an image that is laid out to be run.
type trial struct {
	slim.Trial
	close func()
}

// openTrial lays an image out below a directory.
func openTrial(ctx context.Context, target, dir string) (*trial, error) {
	at, err := image.ParseTarget(target)
	if err != nil {
		return nil, err
	}
	images, done, err := image.Open(ctx, at, image.Options{})
	if err != nil {
		return nil, err
	}
	opened, err := scan.Open(ctx, images[0], scan.Options{})
	if err != nil {
		return nil, errors.Join(err, done())
	}
	t := &trial{Trial: slim.Trial{
		Name: target, Tree: opened.Tree, Config: images[0].Config, Root: filepath.Join(dir, "root"),
		Command: []string{"/zoo/driver", "sh", "/zoo/work"}, Within: 2 * time.Minute,
	}}
	t.close = func() { opened.Close(); done() }
	if err := os.MkdirAll(t.Root, 0o755); err != nil {
		t.close()
		return nil, err
	}
	if err := slim.Unpack(ctx, &t.Trial); err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

func (t *trial) run(ctx context.Context) (slim.Observation, error) {
	return confine.Apart(func() (slim.Observation, error) { return t.Run(ctx) })
}

// openGaps are the places because of which level file refuses, but for our driver's.
func openGaps(notes []string) []string {
	for _, note := range notes {
		_, list, ok := strings.Cut(note, "this could not be followed: ")
		if !ok {
			continue
		}
		list, _, _ = strings.Cut(list, "; see what")
		return slices.DeleteFunc(strings.Split(list, "; "), func(gap string) bool { return strings.HasPrefix(gap, "/zoo/") })
	}
	return nil
}

func megabytes(n int64) string { return fmt.Sprintf("%.0f MB", float64(n)/1e6) }

// careen runs a verb of careen's own main.
func careen(args ...string) (*result, error) {
	var out, errs bytes.Buffer
	if code := cli.Main(nil, append(args, "-f", "json"), os.Environ(), strings.NewReader(""), &out, &errs); code != 0 {
		return nil, errors.New(strings.TrimSpace(errs.String()))
	}
	var r result
	return &r, json.Unmarshal(out.Bytes(), &r)
}
