package daemon

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/careen/careen/internal/fleet/auth"
	"github.com/careen/careen/internal/fleet/queue"
	"github.com/careen/careen/internal/fleet/store"
)

// metrics answers those who watch the server: whether it lives, whether it can
// answer, and its numbers in Prometheus' text format.
type metrics struct {
	store *store.Store
	queue *queue.Queue
	guard *auth.Guard

	requests, failures atomic.Int64
	nanoseconds        atomic.Int64
}

// count counts requests on their way.
func (m *metrics) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		began := time.Now()
		w := &watched{ResponseWriter: out}
		next.ServeHTTP(w, r)
		m.requests.Add(1)
		m.nanoseconds.Add(int64(time.Since(began)))
		if w.status >= 500 {
			m.failures.Add(1)
		}
	})
}

type watched struct {
	http.ResponseWriter
	status int
}

func (w *watched) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (m *metrics) health(out http.ResponseWriter, _ *http.Request) { io.WriteString(out, "ok\n") }

// ready reports whether questions can be answered: the database is there, and
// advisories were applied.
func (m *metrics) ready(out http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	g, err := m.store.Current(ctx)
	switch {
	case err != nil:
		http.Error(out, "the database does not answer", http.StatusServiceUnavailable)
	case g == 0:
		http.Error(out, "the advisories are being applied", http.StatusServiceUnavailable)
	default:
		io.WriteString(out, "ok\n")
	}
}

// serve writes the numbers. They are of the whole fleet, so they take a token for it.
func (m *metrics) serve(out http.ResponseWriter, r *http.Request) {
	who, status, err := m.guard.Who(r)
	if err == nil && !who.Scope.All {
		status, err = http.StatusForbidden, fmt.Errorf("numbers of the whole fleet take a token without scope")
	}
	if err != nil {
		http.Error(out, err.Error(), status)
		return
	}
	o, err := m.store.Overview(r.Context(), store.Everything, time.Now())
	if err != nil {
		http.Error(out, "the database does not answer", http.StatusServiceUnavailable)
		return
	}
	g, _, err := m.store.Generation(r.Context())
	if err != nil {
		http.Error(out, "the database does not answer", http.StatusServiceUnavailable)
		return
	}
	jobs, err := m.queue.Counts(r.Context())
	if err != nil {
		http.Error(out, "the database does not answer", http.StatusServiceUnavailable)
		return
	}
	out.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	gauge := func(name, help string, v any) {
		fmt.Fprintf(out, "# HELP careend_%s %s\n# TYPE careend_%s gauge\ncareend_%s %v\n", name, help, name, name, v)
	}
	gauge("images", "Images that are known.", o.Images)
	gauge("repositories", "Repositories that are known.", o.Repositories)
	gauge("images_with_critical", "Images with critical vulnerabilities.", o.Critical)
	gauge("images_with_exploited", "Images with vulnerabilities known to be exploited.", o.Exploited)
	gauge("generation", "Number of the advisory database that answers are by.", g.ID)
	gauge("advisories_newest_timestamp_seconds", "Newest statement of the advisories.", g.Newest)
	fmt.Fprintf(out, "# HELP careend_jobs Jobs by state.\n# TYPE careend_jobs gauge\n")
	for _, j := range jobs {
		fmt.Fprintf(out, "careend_jobs{queue=%q,state=%q} %d\n", j.Queue, j.State, j.N)
	}
	for _, c := range []struct {
		name, help string
		v          any
	}{
		{"http_requests_total", "Requests answered.", m.requests.Load()},
		{"http_failures_total", "Requests answered with a failure of the server.", m.failures.Load()},
		{"http_seconds_total", "Time spent on them.", float64(m.nanoseconds.Load()) / 1e9},
	} {
		fmt.Fprintf(out, "# HELP careend_%s %s\n# TYPE careend_%s counter\ncareend_%s %v\n", c.name, c.help, c.name, c.name, c.v)
	}
}
