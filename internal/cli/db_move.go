package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/scratch"
	"github.com/careen/careen/internal/vulndb"
)

func (c *command) dbExportCommand() *cobra.Command {
	var file string
	var bases []string
	cmd := &cobra.Command{
		Use:   "export FILE",
		Short: "Write the database to a file for transport, or for a web server to offer",
		Example: `  careen db export careen.db.zst
  careen db export --db careen.db --delta-from yesterday.db /srv/www/careen.db.zst`,
		Args: cobra.ExactArgs(1),
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
			if err := writeBeside(args[0], func(w io.Writer) error { return vulndb.Pack(w, db) }); err != nil {
				return fmt.Errorf("db export: %w", err)
			}
			if err := c.exportDeltas(db, args[0], bases); err != nil {
				return fmt.Errorf("db export: %w", err)
			}
			c.note("wrote %s: newest advisory of %s", args[0], db.Info().Newest().Format(time.DateOnly))
			return nil
		},
	}
	cmd.Flags().StringVar(&file, "db", "", "the database to write (default the one that a scan would use)")
	cmd.Flags().StringSliceVar(&bases, "delta-from", nil, "write FILE.from-DIGEST too, a delta from this older database; may be repeated")
	return cmd
}

func (c *command) dbImportCommand() *cobra.Command {
	var keyFile, signatureFile string
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Make the database in a file the one that scans use",
		Long: `Import verifies the database in FILE, packed or not, and makes it the one that
scans use. When anything is wrong with it, the one at hand stays.`,
		Example: `  careen db import careen.db.zst`,
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := c.dbImport(args[0], keyFile, signatureFile); err != nil {
				return fmt.Errorf("db import: %s: %w; the database at hand stays", args[0], err)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&keyFile, "db-key", "", "accept only a database signed with this minisign public key file")
	cmd.Flags().StringVar(&signatureFile, "signature", "", "the signature (default FILE.minisig)")
	return cmd
}

func (c *command) dbImport(file, keyFile, signatureFile string) error {
	key, err := readKey(keyFile)
	if err != nil {
		return err
	}
	signature := ""
	if key != "" {
		if signatureFile == "" {
			signatureFile = file + ".minisig"
		}
		f, err := os.Open(signatureFile)
		if err != nil {
			return fmt.Errorf("signature: %w", err)
		}
		if signature, err = readSignature(f); err != nil {
			return err
		}
	}
	cacheDir, err := c.cache()
	if err != nil {
		return err
	}
	st, err := newStage(cacheDir)
	if err != nil {
		return err
	}
	defer st.remove()
	if err := unpackTo(file, st.candidate()); err != nil {
		return err
	}
	info, err := accept(st.candidate(), "", key, signature)
	if err != nil {
		return err
	}
	if err := vulndb.Install(st.candidate(), installedPath(cacheDir)); err != nil {
		return err
	}
	c.note("imported %s: newest advisory of %s", file, info.Newest().Format(time.DateOnly))
	if path, err := c.databasePath(cacheDir, ""); err == nil && path != installedPath(cacheDir) {
		c.note("warning: the database in this binary is newer, and scans use that")
	}
	return nil
}

// unpackTo writes the database in a file, packed or not, to path and proves it whole.
func unpackTo(file, path string) error {
	in, err := os.Open(file)
	if err != nil {
		var p *fs.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		return err
	}
	defer in.Close()
	plain, err := vulndb.Open(file)
	switch {
	case errors.Is(err, vulndb.ErrNotDatabase):
		_, err := vulndb.Unpack(in, path)
		return err
	case err != nil:
		return err
	}
	defer plain.Close()
	if err := plain.Verify(); err != nil {
		return err
	}
	digest := plain.Info().Digest
	if err := writeBeside(path, func(w io.Writer) error {
		_, err := io.Copy(w, in)
		return err
	}); err != nil {
		return err
	}
	copied, err := vulndb.Open(path)
	if err != nil {
		return err
	}
	defer copied.Close()
	if copied.Info().Digest != digest {
		return errors.New("the file changed while it was read")
	}
	return copied.Verify()
}

// writeBeside writes a file whole or not at all: to a temporary one beside it,
// flushed and renamed.
func writeBeside(path string, write func(io.Writer) error) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // gone already when all went well
	err = write(tmp)
	if err == nil {
		err = tmp.Chmod(0o644)
	}
	if err == nil {
		err = tmp.Sync()
	}
	if err := errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	return vulndb.Install(tmp.Name(), path)
}

// pullFlags are the flags of careen db pull.
type pullFlags struct {
	out      string
	key      string
	registry registryFlags
}

