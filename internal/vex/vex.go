// Package vex reads what others say of vulnerabilities in products: OpenVEX,
// CycloneDX and CSAF documents, bare or in a signed envelope, and finds the
// statement about a package of an image. What becomes of a finding is the
// caller's to decide.
//
// A statement counts only for what it names by a package URL or a digest. One that
// names its product in words alone is left out and counted.
package vex

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/careen/careen/internal/purl"
)

// Status is what a statement says of a product and a vulnerability, in OpenVEX's
// words.
type Status string

// The statuses.
const (
	NotAffected        Status = "not_affected"
	Fixed              Status = "fixed"
	Affected           Status = "affected"
	UnderInvestigation Status = "under_investigation"
)

// Statement is one that a document makes.
type Statement struct {
	IDs           []string // of the vulnerability: its name and its aliases
	Status        Status
	Justification string // a word of the document's format; "" when it gives none
	Text          string // why, in sentences
	Author        string
	Time          time.Time // when it was made; zero when nothing says
	Document      string    // the file that makes it

	scopes []scope
}

// scope is one product, or a part of one.
type scope struct {
	product *thing // nil: the part wherever it is
	part    *thing // nil: all of the product
}

// thing is a product or a component, as far as it can be recognised.
type thing struct {
	purls  []purl.PURL
	names  []string // image references
	hashes []string // sha256, in hexadecimal
	ranges []string // of versions; none: that of the package URL, or all
}

func (t *thing) known() bool { return t != nil && len(t.purls)+len(t.names)+len(t.hashes) > 0 }

// Document is what one file says.
type Document struct {
	Statements []Statement
	// Unknown counts the statements that name no product by a package URL or a
	// digest, so that nothing can be said to be theirs.
	Unknown int
	// Subjects are the sha256 digests that a signed statement is about; none for
	// a document that is not in one.
	Subjects []string
	// Signed holds the envelope of a document that came in one.
	Signed *Envelope
}

// Bounds of a document.
const (
	MaxDocument   = 256 << 20 // bytes
	maxStatements = 2_000_000
	maxDepth      = 64
)

// ErrNotVEX says that a document is none of the formats.
var ErrNotVEX = errors.New("no OpenVEX, CycloneDX or CSAF document")

// Parse reads a document of any of the formats; name is what statements and
// messages call it.
func Parse(name string, data []byte) (*Document, error) {
	return parse(name, data, 0)
}

func parse(name string, data []byte, depth int) (*Document, error) {
	if len(data) > MaxDocument {
		return nil, fmt.Errorf("larger than %d bytes", MaxDocument)
	}
	if depth > 3 { // an envelope in a statement in an envelope…
		return nil, ErrNotVEX
	}
	var head struct {
		Context       any             `json:"@context"`
		BOMFormat     string          `json:"bomFormat"`
		Document      json.RawMessage `json:"document"`
		PayloadType   string          `json:"payloadType"`
		Envelope      json.RawMessage `json:"dsseEnvelope"`
		PredicateType string          `json:"predicateType"`
		Statements    json.RawMessage `json:"statements"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotVEX, err)
	}
	context := fmt.Sprint(head.Context)
	switch {
	case head.Envelope != nil: // a bundle of Sigstore's
		return parse(name, head.Envelope, depth+1)
	case head.PayloadType != "":
		return parseEnvelope(name, data, depth)
	case head.PredicateType != "":
		return parseAttestation(name, data, depth)
	case strings.Contains(context, "openvex.dev") || head.Statements != nil:
		return parseOpenVEX(name, data)
	case head.BOMFormat == "CycloneDX":
		return parseCycloneDX(name, data)
	case head.Document != nil:
		return parseCSAF(name, data)
	}
	return nil, ErrNotVEX
}

// add keeps a statement whose products can be recognised.
func (d *Document) add(s Statement) error {
	s.scopes = slices.DeleteFunc(s.scopes, func(one scope) bool {
		return one.product != nil && !one.product.known() || one.part != nil && !one.part.known() || one.product == nil && one.part == nil
	})
	if len(d.Statements) >= maxStatements {
		return fmt.Errorf("more than %d statements", maxStatements)
	}
	if len(s.scopes) == 0 {
		d.Unknown++
		return nil
	}
	d.Statements = append(d.Statements, s)
	return nil
}

// thingOf is what an identifier names: a package URL, a digest or an image
// reference.
func thingOf(id string) *thing {
	t := &thing{}
	t.identify(id)
	return t
}

func (t *thing) identify(id string) {
	id = strings.TrimSpace(id)
	if strings.HasPrefix(strings.ToLower(id), "pkg:") {
		if p, err := purl.Parse(id); err == nil {
			t.purls = append(t.purls, p)
		}
		return
	}
	if path, ok := strings.CutPrefix(id, "file:"); ok && !strings.HasPrefix(path, "//") {
		if plain, err := url.PathUnescape(path); err == nil {
			t.names = append(t.names, plain)
		}
		return
	}
	if _, sum, ok := strings.Cut(id, "sha256:"); ok && isSHA256(sum) {
		t.hashes = append(t.hashes, strings.ToLower(sum))
		return
	}
	// A reference has no blanks and no scheme: "registry.example.com/shop:1.4".
	if id != "" && !strings.ContainsAny(id, " \t\n") && !strings.Contains(id, "://") {
		t.names = append(t.names, id)
	}
}

func isSHA256(s string) bool {
	return len(s) == 64 && strings.Trim(strings.ToLower(s), "0123456789abcdef") == ""
}

func (t *thing) hash(algorithm, sum string) {
	if word := strings.ReplaceAll(strings.ToLower(algorithm), "-", ""); word == "sha256" && isSHA256(sum) {
		t.hashes = append(t.hashes, strings.ToLower(sum))
	}
}

// sentences joins what a document says in several places.
func sentences(parts ...string) string {
	var kept []string
	for _, p := range parts {
		if p = strings.Join(strings.Fields(p), " "); p != "" && !slices.Contains(kept, p) {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, "; ")
}

func parseTime(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}
