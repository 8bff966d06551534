package match

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/version"
	"github.com/careen/careen/internal/vulndb"
)

// These tests read the upstreams' files themselves, as little as they need,
// and decide with the distribution's own tool: nothing of feed or catalog
// stands between the data and the expectation. They take seconds.

func long(t *testing.T) {
	t.Helper()
	if os.Getenv("CAREEN_LONG") == "" {
		t.Skip("a differential test over a whole feed: set CAREEN_LONG=1")
	}
}

// osvRecord is what these tests need of an OSV record, its events as the
// schema has them.
type osvRecord struct {
	ID        string
	Summary   string
	Withdrawn string
	Aliases   []string
	Upstream  []string
	Related   []string
	Affected  []osvAffected
}

type osvAffected struct {
	Package  struct{ Ecosystem, Name string }
	Versions []string
	Ranges   []struct {
		Type   string
		Events []map[string]string
	}
}

func readOSV(t testing.TB, ecosystem string) []osvRecord {
	t.Helper()
	z, err := zip.OpenReader(shared(t, "feeds", "osv-vulnerabilities.storage.googleapis.com", ecosystem, "all.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	var all []osvRecord
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		r.Close()
		if err != nil {
			t.Fatal(err)
		}
		var rec osvRecord
		if err := json.Unmarshal(data, &rec); err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		all = append(all, rec)
	}
	return all
}

// toRecords turns them into what an importer would make of them.
func toRecords(t testing.TB, list []osvRecord) []vulndb.Record {
	t.Helper()
	var all []vulndb.Record
	for _, o := range list {
		rec := vulndb.Record{ID: o.ID, Source: "test", Aliases: o.Aliases, Upstream: o.Upstream, Withdrawn: o.Withdrawn != ""}
		for _, a := range o.Affected {
			to := vulndb.Affected{Ecosystem: a.Package.Ecosystem, Name: a.Package.Name}
			for _, r := range a.Ranges {
				to.Ranges = append(to.Ranges, toRanges(t, o.ID, r.Events)...)
			}
			rec.Affected = append(rec.Affected, to)
		}
		all = append(all, rec)
	}
	return all
}

func toRanges(t testing.TB, id string, events []map[string]string) []vulndb.Range {
	t.Helper()
	var ranges []vulndb.Range
	for _, e := range events {
		for kind, v := range e {
			switch kind {
			case "introduced":
				ranges = append(ranges, vulndb.Range{Introduced: strings.TrimSuffix(v, "0")})
				if v != "0" {
					ranges[len(ranges)-1].Introduced = v
				}
			case "fixed":
				ranges[len(ranges)-1].Fixed = v
			case "last_affected":
				ranges[len(ranges)-1].LastAffected = v
			default:
				t.Fatalf("%s: event %q", id, kind)
			}
		}
	}
	return ranges
}

// pairs are "source advisory", sorted.
func foundPairs(t *testing.T, distro sbom.Distro, pkgs []sbom.Package, db Advisories) []string {
	t.Helper()
	source := map[string]string{}
	for _, p := range pkgs {
		source[p.PURL] = p.Source.Name
	}
	result := Packages(context.Background(), distro, pkgs, db, Options{IncludeKernelHeaders: true})
	for _, w := range result.Warnings {
		if w.Kind != "uncomparable-version" {
			t.Errorf("%+v", w)
		}
	}
	var pairs []string
	for _, f := range result.Vulnerabilities {
		for _, id := range append([]string{f.Advisory.ID}, f.Advisory.Also...) {
			pairs = append(pairs, source[f.Package]+" "+id)
		}
	}
	slices.Sort(pairs)
	return slices.Compact(pairs)
}

// stanzas reads the paragraphs of a Debian control file or an apk database.
func stanzas(t testing.TB, path, separator string) []map[string]string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []map[string]string
	for _, paragraph := range strings.Split(string(data), "\n\n") {
		fields := map[string]string{}
		for line := range strings.Lines(paragraph) {
			if key, value, ok := strings.Cut(strings.TrimRight(line, "\n"), separator); ok && !strings.HasPrefix(line, " ") {
				if _, again := fields[key]; !again {
					fields[key] = value
				}
			}
		}
		if len(fields) > 1 {
			all = append(all, fields)
		}
	}
	return all
}

