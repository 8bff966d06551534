package report

import (
	"cmp"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/lazy"
	"github.com/careen/careen/internal/safetext"
)

// WriteSARIF writes SARIF 2.1.0 (OASIS, errata 01), one run a report. What it
// puts where follows what GitHub code scanning reads
// (docs.github.com, "SARIF support for code scanning").
func WriteSARIF(w io.Writer, reports []*Report) error {
	runs := []sarifRun{}
	for _, r := range reports {
		runs = append(runs, *sarifRunOf(r))
	}
	return writeSARIFRuns(w, runs)
}

func writeSARIFRuns(w io.Writer, runs []sarifRun) error {
	return safetext.WriteJSON(w, sarifLogOf(cutSARIF(runs, maxSARIFResults, maxSARIFBytes)))
}

func sarifLogOf(runs []sarifRun) sarifLog {
	return sarifLog{
		Schema:  "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
		Version: "2.1.0",
		Runs:    runs,
	}
}

// The parts of SARIF that Careen writes, named as the standard names them.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool              sarifTool         `json:"tool"`
		AutomationDetails sarifID           `json:"automationDetails"`
		Invocations       []sarifInvocation `json:"invocations"`
		ColumnKind        string            `json:"columnKind"`
		Results           []sarifResult     `json:"results"`
		Properties        map[string]any    `json:"properties,omitempty"`

		rules map[string]int // index of each rule in the driver's list, by its id
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name            string      `json:"name"`
		InformationURI  string      `json:"informationUri"`
		Version         string      `json:"version,omitempty"`
		SemanticVersion string      `json:"semanticVersion,omitempty"`
		Rules           []sarifRule `json:"rules"`
	}
	sarifID struct {
		ID string `json:"id"`
	}
	sarifRule struct {
		ID                   string          `json:"id"`
		Name                 string          `json:"name"`
		ShortDescription     sarifMessage    `json:"shortDescription"`
		FullDescription      sarifMessage    `json:"fullDescription"`
		HelpURI              string          `json:"helpUri,omitempty"`
		Help                 sarifMessage    `json:"help"`
		DefaultConfiguration sarifConfig     `json:"defaultConfiguration"`
		Properties           sarifProperties `json:"properties"`
	}
	sarifConfig struct {
		Level string `json:"level"`
	}
	sarifProperties struct {
		Precision        string   `json:"precision"`
		SecuritySeverity string   `json:"security-severity,omitempty"`
		Tags             []string `json:"tags"`
	}
	sarifMessage struct {
		Text     string `json:"text"`
		Markdown string `json:"markdown,omitempty"`
	}
	sarifResult struct {
		RuleID              string             `json:"ruleId"`
		RuleIndex           int                `json:"ruleIndex"`
		Level               string             `json:"level"`
		Message             sarifMessage       `json:"message"`
		Locations           []sarifLocation    `json:"locations"`
		RelatedLocations    []sarifLocation    `json:"relatedLocations,omitempty"`
		PartialFingerprints map[string]string  `json:"partialFingerprints"`
		Suppressions        []sarifSuppression `json:"suppressions,omitempty"`
		Properties          map[string]any     `json:"properties,omitempty"`
	}
	sarifSuppression struct {
		Kind          string `json:"kind"`
		Status        string `json:"status"`
		Justification string `json:"justification,omitempty"`
	}
	sarifLocation struct {
		ID               int            `json:"id,omitempty"`
		PhysicalLocation *sarifPhysical `json:"physicalLocation,omitempty"`
		LogicalLocations []sarifLogical `json:"logicalLocations,omitempty"`
		Message          *sarifMessage  `json:"message,omitempty"`
	}
	sarifPhysical struct {
		ArtifactLocation sarifArtifact `json:"artifactLocation"`
		Region           *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
	sarifLogical struct {
		Name               string `json:"name"`
		FullyQualifiedName string `json:"fullyQualifiedName"`
		Kind               string `json:"kind"`
	}
	sarifInvocation struct {
		ExecutionSuccessful        bool                `json:"executionSuccessful"`
		ToolExecutionNotifications []sarifNotification `json:"toolExecutionNotifications"`
	}
	sarifNotification struct {
		Descriptor sarifID         `json:"descriptor"`
		Level      string          `json:"level"`
		Message    sarifMessage    `json:"message"`
		Locations  []sarifLocation `json:"locations,omitempty"`
	}
)

