// Package fleettest starts what tests of the fleet need: a PostgreSQL of their own.
package fleettest

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/careen/careen/internal/fleet/store"
)

// Postgres starts a cluster of this test's own and returns its URL. The test is
// skipped where PostgreSQL is not installed.
func Postgres(t testing.TB) string {
	t.Helper()
	c := Start(t)
	return c.URL
}

// Cluster is a PostgreSQL that a test may stop and start.
type Cluster struct {
	URL string
	dir string
	bin string
	run *exec.Cmd

	settings []string
}

// Start starts a cluster, which ends with the test, with settings ("fsync=on")
// besides those that make tests quick.
func Start(t testing.TB, settings ...string) *Cluster {
	t.Helper()
	c := &Cluster{bin: programs(), settings: settings}
	if c.bin == "" {
		t.Skip("PostgreSQL is not installed (Debian: postgresql)")
	}
	dir, err := os.MkdirTemp("", "pg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	c.dir = dir
	if err := giveAway(dir); err != nil {
		t.Skipf("PostgreSQL does not run as root, and there is no user for it: %v", err)
	}
	init := exec.Command(filepath.Join(c.bin, "initdb"), "-D", filepath.Join(dir, "data"), "-U", "careen", "-A", "trust", "-N", "-E", "UTF8", "--locale=C.UTF-8")
	asOther(init)
	init.Dir = dir
	if out, err := init.CombinedOutput(); err != nil {
		t.Skipf("PostgreSQL cannot be set up here: %v\n%s", err, out)
	}
	c.URL = "postgres://careen@/postgres?host=" + url.QueryEscape(dir)
	c.Up(t)
	t.Cleanup(c.Down)
	return c
}

// Up starts the cluster and waits until it answers.
func (c *Cluster) Up(t testing.TB) {
	t.Helper()
	args := []string{"-D", filepath.Join(c.dir, "data"), "-k", c.dir, "-h", ""}
	for _, setting := range append([]string{"fsync=off", "max_connections=100"}, c.settings...) {
		args = append(args, "-c", setting)
	}
	c.run = exec.Command(filepath.Join(c.bin, "postgres"), args...)
	asOther(c.run)
	c.run.Dir = c.dir
	log, err := os.Create(filepath.Join(c.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	c.run.Stderr, c.run.Stdout = log, log
	if err := c.run.Start(); err != nil {
		t.Skipf("PostgreSQL does not start: %v", err)
	}
	for range 300 {
		if s, err := store.Open(context.Background(), c.URL, ""); err == nil {
			s.Close()
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	text, _ := os.ReadFile(filepath.Join(c.dir, "log"))
	t.Fatalf("PostgreSQL does not answer\n%s", text)
}

// Empty makes a database in which there is nothing yet, and returns its URL.
func (c *Cluster) Empty(t testing.TB) string {
	t.Helper()
	out, err := exec.Command(filepath.Join(c.bin, "psql"), "-X", "-q", "-c", "create database other template template0", c.URL).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return strings.Replace(c.URL, "/postgres?", "/other?", 1)
}

// Down stops the cluster at once, as a crash does but for what it had written.
func (c *Cluster) Down() {
	if c.run != nil {
		c.run.Process.Signal(os.Interrupt) // "fast": ends connections, loses nothing
		c.run.Wait()
		c.run = nil
	}
}

// Processor is the time that the cluster's processes have spent on processors; 0
// where /proc does not say.
func (c *Cluster) Processor() time.Duration {
	const tick = 10 * time.Millisecond // USER_HZ is 100 on all that Go runs on
	var sum time.Duration
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		// Behind the name, which may have spaces: state, parent, … utime and stime, the
		// 14th and 15th of all.
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		if len(fields) < 14 || c.run == nil || fields[1] != strconv.Itoa(c.run.Process.Pid) {
			continue
		}
		for _, f := range fields[11:13] {
			n, _ := strconv.Atoi(f)
			sum += time.Duration(n) * tick
		}
	}
	return sum
}

// programs finds the folder of PostgreSQL's programs.
func programs() string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	slices.Sort(found)
	if len(found) > 0 {
		return filepath.Dir(found[len(found)-1])
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path)
	}
	return ""
}

// Stores calls test with an empty store on each of the databases.
func Stores(t *testing.T, test func(t *testing.T, s *store.Store)) {
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			databaseURL := ""
			if kind == "postgres" {
				databaseURL = Postgres(t)
			}
			s, err := store.Open(context.Background(), databaseURL, t.TempDir())
			if err != nil {
				t.Fatal(fmt.Errorf("%s: %w", kind, err))
			}
			t.Cleanup(func() { s.Close() })
			test(t, s)
		})
	}
}

// Log is what the cluster wrote into its log.
func (c *Cluster) Log() string {
	text, _ := os.ReadFile(filepath.Join(c.dir, "log"))
	return string(text)
}
