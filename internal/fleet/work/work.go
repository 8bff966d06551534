// Package work is what careend's workers do: list what sources name, resolve tags,
// read images and index them, and judge keys again when advisories change. Each job
// commits its effect and its end in one transaction.
package work

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/careen/careen/internal/fleet/queue"
	"github.com/careen/careen/internal/fleet/store"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/match"
	"github.com/careen/careen/internal/vulndb"
)

// The queues. What a person or a push asks for does not wait behind a sweep.
const (
	QueueList  = "list"  // listings and tags
	QueueAsked = "asked" // images that someone waits for
	QueueSwept = "swept" // images that a listing found
	QueueJudge = "judge" // advisories; one at a time
)

// How long jobs may take.
const (
	listTimeout    = 5 * time.Minute
	resolveTimeout = time.Minute
	readTimeout    = 10 * time.Minute
	applyTimeout   = 10 * time.Minute
)

// Options of the workers.
type Options struct {
	DataDir  string
	Insecure bool // registries may speak plain HTTP or have certificates of their own
	Version  string
	Keep     time.Duration // how long images stay that no listing sees any more; 0 for ever
	Log      *slog.Logger

	PrivateHooks bool // hooks may be in private networks
	MaxWaiting   int  // jobs of a queue from which on no more are asked for; 0 means 100,000

	Read func(context.Context, Request) (*Facts, error) // nil means Read, in this process; Apart has another
}

// Work does the jobs.
type Work struct {
	store *store.Store
	queue *queue.Queue
	opt   Options
	db    *advisories

	logins *logins
}

// New returns the work on a store. SetQueue comes before any of it.
func New(s *store.Store, opt Options) *Work {
	if opt.MaxWaiting == 0 {
		opt.MaxWaiting = 100_000
	}
	if opt.Read == nil {
		opt.Read = Read
	}
	return &Work{store: s, opt: opt, db: &advisories{store: s, dir: filepath.Join(opt.DataDir, "db")}, logins: newLogins()}
}

// SetQueue says where jobs are added.
func (w *Work) SetQueue(q *queue.Queue) { w.queue = q }

// Handlers are those of all kinds of jobs.
func (w *Work) Handlers() []queue.Handler {
	return []queue.Handler{
		queue.Handle(listTimeout, w.sweep),
		queue.Handle(listTimeout, w.listSource),
		queue.Handle(listTimeout, w.listRepo),
		queue.Handle(resolveTimeout, w.resolve),
		queue.Handle(readTimeout, w.readImage),
		queue.Handle(readTimeout, w.readWithLogin),
		queue.Handle(applyTimeout, w.apply),
		queue.Handle(listTimeout, w.roll),
		queue.Handle(listTimeout, w.retain),
		queue.Handle(listTimeout, w.notice),
		queue.Handle(resolveTimeout, w.send),
	}
}

// Periodic are the jobs that come again by themselves.
func (w *Work) Periodic() []queue.Periodic {
	return []queue.Periodic{
		{Every: time.Minute, Job: queue.Insert{Args: sweepArgs{}, Queue: QueueList}},
		{Every: noticeEvery, Job: queue.Insert{Args: noticeArgs{}, Queue: QueueList}},
		{Every: retainEvery, Job: queue.Insert{Args: retainArgs{}, Queue: QueueList}},
		{Every: rollEvery, Job: queue.Insert{Args: rollArgs{}, Queue: QueueList}},
	}
}

// finish runs a job's effect and notes its end, in one transaction.
func finish[T queue.Args](ctx context.Context, w *Work, job *queue.Job[T], effect func(*store.Tx) error) error {
	return w.store.Tx(ctx, func(tx *store.Tx) error {
		if effect != nil {
			if err := effect(tx); err != nil {
				return err
			}
		}
		return job.Complete(ctx, tx.SQL)
	})
}

// sweepArgs asks for the listing of every source whose time has come.
type sweepArgs struct{}

func (sweepArgs) Kind() string { return "sources.sweep" }

