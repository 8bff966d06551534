package fleet

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
)

// TestDeployIsClean: careen finds nothing in the files that run careend.
func TestDeployIsClean(t *testing.T) {
	if os.Getenv("CAREEN_LONG") == "" {
		t.Skip("builds careen: set CAREEN_LONG=1")
	}
	careen := filepath.Join(t.TempDir(), "careen")
	if out, err := exec.Command("go", "build", "-o", careen, "../../cmd/careen").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	files := []string{"../../deploy/Dockerfile", "../../deploy/compose.yaml", "../../deploy/kubernetes.yaml"}
	out, err := exec.Command(careen, append([]string{"lint", "--offline", "-f", "json"}, files...)...).Output()
	var lint struct {
		Misconfigurations []json.RawMessage `json:"misconfigurations"`
	}
	if err != nil || json.Unmarshal(out, &lint) != nil || len(lint.Misconfigurations) > 0 {
		t.Errorf("careen lint: %v\n%s", err, out)
	}
	img := imagetest.Image{Config: image.Config{User: "65532:65532"}, Layers: []imagetest.Layer{{Entries: []imagetest.Entry{imagetest.Exec("careend", "\x7fELF")}}}}
	out, err = exec.Command(careen, append([]string{"check", "-f", "json", imagetest.Archive(t, img)}, files...)...).Output()
	var report struct {
		Points []struct{ ID, State, Says string }
	}
	if err != nil || json.Unmarshal(out, &report) != nil || len(report.Points) < 8 {
		t.Fatalf("careen check: %v\n%s", err, out)
	}
	for _, p := range report.Points {
		if p.State != "pass" && p.ID != "scanned-in-ci" { // which files do not say
			t.Errorf("careen check: %s: %s: %s", p.ID, p.State, p.Says)
		}
	}
}
