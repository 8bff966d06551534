package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/careen/careen/internal/cli/wording"
	"github.com/careen/careen/internal/feed"
	"github.com/careen/careen/internal/publish"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/safetext"
	"github.com/careen/careen/internal/scan"
	"github.com/careen/careen/internal/scratch"
	"github.com/careen/careen/internal/search"
	"github.com/careen/careen/internal/vulndb"
)

// databaseFlags say which database a scan uses.
type databaseFlags struct {
	file   string
	maxAge string
}

func (f *databaseFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.file, "db", "", "the advisory database to use (default the newest of the updated and the embedded one)")
	flags.StringVar(&f.maxAge, "db-max-age", "7d", "warn when the database is older, e.g. 7d or 36h; 0 means never")
}

// reachOptions are those of the verbs that go on from a scan: what is vulnerable, and
// what the entrypoint reaches. targets are the images that they look at. Their database
// is the caller's to close.
func (c *command) reachOptions(ctx context.Context, cacheDir string, source sourceFlags, limits limitFlags, f advisoryFlags, targets ...string) (opt scan.Options, err error) {
	if err := c.refresh(ctx, cacheDir, source, limits, f, targets); err != nil {
		return opt, err
	}
	opt = scan.Options{Limits: limits.of(cacheDir), Reach: true, Scanners: scan.Scanners{Vulnerabilities: true, Surface: true}}
	opt.DB, err = c.openDatabase(cacheDir, f.databaseFlags)
	return opt, err
}

// openDatabase opens the database that a scan is to use, and says so when it
// is old.
func (c *command) openDatabase(cacheDir string, f databaseFlags) (*vulndb.DB, error) {
	maxAge, err := parseMaxAge(f)
	if err != nil {
		return nil, err
	}
	db, err := c.openUsed(cacheDir, f)
	if err != nil {
		return nil, err
	}
	if age := time.Since(db.Info().Newest()); maxAge > 0 && age > maxAge {
		c.note("%s", oldText(age, nil))
	}
	return db, nil
}

func parseMaxAge(f databaseFlags) (time.Duration, error) {
	maxAge, err := publish.ParseAge(f.maxAge)
	if err != nil {
		return 0, fmt.Errorf("--db-max-age: %w", err)
	}
	return maxAge, nil
}

// openUsed opens the database that a scan is to use.
func (c *command) openUsed(cacheDir string, f databaseFlags) (*vulndb.DB, error) {
	path, err := c.databasePath(cacheDir, f.file)
	if err != nil {
		return nil, err
	}
	db, err := publish.OpenIn(filepath.Join(cacheDir, "db"), path)
	if err != nil {
		return nil, fmt.Errorf("database %s: %w", path, err)
	}
	return db, nil
}

// databasePath returns the file of the database that a scan is to use.
func (c *command) databasePath(cacheDir, file string) (string, error) {
	return publish.Used(file, filepath.Join(cacheDir, "db"), installedPath(cacheDir), func(err error) {
		c.note("warning: the updated database is not used: %v; careen db update replaces it", err)
	})
}

// dbVerb is careen db.
type dbVerb struct{ *command }

func (c dbVerb) define() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "db",
		Short: "Build, fetch, search and describe the advisory database",
	}
	cmd.AddCommand(c.buildCommand(), c.infoCommand(), c.verifyCommand(), c.searchCommand(), c.diffCommand(),
		c.updateCommand(), c.pullCommand(), c.pushCommand(), c.exportCommand(), c.importCommand())
	return cmd
}

func (c dbVerb) infoCommand() *cobra.Command {
	var file, format string
	cmd := &cobra.Command{
		Use:   "info",
		Short: "Print the database's date, sources, counts and age",
		Args:  wording.Takes(0, 0),
		RunE: func(*cobra.Command, []string) error {
			cacheDir, err := c.cache()
			if err != nil {
				return err
			}
			db, err := c.openDatabase(cacheDir, databaseFlags{file: file, maxAge: "0"})
			if err != nil {
				return err
			}
			defer db.Close()
			return c.printInfo(db.Info(), format)
		},
	}
	cmd.Flags().StringVar(&file, "db", "", "the database to describe (default the one that a scan would use)")
	cmd.Flags().StringVarP(&format, "format", "f", "table", "what to print: "+report.FormatNames("db"))
	return cmd
}

func (c dbVerb) verifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "verify FILE",
		Short: "Read a whole database, packed or not, and check every checksum and reference",
		Args:  wording.Takes(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			folder, err := scratch.NewFolder("", "careen-verify-")
			if err != nil {
				return err
			}
			defer folder.Remove()
			db, err := publish.OpenUnpacked(args[0], filepath.Join(folder.Path, "careen.db"))
			if err != nil {
				return fmt.Errorf("database %s: %w; build or fetch it again", args[0], err)
			}
			defer db.Close()
			if err := db.Verify(); err != nil {
				return fmt.Errorf("database %s: %w; build or fetch it again", args[0], err)
			}
			_, err = fmt.Fprintf(c.stdout, "%s: sound\n", args[0])
			return err
		},
	}
}

