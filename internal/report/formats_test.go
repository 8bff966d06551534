package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/golden"
	"github.com/careen/careen/internal/safetext"
	"github.com/careen/careen/internal/sbom"
)

// encoded is what an encoder writes.
func encoded(t *testing.T, encode func(io.Writer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// hostile puts text that is out to break its reader where people and
// machines look.
func hostile() *Report {
	r := hostileReport()
	evil := "=cmd|' /C calc'!A0 <script>alert(1)</script> ]]> \x1b[2J\u202e\x00\xff |`*_[x](javascript:1)"
	for i := range r.Secrets {
		s := &r.Secrets[i]
		s.Title, s.Redacted = evil, evil
		for j := range s.Places {
			s.Places[j].Path, s.Places[j].Name = evil, evil
		}
	}
	for i := range r.Misconfigurations {
		m := &r.Misconfigurations[i]
		m.Rule, m.Title, m.Message, m.Fix = evil, evil, evil, evil
	}
	r.Packages[0].Name, r.Packages[4].Version = evil, evil
	return r
}

// lintOf is a report's faults as those of files.
func lintOf(r *Report) *Lint {
	return &Lint{Schema: LintSchema, Careen: r.Careen, Files: []string{"Dockerfile"}, Misconfigurations: r.Misconfigurations, Gate: r.Gate}
}

// schemaAt compiles a schema of testdata, or one that is laid next to the
// checkout: the publishers' own are theirs, and no part of the repository.
func schemaAt(t *testing.T, file string) *jsonschema.Schema {
	t.Helper()
	schema, err := jsonschema.NewCompiler().Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// publicSpec is a public schema next to the checkout; "" where it is not.
func publicSpec(t *testing.T, name string) string {
	t.Helper()
	root := os.Getenv("CAREEN_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared")
	}
	if file := filepath.Join(root, "specs", name); exists(file) {
		return file
	}
	t.Logf("%s is not in shared/specs: only our own account of it was tried", name)
	return ""
}

func TestGitLab(t *testing.T) {
	opt := BOMOptions{Timestamp: day("2026-08-21")}
	schema := schemaAt(t, "testdata/gitlab.schema.json")
	bare := &Report{}
	bare.Vulnerabilities = []finding.Vulnerability{{}}
	bare.Secrets = []finding.Secret{{Places: []finding.SecretPlace{{}}}}
	for kind, write := range map[string]func(io.Writer, []*Report, BOMOptions) error{"container-scanning": WriteGitLab, "secret-detection": WriteGitLabSecrets} {
		public := publicSpec(t, kind+"-report-format.json")
		for _, reports := range [][]*Report{{shop()}, {empty()}, {hostile()}, {shop(), hostile()}, {bare}, {}} {
			doc := encoded(t, func(w io.Writer) error { return write(w, reports, opt) })
			validate(t, schema, doc)
			if public != "" {
				validate(t, schemaAt(t, public), doc)
			}
		}
	}
	var doc gitLabReport
	if err := json.Unmarshal(encoded(t, func(w io.Writer) error { return WriteGitLab(w, []*Report{shop()}, opt) }), &doc); err != nil {
		t.Fatal(err)
	}
	// 14 findings, one of them suppressed; code that is not linked in is flagged.
	if n := len(doc.Vulnerabilities); n != 13 {
		t.Errorf("%d vulnerabilities", n)
	}
	first := doc.Vulnerabilities[0]
	if first.Identifiers[0].Type != "cve" || first.Severity != "Critical" || first.Solution != "Upgrade minimist from 0.0.8 to 1.2.8" || len(first.CVSS) != 2 {
		t.Errorf("%+v", first)
	}
	flagged := slices.IndexFunc(doc.Vulnerabilities, func(f gitLabFinding) bool { return f.Flags != nil })
	if flagged < 0 || !strings.HasPrefix(doc.Vulnerabilities[flagged].Name, "CVE-2023-29403") {
		t.Errorf("what is not linked in is not flagged")
	}
	again := encoded(t, func(w io.Writer) error { return WriteGitLab(w, []*Report{shop(), shop()}, opt) })
	var twice gitLabReport
	if err := json.Unmarshal(again, &twice); err != nil || len(twice.Vulnerabilities) != 13 {
		t.Errorf("two platforms with the same findings: %d, %v", len(twice.Vulnerabilities), err)
	}
}

// junitOrder is the schema that Jenkins publishes (junit-10.xsd): which elements
// may be in which, in which order, with which attributes; a "*" is required.
var junitOrder = map[string]struct {
	inside     []string
	attributes []string
}{
	"testsuites": {[]string{"testsuite"}, []string{"name", "time", "tests", "failures", "disabled", "errors"}},
	"testsuite": {[]string{"properties", "testcase", "system-out", "system-err"}, []string{"name*", "tests*", "failures", "errors", "time", "disabled",
		"skipped", "timestamp", "hostname", "id", "package"}},
	"properties": {[]string{"property"}, nil},
	"property":   {nil, []string{"name*", "value*"}},
	"testcase": {[]string{"skipped", "error", "failure", "system-out", "system-err"}, []string{"name*", "assertions", "time", "timestamp", "classname",
		"status", "class", "file", "line", "group"}},
	"skipped": {nil, []string{"type", "message"}},
	"error":   {nil, []string{"type", "message"}},
	"failure": {nil, []string{"type", "message"}},
}

// checkJUnit holds a document to that schema, and its sums to its cases.
func checkJUnit(t *testing.T, doc []byte) {
	t.Helper()
	dec := xml.NewDecoder(bytes.NewReader(doc))
	var open []string
	last := []int{-1}
	for {
		token, err := dec.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, doc)
		}
		switch token := token.(type) {
		case xml.StartElement:
			name := token.Name.Local
			rule, known := junitOrder[name]
			if len(open) == 0 && name != "testsuites" || !known {
				t.Fatalf("<%s> below %q", name, open)
			}
			if len(open) > 0 {
				at := slices.Index(junitOrder[open[len(open)-1]].inside, name)
				if at < last[len(last)-1] || at < 0 {
					t.Fatalf("<%s> is not where the schema has it, below %q", name, open)
				}
				last[len(last)-1] = at
			}
			for _, a := range token.Attr {
				if !slices.Contains(rule.attributes, a.Name.Local) && !slices.Contains(rule.attributes, a.Name.Local+"*") {
					t.Errorf("<%s %s>", name, a.Name.Local)
				}
			}
			for _, a := range rule.attributes {
				required, is := strings.CutSuffix(a, "*")
				if is && !slices.ContainsFunc(token.Attr, func(x xml.Attr) bool { return x.Name.Local == required }) {
					t.Errorf("<%s> without %s", name, required)
				}
			}
			open, last = append(open, name), append(last, -1)
		case xml.EndElement:
			open, last = open[:len(open)-1], last[:len(last)-1]
		}
	}
	var suites junitSuites
	if err := xml.Unmarshal(doc, &suites); err != nil {
		t.Fatal(err)
	}
	tests, failures := 0, 0
	for _, s := range suites.Suites {
		failed := 0
		for _, c := range s.Cases {
			if c.Failure != nil {
				failed++
			}
		}
		if s.Tests != len(s.Cases) || s.Failures != failed {
			t.Errorf("suite %q: %d of %d tests, %d of %d failures", s.Name, s.Tests, len(s.Cases), s.Failures, failed)
		}
		tests, failures = tests+s.Tests, failures+failed
	}
	if suites.Tests != tests || suites.Failures != failures {
		t.Errorf("sums: %d of %d, %d of %d", suites.Tests, tests, suites.Failures, failures)
	}
}