func (w *Work) sweep(ctx context.Context, job *queue.Job[sweepArgs]) error {
	for _, name := range []string{QueueList, QueueSwept} {
		if busy, err := w.busy(ctx, name); err != nil {
			return err
		} else if busy { // the next minute's looks again
			w.opt.Log.Warn("nothing new is listed before what waits is done", "queue", name)
			return finish(ctx, w, job, nil)
		}
	}
	sources, err := w.store.Sources(ctx)
	if err != nil {
		return err
	}
	var due []queue.Insert
	for _, s := range sources {
		if time.Now().Unix() >= s.Listed+s.Every {
			due = append(due, queue.Insert{Args: sourceArgs{s.ID}, Queue: QueueList})
		}
	}
	return finish(ctx, w, job, func(tx *store.Tx) error { return w.queue.Add(ctx, tx.SQL, due...) })
}

// busy reports whether so much waits in a queue that more would only make it longer.
func (w *Work) busy(ctx context.Context, name string) (bool, error) {
	n, err := w.queue.Waiting(ctx, name, w.opt.MaxWaiting)
	return n >= w.opt.MaxWaiting, err
}

// rollArgs asks for the numbers of the day.
type rollArgs struct{}

func (rollArgs) Kind() string { return "stats.roll" }

const rollEvery = 15 * time.Minute

func (w *Work) roll(ctx context.Context, job *queue.Job[rollArgs]) error {
	return finish(ctx, w, job, func(tx *store.Tx) error { return tx.Roll(ctx, time.Now()) })
}

// retainArgs asks for what is gone from the registries to be removed.
type retainArgs struct{}

func (retainArgs) Kind() string { return "retain.sweep" }

const (
	retainEvery   = time.Hour
	retainBatches = 100 // of one job; the next removes more
)

func (w *Work) retain(ctx context.Context, job *queue.Job[retainArgs]) error {
	if w.opt.Keep <= 0 {
		return finish(ctx, w, job, nil)
	}
	n, more := int64(0), true
	for batch := 0; batch < retainBatches && more; batch++ {
		err := w.store.Tx(ctx, func(tx *store.Tx) error {
			removed, again, err := w.store.Retain(ctx, tx, time.Now().Add(-w.opt.Keep))
			n, more = n+removed, again
			return err
		})
		if err != nil {
			return err
		}
	}
	if n > 0 {
		w.opt.Log.Info("images that were not seen any more were removed", "images", n)
	}
	return finish(ctx, w, job, func(tx *store.Tx) error {
		if n == 0 {
			return nil
		}
		return w.store.RetainRest(ctx, tx)
	})
}

// sourceArgs asks for the listing of a source.
type sourceArgs struct {
	Source int64 `json:"source"`
}

func (sourceArgs) Kind() string { return "source.list" }

// AddSource notes a source, and who added it, and lists it at once.
func (w *Work) AddSource(ctx context.Context, src store.Source, who string) (id int64, err error) {
	if _, err := ParsePattern(src.Pattern); err != nil {
		return 0, err
	}
	err = w.store.Tx(ctx, func(tx *store.Tx) error {
		if id, err = tx.AddSource(ctx, src, time.Now()); err != nil {
			return err
		}
		if err := tx.Note(ctx, who, fmt.Sprintf("source %q added", src.Pattern), time.Now()); err != nil {
			return err
		}
		return w.queue.Add(ctx, tx.SQL, queue.Insert{Args: sourceArgs{id}, Queue: QueueList})
	})
	return id, err
}

