package publish

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/careen/careen/internal/scratch"
	"github.com/careen/careen/internal/vulndb"
)

// Stage is a directory next to a database where a new one is made ready.
// Remove it.
type Stage struct{ folder *scratch.Folder }

const stagePrefix = ".stage-"

// NewStage makes a directory next to where a database is to be, and removes what
// killed processes left there.
func NewStage(installed string) (*Stage, error) {
	parent := filepath.Dir(installed)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return nil, err
	}
	scratch.Sweep(parent, stagePrefix)
	folder, err := scratch.NewFolder(parent, stagePrefix)
	if err != nil {
		return nil, err
	}
	return &Stage{folder}, nil
}

// Candidate is the file that is made ready.
func (s *Stage) Candidate() string { return filepath.Join(s.folder.Path, "careen.db") }

// Remove takes the stage away.
func (s *Stage) Remove() { s.folder.Remove() }

// Accept proves a candidate to be what was announced and, with a key, signed.
func Accept(candidate, digest, key, signature string) (vulndb.Info, error) {
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