const homePage = "https://github.com/careen/careen"

// maxSARIFLocations is how many locations GitHub takes for a result.
const maxSARIFLocations = 1000

var semantic = lazy.Regexp(`^[0-9]+\.[0-9]+\.[0-9]+([-+][0-9A-Za-z.+-]+)?$`)

// newSARIFRun returns a run of a version of careen without results.
func newSARIFRun(careen, category string, invocation sarifInvocation) *sarifRun {
	driver := sarifDriver{Name: "Careen", InformationURI: homePage, Version: careen, Rules: []sarifRule{}}
	if v := strings.TrimPrefix(careen, "v"); semantic().MatchString(v) {
		driver.SemanticVersion = v
	}
	return &sarifRun{
		Tool:              sarifTool{driver},
		AutomationDetails: sarifID{category},
		Invocations:       []sarifInvocation{invocation},
		ColumnKind:        "utf16CodeUnits",
		Results:           []sarifResult{},
		rules:             map[string]int{},
	}
}

// add appends a result, and its rule unless the run has it already.
func (run *sarifRun) add(result sarifResult, rule func() sarifRule) {
	at, known := run.rules[result.RuleID]
	if !known {
		at = len(run.Tool.Driver.Rules)
		run.rules[result.RuleID] = at
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, rule())
	}
	result.RuleIndex = at
	run.Results = append(run.Results, result)
}

// suppressions says that a finding was accepted elsewhere, and why.
func suppressions(s *finding.Suppressed) []sarifSuppression {
	if s == nil {
		return nil
	}
	return []sarifSuppression{{Kind: "external", Status: "accepted", Justification: clean(suppressionText(s))}}
}

func sarifRunOf(r *Report) *sarifRun {
	packages := packageIndex(r.Packages)
	byID := map[string][]*finding.Vulnerability{}
	for i := range r.Vulnerabilities {
		v := &r.Vulnerabilities[i]
		byID[v.ID] = append(byID[v.ID], v)
	}
	ids := make([]string, 0, len(byID))
	for id := range byID {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	run := newSARIFRun(r.Careen, category(r), sarifInvocationOf(r))
	for i, id := range ids { // sorted, whatever the order of the results
		run.rules[id] = i
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRuleOf(byID[id], packages))
	}
	run.Properties = map[string]any{"image": r.Target.Ref}
	if r.Judged != nil {
		run.Properties["judged"] = r.Judged
	}
	if r.Target.Digest != "" {
		run.Properties["digest"] = r.Target.Digest
	}
	if r.Target.Platform != "" {
		run.Properties["platform"] = r.Target.Platform
	}
	for _, v := range byRisk(r.Vulnerabilities) {
		run.add(sarifResultOf(v, packages, r), nil)
	}
	for i := range r.Secrets {
		s := &r.Secrets[i]
		run.add(secretResult(s, r), func() sarifRule { return secretRule(s) })
	}
	for i := range r.Misconfigurations {
		m := &r.Misconfigurations[i]
		run.add(misconfigurationResult(m, r), func() sarifRule { return misconfigurationRule(m) })
	}
	return run
}

// category tells GitHub which runs replace each other: those on the same
// repository and platform, whatever their tag. The closing slash says that no
// run number follows.
func category(r *Report) string {
	name, _, _ := strings.Cut(r.Target.Ref, "@")
	if colon := strings.LastIndexByte(name, ':'); colon > strings.LastIndexByte(name, '/') {
		name = name[:colon]
	}
	parts := []string{"careen", strings.Trim(clean(name), "/")}
	if r.Target.Platform != "" {
		parts = append(parts, r.Target.Platform)
	}
	return strings.Join(parts, "/") + "/"
}

