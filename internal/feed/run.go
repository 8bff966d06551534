package feed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/careen/careen/internal/vulndb"
)

// task is work for one parser: a batch of documents, or a file that is one.
// Its results come over out in the order of the documents.
type task struct {
	feed   *planned
	where  string // URL of the file, for bad records
	format format
	docs   []document
	stream io.ReadCloser // instead of docs
	file   *sharedFile   // under docs or stream, closed when they are read
	first  bool          // of the feed
	size   int64         // of the file, counted with its first task
	out    chan result
}

type result struct {
	out *out
	err error
}

// run reads every file of every feed and hands what they say to b, in the
// order of the plan.
//
// One goroutine opens the files and cuts them into tasks, opt.Jobs others
// parse, and the caller's own takes the results. Tasks are begun in the order
// in which results are taken, so the oldest is always being worked on and the
// channels can be short: memory is bounded by some batches, not by a feed.
func run(ctx context.Context, opt Options, s *store, feeds []*planned, b *vulndb.Builder) error {
	group, ctx := errgroup.WithContext(ctx)
	work := make(chan *task)
	order := make(chan *task, 2*opt.Jobs)

	group.Go(func() error {
		defer close(work)
		defer close(order)
		return cut(s, feeds, func(t *task) error {
			for _, to := range []chan *task{order, work} {
				select {
				case to <- t:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return nil
		})
	})
	for range opt.Jobs {
		group.Go(func() error {
			var buf bytes.Buffer
			for t := range work {
				t.parse(ctx, &buf)
			}
			return nil
		})
	}
	var total int64
	for _, f := range feeds {
		for _, in := range f.files {
			total += s.size(in.url)
		}
	}
	err := take(ctx, opt, order, total, b)
	if err != nil {
		// Let the others end: nobody reads their results any more.
		group.Go(func() error { return err })
	}
	if werr := group.Wait(); err == nil || errors.Is(err, context.Canceled) {
		err = werr
	}
	for _, f := range feeds {
		if err == nil && len(f.files) > 0 && f.stats.Records == 0 {
			err = &Error{f.name, fmt.Errorf("%s: holds no record: not what it was", f.files[0].url)}
		}
	}
	return err
}

// cut opens the files in order and sends their documents as tasks.
func cut(s *store, feeds []*planned, send func(*task) error) error {
	for _, f := range feeds {
		for i, in := range f.files {
			if err := cutFile(s, f, in, i == 0, send); err != nil {
				return &Error{f.name, fmt.Errorf("%s: %w", in.url, err)}
			}
		}
	}
	return nil
}

func cutFile(s *store, f *planned, in input, first bool, send func(*task) error) error {
	file, err := s.open(in.url)
	if err != nil {
		return err
	}
	shared := &sharedFile{File: file}
	shared.users.Store(1)
	defer shared.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	size := info.Size()
	if err := checkFeed(file, size); err != nil {
		return err
	}
	base := task{feed: f, where: in.url, format: in.format(), first: first, size: size}
	next := func(docs []document, stream io.ReadCloser) error {
		t := base
		t.docs, t.stream, t.file = docs, stream, shared
		t.out = make(chan result, 1)
		base.first, base.size = false, 0
		shared.users.Add(1)
		if err := send(&t); err != nil {
			shared.Close()
			return err
		}
		return nil
	}
	if base.format.stream != nil {
		r, err := expand(file, size)
		if err != nil {
			return err
		}
		return next(nil, r)
	}
	yield := func(docs []document) error { return next(docs, nil) }
	head := make([]byte, 4)
	if _, err := file.ReadAt(head, 0); err != nil && err != io.EOF {
		return err
	}
	if bytes.HasPrefix(head, []byte("PK")) {
		return zipDocuments(file, size, base.format.pick, yield)
	}
	r, err := expand(file, size)
	if err != nil {
		return err
	}
	defer r.Close()
	return tarDocuments(r, base.format.pick, yield)
}

// sharedFile is closed when the last of those who read it has closed it: the
// documents of a zip are read from it by those that parse them.
type sharedFile struct {
	*os.File
	users atomic.Int32
}

func (f *sharedFile) Close() error {
	if f.users.Add(-1) > 0 {
		return nil
	}
	return f.File.Close()
}

// parse reads a task's documents and closes its channel.
func (t *task) parse(ctx context.Context, buf *bytes.Buffer) {
	defer close(t.out)
	defer t.file.Close()
	send := func(o *out, err error) error {
		select {
		case t.out <- result{o, err}:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	o := &out{file: t.where}
	o.flush = func(full *out) error {
		part := *full
		part.flush = nil
		*full = out{file: full.file, flush: full.flush}
		return send(&part, nil)
	}
	if t.stream != nil {
		defer t.stream.Close()
		err := t.format.stream(t.stream, o)
		if err == nil {
			// What follows the document shows whether the compression
			// was whole: its checksum comes last.
			_, err = io.Copy(io.Discard, t.stream)
		}
		send(o, err)
		return
	}
	for _, d := range t.docs {
		if ctx.Err() != nil {
			return
		}
		o.file = t.where + "!" + d.name
		data, err := d.read(buf)
		if err == nil {
			before := o.read
			if err = t.format.doc(data, o); err != nil && o.read == before {
				o.read++
			}
		} else {
			o.read++
		}
		if err != nil {
			o.skip("", err)
		}
		if o.stop != nil {
			return
		}
	}
	send(o, nil)
}

// take hands results to the builder in order, and counts them. It ends when a
// feed's file cannot be read, or when too much of a feed cannot.
func take(ctx context.Context, opt Options, order <-chan *task, total int64, b *vulndb.Builder) error {
	var last *planned
	var read int64
	for {
		var t *task
		var ok bool
		select {
		case t, ok = <-order:
		case <-ctx.Done():
			return ctx.Err()
		}
		if !ok || last != nil && t.feed != last {
			if err := last.verdict(); err != nil {
				return err
			}
		}
		if !ok {
			return nil
		}
		if last = t.feed; t.first {
			last.started = time.Now()
		}
		last.stats.Bytes += t.size
		if read += t.size; opt.Progress != nil {
			opt.Progress("reading "+last.name, read, total)
		}
		for {
			var r result
			select {
			case r, ok = <-t.out:
			case <-ctx.Done():
				return ctx.Err()
			}
			if !ok {
				break
			}
			if r.out != nil {
				last.count(opt, r.out, b)
			}
			if r.err != nil {
				return &Error{last.name, fmt.Errorf("%s: %w", t.where, r.err)}
			}
		}
		last.stats.Duration = time.Since(last.started)
	}
}

// count adds what was read to the builder and to the feed's statistics.
func (f *planned) count(opt Options, o *out, b *vulndb.Builder) {
	s := &f.stats
	s.Records += o.read
	for i := range o.records {
		rec := &o.records[i]
		if opt.NoText {
			rec.Title = ""
		}
		if err := b.Add(*rec); err != nil {
			o.bad = append(o.bad, badRecord{o.file + "!" + rec.ID, err.Error()})
			continue
		}
		s.Statements++
		t := f.tally(rec.Source)
		t.records++
		t.newest = later(t.newest, later(rec.Modified, rec.Published))
	}
	for _, e := range o.enrichments {
		b.Enrich(e)
	}
	s.Statements += len(o.enrichments)
	t := f.tally(f.source)
	t.records += len(o.enrichments)
	t.newest = later(t.newest, o.newest)
	for _, t := range f.perSource {
		s.Newest = later(s.Newest, t.newest)
	}
	for _, bad := range o.bad {
		s.Skipped++
		report := Bad{Feed: f.name, File: bad.file, Reason: bad.reason}
		if len(s.Samples) < maxSamples {
			s.Samples = append(s.Samples, report)
		}
		if opt.Log != nil {
			opt.Log(report)
		}
	}
	for reason, n := range o.left {
		if s.Left == nil {
			s.Left = map[string]int{}
		}
		s.Left[reason] += n
	}
}

func (f *planned) tally(source string) *tally {
	t := f.perSource[source]
	if t == nil {
		t = &tally{}
		f.perSource[source] = t
	}
	return t
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// verdict says whether enough of a feed could be read.
func (f *planned) verdict() error {
	if f == nil {
		return nil
	}
	s := &f.stats
	if s.Skipped > badAllowed && s.Skipped*100 > s.Records*badPercent {
		return &Error{f.name, fmt.Errorf("%d of %d records cannot be read, more than %d %%; the first: %s", s.Skipped, s.Records, badPercent, s.Samples[0])}
	}
	return nil
}
