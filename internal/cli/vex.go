package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/careen/careen/internal/policy"
	"github.com/careen/careen/internal/vex"
)

// Bounds of --vex.
const (
	maxVEXFiles  = 10_000
	maxPublicKey = 64 << 10
)

// addVEX reads the documents that --vex names.
func (f acceptedFlags) addVEX(a *policy.Accepted) error {
	var key *vex.Key
	if f.key != "" {
		data, err := readSmallFile(f.key, maxPublicKey)
		if err == nil {
			key, err = vex.ParseKey(data)
		}
		if err != nil {
			return fmt.Errorf("--key: %s: %w", f.key, err)
		}
		if len(f.vex) == 0 {
			return errors.New("--key: of which documents? name them with --vex")
		}
	}
	for _, name := range f.vex {
		files, named, err := vexFiles(name)
		if err != nil {
			return err
		}
		for _, file := range files {
			data, err := readSmallFile(file, vex.MaxDocument)
			if err != nil {
				return err
			}
			d, err := vex.Parse(file, data)
			if errors.Is(err, vex.ErrNotVEX) && !named {
				continue // other JSON in a directory
			}
			if err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			if key != nil && !key.Signed(d.Signed) {
				return fmt.Errorf("%s: not signed with %s", file, f.key)
			}
			a.VEX(file, d)
		}
	}
	return nil
}

// vexFiles are the files that --vex means: one that is named, or all JSON below a
// directory.
func vexFiles(name string) (files []string, named bool, err error) {
	info, err := os.Stat(name)
	if err != nil || !info.IsDir() {
		return []string{name}, true, err
	}
	err = filepath.WalkDir(name, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.Type().IsRegular() && strings.HasSuffix(path, ".json"):
			files = append(files, path)
		}
		if len(files) > maxVEXFiles {
			return fmt.Errorf("%s: more than %d documents", name, maxVEXFiles)
		}
		return nil
	})
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s: no .json file here", name)
	}
	return files, false, err
}