func TestJUnit(t *testing.T) {
	for _, reports := range [][]*Report{{shop()}, {empty()}, {hostile()}, {shop(), hostile()}, {{}}, {}} {
		checkJUnit(t, encoded(t, func(w io.Writer) error { return WriteJUnit(w, reports) }))
	}
	checkJUnit(t, encoded(t, func(w io.Writer) error { return WriteLintJUnit(w, lintOf(hostile())) }))
	var suites junitSuites
	if err := xml.Unmarshal(encoded(t, func(w io.Writer) error { return WriteJUnit(w, []*Report{shop()}) }), &suites); err != nil {
		t.Fatal(err)
	}
	// 14 vulnerabilities (2 skipped), 4 secrets (1), 4 faults (1), 2 files unread.
	if suites.Tests != 24 || suites.Failures != 18 || suites.Errors != 2 {
		t.Errorf("%d tests, %d failures, %d errors", suites.Tests, suites.Failures, suites.Errors)
	}
}

// TestEveryFormatSaysWhatWasNotJudged: a list of findings is worth what was looked
// at. The formats named here have no place for words about the whole; html is
// tested in its own room.
func TestEveryFormatSaysWhatWasNotJudged(t *testing.T) {
	without := []string{"csv", "openvex", "trivy-json", "html", "gitlab-secrets"}
	r := shop()
	r.Packages[0].Judged = &sbom.Judged{Not: sbom.OtherBuilder}
	r.Judged = CountJudged(r.Packages)
	template, err := ParseTemplate("t", "{{range .}}{{.judged | json}} {{.database.reach | json}}{{end}}")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range FormatsOf("scan") {
		if slices.Contains(without, f.Name) {
			continue
		}
		text := string(encoded(t, func(w io.Writer) error {
			return f.Write(w, &Document{Reports: []*Report{r}, Table: TableOptions{Width: 200}, Template: template})
		}))
		for _, says := range [][]string{{"3 of 10 packages: 2 without a version, 1 of other builders", `"other-builder":1`, `"other-builder": 1`}, {"part of the list", `"share":"part"`, `"share": "part"`}} {
			if !slices.ContainsFunc(says, func(s string) bool { return strings.Contains(text, s) }) {
				t.Errorf("%s does not say %q:\n%.1500s", f.Name, says[0], text)
			}
		}
	}
}

