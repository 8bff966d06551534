// Package page writes a report as one web page that needs nothing else: no
// network, no other file. Its parts (the treemap, the style, the script that
// filters and sorts a table) know nothing of where the page is shown.
package page

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/safetext"
	"github.com/careen/careen/internal/sbom"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

//go:embed page.js
var pageJS string

// Point is one of a checklist.
type Point struct{ State, Title, Says, Next string }

// Options are what the page shows next to the reports. The zero value is right.
type Options struct {
	Checklists [][]Point // one for each report; none leaves the section out
}

// maxOption is how long the text of a choice may be: a list is as wide as its longest.
const maxOption = 40

func short(s string) string {
	if runes := []rune(s); len(runes) > maxOption {
		return string(runes[:maxOption-1]) + "…"
	}
	return s
}

// Write writes the page.
func Write(w io.Writer, reports []*report.Report, opt Options) error {
	t, err := template.New("page").Funcs(template.FuncMap{
		"clean": safetext.Line, "bytes": report.Bytes, "instruction": func(s string) string { return safetext.Line(report.Instruction(s)) },
		"lower":   func(words ...string) string { return strings.ToLower(safetext.Line(strings.Join(words, " "))) },
		"percent": func(f float64) string { return fmt.Sprintf("%.1f %%", 100*f) },
		"add":     func(a, b int) int { return a + b },
		"short":   short,
	}).Parse(pageHTML)
	if err != nil {
		return err
	}
	p := struct {
		Policy  template.HTMLAttr
		Style   template.CSS
		Script  template.JS
		Title   string
		Reports []view
	}{
		Policy: template.HTMLAttr(fmt.Sprintf(`content="default-src 'none'; style-src '%s'; script-src '%s'; img-src data:; base-uri 'none'; form-action 'none'"`, hash(pageCSS), hash(pageJS))),
		Style:  template.CSS(pageCSS), Script: template.JS(pageJS), Title: "careen",
	}
	for i, r := range reports {
		v := viewOf(r, i)
		if i < len(opt.Checklists) {
			v.Checklist = opt.Checklists[i]
		}
		p.Reports = append(p.Reports, v)
		p.Title = safetext.Line(r.Target.Ref) + " · careen"
	}
	var b bytes.Buffer
	if err := t.Execute(&b, p); err != nil {
		return err
	}
	_, err = w.Write(b.Bytes())
	return err
}

// hash is how a content security policy names a text.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// view is a report as the page has it.
type view struct {
	*report.Report
	N          int
	Counts     []count
	Nothing    string
	NotJudged  string
	Rows       []row
	Layers     []layer
	Cells      []cell
	Secrets    []secret
	Faults     []fault
	Steps      []report.Step
	Checklist  []Point
	Reach      bool
	Suppressed int
}

type count struct {
	Word, Class string
	N           int
}

// row is a line of the table of findings.
type row struct {
	ID, URL, Title, Severity, Class, Package, Version, Type, Fix, Reach, Path, Line, Why, Range string

	Rank, Layer          int
	Risk                 float64
	Fixed, KEV, NotCount bool
	Development          bool
	EPSS                 *finding.EPSS
}

// ReachRank orders what is reached behind what is not known, and that behind what is not.
func (r row) ReachRank() int {
	return slices.Index([]string{string(finding.NotReached), string(finding.ReachUnknown), string(finding.Reached)}, r.Reach)
}

// layer is one of the image: its bytes, its story and what it brought.
type layer struct {
	report.Layer
	N, Packages, Findings, Secrets int
	Worst, Line                    string
}

// cell is a box of the picture.
type cell struct {
	Box
	Class, Label, Title string
	Outer               bool
}

// TextX and TextY are where the label of a box begins.
func (c cell) TextX() float64 { return c.X + 4 }

// TextY is the baseline of the label.
func (c cell) TextY() float64 { return c.Y + 13 }

type secret struct {
	finding.Secret
	Class string
	Life  []string
}

type fault struct {
	finding.Misconfiguration
	Class, URL string
}

// Size of the picture.
const pictureWidth, pictureHeight = 1000, 360

func viewOf(r *report.Report, n int) view {
	v := view{Report: r, N: n, NotJudged: report.NotJudged(r), Steps: report.Steps(r, report.Shown{}, 120)}
	byPURL := map[string]*sbom.Package{}
	for i := range r.Packages {
		byPURL[r.Packages[i].PURL] = &r.Packages[i]
	}
	counts := map[finding.Severity]int{}
	for i := range r.Vulnerabilities {
		f := &r.Vulnerabilities[i]
		one := rowOf(f, byPURL[f.Package])
		if one.NotCount {
			v.Suppressed++
		} else {
			counts[f.Severity]++
		}
		v.Reach = v.Reach || one.Reach != ""
		v.Rows = append(v.Rows, one)
	}
	slices.SortStableFunc(v.Rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(b.Risk, a.Risk), cmp.Compare(b.Rank, a.Rank), strings.Compare(a.ID, b.ID), strings.Compare(a.Package, b.Package))
	})
	for _, s := range finding.Severities() {
		if counts[s] > 0 || s >= finding.Low {
			v.Counts = append(v.Counts, count{strings.ToLower(s.String()), class(s), counts[s]})
		}
	}
	if len(v.Rows) == v.Suppressed && r.Vulnerabilities != nil {
		v.Nothing = report.Nothing(r)
	}
	for i := range r.Secrets {
		s := secret{Secret: r.Secrets[i], Class: class(r.Secrets[i].Severity)}
		for _, p := range s.Places {
			s.Life = append(s.Life, report.SecretPlace(p))
		}
		v.Secrets = append(v.Secrets, s)
	}
	for i := range r.Misconfigurations {
		m := r.Misconfigurations[i]
		v.Faults = append(v.Faults, fault{m, class(m.Severity), report.RulePage(m.Rule)})
	}
	v.layers()
	v.picture()
	return v
}

