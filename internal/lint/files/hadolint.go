package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/careen/careen/internal/lint"
)

// hadolintFiles are the names that Hadolint looks for in the working directory.
var hadolintFiles = []string{".hadolint.yaml", ".hadolint.yml"}

// ReadHadolint reads a configuration of Hadolint; path "" is that of the working
// directory, and nil where it has none.
func ReadHadolint(path string) (*lint.Hadolint, error) {
	names := hadolintFiles
	if path != "" {
		names = []string{path}
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) && path == "" {
			continue
		}
		if err != nil {
			return nil, err
		}
		config, err := lint.ParseHadolint(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return config, nil
	}
	return nil, nil
}