// trivySchema2 is what readers of Trivy's reports take from them: DefectDojo's
// parser, Harbor's adapter and the Jenkins plugin, by their sources.
type trivySchema2 struct {
	SchemaVersion int
	ArtifactName  string
	ArtifactType  string
	Metadata      struct {
		ImageID     string
		RepoTags    []string
		RepoDigests []string
		DiffIDs     []string
		OS          *struct{ Family, Name string }
		ImageConfig struct {
			Architecture string `json:"architecture"`
			OS           string `json:"os"`
		}
	}
	Results []struct {
		Target, Class, Type string
		Vulnerabilities     []struct {
			VulnerabilityID, PkgName, PkgPath, InstalledVersion, FixedVersion, Status, Severity, SeveritySource, PrimaryURL, Title, Description string

			PkgIdentifier struct{ PURL, UID string }
			Layer         struct{ Digest, DiffID string }
			CVSS          map[string]struct {
				V2Vector, V3Vector, V40Vector string
				V2Score, V3Score, V40Score    float64
			}
			References []string
		}
		Misconfigurations []struct {
			Type, ID, AVDID, Title, Description, Message, Resolution, Severity, PrimaryURL, Status string
			References                                                                             []string
		}
		Secrets []struct {
			RuleID, Category, Severity, Title, Match string
			StartLine, EndLine                       int
		}
		ExperimentalModifiedFindings []struct{ Type, Status, Statement, Source string }
	}
}