// Submit asks for images now, without watching them: all of them or none, and notes who
// did, unless it is "".
func (w *Work) Submit(ctx context.Context, who, platform string, references ...string) error {
	jobs := make([]queue.Insert, len(references))
	for i, reference := range references {
		n, err := image.ParseName(reference)
		if err != nil {
			return err
		}
		args := resolveArgs{Repo: n.Repository, Tag: n.Tag, Platform: cmp.Or(platform, "all"), Asked: true}
		switch {
		case n.Digest != "":
			args.Digest = n.Digest
		case n.Tag == "":
			args.Tag = "latest"
		}
		jobs[i] = queue.Insert{Args: args, Queue: QueueAsked, Rank: queue.RankOf(i)}
	}
	if busy, err := w.busy(ctx, QueueAsked); err != nil {
		return err
	} else if busy {
		return ErrBusy
	}
	return w.store.Tx(ctx, func(tx *store.Tx) error {
		if who != "" {
			if err := tx.Note(ctx, who, submitted(references), time.Now()); err != nil {
				return err
			}
		}
		return w.queue.Add(ctx, tx.SQL, jobs...)
	})
}

// submitted says in the audit log what was asked for.
func submitted(references []string) string {
	what := fmt.Sprintf("scan of %q asked for", references[0])
	if n := len(references) - 1; n > 0 {
		what += fmt.Sprintf(", and of %d more", n)
	}
	return what
}

func (w *Work) listSource(ctx context.Context, job *queue.Job[sourceArgs]) error {
	src, err := w.store.Source(ctx, job.Args.Source)
	if errors.Is(err, store.ErrNotFound) {
		return finish(ctx, w, job, nil) // it was removed
	} else if err != nil {
		return err
	}
	found, err := w.expand(ctx, src)
	if err != nil {
		// The source says what is wrong; the next sweep tries again.
		return finish(ctx, w, job, func(tx *store.Tx) error { return tx.Listed(ctx, src.ID, time.Now(), err.Error()) })
	}
	return finish(ctx, w, job, func(tx *store.Tx) error {
		if err := tx.Listed(ctx, src.ID, time.Now(), ""); err != nil {
			return err
		}
		return w.queue.Add(ctx, tx.SQL, found...)
	})
}

// expand lists the jobs that a source represents.
func (w *Work) expand(ctx context.Context, src store.Source) ([]queue.Insert, error) {
	p, err := ParsePattern(src.Pattern)
	if err != nil {
		return nil, err
	}
	if p.Reference != "" {
		n, err := image.ParseName(p.Reference)
		if err != nil {
			return nil, err
		}
		args := resolveArgs{Repo: n.Repository, Tag: n.Tag, Digest: n.Digest, Platform: src.Platform}
		if n.Tag == "" && n.Digest == "" {
			args.Tag = "latest"
		}
		return []queue.Insert{{Args: args, Queue: QueueList}}, nil
	}
	repos := []string{p.Host + "/" + p.Repo}
	if pattern := p.Host + "/" + p.Repo; strings.Contains(p.Repo, "*") {
		resolver := w.resolver(ctx)
		defer resolver.Close()
		all, err := resolver.Repositories(p.Host)
		if err != nil {
			return nil, fmt.Errorf("the catalogue of %s: %w", p.Host, err)
		}
		repos = repos[:0]
		for _, r := range all {
			if store.Fits(pattern, r) {
				repos = append(repos, r)
			}
		}
	}
	var jobs []queue.Insert
	for _, r := range repos {
		jobs = append(jobs, queue.Insert{Args: repoArgs{Repo: r, Tags: p.Tag, Platform: src.Platform}, Queue: QueueList})
	}
	return jobs, nil
}

func (w *Work) resolver(ctx context.Context) *image.Resolver {
	return image.NewResolver(ctx, image.Options{Insecure: w.opt.Insecure, UserAgent: "careend/" + w.opt.Version})
}

// repoArgs asks for the tags of a repository.
type repoArgs struct {
	Repo     string `json:"repo"`
	Tags     string `json:"tags"` // a pattern
	Platform string `json:"platform"`
}

func (repoArgs) Kind() string { return "repo.list" }

