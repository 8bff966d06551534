// Package lint finds faults in the files that build and run images: Dockerfiles,
// compose files, Kubernetes manifests, docker run lines, and the workflows of
// GitHub, GitLab and CircleCI. One table lists the rules (table.go); each rule is
// a function in the file of its topic, with an example of what it finds and of
// what it does not. It opens no file: bytes in, findings and edits out.
//
// What a rule looks for is written down in docs/rules, with the ids that
// Hadolint, Trivy, Dockle, BuildKit and the CIS Docker Benchmark 1.6 give it.
package lint

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/careen/careen/internal/dockerfile"
	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/project"
	secretrules "github.com/careen/careen/internal/secret"
	"github.com/careen/careen/internal/workload"
)

// ErrUnknown is returned by Check for a file of a kind that has no rules.
var ErrUnknown = project.ErrUnknown

// Rule is one row of the table.
type Rule struct {
	ID       string // "CD101": CD Dockerfiles, CS services, CW workflows
	Title    string // what the rule asks for
	Severity finding.Severity
	Fix      string   // what to do, in a word
	In       words    // the same in the words of one kind of file, where those differ
	Why      string   // for the documentation
	Same     []string // ids of the same rule elsewhere: "DL3002", "DS-0002", "CIS 4.1"
	Bad      string   // a file that breaks it
	Good     string   // the same file, fixed
	File     string   // name of both; "" is Dockerfile
	Fixable  bool     // some of its findings have edits
	Optional bool     // looks only when --only or Hadolint's configuration asks

	docker   func(*dockerCheck)
	service  func(*serviceCheck)
	workflow func(*workflowCheck)
}

// words say what to do as each kind of file writes it; "" leaves it to Rule.Fix.
type words struct{ compose, kubernetes, run string }

// fix is what to do in a file of a kind.
func (r *Rule) fix(kind workload.Kind) string {
	switch kind {
	case workload.Compose:
		return cmp.Or(r.In.compose, r.Fix)
	case workload.Kubernetes:
		return cmp.Or(r.In.kubernetes, r.Fix)
	case workload.Script, workload.Makefile:
		return cmp.Or(r.In.run, r.Fix)
	}
	return r.Fix
}

// Options is what a user decides about the rules. The zero value runs all of
// them but the optional ones.
type Options struct {
	Only     []string  // run these only; ids of ours or of others
	Ignore   []string  // never run these
	Hadolint *Hadolint // .hadolint.yaml, nil without one
	// DockerIgnore is the .dockerignore of the context that a Dockerfile is built
	// in; nil without one.
	DockerIgnore []byte
	Now          time.Time // the day that ends of life are compared with; zero is today
}

// today is Now as the table of ends of life writes days.
func (o Options) today() string {
	now := o.Now
	if now.IsZero() {
		now = time.Now()
	}
	return now.UTC().Format(time.DateOnly)
}

// Finding is one fault at one line.
type Finding struct {
	finding.Misconfiguration
	Text  string // the offending line, secrets redacted
	Edits []Edit // that fix it; empty when a person has to

	rule *Rule
}

// Edit replaces source[Start:End]. Edits never touch more than they must, so
// that comments and layout stay.
type Edit struct {
	Start, End int
	New        string
}

// Result is what Check says about one file.
type Result struct {
	Path     string
	Kind     string    // "dockerfile", or a workload.Kind
	Findings []Finding // by line

	hide    *strings.Replacer // blots out secrets that are long enough to be nothing else
	short   []secret          // the others
	gated   bool              // a workflow with a scan that gates
	check   *check            // that made it, for Add
	pragmas []pragma
}

// Check runs the rules over one file. The error is ErrUnknown for a file that is
// none of ours, and project's for a template.
func Check(name string, data []byte, opt Options) (*Result, error) {
	f, err := project.Read(name, data, true)
	if err != nil {
		return nil, err
	}
	return CheckFile(f, opt), nil
}

// CheckFile runs the rules over one file that was read. What could not be read
// of it is a finding with a line.
func CheckFile(f *project.File, opt Options) *Result {
	if f.Workload == nil {
		return CheckDockerfile(f.Path, f.Data, opt)
	}
	return checkWorkload(f.Workload, f.Data, opt)
}

// CheckDockerfile runs the rules over a Dockerfile of any name.
func CheckDockerfile(name string, data []byte, opt Options) *Result {
	file := dockerfile.Parse(name, data)
	return lookAt(file, opt).result("dockerfile", dockerPragmas(file, opt))
}

// lookAt runs the rules on Dockerfiles.
func lookAt(file *dockerfile.File, opt Options) *dockerCheck {
	c := newDockerCheck(file, opt)
	for i := range rules {
		if rules[i].docker != nil && (opt.runs(&rules[i]) || opt.asked(&rules[i], file)) {
			c.rule = &rules[i]
			rules[i].docker(c)
		}
	}
	return c
}