func TestTrivyJSON(t *testing.T) {
	opt := BOMOptions{Timestamp: day("2026-08-21")}
	for _, r := range []*Report{shop(), empty(), hostile(), {}} {
		var doc trivySchema2
		if err := json.Unmarshal(encoded(t, func(w io.Writer) error { return WriteTrivy(w, []*Report{r}, opt) }), &doc); err != nil {
			t.Fatal(err)
		}
		if doc.SchemaVersion != 2 || doc.ArtifactType != "container_image" {
			t.Errorf("%d %q", doc.SchemaVersion, doc.ArtifactType)
		}
		counted, suppressed := 0, 0
		for _, result := range doc.Results {
			if !slices.Contains([]string{"os-pkgs", "lang-pkgs", "config", "secret"}, result.Class) || result.Target == "" {
				t.Errorf("result %q of class %q", result.Target, result.Class)
			}
			suppressed += len(result.ExperimentalModifiedFindings)
			for _, v := range result.Vulnerabilities {
				counted++
				if v.VulnerabilityID == "" || v.PkgName == "" || v.PkgIdentifier.PURL == "" ||
					!slices.Contains([]string{"UNKNOWN", "LOW", "MEDIUM", "HIGH", "CRITICAL"}, v.Severity) ||
					!slices.Contains([]string{"unknown", "not_affected", "affected", "fixed", "under_investigation", "will_not_fix", "fix_deferred", "end_of_life"}, v.Status) {
					t.Errorf("%+v", v)
				}
			}
		}
		want := 0
		for _, v := range r.Vulnerabilities {
			if v.Suppressed == nil {
				want++
			}
		}
		if counted != want {
			t.Errorf("%s: %d vulnerabilities, want %d", r.Target.Ref, counted, want)
		}
	}
	var doc trivySchema2
	if err := json.Unmarshal(encoded(t, func(w io.Writer) error { return WriteTrivy(w, []*Report{shop()}, opt) }), &doc); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range doc.Results {
		got = append(got, r.Class+" "+r.Type+" "+r.Target)
	}
	want := []string{"os-pkgs debian registry.example.com/shop-api:1.4 (debian 12)", "lang-pkgs gobinary app/worker", "lang-pkgs node-pkg Node.js",
		"config dockerfile registry.example.com/shop-api:1.4", "secret  /app/.env", "secret  env STRIPE_SECRET_KEY", "secret  history STRIPE_SECRET_KEY", "secret  /app/config.yaml", "secret  /app/README.md"}
	if !slices.Equal(got, want) {
		t.Errorf("results\n%q, want\n%q", got, want)
	}
	if digests := doc.Metadata.RepoDigests; len(digests) != 1 || digests[0] != "registry.example.com/shop-api@"+shop().Target.Digest {
		t.Errorf("digests %q", digests)
	}
	if err := WriteTrivy(io.Discard, []*Report{shop(), shop()}, opt); err == nil {
		t.Error("two platforms in one of Trivy's reports")
	}
}

// TestReviewFormats decodes the formats of code reviews as their readers do.
func TestReviewFormats(t *testing.T) {
	for _, l := range []*Lint{lintOf(shop()), lintOf(hostile()), {}} {
		want := len(l.issues())
		var style struct {
			XMLName xml.Name `xml:"checkstyle"`
			Files   []struct {
				Name   string `xml:"name,attr"`
				Errors []struct {
					Line     int    `xml:"line,attr"`
					Severity string `xml:"severity,attr"`
					Message  string `xml:"message,attr"`
					Source   string `xml:"source,attr"`
				} `xml:"error"`
			} `xml:"file"`
		}
		if err := xml.Unmarshal(encoded(t, func(w io.Writer) error { return WriteCheckstyle(w, l) }), &style); err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, f := range style.Files {
			for _, e := range f.Errors {
				n++
				if f.Name == "" || e.Line < 1 || e.Message == "" || e.Source == "" || !slices.Contains([]string{"error", "warning", "info"}, e.Severity) {
					t.Errorf("checkstyle: %+v", e)
				}
			}
		}
		if n != want {
			t.Errorf("checkstyle: %d of %d", n, want)
		}

		var climate []struct {
			Type, Description, Severity, Fingerprint string
			Check                                    string `json:"check_name"`
			Categories                               []string
			Location                                 struct {
				Path  string
				Lines struct{ Begin int }
			}
		}
		if err := json.Unmarshal(encoded(t, func(w io.Writer) error { return WriteCodeClimate(w, l) }), &climate); err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, c := range climate {
			if c.Type != "issue" || c.Check == "" || c.Description == "" || seen[c.Fingerprint] || len(c.Fingerprint) != 32 || c.Location.Path == "" ||
				strings.HasPrefix(c.Location.Path, "./") || c.Location.Lines.Begin < 1 || !slices.Contains([]string{"info", "minor", "major", "critical", "blocker"}, c.Severity) {
				t.Errorf("codeclimate: %+v", c)
			}
			seen[c.Fingerprint] = true
		}
		if len(climate) != want {
			t.Errorf("codeclimate: %d of %d", len(climate), want)
		}

		var sonar struct {
			Rules []struct {
				ID, Name, Description, EngineID, CleanCodeAttribute string
				Impacts                                             []struct{ SoftwareQuality, Severity string }
			}
			Issues []struct {
				RuleID          string
				PrimaryLocation struct {
					Message, FilePath string
					TextRange         struct{ StartLine int }
				}
			}
		}
		if err := json.Unmarshal(encoded(t, func(w io.Writer) error { return WriteSonarQube(w, l) }), &sonar); err != nil {
			t.Fatal(err)
		}
		rules := map[string]bool{}
		for _, r := range sonar.Rules {
			if rules[r.ID] || r.Name == "" || r.EngineID != "careen" || len(r.Impacts) != 1 || !slices.Contains([]string{"HIGH", "MEDIUM", "LOW"}, r.Impacts[0].Severity) {
				t.Errorf("sonarqube: %+v", r)
			}
			rules[r.ID] = true
		}
		for _, i := range sonar.Issues {
			if !rules[i.RuleID] || i.PrimaryLocation.FilePath == "" || i.PrimaryLocation.TextRange.StartLine < 1 {
				t.Errorf("sonarqube: %+v", i)
			}
		}
		if len(sonar.Issues) != want {
			t.Errorf("sonarqube: %d of %d", len(sonar.Issues), want)
		}
	}
}