func (c dbVerb) printInfo(info vulndb.Info, format string) error {
	if _, err := report.FormatOf("db", format); err != nil {
		return err
	}
	if format == "json" {
		return c.printJSON(info)
	}
	return search.WriteInfo(c.stdout, info)
}

// oldText says that advisories are old, and of which ecosystems.
func oldText(age time.Duration, ecosystems []string) string {
	of := ""
	if len(ecosystems) > 0 {
		of = ": " + escape(strings.Join(ecosystems, ", "))
	}
	return fmt.Sprintf("warning: the advisories are %d days old%s; careen db update or careen db build gets newer ones", int(age.Hours()/24), of)
}

// noteOld says in one line that the database is older than --db-max-age, or that
// advisories are which packages were compared with.
func (c *command) noteOld(reports []*report.Report, f databaseFlags) error {
	maxAge, err := parseMaxAge(f)
	if err != nil || maxAge == 0 {
		return err
	}
	if oldest, old := report.Old(reports, maxAge, time.Now()); oldest > 0 {
		c.note("%s", oldText(oldest, old))
	}
	return nil
}

// buildFlags are the flags of careen db build.
type buildFlags struct {
	mirror string
	out    string
	only   []string
	skip   []string
	jobs   int
	noText bool

	conflicts string
}

func (c dbVerb) buildCommand() *cobra.Command {
	var f buildFlags
	cmd := &cobra.Command{
		Use:   "build",
		Short: "Build the database from the upstream feeds",
		Long: `Build reads the advisories from their publishers, or from a mirror of
them (a directory or a URL that holds HOST/PATH of each), and writes one file.
The same feeds give the same bytes when SOURCE_DATE_EPOCH sets the date.`,
		Example: `  careen db build -o careen.db
  careen db build --mirror /srv/feeds -o careen.db`,
		Args: wording.Takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return c.dbBuild(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.mirror, "mirror", "", "read a copy of the feeds: a directory or a URL (default the upstreams themselves)")
	flags.StringVarP(&f.out, "output", "o", "careen.db", "the file to write; packed for transport when it ends in .zst")
	flags.StringSliceVar(&f.only, "only", nil, "only these feeds")
	flags.StringSliceVar(&f.skip, "skip", nil, "not these feeds")
	flags.BoolVar(&f.noText, "no-text", false, "leave out the titles of advisories: a file of facts alone, a fifth smaller")
	flags.StringVar(&f.conflicts, "conflicts", "", "write where records contradict each other to this file, as JSON")
	flags.IntVar(&f.jobs, "jobs", 0, "feeds read at once (default the number of processors)")
	return cmd
}

func (c dbVerb) dbBuild(ctx context.Context, f buildFlags) error {
	built, err := c.buildDate()
	if err != nil {
		return err
	}
	cacheDir, err := c.cache()
	if err != nil {
		return err
	}
	line := c.progressLine()
	builder := vulndb.NewBuilder()
	stats, err := feed.Build(ctx, feed.Options{
		Mirror:   f.mirror,
		Only:     f.only,
		Skip:     f.skip,
		NoText:   f.noText,
		CacheDir: filepath.Join(cacheDir, "feeds"),
		Jobs:     f.jobs,
		Progress: line.show,
	}, builder)
	line.clear()
	if err != nil {
		return f.failed(ctx, err)
	}
	c.reportBuild(stats)
	info, err := publish.Write(f.out, builder, built)
	if err != nil {
		return f.failed(ctx, err)
	}
	if f.conflicts != "" {
		var data bytes.Buffer
		err := safetext.WriteJSON(&data, builder.Conflicts())
		if err == nil {
			err = os.WriteFile(f.conflicts, data.Bytes(), 0o644)
		}
		if err != nil {
			return fmt.Errorf("db build: conflicts: %w", err)
		}
		c.note("%d contradictions between records: %s", len(builder.Conflicts()), f.conflicts)
	}
	c.note("wrote %s: %d advisories on %d packages, %s", f.out, info.Advisories, info.Packages, bytesText(info.Size))
	return nil
}

// failed says of a build that did not end what there is to do, and that
// nothing is lost.
func (f buildFlags) failed(ctx context.Context, err error) error {
	err = feed.Advised(ctx, err)
	if _, statErr := os.Stat(f.out); statErr == nil {
		err = fmt.Errorf("%w; %s stays as it was", err, f.out)
	}
	return fmt.Errorf("db build: %w", err)
}

// buildDate is SOURCE_DATE_EPOCH (reproducible-builds.org), else now.
func (c *command) buildDate() (time.Time, error) {
	epoch := c.env["SOURCE_DATE_EPOCH"]
	if epoch == "" {
		return time.Now().UTC().Truncate(time.Second), nil
	}
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH %q: not a number of seconds", epoch)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// reportBuild says on stderr what was read of each feed, and what was not.
func (c dbVerb) reportBuild(stats feed.Stats) {
	if c.quiet {
		return
	}
	stats.WriteText(c.stderr)
	for _, note := range stats.Notes() {
		c.note("%s", escape(note))
	}
}
