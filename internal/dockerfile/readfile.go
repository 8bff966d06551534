package dockerfile

import (
	"fmt"
	"io"
	"os"
)

// ReadFile reads the Dockerfile that an image was built from. One with faults is still used
// for what can be read of it.
func ReadFile(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--dockerfile: %w", err)
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, MaxSource+1))
	if err != nil {
		return nil, fmt.Errorf("--dockerfile: %w", err)
	}
	parsed := Parse(path, src)
	if len(parsed.Stages) == 0 {
		return nil, fmt.Errorf("--dockerfile %s: %s", path, parsed.Problems[0].Message)
	}
	return parsed, nil
}
