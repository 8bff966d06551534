// Package queue is the work that waits: jobs that are added in the transaction that
// makes them needed and completed in the one that has their effect, so that a worker
// killed at any moment loses none and does none twice. River keeps them, in the same
// database; nothing else of careend knows that.
package queue

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"
)

// Args are what a job is to do; they are kept as JSON. Of two unfinished jobs with
// the same kind and arguments there is only one.
type Args interface{ Kind() string }

// Job is a job that runs.
type Job[T Args] struct {
	Args    T
	Attempt int // 1 for the first
	Rank    int // see Insert.Rank

	complete func(context.Context, *sql.Tx) error
}

// Complete notes in a transaction that the job is done.
func (j *Job[T]) Complete(ctx context.Context, tx *sql.Tx) error { return j.complete(ctx, tx) }

// Handler does the jobs of one kind.
type Handler struct {
	add func(*river.Workers, bool)
}

// Handle makes the handler of a kind. After the timeout its context ends.
func Handle[T Args](timeout time.Duration, do func(context.Context, *Job[T]) error) Handler {
	return Handler{func(w *river.Workers, postgres bool) {
		river.AddWorker(w, &worker[T]{timeout: timeout, do: do, postgres: postgres})
	}}
}

type worker[T Args] struct {
	river.WorkerDefaults[T]
	timeout  time.Duration
	postgres bool
	do       func(context.Context, *Job[T]) error
}

func (w *worker[T]) Timeout(*river.Job[T]) time.Duration { return w.timeout }

func (w *worker[T]) Work(ctx context.Context, job *river.Job[T]) error {
	return w.do(ctx, &Job[T]{job.Args, job.Attempt, job.Priority - 1, func(ctx context.Context, tx *sql.Tx) error {
		var err error
		if w.postgres {
			_, err = river.JobCompleteTx[*riverdatabasesql.Driver](ctx, tx, job)
		} else {
			_, err = river.JobCompleteTx[*riversqlite.Driver](ctx, tx, job)
		}
		return err
	}})
}

// Never says that a job would fail however often it is tried.
func Never(err error) error { return river.JobCancel(err) }

// Later asks for the job to be done again after a while; it costs no attempt.
func Later(d time.Duration) error { return river.JobSnooze(d) }

// Waits reports whether an error is Later's.
func Waits(err error) bool {
	var snooze *river.JobSnoozeError
	return errors.As(err, &snooze)
}

// Options of a queue.
type Options struct {
	DB       *sql.DB
	Postgres bool
	Handlers []Handler
	Workers  map[string]int // how many jobs of each queue run at once; nil only adds jobs
	Periodic []Periodic
	Log      *slog.Logger
}

// Periodic is a job that is added again and again, once for all processes.
type Periodic struct {
	Every time.Duration
	Job   Insert
}

// Queue adds jobs and does them.
type Queue struct {
	client   *river.Client[*sql.Tx]
	db       *sql.DB
	postgres bool
}

// How jobs are fetched and rescued. A job whose worker was killed runs again after
// the rescue at the latest; a timeout of a job is below it.
const (
	fetchCooldown = 20 * time.Millisecond
	fetchPoll     = 250 * time.Millisecond
	rescueAfter   = 15 * time.Minute
	softStop      = 6 * time.Second
	keepDone      = 24 * time.Hour
)

