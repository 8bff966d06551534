// Command bench measures careen next to others on the same images, in one run:
// the floor, a program that only decompresses, hashes and walks the same layers
// (test/bench/floor), libdeflate-gunzip with sha256sum, Trivy and Syft, each where
// it is installed. It builds the images itself: a Debian root file system with
// build-essential, python3, git, nodejs, npm and cmake, through mmdebstrap, which
// wants root on Debian, in 1, 9 and 60 layers; 400 MB of jars in jars; 2,000 Python
// distributions; and 25,000 to 200,000 small sources. What it prints is the tables of the README's performance section.
//
//	go run ./test/bench [-dir DIR] [-runs 5] [-only debian,debian9,…] [-forms gzip,zstd,plain]
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/careen/careen/internal/imagetest"
)

// subject is an image that is measured.
type subject struct {
	name   string
	layers int
	from   string // the image whose files these are, "" for its own
	build  func(root string) error
}

var images = []subject{
	{"debian", 1, "", buildDebian},
	{"debian9", 9, "debian", nil},
	{"debian60", 60, "debian", nil},
	{"jars", 1, "", buildJars},
	{"python", 1, "", buildPython},
}

// forms are how each image is stored, by the path below its folder.
var forms = []struct {
	name, path  string
	compression imagetest.Compression
}{
	{"gzip", "oci", imagetest.Gzip},
	{"zstd", "oci-zstd", imagetest.Zstd},
	{"plain", "docker.tar", imagetest.None},
}

func main() {
	var b bench
	var only, form string
	flag.StringVar(&b.dir, "dir", filepath.Join(os.TempDir(), "careen-bench"), "where the images and the binaries are kept")
	flag.IntVar(&b.runs, "runs", 5, "runs of each command; the median is printed")
	flag.StringVar(&only, "only", "debian,debian9,debian60,jars,python,entries", "images to measure")
	flag.StringVar(&form, "forms", "gzip,zstd,plain", "forms to measure")
	build := flag.String("build", "", "only build this image (bench runs itself for that: a process passes its peak of memory on to those that it starts)")
	flag.Parse()
	b.only, b.forms = strings.Split(only, ","), strings.Split(form, ",")
	do := b.run
	if *build != "" {
		do = func() error { return b.build(*build) }
	}
	if err := do(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is one run of all measurements.
type bench struct {
	dir         string
	runs        int
	only, forms []string
	careen      string
	floor       string
	cache       string
}

// table is the measurements of some images in one environment.
type table struct {
	title string
	env   []string
	only  []string
}

func (b *bench) run() error {
	if err := b.programs(); err != nil {
		return err
	}
	for _, image := range images {
		if slices.Contains(b.only, image.name) {
			if err := b.have(image.name); err != nil {
				return fmt.Errorf("%s: %w", image.name, err)
			}
		}
	}
	cpu := processor()
	fmt.Printf("%s, %d of them, %s/%s, %s; medians of %d runs. Ratios are to the floor's.\n", cpu.name, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), b.runs)
	tables := []table{{"As the processor is: " + cpu.sha(), nil, b.only}}
	if cpu.hasSHA {
		off := "GODEBUG=cpu.sha=off"
		if runtime.GOARCH == "arm64" {
			off = "GODEBUG=cpu.sha2=off"
		}
		tables = append(tables, table{"The same processor, Go's programs told to leave its SHA instructions alone (" + off + ")", []string{off}, []string{"debian", "debian9"}})
	}
	for _, t := range tables {
		fmt.Printf("\n%s\n\n| image | form | program | processor | ratio | wall | ratio | peak memory |\n|---|---|---|---|---|---|---|---|\n", t.title)
		for _, image := range images {
			if !slices.Contains(b.only, image.name) || !slices.Contains(t.only, image.name) {
				continue
			}
			for _, form := range forms {
				if !slices.Contains(b.forms, form.name) {
					continue
				}
				if err := b.rows(image.name, form.name, filepath.Join(b.dir, image.name, form.path), t.env); err != nil {
					return err
				}
			}
		}
	}
	if slices.Contains(b.only, "entries") {
		if err := b.linear(); err != nil {
			return err
		}
	}
	return b.version()
}

// program is what is measured of one image.
type program struct {
	name    string
	before  func() error // each run
	command []string
}

// programs builds careen and the floor, and unpacks careen's snapshot, which
// happens once in the life of a binary and is no part of a scan.
func (b *bench) programs() error {
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		return err
	}
	b.careen, b.floor, b.cache = filepath.Join(b.dir, "careen"), filepath.Join(b.dir, "floor"), filepath.Join(b.dir, "cache")
	for out, pkg := range map[string]string{b.careen: "./cmd/careen", b.floor: "./test/bench/floor"} {
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", out, pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if text, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("go build %s: %w: %s", pkg, err, text)
		}
	}
	_, err := measure(1, nil, nil, b.careen, "--cache-dir", b.cache, "db", "info")
	return err
}

