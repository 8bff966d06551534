package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/safetext"
)

// openVEX is a document of OpenVEX v0.2.0 (openvex/spec, OPENVEX-SPEC.md).
type openVEX struct {
	Context    string         `json:"@context"`
	ID         string         `json:"@id"`
	Author     string         `json:"author"`
	Tooling    string         `json:"tooling"`
	Timestamp  string         `json:"timestamp"`
	Version    int            `json:"version"`
	Statements []vexStatement `json:"statements"`
}

type vexStatement struct {
	Vulnerability vexVulnerability `json:"vulnerability"`
	Products      []vexProduct     `json:"products"`
	Status        string           `json:"status"`
	Justification string           `json:"justification"`
	Notes         string           `json:"status_notes,omitempty"` // the schema wants no impact_statement next to a justification
}

type vexVulnerability struct {
	Name    string   `json:"name"`
	Aliases []string `json:"aliases,omitempty"`
}

type vexProduct struct {
	ID            string            `json:"@id"`
	Hashes        map[string]string `json:"hashes,omitempty"`
	Subcomponents []vexComponent    `json:"subcomponents"`
}

type vexComponent struct {
	ID string `json:"@id"`
}

// WriteOpenVEX writes a statement for each vulnerability that is proved to be of
// no effect, with the proof's method: its package is not reached by the
// entrypoint, or its code is not linked into the Go binary. It says nothing of
// the others. Without reach there are none of the first kind.
func WriteOpenVEX(w io.Writer, reports []*Report, opt BOMOptions) error {
	doc := openVEX{
		Context: "https://openvex.dev/ns/v0.2.0", Author: "careen", Version: 1, Statements: []vexStatement{},
		Timestamp: opt.Timestamp.UTC().Format(time.RFC3339),
	}
	said := map[string]bool{}
	for _, r := range reports {
		doc.Tooling = strings.TrimSpace("careen " + r.Careen)
		for _, s := range vexStatements(r) {
			p := s.Products[0]
			// Platforms of one name may say the same, and a document says it once.
			if key := fmt.Sprintf("%q", []string{s.Vulnerability.Name, p.ID, p.Hashes["sha-256"], p.Subcomponents[0].ID}); !said[key] {
				said[key] = true
				doc.Statements = append(doc.Statements, s)
			}
		}
	}
	body, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	doc.ID = fmt.Sprintf("https://openvex.dev/docs/public/vex-%x", sha256.Sum256(body))
	return safetext.WriteJSON(w, doc)
}

func vexStatements(r *Report) []vexStatement {
	product := vexProductOf(&r.Target)
	var list []vexStatement
	for _, v := range r.Vulnerabilities {
		s := vexStatement{
			Vulnerability: vexVulnerability{v.ID, distinctTexts(v.Aliases)}, Status: "not_affected",
			Products: []vexProduct{{product.ID, product.Hashes, []vexComponent{{v.Package}}}},
		}
		switch {
		case v.Reach != nil && v.Reach.State == finding.NotReached:
			s.Justification = "vulnerable_code_not_in_execute_path"
			s.Notes = v.Reach.Why
		case v.Linked != nil && v.Linked.State == finding.SymbolsNotLinked:
			s.Justification = "vulnerable_code_not_present"
			s.Notes = "none of the vulnerable symbols that the advisory lists is linked into the binary (table of functions, pclntab)"
		default:
			continue
		}
		list = append(list, s)
	}
	slices.SortStableFunc(list, func(a, b vexStatement) int {
		return cmp.Or(strings.Compare(a.Vulnerability.Name, b.Vulnerability.Name), strings.Compare(a.Products[0].Subcomponents[0].ID, b.Products[0].Subcomponents[0].ID))
	})
	return list
}

// distinctTexts returns what is in a list, in its order, each once.
func distinctTexts(list []string) []string {
	var once []string
	for _, s := range list {
		if !slices.Contains(once, s) {
			once = append(once, s)
		}
	}
	return once
}

// vexProductOf names the image as a package URL of type oci where the digest of
// its manifest is known, which is that type's version, with the repository that
// has it; else as it was given, with the digest of its configuration, which finds
// nothing in a registry. Identifiers are URIs: a file's is its path's.
func vexProductOf(t *Target) vexProduct {
	p := vexProduct{ID: imagePURL(*t)}
	if p.ID == "" && t.Digest != "" {
		p.ID = vexDigestID(t)
	}
	if p.ID != "" {
		return p
	}
	if p.ID = t.Ref; strings.HasSuffix(t.Kind, "-archive") || strings.HasSuffix(t.Kind, "dir") || t.Kind == "sbom" {
		p.ID = "file:" + strings.ReplaceAll(url.PathEscape(t.Ref), "%2F", "/")
	}
	if sum, ok := strings.CutPrefix(t.ConfigID, "sha256:"); ok {
		p.Hashes = map[string]string{"sha-256": sum}
	}
	return p
}

func vexDigestID(t *Target) string {
	name := t.Ref
	if len(t.Tags) > 0 {
		name = t.Tags[0]
	}
	repository, _ := splitReference(name)
	return "pkg:oci/" + cmp.Or(strings.ToLower(repository[strings.LastIndexByte(repository, '/')+1:]), "image") + "@" + strings.ReplaceAll(t.Digest, ":", "%3A")
}
