package secret

import "github.com/careen/careen/internal/finding"

// Hit is one secret in a text. The caller has the text, and cuts it out.
type Hit struct {
	Rule, Title string
	Severity    finding.Severity
	Line        int // of its start, counted from 1
	Start, End  int // of the secret in the text
}

// Tokens returns what in a text has a form of its own, such as the prefix that an
// issuer gives its keys; not the passwords that people choose. path decides which
// allowlists apply.
func (all *Rules) Tokens(path string, text []byte) []Hit {
	var hits []Hit
	for _, m := range all.find(text, path, true) {
		hits = append(hits, Hit{Rule: m.rule.id, Title: m.rule.title, Severity: m.rule.severityOf(), Line: m.line, Start: m.start, End: m.end})
	}
	return hits
}
