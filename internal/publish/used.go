package publish

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/careen/careen/internal/vulndb"
)

// Used returns the file of the database that is to be used: the one named; else the
// installed one, unless it is damaged or the snapshot in the binary is newer; else
// that snapshot, unpacked into a directory. unusable is passed what is wrong with
// the installed one.
func Used(named, dir, installed string, unusable func(error)) (string, error) {
	if named != "" {
		if _, err := os.Stat(named); errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("database %s: no such file; make one with careen db build -o %s", named, named)
		}
		return named, nil
	}
	updated, err := vulndb.Open(installed)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		unusable(err)
	}
	snapshot, snapshotErr := vulndb.Snapshot(dir)
	if err != nil {
		return snapshot, snapshotErr
	}
	defer updated.Close()
	if snapshotErr == nil {
		if embedded, err := vulndb.Open(snapshot); err == nil {
			defer embedded.Close()
			if updated.Info().Newest().Before(embedded.Info().Newest()) {
				return snapshot, nil
			}
		}
	}
	return installed, nil
}

// ParseAge reads a duration that may be in days: "7d", "36h", "0".
func ParseAge(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n < 0 || n > 36500 {
			return 0, fmt.Errorf("%q: not a number of days", s)
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	if s == "0" {
		return 0, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q: neither days, as in 7d, nor a duration, as in 36h", s)
	}
	return d, nil
}
