package careen_test

import (
	"debug/buildinfo"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The budget of the binary: what people download, and what they have to trust.
const (
	maxBinary  = 30 << 20 // bytes, stripped, without the advisory snapshot
	maxModules = 25       // third-party modules linked in
	snapshot   = "internal/vulndb/snapshot.db.zst"
)

func TestBinaryStaysWithinItsBudget(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "careen")
	// As released but for -trimpath, which would compile everything once more.
	build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", binary, "./cmd/careen")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	whole, err := os.Stat(binary)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.Stat(snapshot)
	if err != nil {
		t.Fatal(err)
	}
	size := whole.Size() - data.Size()
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%.1f MB without the snapshot of %.1f MB; %d modules", float64(size)/1e6, float64(data.Size())/1e6, len(info.Deps))
	if size > maxBinary {
		t.Errorf("the binary without its snapshot is %d bytes, more than %d", size, maxBinary)
	}
	if len(info.Deps) > maxModules {
		t.Errorf("%d modules are linked in, more than %d: %v", len(info.Deps), maxModules, info.Deps)
	}
}

// TestScannerLinksNothingOfTheFleet holds that careen stays what it is: databases,
// job queues and servers are careend's.
func TestScannerLinksNothingOfTheFleet(t *testing.T) {
	list := func(program string) string {
		out, err := exec.Command("go", "list", "-deps", program).Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	scanner, fleet := list("./cmd/careen"), list("./cmd/careend")
	for _, not := range []string{"github.com/riverqueue/", "github.com/jackc/", "modernc.org/", "github.com/lib/pq", "github.com/coreos/go-oidc", "database/sql", module + "/internal/fleet/"} {
		if strings.Contains(scanner, "\n"+not) {
			t.Errorf("careen links %s", not)
		}
		if !strings.Contains(fleet, "\n"+not) {
			t.Errorf("careend does not link %s: this test looks for the wrong name", not)
		}
	}
}
