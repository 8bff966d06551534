package publish

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/careen/careen/internal/vulndb"
)

// What is remembered next to the installed database.

// maxMemory bounds the files: some hundred names.
const maxMemory = 1 << 20

func readBounded(file string, most int64) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%s: larger than %d bytes", file, most)
	}
	return data, err
}

// madeOfFile remembers what the installed database was made of, so that an update
// that fetches nothing makes nothing.
func madeOfFile(installed string) string { return installed + ".feeds" }

// MadeOf reports whether the installed database is the one of a digest and was made
// of what is asked for.
func MadeOf(installed, digest, asked string) bool {
	data, err := readBounded(madeOfFile(installed), maxMemory)
	return err == nil && string(data) == digest+"\n"+asked
}

// NoteMadeOf remembers what the installed database was made of.
func NoteMadeOf(installed, digest, asked string) error {
	return WriteFile(madeOfFile(installed), func(w io.Writer) error {
		_, err := io.WriteString(w, digest+"\n"+asked)
		return err
	})
}

// Asked remembers when scans asked for advisories about what.
type Asked struct {
	Digest   string               `json:"digest"` // of the database as it was then
	Subjects map[string]time.Time `json:"subjects"`
}

func askedFile(installed string) string { return installed + ".asked" }

// ReadAsked returns what was asked for of the database that is used now.
func ReadAsked(installed, digest string) Asked {
	var a Asked
	data, err := readBounded(askedFile(installed), maxMemory)
	if err != nil || json.Unmarshal(data, &a) != nil || a.Digest != digest {
		return Asked{}
	}
	return a
}

// NoteAsked adds to what was asked for before, of this database or the one that
// the update replaced.
func NoteAsked(installed string, names []string, now time.Time) error {
	var a Asked
	if data, err := readBounded(askedFile(installed), maxMemory); err == nil {
		if json.Unmarshal(data, &a) != nil {
			a = Asked{}
		}
	}
	db, err := vulndb.Open(installed)
	if errors.Is(err, os.ErrNotExist) { // nothing was known of anything that was asked for
		return nil
	}
	if err != nil {
		return err
	}
	defer db.Close()
	a.Digest = db.Info().Digest
	if a.Subjects == nil {
		a.Subjects = map[string]time.Time{}
	}
	for _, name := range names {
		a.Subjects[name] = now.UTC().Truncate(time.Second)
	}
	return WriteFile(askedFile(installed), func(w io.Writer) error { return json.NewEncoder(w).Encode(a) })
}
