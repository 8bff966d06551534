//go:build linux

// Command db measures the advisory database on a mirror of the feeds: build
// time and memory, bytes, how fast it opens and answers, and what a week's
// delta weighs. What it prints is the table of docs/database-format.md.
//
//	go run ./test/bench/db -mirror ../shared/feeds
package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/careen/careen/internal/vulndb"
)

func main() {
	mirror := flag.String("mirror", filepath.Join("..", "shared", "feeds"), "the feed mirror")
	week := flag.String("week", "2026-08-14,2026-08-21", "the dates of the two builds that the delta lies between")
	runs := flag.Int("runs", 3, "builds; the median is printed")
	flag.Parse()
	if err := bench(*mirror, *week, *runs); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(mirror, week string, runs int) error {
	dir, err := os.MkdirTemp("", "careen-bench-db-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	careen := filepath.Join(dir, "careen")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", careen, "./cmd/careen")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w: %s", err, text)
	}
	file := filepath.Join(dir, "careen.db")
	var times, cpu []time.Duration
	var peak int64
	for range runs {
		wall, used, rss, err := build(careen, dir, mirror, file, "1787443200")
		if err != nil {
			return err
		}
		times, cpu, peak = append(times, wall), append(cpu, used), max(peak, rss)
	}
	// Before anything else maps the file: pages that are mapped cannot be dropped.
	cold, warm, err := opening(file)
	if err != nil {
		return err
	}
	db, err := vulndb.Open(file)
	if err != nil {
		return err
	}
	defer db.Close()
	info := db.Info()
	records := 0
	for _, s := range info.Sources {
		records += s.Records
	}
	var packed bytes.Buffer
	if err := vulndb.Pack(&packed, db); err != nil {
		return err
	}
	row := func(what, format string, args ...any) {
		fmt.Printf("| %s | %s |\n", what, fmt.Sprintf(format, args...))
	}
	fmt.Printf("| %d processors, %s | |\n|---|---|\n", runtime.NumCPU(), runtime.Version())
	row("records in", "%d (EPSS rows and CVE records among them)", records)
	row("packages, statements, facts", "%d, %d, %d", info.Packages, info.Advisories, info.Facts)
	row("file", "%d bytes", info.Size)
	row("packed", "%d bytes, %.2f a fact", packed.Len(), float64(packed.Len())/float64(info.Facts))
	row("build", "%.1f s, %.1f s of processor time, median of %d", median(times).Seconds(), median(cpu).Seconds(), runs)
	row("peak memory of the build", "%d MB", peak>>20)
	row("open, page cache cold", "%.2f ms, wall clock, median of 9", cold.Seconds()*1e3)
	row("open, warm", "%.3f ms of processor time, mean of 1,000", warm.Seconds()*1e3)
	hit, miss, ordered := lookups(db, everyPackage(db, "")), lookups(db, everyPackage(db, "-none")), lookups(db, asScans(db, "Debian:11"))
	row("lookups a second of processor time: Debian 11's packages by name", "%.0f, every statement read", ordered)
	row("lookups a second of processor time: every package at random", "%.0f, every statement read", hit)
	row("lookups a second of processor time: miss", "%.0f", miss)
	binary, err := os.Stat(careen)
	if err != nil {
		return err
	}
	row("binary, with the snapshot", "%d bytes", binary.Size())
	without, with, err := scanning(careen, dir, file)
	if err != nil {
		return err
	}
	row("memory that a scan uses: packages only, and with the database", "%.1f MB, %.1f MB", without, with)
	return delta(careen, dir, mirror, week, row)
}

