package slim

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxKeepFile bounds the file of --keep-file.
const maxKeepFile = 1 << 20

// ReadKeep reads paths and globs to keep, one a line; file "" has none.
func ReadKeep(file string) ([]string, error) {
	if file == "" {
		return nil, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("--keep-file: %w", err)
	}
	defer f.Close()
	var keep []string
	lines := bufio.NewScanner(io.LimitReader(f, maxKeepFile))
	for lines.Scan() {
		line, _, _ := strings.Cut(lines.Text(), "#")
		if line = strings.TrimSpace(line); line != "" {
			keep = append(keep, line)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("--keep-file %s: %w", file, err)
	}
	return keep, nil
}
