// Package update brings the database that scans use up to date: from the
// publishers of advisories, or as a finished one that somebody made of them. What
// is there stays until what replaces it was verified. It prints nothing and knows
// no command line; what it does on the way it tells a function of the caller.
package update

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/careen/careen/internal/feed"
	"github.com/careen/careen/internal/match"
	"github.com/careen/careen/internal/publish"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/safetext"
	"github.com/careen/careen/internal/vulndb"
)

// Target is a database to bring up to date.
type Target struct {
	Installed    string // the file
	FeedCache    string // the folder of what was fetched of the publishers
	Built        time.Time
	AcceptShrunk bool // also a database that is empty or has lost more than a fifth of a source's records

	// Current opens the database that scans use now; nil is none.
	Current func() *vulndb.DB
	// Say takes a line for people: what is about to be read, and what came of it.
	Say func(format string, args ...any)
}

// Feeds say what is read of the publishers.
type Feeds struct {
	Mirror     string // a copy of the feeds, "" for the publishers themselves
	Only, Skip []string
	Jobs       int
	CACert     string
	Progress   func(what string, done, total int64) // bytes that have arrived; nil for nobody
	Stats      func(feed.Stats)                     // what was read of each feed; nil for nobody
}

// alwaysRead are feeds that say of any vulnerability how likely it is to be
// exploited: small, and as useful for one ecosystem as for all.
var alwaysRead = []string{"kev", "epss"}

// errUpToDate ends an update that has nothing to do.
var errUpToDate = errors.New("up to date")

// FromFeeds builds the database from the advisories of their publishers. What is
// not read stays as it is in the current one. Errors name the feed, and what can
// be done.
func (t Target) FromFeeds(ctx context.Context, f Feeds) error {
	current := t.Current()
	if current != nil {
		defer current.Close()
	}
	only := f.Only
	if len(only) > 0 {
		only = append(slices.Clone(only), alwaysRead...)
	}
	asked := strings.Join([]string{f.Mirror, strings.Join(only, ","), strings.Join(f.Skip, ",")}, "\n")
	builder := vulndb.NewBuilder()
	stats, err := feed.Build(ctx, feed.Options{
		Mirror: f.Mirror, Only: only, Skip: f.Skip, Jobs: f.Jobs, CACert: f.CACert, Keep: current,
		CacheDir: t.FeedCache, Progress: f.Progress,
		Announce: func(r feed.Reading) error {
			if r.Files > 0 && r.Unchanged == r.Files && current != nil && publish.MadeOf(t.Installed, current.Info().Digest, asked) {
				return errUpToDate
			}
			t.Say("%s", announcement(r))
			return nil
		},
	}, builder)
	if errors.Is(err, errUpToDate) {
		t.Say("up to date: nothing changed at the publishers since %s", current.Info().Built.Format(time.DateOnly))
		return nil
	}
	if err != nil {
		return feed.Advised(ctx, err)
	}
	if f.Stats != nil {
		f.Stats(stats)
	}
	info, err := t.install(builder, current)
	if err != nil {
		return err
	}
	// Where this fails, the next update builds anew.
	_ = publish.NoteMadeOf(t.Installed, info.Digest, asked)
	t.Say("updated: %d advisories on %d packages, newest of %s", info.Advisories, info.Packages, info.Newest().Format(time.DateOnly))
	return nil
}

// install writes what was read, and puts it in the place of the current database
// unless that is better.
func (t Target) install(builder *vulndb.Builder, current *vulndb.DB) (vulndb.Info, error) {
	stage, err := t.stage()
	if err != nil {
		return vulndb.Info{}, err
	}
	defer stage.Remove()
	info, err := vulndb.WriteFile(stage.Candidate(), builder, t.Built)
	if err != nil {
		return info, err
	}
	if current != nil {
		if why, older := publish.Older(current.Info(), info); older {
			return info, fmt.Errorf("what was read is older than what is known: %s", why)
		}
		if err := publish.Shrunk(current.Info(), info); err != nil && !t.AcceptShrunk {
			return info, err
		}
	}
	return info, vulndb.Install(stage.Candidate(), t.Installed)
}

func (t Target) stage() (*publish.Stage, error) {
	stage, err := publish.NewStage(t.Installed)
	if err != nil {
		return nil, fmt.Errorf("cache directory: %w; choose another with --cache-dir", err)
	}
	return stage, nil
}

