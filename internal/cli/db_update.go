package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/careen/careen/internal/publish"
	"github.com/careen/careen/internal/vulndb"
)

// maxKey bounds a minisign public key's file.
const maxKey = 4 << 10

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
func (c *command) publishOptions(f registryFlags, keyFile string, line *progress) (publish.Options, error) {
	key, err := readKey(keyFile)
	if err != nil {
		return publish.Options{}, err
	}
	source, err := f.source.options(c, "")
	warn := func(message string) { c.note("warning: %s", escape(message)) }
	return publish.Options{Image: source, Key: key, Progress: line.show, Warn: warn}, err
}

// updateFlags are the flags of careen db update.
type updateFlags struct {
	repositories []string
	key          string
	registry     registryFlags
}

func (c *command) dbUpdateCommand() *cobra.Command {
	var f updateFlags
	cmd := &cobra.Command{
		Use:   "update",
		Short: "Fetch a newer database from a registry or an https URL",
		Long: `Update fetches the database that a registry or web server offers, if it is not
the current one: as a delta where the publisher has one for it, whole otherwise.
It is verified, by its digest and with --db-key by its signature, before scans
use it; when anything fails, the current one stays. Scans may run meanwhile.`,
		Example: `  careen db update --db-repository registry.example.com/security/careen-db:1
  careen db update --db-repository https://example.com/careen.db.zst --db-key careen.pub`,
		Args: takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return c.dbUpdate(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&f.repositories, "db-repository", nil, "where the database is: REGISTRY/REPOSITORY[:TAG] or an https URL; may be repeated, the first that answers counts")
	flags.StringVar(&f.key, "db-key", "", "accept only a database signed with this minisign public key file")
	f.registry.register(flags)
	return cmd
}

func (c *command) dbUpdate(ctx context.Context, f updateFlags) error {
	if len(f.repositories) == 0 {
		return errors.New("db update: from where? name a registry's repository or an https URL with --db-repository or CAREEN_DB_REPOSITORY; careen db build needs neither")
	}
	cacheDir, err := c.cache()
	if err != nil {
		return err
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
	var failed []error
	for i, where := range f.repositories {
		err := c.updateFrom(ctx, where, cacheDir, stage, opt)
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
func (c *command) updateFrom(ctx context.Context, where, cacheDir string, st *publish.Stage, opt publish.Options) error {
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
	if current != nil && got.Info.Newest().Before(current.Info().Newest()) {
		c.note("kept the current database: its newest advisory is of %s, that of %s is of %s",
			current.Info().Newest().Format(time.DateOnly), escape(where), got.Info.Newest().Format(time.DateOnly))
		return nil
	}
	if err := vulndb.Install(st.Candidate(), installedPath(cacheDir)); err != nil {
		return err
	}
	c.note("updated from %s: %s of %s, newest advisory of %s", escape(where), bytesText(got.Bytes), got.How, got.Info.Newest().Format(time.DateOnly))
	return nil
}

// current opens the database that a scan would use now; nil when there is none.
func (c *command) current(cacheDir string) *vulndb.DB {
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

func readKey(file string) (string, error) {
	if file == "" {
		return "", nil
	}
	f, err := os.Open(file)
	if err != nil {
		return "", fmt.Errorf("--db-key: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxKey))
	if err != nil {
		return "", fmt.Errorf("--db-key: %w", err)
	}
	if len(b) == 0 {
		return "", fmt.Errorf("--db-key: %s is empty", file)
	}
	return string(b), nil
}
