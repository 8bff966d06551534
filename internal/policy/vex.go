package policy

import (
	"fmt"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/purl"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/vex"
)

// VEX adds the statements of a document.
func (a *Accepted) VEX(name string, d *vex.Document) {
	a.vex.Add(d)
	a.vexFiles = append(a.vexFiles, vexFile{name: name, unknown: d.Unknown, all: d.Unknown + len(d.Statements)})
}

// VEXOf adds the statements of a document that is attached to one image, the one
// whose manifest has the digest: they count for no other.
func (a *Accepted) VEXOf(digest, name string, d *vex.Document) {
	if a.attached == nil {
		a.attached = map[string]*vex.Set{}
	}
	if a.attached[digest] == nil {
		a.attached[digest] = &vex.Set{}
	}
	a.attached[digest].Add(d)
	a.vexFiles = append(a.vexFiles, vexFile{name: name, unknown: d.Unknown, all: d.Unknown + len(d.Statements)})
}

// vexFile is a document.
type vexFile struct {
	name         string
	unknown, all int  // statements: without a product that can be recognised, and all
	used         bool // it said something of a finding
}

// VEXNotes says which documents said nothing of any finding in the reports that
// Apply saw, and what of them could not be used.
func (a *Accepted) VEXNotes() []string {
	var list []string
	for _, f := range a.vexFiles {
		if f.unknown > 0 {
			list = append(list, fmt.Sprintf("%s: %d of %d statements name their products by neither a package URL nor a digest, and are left out", f.name, f.unknown, f.all))
		}
		if !f.used {
			list = append(list, f.name+": no statement is about a finding")
		}
	}
	return list
}

// applyVEX notes at each vulnerability what is said of it. "not affected" and
// "fixed" suppress it; the other words mark it.
func (a *Accepted) applyVEX(r *report.Report) {
	own := a.attached[r.Target.Digest]
	if own == nil {
		own = &vex.Set{}
	}
	if a.vex.Empty() && own.Empty() {
		return
	}
	img := imageOf(&r.Target)
	packages := make([]vex.Package, len(r.Packages))
	byPURL := map[string]vex.Package{}
	for i := range r.Packages {
		p := &r.Packages[i]
		packages[i] = vex.Package{PURL: p.PURL, SourceName: p.Source.Name, SourceVersion: p.Source.Version, Paths: paths(p.Locations)}
		byPURL[p.PURL] = packages[i]
	}
	for i := range r.Vulnerabilities {
		v := &r.Vulnerabilities[i]
		p := byPURL[v.Package]
		p.PURL, p.Paths = v.Package, paths(v.Locations)
		if p.SourceName == "" {
			if parsed, err := purl.Parse(v.Package); err == nil {
				p.SourceName, p.SourceVersion = parsed.Upstream()
			}
		}
		f := vex.Finding{IDs: append([]string{v.ID}, v.Aliases...), Package: p}
		s := a.vex.On(f, img, packages)
		if other := own.On(f, img, packages); s == nil || other != nil && !other.Time.Before(s.Time) {
			s = other
		}
		if s == nil {
			continue
		}
		for j := range a.vexFiles {
			if a.vexFiles[j].name == s.Document {
				a.vexFiles[j].used = true
			}
		}
		v.VEX = &finding.VEX{Status: string(s.Status), Justification: s.Justification, Statement: s.Text, Author: s.Author, Document: s.Document}
		if !s.Time.IsZero() {
			made := s.Time
			v.VEX.Time = &made
		}
		if v.Suppressed == nil && (s.Status == vex.NotAffected || s.Status == vex.Fixed) {
			by := s.Document
			if s.Author != "" {
				by += " (" + s.Author + ")"
			}
			why := strings.ReplaceAll(string(s.Status), "_", " ")
			for _, part := range []string{s.Justification, s.Text} {
				if part != "" {
					why += ": " + part
				}
			}
			v.Suppressed = &finding.Suppressed{By: by, Why: why}
		}
	}
}

// imageOf is the target by all its names.
func imageOf(t *report.Target) vex.Image {
	img := vex.Image{Names: append([]string{t.Ref}, t.Tags...)}
	for _, digest := range []string{t.Digest, t.ConfigID} {
		if sum, ok := strings.CutPrefix(digest, "sha256:"); ok {
			img.Digests = append(img.Digests, sum)
		}
	}
	for _, name := range img.Names {
		if _, sum, ok := strings.Cut(name, "@sha256:"); ok {
			img.Digests = append(img.Digests, sum)
		}
	}
	if parts := strings.Split(t.Platform, "/"); len(parts) > 1 {
		img.Arch = parts[1]
	}
	return img
}

func paths(locations []finding.Location) []string {
	var list []string
	for _, l := range locations {
		list = append(list, l.Path)
	}
	return list
}
