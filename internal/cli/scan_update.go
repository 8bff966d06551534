package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/careen/careen/internal/publish"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/scan"
	"github.com/careen/careen/internal/update"
	"github.com/careen/careen/internal/vulndb"
)

// refreshFlags let a scan get the advisories that it lacks.
type refreshFlags struct {
	update       bool
	mirror       string
	repositories []string
	key          string
}

func (f *refreshFlags) register(flags *pflag.FlagSet) {
	flags.BoolVar(&f.update, "update", false, "get the advisories that the image needs first, where they are missing or older than --db-max-age")
	flags.StringVar(&f.mirror, "mirror", "", "for --update: a copy of the feeds, as for careen db update")
	flags.StringSliceVar(&f.repositories, "db-repository", nil, "for --update: a finished database, as for careen db update")
	flags.StringVar(&f.key, "db-key", "", "for --update: accept only a database signed with this key, as for careen db update")
}

// advisoryFlags say which database a verb uses, and whether it may be made to hold
// what the image needs.
type advisoryFlags struct {
	databaseFlags
	refreshFlags
}

func (f *advisoryFlags) register(flags *pflag.FlagSet) {
	f.databaseFlags.register(flags)
	f.refreshFlags.register(flags)
}

// advisories is the database of a scan, which --update replaces when an image
// shows that it lacks something.
type advisories struct {
	c        *command
	flags    advisoryFlags
	source   sourceFlags
	cacheDir string
	maxAge   time.Duration
	db       *vulndb.DB
}

// openAdvisories opens the database that a scan is to use. Close it.
func (c *command) openAdvisories(cacheDir string, source sourceFlags, f advisoryFlags) (*advisories, error) {
	maxAge, err := parseMaxAge(f.databaseFlags)
	if err != nil {
		return nil, err
	}
	db, err := c.openUsed(cacheDir, f.databaseFlags)
	if err != nil {
		return nil, err
	}
	return &advisories{c, f, source, cacheDir, maxAge, db}, nil
}

func (a *advisories) Close() error { return a.db.Close() }

// asks reports whether anybody is to be asked: a file that was named stays as it is.
func (f advisoryFlags) asks(source sourceFlags) bool {
	return f.update && f.file == "" && !source.offline
}

// notUpdated is the kind of warning that --update did not succeed.
const notUpdated = "not-updated"

// refresh gets the advisories that images need, for the verbs that go on from a
// scan: it looks at each before they do. What cannot be opened is theirs to say.
func (c *command) refresh(ctx context.Context, cacheDir string, source sourceFlags, limits limitFlags, f advisoryFlags, targets []string) error {
	if !f.asks(source) {
		return nil
	}
	a, err := c.openAdvisories(cacheDir, source, f)
	if err != nil {
		return err
	}
	defer func() { a.Close() }()
	for _, target := range targets {
		if target == "-" {
			return errors.New("--update looks at the image first, and standard input is read once: name a file")
		}
		opt := scan.Options{Limits: limits.of(cacheDir), Scanners: scan.Scanners{Vulnerabilities: true}}
		reports, err := c.scanJudged(ctx, target, source, opt, limits.archiveBytes, a.judge)
		if ctx.Err() != nil {
			return err
		}
		for _, r := range reports {
			for _, w := range r.Warnings {
				if w.Kind == notUpdated {
					return errors.New(w.Message)
				}
			}
		}
	}
	return nil
}

// judge runs a scan, and with --update once more when the advisories that it
// asks for were missing or old and have been fetched. That they could not be
// fetched makes the result incomplete.
func (a *advisories) judge(ctx context.Context, scan func(*vulndb.DB) (*report.Report, error)) (*report.Report, error) {
	r, err := scan(a.db)
	if err != nil || !a.flags.asks(a.source) {
		return r, err
	}
	needs := update.Needs(r.Database, publish.ReadAsked(installedPath(a.cacheDir), r.Database.Digest), a.maxAge, time.Now())
	if len(needs) == 0 {
		return r, nil
	}
	if err := a.fetch(ctx, needs); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		r.Warnings = append(r.Warnings, report.Warning{Kind: notUpdated, Layer: -1, Incomplete: true, Message: fmt.Sprintf("--update: %v", err)})
		return r, nil
	}
	db, err := a.c.openUsed(a.cacheDir, a.flags.databaseFlags)
	if err != nil {
		return nil, err
	}
	old := a.db
	defer old.Close()
	if a.db = db; db.Info().Digest == old.Info().Digest {
		return r, nil
	}
	return scan(a.db)
}

// fetch gets what is needed, as careen db update does.
func (a *advisories) fetch(ctx context.Context, needs []string) error {
	verb := dbVerb{a.c}
	var err error
	if len(a.flags.repositories) > 0 && a.flags.mirror == "" {
		err = verb.dbUpdateIn(ctx, a.cacheDir, updateFlags{repositories: a.flags.repositories, key: a.flags.key, registry: registryFlags{a.source}})
	} else {
		err = verb.updateKnown(ctx, a.cacheDir, feedFlags{mirror: a.flags.mirror, only: needs}, a.source.caCert)
	}
	if err != nil {
		return err
	}
	return publish.NoteAsked(installedPath(a.cacheDir), needs, time.Now())
}
