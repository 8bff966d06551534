// Command bench measures careen against the floor: a program that only
// decompresses, hashes and walks the same layers (test/bench/floor). It builds
// the images itself: a Debian root file system with build-essential, python3,
// git, nodejs, npm and cmake, through mmdebstrap, which wants root on Debian; 400 MB
// of jars in jars; 2,000 Python distributions. What it prints is the table of
// the README's performance section, and the processor time of each scan next to
// the floor's, which is steadier where others share the machine.
//
//	go run ./test/bench [-dir DIR] [-runs 5] [-only debian,jars,python]
package main

import (
	"flag"
	"fmt"
	"io/fs"
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

func main() {
	dir := flag.String("dir", filepath.Join(os.TempDir(), "careen-bench"), "where the image and the binaries are kept")
	runs := flag.Int("runs", 5, "runs of each command; the median is printed")
	only := flag.String("only", "debian,jars,python", "images to measure")
	build := flag.String("build", "", "only build this image (bench runs itself for that: a process passes its peak of memory on to those that it starts)")
	flag.Parse()
	for _, image := range images {
		if image.name == *build {
			if err := buildImage(filepath.Join(*dir, image.name), image.build); err != nil {
				fmt.Fprintln(os.Stderr, "bench:", err)
				os.Exit(1)
			}
			return
		}
	}
	if err := bench(*dir, *runs, strings.Split(*only, ",")); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// images are what is measured.
var images = []struct {
	name  string
	build func(root string) error
}{
	{"debian", buildDebian},
	{"jars", buildJars},
	{"python", buildPython},
}

func bench(dir string, runs int, only []string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	careen, floor := filepath.Join(dir, "careen"), filepath.Join(dir, "floor")
	for out, pkg := range map[string]string{careen: "./cmd/careen", floor: "./test/bench/floor"} {
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", out, pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if text, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("go build %s: %w: %s", pkg, err, text)
		}
	}
	cache := filepath.Join(dir, "cache")
	// The snapshot is unpacked once in the life of a binary: not part of a scan.
	if _, err := measure(1, nil, careen, "--cache-dir", cache, "db", "info"); err != nil {
		return err
	}

	fmt.Printf("%d processors, %s/%s, %s; median of %d runs\n\n", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), runs)
	fmt.Println("| image | size | floor | cold scan | ratio | processor time, floor | cold | warm scan | peak memory cold | warm |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|---|")
	for _, image := range images {
		if !slices.Contains(only, image.name) {
			continue
		}
		root := filepath.Join(dir, image.name)
		if _, err := os.Stat(filepath.Join(root, "done")); err != nil {
			self, err := os.Executable()
			if err != nil {
				return err
			}
			cmd := exec.Command(self, "-dir", dir, "-build", image.name)
			cmd.Stderr = os.Stderr
			if err := cmd.Run(); err != nil {
				return fmt.Errorf("%s: %w", image.name, err)
			}
		}
		bytes, files, err := sizeOf(filepath.Join(root, "root"))
		if err != nil {
			return err
		}
		for _, t := range targets {
			t.path = filepath.Join(root, t.path)
			base, err := measure(runs, nil, floor, t.path)
			if err != nil {
				return err
			}
			scan := []string{careen, "--cache-dir", cache, "scan", "--no-progress", "-q", "-f", "json", "-o", filepath.Join(dir, "report.json"), t.path}
			forget := func() error { return os.RemoveAll(filepath.Join(cache, "layers")) }
			cold, err := measure(runs, forget, scan...)
			if err != nil {
				return err
			}
			warm, err := measure(runs, nil, scan...)
			if err != nil {
				return err
			}
			fmt.Printf("| %s, %s | %.0f MB, %d files | %.2f s | %.2f s | %.2f | %.2f s | %.2f s | %.0f ms | %.0f MB | %.0f MB |\n", image.name, t.name, float64(bytes)/1e6, files,
				base.wall.Seconds(), cold.wall.Seconds(), cold.wall.Seconds()/base.wall.Seconds(), base.cpu.Seconds(), cold.cpu.Seconds(),
				float64(warm.wall.Microseconds())/1e3, float64(cold.rss)/1e6, float64(warm.rss)/1e6)
		}
	}
	version, err := measure(runs, nil, careen, "--version")
	if err != nil {
		return err
	}
	info, err := os.Stat(careen)
	if err != nil {
		return err
	}
	fmt.Printf("\n`careen --version`: %.0f ms, %.0f MB of memory; the binary with its database: %.0f MB\n",
		float64(version.wall.Microseconds())/1e3, float64(version.rss)/1e6, float64(info.Size())/1e6)
	return nil
}

// figures of one command: medians over its runs.
type figures struct {
	wall, cpu time.Duration
	rss       int64 // peak resident bytes
}

func measure(runs int, before func() error, command ...string) (figures, error) {
	var walls, cpus []time.Duration
	var sizes []int64
	for range runs {
		if before != nil {
			if err := before(); err != nil {
				return figures{}, err
			}
		}
		cmd := exec.Command(command[0], command[1:]...)
		cmd.Stderr = os.Stderr
		began := time.Now()
		if err := cmd.Run(); err != nil {
			return figures{}, fmt.Errorf("%v: %w", command, err)
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

// targets are the forms of each image, by the path below its folder.
var targets = []struct{ name, path string }{
	{"gzip, OCI layout", "oci"},
	{"plain, docker-archive", "docker.tar"},
}

// buildImage makes an image in both forms.
func buildImage(dir string, fill func(root string) error) error {
	root := filepath.Join(dir, "root")
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		return err
	}
	if err := fill(root); err != nil {
		return err
	}
	layer, err := imagetest.TreeLayer(root, filepath.Join(dir, "layer.tar"))
	if err != nil {
		return err
	}
	layer.Instruction = "ADD root /"
	if err := imagetest.WriteOCIDir(filepath.Join(dir, targets[0].path), imagetest.Image{Layers: []imagetest.Layer{layer}, Tags: []string{"bench:1"}}); err != nil {
		return err
	}
	layer.Compression = imagetest.None
	if err := imagetest.WriteDockerArchive(filepath.Join(dir, targets[1].path), imagetest.Image{Layers: []imagetest.Layer{layer}, Tags: []string{"bench:1"}}); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "done"), nil, 0o644)
}

// sizeOf counts the regular files below a folder, and their bytes.
func sizeOf(root string) (bytes int64, files int, err error) {
	err = filepath.WalkDir(root, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			files++
			bytes += info.Size()
		}
		return err
	})
	return bytes, files, err
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