func (w *Work) listRepo(ctx context.Context, job *queue.Job[repoArgs]) error {
	resolver := w.resolver(ctx)
	defer resolver.Close()
	tags, err := resolver.Tags(job.Args.Repo)
	if err != nil {
		return err
	}
	var jobs []queue.Insert
	for _, t := range tags {
		if store.Fits(job.Args.Tags, t) {
			jobs = append(jobs, queue.Insert{Args: resolveArgs{Repo: job.Args.Repo, Tag: t, Platform: job.Args.Platform}, Queue: QueueList, Rank: queue.RankOf(len(jobs))})
		}
	}
	return finish(ctx, w, job, func(tx *store.Tx) error { return w.queue.Add(ctx, tx.SQL, jobs...) })
}

// resolveArgs asks what a tag, or a digest, leads to now.
type resolveArgs struct {
	Repo     string `json:"repo"`
	Tag      string `json:"tag,omitempty"`
	Digest   string `json:"digest,omitempty"`
	Platform string `json:"platform"`        // "all" for each
	Asked    bool   `json:"asked,omitempty"` // by someone who waits
}

func (resolveArgs) Kind() string { return "image.resolve" }

func (w *Work) resolve(ctx context.Context, job *queue.Job[resolveArgs]) error {
	args := job.Args
	reference := args.Repo + ":" + args.Tag
	if args.Digest != "" {
		reference = args.Repo + "@" + args.Digest
	}
	resolver := w.resolver(ctx)
	defer resolver.Close()
	digest, err := resolver.Claimed(reference)
	if err != nil {
		return err
	}
	if digest != "" {
		images, err := w.store.Target(ctx, digest)
		if err != nil {
			return err
		}
		if len(images) > 0 { // nothing new is pulled
			return finish(ctx, w, job, func(tx *store.Tx) error { return w.seen(ctx, tx, args, digest, images) })
		}
	}
	resolved, err := resolver.Resolve(reference)
	if err != nil {
		return err
	}
	digests, err := chosen(resolved, args.Platform)
	if err != nil {
		return queue.Never(err)
	}
	var known []int64
	var jobs []queue.Insert
	to := QueueSwept
	if args.Asked {
		to = QueueAsked
	}
	for _, d := range digests {
		id, err := w.store.ImageID(ctx, d)
		if err != nil {
			return err
		}
		if id != 0 {
			known = append(known, id)
			continue
		}
		away, _, err := w.store.PutAway(ctx, d, w.opt.Version)
		if err != nil {
			return err
		}
		if !away {
			jobs = append(jobs, queue.Insert{Args: imageArgs{Repo: args.Repo, Digest: d, Target: resolved.Digest}, Queue: to, Rank: job.Rank})
		}
	}
	return finish(ctx, w, job, func(tx *store.Tx) error {
		if err := w.seen(ctx, tx, args, resolved.Digest, known); err != nil {
			return err
		}
		return w.queue.Add(ctx, tx.SQL, jobs...)
	})
}

// seen notes that a tag has a digest, which leads to images that are known.
func (w *Work) seen(ctx context.Context, tx *store.Tx, args resolveArgs, digest string, images []int64) error {
	repo, err := tx.Repo(ctx, args.Repo)
	if err != nil {
		return err
	}
	if args.Tag != "" {
		if err := tx.Tag(ctx, repo, args.Tag, digest, time.Now()); err != nil {
			return err
		}
	}
	for _, id := range images {
		if err := tx.Seen(ctx, repo, id, digest, time.Now()); err != nil {
			return err
		}
	}
	return nil
}

// chosen are the digests of the images for a platform.
func chosen(r image.Resolved, platform string) ([]string, error) {
	if platform != "all" && platform != "" {
		d, err := r.Platform(platform)
		return []string{d}, err
	}
	if r.Platforms == nil {
		return []string{r.Digest}, nil
	}
	var all []string
	for _, d := range r.Platforms {
		all = append(all, d)
	}
	if len(all) == 0 {
		return nil, errors.New("an index without images")
	}
	return all, nil
}

// imageArgs asks for an image to be read and indexed.
type imageArgs struct {
	Repo   string `json:"repo"`
	Digest string `json:"digest"`
	Target string `json:"target"` // what the reference led to: the index, or Digest
}

