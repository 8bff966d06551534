package vulndb

import (
	"bytes"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// TestMirrorSurvives builds the whole mirror and asks for every record back.
func TestMirrorSurvives(t *testing.T) {
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
	enc, _ := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithWindowSize(8<<20))
	for i, s := range db.sections {
		small := len(enc.EncodeAll(s, nil))
		t.Logf("%-9s %9d bytes, %9d packed, %5.2f a fact", sectionNames[i], len(s), small, float64(small)/float64(info.Facts))
	}
	small := len(enc.EncodeAll(file.Bytes(), nil))
	t.Logf("file      %9d bytes, %9d packed, %5.2f a fact; %+v", file.Len(), small, float64(small)/float64(info.Facts), info.Facts)
	counts := map[ConflictKind]int{}
	for _, c := range b.Conflicts() {
		if counts[c.Kind]++; counts[c.Kind] <= 3 {
			t.Logf("%+v", c)
		}
	}
	t.Log(counts)
	type key struct{ source, id, ecosystem, name string }
	want := map[key]int{}
	for _, r := range m.records {
		if r.Withdrawn {
			continue
		}
		for _, a := range r.Affected {
			want[key{r.Source, r.ID, a.Ecosystem, a.Name}] = len(a.Ranges)
		}
	}
	for ecosystem, name := range db.Packages() {
		for a := range db.Lookup(ecosystem, name) {
			if len(a.Vulns) == 0 {
				t.Errorf("%s is about nothing", a.ID)
			}
			delete(want, key{a.Source, a.ID, ecosystem, name})
		}
	}
	if err := db.Err(); err != nil {
		t.Error(err)
	}
	for k := range want {
		t.Errorf("lost %v", k)
	}
	slices.Sort(info.Ecosystems)
	t.Log(info.Packages, info.Vulnerabilities, info.Advisories)
}