// Open prepares the tables of the queue. With Workers, Start does jobs.
func Open(ctx context.Context, opt Options) (*Queue, error) {
	var driver riverdriver.Driver[*sql.Tx]
	if opt.Postgres {
		driver = riverdatabasesql.New(opt.DB)
	} else {
		driver = riversqlite.New(opt.DB)
	}
	if err := migrate(ctx, opt, driver); err != nil {
		return nil, fmt.Errorf("queue: %w", err)
	}
	workers := river.NewWorkers()
	for _, h := range opt.Handlers {
		h.add(workers, opt.Postgres)
	}
	config := &river.Config{
		Logger:                      opt.Log,
		Workers:                     workers,
		PollOnly:                    true, // works through a pooler of transactions too
		FetchCooldown:               fetchCooldown,
		FetchPollInterval:           fetchPoll,
		RescueStuckJobsAfter:        rescueAfter,
		SoftStopTimeout:             softStop,
		CompletedJobRetentionPeriod: keepDone,
		MaxAttempts:                 maxAttempts,
	}
	if opt.Workers != nil {
		config.Queues = map[string]river.QueueConfig{}
		for name, n := range opt.Workers {
			config.Queues[name] = river.QueueConfig{MaxWorkers: n}
		}
		for _, p := range opt.Periodic {
			config.PeriodicJobs = append(config.PeriodicJobs, river.NewPeriodicJob(river.PeriodicInterval(p.Every),
				func() (river.JobArgs, *river.InsertOpts) { return p.Job.Args, p.Job.options() }, &river.PeriodicJobOpts{RunOnStart: true}))
		}
	}
	client, err := river.NewClient(driver, config)
	if err != nil {
		return nil, fmt.Errorf("queue: %w", err)
	}
	return &Queue{client: client, db: opt.DB, postgres: opt.Postgres}, nil
}

// migrate brings the tables of the queue up to date. River does not expect several at
// once, so that on PostgreSQL one holds a lock meanwhile, in a transaction of its own,
// which a pooler keeps together; on SQLite there is one process.
func migrate(ctx context.Context, opt Options, driver riverdriver.Driver[*sql.Tx]) error {
	if opt.Postgres {
		lock, err := opt.DB.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer lock.Rollback()
		if _, err := lock.ExecContext(ctx, "select pg_advisory_xact_lock(4242020118)"); err != nil {
			return err
		}
	}
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: opt.Log})
	if err == nil {
		_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
	}
	return err
}

// maxAttempts is large since a death of a worker spends one: what fails by itself
// is counted by the handlers.
const maxAttempts = 12

// ReleaseAll makes every job that a dead process was doing available again. Only
// the owner of a data directory may say that all others are dead.
func (q *Queue) ReleaseAll(ctx context.Context) error {
	_, err := q.db.ExecContext(ctx, "update river_job set state = 'available' where state = 'running'")
	return err
}

// BeatEvery is how often a process that does jobs says that it lives.
const BeatEvery = 5 * time.Second

// Beat says that this process lives, and makes what dead ones were doing available
// again. A process that was taken for dead and was not cannot end its jobs twice:
// the worker that completes one first has its effect. On SQLite there is one process, which
// knows at its start that the one before is dead.
func (q *Queue) Beat(ctx context.Context) (released int64, err error) {
	if !q.postgres {
		return 0, nil
	}
	if _, err := q.db.ExecContext(ctx, "insert into worker (id, seen) values ($1, now()) on conflict (id) do update set seen = now()", q.client.ID()); err != nil {
		return 0, fmt.Errorf("queue: %w", err)
	}
	r, err := q.db.ExecContext(ctx, `update river_job set state = 'available' where state = 'running' and not exists
		(select 1 from worker w where w.id = river_job.attempted_by[array_upper(river_job.attempted_by, 1)] and w.seen > now() - interval '30 seconds')`)
	if err != nil {
		return 0, fmt.Errorf("queue: %w", err)
	}
	if _, err := q.db.ExecContext(ctx, "delete from worker where seen < now() - interval '1 day'"); err != nil {
		return 0, fmt.Errorf("queue: %w", err)
	}
	return r.RowsAffected()
}

// Start begins to do jobs. Stop ends that.
func (q *Queue) Start(ctx context.Context) error { return q.client.Start(context.WithoutCancel(ctx)) }

