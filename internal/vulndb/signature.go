package vulndb

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/jedisct1/go-minisign"
)

// VerifySignature holds a minisign signature (https://jedisct1.github.io/minisign/)
// of the database file against a public key, both as the texts of their files.
// What is signed is the file as it lies on the disk, not packed: so one
// signature serves the whole and every delta that leads to it.
func (db *DB) VerifySignature(publicKey, signature string) error {
	key, err := minisign.DecodePublicKey(publicKey)
	if err != nil {
		key, err = minisign.NewPublicKey(publicKey) // without the comment
	}
	if err != nil {
		return fmt.Errorf("public key: %w", err)
	}
	sig, err := minisign.DecodeSignature(signature)
	if err != nil {
		return fmt.Errorf("signature: %w", err)
	}
	if ok, err := key.Verify(db.raw, sig); err != nil {
		return fmt.Errorf("signature: %w", err)
	} else if !ok {
		return errors.New("signature: it is not of this database by this key")
	}
	return nil
}

// Install makes the database at candidate, a file in the same file system that
// is whole and flushed, the one at path. Readers that have the old one open
// keep it; a crash leaves the old or the new one.
func Install(candidate, path string) error {
	if err := os.Rename(candidate, path); err != nil {
		return err
	}
	syncDir(filepath.Dir(path))
	return nil
}