// scan is careen's command line with some arguments more.
func (b *bench) scan(arguments ...string) []string {
	return append([]string{b.careen, "--cache-dir", b.cache, "scan", "--no-progress", "-q", "-f", "json", "-o", filepath.Join(b.dir, "report.json")}, arguments...)
}

// forget makes the next scan a cold one.
func (b *bench) forget() error { return os.RemoveAll(filepath.Join(b.cache, "layers")) }

// rows measures every program on one form of an image.
func (b *bench) rows(image, form, path string, env []string) error {
	packages := b.scan("--scanners", "vuln", path)
	programs := []program{
		{"floor", nil, []string{b.floor, path}},
		{"careen, all scanners, cold", b.forget, b.scan(path)},
		{"the same, warm", nil, b.scan(path)},
		{"careen, packages alone, cold", b.forget, packages},
		{"the same, warm", nil, packages},
	}
	var floor figures
	for _, p := range append(programs, others(path, form)...) {
		f, err := measure(b.runs, p.before, env, p.command...)
		if err != nil {
			if slices.Contains([]string{b.careen, b.floor}, p.command[0]) {
				return err
			}
			fmt.Fprintf(os.Stderr, "bench: left out: %s: %v\n", p.name, err)
			continue
		}
		if p.name == "floor" {
			floor = f
		}
		fmt.Printf("| %s | %s | %s | %.2f s | %.2f | %.2f s | %.2f | %.0f MB |\n", image, form, p.name,
			f.cpu.Seconds(), f.cpu.Seconds()/floor.cpu.Seconds(), f.wall.Seconds(), f.wall.Seconds()/floor.wall.Seconds(), float64(f.rss)/1e6)
	}
	return nil
}

// version measures what every start costs.
func (b *bench) version() error {
	f, err := measure(b.runs, nil, nil, b.careen, "--version")
	if err != nil {
		return err
	}
	info, err := os.Stat(b.careen)
	if err != nil {
		return err
	}
	fmt.Printf("\n`careen --version`: %.0f ms, %.0f MB of memory; the binary with its database: %.0f MB\n",
		float64(f.wall.Microseconds())/1e3, float64(f.rss)/1e6, float64(info.Size())/1e6)
	return nil
}

// figures of one command: medians over its runs.
type figures struct {
	wall, cpu time.Duration // cpu is user and system time, that of programs that it starts included
	rss       int64         // peak resident bytes
}

