package daemon

import (
	"context"
	"io"
	"log/slog"
	"testing"

	"github.com/careen/careen/internal/fleet/fleettest"
	"github.com/careen/careen/internal/fleet/queue"
	"github.com/careen/careen/internal/fleet/store"
	"github.com/careen/careen/internal/fleet/work"
)

// TestSeveralMigrateAtOnce opens one database, in which there is nothing yet, by
// several at the same time.
func TestSeveralMigrateAtOnce(t *testing.T) {
	url := fleettest.Start(t).Empty(t)
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	const processes = 6
	done := make(chan error, processes)
	for range processes {
		go func() {
			ctx := context.Background()
			s, err := store.Open(ctx, url, "")
			if err != nil {
				done <- err
				return
			}
			w := work.New(s, work.Options{DataDir: t.TempDir(), Log: quiet})
			if _, err := queue.Open(ctx, queue.Options{DB: s.SQL, Postgres: true, Handlers: w.Handlers(), Log: quiet}); err != nil {
				s.Close()
				done <- err
				return
			}
			done <- s.Close()
		}()
	}
	for range processes {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