// Stop lets the jobs that run end, for some seconds, and takes up no others. What
// does not end is done again by the next worker.
func (q *Queue) Stop(ctx context.Context) error {
	err := q.client.Stop(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

// Insert is a job to be added.
type Insert struct {
	Args  Args
	Queue string
	After time.Duration // not before
	Rank  int           // from 0 to LastRank: jobs of a lower one are done first
}

// LastRank is the rank of what waits longest.
const LastRank = 3

// RankOf is the rank of the n-th job, from 0, that one asks for at once: the first ten,
// hundred and thousand of each are done before what many others want more of, so that
// who wants little does not wait for who wants much.
func RankOf(n int) int {
	rank := 0
	for n >= 10 && rank < LastRank {
		n, rank = n/10, rank+1
	}
	return rank
}

// unfinished are the states in which a job keeps its like out. Completed jobs do
// not: tomorrow the same is to be done again.
var unfinished = []rivertype.JobState{
	rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning, rivertype.JobStateRetryable, rivertype.JobStateScheduled,
}

func (i Insert) options() *river.InsertOpts {
	opt := &river.InsertOpts{Queue: i.Queue, Priority: 1 + i.Rank, UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: unfinished}}
	if i.After > 0 {
		opt.ScheduledAt = time.Now().Add(i.After)
	}
	return opt
}

// Add adds jobs in a transaction.
func (q *Queue) Add(ctx context.Context, tx *sql.Tx, jobs ...Insert) error {
	const batch = 1000
	for len(jobs) > 0 {
		n := min(batch, len(jobs))
		list := make([]river.InsertManyParams, n)
		for i, j := range jobs[:n] {
			list[i] = river.InsertManyParams{Args: j.Args, InsertOpts: j.options()}
		}
		if _, err := q.client.InsertManyTx(ctx, tx, list); err != nil {
			return fmt.Errorf("queue: %w", err)
		}
		jobs = jobs[n:]
	}
	return nil
}

// Info is a job as people see it.
type Info struct {
	ID       int64      `json:"id"`
	Kind     string     `json:"kind"`
	Queue    string     `json:"queue"`
	State    string     `json:"state"`
	Attempt  int        `json:"attempt"`
	Args     string     `json:"args"`
	Errors   []string   `json:"errors"`
	Created  time.Time  `json:"created"`
	Finished *time.Time `json:"finished,omitempty"`
}

// States are what Info.State may be.
func States() []string {
	var list []string
	for _, s := range rivertype.JobStates() {
		list = append(list, string(s))
	}
	return list
}

// List returns jobs in a state, or in any where that is "", newest first.
func (q *Queue) List(ctx context.Context, state string, limit int) ([]Info, error) {
	params := river.NewJobListParams().First(limit).OrderBy(river.JobListOrderByID, river.SortOrderDesc)
	if state != "" {
		params = params.States(rivertype.JobState(state))
	}
	found, err := q.client.JobList(ctx, params)
	if err != nil {
		return nil, fmt.Errorf("queue: %w", err)
	}
	list := []Info{}
	for _, j := range found.Jobs {
		info := Info{ID: j.ID, Kind: j.Kind, Queue: j.Queue, State: string(j.State), Attempt: j.Attempt, Args: string(j.EncodedArgs),
			Errors: []string{}, Created: j.CreatedAt, Finished: j.FinalizedAt}
		for _, e := range j.Errors {
			info.Errors = append(info.Errors, e.Error)
		}
		list = append(list, info)
	}
	return list, nil
}

// Count is how many jobs of a queue are in a state.
type Count struct {
	Queue, State string
	N            int64
}

// Counts counts the jobs.
func (q *Queue) Counts(ctx context.Context) ([]Count, error) {
	rows, err := q.db.QueryContext(ctx, "select queue, state, count(*) from river_job group by queue, state order by 1, 2")
	if err != nil {
		return nil, fmt.Errorf("queue: %w", err)
	}
	defer rows.Close()
	var list []Count
	for rows.Next() {
		var c Count
		if err := rows.Scan(&c.Queue, &c.State, &c.N); err != nil {
			return nil, fmt.Errorf("queue: %w", err)
		}
		list = append(list, c)
	}
	return list, rows.Err()
}

// Waiting counts the jobs of a queue that could be done now, up to most.
func (q *Queue) Waiting(ctx context.Context, queue string, most int) (n int, err error) {
	err = q.db.QueryRowContext(ctx, "select count(*) from (select 1 from river_job where state = 'available' and queue = $1 limit $2) as waits", queue, most).Scan(&n)
	if err != nil {
		err = fmt.Errorf("queue: %w", err)
	}
	return n, err
}

// Retry makes a job available now, if there is one.
func (q *Queue) Retry(ctx context.Context, tx *sql.Tx, id int64) (found bool, err error) {
	_, err = q.client.JobRetryTx(ctx, tx, id)
	if errors.Is(err, river.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