// announcement says how much is about to be read.
func announcement(r feed.Reading) string {
	size := safetext.Bytes(r.Bytes)
	if r.Unsized > 0 {
		size = fmt.Sprintf("%s, and %d files that do not say how large they are", size, r.Unsized)
	}
	if r.Records > 0 {
		size += fmt.Sprintf(", and %d records that changed", r.Records)
	}
	return fmt.Sprintf("reading %d of %d files from the publishers, %s; %d did not change", r.Files-r.Unchanged, r.Files, size, r.Unchanged)
}

// FromPublished installs a finished database: the first that one of the places
// has. A place is a reference to a registry or an https URL. What is no newer than
// the current one is no error.
func (t Target) FromPublished(ctx context.Context, places []string, opt publish.Options) error {
	stage, err := t.stage()
	if err != nil {
		return err
	}
	defer stage.Remove()
	var failed []error
	for i, where := range places {
		err := t.fetch(ctx, where, stage, opt)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		failed = append(failed, fmt.Errorf("%s: %w", where, err))
		if i+1 < len(places) {
			t.Say("warning: %s: %s; trying the next", safetext.Line(where), safetext.Line(err.Error()))
		}
	}
	return errors.Join(failed...)
}

// fetch installs what one place offers, if it is another and no older database
// than the current one.
func (t Target) fetch(ctx context.Context, where string, stage *publish.Stage, opt publish.Options) error {
	p, err := publish.Open(ctx, where, opt)
	if err != nil {
		return err
	}
	defer p.Close()
	current := t.Current()
	if current != nil {
		defer current.Close()
		if current.Info().Digest == p.Digest() {
			t.Say("up to date: %s", p.Digest())
			return nil
		}
	}
	got, err := p.Fetch(current, stage, opt)
	if err != nil {
		return err
	}
	if current != nil {
		if why, older := publish.Older(current.Info(), got.Info); older {
			t.Say("kept the current database: %s (%s)", why, safetext.Line(where))
			return nil
		}
		if err := publish.Shrunk(current.Info(), got.Info); err != nil && !t.AcceptShrunk {
			return err
		}
	}
	if err := vulndb.Install(stage.Candidate(), t.Installed); err != nil {
		return err
	}
	t.Say("updated from %s: %s of %s, newest advisory of %s", safetext.Line(where), safetext.Bytes(got.Bytes), got.How, got.Info.Newest().Format(time.DateOnly))
	return nil
}

// Needs lists what an image needs that the database lacks, or has only to a day
// longer ago than maxAge (0 is any), as Feeds.Only takes it. What was asked for
// within that time is not asked for again: its publishers had no more.
func Needs(db *report.Database, asked publish.Asked, maxAge time.Duration, now time.Time) []string {
	var list []string
	add := func(ecosystem string) {
		name := match.UpdateName(ecosystem)
		recent := maxAge == 0 || now.Sub(asked.Subjects[name]) < maxAge
		if last, ok := asked.Subjects[name]; (!ok || last.After(now) || !recent) && !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	for _, ecosystem := range db.Missing {
		add(ecosystem)
	}
	for _, e := range db.Reach {
		if day, err := time.Parse(time.DateOnly, e.To); err == nil && maxAge > 0 && now.Sub(day) > maxAge+24*time.Hour {
			add(e.Ecosystem)
		}
	}
	return list
}

// FromKnownFeeds is FromFeeds for names of which some may be nobody's: an ecosystem that
// nobody publishes is left out, and the report says that it was not judged.
func (t Target) FromKnownFeeds(ctx context.Context, f Feeds) error {
	f.Only = slices.Clone(f.Only)
	for {
		err := t.FromFeeds(ctx, f)
		var unknown *feed.UnknownError
		switch {
		case errors.As(err, &unknown) && len(f.Only) > 1:
			f.Only = slices.DeleteFunc(f.Only, func(name string) bool { return name == unknown.Name })
		case errors.As(err, &unknown):
			return nil
		default:
			return err
		}
	}
}

// Paths returns the target of a cache directory: where its database is installed
// and where what was fetched of the publishers stands.
func Paths(cacheDir string) Target {
	return Target{Installed: filepath.Join(cacheDir, "db", "careen.db"), FeedCache: filepath.Join(cacheDir, "feeds")}
}