// scanning measures what the database adds to the peak memory of a scan: of
// an image with 2,000 packages of npm, of which the database knows every other
// one, once with its configuration looked at and once with vulnerabilities. It returns the
// medians, in MB.
func scanning(careen, dir, file string) (without, with float64, err error) {
	root := filepath.Join(dir, "root")
	db, err := vulndb.Open(file)
	if err != nil {
		return 0, 0, err
	}
	defer db.Close()
	n := 0
	for ecosystem, name := range db.Packages() {
		if ecosystem != "npm" || strings.ContainsAny(name, "/@\\") {
			continue
		}
		if n++; n > 1000 {
			break
		}
		for _, name := range []string{name, name + "-none"} {
			folder := filepath.Join(root, "app", "node_modules", name)
			if err := os.MkdirAll(folder, 0o755); err != nil {
				return 0, 0, err
			}
			text := fmt.Sprintf(`{"name": %q, "version": "1.0.0"}`, name)
			if err := os.WriteFile(filepath.Join(folder, "package.json"), []byte(text), 0o644); err != nil {
				return 0, 0, err
			}
		}
	}
	peak := func(scanner string) (float64, error) {
		var peaks []int64
		for range 9 {
			cmd := exec.Command(careen, "scan", "-q", "--scanners", scanner, "--db", file, "-f", "json", "dir:"+root)
			cmd.Env = append(os.Environ(), "CAREEN_CACHE_DIR="+filepath.Join(dir, "cache"))
			var errs bytes.Buffer
			cmd.Stderr = &errs
			if err := cmd.Run(); err != nil {
				return 0, fmt.Errorf("scan: %w: %s", err, errs.Bytes())
			}
			if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
				peaks = append(peaks, usage.Maxrss<<10) // Linux counts kilobytes
			}
		}
		slices.Sort(peaks)
		return float64(peaks[len(peaks)/2]) / (1 << 20), nil
	}
	if without, err = peak("config"); err != nil {
		return 0, 0, err
	}
	with, err = peak("vuln")
	return without, with, err
}

// build runs careen db build without a cache of earlier builds.
func build(careen, dir, mirror, out, epoch string) (wall, cpu time.Duration, rss int64, err error) {
	cmd := exec.Command(careen, "db", "build", "-q", "--mirror", mirror, "-o", out)
	cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH="+epoch, "CAREEN_CACHE_DIR="+filepath.Join(dir, "cache"))
	begin := time.Now()
	if text, err := cmd.CombinedOutput(); err != nil {
		return 0, 0, 0, fmt.Errorf("db build: %w: %s", err, text)
	}
	wall = time.Since(begin)
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		rss = usage.Maxrss << 10 // Linux counts kilobytes
	}
	return wall, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), rss, nil
}

func median(list []time.Duration) time.Duration {
	slices.Sort(list)
	return list[len(list)/2]
}

