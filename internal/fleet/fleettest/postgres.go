// Package fleettest starts what tests of the fleet need: a PostgreSQL of their own.
package fleettest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
}

// Start starts a cluster, which ends with the test.
func Start(t testing.TB) *Cluster {
	t.Helper()
	c := &Cluster{bin: programs()}
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
	c.run = exec.Command(filepath.Join(c.bin, "postgres"), "-D", filepath.Join(c.dir, "data"), "-k", c.dir, "-h", "", "-c", "fsync=off", "-c", "max_connections=100")
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

// Down stops the cluster at once, as a crash does but for what it had written.
func (c *Cluster) Down() {
	if c.run != nil {
		c.run.Process.Signal(os.Interrupt) // "fast": ends connections, loses nothing
		c.run.Wait()
		c.run = nil
	}
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
