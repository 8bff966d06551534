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

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/scratch"
	"github.com/careen/careen/internal/vulndb"
)

// maxKey bounds a minisign public key's file.
const maxKey = 4 << 10

// installedPath is where db update and db import put the database that scans use.
func installedPath(cacheDir string) string { return filepath.Join(cacheDir, "db", "careen.db") }

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
the one at hand: as a delta where the publisher has one for it, whole otherwise.
It is verified, by its digest and with --db-key by its signature, before scans
use it; when anything fails, the one at hand stays. Scans may run meanwhile.`,
		Example: `  careen db update --db-repository registry.example.com/security/careen-db:1
  careen db update --db-repository https://example.com/careen.db.zst --db-key careen.pub`,
		Args: cobra.NoArgs,
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
	key, err := readKey(f.key)
	if err != nil {
		return err
	}
	cacheDir, err := c.cache()
	if err != nil {
		return err
	}
	opt, err := f.registry.source.options(c, "")
	if err != nil {
		return err
	}
	stage, err := newStage(cacheDir)
	if err != nil {
		return err
	}
	defer stage.remove()
	var failed []error
	for i, where := range f.repositories {
		err := c.updateFrom(ctx, where, key, cacheDir, stage, opt)
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
	return fmt.Errorf("db update: %w; the database at hand stays", errors.Join(failed...))
}

// stage is a directory beside the installed database where a new one is made
// ready.
type stage struct{ folder *scratch.Folder }

const stagePrefix = ".stage-"

func newStage(cacheDir string) (*stage, error) {
	parent := filepath.Dir(installedPath(cacheDir))
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return nil, fmt.Errorf("cache directory: %w; choose another with --cache-dir", err)
	}
	scratch.Sweep(parent, stagePrefix)
	folder, err := scratch.NewFolder(parent, stagePrefix)
	if err != nil {
		return nil, fmt.Errorf("cache directory: %w; choose another with --cache-dir", err)
	}
	return &stage{folder}, nil
}

func (s *stage) candidate() string { return filepath.Join(s.folder.Path, "careen.db") }
func (s *stage) remove()           { s.folder.Remove() }

// updateFrom installs what one place offers, if it is another and no older
// database than the one at hand.
func (c *command) updateFrom(ctx context.Context, where, key, cacheDir string, st *stage, opt image.Options) error {
	p, err := c.publication(ctx, where, opt)
	if err != nil {
		return err
	}
	defer p.close()
	current := c.current(cacheDir)
	if current != nil {
		defer current.Close()
		if current.Info().Digest == p.digest {
			c.note("up to date: %s", p.digest)
			return nil
		}
	}
	signature := ""
	if key != "" {
		if signature, err = p.signature(); err != nil {
			return err
		}
		if signature == "" {
			return errors.New("it publishes no signature, and --db-key asks for one")
		}
	}
	how, n, err := c.fetch(p, current, st)
	if err != nil {
		return err
	}
	info, err := accept(st.candidate(), p.digest, key, signature)
	if err != nil {
		return err
	}
	if current != nil && info.Newest().Before(current.Info().Newest()) {
		c.note("kept the database at hand: its newest advisory is of %s, that of %s is of %s",
			current.Info().Newest().Format(time.DateOnly), escape(where), info.Newest().Format(time.DateOnly))
		return nil
	}
	if err := vulndb.Install(st.candidate(), installedPath(cacheDir)); err != nil {
		return err
	}
	c.note("updated from %s: %s of %s, newest advisory of %s", escape(where), bytesText(n), how, info.Newest().Format(time.DateOnly))
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

// fetch makes the candidate from a delta if there is one for the base, else
// from the whole. It says which, and how many bytes came.
func (c *command) fetch(p *publication, base *vulndb.DB, st *stage) (string, int64, error) {
	line := c.progressLine()
	defer line.clear()
	if base != nil {
		if open := p.delta(base.Info().Digest); open != nil {
			n, err := transfer(open, line, func(r io.Reader) error {
				_, err := vulndb.Patch(base, r, st.candidate())
				return err
			})
			if err == nil {
				return "delta", n, nil
			}
			if !errors.Is(err, errNotThere) {
				c.note("warning: the delta is of no use: %s; fetching the whole", escape(err.Error()))
			}
		}
	}
	n, err := transfer(p.whole, line, func(r io.Reader) error {
		_, err := vulndb.Unpack(r, st.candidate())
		return err
	})
	return "database", n, err
}

// transfer reads what open opens to its end, through do.
func transfer(open func() (io.ReadCloser, error), line *progress, do func(io.Reader) error) (int64, error) {
	body, err := open()
	if err != nil {
		return 0, err
	}
	defer body.Close()
	count := &counting{r: body, line: line}
	err = do(count)
	return count.n, err
}

// counting counts and shows what is read.
type counting struct {
	r    io.Reader
	n    int64
	line *progress
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	c.line.show("fetching", c.n, 0)
	return n, err
}

// accept proves the candidate to be what was announced and, with a key, signed.
func accept(candidate, digest, key, signature string) (vulndb.Info, error) {
	db, err := vulndb.Open(candidate)
	if err != nil {
		return vulndb.Info{}, err
	}
	defer db.Close()
	info := db.Info()
	if digest != "" && info.Digest != digest {
		return info, fmt.Errorf("it announces %s and sends %s", digest, info.Digest)
	}
	if key != "" {
		if err := db.VerifySignature(key, signature); err != nil {
			return info, err
		}
	}
	// A date to come would keep every later database out.
	if ahead := time.Until(info.Built); ahead > 24*time.Hour {
		return info, fmt.Errorf("it was built on %s, which is to come: is the clock right?", info.Built.Format(time.DateOnly))
	}
	return info, nil
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
