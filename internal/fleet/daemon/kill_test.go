package daemon

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/careen/careen/internal/fleet/fleettest"
	"github.com/careen/careen/internal/fleet/queue"
	"github.com/careen/careen/internal/fleet/store"
	"github.com/careen/careen/internal/fleet/work"
	"github.com/careen/careen/internal/imagetest"
)

// TestKilledWorkersLoseAndDoubleNothing kills two workers on one PostgreSQL again and
// again, each at any moment of its work, and counts what is there in the end. Each round
// brings as many images as two workers read meanwhile, so that there is always work.
func TestKilledWorkersLoseAndDoubleNothing(t *testing.T) {
	rounds, n := 2, 40
	long := os.Getenv("CAREEN_LONG") != ""
	if long {
		rounds, n = 50, 600
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	databaseURL := fleettest.Postgres(t)
	host := imagetest.Registry(t)
	for i := range n {
		push(t, fmt.Sprintf("%s/app%d:v1", host, i), fmt.Sprintf("1.%d-r0", i)) // below 1.5: affected
	}
	ctx := context.Background()
	s, err := store.Open(ctx, databaseURL, "")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	w := work.New(s, work.Options{DataDir: t.TempDir(), Log: quiet, Version: "test"})
	q, err := queue.Open(ctx, queue.Options{DB: s.SQL, Postgres: true, Handlers: w.Handlers(), Log: quiet}) // adds jobs only
	if err != nil {
		t.Fatal(err)
	}
	w.SetQueue(q)
	file := advisories(t)
	dirs := []string{t.TempDir(), t.TempDir()}
	begin := func(i int) *exec.Cmd {
		t.Helper()
		cmd := exec.Command(self, "worker", "--database", databaseURL, "--data-dir", dirs[i], "--db", file, "--workers", "2")
		cmd.Env = append(os.Environ(), "HOME="+dirs[i])
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	kill := func(cmd *exec.Cmd) {
		cmd.Process.Kill()
		cmd.Wait()
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	moment := func() { time.Sleep(time.Duration(100+random.IntN(700)) * time.Millisecond) }
	doing := func() (k int) {
		t.Helper()
		if err := s.SQL.QueryRow("select count(*) from river_job where state = 'running'").Scan(&k); err != nil {
			t.Fatal(err)
		}
		return k
	}
	kills, hit, interrupted := 0, 0, 0
	shoot := func(cmd *exec.Cmd) {
		before := doing()
		kill(cmd)
		kills++
		if before > 0 {
			hit, interrupted = hit+1, interrupted+before
		}
	}
	for round := range rounds {
		for i := round * n / rounds; i < (round+1)*n/rounds; i++ {
			if err := w.Submit(ctx, "", "all", fmt.Sprintf("%s/app%d:v1", host, i)); err != nil {
				t.Fatal(err)
			}
		}
		both := []*exec.Cmd{begin(0), begin(1)}
		first := random.IntN(2)
		moment()
		shoot(both[first])
		moment()
		shoot(both[1-first])
		// All are dead: what they had is given back now, and not after the half minute that
		// the others wait, which do it the last time.
		if !long || round < rounds-1 {
			if err := q.ReleaseAll(ctx); err != nil {
				t.Fatal(err)
			}
		}
		var done int
		if err := s.SQL.QueryRow("select count(*) from image").Scan(&done); err != nil {
			t.Fatal(err)
		}
		t.Logf("%d of %d images are there", done, n)
	}
	t.Logf("%d kills, %d of them while jobs ran, %d jobs ran then", kills, hit, interrupted)
	for i := range dirs {
		cmd := begin(i)
		defer kill(cmd)
	}
	count := func(query string) (k int) {
		t.Helper()
		if err := s.SQL.QueryRow(query).Scan(&k); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		return k
	}
	ended := false
	for range 6000 {
		if ended = count("select count(*) from image") >= n && count("select count(*) from river_job where state <> 'completed' and kind <> 'sources.sweep'") == 0; ended {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if !ended {
		list, _ := q.List(ctx, "", 20)
		t.Errorf("not done within five minutes: %+v", list)
	}
	for _, c := range []struct {
		what, query string
		want        int
	}{
		{"images", "select count(*) from image", n},
		{"tags", "select count(*) from tag", n},
		{"images of repositories", "select count(*) from repo_image", n},
		{"keys", "select count(*) from key", n},
		{"findings", "select count(*) from finding", 5},
		{"critical, by the sums of images", "select coalesce(sum(critical), 0) from image_sum", 5},
		{"sets of images", "select count(*) from image_set", n},
		{"generations", "select count(*) from generation", 1},
		{"images read", "select count(*) from river_job where kind = 'image.read'", n},
		{"jobs given up", "select count(*) from river_job where state in ('discarded', 'cancelled')", 0},
		{"images blamed for it", "select count(*) from failure", 0},
	} {
		if got := count(c.query); got != c.want {
			t.Errorf("%s: %d, want %d", c.what, got, c.want)
		}
	}
}
