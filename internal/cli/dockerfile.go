package cli

import (
	"fmt"
	"io"
	"os"

	"github.com/careen/careen/internal/dockerfile"
)

// readDockerfile reads the file of --dockerfile. One with faults is still used
// for what can be read of it.
func readDockerfile(path string) (*dockerfile.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--dockerfile: %w", err)
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, dockerfile.MaxSource+1))
	if err != nil {
		return nil, fmt.Errorf("--dockerfile: %w", err)
	}
	parsed := dockerfile.Parse(path, src)
	if len(parsed.Stages) == 0 {
		return nil, fmt.Errorf("--dockerfile %s: %s", path, parsed.Problems[0].Message)
	}
	return parsed, nil
}
