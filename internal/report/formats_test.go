package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
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

// bareFault is a report with a fault and a vulnerability of which nothing is known.
func bareFault() *Report {
	return &Report{Misconfigurations: []finding.Misconfiguration{{}}, Vulnerabilities: []finding.Vulnerability{{}}, Secrets: []finding.Secret{{Places: []finding.SecretPlace{{}}}}}
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
	bare, long := bareFault(), shop()
	for i := range long.Vulnerabilities {
		v := &long.Vulnerabilities[i]
		v.Title, v.Fix.Version = strings.Repeat("*", 900_000), strings.Repeat("9", 9000)
		v.CVSS = append(v.CVSS, finding.CVSS{Source: "x", Vector: "CVSS:3.1/AV:Q/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}, finding.CVSS{Vector: "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"})
	}
	for kind, write := range map[string]func(io.Writer, []*Report, BOMOptions) error{"container-scanning": WriteGitLab, "secret-detection": WriteGitLabSecrets} {
		public := publicSpec(t, kind+"-report-format.json")
		for _, reports := range [][]*Report{{shop()}, {empty()}, {hostile()}, {shop(), hostile()}, {bare}, {long}, {}} {
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

// TestGitLabVectors: GitLab refuses a whole report for one vector that its schema
// does not list, so that such are left out.
func TestGitLabVectors(t *testing.T) {
	for vector, want := range map[string]bool{
		"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H": true, "CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/E:P/RL:O/RC:C": true,
		"AV:N/AC:L/Au:N/C:P/I:P/A:P": true, "AV:L/AC:M/Au:S/C:N/I:N/A:C/E:POC/RL:OF/RC:ND/CDP:LM/TD:H/CR:ND": true,
		"CVSS:3.1/AV:Q/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H": false, "CVSS:3.1/AV:N/AC:L/PR:N": false, "CVSS:3.2/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H": false,
		"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/": false, "CVSS:3.1/": false, "AV:N/AC:L": false, "AV:N/AC:L/Au:N/C:H/I:P/A:P": false, "": false,
		"CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N": false, strings.Repeat("AV:N/", 40) + "AC:L": false,
	} {
		if got := gitLabTakes(vector); got != want {
			t.Errorf("%q: %v", vector, got)
		}
	}
}

// junitRule is what a schema says of an element: what may be in it, whether in that
// order, and its attributes; a "*" is required.
type junitRule struct {
	inside, attributes string
	ordered            bool
	once               string // elements of which there is one
}

// junitSchemas are the facts of the two schemas that people check with: Windy Road's
// JUnit.xsd (github.com/windyroad/JUnit-Schema), and junit-10.xsd of Jenkins' xUnit
// plugin.
var junitSchemas = map[string]map[string]junitRule{
	"JUnit.xsd": {
		"testsuites": {inside: "testsuite"},
		"testsuite": {inside: "properties testcase system-out system-err", ordered: true, once: "properties system-out system-err",
			attributes: "package* id* name* timestamp* hostname* tests* failures* errors* skipped time*"},
		"properties": {inside: "property"},
		"property":   {attributes: "name* value*"},
		"testcase":   {inside: "skipped error failure", attributes: "name* classname* time*"}, // one of them
		"error":      {attributes: "type* message"},
		"failure":    {attributes: "type* message"},
		"skipped":    {attributes: "type message"}, // anything
		"system-out": {}, "system-err": {},
	},
	"junit-10.xsd": {
		"testsuites": {inside: "testsuite", attributes: "name time tests failures errors"},
		"testsuite": {inside: "testsuite properties testcase system-out system-err",
			attributes: "name* tests* failures* errors* group time skipped timestamp hostname id package file log url"},
		"properties": {inside: "property"},
		"property":   {attributes: "name* value*"},
		"testcase":   {inside: "skipped error failure rerunFailure rerunError flakyFailure flakyError system-out system-err", attributes: "name* time classname group"},
		"error":      {attributes: "type message"},
		"failure":    {attributes: "type message"},
		"skipped":    {attributes: "type message"},
		"system-out": {}, "system-err": {},
	},
}

// junitValues are the forms of values in either schema.
var junitValues = map[string]*regexp.Regexp{
	"tests": regexp.MustCompile(`^\d+$`), "failures": regexp.MustCompile(`^\d+$`), "errors": regexp.MustCompile(`^\d+$`), "skipped": regexp.MustCompile(`^\d+$`),
	"id": regexp.MustCompile(`^\d+$`), "time": regexp.MustCompile(`^\d{1,3}(\.\d+)?$`), "timestamp": regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$`),
	"hostname": regexp.MustCompile(`.`), "package": regexp.MustCompile(`.`), "classname": regexp.MustCompile(`.`),
}

// junitFaults compares a document with a schema.
func junitFaults(doc []byte, schema map[string]junitRule) (faults []string) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	type element struct {
		name string
		last int
		seen map[string]int
	}
	dec := xml.NewDecoder(bytes.NewReader(doc))
	var open []element
	for {
		token, err := dec.Token()
		if err == io.EOF {
			return faults
		}
		if err != nil {
			return append(faults, err.Error())
		}
		switch token := token.(type) {
		case xml.StartElement:
			name := token.Name.Local
			rule, known := schema[name]
			if !known || len(open) == 0 && name != "testsuites" {
				fault("<%s>", name)
			}
			if len(open) > 0 {
				parent := &open[len(open)-1]
				of := schema[parent.name]
				at := slices.Index(strings.Fields(of.inside), name)
				if at < 0 || of.ordered && at < parent.last {
					fault("<%s> is not where the schema has it, in <%s>", name, parent.name)
				}
				parent.last = at
				parent.seen[name]++
				if parent.name == "testcase" && len(parent.seen) > 1 {
					fault("a test with several ends")
				}
			}
			given := map[string]string{}
			for _, a := range token.Attr {
				given[a.Name.Local] = a.Value
				if !slices.ContainsFunc(strings.Fields(rule.attributes), func(known string) bool { return strings.TrimSuffix(known, "*") == a.Name.Local }) {
					fault("<%s %s>", name, a.Name.Local)
				}
				if form := junitValues[a.Name.Local]; form != nil && !form.MatchString(a.Value) {
					fault("<%s %s=%q>", name, a.Name.Local, a.Value)
				}
			}
			for _, a := range strings.Fields(rule.attributes) {
				if required, is := strings.CutSuffix(a, "*"); is {
					if value, ok := given[required]; !ok || required == "name" && strings.TrimSpace(value) == "" {
						fault("<%s> without %s", name, required)
					}
				}
			}
			open = append(open, element{name: name, seen: map[string]int{}})
		case xml.EndElement:
			ended := open[len(open)-1]
			for _, one := range strings.Fields(schema[ended.name].once) {
				if ended.seen[one] != 1 {
					fault("%d <%s> in <%s>", ended.seen[one], one, ended.name)
				}
			}
			open = open[:len(open)-1]
		}
	}
}

// checkJUnit compares a document with the schemas, and its sums with its cases.
func checkJUnit(t *testing.T, doc []byte) (tests, failures, errors int) {
	t.Helper()
	for name, schema := range junitSchemas {
		if faults := junitFaults(doc, schema); faults != nil {
			t.Fatalf("%s: %q in\n%s", name, faults, doc)
		}
	}
	var suites junitSuites
	if err := xml.Unmarshal(doc, &suites); err != nil {
		t.Fatal(err)
	}
	for i, s := range suites.Suites {
		failed := 0
		for _, c := range s.Cases {
			if c.Failure != nil {
				failed++
			}
		}
		if s.Tests != len(s.Cases) || s.Failures != failed || s.ID != i {
			t.Errorf("suite %d %q: %d of %d tests, %d of %d failures", s.ID, s.Name, s.Tests, len(s.Cases), s.Failures, failed)
		}
		tests, failures, errors = tests+s.Tests, failures+failed, errors+s.Errors
	}
	return tests, failures, errors
}

// TestJUnitFaultsAreSeen: the checker of this file is none that passes everything.
func TestJUnitFaultsAreSeen(t *testing.T) {
	for _, doc := range []string{
		`<testsuite/>`, `<testsuites><testcase/></testsuites>`, `<testsuites name="x"/>`, `<testsuites><testsuite name="x" tests="1" failures="0"/></testsuites>`,
		`<testsuites><testsuite package="p" id="0" name="x" timestamp="2026-01-01T00:00:00Z" hostname="h" tests="0" failures="0" errors="0" time="0"><properties/><system-out/><system-err/></testsuite></testsuites>`,
		`<testsuites><testsuite package="p" id="0" name="x" timestamp="2026-01-01T00:00:00" hostname="h" tests="0" failures="0" errors="0" time="0"><properties/><system-err/><system-out/></testsuite></testsuites>`,
	} {
		if junitFaults([]byte(doc), junitSchemas["JUnit.xsd"]) == nil {
			t.Errorf("no fault in %s", doc)
		}
	}
}

func TestJUnit(t *testing.T) {
	for _, reports := range [][]*Report{{shop()}, {empty()}, {hostile()}, {shop(), hostile()}, {{}}, {}} {
		for _, opt := range []BOMOptions{{}, {Timestamp: day("2026-08-21")}} {
			checkJUnit(t, encoded(t, func(w io.Writer) error { return WriteJUnit(w, reports, opt) }))
		}
	}
	for _, l := range []*Lint{lintOf(hostile()), lintOf(bareFault()), {}} {
		checkJUnit(t, encoded(t, func(w io.Writer) error { return WriteLintJUnit(w, l, BOMOptions{}) }))
	}
	// 14 vulnerabilities (2 skipped), 4 secrets (1), 4 faults (1), 2 files unread.
	tests, failures, errors := checkJUnit(t, encoded(t, func(w io.Writer) error { return WriteJUnit(w, []*Report{shop()}, BOMOptions{}) }))
	if tests != 24 || failures != 18 || errors != 2 {
		t.Errorf("%d tests, %d failures, %d errors", tests, failures, errors)
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
	for _, l := range []*Lint{lintOf(shop()), lintOf(hostile()), lintOf(bareFault()), {}} {
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
				Lines struct{ Begin, End int }
			}
		}
		if err := json.Unmarshal(encoded(t, func(w io.Writer) error { return WriteCodeClimate(w, l) }), &climate); err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, c := range climate {
			if c.Type != "issue" || c.Check == "" || c.Description == "" || seen[c.Fingerprint] || len(c.Fingerprint) != 32 || c.Location.Path == "" ||
				strings.HasPrefix(c.Location.Path, "./") || c.Location.Lines.Begin < 1 || c.Location.Lines.End < c.Location.Lines.Begin ||
				strings.Contains(c.Description, "\n") || !slices.Equal(c.Categories, []string{"Security"}) || !slices.Contains([]string{"info", "minor", "major", "critical", "blocker"}, c.Severity) {
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
			if r.ID == "" || rules[r.ID] || r.Name == "" || r.EngineID != "careen" || len(r.Impacts) != 1 || !slices.Contains([]string{"HIGH", "MEDIUM", "LOW"}, r.Impacts[0].Severity) {
				t.Errorf("sonarqube: %+v", r)
			}
			rules[r.ID] = true
		}
		for _, i := range sonar.Issues {
			if !rules[i.RuleID] || i.PrimaryLocation.FilePath == "" || i.PrimaryLocation.Message == "" || i.PrimaryLocation.TextRange.StartLine < 1 {
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
		"junit":          func(w io.Writer) error { return WriteJUnit(w, reports, BOMOptions{}) },
		"csv":            func(w io.Writer) error { return WriteCSV(w, reports) },
		"markdown":       func(w io.Writer) error { return WriteMarkdown(w, reports) },
		"trivy-json":     func(w io.Writer) error { return WriteTrivy(w, reports, opt) },
		"checkstyle":     func(w io.Writer) error { return WriteCheckstyle(w, lintOf(reports[0])) },
		"codeclimate":    func(w io.Writer) error { return WriteCodeClimate(w, lintOf(reports[0])) },
		"sonarqube":      func(w io.Writer) error { return WriteSonarQube(w, lintOf(reports[0])) },
		"lint junit":     func(w io.Writer) error { return WriteLintJUnit(w, lintOf(reports[0]), BOMOptions{}) },
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