func class(s finding.Severity) string { return "s-" + strings.ToLower(s.String()) }

func rowOf(f *finding.Vulnerability, p *sbom.Package) row {
	if p == nil {
		p = &sbom.Package{Name: f.Package}
	}
	one := row{
		ID: f.ID, URL: report.Page(f), Title: f.Title, Severity: strings.ToLower(f.Severity.String()), Class: class(f.Severity), Package: p.Name,
		Version: p.Version, Type: p.Type, Fix: report.FixWord(f), Range: f.Advisory.ID + " " + f.Advisory.Range, Rank: int(f.Severity), Layer: f.Layer,
		Risk: f.Risk, Fixed: f.Fix.State == finding.Fixed, KEV: f.KEV, NotCount: f.Suppressed != nil, EPSS: f.EPSS,
		Development: p.Development,
	}
	if f.Reach != nil {
		one.Reach = string(f.Reach.State)
	}
	if len(f.Locations) > 0 {
		one.Path = "/" + f.Locations[0].Path
	}
	if f.Line != nil {
		one.Line = fmt.Sprintf("%s:%d", f.Line.File, f.Line.Line)
	}
	if f.Suppressed != nil {
		one.Why = strings.TrimSuffix(f.Suppressed.By+": "+f.Suppressed.Why, ": ")
	}
	return one
}

// layers gathers what each layer brought.
func (v *view) layers() {
	for i, l := range v.Target.Layers {
		v.Layers = append(v.Layers, layer{Layer: l, N: i})
	}
	at := func(i int) *layer {
		if i < 0 || i >= len(v.Layers) {
			return &layer{}
		}
		return &v.Layers[i]
	}
	for i := range v.Packages {
		at(v.Packages[i].Layer).Packages++
	}
	worst := map[int]int{}
	for _, one := range v.Rows {
		if one.NotCount {
			continue
		}
		l := at(one.Layer)
		l.Findings++
		if one.Rank >= worst[one.Layer] {
			worst[one.Layer], l.Worst = one.Rank, one.Class
		}
		if one.Line != "" {
			l.Line = one.Line
		}
	}
	for _, s := range v.Secrets {
		for _, p := range s.Places {
			at(p.Layer).Secrets++
			if p.Line != nil {
				at(p.Layer).Line = fmt.Sprintf("%s:%d", p.Line.File, p.Line.Line)
			}
		}
	}
}

// maxCells bounds the boxes inside one layer's.
const maxCells = 200

// picture draws the image: a box for each layer by its bytes, and in it one for
// each package with findings, by their number.
func (v *view) picture() {
	weights := make([]float64, len(v.Layers))
	for i, l := range v.Layers {
		weights[i] = max(float64(l.Size), 1)
	}
	for i, box := range Treemap(weights, Box{0, 0, pictureWidth, pictureHeight}) {
		l := v.Layers[i]
		label := fmt.Sprintf("%d  %s  %s", l.N, report.Bytes(l.Size), report.Instruction(l.Instruction))
		v.Cells = append(v.Cells, cell{box, "layer", fit(label, box), fmt.Sprintf("layer %s: %s", label, safetext.Count(l.Findings, "finding")), true})
		inner := Box{box.X + 2, box.Y + 18, box.W - 4, box.H - 20}
		if inner.W < 4 || inner.H < 4 {
			continue
		}
		v.Cells = append(v.Cells, v.packagesOf(l.N, inner)...)
	}
}

func (v *view) packagesOf(n int, within Box) []cell {
	type group struct {
		name, class string
		rank, count int
	}
	var groups []*group
	byName := map[string]*group{}
	for _, one := range v.Rows {
		if one.Layer != n || one.NotCount {
			continue
		}
		name := one.Package + " " + one.Version
		g := byName[name]
		if g == nil {
			if len(groups) == maxCells {
				continue
			}
			g = &group{name: name, rank: -1}
			byName[name] = g
			groups = append(groups, g)
		}
		g.count++
		if one.Rank > g.rank {
			g.rank, g.class = one.Rank, one.Class
		}
	}
	weights := make([]float64, len(groups))
	for i, g := range groups {
		weights[i] = float64(g.count)
	}
	var cells []cell
	for i, box := range Treemap(weights, within) {
		g := groups[i]
		cells = append(cells, cell{box, g.class, fit(g.name, box), fmt.Sprintf("%s: %s", g.name, safetext.Count(g.count, "finding")), false})
	}
	return cells
}

// fit is as much of a label as a box has room for; "" where that says nothing.
func fit(label string, box Box) string {
	n := int((box.W - 8) / 7)
	if n < 4 || box.H < 15 {
		return ""
	}
	runes := []rune(label)
	if len(runes) > n {
		return string(runes[:n-1]) + "…"
	}
	return label
}
