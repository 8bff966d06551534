package cli

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
)

// TestDeployIsClean holds what runs careend against our own advice.
func TestDeployIsClean(t *testing.T) {
	deploy := filepath.Join("..", "..", "deploy")
	archive := imagetest.Archive(t, imagetest.Image{
		Docker: true,
		Tags:   []string{"registry.example.com/careend:1"},
		Layers: []imagetest.Layer{{Entries: []imagetest.Entry{imagetest.Exec("careend", imagetest.ELF{}.Build())}}},
		Config: image.Config{User: "65532:65532", Entrypoint: []string{"/careend"}},
	})
	// What none of these files can say is whether an image is scanned in CI.
	const score = "score 90/100, 1 point not evidenced"
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"lint", "--fail-on", "negligible", deploy}, "3 files, 0 findings"},
		{[]string{"check", "--fail-under", "90", archive, filepath.Join(deploy, "Dockerfile"), filepath.Join(deploy, "compose.yaml")}, score},
		{[]string{"check", "--fail-under", "90", archive, filepath.Join(deploy, "Dockerfile"), filepath.Join(deploy, "kubernetes.yaml")}, score},
	} {
		var stdout, stderr bytes.Buffer
		code := runCareen(context.Background(), tt.args, []string{"HOME=" + t.TempDir()}, strings.NewReader(""), &stdout, &stderr)
		if code != exitDone || !strings.Contains(stdout.String(), tt.want) {
			t.Errorf("careen %s: exit %d, want %q\n%s%s", strings.Join(tt.args, " "), code, tt.want, stdout.String(), stderr.String())
		}
	}
}
