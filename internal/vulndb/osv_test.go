package vulndb

import (
	"archive/zip"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/careen/careen/internal/finding"
)

// sharedDir finds the test data next to the repository.
func sharedDir(t testing.TB, sub string) string {
	t.Helper()
	root := os.Getenv("CAREEN_SHARED")
	if root == "" {
		dir, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for dir != filepath.Dir(dir) {
			if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
				break
			}
			dir = filepath.Dir(dir)
		}
		root = filepath.Join(dir, "..", "shared")
	}
	dir := filepath.Join(root, sub)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no shared test data: %v (CAREEN_SHARED names its folder)", err)
	}
	return dir
}

// osvRecord is as much of the OSV schema as these tests want. It is no
// importer: that is feed's, and knows the odd shapes.
type osvRecord struct {
	ID        string
	Aliases   []string
	Upstream  []string
	Related   []string
	Modified  time.Time
	Withdrawn string
	Severity  []struct{ Type, Score string }
	Affected  []struct {
		Package  struct{ Ecosystem, Name string }
		Versions []string
		Ranges   []struct {
			Type   string
			Events []map[string]string
		}
		EcosystemSpecific json.RawMessage `json:"ecosystem_specific"`
	}
}

func (o osvRecord) record(source string) Record {
	r := Record{ID: o.ID, Source: source, Aliases: o.Aliases, Upstream: o.Upstream, Modified: o.Modified, Withdrawn: o.Withdrawn != ""}
	for _, id := range o.Related {
		if strings.HasPrefix(o.ID, "AL") && strings.HasPrefix(id, "CVE-") {
			r.Upstream = append(r.Upstream, id)
		}
	}
	for _, s := range o.Severity {
		r.CVSS = append(r.CVSS, CVSS{Vector: s.Score})
	}
	for _, a := range o.Affected {
		if a.Package.Name == "" {
			continue
		}
		out := Affected{Ecosystem: a.Package.Ecosystem, Name: a.Package.Name, Versions: a.Versions}
		for _, ranges := range a.Ranges {
			if ranges.Type == "GIT" {
				continue
			}
			open := false
			for _, event := range ranges.Events {
				if v, ok := event["introduced"]; ok {
					if v == "0" {
						v = ""
					}
					out.Ranges = append(out.Ranges, Range{Introduced: v})
					open = true
				}
				if !open {
					continue
				}
				last := &out.Ranges[len(out.Ranges)-1]
				if v, ok := event["fixed"]; ok {
					*last, open = Range{Introduced: last.Introduced, Fixed: v}, false
				}
				if v, ok := event["last_affected"]; ok {
					*last, open = Range{Introduced: last.Introduced, LastAffected: v}, false
				}
			}
		}
		var specific struct {
			Imports []struct {
				Path    string
				Symbols []string
				GOOS    []string
				GOARCH  []string
			}
		}
		if json.Unmarshal(a.EcosystemSpecific, &specific) == nil {
			for _, i := range specific.Imports {
				out.Symbols = append(out.Symbols, Symbols{i.Path, i.Symbols, i.GOOS, i.GOARCH})
			}
		}
		r.Affected = append(r.Affected, out)
	}
	return r
}

type mirrorData struct {
	records  []Record
	enriched []Enrichment
	sources  []Source
}

// loadMirror reads the OSV zips, EPSS and the CVE records' scores of the feed
// mirror once for all tests that ask.
var loadMirror = sync.OnceValues(func() (*mirrorData, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	feeds := os.Getenv("CAREEN_SHARED")
	if feeds == "" {
		feeds = filepath.Join(dir, "..", "..", "..", "shared")
	}
	feeds = filepath.Join(feeds, "feeds")
	var m mirrorData
	zips, err := filepath.Glob(filepath.Join(feeds, "osv-vulnerabilities.storage.googleapis.com", "*", "all.zip"))
	if err != nil {
		return nil, err
	}
	for _, path := range zips {
		source := "osv-" + strings.ToLower(filepath.Base(filepath.Dir(path)))
		n := 0
		err := eachFile(path, func(name string, r io.Reader) error {
			var o osvRecord
			if err := json.NewDecoder(r).Decode(&o); err != nil {
				return err
			}
			m.records = append(m.records, o.record(source))
			n++
			return nil
		})
		if err != nil {
			return nil, err
		}
		m.sources = append(m.sources, Source{Name: source, Records: n, Date: time.Date(2026, 8, 21, 0, 0, 0, 0, time.UTC)})
	}
	if err := m.loadEPSS(filepath.Join(feeds, "epss.empiricalsecurity.com", "epss_scores-current.csv.gz")); err != nil {
		return nil, err
	}
	return &m, m.loadCVE(filepath.Join(feeds, "github.com/CVEProject/cvelistV5/archive/refs/heads/main.zip"))
})

func mirror(t testing.TB) *mirrorData {
	t.Helper()
	sharedDir(t, "feeds")
	m, err := loadMirror()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func eachFile(path string, do func(string, io.Reader) error) error {
	z, err := zip.OpenReader(path)
	if err != nil {
		return err
	}
	defer z.Close()
	for _, f := range z.File {
		if !strings.HasSuffix(f.Name, ".json") {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return err
		}
		if err := do(f.Name, r); err != nil {
			return err
		}
		r.Close()
	}
	return nil
}

func (m *mirrorData) loadEPSS(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	r := csv.NewReader(z)
	r.Comment = '#'
	r.ReuseRecord = true
	for {
		row, err := r.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		score, err := strconv.ParseFloat(row[1], 64)
		if err != nil {
			continue // the heading
		}
		percentile, _ := strconv.ParseFloat(row[2], 64)
		m.enriched = append(m.enriched, Enrichment{ID: strings.Clone(row[0]), EPSS: &finding.EPSS{Score: score, Percentile: percentile}})
	}
}

var cveScores = regexp.MustCompile(`"vectorString":"([^"]+)","baseScore":([0-9.]+)`)

func (m *mirrorData) loadCVE(path string) error {
	return eachFile(path, func(name string, r io.Reader) error {
		body, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		e := Enrichment{ID: strings.TrimSuffix(filepath.Base(name), ".json")}
		for _, s := range cveScores.FindAllSubmatch(body, -1) {
			score, _ := strconv.ParseFloat(string(s[2]), 64)
			e.CVSS = append(e.CVSS, CVSS{Source: "cve", Vector: string(s[1]), Score: score})
			e.Severity, e.SeveritySource = finding.FromScore(score), "cve"
		}
		if len(e.CVSS) > 0 {
			m.enriched = append(m.enriched, e)
		}
		return nil
	})
}

// builder returns a Builder that holds the mirror.
func (m *mirrorData) builder(t testing.TB) *Builder {
	t.Helper()
	b := NewBuilder()
	for _, r := range m.records {
		if err := b.Add(r); err != nil {
			t.Log(err)
		}
	}
	for _, e := range m.enriched {
		b.Enrich(e)
	}
	for _, s := range m.sources {
		b.AddSource(s)
	}
	return b
}
