package report

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/purl"
)

// The parts of JUnit's XML that Careen writes: what is valid by both schemas that
// people check with, Windy Road's of Ant's reports (JUnit.xsd), which wants the
// order, a time, a host and empty elements, and knows no attributes of the whole;
// and that of Jenkins' xUnit plugin (junit-10.xsd). A finding is a test that failed;
// one that is suppressed was skipped.
type (
	junitSuites struct {
		XMLName xml.Name     `xml:"testsuites"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Package    string          `xml:"package,attr"`
		ID         int             `xml:"id,attr"`
		Name       string          `xml:"name,attr"`
		Timestamp  string          `xml:"timestamp,attr"`
		Host       string          `xml:"hostname,attr"`
		Tests      int             `xml:"tests,attr"`
		Failures   int             `xml:"failures,attr"`
		Errors     int             `xml:"errors,attr"`
		Skipped    int             `xml:"skipped,attr"`
		Time       int             `xml:"time,attr"` // seconds; nobody measured a single finding
		Properties junitProperties `xml:"properties"`
		Cases      []junitCase     `xml:"testcase"`
		Out        string          `xml:"system-out"`
		Err        string          `xml:"system-err"`
	}
	junitProperties struct {
		List []junitProperty `xml:"property"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Name    string       `xml:"name,attr"`
		Class   string       `xml:"classname,attr"`
		Time    int          `xml:"time,attr"`
		Skipped *junitReason `xml:"skipped"`
		Error   *junitReason `xml:"error"`
		Failure *junitReason `xml:"failure"`
	}
	junitReason struct {
		Type    string `xml:"type,attr,omitempty"`
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// WriteJUnit writes the reports as suites of tests: one for what was looked for,
// each, and one for what could not be looked at.
func WriteJUnit(w io.Writer, reports []*Report, opt BOMOptions) error {
	doc := junitDocument{made: plainTime(opt.Timestamp)}
	for _, r := range reports {
		prefix := clean(r.Target.Ref)
		if len(reports) > 1 && r.Target.Platform != "" {
			prefix += " " + clean(r.Target.Platform)
		}
		if r.Vulnerabilities != nil {
			doc.add(vulnerabilitySuite(r, prefix))
		}
		if r.Secrets != nil {
			s := junitSuite{Name: prefix + " secrets"}
			for i := range r.Secrets {
				secret := &r.Secrets[i]
				s.add(fmt.Sprintf("%s %s %s", secret.Rule, secret.Redacted, placesWord(secret)), "careen.secret",
					secret.Severity, secret.Title, strings.Join(placeSentences(secret), "\n"), secret.Suppressed)
			}
			doc.add(s)
		}
		if r.Misconfigurations != nil {
			doc.add(faultSuite(prefix+" configuration", r.Misconfigurations))
		}
		if s := blindSuite(r, prefix); s.Tests > 0 {
			doc.add(s)
		}
	}
	return writeXML(w, doc.junitSuites)
}

// WriteLintJUnit writes the faults of files as one suite of tests.
func WriteLintJUnit(w io.Writer, l *Lint, opt BOMOptions) error {
	doc := junitDocument{made: plainTime(opt.Timestamp)}
	doc.add(faultSuite(cmp.Or(clean(l.Target), "careen lint"), l.Misconfigurations))
	return writeXML(w, doc.junitSuites)
}

// junitDocument is a document while its suites are put together.
type junitDocument struct {
	junitSuites
	made string // yyyy-mm-ddThh:mm:ss
}

func vulnerabilitySuite(r *Report, prefix string) junitSuite {
	s := junitSuite{Name: prefix + " vulnerabilities"}
	for _, p := range []junitProperty{{"careen", r.Careen}, {"digest", r.Target.Digest}, {"platform", r.Target.Platform}} {
		if p.Value != "" {
			s.Properties.List = append(s.Properties.List, junitProperty{p.Name, clean(p.Value)})
		}
	}
	for _, f := range coverageFacts(r) {
		s.Properties.List = append(s.Properties.List, junitProperty{f.name, clean(f.text)})
	}
	packages := packageIndex(r.Packages)
	for i := range r.Vulnerabilities {
		v := &r.Vulnerabilities[i]
		p := packages.of(v)
		name := fmt.Sprintf("%s %s %s", v.ID, p.Name, p.Version)
		if path := firstPath(p); path != "" && !purl.OfDistribution(p.Type) {
			name += " /" + path
		}
		text := resultMessage(v, p.Name, p.Version, typeWord(p.Type), p.UpgradeTo)
		s.add(name, "careen."+p.Type, v.Severity, strings.TrimPrefix(v.Title+"; "+fixSentence(v), "; "), text, v.Suppressed)
	}
	return s
}

// fixSentence is "fixed in 1.2.3", or why there is nothing to go to.
func fixSentence(v *finding.Vulnerability) string {
	if v.Fix.State == finding.Fixed && v.Fix.Version != "" {
		return "fixed in " + v.Fix.Version
	}
	return fixStateWord(v.Fix.State)
}

func faultSuite(name string, list []finding.Misconfiguration) junitSuite {
	s := junitSuite{Name: name}
	for i := range list {
		m := &list[i]
		title := m.Rule + " " + m.Title
		if m.Line != nil {
			title += fmt.Sprintf(" %s:%d", m.Line.File, m.Line.Line)
		}
		s.add(title, "careen.configuration", m.Severity, m.Message, m.Fix, m.Suppressed)
	}
	return s
}

// blindSuite has a test in error for each part that was not looked at, so that a
// suite is not green on it.
func blindSuite(r *Report, prefix string) junitSuite {
	s := junitSuite{Name: prefix + " not looked at"}
	for _, w := range r.Warnings {
		if w.Incomplete || w.Blind {
			s.Tests++
			s.Errors++
			name := strings.TrimSpace(w.Kind + " " + w.Path)
			s.Cases = append(s.Cases, junitCase{Name: cmp.Or(clean(name), "unnamed"), Class: "careen.coverage", Error: &junitReason{Type: clean(w.Kind), Message: clean(w.WithRemedy())}})
		}
	}
	return s
}

func (s *junitSuite) add(name, class string, severity finding.Severity, message, text string, suppressed *finding.Suppressed) {
	c := junitCase{Name: cmp.Or(strings.TrimSpace(clean(name)), "unnamed"), Class: cmp.Or(clean(class), "careen")}
	s.Tests++
	if suppressed != nil {
		s.Skipped++
		c.Skipped = &junitReason{Message: clean("suppressed by " + suppressionText(suppressed))}
	} else {
		s.Failures++
		c.Failure = &junitReason{Type: severity.String(), Message: clean(message), Text: clean(text)}
	}
	s.Cases = append(s.Cases, c)
}

func (d *junitDocument) add(s junitSuite) {
	s.Package, s.ID, s.Timestamp, s.Host = "careen", len(d.Suites), d.made, "localhost"
	s.Name = cmp.Or(strings.TrimSpace(s.Name), "careen")
	d.Suites = append(d.Suites, s)
}
