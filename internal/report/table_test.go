package report

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares bytes with testdata/name.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got; -update rewrites):\n%s", name, diff)
	}
}

func table_(t *testing.T, opt TableOptions, reports ...*Report) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := WriteTable(&b, reports, opt); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestTableGolden(t *testing.T) {
	golden(t, "table.txt", table_(t, TableOptions{}, shop()))
	golden(t, "table-60.txt", table_(t, TableOptions{Width: 60}, shop()))
	golden(t, "table-40.txt", table_(t, TableOptions{Width: 40}, shop()))
	golden(t, "table-color.txt", table_(t, TableOptions{Width: 140, Color: true}, shop()))
	golden(t, "table-vulnerability.txt", table_(t, TableOptions{ByVulnerability: true, Width: 120}, shop()))
	golden(t, "table-shown.txt", table_(t, TableOptions{ByVulnerability: true, Width: 120, Shown: Shown{NotLinked: true, Suppressed: true}}, shop()))
}
