package pin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/careen/careen/internal/project"
)

// maxLock bounds a lock file.
const maxLock = 16 << 20

// lockVersion is the version of the lock file's form.
const lockVersion = 1

// Locked is what a tag named when it was asked for.
type Locked struct {
	Digest    string            `json:"digest"`              // of the index, or of the only image
	Platforms map[string]string `json:"platforms,omitempty"` // digests of its images
	Tag       string            `json:"tag,omitempty"`       // of "latest": the version that it is
}

// Lock remembers what tags name, so that pinning again needs no registry and
// gives the same.
type Lock struct {
	Version int               `json:"version"`
	Images  map[string]Locked `json:"images"`            // by full name: "docker.io/library/alpine:3.20"
	Commits map[string]string `json:"commits,omitempty"` // by server, repository and ref: "github:actions/checkout@v4"
}

func newLock() *Lock { return &Lock{Version: lockVersion, Images: map[string]Locked{}} }

// ReadLock reads a lock file. One that is not there is an empty one.
func ReadLock(file string) (*Lock, error) {
	data, err := project.ReadBounded(file, maxLock)
	if errors.Is(err, fs.ErrNotExist) {
		return newLock(), nil
	}
	if err != nil {
		return nil, err
	}
	l := newLock()
	if err := json.Unmarshal(data, l); err != nil {
		return nil, fmt.Errorf("no lock file of careen: %w", err)
	}
	if l.Version != lockVersion {
		return nil, fmt.Errorf("version %d of the lock file's form; this careen knows %d", l.Version, lockVersion)
	}
	if l.Images == nil {
		l.Images = map[string]Locked{}
	}
	return l, nil
}

// Write stores the lock, unless the file holds it already.
func (l *Lock) Write(file string) error {
	data, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return err
	}
	data = append(data, '\n')
	old, err := project.ReadBounded(file, maxLock)
	switch {
	case err == nil && bytes.Equal(old, data):
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	case err != nil:
		return os.WriteFile(file, data, 0o644)
	}
	return project.Replace([]project.Replacement{{Path: file, Old: old, New: data}})
}
