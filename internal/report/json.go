package report

import (
	"io"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/safetext"
	"github.com/careen/careen/internal/sbom"
)

// WriteJSON writes the contract of docs/json.md: one report is an object,
// several (one a platform) a list of them. The same reports give the same bytes.
func WriteJSON(w io.Writer, reports []*Report) error {
	if len(reports) == 1 {
		return safetext.WriteJSON(w, published(reports[0]))
	}
	list := make([]Report, len(reports))
	for i, r := range reports {
		list[i] = published(r)
	}
	return safetext.WriteJSON(w, list)
}

// published returns the report with an empty list wherever the contract asks
// for a list and the maker left nil. Lists whose absence means "not looked at"
// stay as they are.
func published(r *Report) Report {
	p := *r
	p.Target.Layers = list(p.Target.Layers)
	p.Warnings = list(p.Warnings)
	if p.Database != nil {
		db := *p.Database
		db.Sources, db.Reach = list(db.Sources), list(db.Reach)
		p.Database = &db
	}
	if p.Packages != nil {
		p.Packages = append([]sbom.Package{}, p.Packages...)
		for i := range p.Packages {
			p.Packages[i].Locations = list(p.Packages[i].Locations)
		}
	}
	if p.Vulnerabilities != nil {
		p.Vulnerabilities = append([]finding.Vulnerability{}, p.Vulnerabilities...)
		for i := range p.Vulnerabilities {
			v := &p.Vulnerabilities[i]
			v.Aliases = list(v.Aliases)
			v.Locations = list(v.Locations)
		}
	}
	if p.Secrets != nil {
		p.Secrets = append([]finding.Secret{}, p.Secrets...)
		for i := range p.Secrets {
			p.Secrets[i].Places = list(p.Secrets[i].Places)
		}
	}
	return p
}

func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}
