package scan_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/feed"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/scan"
	"github.com/careen/careen/internal/vulndb"
)

// These tests hold whole scans against the authorities: dpkg, npm's semver and
// govulncheck, each working from the same advisories by its own means.

func long(t *testing.T, tools ...string) {
	t.Helper()
	if os.Getenv("CAREEN_LONG") == "" {
		t.Skip("a long test: set CAREEN_LONG=1")
	}
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
}

// feeds returns the root of the advisory mirror.
func feeds(t *testing.T) string {
	t.Helper()
	shared := os.Getenv("CAREEN_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "shared")
	}
	root := filepath.Join(shared, "feeds")
	if _, err := os.Stat(root); err != nil {
		t.Skipf("no advisory mirror: %v (set CAREEN_SHARED)", err)
	}
	return root
}

const osvHost = "osv-vulnerabilities.storage.googleapis.com"

// database builds a database from one OSV feed of the mirror.
func database(t *testing.T, ecosystem string) *vulndb.DB {
	t.Helper()
	builder := vulndb.NewBuilder()
	opt := feed.Options{Mirror: feeds(t), Only: []string{strings.ToLower(ecosystem)}, CacheDir: t.TempDir()}
	if _, err := feed.Build(context.Background(), opt, builder); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "careen.db")
	if _, err := vulndb.WriteFile(file, builder, time.Unix(0, 0)); err != nil {
		t.Fatal(err)
	}
	db, err := vulndb.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// scanTree packs a directory as the only layer of an image and scans it.
