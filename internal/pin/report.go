package pin

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/careen/careen/internal/finding"
)

// Schema is the name and version of the JSON of --check.
const Schema = "careen-pin/1"

// Report is what --check says about the references of files.
type Report struct {
	Schema     string      `json:"schema"`
	Careen     string      `json:"careen"`     // version of the program
	References []Checked   `json:"references"` // in the order of the files
	Gate       CheckedGate `json:"gate"`
}

// CheckedGate says whether the check failed.
type CheckedGate struct {
	Tripped bool   `json:"tripped"`
	Because string `json:"because,omitempty"`
}

// Checked is one reference.
type Checked struct {
	File      string `json:"file"`
	Line      int    `json:"line"`
	Where     string `json:"where"` // "FROM", "services.web.image"
	Reference string `json:"reference"`
	Kind      string `json:"kind"`          // "image" or "code"
	State     string `json:"state"`         // "pinned", "unpinned", "stale", "unresolved" or "skipped"
	Now       string `json:"now,omitempty"` // of a stale one: what its tag names now
	Why       string `json:"why,omitempty"`
}

// states are the words for the states that --check knows.
var states = map[State]string{Current: "pinned", Unpinned: "unpinned", Stale: "stale", Failed: "unresolved", Skipped: "skipped", Stuck: "unpinned"}

// Report returns what a plan of Check says. why is why the gate trips, "" when
// it does not.
func (p *Plan) Report(careen, why string) *Report {
	r := &Report{Schema: Schema, Careen: careen, References: []Checked{}, Gate: CheckedGate{why != "", why}}
	for _, o := range p.Outcomes {
		c := Checked{
			File: filepath.ToSlash(o.Path), Line: o.Reference.Line, Where: o.Reference.Where, Reference: o.Reference.Text,
			Kind: "image", State: states[o.State], Why: o.Why, Now: o.New,
		}
		if o.Reference.Code() {
			c.Kind = "code"
		}
		if o.State == Skipped && c.Why == "" {
			c.Why = o.Reference.Skip
		}
		r.References = append(r.References, c)
	}
	return r
}

// Findings are the references that --check complains about, as faults of the
// files, for formats that have no others.
func (p *Plan) Findings() []finding.Misconfiguration {
	var list []finding.Misconfiguration
	seen := map[string]int{}
	for _, o := range p.Outcomes {
		m := finding.Misconfiguration{Line: &finding.Line{File: filepath.ToSlash(o.Path), Line: o.Reference.Line}}
		ref := o.Reference.Value
		if ref == "" {
			ref = o.Reference.Text
		}
		switch o.State {
		case Unpinned:
			m.Rule, m.Title, m.Severity, m.Fix = "pin/unpinned", "References name what they mean", finding.Low, "careen pin"
			m.Message = ref + " is not pinned"
			if o.Why != "" {
				m.Message += ", and cannot be as it is written: " + o.Why
			}
		case Stale:
			m.Rule, m.Title, m.Severity, m.Fix = "pin/stale", "Pins are those of their tags", finding.Low, "careen pin --update"
			m.Message = ref + ": its tag now names " + named(o.New)
		case Failed:
			m.Rule, m.Title, m.Severity, m.Fix = "pin/unresolved", "References can be resolved", finding.Medium, "correct the reference"
			m.Message = ref + ": " + o.Why
		default:
			continue
		}
		key := m.Rule + "\x00" + m.Line.File + "\x00" + ref
		seen[key]++
		sum := sha256.Sum256(fmt.Appendf(nil, "pin/1\x00%s\x00%d", key, seen[key]))
		m.Fingerprint = hex.EncodeToString(sum[:16])
		list = append(list, m)
	}
	return list
}

// named is the digest or commit of a pinned value.
func named(value string) string { return value[strings.LastIndexByte(value, '@')+1:] }