// sarifRuleOf describes one vulnerability; the list holds its findings.
func sarifRuleOf(list []*finding.Vulnerability, packages index) sarifRule {
	worst := slices.MinFunc(list, worstFirst)
	var names []string
	for _, v := range list {
		names = append(names, packages.of(v).Name)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	more := ""
	if n := len(names) - 3; n > 0 {
		names, more = names[:3], fmt.Sprintf(" and %s", plural(n, "other package", "other packages"))
	}
	facts := vulnerabilityFacts(worst)
	short := fmt.Sprintf("%s in %s%s", worst.ID, strings.Join(names, ", "), more)
	if worst.Title != "" {
		short += ": " + worst.Title
	}
	return sarifRule{
		ID:               worst.ID,
		Name:             "VulnerablePackage",
		ShortDescription: sarifMessage{Text: sarifText(short)},
		FullDescription:  sarifMessage{Text: sarifText(strings.Join(facts, ". ") + ".")},
		HelpURI:          helpURI(worst),
		Help: sarifMessage{
			Text:     sarifText(worst.ID + "\n" + strings.Join(facts, "\n")),
			Markdown: ruleMarkdown(worst, facts, list, packages),
		},
		DefaultConfiguration: sarifConfig{sarifLevel(worst.Severity)},
		Properties: sarifProperties{
			Precision:        "very-high",
			SecuritySeverity: securitySeverity(worst),
			Tags:             sarifTags(worst),
		},
	}
}

// vulnerabilityFacts is what is known of a vulnerability, a sentence each.
func vulnerabilityFacts(v *finding.Vulnerability) []string {
	severity := strings.ToLower(v.Severity.String())
	if v.SeveritySource != "" {
		severity += " according to " + v.SeveritySource
	}
	facts := []string{"Severity " + severity}
	if len(v.Aliases) > 0 {
		facts = append(facts, "Also known as "+strings.Join(v.Aliases, ", "))
	}
	if v.KEV {
		facts = append(facts, "Known to be exploited (CISA KEV)")
	}
	if v.EPSS != nil {
		facts = append(facts, fmt.Sprintf("EPSS %.2f %%, higher than %.0f %% of all CVEs", v.EPSS.Score*100, v.EPSS.Percentile*100))
	}
	for _, c := range v.CVSS {
		fact := fmt.Sprintf("CVSS %.1f by %s", c.Score, c.Source)
		if c.Vector != "" {
			fact += " (" + c.Vector + ")"
		}
		facts = append(facts, fact)
	}
	return facts
}

// ruleMarkdown is the help that GitHub shows next to an alert.
func ruleMarkdown(worst *finding.Vulnerability, facts []string, list []*finding.Vulnerability, packages index) string {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s**\n\n", markdownText(worst.ID))
	for _, fact := range facts {
		fmt.Fprintf(&b, "- %s\n", markdownText(fact))
	}
	b.WriteString("\n| package | installed | fixed in |\n|---|---|---|\n")
	seen := map[string]bool{}
	for _, v := range list {
		p := packages.of(v)
		row := fmt.Sprintf("| %s | %s | %s |\n", markdownText(p.Name), markdownText(p.Version), markdownText(cmp.Or(v.Fix.Version, fixStateWord(v.Fix.State))))
		if !seen[row] {
			seen[row] = true
			b.WriteString(row)
		}
	}
	if uri := helpURI(worst); uri != "" {
		fmt.Fprintf(&b, "\n<%s>\n", uri)
	}
	return b.String()
}

func sarifResultOf(v *finding.Vulnerability, packages index, r *Report) sarifResult {
	p := packages.of(v)
	result := sarifResult{
		RuleID: v.ID,
		Level:  sarifLevel(v.Severity),
		PartialFingerprints: map[string]string{
			"careen/v1": v.Fingerprint,
			// The one that GitHub looks at; it would hash a line of a file in the
			// repository, which a path in an image is not.
			"primaryLocationLineHash": v.Fingerprint + ":1",
		},
		Properties: map[string]any{"purl": v.Package, "risk": v.Risk, "fixState": string(v.Fix.State), "kev": v.KEV},
	}
	result.Message.Text = sarifText(resultMessage(v, p.Name, p.Version, typeWord(p.Type), p.UpgradeTo))
	logical := []sarifLogical{{Name: p.Name, FullyQualifiedName: v.Package, Kind: "package"}}
	inImage := []sarifLocation{}
	for _, l := range v.Locations[:min(len(v.Locations), maxSARIFLocations)] {
		inImage = append(inImage, sarifLocation{PhysicalLocation: physical(l.Path, 1), LogicalLocations: logical})
	}
	if len(inImage) == 0 { // GitHub drops a result without a file
		inImage = append(inImage, sarifLocation{PhysicalLocation: physical(cmp.Or(r.Target.Ref, "image"), 1), LogicalLocations: logical})
	}
	result.Locations = inImage
	if v.Line != nil {
		// A line that a person can change beats one in the image.
		result.Locations = []sarifLocation{{PhysicalLocation: physical(v.Line.File, v.Line.Line), LogicalLocations: logical}}
		for i := range inImage {
			inImage[i].ID = i + 1
			inImage[i].Message = &sarifMessage{Text: "in the image"}
		}
		result.RelatedLocations = inImage
	}
	result.Suppressions = suppressions(v.Suppressed)
	return result
}

// resultMessage says what was found, why it counts, what fixes it and where it
// came from. The first sentence is the title of the alert.
func resultMessage(v *finding.Vulnerability, name, version, kind, upgradeTo string) string {
	sentences := []string{fmt.Sprintf("%s %s (%s) has %s", name, version, kind, v.ID)}
	advisory := v.Advisory.ID
	if v.Advisory.Source != "" {
		advisory += " of " + v.Advisory.Source
	}
	if v.Advisory.Range != "" {
		sentences = append(sentences, fmt.Sprintf("%s names the versions %s (order: %s)", advisory, v.Advisory.Range, v.Advisory.Scheme))
	}
	switch {
	case v.Fix.State == finding.Fixed && upgradeTo != "" && upgradeTo != v.Fix.Version:
		sentences = append(sentences, fmt.Sprintf("Fixed in %s; %s fixes everything that can be fixed in this package", v.Fix.Version, upgradeTo))
	case v.Fix.State == finding.Fixed:
		sentences = append(sentences, "Fixed in "+v.Fix.Version)
	default:
		sentences = append(sentences, "There is nothing to upgrade to: "+fixStateWord(v.Fix.State))
	}
	if v.Layer >= 0 {
		from := fmt.Sprintf("It came with layer %d", v.Layer)
		if instruction := tidyInstruction(v.Instruction); instruction != "" {
			from += ": " + instruction
		}
		sentences = append(sentences, from)
	}
	return strings.Join(sentences, ". ") + "."
}

func sarifInvocationOf(r *Report) sarifInvocation {
	i := sarifInvocation{ExecutionSuccessful: !incomplete(r.Warnings), ToolExecutionNotifications: []sarifNotification{}}
	for _, w := range r.Warnings {
		n := sarifNotification{Descriptor: sarifID{w.Kind}, Level: "warning", Message: sarifMessage{Text: sarifText(w.WithRemedy())}}
		if w.Incomplete {
			n.Level = "error"
		}
		if w.Path != "" {
			n.Locations = []sarifLocation{{PhysicalLocation: physical(w.Path, 0)}}
		}
		i.ToolExecutionNotifications = append(i.ToolExecutionNotifications, n)
	}
	if text := coverageText(r); text != "" {
		i.ToolExecutionNotifications = append(i.ToolExecutionNotifications, sarifNotification{
			Descriptor: sarifID{"coverage"}, Level: "note", Message: sarifMessage{Text: sarifText(text)}})
	}
	if r.Vulnerabilities == nil {
		i.ToolExecutionNotifications = append(i.ToolExecutionNotifications, sarifNotification{
			Descriptor: sarifID{"not-looked-for"}, Level: "note", Message: sarifMessage{Text: "Vulnerabilities were not looked for."}})
	}
	return i
}

// physical is a place in a file; line 0 is the whole file.
func physical(path string, line int) *sarifPhysical {
	p := &sarifPhysical{ArtifactLocation: sarifArtifact{relativeURI(path)}}
	if line > 0 {
		p.Region = &sarifRegion{line}
	}
	return p
}

// relativeURI writes a path as a relative reference of RFC 3986. Its first
// segment must not hold a colon (section 4.2), so no segment does.
func relativeURI(path string) string {
	u := url.URL{Path: strings.TrimLeft(path, "/")}
	return strings.ReplaceAll(u.EscapedPath(), ":", "%3A")
}

// sarifLevel maps a severity to the levels of SARIF, section 3.27.10.
func sarifLevel(s finding.Severity) string {
	switch s {
	case finding.Critical, finding.High:
		return "error"
	case finding.Low, finding.Negligible:
		return "note"
	}
	return "warning"
}

// securitySeverity is the score by which GitHub ranks: over 9.0 critical, from
// 7.0 high, from 4.0 medium, above 0 low. A CVSS score is used where it says the
// same as the severity; where the distribution judged otherwise, its word wins.
func securitySeverity(v *finding.Vulnerability) string {
	for _, c := range v.CVSS {
		if finding.FromScore(c.Score) == v.Severity && c.Score > 0 {
			if c.Score == 9 {
				return "9.1" // GitHub counts 9.0 itself as high
			}
			return fmt.Sprintf("%.1f", c.Score)
		}
	}
	switch v.Severity {
	case finding.Critical:
		return "9.5"
	case finding.High:
		return "8.0"
	case finding.Medium:
		return "5.5"
	case finding.Low:
		return "2.0"
	case finding.Negligible:
		return "0.1"
	}
	return ""
}

func sarifTags(v *finding.Vulnerability) []string {
	tags := []string{"security", "vulnerability", strings.ToLower(v.Severity.String())}
	if v.KEV {
		tags = append(tags, "known-exploited")
	}
	return tags
}

// helpURI is a page about a vulnerability.
func helpURI(v *finding.Vulnerability) string {
	if u, err := url.Parse(v.Advisory.URL); err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" {
		return u.String()
	}
	return pageOf(v.ID)
}

