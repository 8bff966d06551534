package feed

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/golden"
	"github.com/careen/careen/internal/vulndb"
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
		for {
			if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
				break
			}
			if dir == filepath.Dir(dir) {
				t.Skip("no go.mod above the test: cannot find the shared test data")
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

// readFile reads a file as Build does: an archive by its documents, anything
// else as a stream. The result has the statements, the error and the counts.
func readFile(t testing.TB, name string, f format) (*out, error) {
	t.Helper()
	var s store
	s.local = map[string]string{"x": name}
	p := &planned{name: "test", files: []input{{url: "x", format: func() format { return f }}}}
	all := &out{}
	err := cut(&s, []*planned{p}, func(task *task) error {
		task.where = filepath.Base(name)
		task.out = make(chan result, 1000)
		task.parse(context.Background(), new(bytes.Buffer))
		for r := range task.out {
			all.records = append(all.records, r.out.records...)
			all.enrichments = append(all.enrichments, r.out.enrichments...)
			all.read += r.out.read
			all.bad = append(all.bad, r.out.bad...)
			all.date(r.out.newest)
			for reason, n := range r.out.left {
				all.leave(reason, n)
			}
			if r.err != nil {
				return r.err
			}
		}
		return nil
	})
	return all, err
}

// maxGolden is how many lines of a document's statements a golden file shows.
const maxGolden = 60

// render writes what was read, one statement a line.
func render(o *out, err error) string {
	var w strings.Builder
	fmt.Fprintf(&w, "read %d, records %d, enrichments %d, skipped %d\n", o.read, len(o.records), len(o.enrichments), len(o.bad))
	if !o.newest.IsZero() {
		fmt.Fprintf(&w, "date %s\n", day(o.newest))
	}
	if err != nil {
		fmt.Fprintf(&w, "error: %v\n", err)
	}
	for _, b := range o.bad {
		fmt.Fprintf(&w, "skipped %s: %s\n", b.file, b.reason)
	}
	for _, reason := range sortedKeys(o.left) {
		fmt.Fprintf(&w, "left %d: %s\n", o.left[reason], reason)
	}
	var lines []string
	for _, r := range o.records {
		lines = append(lines, renderRecord(r)...)
	}
	for _, e := range o.enrichments {
		lines = append(lines, renderEnrichment(e))
	}
	for i, line := range lines {
		if i == maxGolden {
			fmt.Fprintf(&w, "… and %d lines more\n", len(lines)-maxGolden)
			break
		}
		w.WriteString(line)
		w.WriteByte('\n')
	}
	return w.String()
}

func day(t time.Time) string { return t.Format(time.DateOnly) }

func renderRecord(r vulndb.Record) []string {
	head := r.ID + " of " + r.Source
	add := func(name, value string) {
		if value != "" {
			head += " " + name + "=" + value
		}
	}
	add("aliases", strings.Join(r.Aliases, ","))
	add("upstream", strings.Join(r.Upstream, ","))
	if !r.Published.IsZero() {
		add("published", day(r.Published))
	}
	if !r.Modified.IsZero() {
		add("modified", day(r.Modified))
	}
	if r.Withdrawn {
		head += " withdrawn"
	}
	if r.Title != "" {
		head += fmt.Sprintf(" title=%.60q", r.Title)
	}
	if r.Malicious {
		head += " malicious"
	}
	if r.Severity != finding.Unknown {
		add("severity", r.Severity.String())
	}
	add("cvss", renderCVSS(r.CVSS))
	lines := []string{head}
	for _, a := range r.Affected {
		line := "  " + a.Ecosystem + " " + a.Name
		for _, g := range a.Ranges {
			line += " " + renderRange(g)
		}
		if len(a.Versions) > 0 {
			line += " =" + strings.Join(a.Versions, "=")
		}
		if a.Fix != "" {
			line += " fix=" + string(a.Fix)
		}
		if a.Severity != finding.Unknown {
			line += " severity=" + a.Severity.String()
		}
		if c := renderCVSS(a.CVSS); c != "" {
			line += " cvss=" + c
		}
		for _, s := range a.Symbols {
			line += fmt.Sprintf(" %s%v%v%v", s.Path, s.Names, s.GOOS, s.GOARCH)
		}
		if len(a.Arches) > 0 {
			line += " arches=" + strings.Join(a.Arches, ",")
		}
		if a.Module != "" {
			line += " module=" + a.Module
		}
		if a.Repo != "" {
			line += " repo=" + a.Repo
		}
		lines = append(lines, line)
	}
	return lines
}

func renderRange(r vulndb.Range) string {
	from := "["
	if r.Introduced == "" {
		from = "(-∞"
	}
	to := ", +∞)"
	switch {
	case r.Fixed != "":
		to = ", " + r.Fixed + ")"
	case r.LastAffected != "":
		to = ", " + r.LastAffected + "]"
	}
	if r.Limit != "" {
		to += "<" + r.Limit
	}
	return from + r.Introduced + to
}

func renderCVSS(list []vulndb.CVSS) string {
	var parts []string
	for _, c := range list {
		part := c.Vector
		if c.Score > 0 {
			part += fmt.Sprintf("(%.1f)", c.Score)
		}
		if c.Source != "" {
			part = c.Source + ":" + part
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "|")
}

func renderEnrichment(e vulndb.Enrichment) string {
	line := e.ID
	if e.Rejected {
		line += " rejected"
	}
	if e.Severity != finding.Unknown {
		line += " " + e.Severity.String() + " by " + e.SeveritySource
	}
	if c := renderCVSS(e.CVSS); c != "" {
		line += " cvss=" + c
	}
	if e.EPSS != nil {
		line += fmt.Sprintf(" epss=%v/%v", e.EPSS.Score, e.EPSS.Percentile)
	}
	if e.KEV != nil {
		line += fmt.Sprintf(" kev added=%s due=%s ransomware=%v", day(e.KEV.Added), day(e.KEV.Due), e.KEV.Ransomware)
	}
	return line
}

// formats says how the documents of testdata/<name> are read.
var formats = map[string]format{
	"updateinfo":     {stream: updateinfoReader{"amazon", "Amazon Linux:2023"}.parse},
	"oval-oracle":    {stream: oracleOVALReader().parse},
	"oval-azure":     {stream: azureOVALReader().parse},
	"nvd":            {stream: parseNVD},
	"arch":           {stream: parseArch},
	"photon":         {stream: photonReader{"5.0"}.parse},
	"redhat":         {stream: oneDocument(redhatVEXReader().parse)},
	"suse-vex":       {stream: oneDocument(suseVEXReader().parse)},
	"ubuntu-vex":     {stream: oneDocument(parseUbuntuVEX)},
	"debian-tracker": {stream: parseDebianTracker},
	"osv":            {stream: oneDocument(osvReader{source: "osv"}.parse)},
	"osv-go":         {stream: oneDocument(osvReader{source: "go", ecosystem: "Go", elsewhere: func(e string) bool { return e == "npm" }, drop: []string{"DROP-"}}.parse)},
	"secdb":          {stream: secdbReader{"alpine-secdb", "Alpine", "v3.9"}.parse},
	"kev":            {stream: parseKEV},
	"epss":           {stream: parseEPSS},
	"cve":            {stream: oneDocument(parseCVE)},
	"nodejs":         {stream: parseNodeCore},
}

// TestGolden reads the small documents of our own making in testdata, each of
// one odd shape.
func TestGolden(t *testing.T) {
	dirs, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	tested := map[string]bool{}
	for _, dir := range dirs {
		if dir.Name() == "samples" || dir.Name() == "fuzz" {
			continue
		}
		f, ok := formats[dir.Name()]
		if !ok {
			t.Errorf("testdata/%s: no format of that name", dir.Name())
			continue
		}
		files, err := filepath.Glob(filepath.Join("testdata", dir.Name(), "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, ".golden") {
				continue
			}
			tested[dir.Name()] = true
			t.Run(dir.Name()+"/"+filepath.Base(file), func(t *testing.T) {
				o, err := readFile(t, file, f)
				golden.File(t, file+".golden", render(o, err))
			})
		}
	}
	for _, name := range sortedKeys(formats) {
		if !tested[name] {
			t.Errorf("format %s: no document in testdata", name)
		}
	}
}

type sampleFormat struct {
	pattern string
	format  format
}

// sampleFormats says how each file of the shared samples is read; a pattern is
// relative to their folder.
var sampleFormats = []sampleFormat{
	{"*-osv/all.zip", format{pick: isJSON, doc: osvReader{source: "osv"}.parse}},
	{"*-osv/happy/all.zip", format{pick: isJSON, doc: osvReader{source: "osv"}.parse}},
	{"suse-osv/osv.tar.bz2", format{pick: isJSON, doc: osvReader{source: "osv"}.parse}},
	{"openeuler-osv/happy/OESA-*.json", format{stream: oneDocument(osvReader{source: "osv"}.parse)}},
	{"alpine-secdb/*/*.json", format{stream: secdbReader{"alpine-secdb", "Alpine", ""}.parse}},
	{"alpine-secdb/indexof.html", format{stream: secdbReader{"alpine-secdb", "Alpine", ""}.parse}},
	{"wolfi-secdb/*/security.json", format{stream: secdbReader{"wolfi-secdb", "Wolfi", ""}.parse}},
	{"chainguard-secdb/*/security.json", format{stream: secdbReader{"chainguard-secdb", "Chainguard", ""}.parse}},
	{"debian-tracker-api/*.json", format{stream: parseDebianTracker}},
	{"redhat-vex-v2/*.tar.zst", format{pick: isJSON, doc: redhatVEXReader().parse}},
	{"redhat-csaf/*.tar.zst", format{pick: isJSON, doc: redhatVEXReader().parse}},
	{"redhat-csaf/2023/*.json", format{stream: oneDocument(redhatVEXReader().parse)}},
	{"suse-csaf_vex/csaf-vex.tar.bz2", format{pick: isJSON, doc: suseVEXReader().parse}},
	{"ubuntu-vex/vex-all.tar.xz", format{pick: isUbuntuVEX, doc: parseUbuntuVEX}},
	{"amazon/updateinfo_*.xml.gz", format{stream: updateinfoReader{"amazon", "Amazon Linux:2"}.parse}},
	{"alma-updateinfo/*/almalinux/9/*/x86_64/os/repodata/*updateinfo.xml.gz", format{stream: updateinfoReader{"alma", "AlmaLinux:9"}.parse}},
	{"rocky-updateinfo/*/pub/rocky/9/*/x86_64/os/repodata/*updateinfo.xml.gz", format{stream: updateinfoReader{"rocky", "Rocky Linux:9"}.parse}},
	{"fedora-updateinfo/happy/fedora/linux/updates/43/Everything/x86_64/repodata/*.xml.zst", format{stream: updateinfoReader{"fedora", "Fedora:43"}.parse}},
	{"fedora-updateinfo/happy/archive/epel/*/SRPMS/repodata/*.xml.bz2", format{stream: updateinfoReader{"fedora", "EPEL:6"}.parse}},
	{"fedora-updateinfo/happy/archive/fedora/linux/updates/38/Modular/x86_64/repodata/*.xml.xz", format{stream: updateinfoReader{"fedora", "Fedora:38"}.parse}},
	{"oracle-linux/*", format{stream: oracleOVALReader().parse}},
	{"microsoft-azure-oval/happy/main.tar.gz", format{pick: isOVAL, doc: azureOVALReader().document}},
	{"nvd-feed-cve-v2/*.json.gz", format{stream: parseNVD}},
	{"arch/*.json", format{stream: parseArch}},
	{"photon-cve/happy/cve_data_photon*.json", format{stream: photonReader{"4.0"}.parse}},
	{"npm-ghsa/main.tar.gz", format{pick: isReviewed, doc: osvReader{source: "ghsa"}.parse}},
	{"ubuntu-osv/happy/osv-all.tar.xz", format{pick: isJSON, doc: osvReader{source: "ubuntu"}.parse}},
	{"mitre-cve-v5/*.tar.gz", format{pick: isCVEFile, doc: parseCVE}},
}

// TestSamples reads real pieces of the upstreams' own files, good and broken.
func TestSamples(t *testing.T) {
	root := sharedDir(t, "samples")
	for _, s := range sampleFormats {
		files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(s.pattern)))
		if err != nil {
			t.Fatal(err)
		}
		if len(files) == 0 {
			t.Errorf("samples/%s: no such file", s.pattern)
		}
		slices.Sort(files)
		for _, file := range files {
			rel, err := filepath.Rel(root, file)
			if err != nil {
				t.Fatal(err)
			}
			name := strings.ReplaceAll(filepath.ToSlash(rel), "/", "_")
			t.Run(name, func(t *testing.T) {
				if strings.HasSuffix(file, ".tar.xz") {
					file = unxz(t, file)
				}
				o, err := readFile(t, file, s.format)
				golden.File(t, filepath.Join("testdata", "samples", name+".golden"), render(o, err))
			})
		}
	}
}

// unxz expands a file with the tool, since no feed comes as xz.
func unxz(t *testing.T, name string) string {
	t.Helper()
	tool, err := exec.LookPath("xz")
	if err != nil {
		t.Skip("xz is not installed")
	}
	data, err := exec.CommandContext(t.Context(), tool, "-dc", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), strings.TrimSuffix(filepath.Base(name), ".xz"))
	if err := os.WriteFile(to, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}

// oneDocument makes a stream's reader of a document's.
func oneDocument(parse func([]byte, *out) error) func(io.Reader, *out) error {
	return func(r io.Reader, o *out) error {
		data, err := readAll(r, maxDocument)
		if err != nil {
			return err
		}
		return parse(data, o)
	}
}
