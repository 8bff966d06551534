// Package feed turns what upstreams publish about vulnerabilities into
// vulndb records: one file per format, one table of feeds (table.go), and
// Build, which reads all of them into a database builder. It decides nothing
// about packages of an image; that is match's job.
//
// To find one's way: table.go lists the feeds, plan.go chooses among them and
// finds their files, store.go and download.go bring those, run.go reads them;
// osv.go, csaf.go, oval.go and so on are the formats, and redhat.go, suse.go,
// oracle.go what one publisher does differently. A parser appends to an out
// (out.go) and knows nothing of the rest.
//
// Feeds are read in the order of the table whatever the parallelism:
// downloads run ahead, documents are parsed by several workers, and their
// records arrive at the builder in the order in which the upstream lists them.
package feed

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/careen/careen/internal/vulndb"
)

// Options say where the feeds come from and which of them are read. The zero
// value reads every feed from its upstream, without a cache.
type Options struct {
	Mirror   string                               // directory or URL that holds HOST/PATH of each upstream URL; "" means the upstreams themselves
	Only     []string                             // names of feeds, of families of them such as "osv", or of what they are about: "debian:12", "npm"; none means every feed
	Skip     []string                             // names of feeds not to read
	NoText   bool                                 // leave out the titles of records
	Keep     *vulndb.DB                           // what else this database holds stays in the new one; nil means nothing does
	Announce func(Reading) error                  // hears what will be read before it is; an error ends the build; nil means none
	CacheDir string                               // where downloads are kept for the next build; "" means a temporary directory that is removed
	Jobs     int                                  // documents parsed and files downloaded at once; 0 means GOMAXPROCS
	CACert   string                               // PEM file of certificates to trust besides the system's
	Client   *http.Client                         // nil means one with sensible timeouts
	Progress func(what string, done, total int64) // bytes of a feed; total 0 means not known; nil means none; called from several goroutines
	Log      func(Bad)                            // every record that could not be read; nil means that only Stats' samples are kept
}

// Bad is an upstream record that could not be read.
type Bad struct {
	Feed   string // name of the feed
	File   string // the document: URL, then "!" and the path inside an archive
	Reason string
}

// String returns the record's place and what is wrong with it.
func (b Bad) String() string { return fmt.Sprintf("%s: %s: %s", b.Feed, b.File, b.Reason) }

// Error says which feed a build could not read. Skipping that feed lets the
// build go on without it.
type Error struct {
	Feed string
	Err  error
}

func (e *Error) Error() string { return "feed " + e.Feed + ": " + e.Err.Error() }

func (e *Error) Unwrap() error { return e.Err }

// UnknownError says that Only or Skip names what no feed is, or is about.
type UnknownError struct {
	Name string
	Have []string // the releases that there are, if Name is one of a distribution that is known
}

func (e *UnknownError) Error() string {
	if e.Have != nil {
		return fmt.Sprintf("%q: no such release at its publisher, who has %s", e.Name, strings.Join(e.Have, ", "))
	}
	return fmt.Sprintf("feed %q: no such feed, distribution or ecosystem; docs/feeds.md lists them", e.Name)
}

// Stats say what a build read.
type Stats struct {
	Feeds []FeedStats // in the order of the table; those that Only or Skip rule out are absent
}

// FeedStats say what was read of one feed.
type FeedStats struct {
	Name       string
	Missing    bool           // a mirror does not hold it; nothing was read
	Replaced   string         // the feed that says the same and more, why this one was not read; "" if it was read
	Records    int            // upstream records read: documents, packages of a secdb, rows
	Statements int            // vulndb records and enrichments made of them
	Skipped    int            // records that could not be read
	Samples    []Bad          // the first of those
	Left       map[string]int // what was left out by rule: reason and count
	Newest     time.Time      // newest statement, or the feed's own date
	Bytes      int64          // as read from the mirror or upstream
	Duration   time.Duration  // from its first document to its last
}

// Limits of a build.
const (
	maxSamples = 10 // bad records kept for Stats
	badPercent = 1  // more bad records than this in a feed end the build…
	badAllowed = 1  // …unless there are no more than these: one bad file of forty is no reason to go without the others
)

// Build reads the feeds into b. It ends with an error when a feed cannot be
// read at all, is no feed (an HTML page, nothing), or has more than one per
// cent of records that cannot be read; a feed that a mirror does not hold is
// only marked in the Stats.
func Build(ctx context.Context, opt Options, b *vulndb.Builder) (Stats, error) {
	if opt.Jobs <= 0 {
		opt.Jobs = runtime.GOMAXPROCS(0)
	}
	named := opt.Only
	opt.Only = covering(named)
	store, err := newStore(opt)
	if err != nil {
		return Stats{}, err
	}
	defer store.close()
	store.only = narrow(named)

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	feeds, err := plan(ctx, store, table(), opt, named)
	if err != nil {
		return Stats{}, err
	}
	if !slices.ContainsFunc(feeds, func(f *planned) bool { return len(f.files) > 0 }) {
		return statsOf(feeds), fmt.Errorf("mirror %s: holds none of the feeds that were asked for", opt.Mirror)
	}
	reach, err := store.readExtents(ctx)
	if err != nil {
		return Stats{}, fmt.Errorf("mirror %s: %w", opt.Mirror, err)
	}
	err = run(ctx, opt, store, feeds, b)
	stats := statsOf(feeds)
	if err != nil {
		return stats, err
	}
	for _, s := range sourcesOf(feeds, reach) {
		b.AddSource(s)
	}
	for _, s := range subjectsOf(feeds, reach) {
		b.AddSubject(s)
	}
	if opt.Keep != nil {
		err = b.Keep(opt.Keep)
	}
	return stats, err
}

// Reading is what a build is about to read from upstream.
type Reading struct {
	Files     int
	Unchanged int   // of them, those of which the cache has what the upstream has
	Records   int   // of archives of which the cache has most: single records that changed
	Bytes     int64 // of the others, as far as the upstream says
	Unsized   int   // of the others, those whose size it does not say
}

func statsOf(feeds []*planned) Stats {
	var stats Stats
	for _, f := range feeds {
		stats.Feeds = append(stats.Feeds, f.stats)
	}
	return stats
}

// sourcesOf returns what the database says it was built from. A feed that
// spreads one publisher's records over many files (GitHub's, in OSV's exports)
// counts for the publisher; the feed's own source is as new as the newest of its
// records, whichever publisher that was.
func sourcesOf(feeds []*planned, all extents) []vulndb.Source {
	var sources []vulndb.Source
	at := map[string]int{}
	source := func(name string) *vulndb.Source {
		i, ok := at[name]
		if !ok {
			i = len(sources)
			at[name] = i
			sources = append(sources, vulndb.Source{Name: name})
		}
		return &sources[i]
	}
	for _, f := range feeds {
		if f.stats.Missing || f.stats.Replaced != "" {
			continue
		}
		own := source(f.source)
		own.Skipped += f.stats.Skipped
		own.Extent = f.extent(all)
		own.Date = later(own.Date, f.stats.Newest)
		for _, name := range sortedKeys(f.perSource) {
			s, tally := source(name), f.perSource[name]
			s.Records += tally.records
			s.Date = later(s.Date, tally.newest)
		}
	}
	return sources
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
