package publish

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// maxKey bounds a minisign public key's file.
const maxKey = 4 << 10

// keyLength is that of a minisign public key in base64: 42 bytes.
const keyLength = 56

// ReadKey returns a minisign public key: of a file, or what was given, if it is
// one itself.
func ReadKey(file string) (string, error) {
	if file == "" {
		return "", nil
	}
	if len(file) == keyLength && strings.HasPrefix(file, "RW") {
		if _, err := os.Stat(file); err != nil {
			return "untrusted comment: minisign public key\n" + file + "\n", nil
		}
	}
	f, err := os.Open(file)
	if err != nil {
		return "", fmt.Errorf("--db-key: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxKey))
	if err != nil {
		return "", fmt.Errorf("--db-key: %w", err)
	}
	if len(b) == 0 {
		return "", fmt.Errorf("--db-key: %s is empty", file)
	}
	return string(b), nil
}