// TestDebianAgainstDpkg holds the images of the fixtures against Debian's OSV
// file twice, once with dpkg --compare-versions.
func TestDebianAgainstDpkg(t *testing.T) {
	long(t)
	dpkg, err := exec.LookPath("dpkg")
	if err != nil {
		t.Skip("dpkg is not installed")
	}
	advisories := readOSV(t, "Debian")
	db := build(t, toRecords(t, advisories))
	for name, number := range map[string]string{"debian-bullseye-2024": "11", "debian-bookworm-2024": "12", "every source of 11": "11", "every source of 12": "12"} {
		var pkgs []sbom.Package
		if strings.HasPrefix(name, "every") {
			pkgs = middle(advisories, "Debian:"+number)
		} else {
			pkgs = dpkgStatus(t, shared(t, "fixtures", name, "var/lib/dpkg/status"))
		}
		versions := map[string]map[string]bool{} // source → versions
		for _, p := range pkgs {
			if versions[p.Source.Name] == nil {
				versions[p.Source.Name] = map[string]bool{}
			}
			versions[p.Source.Name][p.Source.Version] = true
		}
		// dpkg is asked in one shell: a process for each of the thousands
		// of questions is what takes the time.
		var script bytes.Buffer
		asked := 0
		for _, o := range advisories {
			for _, a := range o.Affected {
				if a.Package.Ecosystem != "Debian:"+number {
					continue
				}
				for installed := range versions[a.Package.Name] {
					for _, r := range a.Ranges {
						fixed := ""
						for _, e := range r.Events {
							if e["introduced"] != "" && e["introduced"] != "0" {
								t.Fatalf("%s: introduced %q: the test knows only 0", o.ID, e["introduced"])
							}
							fixed += e["fixed"]
						}
						asked++
						question := "true"
						if fixed != "" {
							question = dpkg + " --compare-versions '" + installed + "' lt '" + fixed + "'"
						}
						script.WriteString(question + " && echo '" + a.Package.Name + " " + o.ID + "'\n")
					}
				}
			}
		}
		script.WriteString("true\n")
		shell := exec.Command("sh")
		shell.Stdin = &script
		out, err := shell.Output()
		if err != nil {
			t.Fatal(err)
		}
		want := strings.Split(strings.TrimSpace(string(out)), "\n")
		slices.Sort(want)
		want = slices.Compact(want)
		got := foundPairs(t, sbom.Distro{ID: "debian", VersionID: number}, pkgs, db)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-dpkg +ours):\n%s", name, diff)
		}
		if len(want) < 2 {
			t.Errorf("%s: only %d questions with %d answers", name, asked, len(want))
		}
		t.Logf("%s: %d packages, %d versions compared by dpkg, %d pairs of source and advisory", name, len(pkgs), asked, len(want))
	}
}

func dpkgStatus(t testing.TB, path string) []sbom.Package {
	var pkgs []sbom.Package
	for _, s := range stanzas(t, path, ": ") {
		p := sbom.Package{Type: "deb", Name: s["Package"], Version: s["Version"], PURL: "pkg:deb/debian/" + s["Package"] + "@" + s["Version"]}
		p.Source = sbom.Source{Name: p.Name, Version: p.Version}
		if source := strings.Fields(s["Source"]); len(source) > 0 {
			p.Source.Name = source[0]
			if len(source) > 1 {
				p.Source.Version = strings.Trim(source[1], "()")
			}
		}
		pkgs = append(pkgs, p)
	}
	return pkgs
}

// middle returns every source that has advisories, in a version that some of
// its advisories fixed: the middle one as they are listed.
func middle(advisories []osvRecord, ecosystem string) []sbom.Package {
	fixes := map[string][]string{}
	for _, o := range advisories {
		for _, a := range o.Affected {
			if a.Package.Ecosystem != ecosystem {
				continue
			}
			for _, r := range a.Ranges {
				for _, e := range r.Events {
					if v := e["fixed"]; v != "" && v != "0" {
						fixes[a.Package.Name] = append(fixes[a.Package.Name], v)
					}
				}
			}
		}
	}
	var pkgs []sbom.Package
	for name, list := range fixes {
		pkgs = append(pkgs, deb(name, list[len(list)/2]))
	}
	return pkgs
}