func checkWorkload(file *workload.File, data []byte, opt Options) *Result {
	base := check{path: file.Path, kind: file.Kind, source: data, options: opt, lines: lineStarts(data)}
	if !file.Kind.Workflow() {
		c := &serviceCheck{check: base, file: file}
		for i := range rules {
			if rules[i].service != nil && opt.runs(&rules[i]) {
				c.rule = &rules[i]
				rules[i].service(c)
			}
		}
		c.perPod()
		pragmas := linePragmas(data)
		for i := range file.Builds {
			pragmas = append(pragmas, c.inline(&file.Builds[i])...)
		}
		return c.result(string(file.Kind), pragmas)
	}
	c := newWorkflowCheck(base, file)
	for i := range rules {
		if rules[i].workflow != nil && opt.runs(&rules[i]) {
			c.rule = &rules[i]
			rules[i].workflow(c)
		}
	}
	r := c.result(string(file.Kind), linePragmas(data))
	r.gated = c.gated()
	return r
}

// runs reports whether a user wants a rule.
func (o Options) runs(r *Rule) bool {
	for _, id := range o.Ignore {
		if r.named(id) {
			return false
		}
	}
	if len(o.Only) > 0 {
		return slices.ContainsFunc(o.Only, r.named)
	}
	if o.Hadolint != nil && slices.ContainsFunc(o.Hadolint.Ignored, r.named) {
		return false
	}
	return !r.Optional
}

// asked reports whether a file itself asks for an optional rule, and the user does not
// say otherwise.
func (o Options) asked(r *Rule, file *dockerfile.File) bool {
	return r.Optional && len(o.Only) == 0 && !slices.ContainsFunc(o.Ignore, r.named) && experimental(file, r)
}

// Lookup returns the rule of an id, ours or another tool's.
func Lookup(id string) (Rule, bool) {
	for i := range rules {
		if rules[i].named(id) {
			return rules[i], true
		}
	}
	return Rule{}, false
}

// named reports whether an id means the rule. Trivy has written its ids as
// DS002, DS-0002 and AVD-DS-0002 over time.
func (r *Rule) named(id string) bool {
	id = strings.ToUpper(strings.TrimSpace(id))
	if strings.EqualFold(id, r.ID) {
		return true
	}
	id = strings.TrimPrefix(id, "AVD-")
	if len(id) == 5 && strings.HasPrefix(id, "DS") || len(id) == 6 && strings.HasPrefix(id, "KSV") {
		id = id[:len(id)-3] + "-0" + id[len(id)-3:]
	}
	for _, same := range r.Same {
		if strings.EqualFold(same, id) {
			return true
		}
	}
	return false
}

// check is one file while the rules look at it.
type check struct {
	path     string
	kind     workload.Kind // "" for a Dockerfile
	source   []byte
	lines    []int
	options  Options
	rule     *Rule
	findings []Finding
	secrets  []secret
	ofLine   map[int][]secret   // the secrets, once all are known
	hits     *[]secretrules.Hit // of tokenHits, once it was asked
}

// secret is a value that no output may hold. A short one may be an ordinary
// word elsewhere ("root"), so that it is redacted on its own line only.
type secret struct {
	value string
	line  int
}

const shortSecret = 8

// everywhere reports whether a secret is redacted in the whole file: not one
// that may be an ordinary word of it, such as "postgres".
func (s secret) everywhere() bool {
	word := len(s.value) < 2*shortSecret && strings.Trim(s.value, "abcdefghijklmnopqrstuvwxyz") == ""
	return len(s.value) >= shortSecret && !word
}

// report notes a fault of the rule that runs now. The edits fix it, if there
// are any.
func (c *check) report(line int, edits []Edit, format string, args ...any) {
	c.reportAs(c.rule.Severity, line, edits, format, args...)
}

// reportAs is report of a severity of its own, which Hadolint's configuration
// still overrides.
func (c *check) reportAs(severity finding.Severity, line int, edits []Edit, format string, args ...any) {
	line = max(1, min(line, len(c.lines)))
	m := finding.Misconfiguration{
		Rule: c.rule.ID, Title: c.rule.Title, Severity: severity, Fix: c.rule.fix(c.kind),
		Message: fmt.Sprintf(format, args...), Line: &finding.Line{File: c.path, Line: line},
	}
	if c.options.Hadolint != nil {
		m.Severity = c.options.Hadolint.severity(c.rule, severity)
	}
	c.findings = append(c.findings, Finding{Misconfiguration: m, Edits: edits, rule: c.rule})
}

// advise says of the last finding what to do about this very place.
func (c *check) advise(format string, args ...any) {
	c.findings[len(c.findings)-1].Fix = fmt.Sprintf(format, args...)
}

// conceal remembers a secret.
func (c *check) conceal(value string, line int) {
	if value != "" {
		c.secrets = append(c.secrets, secret{value, line})
	}
}

// replacer blots out secrets; nil when there are none. The longest come first:
// one may be part of another.
func replacer(secrets []secret) *strings.Replacer {
	if len(secrets) == 0 {
		return nil
	}
	slices.SortFunc(secrets, func(a, b secret) int { return len(b.value) - len(a.value) })
	var pairs []string
	for _, s := range secrets {
		pairs = append(pairs, s.value, "****")
	}
	return strings.NewReplacer(pairs...)
}

