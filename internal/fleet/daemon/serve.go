package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/careen/careen/internal/fleet/admission"
	"github.com/careen/careen/internal/fleet/api"
	"github.com/careen/careen/internal/fleet/auth"
	"github.com/careen/careen/internal/fleet/harbor"
	"github.com/careen/careen/internal/fleet/pages"
	"github.com/careen/careen/internal/fleet/queue"
	"github.com/careen/careen/internal/fleet/store"
	"github.com/careen/careen/internal/fleet/work"
	"github.com/careen/careen/internal/publish"
	"github.com/careen/careen/internal/vulndb"
)

// fleet is the open parts of a server or a worker.
type fleet struct {
	store *store.Store
	work  *work.Work
	queue *queue.Queue
}

// open opens the store and the queue, with workers.
func (c *command) open(ctx context.Context) (*fleet, error) {
	s, err := store.Open(ctx, c.database, c.dataDir)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	apart := work.Apart{Command: []string{self, readVerb}, Env: work.Environ(c.env)}
	w := work.New(s, work.Options{DataDir: c.dataDir, Insecure: c.insecure, Version: version(), Keep: c.keep, PrivateHooks: c.privateHooks, Log: c.log, Read: apart.Read})
	n := c.workers
	if n <= 0 {
		n = runtime.GOMAXPROCS(0)
	}
	q, err := queue.Open(ctx, queue.Options{
		DB: s.SQL, Postgres: s.Postgres(), Handlers: w.Handlers(), Periodic: w.Periodic(),
		Log:     slog.New(slog.NewTextHandler(c.stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Workers: map[string]int{work.QueueList: 2 * n, work.QueueAsked: n, work.QueueSwept: n, work.QueueJudge: 1, w.QueueOwn(): n},
	})
	if err == nil && !s.Postgres() {
		err = q.ReleaseAll(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	w.SetQueue(q)
	return &fleet{s, w, q}, nil
}

// close stops the work in order: jobs that run have some seconds to end.
func (f *fleet) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	return errors.Join(f.queue.Stop(ctx), f.store.Close())
}

// stopWithin is how long it takes to stop in order, at most. The queue lets jobs run
// for the first part of it.
const stopWithin = 9 * time.Second

// readVerb has this program read one image, for another process of it.
const readVerb = "read-image"

// readImage does the one thing that another process wants, and ends with that.
func (c *command) readImage(ctx context.Context) error {
	order, err := work.ReceiveOrder(c.stdin)
	if err != nil {
		return err
	}
	done, alone := make(chan error, 1), make(chan struct{})
	go func() { done <- order.Do(ctx, c.stdout) }()
	go func() {
		io.Copy(io.Discard, c.stdin)
		close(alone)
	}()
	select {
	case err := <-done:
		return err
	case <-alone: // nor does this wait for what is read, which may not heed a context
		return errors.New(readVerb + ": nobody waits for the answer any more")
	}
}

// work does jobs until ctx ends.
func (c *command) work(ctx context.Context) error {
	if c.database == "" {
		return errors.New("worker: --database postgres://… says whose; SQLite has one process, which works by itself")
	}
	f, err := c.open(ctx)
	if err != nil {
		return err
	}
	if err := c.startWork(ctx, f); err != nil {
		return errors.Join(err, f.close())
	}
	c.log.Info("working")
	if c.advisories != "" {
		c.keepCurrent(ctx, f)
	}
	<-ctx.Done()
	return f.close()
}

// startWork starts to do jobs, and to say that this process lives as long as it does
// them.
func (c *command) startWork(ctx context.Context, f *fleet) error {
	if _, err := f.queue.Beat(ctx); err != nil {
		return err
	}
	if err := f.queue.Start(ctx); err != nil {
		return err
	}
	// Until the store is closed: jobs that end in order are this process's till then.
	live := context.WithoutCancel(ctx)
	go func() {
		for {
			time.Sleep(queue.BeatEvery)
			n, err := f.queue.Beat(live)
			switch {
			case ctx.Err() != nil && err != nil:
				return
			case err != nil:
				c.log.Error("heartbeat", "error", err)
			case n > 0:
				c.log.Warn("jobs of dead processes are done again", "jobs", n)
			}
		}
	}()
	return nil
}

// serve answers and works until ctx ends.
func (c *command) serve(ctx context.Context, patterns []string) error {
	every, err := time.ParseDuration(c.every)
	if err != nil || every < time.Minute {
		return fmt.Errorf("--every %s: a time of at least 1m, such as 1h", c.every)
	}
	for _, p := range patterns {
		if _, err := work.ParsePattern(p); err != nil {
			return err
		}
	}
	people, err := c.people()
	if err != nil {
		return err
	}
	f, err := c.open(ctx)
	if err != nil {
		return err
	}
	if err := auth.MayListen(ctx, f.store, c.listen, people); err != nil {
		return errors.Join(fmt.Errorf("--listen %s: %w", c.listen, err), f.close())
	}
	listener, err := net.Listen("tcp", c.listen)
	if err != nil {
		return errors.Join(err, f.close())
	}
	handler, err := c.handler(f, people)
	if err != nil {
		return errors.Join(err, f.close())
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, WriteTimeout: 2 * time.Minute,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
	failed := make(chan error, 1)
	go func() {
		if c.tlsCert != "" {
			failed <- server.ServeTLS(listener, c.tlsCert, c.tlsKey)
		} else {
			failed <- server.Serve(listener)
		}
	}()
	if err := c.startWork(ctx, f); err != nil {
		return errors.Join(err, server.Close(), f.close())
	}
	c.log.Info("serving", "url", c.urlOf(listener.Addr()), "version", version())
	for _, p := range patterns {
		if _, err := f.work.AddSource(ctx, store.Source{Pattern: p, Platform: c.platform, Every: int64(every.Seconds())}, commandLine); err != nil {
			return errors.Join(err, server.Close(), f.close())
		}
	}
	go c.keepCurrent(ctx, f)
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	// What is asked ends while the jobs do.
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		stop, cancel := context.WithTimeout(context.Background(), stopWithin/2)
		defer cancel()
		if server.Shutdown(stop) != nil {
			server.Close()
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	stopErr := f.queue.Stop(ctx)
	<-closed
	return errors.Join(err, stopErr, f.store.Close())
}

// urlOf is where a browser finds the server.
func (c *command) urlOf(at net.Addr) string {
	if c.tlsCert != "" {
		return "https://" + at.String()
	}
	return "http://" + at.String()
}

// people are those who may sign in, or nil without a provider.
func (c *command) people() (*auth.People, error) {
	if c.oidc.Issuer == "" {
		return nil, nil
	}
	opt := c.oidc
	for _, text := range c.oidcGroups {
		g, err := auth.ParseGroup(text)
		if err != nil {
			return nil, fmt.Errorf("--oidc-group: %w", err)
		}
		opt.Groups = append(opt.Groups, g)
	}
	if c.oidcSecret != "" {
		f, err := os.Open(c.oidcSecret)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		if opt.Secret, err = auth.ReadSecret(f); err != nil {
			return nil, fmt.Errorf("--oidc-secret-file: %w", err)
		}
	}
	return auth.NewPeople(opt)
}

// handler is the server's table.
func (c *command) handler(f *fleet, people *auth.People) (http.Handler, error) {
	guard := auth.New(f.store, c.listen, people)
	mux := http.NewServeMux()
	(&api.API{Store: f.store, Work: f.work, Queue: f.queue, Guard: guard, Version: version(), Log: c.log}).Register(mux)
	p := &pages.Pages{Store: f.store, Work: f.work, Queue: f.queue, Guard: guard, Log: c.log}
	if err := p.Register(mux); err != nil {
		return nil, err
	}
	(&harbor.Scanner{Store: f.store, Work: f.work, Guard: guard, Version: version(), Log: c.log}).Register(mux)
	(&admission.Webhook{Store: f.store, Work: f.work, Guard: guard, Log: c.log}).Register(mux)
	m := &metrics{store: f.store, queue: f.queue, guard: guard}
	mux.HandleFunc("GET /healthz", m.health)
	mux.HandleFunc("GET /readyz", m.ready)
	mux.HandleFunc("GET /metrics", m.serve)
	// A page of another site can have a browser send requests, but not from here.
	return http.NewCrossOriginProtection().Handler(m.count(mux)), nil
}

// lookEvery is how often the file of advisories is looked at.
const lookEvery = 5 * time.Minute

// keepCurrent offers the fleet the advisories that this process was given, now and
// whenever the file is another.
func (c *command) keepCurrent(ctx context.Context, f *fleet) {
	var last os.FileInfo
	for {
		if err := c.offer(ctx, f, &last); err != nil && ctx.Err() == nil {
			c.log.Error("advisories", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(lookEvery):
		}
	}
}

func (c *command) offer(ctx context.Context, f *fleet, last *os.FileInfo) error {
	file := c.advisories
	dir := filepath.Join(c.dataDir, "db")
	if file == "" {
		if *last != nil {
			return nil // the program does not change
		}
		var err error
		if file, err = vulndb.Snapshot(dir); err != nil {
			return err
		}
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	if *last != nil && info.ModTime().Equal((*last).ModTime()) && info.Size() == (*last).Size() {
		return nil
	}
	if publish.Packed(file) {
		plain := filepath.Join(dir, "given.db")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		if err := publish.Unpack(file, plain); err != nil {
			return err
		}
		file = plain
	}
	if err := f.work.Offer(ctx, file); err != nil {
		return err
	}
	*last = info
	return nil
}