// TestAlpineAgainstSecdb holds the Alpine 3.9 fixture against secdb, read
// straight: a package has a CVE when its version is before the one that fixes
// it, by the order that internal/version compares with apk's own table.
func TestAlpineAgainstSecdb(t *testing.T) {
	type entry struct {
		Pkg struct {
			Name     string
			Secfixes map[string][]string
		}
	}
	fixed := map[string]map[string]string{} // origin → CVE → version
	var records []vulndb.Record
	for _, repository := range []string{"main", "community"} {
		data, err := os.ReadFile(shared(t, "feeds", "secdb.alpinelinux.org", "v3.9", repository+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var db struct{ Packages []entry }
		if err := json.Unmarshal(data, &db); err != nil {
			t.Fatal(err)
		}
		for _, e := range db.Packages {
			for v, ids := range e.Pkg.Secfixes {
				for _, text := range ids {
					id, _, _ := strings.Cut(text, " ")
					if !strings.HasPrefix(id, "CVE-") || fixed[e.Pkg.Name][id] != "" {
						continue
					}
					if fixed[e.Pkg.Name] == nil {
						fixed[e.Pkg.Name] = map[string]string{}
					}
					fixed[e.Pkg.Name][id] = v
					records = append(records, vulndb.Record{ID: id, Source: "alpine-secdb", Affected: []vulndb.Affected{{Ecosystem: "Alpine:v3.9", Name: e.Pkg.Name, Ranges: []vulndb.Range{{Fixed: v}}}}})
				}
			}
		}
	}
	db := build(t, records)
	var pkgs []sbom.Package
	for _, s := range stanzas(t, shared(t, "fixtures", "alpine-3.9", "lib/apk/db/installed"), ":") {
		p := apk(s["P"], s["V"])
		p.Source.Name = s["o"]
		pkgs = append(pkgs, p)
	}
	// The fixture is the last 3.9 and has nearly all fixes; so every origin
	// of the release is held too, in the version that fixed one of its CVEs,
	// and in the build before that.
	for origin, list := range fixed {
		ids := keys(list)
		v := list[ids[len(ids)/2]]
		if v == "0" {
			continue
		}
		upstream, _, _ := strings.Cut(v, "-r")
		before := apk(origin+"-before", upstream+"-r0")
		before.Source.Name = origin
		pkgs = append(pkgs, before, apk(origin, v))
	}
	compared, unreadable := 0, 0
	var want []string
	for _, p := range pkgs {
		for id, fix := range fixed[p.Source.Name] {
			compared++
			if fix == "0" {
				continue
			}
			order, err := version.Compare(version.APK, p.Version, fix)
			if err != nil {
				unreadable++ // "4.10-1-r1" (xen): matching warns of these, and decides nothing
				continue
			}
			if order < 0 {
				want = append(want, p.Source.Name+" "+id)
			}
		}
	}
	slices.Sort(want)
	want = slices.Compact(want)
	got := foundPairs(t, sbom.Distro{ID: "alpine", VersionID: "3.9.6"}, pkgs, db)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-secdb +ours):\n%s", diff)
	}
	if len(want) < 100 {
		t.Errorf("only %d pairs", len(want))
	}
	if unreadable*20 > compared {
		t.Errorf("%d of %d versions are not read", unreadable, compared)
	}
	t.Logf("%d packages, %d versions compared, %d not readable, %d pairs of origin and CVE", len(pkgs), compared, unreadable, len(want))
}

// oldNode are versions that were current years ago.
var oldNode = map[string]string{
	"lodash": "4.17.4", "minimist": "0.0.8", "jquery": "1.12.4", "handlebars": "4.0.5", "moment": "2.10.6", "qs": "2.4.2", "hoek": "4.2.0", "ws": "1.1.0",
	"express": "3.4.0", "marked": "0.3.2", "bootstrap": "3.3.7", "angular": "1.5.0", "mustache": "2.2.0", "serve-static": "1.6.4", "tar": "1.0.3", "validator": "1.1.0", "dompurify": "2.0.6", "vue": "2.6.10",
}

// TestNodeAgainstSemver asks npm's own semver which records cover old
// versions of well-known packages.
func TestNodeAgainstSemver(t *testing.T) {
	long(t)
	npm, err := exec.LookPath("npm")
	if err != nil {
		t.Skip("npm is not installed")
	}
	advisories := readOSV(t, "npm")
	dir := t.TempDir()
	install := exec.Command(npm, "install", "--no-audit", "--no-fund", "--prefix", dir, "semver@7")
	if out, err := install.CombinedOutput(); err != nil {
		t.Skipf("npm install semver: %v: %s", err, out)
	}
	type question struct{ Name, ID, Version, Range string }
	var questions []question
	for _, o := range advisories {
		if o.Withdrawn != "" {
			continue
		}
		for _, a := range o.Affected {
			v := oldNode[a.Package.Name]
			if a.Package.Ecosystem != "npm" || v == "" {
				continue
			}
			for _, r := range a.Ranges {
				for _, in := range toRanges(t, o.ID, r.Events) {
					// includePrerelease makes satisfies() a plain comparison.
					text := ">=" + in.Introduced
					if in.Introduced == "" {
						text = ">=0.0.0-0"
					}
					if in.Fixed != "" {
						text += " <" + in.Fixed
					}
					if in.LastAffected != "" {
						text += " <=" + in.LastAffected
					}
					questions = append(questions, question{a.Package.Name, o.ID, v, text})
				}
			}
		}
	}
	input, err := json.Marshal(questions)
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(dir, "ask.js")
	if err := os.WriteFile(script, []byte(`const s=require('semver');
for (const q of JSON.parse(require('fs').readFileSync(0))) if (s.satisfies(q.Version, q.Range, {includePrerelease:true, loose:true})) console.log(q.Name+' '+q.ID)`), 0o600); err != nil {
		t.Fatal(err)
	}
	node := exec.Command("node", script)
	node.Stdin = bytes.NewReader(input)
	out, err := node.Output()
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	lines := bufio.NewScanner(bytes.NewReader(out))
	for lines.Scan() {
		want = append(want, lines.Text())
	}
	slices.Sort(want)
	want = slices.Compact(want)

	var pkgs []sbom.Package
	for name, v := range oldNode {
		p := lang("npm", name, v)
		p.Source.Name = name // foundPairs reports by source
		pkgs = append(pkgs, p)
	}
	got := foundPairs(t, none, pkgs, build(t, toRecords(t, advisories)))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-semver +ours):\n%s", diff)
	}
	if len(want) < 20 {
		t.Errorf("only %d matches", len(want))
	}
	t.Logf("%d ranges asked of npm's semver, %d matches", len(questions), len(want))
}
