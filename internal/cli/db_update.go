package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/careen/careen/internal/cli/settings"
	"github.com/careen/careen/internal/cli/wording"
	"github.com/careen/careen/internal/feed"
	"github.com/careen/careen/internal/publish"
	"github.com/careen/careen/internal/vulndb"
)

// installedPath is where db update and db import put the database that scans use.
func installedPath(cacheDir string) string { return filepath.Join(cacheDir, "db", "careen.db") }

// registryFlags say how a registry or server is reached.
type registryFlags struct{ source sourceFlags }

func (f *registryFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.source.username, "username", "", "registry user; the password comes with --password-stdin")
	flags.BoolVar(&f.source.passwordStdin, "password-stdin", false, "read the registry password from standard input")
	flags.BoolVar(&f.source.insecure, "insecure", false, "accept plain HTTP and unverified certificates")
	flags.StringVar(&f.source.caCert, "cacert", "", "trust the certificates in this PEM file too")
}

// publishOptions say how a published database is fetched, and what is shown of it.
func (c dbVerb) publishOptions(f registryFlags, keyFile string, line *progress) (publish.Options, error) {
	key, err := publish.ReadKey(keyFile)
	if err != nil {
		return publish.Options{}, err
	}
	source, err := f.source.options(c.command, "")
	warn := func(message string) { c.note("warning: %s", escape(message)) }
	return publish.Options{Image: source, Key: key, Progress: line.show, Warn: warn}, err
}

// updateFlags are the flags of careen db update.
type updateFlags struct {
	repositories []string
	key          string
	registry     registryFlags
	feeds        feedFlags
}

// feedFlags say which feeds are read, and from where.
type feedFlags struct {
	mirror       string
	only, skip   []string
	jobs         int
	caCert       string
	acceptShrunk bool
	brief        bool // do not list what was read of each feed
}