// processorTime is what this thread has used. Others on the machine lengthen
// it little, unlike the wall clock.
func processorTime() time.Duration {
	const thread = 1 // RUSAGE_THREAD
	var u syscall.Rusage
	if err := syscall.Getrusage(thread, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// opening measures vulndb.Open, first with the file's pages dropped.
func opening(file string) (cold, warm time.Duration, err error) {
	open := func() (time.Duration, error) {
		begin := time.Now()
		db, err := vulndb.Open(file)
		took := time.Since(begin)
		if err == nil {
			db.Close()
		}
		return took, err
	}
	var colds []time.Duration
	for range 9 {
		if err := dropPages(file); err != nil {
			return 0, 0, err
		}
		took, err := open()
		if err != nil {
			return 0, 0, err
		}
		colds = append(colds, took)
	}
	const times = 1000
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	begin := processorTime()
	for range times {
		if _, err := open(); err != nil {
			return 0, 0, err
		}
	}
	return median(colds), (processorTime() - begin) / times, nil
}

// everyPackage lists the packages of a database in an order that no cache
// foresees, with something added to their names.
func everyPackage(db *vulndb.DB, suffix string) [][2]string {
	var names [][2]string
	for ecosystem, name := range db.Packages() {
		names = append(names, [2]string{ecosystem, name + suffix})
	}
	for i := range names {
		j := (i * 7919) % len(names)
		names[i], names[j] = names[j], names[i]
	}
	return names
}

// asScans lists the packages of one release, by name: how a scan asks.
func asScans(db *vulndb.DB, ecosystem string) [][2]string {
	var names [][2]string
	for e, name := range db.Packages() {
		if e == ecosystem {
			names = append(names, [2]string{e, name})
		}
	}
	return names
}

// lookups asks for packages for two seconds, and returns how many a second of
// processor time it was.
func lookups(db *vulndb.DB, names [][2]string) float64 {
	if len(names) == 0 {
		return 0
	}
	n, ranges := 0, 0
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	begin := processorTime()
	for processorTime()-begin < 2*time.Second {
		for _, p := range names {
			for a := range db.Lookup(p[0], p[1]) {
				ranges += len(a.Ranges)
			}
		}
		n += len(names)
	}
	return float64(n) / (processorTime() - begin).Seconds()
}

// delta builds the mirror as it was on two days, by the dates of its OSV
// records, and measures what lies between.
func delta(careen, dir, mirror, week string, row func(string, string, ...any)) error {
	from, to, _ := strings.Cut(week, ",")
	var files []string
	for _, day := range []string{from, to} {
		date, err := time.Parse(time.DateOnly, day)
		if err != nil {
			return err
		}
		part := filepath.Join(dir, day)
		if err := mirrorUntil(mirror, part, date); err != nil {
			return err
		}
		file := filepath.Join(dir, day+".db")
		if _, _, _, err := build(careen, dir, part, file, fmt.Sprint(date.Unix())); err != nil {
			return err
		}
		files = append(files, file)
	}
	old, err := vulndb.Open(files[0])
	if err != nil {
		return err
	}
	defer old.Close()
	new, err := vulndb.Open(files[1])
	if err != nil {
		return err
	}
	defer new.Close()
	var whole, small bytes.Buffer
	if err := vulndb.Pack(&whole, new); err != nil {
		return err
	}
	begin := time.Now()
	if err := vulndb.Delta(&small, old, new); err != nil {
		return err
	}
	made := time.Since(begin)
	d, err := vulndb.Diff(old, new)
	if err != nil {
		return err
	}
	size := small.Len()
	begin = time.Now()
	if _, err := vulndb.Patch(old, &small, filepath.Join(dir, "patched.db")); err != nil {
		return err
	}
	row("delta of a week", "%d bytes of %d packed (%d %%), %d records added, %d changed", size, whole.Len(), 100*size/whole.Len(), len(d.Added), len(d.Changed))
	row("delta: made, applied and verified", "%.1f s, %.1f s", made.Seconds(), time.Since(begin).Seconds())
	return nil
}

// mirrorUntil copies a mirror with the OSV records that were modified until a
// date.
func mirrorUntil(mirror, to string, date time.Time) error {
	root, err := filepath.Abs(mirror)
	if err != nil {
		return err
	}
	return filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		out := filepath.Join(to, rel)
		switch {
		case e.IsDir():
			return os.MkdirAll(out, 0o755)
		case e.Name() == "all.zip" && strings.HasPrefix(rel, "osv-"):
			return zipUntil(path, out, date)
		}
		return copyFile(path, out)
	})
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}

func zipUntil(from, to string, date time.Time) error {
	in, err := zip.OpenReader(from)
	if err != nil {
		return err
	}
	defer in.Close()
	file, err := os.Create(to)
	if err != nil {
		return err
	}
	defer file.Close()
	out := zip.NewWriter(file)
	for _, f := range in.File {
		r, err := f.Open()
		if err != nil {
			return err
		}
		var record struct{ Modified time.Time }
		err = json.NewDecoder(r).Decode(&record)
		r.Close()
		if err != nil || record.Modified.After(date) {
			continue
		}
		if err := out.Copy(f); err != nil {
			return err
		}
	}
	if err := out.Close(); err != nil {
		return err
	}
	return file.Sync()
}