func (imageArgs) Kind() string { return "image.read" }

func (w *Work) readImage(ctx context.Context, job *queue.Job[imageArgs]) error {
	_, _, err := readInto(ctx, w, job, job.Args, Login{})
	return err
}

// readInto reads an image and indexes it, and ends the job. away says that the image
// was put away, and why.
func readInto[T queue.Args](ctx context.Context, w *Work, job *queue.Job[T], args imageArgs, login Login) (away bool, why string, err error) {
	id, err := w.store.ImageID(ctx, args.Digest)
	if err != nil {
		return false, "", err
	}
	if id != 0 { // another tag led here first
		return false, "", finish(ctx, w, job, func(tx *store.Tx) error { return w.link(ctx, tx, args, id) })
	}
	if away, why, err = w.store.PutAway(ctx, args.Digest, w.opt.Version); err != nil {
		return false, "", err
	}
	if away {
		return true, why, finish(ctx, w, job, nil)
	}
	facts, err := w.opt.Read(ctx, Request{Repo: args.Repo, Digest: args.Digest, CacheDir: filepath.Join(w.opt.DataDir, "layers"),
		Insecure: w.opt.Insecure || login.Insecure, Version: w.opt.Version, Username: login.Username, Password: login.Password})
	if death := (Death{}); errors.As(err, &death) {
		return died(ctx, w, job, args, death)
	}
	if err != nil {
		return false, "", err
	}
	for {
		err := w.Index(ctx, facts, func(tx *store.Tx, id int64) error {
			if err := w.link(ctx, tx, args, id); err != nil {
				return err
			}
			return job.Complete(ctx, tx.SQL)
		})
		if !errors.Is(err, store.ErrMoved) {
			return false, "", err
		}
	}
}

// died counts a death by an image. It is tried again behind what waits, and put away
// after the third.
func died[T queue.Args](ctx context.Context, w *Work, job *queue.Job[T], args imageArgs, death Death) (away bool, why string, err error) {
	var f store.Failure
	err = w.store.Tx(ctx, func(tx *store.Tx) (err error) {
		f, err = tx.Died(ctx, args.Digest, args.Repo, death.Why, w.opt.Version, time.Now())
		if err == nil && f.Away {
			err = job.Complete(ctx, tx.SQL)
		}
		return err
	})
	if err != nil {
		return false, "", err
	}
	w.opt.Log.Warn("an image ended the process that read it", "image", f.Repo+"@"+f.Digest, "deaths", f.Deaths, "away", f.Away, "why", f.Reason)
	if f.Away {
		return true, f.Reason, nil
	}
	return false, "", queue.Later(time.Duration(f.Deaths) * time.Second)
}

func (w *Work) link(ctx context.Context, tx *store.Tx, args imageArgs, id int64) error {
	repo, err := tx.Repo(ctx, args.Repo)
	if err != nil {
		return err
	}
	_, err = tx.Forget(ctx, args.Digest)
	return errors.Join(err, tx.Seen(ctx, repo, id, args.Target, time.Now()), tx.Seen(ctx, repo, id, args.Digest, time.Now()))
}

// Index judges what is new of the keys of an image by the current generation and
// adds the image; then runs in the same transaction. The error is ErrMoved when the generation changed meanwhile.
func (w *Work) Index(ctx context.Context, facts *Facts, then func(tx *store.Tx, id int64) error) error {
	g, found, err := w.store.Generation(ctx)
	if err != nil {
		return err
	}
	if !found {
		return queue.Later(2 * time.Second) // the first database is being applied
	}
	isNew, err := w.store.UnknownKeys(ctx, facts.Image.Sets)
	if err != nil {
		return err
	}
	var fresh = facts.Keys[:0:0]
	for _, k := range facts.Keys {
		if isNew[k.Hash] {
			fresh = append(fresh, k)
		}
	}
	db, done, err := w.db.use(ctx, g.Digest)
	if err != nil {
		return err
	}
	defer done()
	judged, err := newJudge(db).keys(fresh, facts.Functions)
	if err != nil {
		return err
	}
	if err := db.Err(); err != nil {
		return err
	}
	img, err := w.shrink(ctx, facts.Image)
	if err != nil {
		return err
	}
	return w.store.Tx(ctx, func(tx *store.Tx) error {
		id, err := tx.Index(ctx, img, judged, g.ID)
		if err != nil {
			return err
		}
		return then(tx, id)
	})
}

