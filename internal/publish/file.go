package publish

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/careen/careen/internal/vulndb"
)

// Unpack writes the database in a file, packed or not, to path and proves it whole.
func Unpack(file, path string) error {
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
	if err := WriteFile(path, func(w io.Writer) error {
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

// OpenUnpacked opens a database, packed or not. A packed one is unpacked to path.
func OpenUnpacked(file, path string) (*vulndb.DB, error) {
	db, err := vulndb.Open(file)
	if errors.Is(err, vulndb.ErrNotDatabase) {
		if err := Unpack(file, path); err != nil {
			return nil, err
		}
		return vulndb.Open(path)
	}
	return db, err
}

// WriteFile writes a file whole or not at all: to a temporary one next to it,
// flushed and renamed.
func WriteFile(path string, write func(io.Writer) error) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		var fault *fs.PathError
		if errors.As(err, &fault) { // the name of the temporary file says nothing to anybody
			return &fs.PathError{Op: fault.Op, Path: path, Err: fault.Err}
		}
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

// Packed reports whether a database's file is packed, by its name.
func Packed(file string) bool { return strings.HasSuffix(file, ".zst") }

// WritePacked writes a database to a file, packed for transport.
func WritePacked(path string, db *vulndb.DB) error {
	return WriteFile(path, func(w io.Writer) error { return vulndb.Pack(w, db) })
}

// Import verifies the database in a file, packed or not, and makes it the one at
// installed. The signature that a key asks for is in signatureFile, or next to
// the file when that is "".
func Import(file, installed, key, signatureFile string, accept func(vulndb.Info) error) (vulndb.Info, error) {
	signature := ""
	if key != "" {
		f, err := os.Open(cmp.Or(signatureFile, file+".minisig"))
		if err != nil {
			return vulndb.Info{}, fmt.Errorf("signature: %w", err)
		}
		if signature, err = readSignature(f); err != nil {
			return vulndb.Info{}, err
		}
	}
	st, err := NewStage(installed)
	if err != nil {
		return vulndb.Info{}, err
	}
	defer st.Remove()
	if err := Unpack(file, st.Candidate()); err != nil {
		return vulndb.Info{}, err
	}
	info, err := Accept(st.Candidate(), "", key, signature)
	if err == nil && accept != nil {
		err = accept(info)
	}
	if err != nil {
		return info, err
	}
	return info, vulndb.Install(st.Candidate(), installed)
}

// Export writes a database to a file, packed for transport when its name ends in
// .zst, and deltas from older ones next to it, for a web server to offer. It
// returns the files.
func Export(db *vulndb.DB, to string, bases []string) ([]string, error) {
	write := func(w io.Writer) error { return vulndb.Pack(w, db) }
	if !Packed(to) {
		write = db.Copy
	}
	if err := WriteFile(to, write); err != nil {
		return nil, err
	}
	files := []string{to}
	for _, name := range bases {
		file, err := exportDelta(db, to, name)
		if err != nil {
			return files, fmt.Errorf("--delta-from %s: %w", name, err)
		}
		files = append(files, file)
	}
	return files, nil
}

// exportDelta writes what takes those who have the database in the file base,
// packed or not, to db.
func exportDelta(db *vulndb.DB, to, base string) (string, error) {
	dir, err := os.MkdirTemp("", "careen-delta-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	old, err := OpenUnpacked(base, filepath.Join(dir, "old.db"))
	if err != nil {
		return "", err
	}
	defer old.Close()
	file := to + deltaSuffix(old.Info().Digest)
	return file, WriteFile(file, func(w io.Writer) error { return vulndb.Delta(w, old, db) })
}

// Pull fetches and verifies a database and writes it to a file, packed when its
// name says so, with the signature that is published next to it.
func Pull(ctx context.Context, where, out string, opt Options) (vulndb.Info, error) {
	p, err := Open(ctx, where, opt)
	if err != nil {
		return vulndb.Info{}, err
	}
	defer p.Close()
	st, err := NewStage(out)
	if err != nil {
		return vulndb.Info{}, err
	}
	defer st.Remove()
	got, err := p.Fetch(nil, st, opt)
	if err != nil {
		return got.Info, err
	}
	if Packed(out) {
		db, err := vulndb.Open(st.Candidate())
		if err != nil {
			return got.Info, err
		}
		defer db.Close()
		if err := WritePacked(out, db); err != nil {
			return got.Info, err
		}
	} else if err := vulndb.Install(st.Candidate(), out); err != nil {
		return got.Info, err
	}
	signature := got.signature
	if opt.Key == "" {
		signature, _ = p.signature() // carried along; without a key it proves nothing
	}
	if signature != "" {
		err = WriteFile(out+".minisig", func(w io.Writer) error { _, err := io.WriteString(w, signature); return err })
	}
	return got.Info, err
}

// Write writes the database, packed for transport when the file is
// called so. What was there before stays until the new one is whole.
func Write(path string, builder *vulndb.Builder, built time.Time) (vulndb.Info, error) {
	if !Packed(path) {
		return vulndb.WriteFile(path, builder, built)
	}
	var plain bytes.Buffer
	info, err := builder.Write(&plain, built)
	if err != nil {
		return info, err
	}
	db, err := vulndb.OpenBytes(plain.Bytes())
	if err != nil {
		return info, err
	}
	defer db.Close()
	return info, WritePacked(path, db)
}

// OpenIn opens a database, also one that is packed for transport: it is unpacked
// into a directory, once.
func OpenIn(dir, path string) (*vulndb.DB, error) {
	db, err := vulndb.Open(path)
	if !errors.Is(err, vulndb.ErrNotDatabase) {
		return db, err
	}
	f, openErr := os.Open(path)
	if openErr != nil {
		return nil, err
	}
	defer f.Close()
	info, packErr := vulndb.ReadPackInfo(f)
	if packErr != nil {
		return nil, err
	}
	plain := filepath.Join(dir, strings.ReplaceAll(info.Digest, ":", "-")+".db")
	if db, err := vulndb.Open(plain); err == nil {
		if db.Info().Digest == info.Digest {
			return db, nil
		}
		db.Close()
	}
	if err := os.MkdirAll(filepath.Dir(plain), 0o700); err != nil {
		return nil, err
	}
	return OpenUnpacked(path, plain)
}
