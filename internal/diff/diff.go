// Package diff compares two reports: what a change of an image brought and what
// it removed. It reads no image and decides nothing about findings; whether the
// difference may pass is policy's.
package diff

import (
	"cmp"
	"slices"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/sbom"
)

// Schema is the name and version of the JSON form (docs/schema/careen-diff-1.json).
const Schema = "careen-diff/1"

// Difference is what one report says and another does not. A nil part means
// that one of the reports did not look for it.
type Difference struct {
	Schema            string             `json:"schema"`
	Old               Image              `json:"old"`
	New               Image              `json:"new"`
	Packages          Packages           `json:"packages"`
	Vulnerabilities   *Vulnerabilities   `json:"vulnerabilities,omitempty"`
	Secrets           *Secrets           `json:"secrets,omitempty"`
	Misconfigurations *Misconfigurations `json:"misconfigurations,omitempty"`
}

// Image is one of the two in numbers.
type Image struct {
	Ref      string `json:"ref"`
	Digest   string `json:"digest,omitempty"`
	Platform string `json:"platform,omitempty"`
	Size     int64  `json:"size"` // stored bytes of all layers
	Files    int    `json:"files"`
	Packages int    `json:"packages"`
	Surface  *int   `json:"surface,omitempty"` // index of the attack surface; absent when not looked at
}

// Packages says which packages came, went, or have another version.
type Packages struct {
	Added   []Package `json:"added"`
	Removed []Package `json:"removed"`
	Changed []Package `json:"changed"`
}

// Package is a package under all its versions in one image. Old is empty for
// one that was added, New for one that was removed.
type Package struct {
	PURL string   `json:"purl"` // without version and qualifiers
	Old  []string `json:"old,omitempty"`
	New  []string `json:"new,omitempty"`
}

// Vulnerabilities says which came, which went, and how many are in both. One
// that is in both in different versions of a package is in both.
type Vulnerabilities struct {
	Added   []finding.Vulnerability `json:"added"`
	Removed []finding.Vulnerability `json:"removed"`
	Both    int                     `json:"both"`
}

// Secrets is the same of secrets.
type Secrets struct {
	Added   []finding.Secret `json:"added"`
	Removed []finding.Secret `json:"removed"`
	Both    int              `json:"both"`
}

// Misconfigurations is the same of faults of the configuration and the files.
type Misconfigurations struct {
	Added   []finding.Misconfiguration `json:"added"`
	Removed []finding.Misconfiguration `json:"removed"`
	Both    int                        `json:"both"`
}

// Compare returns what new says and old does not, and the other way. Findings
// that were suppressed count as absent.
func Compare(old, new *report.Report) Difference {
	d := Difference{Schema: Schema, Old: measure(old), New: measure(new), Packages: packages(old.Packages, new.Packages)}
	if old.Vulnerabilities != nil && new.Vulnerabilities != nil {
		v := &Vulnerabilities{}
		v.Added, v.Removed, v.Both = split(old.Vulnerabilities, new.Vulnerabilities, func(f *finding.Vulnerability) (string, bool) {
			// Not by the fingerprint, which has the place of the package: what
			// moved has neither come nor gone.
			return f.ID + " " + unversioned(f.Package), f.Suppressed == nil
		})
		worstFirst := func(a, b finding.Vulnerability) int {
			return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(b.Risk, a.Risk), strings.Compare(a.ID, b.ID), strings.Compare(a.Package, b.Package))
		}
		slices.SortStableFunc(v.Added, worstFirst)
		slices.SortStableFunc(v.Removed, worstFirst)
		d.Vulnerabilities = v
	}
	if old.Secrets != nil && new.Secrets != nil {
		s := &Secrets{}
		s.Added, s.Removed, s.Both = split(old.Secrets, new.Secrets, func(f *finding.Secret) (string, bool) {
			return f.Fingerprint, f.Suppressed == nil
		})
		d.Secrets = s
	}
	if old.Misconfigurations != nil && new.Misconfigurations != nil {
		m := &Misconfigurations{}
		m.Added, m.Removed, m.Both = split(old.Misconfigurations, new.Misconfigurations, func(f *finding.Misconfiguration) (string, bool) {
			return f.Fingerprint, f.Suppressed == nil
		})
		d.Misconfigurations = m
	}
	return d
}

func measure(r *report.Report) Image {
	img := Image{Ref: r.Target.Ref, Digest: r.Target.Digest, Platform: r.Target.Platform,
		Size: r.Target.Size, Files: r.Target.Files, Packages: len(r.Packages)}
	if r.Surface != nil {
		img.Surface = &r.Surface.Index
	}
	return img
}

// split divides two lists by what key says: what only the new one has, what only
// the old one has, and how many keys are in both. Of several with one key the
// first represents all. key's second result says whether a finding counts.
func split[T any](old, new []T, key func(*T) (string, bool)) (added, removed []T, both int) {
	keys := func(list []T) map[string]bool {
		set := map[string]bool{}
		for i := range list {
			if k, counts := key(&list[i]); counts {
				set[k] = true
			}
		}
		return set
	}
	lacking := func(list []T, from map[string]bool) []T {
		out, seen := []T{}, map[string]bool{}
		for i := range list {
			if k, counts := key(&list[i]); counts && !from[k] && !seen[k] {
				seen[k] = true
				out = append(out, list[i])
			}
		}
		return out
	}
	inOld, inNew := keys(old), keys(new)
	for k := range inNew {
		if inOld[k] {
			both++
		}
	}
	return lacking(new, inOld), lacking(old, inNew), both
}

func packages(old, new []sbom.Package) Packages {
	all := map[string]*Package{}
	at := func(purl string) *Package {
		purl = unversioned(purl)
		if all[purl] == nil {
			all[purl] = &Package{PURL: purl}
		}
		return all[purl]
	}
	for i := range old {
		p := at(old[i].PURL)
		p.Old = append(p.Old, old[i].Version)
	}
	for i := range new {
		p := at(new[i].PURL)
		p.New = append(p.New, new[i].Version)
	}
	d := Packages{Added: []Package{}, Removed: []Package{}, Changed: []Package{}}
	for _, p := range all {
		p.Old, p.New = distinct(p.Old), distinct(p.New)
		switch {
		case p.Old == nil:
			d.Added = append(d.Added, *p)
		case p.New == nil:
			d.Removed = append(d.Removed, *p)
		case !slices.Equal(p.Old, p.New):
			d.Changed = append(d.Changed, *p)
		}
	}
	for _, list := range [][]Package{d.Added, d.Removed, d.Changed} {
		slices.SortFunc(list, func(a, b Package) int { return strings.Compare(a.PURL, b.PURL) })
	}
	return d
}

func distinct(versions []string) []string {
	slices.Sort(versions)
	return slices.Compact(versions)
}

// unversioned returns a purl without its version, qualifiers and subpath. The
// version begins at the last "@"; one of a namespace is written %40 (purl-spec,
// "How to parse a purl string").
func unversioned(purl string) string {
	purl, _, _ = strings.Cut(purl, "#")
	purl, _, _ = strings.Cut(purl, "?")
	if at := strings.LastIndexByte(purl, '@'); at > strings.LastIndexByte(purl, '/') {
		purl = purl[:at]
	}
	return purl
}
