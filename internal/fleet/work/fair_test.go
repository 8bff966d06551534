package work

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/careen/careen/internal/fleet/fleettest"
	"github.com/careen/careen/internal/fleet/queue"
	"github.com/careen/careen/internal/fleet/store"
	"github.com/careen/careen/internal/imagetest"
)

// TestOneRepositoryDoesNotHoldUpOthers has a repository with many images listed before
// others with few, and looks at the order in which one worker reads them.
func TestOneRepositoryDoesNotHoldUpOthers(t *testing.T) {
	const many, few, others = 60, 3, 4
	host := imagetest.Registry(t)
	push := func(repo string, n int) {
		for i := range n {
			if _, err := imagetest.Push(fmt.Sprintf("%s/%s:v%d", host, repo, i), alpine(strings.ReplaceAll(repo, "/", "-"), fmt.Sprintf("1.%d-r0", i))); err != nil {
				t.Fatal(err)
			}
		}
	}
	push("a/flood", many)
	for i := range others {
		push(fmt.Sprintf("b/small%d", i), few)
	}
	fleettest.Stores(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		var mu sync.Mutex
		var order []string // the repositories, at the first try of each image
		tried := map[string]bool{}
		w := New(s, Options{Insecure: true, DataDir: t.TempDir(), Log: quiet, Version: "test", Read: func(_ context.Context, req Request) (*Facts, error) {
			mu.Lock()
			defer mu.Unlock()
			if !tried[req.Digest] {
				order = append(order, strings.TrimPrefix(req.Repo, host+"/"))
			}
			tried[req.Digest] = true
			return nil, errors.New("only the order counts")
		}})
		begin := func(queues map[string]int) (q *queue.Queue, stop func()) {
			t.Helper()
			q, err := queue.Open(ctx, queue.Options{DB: s.SQL, Postgres: s.Postgres(), Handlers: w.Handlers(), Log: quiet, Workers: queues})
			if err != nil {
				t.Fatal(err)
			}
			w.SetQueue(q)
			if err := q.Start(ctx); err != nil {
				t.Fatal(err)
			}
			return q, func() { q.Stop(ctx) }
		}
		waiting := func(q *queue.Queue, name string) int {
			t.Helper()
			n, err := q.Waiting(ctx, name, 1000)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		lists, stop := begin(map[string]int{QueueList: 4})
		if _, err := w.AddSource(ctx, store.Source{Pattern: host + "/", Platform: "all", Every: 3600}, "test"); err != nil {
			t.Fatal(err)
		}
		until(t, "all images wait to be read", func() bool { return waiting(lists, QueueSwept) == many+others*few })
		stop()
		_, stop = begin(map[string]int{QueueSwept: 1})
		defer stop()
		until(t, "all were tried", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return len(order) >= many+others*few
		})
		mu.Lock()
		defer mu.Unlock()
		last := 0
		for i, repo := range order {
			if strings.HasPrefix(repo, "b/") {
				last = i
			}
		}
		if first := order[:10+others*few]; last >= len(first) {
			t.Errorf("the last image of a small repository is read as number %d; the first are %q", last, first)
		}
		if n := len(slices.DeleteFunc(slices.Clone(order), func(r string) bool { return r != "a/flood" })); n < many {
			t.Errorf("only %d images of the large repository were read", n)
		}
	})
}

// TestNoMoreIsTakenThanCanBeDone has nobody read, and asks for more and more.
func TestNoMoreIsTakenThanCanBeDone(t *testing.T) {
	host := imagetest.Registry(t)
	for i := range 8 {
		if _, err := imagetest.Push(fmt.Sprintf("%s/app%d:v1", host, i), alpine("busybox", fmt.Sprintf("1.%d-r0", i))); err != nil {
			t.Fatal(err)
		}
	}
	fleettest.Stores(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		const most = 4
		w := New(s, Options{Insecure: true, DataDir: t.TempDir(), Log: quiet, Version: "test", MaxWaiting: most})
		q, err := queue.Open(ctx, queue.Options{DB: s.SQL, Postgres: s.Postgres(), Handlers: w.Handlers(), Log: quiet, Workers: map[string]int{QueueList: 2}})
		if err != nil {
			t.Fatal(err)
		}
		w.SetQueue(q)
		if err := q.Start(ctx); err != nil {
			t.Fatal(err)
		}
		defer q.Stop(ctx)
		for i := range 7 {
			err := w.Submit(ctx, "", "all", fmt.Sprintf("%s/asked:%d", host, i))
			if want := i >= most; errors.Is(err, ErrBusy) != want || !want && err != nil {
				t.Errorf("asked for %d: %v", i, err)
			}
		}
		if n, err := q.Waiting(ctx, QueueAsked, 100); n != most || err != nil {
			t.Errorf("%d wait, %v; want %d", n, err, most)
		}
		// A listing fills the other queue; the next one is not begun before it is empty.
		src := store.Source{Pattern: host + "/", Platform: "all", Every: 1}
		id, err := w.AddSource(ctx, src, "test")
		if err != nil {
			t.Fatal(err)
		}
		until(t, "the images wait", func() bool { n, err := q.Waiting(ctx, QueueSwept, 100); return err == nil && n == 8 })
		set := func(listed int64) {
			t.Helper()
			if _, err := s.SQL.Exec(fmt.Sprintf("update source set listed = %d where id = %d", listed, id)); err != nil {
				t.Fatal(err)
			}
		}
		sweep := func() {
			t.Helper()
			done := func() (n int) {
				if err := s.SQL.QueryRow("select count(*) from river_job where kind = 'sources.sweep' and state = 'completed'").Scan(&n); err != nil {
					t.Fatal(err)
				}
				return n
			}
			before := done()
			if err := s.Tx(ctx, func(tx *store.Tx) error { return q.Add(ctx, tx.SQL, queue.Insert{Args: sweepArgs{}, Queue: QueueList}) }); err != nil {
				t.Fatal(err)
			}
			until(t, "the sweep", func() bool { return done() > before })
		}
		listings := func() (n int) {
			t.Helper()
			if err := s.SQL.QueryRow("select count(*) from river_job where kind = 'source.list'").Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		set(0)
		sweep()
		if n := listings(); n != 1 {
			t.Errorf("%d listings were asked for while all that waits is there", n)
		}
		if _, err := s.SQL.Exec("delete from river_job where queue = 'swept'"); err != nil {
			t.Fatal(err)
		}
		sweep()
		if n := listings(); n != 2 {
			t.Errorf("%d listings were asked for once there was room, want 2", n)
		}
	})
}
