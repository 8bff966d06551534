package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/careen/careen/internal/cli/wording"
	"github.com/careen/careen/internal/publish"
	"github.com/careen/careen/internal/vulndb"
)

func (c dbVerb) exportCommand() *cobra.Command {
	var file string
	var bases []string
	cmd := &cobra.Command{
		Use:   "export FILE",
		Short: "Write the database to a file for transport, or for a web server to offer",
		Example: `  careen db export careen.db.zst
  careen db export --db careen.db --delta-from yesterday.db /srv/www/careen.db.zst`,
		Args: wording.Takes(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			cacheDir, err := c.cache()
			if err != nil {
				return err
			}
			db, err := c.openDatabase(cacheDir, databaseFlags{file: file, maxAge: "0"})
			if err != nil {
				return err
			}
			defer db.Close()
			files, err := publish.Export(db, args[0], bases)
			for _, file := range files {
				c.note("wrote %s: newest advisory of %s", file, db.Info().Newest().Format(time.DateOnly))
			}
			if err != nil {
				return fmt.Errorf("db export: %w", err)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&file, "db", "", "the database to write (default the one that a scan would use)")
	cmd.Flags().StringSliceVar(&bases, "delta-from", nil, "write FILE.from-DIGEST too, a delta from this older database; may be repeated")
	return cmd
}

func (c dbVerb) importCommand() *cobra.Command {
	var keyFile, signatureFile string
	var acceptShrunk bool
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Make the database in a file the one that scans use",
		Long: `Import verifies the database in FILE, packed or not, and makes it the one that
scans use. When anything is wrong with it, the current one stays.`,
		Example: `  careen db import careen.db.zst`,
		Args:    wording.Takes(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := c.dbImport(args[0], keyFile, signatureFile, acceptShrunk); err != nil {
				return fmt.Errorf("db import: %s: %w; the current database stays", args[0], err)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&keyFile, "db-key", "", "accept only a database signed with this minisign public key: a file, or the key itself")
	cmd.Flags().BoolVar(&acceptShrunk, "accept-shrunk", false, "take a database that is empty, older, or has lost more than a fifth of a source's records")
	cmd.Flags().StringVar(&signatureFile, "signature", "", "the signature (default FILE.minisig)")
	return cmd
}

func (c dbVerb) dbImport(file, keyFile, signatureFile string, acceptShrunk bool) error {
	key, err := publish.ReadKey(keyFile)
	if err != nil {
		return err
	}
	cacheDir, err := c.lastingCache()
	if err != nil {
		return err
	}
	current := c.current(cacheDir)
	if current != nil {
		defer current.Close()
	}
	info, err := publish.Import(file, installedPath(cacheDir), key, signatureFile, func(offered vulndb.Info) error {
		if current == nil || acceptShrunk {
			return nil
		}
		if why, older := publish.Older(current.Info(), offered); older {
			return &publish.Refused{Why: "it is older: " + why}
		}
		return publish.Shrunk(current.Info(), offered)
	})
	if err != nil {
		return err
	}
	c.note("imported %s: newest advisory of %s", file, info.Newest().Format(time.DateOnly))
	if path, err := c.databasePath(cacheDir, ""); err == nil && path != installedPath(cacheDir) {
		c.note("warning: the database in this binary is newer, and scans use that")
	}
	return nil
}

// pullFlags are the flags of careen db pull.
type pullFlags struct {
	out      string
	key      string
	registry registryFlags
}

func (c dbVerb) pullCommand() *cobra.Command {
	var f pullFlags
	cmd := &cobra.Command{
		Use:   "pull REPOSITORY|URL",
		Short: "Fetch a database from a registry or an https URL into a file",
		Long: `Pull fetches and verifies a database and writes it to a file, to be carried to
where there is no network, or to be used with --db. Scans go on using what they
use: careen db update and careen db import change that. A signature that is
published with it is written to FILE.minisig.`,
		Example: `  careen db pull registry.example.com/security/careen-db:1 -o careen.db.zst`,
		Args:    wording.Takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := c.dbPull(cmd.Context(), args[0], f); err != nil {
				return fmt.Errorf("db pull: %s: %w", args[0], err)
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.out, "output", "o", "careen.db.zst", "the file to write; packed for transport when it ends in .zst")
	flags.StringVar(&f.key, "db-key", "", "accept only a database signed with this minisign public key: a file, or the key itself")
	f.registry.register(flags)
	return cmd
}

func (c dbVerb) dbPull(ctx context.Context, where string, f pullFlags) error {
	line := c.progressLine()
	defer line.clear()
	opt, err := c.publishOptions(f.registry, f.key, line)
	if err != nil {
		return err
	}
	info, err := publish.Pull(ctx, where, f.out, opt)
	if err != nil {
		return err
	}
	c.note("wrote %s: newest advisory of %s", f.out, info.Newest().Format(time.DateOnly))
	return nil
}

// pushFlags are the flags of careen db push.
type pushFlags struct {
	bases     []string
	signature string
	registry  registryFlags
}

func (c dbVerb) pushCommand() *cobra.Command {
	var f pushFlags
	cmd := &cobra.Command{
		Use:   "push FILE REPOSITORY[:TAG]",
		Short: "Offer a database in a registry",
		Long: `Push verifies the database in FILE, packed or not, and puts it into a registry
for careen db update and careen db pull. With --delta-from it adds what takes
those who have that database to this one.`,
		Example: `  careen db push careen.db registry.example.com/security/careen-db:1 --delta-from yesterday.db --signature careen.db.minisig`,
		Args:    wording.Takes(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := c.dbPush(cmd.Context(), args[0], args[1], f); err != nil {
				return fmt.Errorf("db push: %w", err)
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&f.bases, "delta-from", nil, "add a delta from this older database; may be repeated")
	flags.StringVar(&f.signature, "signature", "", "add this minisign signature of the database, unpacked")
	f.registry.register(flags)
	return cmd
}

func (c dbVerb) dbPush(ctx context.Context, file, ref string, f pushFlags) error {
	opt, err := c.publishOptions(f.registry, "", nil)
	if err != nil {
		return err
	}
	opt.Warn = func(message string) { c.note("%s", escape(message)) }
	digest, err := publish.Push(ctx, file, ref, f.bases, f.signature, opt)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.stdout, digest)
	return err
}
