// Command bench measures careen against the floor: a program that only
// decompresses, hashes and walks the same layers (test/bench/floor). It builds
// the image itself, a Debian root file system with build-essential, python3,
// git, nodejs, npm and cmake, through mmdebstrap, which wants root on Debian. What it
// prints is the table of the README's performance section.
//
//	go run ./test/bench [-dir DIR] [-runs 5]
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
	"syscall"
	"time"

	"github.com/careen/careen/internal/imagetest"
)

func main() {
	dir := flag.String("dir", filepath.Join(os.TempDir(), "careen-bench"), "where the image and the binaries are kept")
	runs := flag.Int("runs", 5, "runs of each command; the median is printed")
	flag.Parse()
	if err := bench(*dir, *runs); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// target is one form of the image.
type target struct {
	name string
	path string
}

func bench(dir string, runs int) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	targets, expanded, files, err := buildImage(dir)
	if err != nil {
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

	fmt.Printf("%d processors, %s/%s, %s; image of %.0f MB in %d files; median of %d runs\n\n",
		runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), float64(expanded)/1e6, files, runs)
	fmt.Println("| image | floor | cold scan | ratio | warm scan | peak memory cold | warm |")
	fmt.Println("|---|---|---|---|---|---|---|")
	for _, t := range targets {
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
		fmt.Printf("| %s | %.2f s | %.2f s | %.2f | %.0f ms | %.0f MB | %.0f MB |\n", t.name, base.wall.Seconds(), cold.wall.Seconds(),
			cold.wall.Seconds()/base.wall.Seconds(), float64(warm.wall.Microseconds())/1e3, float64(cold.rss)/1e6, float64(warm.rss)/1e6)
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
	wall time.Duration
	rss  int64 // peak resident bytes
}

func measure(runs int, before func() error, command ...string) (figures, error) {
	var walls []time.Duration
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
		if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
			sizes = append(sizes, usage.Maxrss<<10)
		}
	}
	slices.Sort(walls)
	slices.Sort(sizes)
	f := figures{wall: walls[len(walls)/2]}
	if len(sizes) > 0 {
		f.rss = sizes[len(sizes)/2]
	}
	return f, nil
}

// buildImage makes the image in both forms, unless it is there already.
func buildImage(dir string) ([]target, int64, int, error) {
	root := filepath.Join(dir, "root")
	targets := []target{
		{"gzip, OCI layout", filepath.Join(dir, "oci")},
		{"plain, docker-archive", filepath.Join(dir, "docker.tar")},
	}
	if _, err := os.Stat(filepath.Join(dir, "done")); err != nil {
		if err := buildRoot(root); err != nil {
			return nil, 0, 0, err
		}
		layer, err := imagetest.TreeLayer(root, filepath.Join(dir, "layer.tar"))
		if err != nil {
			return nil, 0, 0, err
		}
		layer.Instruction = "ADD root /"
		if err := imagetest.WriteOCIDir(targets[0].path, imagetest.Image{Layers: []imagetest.Layer{layer}, Tags: []string{"bench:1"}}); err != nil {
			return nil, 0, 0, err
		}
		layer.Compression = imagetest.None
		if err := imagetest.WriteDockerArchive(targets[1].path, imagetest.Image{Layers: []imagetest.Layer{layer}, Tags: []string{"bench:1"}}); err != nil {
			return nil, 0, 0, err
		}
		if err := os.WriteFile(filepath.Join(dir, "done"), nil, 0o644); err != nil {
			return nil, 0, 0, err
		}
	}
	var bytes int64
	files := 0
	err := filepath.WalkDir(root, func(_ string, d fs.DirEntry, err error) error {
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
	return targets, bytes, files, err
}

// buildRoot unpacks the root file system, unless it is there already.
func buildRoot(root string) error {
	stamp := root + ".done"
	if _, err := os.Stat(stamp); err == nil {
		return nil
	}
	if err := os.RemoveAll(root); err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "bench: building the image with mmdebstrap; a few minutes")
	cmd := exec.Command("mmdebstrap", "--variant=apt", "--include=build-essential,python3,git,nodejs,npm,cmake", "bookworm", root)
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("mmdebstrap: %w: %s", err, text)
	}
	return os.WriteFile(stamp, nil, 0o644)
}