func (c dbVerb) updateCommand() *cobra.Command {
	var f updateFlags
	cmd := &cobra.Command{
		Use:   "update",
		Short: "Get newer advisories, from their publishers or as a finished database",
		Long: `Update reads the advisories from their publishers and makes the database that
scans use of them. Only what changed since the last update is fetched, what breaks
off is resumed, and what is not read stays as it was: --only debian:12,npm reads
what is about these alone.

With --db-repository, the quick way, it fetches a finished database from a registry
or web server: as a delta where the publisher has one, whole otherwise. It is
verified, by its digest and with --db-key by its signature.

A database that is empty, older or has lost more than a fifth of a source's records
is refused, and when anything fails, the current one stays. Scans may run meanwhile.`,
		Example: `  careen db update
  careen db update --only debian:12,npm
  careen db update --db-repository registry.example.com/security/careen-db:1 --db-key careen.pub
  careen db update --db-repository https://example.com/careen.db.zst --db-key careen.pub`,
		Args: wording.Takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return c.dbUpdate(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&f.feeds.only, "only", nil, "read only what is about these: distributions (debian:12), ecosystems (npm) or feeds (kev)")
	flags.StringSliceVar(&f.feeds.skip, "skip", nil, "do not read these feeds; what is known of them stays")
	flags.StringVar(&f.feeds.mirror, "mirror", "", "read a copy of the feeds: a directory or a URL (default the publishers themselves)")
	flags.IntVar(&f.feeds.jobs, "jobs", 0, "feeds read at once (default the number of processors)")
	flags.StringSliceVar(&f.repositories, "db-repository", nil, "fetch a finished database from here: REGISTRY/REPOSITORY[:TAG] or an https URL; may be repeated, the first that answers counts")
	flags.StringVar(&f.key, "db-key", "", "accept only a database signed with this minisign public key: a file, or the key itself")
	flags.BoolVar(&f.feeds.acceptShrunk, "accept-shrunk", false, "take a database that is empty or has lost more than a fifth of a source's records")
	f.registry.register(flags)
	return cmd
}

func (c dbVerb) dbUpdate(ctx context.Context, f updateFlags) error {
	cacheDir, err := c.lastingCache()
	if err != nil {
		return err
	}
	return c.dbUpdateIn(ctx, cacheDir, f)
}

// dbUpdateIn updates the database of a cache directory.
func (c dbVerb) dbUpdateIn(ctx context.Context, cacheDir string, f updateFlags) error {
	if len(f.repositories) == 0 || f.feeds.mirror != "" || len(f.feeds.only) > 0 {
		f.feeds.caCert = f.registry.source.caCert
		if err := c.updateFromFeeds(ctx, cacheDir, f.feeds); err != nil {
			return fmt.Errorf("db update: %w; the current database stays", err)
		}
		return nil
	}
	line := c.progressLine()
	defer line.clear()
	opt, err := c.publishOptions(f.registry, f.key, line)
	if err != nil {
		return err
	}
	stage, err := publish.NewStage(installedPath(cacheDir))
	if err != nil {
		return fmt.Errorf("cache directory: %w; choose another with --cache-dir", err)
	}
	defer stage.Remove()
	if opt.Key == "" {
		c.note("warning: UNSIGNED: nothing proves who made this database; with --db-key FILE, or db-key in %s, only one signed with that key is taken", settings.DefaultFile)
	}
	var failed []error
	for i, where := range f.repositories {
		err := c.updateFrom(ctx, where, cacheDir, stage, opt, f.feeds.acceptShrunk)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		failed = append(failed, fmt.Errorf("%s: %w", where, err))
		if i+1 < len(f.repositories) {
			c.note("warning: %s: %s; trying the next", escape(where), escape(err.Error()))
		}
	}
	return fmt.Errorf("db update: %w; the current database stays", errors.Join(failed...))
}

// updateFrom installs what one place offers, if it is another and no older
// database than the current one.
func (c dbVerb) updateFrom(ctx context.Context, where, cacheDir string, st *publish.Stage, opt publish.Options, acceptShrunk bool) error {
	p, err := publish.Open(ctx, where, opt)
	if err != nil {
		return err
	}
	defer p.Close()
	current := c.current(cacheDir)
	if current != nil {
		defer current.Close()
		if current.Info().Digest == p.Digest() {
			c.note("up to date: %s", p.Digest())
			return nil
		}
	}
	got, err := p.Fetch(current, st, opt)
	if err != nil {
		return err
	}
	if current != nil {
		if why, older := publish.Older(current.Info(), got.Info); older {
			c.note("kept the current database: %s (%s)", why, escape(where))
			return nil
		}
		if err := publish.Shrunk(current.Info(), got.Info); err != nil && !acceptShrunk {
			return err
		}
	}
	if err := vulndb.Install(st.Candidate(), installedPath(cacheDir)); err != nil {
		return err
	}
	c.note("updated from %s: %s of %s, newest advisory of %s", escape(where), bytesText(got.Bytes), got.How, got.Info.Newest().Format(time.DateOnly))
	return nil
}

// alwaysRead are feeds that say of any vulnerability how likely it is to be
// exploited: small, and as useful for one ecosystem as for all.
var alwaysRead = []string{"kev", "epss"}

// errUpToDate ends an update that has nothing to do.
var errUpToDate = errors.New("up to date")

// updateFromFeeds builds the database that scans use from the advisories of their
// publishers. What is not read stays as it is in the current one.
func (c dbVerb) updateFromFeeds(ctx context.Context, cacheDir string, f feedFlags) error {
	built, err := c.buildDate()
	if err != nil {
		return err
	}
	current := c.current(cacheDir)
	if current != nil {
		defer current.Close()
	}
	only := f.only
	if len(only) > 0 {
		only = append(slices.Clone(only), alwaysRead...)
	}
	line := c.progressLine()
	defer line.clear()
	asked := strings.Join([]string{f.mirror, strings.Join(only, ","), strings.Join(f.skip, ",")}, "\n")
	builder := vulndb.NewBuilder()
	stats, err := feed.Build(ctx, feed.Options{
		Mirror: f.mirror, Only: only, Skip: f.skip, Jobs: f.jobs, CACert: f.caCert, Keep: current,
		CacheDir: filepath.Join(cacheDir, "feeds"), Progress: line.show,
		Announce: func(r feed.Reading) error {
			if r.Files > 0 && r.Unchanged == r.Files && current != nil && publish.MadeOf(installedPath(cacheDir), current.Info().Digest, asked) {
				return errUpToDate
			}
			c.announce(r)
			return nil
		},
	}, builder)
	line.clear()
	if errors.Is(err, errUpToDate) {
		c.note("up to date: nothing changed at the publishers since %s", current.Info().Built.Format(time.DateOnly))
		return nil
	}
	if err != nil {
		return feed.Advised(ctx, err)
	}
	if !f.brief {
		c.reportBuild(stats)
	}
	stage, err := publish.NewStage(installedPath(cacheDir))
	if err != nil {
		return fmt.Errorf("cache directory: %w; choose another with --cache-dir", err)
	}
	defer stage.Remove()
	info, err := vulndb.WriteFile(stage.Candidate(), builder, built)
	if err != nil {
		return err
	}
	if current != nil {
		if why, older := publish.Older(current.Info(), info); older {
			return fmt.Errorf("what was read is older than what is known: %s", why)
		}
		if err := publish.Shrunk(current.Info(), info); err != nil && !f.acceptShrunk {
			return err
		}
	}
	if err := vulndb.Install(stage.Candidate(), installedPath(cacheDir)); err != nil {
		return err
	}
	if err := publish.NoteMadeOf(installedPath(cacheDir), info.Digest, asked); err != nil { // the next update builds anew
		c.debugf("%v", err)
	}
	c.note("updated: %d advisories on %d packages, newest of %s", info.Advisories, info.Packages, info.Newest().Format(time.DateOnly))
	return nil
}

// announce says how much is about to be read.
func (c dbVerb) announce(r feed.Reading) {
	size := bytesText(r.Bytes)
	if r.Unsized > 0 {
		size = fmt.Sprintf("%s, and %d files that do not say how large they are", size, r.Unsized)
	}
	if r.Records > 0 {
		size += fmt.Sprintf(", and %d records that changed", r.Records)
	}
	c.note("reading %d of %d files from the publishers, %s; %d did not change", r.Files-r.Unchanged, r.Files, size, r.Unchanged)
}

// current opens the database that a scan would use now; nil when there is none.
func (c dbVerb) current(cacheDir string) *vulndb.DB {
	path, err := c.databasePath(cacheDir, "")
	if err != nil {
		return nil
	}
	db, err := vulndb.Open(path)
	if err != nil {
		return nil
	}
	return db
}
