package report

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/lazy"
	"github.com/careen/careen/internal/safetext"
)

// gitLabSchema is the version of GitLab's schemas for security reports that is
// followed (gitlab.com/gitlab-org/security-products/security-report-schemas).
const gitLabSchema = "15.0.7"

// Bounds of those schemas.
const (
	maxGitLabName     = 255
	maxGitLabSolution = 7000
	maxGitLabCVSS     = 10

	maxGitLabDescription = 1 << 20
)

// The parts of GitLab's reports that Careen writes, named as the schemas name them.
type (
	gitLabReport struct {
		Version         string          `json:"version"`
		Schema          string          `json:"schema"`
		Scan            gitLabScan      `json:"scan"`
		Vulnerabilities []gitLabFinding `json:"vulnerabilities"`
	}
	gitLabScan struct {
		Analyzer gitLabTool      `json:"analyzer"`
		Scanner  gitLabTool      `json:"scanner"`
		Type     string          `json:"type"`
		Start    string          `json:"start_time"`
		End      string          `json:"end_time"`
		Status   string          `json:"status"`
		Messages []gitLabMessage `json:"messages,omitempty"`
	}
	gitLabTool struct {
		ID      string       `json:"id"`
		Name    string       `json:"name"`
		URL     string       `json:"url"`
		Version string       `json:"version"`
		Vendor  gitLabVendor `json:"vendor"`
	}
	gitLabVendor struct {
		Name string `json:"name"`
	}
	gitLabMessage struct {
		Level string `json:"level"`
		Value string `json:"value"`
	}
	gitLabFinding struct {
		ID          string             `json:"id"`
		Name        string             `json:"name"`
		Description string             `json:"description"`
		Severity    string             `json:"severity"`
		Solution    string             `json:"solution,omitempty"`
		Identifiers []gitLabIdentifier `json:"identifiers"`
		CVSS        []gitLabCVSS       `json:"cvss_vectors,omitempty"`
		Links       []gitLabLink       `json:"links,omitempty"`
		Flags       []gitLabFlag       `json:"flags,omitempty"`
		Location    any                `json:"location"`
	}
	gitLabIdentifier struct {
		Type  string `json:"type"`
		Name  string `json:"name"`
		Value string `json:"value"`
		URL   string `json:"url,omitempty"`
	}
	gitLabCVSS struct {
		Vendor string `json:"vendor"`
		Vector string `json:"vector"`
	}
	gitLabLink struct {
		URL string `json:"url"`
	}
	gitLabFlag struct {
		Type        string `json:"type"`
		Origin      string `json:"origin"`
		Description string `json:"description"`
	}
	gitLabInImage struct {
		Dependency gitLabDependency `json:"dependency"`
		OS         string           `json:"operating_system"`
		Image      string           `json:"image"`
	}
	gitLabDependency struct {
		Package gitLabVendor `json:"package"` // a name alone too
		Version string       `json:"version"`
	}
	gitLabInFile struct {
		File   string       `json:"file"`
		Start  int          `json:"start_line"`
		Commit gitLabCommit `json:"commit"`
	}
	gitLabCommit struct {
		SHA string `json:"sha"`
	}
)

// WriteGitLab writes the vulnerabilities as GitLab's container scanning report,
// of every platform together. What is suppressed is left out, for GitLab dismisses
// in its own pages; code that is not linked in is there, flagged.
func WriteGitLab(w io.Writer, reports []*Report, opt BOMOptions) error {
	doc := gitLabDocument("container_scanning", reports, opt)
	seen := map[string]bool{}
	for _, r := range reports {
		packages := packageIndex(r.Packages)
		for _, v := range byRisk(r.Vulnerabilities) {
			if suppressed(v) {
				continue
			}
			f := gitLabVulnerability(v, r, packages)
			if !seen[f.ID] { // the same in several platforms
				seen[f.ID] = true
				doc.Vulnerabilities = append(doc.Vulnerabilities, f)
			}
		}
	}
	return safetext.WriteJSON(w, doc)
}

// WriteGitLabSecrets writes the secrets as GitLab's secret detection report.
func WriteGitLabSecrets(w io.Writer, reports []*Report, opt BOMOptions) error {
	doc := gitLabDocument("secret_detection", reports, opt)
	seen := map[string]bool{}
	for _, r := range reports {
		for i := range r.Secrets {
			s := &r.Secrets[i]
			for j := range s.Places {
				f := gitLabSecret(s, &s.Places[j], r)
				if s.Suppressed == nil && !seen[f.ID] {
					seen[f.ID] = true
					doc.Vulnerabilities = append(doc.Vulnerabilities, f)
				}
			}
		}
	}
	return safetext.WriteJSON(w, doc)
}