func scanTree(t *testing.T, dir string, db *vulndb.DB) *report.Report {
	t.Helper()
	layer, err := imagetest.TreeLayer(dir, filepath.Join(t.TempDir(), "layer.tar"))
	if err != nil {
		t.Fatal(err)
	}
	layer.Compression = imagetest.None
	archive := filepath.Join(t.TempDir(), "image.tar")
	if err := imagetest.WriteDockerArchive(archive, imagetest.Image{Layers: []imagetest.Layer{layer}}); err != nil {
		t.Fatal(err)
	}
	target, err := image.ParseTarget("docker-archive:" + archive)
	if err != nil {
		t.Fatal(err)
	}
	images, closeImages, err := image.Open(context.Background(), target, image.Options{TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer closeImages()
	r, err := scan.Image(context.Background(), images[0], scan.Options{DB: db, Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// osvRecord is as much of an OSV record as the oracles read.
type osvRecord struct {
	ID        string    `json:"id"`
	Withdrawn time.Time `json:"withdrawn"`
	Affected  []struct {
		Package  struct{ Ecosystem, Name string }
		Versions []string
		Ranges   []struct {
			Type   string
			Events []struct {
				Introduced, Fixed string
				LastAffected      string `json:"last_affected"`
			}
		}
	}
}

func osvRecords(t *testing.T, ecosystem string) []osvRecord {
	t.Helper()
	zr, err := zip.OpenReader(filepath.Join(feeds(t), osvHost, ecosystem, "all.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer zr.Close()
	var records []osvRecord
	for _, f := range zr.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		var rec osvRecord
		if err := json.NewDecoder(r).Decode(&rec); err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		r.Close()
		records = append(records, rec)
	}
	return records
}

// TestDebianEqualsDpkg: on a Debian root file system, the (source package,
// advisory) pairs of the report are those that dpkg --compare-versions finds
// straight from the OSV file.
func TestDebianEqualsDpkg(t *testing.T) {
	long(t, "debootstrap", "dpkg", "dpkg-query")
	if os.Getuid() != 0 {
		t.Skip("debootstrap needs root")
	}
	db := database(t, "Debian")
	root := filepath.Join(t.TempDir(), "root")
	// Without a mirror argument debootstrap takes main alone: no security
	// updates, so that there is something to find.
	if out, err := exec.Command("debootstrap", "--variant=minbase", "bullseye", root).CombinedOutput(); err != nil {
		t.Skipf("debootstrap: %v: %s", err, out)
	}
	r := scanTree(t, root, db)

	// dpkg's own list of what is installed, as its own parser reads it.
	out, err := exec.Command("dpkg-query", "--admindir", filepath.Join(root, "var/lib/dpkg"), "-W",
		"-f", "${db:Status-Status} ${source:Package} ${source:Version}\n").Output()
	if err != nil {
		t.Fatal(err)
	}
	installed := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) == 3 && f[0] == "installed" && !slices.Contains(installed[f[1]], f[2]) {
			installed[f[1]] = append(installed[f[1]], f[2])
		}
	}
	var want []string
	compared := 0
	less := func(a, b string) bool {
		compared++
		return exec.Command("dpkg", "--compare-versions", a, "lt", b).Run() == nil
	}
	for _, rec := range osvRecords(t, "Debian") {
		for _, aff := range rec.Affected {
			if aff.Package.Ecosystem != "Debian:11" || !rec.Withdrawn.IsZero() {
				continue
			}
			for _, v := range installed[aff.Package.Name] {
				affected := false
				for _, rg := range aff.Ranges {
					for i, e := range rg.Events {
						if e.Introduced == "" {
							continue
						}
						end := ""
						if i+1 < len(rg.Events) {
							end = rg.Events[i+1].Fixed
						}
						if (e.Introduced == "0" || !less(v, e.Introduced)) && (end == "" || less(v, end)) {
							affected = true
						}
					}
				}
				if affected {
					want = append(want, aff.Package.Name+" "+rec.ID)
				}
			}
		}
	}
	sourceOf := map[string]string{}
	for _, p := range r.Packages {
		sourceOf[p.PURL] = p.Source.Name
	}
	var got []string
	for _, v := range r.Vulnerabilities {
		for _, id := range append([]string{v.Advisory.ID}, v.Advisory.Also...) {
			got = append(got, sourceOf[v.Package]+" "+id)
		}
	}
	got, want = unique(got), unique(want)
	t.Logf("%d source packages, %d comparisons by dpkg, %d pairs of source package and advisory", len(installed), compared, len(want))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("dpkg (-) and careen (+) differ:\n%s", diff)
	}
	if len(want) == 0 {
		t.Error("nothing was compared")
	}
}

func unique(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

// oldNodePackages are a dozen packages with known vulnerabilities, and one
// without.
var oldNodePackages = []string{
	"minimist@0.0.8", "lodash@4.17.4", "jsonwebtoken@8.5.1", "express@4.15.0", "handlebars@4.0.5", "moment@2.18.0",
	"jquery@3.3.1", "dompurify@2.0.7", "ws@1.1.0", "qs@6.5.1", "marked@0.3.5", "ejs@2.5.2", "is-number@7.0.0",
}

// semverScript prints "name advisory" for each installed package that satisfies
// a range, by npm's own semver.
const semverScript = `
const semver = require(process.argv[1]);
const input = JSON.parse(require('fs').readFileSync(0));
for (const a of input.affected) for (const v of input.installed[a.name] || []) {
  const hit = (a.versions || []).includes(v) || a.ranges.some(r => semver.satisfies(v, r, {includePrerelease: true}));
  if (hit) console.log(a.name + '@' + v + ' ' + a.id);
}`

// TestNodeEqualsSemver: for an application with a dozen old dependencies, the
// (package, advisory) pairs are those that npm's semver package finds.
func TestNodeEqualsSemver(t *testing.T) {
	long(t, "npm", "node")
	db := database(t, "npm")
	dir := t.TempDir()
	app := filepath.Join(dir, "root", "app")
	tool := filepath.Join(dir, "tool")
	install := func(where string, packages ...string) {
		if err := os.MkdirAll(where, 0o755); err != nil {
			t.Fatal(err)
		}
		args := append([]string{"install", "--prefix", where, "--no-audit", "--no-fund", "--ignore-scripts", "--legacy-peer-deps"}, packages...)
		cmd := exec.Command("npm", args...)
		cmd.Dir = where
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Skipf("npm install: %v: %s", err, out)
		}
	}
	install(app, oldNodePackages...)
	install(tool, "semver@7")
	r := scanTree(t, filepath.Join(dir, "root"), db)

	installed := map[string][]string{}
	out, err := exec.Command("sh", "-c", "cd "+app+" && npm ls --all --parseable --long").Output()
	if err != nil && len(out) == 0 {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		// PATH:NAME@VERSION, perhaps with more behind it.
		parts := strings.Split(strings.TrimSpace(line), ":")
		if len(parts) < 2 || parts[0] == app {
			continue
		}
		at := strings.LastIndex(parts[1], "@")
		name, version := parts[1][:at], parts[1][at+1:]
		if !slices.Contains(installed[name], version) {
			installed[name] = append(installed[name], version)
		}
	}
	type affected struct {
		ID       string   `json:"id"`
		Name     string   `json:"name"`
		Versions []string `json:"versions"`
		Ranges   []string `json:"ranges"`
	}
	var all []affected
	for _, rec := range osvRecords(t, "npm") {
		if !rec.Withdrawn.IsZero() {
			continue
		}
		for _, aff := range rec.Affected {
			a := affected{ID: rec.ID, Name: aff.Package.Name, Versions: aff.Versions, Ranges: []string{}}
			for _, rg := range aff.Ranges {
				if rg.Type == "GIT" {
					continue
				}
				for i, e := range rg.Events {
					if e.Introduced == "" {
						continue
					}
					text := ">=" + e.Introduced
					if e.Introduced == "0" {
						text = ">=0.0.0-0"
					}
					if i+1 < len(rg.Events) {
						switch next := rg.Events[i+1]; {
						case next.Fixed != "":
							text += " <" + next.Fixed
						case next.LastAffected != "":
							text += " <=" + next.LastAffected
						}
					}
					a.Ranges = append(a.Ranges, text)
				}
			}
			all = append(all, a)
		}
	}
	input, err := json.Marshal(map[string]any{"installed": installed, "affected": all})
	if err != nil {
		t.Fatal(err)
	}
	node := exec.Command("node", "-e", semverScript, filepath.Join(tool, "node_modules", "semver"))
	node.Stdin = bytes.NewReader(input)
	out, err = node.Output()
	if err != nil {
		t.Fatal(err)
	}
	want := unique(strings.Split(strings.TrimSpace(string(out)), "\n"))

	nameOf := map[string]string{}
	for _, p := range r.Packages {
		nameOf[p.PURL] = p.Name + "@" + p.Version
	}
	var got []string
	for _, v := range r.Vulnerabilities {
		for _, id := range append([]string{v.Advisory.ID}, v.Advisory.Also...) {
			got = append(got, nameOf[v.Package]+" "+id)
		}
	}
	got = unique(got)
	t.Logf("%d packages installed, %d ranges, %d pairs of package and advisory", len(installed), len(all), len(want))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("semver (-) and careen (+) differ:\n%s", diff)
	}
	if len(want) < 10 {
		t.Errorf("only %d pairs: the application is not old enough", len(want))
	}
}

// goProgram uses old modules whose vulnerable functions are partly linked in.
const goProgram = `package main

import (
	"net/http"

	"github.com/gin-gonic/gin"
	"golang.org/x/crypto/ssh"
	"golang.org/x/net/html"
)

func main() {
	r := gin.New()
	r.GET("/", func(c *gin.Context) {
		_, _ = html.Parse(c.Request.Body)
		_, _, _, _, _ = ssh.ParseAuthorizedKey(nil)
		c.String(http.StatusOK, "ahoy")
	})
	_ = r.Run()
}
`

// TestGoCoversGovulncheck: on a Go binary, stripped and not, the advisories are
// those of govulncheck -mode=binary, but for what the comments below explain, and
// those whose symbols are linked in are the same. Of a stripped binary govulncheck cannot read the
// symbols and takes every one for linked; careen reads them from pclntab, so
// there the word on the same program unstripped is what counts.
func TestGoCoversGovulncheck(t *testing.T) {
	long(t, "go")
	db := database(t, "Go")
	vulnDir := govulncheckDatabase(t)
	dir := t.TempDir()
	goCmd := func(args ...string) {
		t.Helper()
		cmd := exec.Command("go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "CGO_ENABLED=0", "GOBIN="+filepath.Join(dir, "bin"))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Skipf("go %v: %v: %s", args, err, out)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(goProgram), 0o644); err != nil {
		t.Fatal(err)
	}
	goCmd("mod", "init", "example.com/old")
	goCmd("get", "github.com/gin-gonic/gin@v1.6.3", "golang.org/x/net@v0.1.0", "golang.org/x/crypto@v0.1.0")
	goCmd("install", "golang.org/x/vuln/cmd/govulncheck@v1.9.0")

	var linkedUnstripped []string
	for _, build := range []struct{ name, ldflags string }{{"unstripped", ""}, {"stripped", "-s -w"}} {
		t.Run(build.name, func(t *testing.T) {
			root := t.TempDir()
			binary := filepath.Join(root, "app")
			goCmd("build", "-trimpath", "-ldflags", build.ldflags, "-o", binary, ".")
			check := exec.Command(filepath.Join(dir, "bin", "govulncheck"), "-mode=binary", "-format=json", "-db", "file://"+vulnDir, binary)
			out, err := check.Output()
			if err != nil {
				t.Fatalf("govulncheck: %v: %s", err, out)
			}
			any, linked := govulncheckFindings(t, out)
			if build.name == "unstripped" {
				linkedUnstripped = linked
			} else if linked = linkedUnstripped; len(linked) == 0 {
				t.Skip("nothing to compare with: the unstripped binary was not checked")
			}

			r := scanTree(t, root, db)
			var gotAny, gotLinked []string
			for _, v := range r.Vulnerabilities {
				named := false
				for _, id := range append([]string{v.Advisory.ID}, v.Advisory.Also...) {
					if !strings.HasPrefix(id, "GO-") {
						continue
					}
					named = true
					gotAny = append(gotAny, id)
					if v.Linked == nil || v.Linked.State != "not-linked" {
						gotLinked = append(gotLinked, id)
					}
				}
				// Go's own record of "rapid reset" is GO-2023-2102, by another CVE:
				// it calls the one of the protocol related, GitHub calls x/net
				// affected by it.
				if !named && v.Advisory.ID != "GHSA-qppj-fm5r-hxr3" {
					t.Errorf("%s by %s: nothing that the Go database knows of", v.ID, v.Advisory.ID)
				}
			}
			gotAny, gotLinked = unique(gotAny), unique(gotLinked)
			t.Logf("govulncheck: %d advisories, %d with linked symbols; careen: %d and %d", len(any), len(linked), len(gotAny), len(gotLinked))
			for _, id := range gotAny {
				// Of functions of Windows alone; it is not linked.
				if !slices.Contains(any, id) && id != "GO-2026-5024" {
					t.Errorf("careen names %s, govulncheck does not", id)
				}
			}
			for _, id := range any {
				if !slices.Contains(gotAny, id) {
					t.Errorf("govulncheck names %s, careen does not", id)
				}
			}
			if diff := cmp.Diff(linked, gotLinked); diff != "" {
				t.Errorf("linked by govulncheck (-) and careen (+) differ:\n%s", diff)
			}
			if len(linked) == 0 {
				t.Error("nothing was compared")
			}
		})
	}
}

// govulncheckFindings returns the advisories that govulncheck names at all, and
// those for which it shows a symbol.
func govulncheckFindings(t *testing.T, output []byte) (any, symbols []string) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(output))
	for dec.More() {
		var message struct {
			Finding *struct {
				OSV   string `json:"osv"`
				Trace []struct {
					Function string `json:"function"`
				} `json:"trace"`
			} `json:"finding"`
		}
		if err := dec.Decode(&message); err != nil {
			t.Fatal(err)
		}
		if f := message.Finding; f != nil {
			any = append(any, f.OSV)
			if len(f.Trace) > 0 && f.Trace[0].Function != "" {
				symbols = append(symbols, f.OSV)
			}
		}
	}
	return unique(any), unique(symbols)
}

// govulncheckDatabase lays the Go OSV file out as vuln.go.dev serves it
// (go.dev/doc/security/vuln/database, "API").
func govulncheckDatabase(t *testing.T) string {
	t.Helper()
	zr, err := zip.OpenReader(filepath.Join(feeds(t), osvHost, "Go", "all.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer zr.Close()
	dir := t.TempDir()
	for _, sub := range []string{"ID", "index"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	type moduleVuln struct {
		ID       string `json:"id"`
		Modified string `json:"modified"`
		Fixed    string `json:"fixed,omitempty"`
	}
	modules := map[string][]moduleVuln{}
	var vulns []map[string]any
	for _, f := range zr.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		var buf bytes.Buffer
		if _, err := buf.ReadFrom(r); err != nil {
			t.Fatal(err)
		}
		r.Close()
		var rec struct {
			ID       string
			Modified string
			Aliases  []string
			Affected []struct {
				Package struct{ Name, Ecosystem string }
			}
		}
		if err := json.Unmarshal(buf.Bytes(), &rec); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(rec.ID, "GO-") {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, "ID", rec.ID+".json"), buf.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		vulns = append(vulns, map[string]any{"id": rec.ID, "modified": rec.Modified, "aliases": rec.Aliases})
		seen := map[string]bool{}
		for _, a := range rec.Affected {
			if !seen[a.Package.Name] {
				seen[a.Package.Name] = true
				modules[a.Package.Name] = append(modules[a.Package.Name], moduleVuln{ID: rec.ID, Modified: rec.Modified})
			}
		}
	}
	var moduleList []map[string]any
	for name, list := range modules {
		moduleList = append(moduleList, map[string]any{"path": name, "vulns": list})
	}
	for name, content := range map[string]any{
		"db":      map[string]any{"modified": time.Now().UTC().Format(time.RFC3339)},
		"modules": moduleList,
		"vulns":   vulns,
	} {
		data, err := json.Marshal(content)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "index", name+".json"), data, 0o644)
		}
		if err != nil {
			t.Fatal(fmt.Errorf("index/%s.json: %w", name, err))
		}
	}
	return dir
}
