package work

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/careen/careen/internal/fleet/fleettest"
	"github.com/careen/careen/internal/fleet/queue"
	"github.com/careen/careen/internal/fleet/store"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/vulndb"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// shared returns a file of the data that lies next to the checkout.
func shared(t testing.TB, elem ...string) string {
	t.Helper()
	root := os.Getenv("CAREEN_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "..", "shared")
	}
	path := filepath.Join(append([]string{root}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no shared data: %v (set CAREEN_SHARED)", err)
	}
	return path
}

// alpine is an image of Alpine with one package.
func alpine(name, version string, more ...imagetest.Layer) imagetest.Image {
	return imagetest.Image{Layers: append([]imagetest.Layer{{Entries: []imagetest.Entry{
		imagetest.File("etc/os-release", "ID=alpine\nVERSION_ID=3.20.3\nPRETTY_NAME=\"Alpine Linux v3.20\"\n"),
		imagetest.File("lib/apk/db/installed", fmt.Sprintf("C:Q1xxxx\nP:%s\nV:%s\nA:x86_64\no:%s\n\n", name, version, name)),
	}}}, more...)}
}

// record says that a package of Alpine 3.20 is fixed in a version.
func record(id, name, fixed string) vulndb.Record {
	return vulndb.Record{ID: id, Source: "secdb", Affected: []vulndb.Affected{{Ecosystem: "Alpine:v3.20", Name: name, Ranges: []vulndb.Range{{Fixed: fixed}}}}}
}

// database writes a database whose newest statement is of a day.
func database(t testing.TB, day int, records ...vulndb.Record) string {
	t.Helper()
	b := vulndb.NewBuilder()
	for _, r := range records {
		if err := b.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "advisories.db")
	if _, err := vulndb.WriteFile(path, b, time.Date(2026, 1, day, 0, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	return path
}

// atWork is a fleet whose workers run until the test ends.
func atWork(t *testing.T, s *store.Store, opt Options) (*Work, *queue.Queue) {
	t.Helper()
	ctx := context.Background()
	if opt.DataDir == "" {
		opt.DataDir = t.TempDir()
	}
	opt.Log, opt.Version = quiet, "test"
	w := New(s, opt)
	q, err := queue.Open(ctx, queue.Options{DB: s.SQL, Postgres: s.Postgres(), Handlers: w.Handlers(), Log: quiet,
		Workers: map[string]int{QueueList: 4, QueueAsked: 2, QueueSwept: 2, QueueJudge: 1}})
	if err != nil {
		t.Fatal(err)
	}
	w.SetQueue(q)
	if err := q.Start(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		q.Stop(ctx)
	})
	return w, q
}

// until waits for something to become so.
func until(t testing.TB, what string, so func() bool) {
	t.Helper()
	for range 600 {
		if so() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("not within half a minute: %s", what)
}

func TestARegistryIsScannedByPattern(t *testing.T) {
	host := imagetest.Registry(t)
	for _, name := range []string{"team/app:v1", "team/app:v2", "team/app:latest", "team/web:v1", "other/app:v1"} {
		version := "1.0-r0"
		if name == "team/app:v2" {
			version = "2.0-r0"
		}
		if _, err := imagetest.Push(host+"/"+name, alpine("busybox", version)); err != nil {
			t.Fatal(err)
		}
	}
	fleettest.Stores(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		w, q := atWork(t, s, Options{Insecure: true})
		if err := w.Offer(ctx, database(t, 1, record("CVE-2024-1", "busybox", "1.5-r0"), record("CVE-2024-2", "busybox", "3.0-r0"))); err != nil {
			t.Fatal(err)
		}
		if _, err := w.AddSource(ctx, store.Source{Pattern: host + "/team/*:v*", Platform: "all", Every: 3600}, "test"); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if t.Failed() {
				jobs, _ := q.List(ctx, "", 50)
				for _, j := range jobs {
					t.Logf("%+v", j)
				}
			}
		}()
		until(t, "three tags of two images", func() bool {
			list, err := s.Images(ctx, store.Everything, store.ImageQuery{Limit: 10})
			if err != nil {
				t.Fatal(err)
			}
			tags := 0
			for _, i := range list {
				tags += len(i.Tags)
			}
			return len(list) == 2 && tags == 3
		})
	})
}