func measure(runs int, before func() error, env []string, command ...string) (figures, error) {
	var walls, cpus []time.Duration
	var sizes []int64
	for range runs {
		if before != nil {
			if err := before(); err != nil {
				return figures{}, err
			}
		}
		cmd := exec.Command(command[0], command[1:]...)
		cmd.Env = append(os.Environ(), env...)
		var says strings.Builder
		cmd.Stderr = &says
		began := time.Now()
		if err := cmd.Run(); err != nil {
			text := says.String()
			return figures{}, fmt.Errorf("%v: %w: %s", command, err, text[max(0, len(text)-500):])
		}
		walls = append(walls, time.Since(began))
		cpus = append(cpus, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())
		if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
			sizes = append(sizes, usage.Maxrss<<10)
		}
	}
	slices.Sort(walls)
	slices.Sort(cpus)
	slices.Sort(sizes)
	f := figures{wall: walls[len(walls)/2], cpu: cpus[len(cpus)/2]}
	if len(sizes) > 0 {
		f.rss = sizes[len(sizes)/2]
	}
	return f, nil
}

// have builds an image unless all its forms are there.
func (b *bench) have(name string) error {
	missing := false
	for _, form := range forms {
		if _, err := os.Stat(filepath.Join(b.dir, name, form.path)); err != nil {
			missing = true
		}
	}
	if !missing {
		return nil
	}
	return b.buildApart(name)
}

// buildApart builds an image in a process of its own.
func (b *bench) buildApart(name string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, "-dir", b.dir, "-build", name)
	cmd.Stderr = os.Stderr
	return cmd.Run()
}

// build makes an image in those of its forms that are missing.
func (b *bench) build(name string) error {
	if name == "entries" {
		return b.buildEntries()
	}
	at := slices.IndexFunc(images, func(s subject) bool { return s.name == name })
	if at < 0 {
		return fmt.Errorf("no image %q", name)
	}
	image := images[at]
	dir := filepath.Join(b.dir, name)
	if image.from != "" {
		if _, err := os.Stat(filepath.Join(b.dir, image.from, "layer.tar")); err != nil {
			if err := b.build(image.from); err != nil {
				return err
			}
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	layers, err := layersOf(dir, filepath.Join(b.dir, image.from), image.layers, image.build)
	if err != nil {
		return err
	}
	for _, form := range forms {
		to := filepath.Join(dir, form.path)
		if _, err := os.Stat(to); err == nil {
			continue
		}
		for i := range layers {
			layers[i].Compression = form.compression
		}
		img := imagetest.Image{Layers: layers, Tags: []string{"bench:1"}}
		write := imagetest.WriteOCIDir
		if form.compression == imagetest.None {
			write = func(to string, images ...imagetest.Image) error { return imagetest.WriteDockerArchive(to, images...) }
		}
		if err := write(to+".new", img); err != nil {
			return err
		}
		if err := os.Rename(to+".new", to); err != nil {
			return err
		}
	}
	// What was packed on the way: 300 MB for each form.
	left, _ := filepath.Glob(filepath.Join(dir, "layer-*"))
	for _, file := range left {
		if err := os.Remove(file); err != nil {
			return err
		}
	}
	return nil
}

// layersOf makes the layers of an image: one of the files that fill writes, or
// several of those of another image.
func layersOf(dir, from string, n int, fill func(root string) error) ([]imagetest.Layer, error) {
	if fill == nil {
		return split(filepath.Join(from, "layer.tar"), dir, n)
	}
	packed := filepath.Join(dir, "layer.tar")
	if _, err := os.Stat(packed); err == nil {
		return []imagetest.Layer{{TarFile: packed, Instruction: "ADD root /"}}, nil
	}
	root := filepath.Join(dir, "root")
	if err := os.RemoveAll(root); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		return nil, err
	}
	if err := fill(root); err != nil {
		return nil, err
	}
	layer, err := imagetest.TreeLayer(root, packed)
	layer.Instruction = "ADD root /"
	return []imagetest.Layer{layer}, err
}

// buildDebian unpacks a root file system.
func buildDebian(root string) error {
	fmt.Fprintln(os.Stderr, "bench: building the image with mmdebstrap; a few minutes")
	cmd := exec.Command("mmdebstrap", "--variant=apt", "--include=build-essential,python3,git,nodejs,npm,cmake", "bookworm", root)
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("mmdebstrap: %w: %s", err, text)
	}
	return nil
}