func gitLabDocument(kind string, reports []*Report, opt BOMOptions) gitLabReport {
	version := "unknown"
	if len(reports) > 0 {
		version = cmp.Or(clean(reports[0].Careen), version)
	}
	tool := gitLabTool{"careen", "Careen", homePage, version, gitLabVendor{"Careen"}}
	at := plainTime(opt.Timestamp)
	scan := gitLabScan{Analyzer: tool, Scanner: tool, Type: kind, Start: at, End: at, Status: "success"}
	for _, r := range reports {
		if text := coverageText(r); text != "" && kind == "container_scanning" {
			scan.Messages = append(scan.Messages, gitLabMessage{"info", text})
		}
		for _, w := range r.Warnings {
			level := "info"
			if w.Incomplete || w.Blind {
				level = "warn"
			}
			scan.Messages = append(scan.Messages, gitLabMessage{level, cmp.Or(clean(w.Text()), w.Kind, "a warning")})
		}
	}
	return gitLabReport{
		Version:         gitLabSchema,
		Schema:          "https://gitlab.com/gitlab-org/security-products/security-report-schemas/-/raw/v" + gitLabSchema + "/dist/" + strings.ReplaceAll(kind, "_", "-") + "-report-format.json",
		Scan:            scan,
		Vulnerabilities: []gitLabFinding{},
	}
}

// plainTime is a time of UTC without its zone, as GitLab's and JUnit's schemas want
// it; where none is known, the beginning of 1970.
func plainTime(t time.Time) string {
	if t.IsZero() {
		t = time.Unix(0, 0)
	}
	return t.UTC().Format("2006-01-02T15:04:05")
}

var gitLabSeverities = map[finding.Severity]string{finding.Critical: "Critical", finding.High: "High", finding.Medium: "Medium", finding.Low: "Low",
	finding.Negligible: "Info", finding.Unknown: "Unknown"}

func gitLabVulnerability(v *finding.Vulnerability, r *Report, packages index) gitLabFinding {
	p := packages.of(v)
	os := "unknown"
	if r.Target.OS != nil {
		os = cmp.Or(strings.TrimSpace(clean(r.Target.OS.ID+" "+r.Target.OS.Version)), os)
	}
	f := gitLabFinding{
		ID: uuid("vulnerability", v.Fingerprint, v.ID, v.Package, strings.Join(paths(v.Locations), " ")), Name: gitLabName(v.ID + " in " + p.Name),
		Severity: gitLabSeverities[v.Severity],
		Location: gitLabInImage{gitLabDependency{gitLabVendor{cmp.Or(clean(p.Name), "unknown")}, clean(p.Version)}, os,
			cmp.Or(clean(r.Target.Ref), "image")},
	}
	f.Description = markdownText(resultMessage(v, p.Name, p.Version, typeWord(p.Type), p.UpgradeTo)) + "\n"
	for _, fact := range vulnerabilityFacts(v) {
		f.Description += "\n- " + markdownText(fact)
	}
	f.Description = atMost(f.Description, maxGitLabDescription)
	if v.Fix.State == finding.Fixed {
		f.Solution = shorten(fmt.Sprintf("Upgrade %s from %s to %s", p.Name, p.Version, cmp.Or(p.UpgradeTo, v.Fix.Version)), maxGitLabSolution)
	}
	for _, id := range append([]string{v.ID}, v.Aliases...) {
		if clean(id) != "" {
			f.Identifiers = append(f.Identifiers, gitLabID(id))
		}
	}
	if f.Identifiers == nil {
		f.Identifiers = []gitLabIdentifier{{Type: "careen", Name: "unnamed", Value: "unnamed"}}
	}
	for _, c := range v.CVSS {
		if len(f.CVSS) < maxGitLabCVSS && gitLabTakes(c.Vector) {
			f.CVSS = append(f.CVSS, gitLabCVSS{cmp.Or(clean(c.Source), "unknown"), c.Vector})
		}
	}
	if uri := helpURI(v); uri != "" {
		f.Links = []gitLabLink{{uri}}
	}
	if notLinked(v) {
		f.Flags = []gitLabFlag{{"flagged-as-likely-false-positive", "careen", "None of the vulnerable functions that the advisory lists is linked into the binary."}}
	}
	return f
}