func TestCSV(t *testing.T) {
	rows, err := csv.NewReader(bytes.NewReader(encoded(t, func(w io.Writer) error { return WriteCSV(w, []*Report{shop(), hostile()}) }))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	// A row for each vulnerability, place of a secret and fault, below one head.
	if want := 1 + 2*(14+5+4); len(rows) != want {
		t.Errorf("%d rows, want %d", len(rows), want)
	}
	for _, row := range rows {
		for _, cell := range row {
			if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
				t.Errorf("a formula: %q", cell)
			}
		}
	}
	if got := rows[1][1]; got != "CVE-2021-44906" {
		t.Errorf("the highest risk is not first: %s", got)
	}
}

// TestMarkdown: the goldens are what people see; nothing of an image makes a
// link, a tag or a cell of its own.
func TestMarkdown(t *testing.T) {
	golden.File(t, filepath.Join("testdata", "report.md"), encoded(t, func(w io.Writer) error { return WriteMarkdown(w, []*Report{shop()}) }))
	golden.File(t, filepath.Join("testdata", "lint.md"), encoded(t, func(w io.Writer) error { return WriteLintMarkdown(w, lintOf(shop())) }))
	text := string(encoded(t, func(w io.Writer) error { return WriteMarkdown(w, []*Report{hostile(), empty()}) })) +
		string(encoded(t, func(w io.Writer) error { return WriteLintMarkdown(w, lintOf(hostile())) }))
	for _, bad := range []string{"<script>", "](javascript:", "[x](", "\x1b", "\x00"} {
		if strings.Contains(text, bad) {
			t.Errorf("%q went through", bad)
		}
	}
	bars := 0
	for line := range strings.SplitSeq(text, "\n") {
		n := strings.Count(strings.ReplaceAll(strings.ReplaceAll(line, `\\`, ""), `\|`, ""), "|")
		switch {
		case !strings.HasPrefix(line, "|"):
			bars = 0
		case bars == 0:
			bars = n
		case n != bars:
			t.Errorf("a row of %d cells below a head of %d: %s", n-1, bars-1, line)
		}
	}
	many := shop()
	for range 500 {
		many.Misconfigurations = append(many.Misconfigurations, many.Misconfigurations[0])
	}
	if text := string(encoded(t, func(w io.Writer) error { return WriteMarkdown(w, []*Report{many}) })); !strings.Contains(text, "302 more are not shown") || len(text) > 1<<20 {
		t.Errorf("%d bytes, and nothing says what is left out", len(text))
	}
}