// pageOf is where the publisher of an id describes it.
func pageOf(id string) string {
	escaped := url.PathEscape(id)
	switch {
	case strings.HasPrefix(id, "CVE-"):
		return "https://www.cve.org/CVERecord?id=" + escaped
	case strings.HasPrefix(id, "GHSA-"):
		return "https://github.com/advisories/" + escaped
	}
	return "https://osv.dev/vulnerability/" + escaped
}

// sarifText makes a text safe for a SARIF message, in which braces represent
// arguments (section 3.11.5) and brackets for links (section 3.11.6).
func sarifText(s string) string {
	var b strings.Builder
	for i, l := range strings.Split(s, "\n") {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(clean(l))
	}
	if !strings.ContainsAny(b.String(), `\{}[]`) {
		return b.String() // building the replacer costs more than the rest
	}
	return strings.NewReplacer(`\`, `\\`, "{", "{{", "}", "}}", "[", `\[`, "]", `\]`).Replace(b.String())
}

// markdownText makes a text literal in GitHub's Markdown, also in a table. A
// backslash may stand before any ASCII punctuation (CommonMark 0.31, 2.4).
func markdownText(s string) string {
	var b strings.Builder
	for _, r := range clean(s) {
		if strings.ContainsRune("\\`*_{}[]()<>#!|&~", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Page is where a person reads about a vulnerability.
func Page(v *finding.Vulnerability) string { return helpURI(v) }