// sortSecrets tells the secrets that are redacted of the whole file from those
// of one line.
func (c *check) sortSecrets() (everywhere []secret) {
	c.ofLine = map[int][]secret{}
	for _, s := range c.secrets {
		c.ofLine[s.line] = append(c.ofLine[s.line], s)
		if s.everywhere() {
			everywhere = append(everywhere, s)
		}
	}
	return everywhere
}

// maxLineText is how many bytes of an offending line are shown.
const maxLineText = 300

func (c *check) lineText(line int) string {
	if line < 1 || line > len(c.lines) {
		return ""
	}
	end := len(c.source)
	if line < len(c.lines) {
		end = c.lines[line]
	}
	return strings.TrimSpace(strings.ToValidUTF8(string(c.source[c.lines[line-1]:end]), "\ufffd"))
}

// lineStarts returns where each line begins.
func lineStarts(data []byte) []int {
	starts := []int{0}
	for i, b := range data {
		if b == '\n' && i+1 < len(data) {
			starts = append(starts, i+1)
		}
	}
	return starts
}

// result sorts the findings, suppresses those that a pragma names, redacts
// secrets and gives each its fingerprint.
func (c *check) result(kind string, pragmas []pragma) *Result {
	r := &Result{Path: c.path, Kind: kind, hide: replacer(c.sortSecrets()), short: c.secrets, check: c, pragmas: pragmas}
	r.settle(c.findings)
	seen := map[string]int{}
	for i := range r.Findings {
		f := &r.Findings[i]
		key := f.Rule + "\x00" + strings.ReplaceAll(c.path, "\\", "/") + "\x00" + f.Text + "\x00" + f.Message
		seen[key]++
		sum := sha256.Sum256(fmt.Appendf(nil, "lint/1\x00%s\x00%d", key, seen[key]))
		f.Fingerprint = hex.EncodeToString(sum[:16])
	}
	return r
}

// settle makes these the findings.
func (r *Result) settle(findings []Finding) {
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Line.Line, b.Line.Line), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Message, b.Message))
	})
	r.Findings = slices.CompactFunc(findings, func(a, b Finding) bool {
		return a.Line.Line == b.Line.Line && a.Rule == b.Rule && a.Message == b.Message
	})
	textOf, text := 0, ""
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Line.Line != textOf {
			textOf = f.Line.Line
			text = r.check.shownLine(r, textOf)
		}
		f.Text, f.Message = text, r.Redact(f.Message)
		for _, p := range r.pragmas {
			if p.covers(f.Line.Line) && slices.ContainsFunc(p.ids, f.rule.named) {
				f.Suppressed = &finding.Suppressed{By: p.by, Why: p.why}
				f.Edits = nil
			}
		}
	}
}

// Extern is a fault that something else than the file shows, such as the image
// that was built from it, and the line that brought it.
type Extern struct {
	finding.Misconfiguration
	Same []string // ids of the same rule elsewhere
}

// Add puts faults from elsewhere among those of the file, where the comments of
// the file and the options suppress them like any other. What the file itself
// showed at the same line, by a rule that has an id in common, is not said twice.
func (r *Result) Add(list []Extern) {
	findings := r.Findings
	for _, e := range list {
		rule := &Rule{ID: e.Rule, Title: e.Title, Severity: e.Severity, Same: e.Same}
		known := func(f Finding) bool {
			return f.Line.Line == e.Line.Line && (rule.named(f.Rule) || slices.ContainsFunc(f.rule.Same, rule.named))
		}
		if r.check.options.runs(rule) && !slices.ContainsFunc(r.Findings, known) {
			findings = append(findings, Finding{Misconfiguration: e.Misconfiguration, rule: rule})
		}
	}
	r.settle(findings)
}

// shownLine is a line as it may be printed.
func (c *check) shownLine(r *Result, line int) string {
	text := r.Redact(c.lineText(line))
	if own := replacer(c.ofLine[line]); own != nil {
		text = own.Replace(text)
	}
	if len(text) > maxLineText {
		text = strings.ToValidUTF8(text[:maxLineText], "") + "…"
	}
	return text
}

// Redact replaces the secrets of the file in a text.
func (r *Result) Redact(text string) string {
	if r.hide == nil {
		return text
	}
	return r.hide.Replace(text)
}

// redactAll redacts short secrets as well, wherever a line of the file that
// assigns anything holds one.
func (r *Result) redactAll(line string) string {
	line = r.Redact(line)
	for _, s := range r.short {
		if !s.everywhere() && strings.ContainsAny(line, "=:") {
			line = strings.ReplaceAll(line, s.value, "****")
		}
	}
	return line
}

// SettleWorkflows takes back that a workflow builds an image without a scan when
// another of the files scans and gates: a repository often has one for each.
func SettleWorkflows(results []*Result) {
	if !slices.ContainsFunc(results, func(r *Result) bool { return r.gated }) {
		return
	}
	for _, r := range results {
		r.Findings = slices.DeleteFunc(r.Findings, func(f Finding) bool { return f.Rule == ruleUnscanned })
	}
}