// applyArgs asks for an advisory database to become the current one.
type applyArgs struct {
	Digest string `json:"digest"`
}

func (applyArgs) Kind() string { return "db.apply" }

// Offer gives the fleet an advisory database: it becomes the current one, unless it
// is that or is older.
func (w *Work) Offer(ctx context.Context, file string) error {
	db, err := vulndb.Open(file)
	if err != nil {
		return err
	}
	defer db.Close()
	info := db.Info()
	g, found, err := w.store.Generation(ctx)
	if err != nil {
		return err
	}
	if found && (g.Digest == info.Digest || info.Newest().Unix() < g.Newest) {
		return nil
	}
	if err := db.Verify(); err != nil {
		return err
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := w.store.PutFile(ctx, info.Digest, io.LimitReader(f, info.Size)); err != nil {
		return err
	}
	return w.store.Tx(ctx, func(tx *store.Tx) error {
		return w.queue.Add(ctx, tx.SQL, queue.Insert{Args: applyArgs{info.Digest}, Queue: QueueJudge})
	})
}

func (w *Work) apply(ctx context.Context, job *queue.Job[applyArgs]) error {
	began := time.Now()
	g, err := w.Apply(ctx, job.Args.Digest, func(tx *sql.Tx) error {
		return errors.Join(w.queue.Add(ctx, tx, queue.Insert{Args: rollArgs{}, Queue: QueueList}, queue.Insert{Args: noticeArgs{}, Queue: QueueList}), job.Complete(ctx, tx))
	})
	if err != nil {
		return err
	}
	w.opt.Log.Info("advisories applied", "generation", g.ID, "keys", g.Keys, "took", time.Since(began).Round(time.Millisecond))
	return nil
}

// Apply makes a database that the store keeps the current one: it judges the keys
// again of which it says something else, and moves all sums by what differs. then
// runs in the same transaction.
func (w *Work) Apply(ctx context.Context, digest string, then func(*sql.Tx) error) (store.Generation, error) {
	next, done, err := w.db.use(ctx, digest)
	if err != nil {
		return store.Generation{}, err
	}
	defer done()
	info := next.Info()
	d := &store.Delta{To: store.Generation{Digest: digest, Built: info.Built.Unix(), Newest: info.Newest().Unix(), Applied: time.Now().Unix()}}
	now, found, err := w.store.Generation(ctx)
	if err != nil {
		return store.Generation{}, err
	}
	if found && now.Digest == digest {
		return now, w.store.Tx(ctx, func(tx *store.Tx) error { return then(tx.SQL) })
	}
	if found {
		d.From = now
		old, oldDone, err := w.db.use(ctx, now.Digest)
		if err != nil {
			return store.Generation{}, err
		}
		defer oldDone()
		if d.Names, d.Systems, err = vulndb.Touched(old, next); err != nil {
			return store.Generation{}, err
		}
		d.Names = match.WithArtifacts(d.Names)
	} else {
		d.All = true
	}
	known, err := w.store.Vulns(ctx)
	if err != nil {
		return store.Generation{}, err
	}
	d.Vulns, d.Kev = marks(next, known)
	j := newJudge(next)
	g, err := w.store.Apply(ctx, d, func(rows []store.KeyRow, functions func(string) ([]byte, error)) ([]store.Rejudged, error) {
		judged, err := j.again(rows, functions)
		return judged, errors.Join(err, next.Err())
	}, func(tx *store.Tx) error { return then(tx.SQL) })
	if err == nil {
		w.db.keepOnly(digest)
	}
	return g, err
}
