//go:build unix

package project

import (
	"path/filepath"
	"syscall"
	"testing"
)

// TestPipes holds that only regular files are opened: who opens a pipe without
// a writer waits for ever.
func TestPipes(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"Dockerfile", "compose.yaml", "script"} {
		if err := syscall.Mkfifo(filepath.Join(dir, name), 0o644); err != nil {
			t.Skip("no pipes here: ", err)
		}
	}
	found, err := Find(t.Context(), []string{dir, filepath.Join(dir, "Dockerfile"), "/dev/null"})
	if err != nil || len(found.Files) != 0 || len(found.Left) != 2 {
		t.Errorf("%+v, %v", found, err)
	}
}
