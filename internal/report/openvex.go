package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
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
	Vulnerability   vexVulnerability `json:"vulnerability"`
	Products        []vexProduct     `json:"products"`
	Status          string           `json:"status"`
	Justification   string           `json:"justification"`
	ImpactStatement string           `json:"impact_statement"`
}

type vexVulnerability struct {
	Name    string   `json:"name"`
	Aliases []string `json:"aliases,omitempty"`
}

type vexProduct struct {
	ID            string         `json:"@id"`
	Subcomponents []vexComponent `json:"subcomponents"`
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
	for _, r := range reports {
		doc.Tooling = strings.TrimSpace("careen " + r.Careen)
		doc.Statements = append(doc.Statements, vexStatements(r)...)
	}
	body, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	doc.ID = fmt.Sprintf("https://openvex.dev/docs/public/vex-%x", sha256.Sum256(body))
	return safetext.WriteJSON(w, doc)
}

func vexStatements(r *Report) []vexStatement {
	product := vexProductID(&r.Target)
	var list []vexStatement
	for _, v := range r.Vulnerabilities {
		s := vexStatement{
			Vulnerability: vexVulnerability{v.ID, v.Aliases}, Status: "not_affected",
			Products: []vexProduct{{product, []vexComponent{{v.Package}}}},
		}
		switch {
		case v.Reach != nil && v.Reach.State == finding.NotReached:
			s.Justification = "vulnerable_code_not_in_execute_path"
			s.ImpactStatement = v.Reach.Why
		case v.Linked != nil && v.Linked.State == finding.SymbolsNotLinked:
			s.Justification = "vulnerable_code_not_present"
			s.ImpactStatement = "none of the vulnerable symbols that the advisory lists is linked into the binary (table of functions, pclntab)"
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

// vexProductID names the image as a package URL of type oci where the digest of
// its manifest is known, which is that type's version, with the repository that
// has it; else as it was given. The digest of a configuration finds nothing in a
// registry.
func vexProductID(t *Target) string {
	if purl := imagePURL(*t); purl != "" || t.Digest == "" {
		return cmp.Or(purl, t.Ref)
	}
	name := t.Ref
	if len(t.Tags) > 0 {
		name = t.Tags[0]
	}
	repository, _ := splitReference(name)
	return "pkg:oci/" + cmp.Or(strings.ToLower(repository[strings.LastIndexByte(repository, '/')+1:]), "image") + "@" + strings.ReplaceAll(t.Digest, ":", "%3A")
}