func (c *command) dbPullCommand() *cobra.Command {
	var f pullFlags
	cmd := &cobra.Command{
		Use:   "pull REPOSITORY|URL",
		Short: "Fetch a database from a registry or an https URL into a file",
		Long: `Pull fetches and verifies a database and writes it to a file, to be carried to
where there is no network, or to be used with --db. Scans go on using what they
use: careen db update and careen db import change that. A signature that is
published with it is written to FILE.minisig.`,
		Example: `  careen db pull registry.example.com/security/careen-db:1 -o careen.db.zst`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := c.dbPull(cmd.Context(), args[0], f); err != nil {
				return fmt.Errorf("db pull: %s: %w", args[0], err)
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.out, "output", "o", "careen.db.zst", "the file to write; packed for transport when it ends in .zst")
	flags.StringVar(&f.key, "db-key", "", "accept only a database signed with this minisign public key file")
	f.registry.register(flags)
	return cmd
}

func (c *command) dbPull(ctx context.Context, where string, f pullFlags) error {
	key, err := readKey(f.key)
	if err != nil {
		return err
	}
	opt, err := f.registry.source.options(c, "")
	if err != nil {
		return err
	}
	p, err := c.publication(ctx, where, opt)
	if err != nil {
		return err
	}
	defer p.close()
	signature, err := p.signature()
	if err != nil {
		return err
	}
	if key != "" && signature == "" {
		return errors.New("it publishes no signature, and --db-key asks for one")
	}
	scratch.Sweep(filepath.Dir(f.out), stagePrefix)
	folder, err := scratch.NewFolder(filepath.Dir(f.out), stagePrefix)
	if err != nil {
		return err
	}
	st := &stage{folder}
	defer st.remove()
	if _, _, err := c.fetch(p, nil, st); err != nil {
		return err
	}
	info, err := accept(st.candidate(), p.digest, key, signature)
	if err != nil {
		return err
	}
	if strings.HasSuffix(f.out, ".zst") {
		db, err := vulndb.Open(st.candidate())
		if err != nil {
			return err
		}
		defer db.Close()
		err = writeBeside(f.out, func(w io.Writer) error { return vulndb.Pack(w, db) })
		if err != nil {
			return err
		}
	} else if err := vulndb.Install(st.candidate(), f.out); err != nil {
		return err
	}
	if signature != "" {
		if err := writeBeside(f.out+".minisig", func(w io.Writer) error { _, err := io.WriteString(w, signature); return err }); err != nil {
			return err
		}
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

func (c *command) dbPushCommand() *cobra.Command {
	var f pushFlags
	cmd := &cobra.Command{
		Use:   "push FILE REPOSITORY[:TAG]",
		Short: "Offer a database in a registry",
		Long: `Push verifies the database in FILE, packed or not, and puts it into a registry
for careen db update and careen db pull. With --delta-from it adds what takes
those who have that database to this one.`,
		Example: `  careen db push careen.db registry.example.com/security/careen-db:1 --delta-from yesterday.db --signature careen.db.minisig`,
		Args:    cobra.ExactArgs(2),
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

func (c *command) dbPush(ctx context.Context, file, ref string, f pushFlags) error {
	opt, err := f.registry.source.options(c, "")
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "careen-push-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	db, err := openUnpacked(file, filepath.Join(dir, "new.db"))
	if err != nil {
		return err
	}
	defer db.Close()
	info := db.Info()
	packed := filepath.Join(dir, "new.db.zst")
	if err := writeBeside(packed, func(w io.Writer) error { return vulndb.Pack(w, db) }); err != nil {
		return err
	}
	whole, err := os.Stat(packed)
	if err != nil {
		return err
	}
	a := image.Artifact{
		Type: artifactType,
		Annotations: map[string]string{
			annotationCreated: info.Built.UTC().Format(time.RFC3339),
			annotationNewest:  info.Newest().UTC().Format(time.RFC3339),
			annotationFormat:  fmt.Sprint(info.Format),
			annotationDigest:  info.Digest,
		},
		Layers: []image.ArtifactLayer{{MediaType: wholeType, Open: func() (io.ReadCloser, error) { return os.Open(packed) }}},
	}
	for i, base := range f.bases {
		layer, err := c.deltaLayer(base, filepath.Join(dir, fmt.Sprintf("base%d.db", i)), db, whole.Size())
		if err != nil {
			return fmt.Errorf("--delta-from %s: %w", base, err)
		}
		a.Layers = append(a.Layers, layer...)
	}
	if f.signature != "" {
		r, err := os.Open(f.signature)
		if err != nil {
			return fmt.Errorf("--signature: %w", err)
		}
		text, err := readSignature(r)
		if err != nil {
			return err
		}
		a.Layers = append(a.Layers, image.ArtifactLayer{MediaType: signatureType, Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }})
	}
	digest, err := image.PushArtifact(ctx, ref, a, opt)
	if err != nil {
		return fmt.Errorf("%s: %w", ref, err)
	}
	_, err = fmt.Fprintln(c.stdout, digest)
	return err
}

// deltaLayer makes the delta from a base; none where it would not pay.
func (c *command) deltaLayer(base, unpacked string, db *vulndb.DB, whole int64) ([]image.ArtifactLayer, error) {
	old, err := openUnpacked(base, unpacked)
	if err != nil {
		return nil, err
	}
	defer old.Close()
	if old.Info().Digest == db.Info().Digest {
		c.note("no delta from %s: it is the same database", base)
		return nil, nil
	}
	var delta bytes.Buffer
	if err := vulndb.Delta(&delta, old, db); err != nil {
		return nil, err
	}
	const worth = 0.75 // of the whole; above it the delta saves too little for its place in the registry
	if float64(delta.Len()) > worth*float64(whole) {
		c.note("no delta from %s: it would be %s of %s", base, bytesText(int64(delta.Len())), bytesText(whole))
		return nil, nil
	}
	return []image.ArtifactLayer{{
		MediaType: deltaType, Annotations: map[string]string{annotationBase: old.Info().Digest},
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(delta.Bytes())), nil },
	}}, nil
}

// openUnpacked opens a database, packed or not. A packed one is unpacked to path.
func openUnpacked(file, path string) (*vulndb.DB, error) {
	db, err := vulndb.Open(file)
	if errors.Is(err, vulndb.ErrNotDatabase) {
		if err := unpackTo(file, path); err != nil {
			return nil, err
		}
		return vulndb.Open(path)
	}
	return db, err
}