func TestTemplate(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{`{{range .}}{{.target.ref | upper}}{{range .vulnerabilities}}{{if .kev}} {{.id}}{{end}}{{end}}{{end}}`, "REGISTRY.EXAMPLE.COM/SHOP-API:1.4 CVE-2021-44906"},
		{`{{len (where "severity" "CRITICAL" "HIGH" (index . 0).vulnerabilities)}}`, "10"},
		{`{{with index (index . 0).vulnerabilities 0}}{{join "," .aliases}} {{.risk}} {{default "none" .suppressed}} {{ge (rank .severity) 4}}{{end}}`, "GHSA-xvch-5gv4-984h 92.5 none true"},
		{`{{json (index . 0).gate}}`, `{"because":"1 critical (--fail-on critical)","tripped":true}`},
		{`{{xml "<a&b>"}} {{abbrev 4 "häfen"}} {{csv "=1\""}} {{markdown "a|b"}} {{add (index . 0).target.files 1}}`, `&lt;a&amp;b&gt; häf… "'=1""" a\|b 36242`},
		{`{{replace "a" "b" "aa"}}{{trim " x "}}{{index (split "," "p,q") 1}}{{contains "e" "hej"}}{{hasPrefix "h" "hej"}}{{lower "A"}}`, "bbxqtruetruea"},
	} {
		tmpl, err := ParseTemplate("t", test.text)
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		if got := string(encoded(t, func(w io.Writer) error { return tmpl.Write(w, []*Report{shop()}) })); got != test.want {
			t.Errorf("%s:\n%s, want\n%s", test.text, got, test.want)
		}
	}
	if _, err := ParseTemplate("t", "{{range"); err == nil {
		t.Error("a template that ends in the middle was read")
	}
	tmpl, err := ParseTemplate("t", `{{(index . 0).misconfigurations | len}} {{(index . 0).files}}`)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(encoded(t, func(w io.Writer) error { return tmpl.WriteLint(w, lintOf(shop())) })); got != "4 [Dockerfile]" {
		t.Errorf("lint: %s", got)
	}
}

// TestFormatsShowAndDoNotObey: no format passes a control on to a terminal.
func TestFormatsShowAndDoNotObey(t *testing.T) {
	reports := []*Report{hostile()}
	opt := BOMOptions{}
	for name, write := range map[string]func(io.Writer) error{
		"gitlab":         func(w io.Writer) error { return WriteGitLab(w, reports, opt) },
		"gitlab-secrets": func(w io.Writer) error { return WriteGitLabSecrets(w, reports, opt) },
		"junit":          func(w io.Writer) error { return WriteJUnit(w, reports) },
		"csv":            func(w io.Writer) error { return WriteCSV(w, reports) },
		"markdown":       func(w io.Writer) error { return WriteMarkdown(w, reports) },
		"trivy-json":     func(w io.Writer) error { return WriteTrivy(w, reports, opt) },
		"checkstyle":     func(w io.Writer) error { return WriteCheckstyle(w, lintOf(reports[0])) },
		"codeclimate":    func(w io.Writer) error { return WriteCodeClimate(w, lintOf(reports[0])) },
		"sonarqube":      func(w io.Writer) error { return WriteSonarQube(w, lintOf(reports[0])) },
		"lint junit":     func(w io.Writer) error { return WriteLintJUnit(w, lintOf(reports[0])) },
		"lint csv":       func(w io.Writer) error { return WriteLintCSV(w, lintOf(reports[0])) },
	} {
		text := string(encoded(t, write))
		if i := strings.IndexFunc(text, func(r rune) bool { return safetext.Misleading(r) || r < ' ' && r != '\n' }); i >= 0 {
			t.Errorf("%s: a control at %q", name, text[max(0, i-40):min(len(text), i+20)])
		}
		if again := string(encoded(t, write)); again != text {
			t.Errorf("%s: another text for the same report", name)
		}
	}
}