func gitLabSecret(s *finding.Secret, p *finding.SecretPlace, r *Report) gitLabFinding {
	// What is not a file has no place in a repository: its name represents one.
	at := gitLabInFile{File: cmp.Or(p.Path, strings.TrimSpace(p.Kind+" "+p.Name)), Start: max(p.InFile, 1)}
	if p.Line != nil {
		at.File, at.Start = p.Line.File, p.Line.Line
	}
	at.File = clean(at.File)
	at.Commit.SHA = strings.Repeat("0", 40) // it was found in no commit
	text := fmt.Sprintf("%s %s in %s.", s.Title, s.Redacted, r.Target.Ref)
	if len(r.Target.Layers) > 0 {
		text += " " + SecretPlace(*p) + "."
	}
	return gitLabFinding{
		ID: uuid("secret", s.Fingerprint, s.Rule, placeWord(p), fmt.Sprint(p.Layer)), Name: gitLabName(cmp.Or(s.Title, s.Rule, "secret")),
		Description: atMost(markdownText(text), maxGitLabDescription),
		Severity:    gitLabSeverities[s.Severity],
		Solution:    secretAdvice,
		Identifiers: []gitLabIdentifier{{Type: "careen_rule_id", Name: "Careen rule " + clean(s.Rule), Value: cmp.Or(clean(s.Rule), "unnamed"), URL: secretsPage}},
		Links:       []gitLabLink{{secretsPage}},
		Location:    at,
	}
}

// gitLabID names an identifier by the database that gives it: "cve", "ghsa".
func gitLabID(id string) gitLabIdentifier {
	kind, _, _ := strings.Cut(strings.ToLower(clean(id)), "-")
	return gitLabIdentifier{Type: cmp.Or(kind, "careen"), Name: clean(id), Value: clean(id), URL: pageOf(id)}
}

// The metrics of CVSS 2 and 3 with the values that the schema lists for each.
var (
	cvss2Metrics = lazy.Regexp(`^(?:AV:[NAL]|AC:[LMH]|Au:[MSN]|[CIA]:[NPC]|E:(?:U|POC|F|H|ND)|RL:(?:OF|TF|W|U|ND)|RC:(?:UC|UR|C|ND)|CDP:(?:N|L|LM|MH|H|ND)|TD:(?:N|L|M|H|ND)|[CIA]R:(?:L|M|H|ND))$`)
	cvss3Metrics = lazy.Regexp(`^(?:AV:[NALP]|AC:[LH]|PR:[NLH]|UI:[NR]|S:[UC]|[CIA]:[NLH]|E:[XUPFH]|RL:[XOTWU]|RC:[XURC]|[CIA]R:[XLMH]|MAV:[XNALP]|MAC:[XLH]|MPR:[XNLH]|MUI:[XNR]|MS:[XUC]|M[CIA]:[XNLH])$`)
)

// gitLabTakes reports whether a vector is of a version that the schema knows.
func gitLabTakes(vector string) bool {
	metrics, least := cvss2Metrics(), 16
	for _, prefix := range [...]string{"CVSS:3.0/", "CVSS:3.1/"} {
		if strings.HasPrefix(vector, prefix) {
			metrics, least = cvss3Metrics(), 32
			vector = strings.TrimPrefix(vector, prefix)
			least -= len(prefix)
			break
		}
	}
	for metric := range strings.SplitSeq(vector, "/") {
		if !metrics.MatchString(metric) {
			return false
		}
	}
	return len(vector) >= least && len(vector) <= 128-len("CVSS:3.1/")
}

func gitLabName(s string) string { return shorten(s, maxGitLabName) }

// shorten is a clean text of at most n runes.
func shorten(s string, n int) string { return atMost(clean(s), n) }

// atMost is a text cut to at most n runes.
func atMost(s string, n int) string {
	if len(s) <= n {
		return s
	}
	if runes := []rune(s); len(runes) > n {
		return string(runes[:n-1]) + "…"
	}
	return s
}

// uuid is made from what it represents, so that it stays the same.
func uuid(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return strings.TrimPrefix(serialNumber(sum[:]), "urn:uuid:")
}
