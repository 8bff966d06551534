package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/careen/careen/internal/cli/settings"
	"github.com/careen/careen/internal/cli/wording"
	"github.com/careen/careen/internal/feed"
	"github.com/careen/careen/internal/publish"
	"github.com/careen/careen/internal/update"
	"github.com/careen/careen/internal/vulndb"
)

// installedPath is where db update and db import put the database that scans use.
func installedPath(cacheDir string) string { return update.Paths(cacheDir).Installed }

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
	acceptShrunk bool
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
	line := c.progressLine()
	defer line.clear()
	target, err := c.updateTarget(cacheDir, f.feeds.acceptShrunk, line)
	if err != nil {
		return err
	}
	if len(f.repositories) == 0 || f.feeds.mirror != "" || len(f.feeds.only) > 0 {
		err = target.FromFeeds(ctx, f.feeds.options(f.registry.source.caCert, line, func(s feed.Stats) { line.clear(); c.reportBuild(s) }))
	} else {
		var opt publish.Options
		if opt, err = c.publishOptions(f.registry, f.key, line); err != nil {
			return err
		}
		if opt.Key == "" {
			c.note("warning: UNSIGNED: nothing proves who made this database; with --db-key FILE, or db-key in %s, only one signed with that key is taken", settings.DefaultFile)
		}
		err = target.FromPublished(ctx, f.repositories, opt)
	}
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("db update: %w; the current database stays", err)
	}
	return err
}

// updateKnown updates it with what is needed of the publishers, and lists no feeds.
func (c dbVerb) updateKnown(ctx context.Context, cacheDir string, f feedFlags, caCert string) error {
	line := c.progressLine()
	defer line.clear()
	target, err := c.updateTarget(cacheDir, false, line)
	if err != nil {
		return err
	}
	if err := target.FromKnownFeeds(ctx, f.options(caCert, line, nil)); err != nil {
		return fmt.Errorf("db update: %w; the current database stays", err)
	}
	return nil
}

// updateTarget is the database of a cache directory, and who hears of its update.
func (c dbVerb) updateTarget(cacheDir string, acceptShrunk bool, line *progress) (update.Target, error) {
	built, err := c.buildDate()
	t := update.Paths(cacheDir)
	t.Built, t.AcceptShrunk = built, acceptShrunk
	t.Current = func() *vulndb.DB { return c.current(cacheDir) }
	t.Say = func(format string, args ...any) {
		line.clear()
		c.note(format, args...)
	}
	return t, err
}

func (f feedFlags) options(caCert string, line *progress, stats func(feed.Stats)) update.Feeds {
	return update.Feeds{Mirror: f.mirror, Only: f.only, Skip: f.skip, Jobs: f.jobs, CACert: caCert, Progress: line.show, Stats: stats}
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
