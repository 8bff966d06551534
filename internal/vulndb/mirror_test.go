package vulndb

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// TestMirrorSurvives builds the whole feed mirror and asks for every statement
// of it back, ranges and versions and all. It also holds the file to its size,
// and logs what each section takes.
func TestMirrorSurvives(t *testing.T) {
	if os.Getenv("CAREEN_LONG") == "" {
		t.Skip("builds the whole feed mirror, which takes many seconds: set CAREEN_LONG=1")
	}
	m := mirror(t)
	var file bytes.Buffer
	b := m.builder(t)
	info, err := b.Write(&file, testDate)
	if err != nil {
		t.Fatal(err)
	}
	db, err := OpenBytes(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Verify(); err != nil {
		t.Fatal(err)
	}

	statement := func(source, id, ecosystem, name string, ranges []Range, versions []string) string {
		versions = slices.Clone(versions)
		slices.Sort(versions)
		return fmt.Sprint(source, " ", id, " ", ecosystem, " ", name, " ", ranges, " ", slices.Compact(versions))
	}
	want := map[string]bool{}
	for _, r := range m.records {
		for _, a := range r.Affected {
			var ranges []Range
			for _, x := range a.Ranges {
				if !slices.Contains(ranges, x) {
					ranges = append(ranges, x)
				}
			}
			want[statement(r.Source, r.ID, a.Ecosystem, a.Name, ranges, a.Versions)] = r.Withdrawn
		}
	}
	got, seen := 0, map[string]bool{}
	for ecosystem, name := range db.Packages() {
		for a := range db.Lookup(ecosystem, name) {
			s := statement(a.Source, a.ID, ecosystem, name, a.Ranges, a.Versions)
			if withdrawn, ok := want[s]; !ok || withdrawn {
				t.Errorf("nobody said: %s", s)
			}
			if len(a.Vulns) == 0 {
				t.Errorf("about nothing: %s", s)
			}
			seen[s] = true
			got++
		}
	}
	for s, withdrawn := range want {
		if !withdrawn && !seen[s] {
			t.Errorf("lost: %s", s)
		}
	}
	if got != info.Advisories || db.Err() != nil {
		t.Errorf("%d statements of %d; %v", got, info.Advisories, db.Err())
	}

	small, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithWindowSize(packWindow))
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range db.sections {
		t.Logf("%-8s %8d bytes, %7d packed", sectionNames[i], len(s), len(small.EncodeAll(s, nil)))
	}
	var packed bytes.Buffer
	if err := Pack(&packed, db); err != nil {
		t.Fatal(err)
	}
	perFact := float64(packed.Len()) / float64(info.Facts)
	t.Logf("whole    %8d bytes, %7d packed: %.2f bytes for each of %d facts", file.Len(), packed.Len(), perFact, info.Facts)
	t.Logf("%d records, %d packages, %d statements, %d vulnerabilities", len(m.records), info.Packages, info.Advisories, info.Vulnerabilities)
	if perFact > 12 {
		t.Errorf("%.2f bytes a fact, more than 12", perFact)
	}
	kinds := map[ConflictKind]int{}
	for _, c := range b.Conflicts() {
		kinds[c.Kind]++
		if strings.TrimSpace(c.ID) == "" || len(c.Records) != len(c.Says) {
			t.Errorf("a conflict that says nothing: %+v", c)
		}
	}
	t.Log("conflicts:", kinds)
}
