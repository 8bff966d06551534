// Package answer is what careen reach says: the verdicts on an image as a whole, or
// on the files and packages of a name, with what could not be followed.
package answer

import (
	"cmp"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/reach"
	"github.com/careen/careen/internal/safetext"
	"github.com/careen/careen/internal/sbom"
)

// Document is what careen reach prints; its JSON is docs/reach.md's.
type Document struct {
	Schema   string         `json:"schema"`
	Target   string         `json:"target"`
	Digest   string         `json:"digest,omitempty"`
	Platform string         `json:"platform,omitempty"`
	Summary  *reach.Summary `json:"summary,omitempty"`  // without a name
	Packages []Answer       `json:"packages,omitempty"` // without a name: each; with one: those of it
	Files    []Answer       `json:"files,omitempty"`    // with a name: those of it
	Gaps     []reach.Gap    `json:"gaps"`               // what could not be followed
}

// Answer is the verdict on one file or package.
type Answer struct {
	Path string `json:"path,omitempty"`
	PURL string `json:"purl,omitempty"`
	reach.Verdict
}

// New answers for a path or its last element, a package's name or a purl; for no
// name it sums up and judges each package.
func New(img *image.Image, result *reach.Result, packages []sbom.Package, name string) (*Document, error) {
	d := &Document{Schema: "careen-reach/1", Target: img.Ref, Digest: img.Digest, Platform: img.Platform.String(), Gaps: safetext.List(result.Gaps)}
	if name == "" {
		s := result.Summary()
		d.Summary = &s
	} else {
		paths := result.Paths(name)
		slices.SortStableFunc(paths, func(a, b string) int { return cmp.Compare(rank(a), rank(b)) })
		for _, p := range paths {
			d.Files = append(d.Files, Answer{Path: p, Verdict: result.File(p)})
		}
	}
	for i := range packages {
		if p := &packages[i]; name == "" || p.Name == name || p.PURL == name {
			d.Packages = append(d.Packages, Answer{PURL: p.PURL, Verdict: result.Package(i)})
		}
	}
	if name != "" && len(d.Files)+len(d.Packages) == 0 {
		return nil, fmt.Errorf("%q: the image has no such file or package", name)
	}
	return d, nil
}

// rank puts programs and libraries first, and what is there to be read last: of
// those the question is asked least.
func rank(file string) int {
	dir, base := path.Split(file)
	switch {
	case reach.IsDocumentation(file):
		return 2
	case strings.HasSuffix(dir, "bin/"), strings.HasSuffix(base, ".so"), strings.Contains(base, ".so."):
		return 0
	}
	return 1
}

// maxShownGaps is how many gaps the text lists.
const maxShownGaps = 20

// WriteText prints the answers, one a line, or the counts and the gaps.
func (d *Document) WriteText(out io.Writer) error {
	var b strings.Builder
	if d.Summary != nil {
		d.writeSummary(&b)
	} else {
		several := len(d.Files)+len(d.Packages) > 1
		for _, a := range slices.Concat(d.Files, d.Packages) {
			if several {
				fmt.Fprintf(&b, "%s\n  ", safetext.Line(answerName(a)))
			}
			fmt.Fprintf(&b, "%s\n", safetext.Line(a.Verdict.String()))
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func (d *Document) writeSummary(b *strings.Builder) {
	w := tabwriter.NewWriter(b, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "\tfiles\tMB\tpackages\t\n")
	for _, row := range []struct {
		name  string
		count reach.Count
	}{{"reached", d.Summary.Reached}, {"unknown", d.Summary.Unknown}, {"not reached", d.Summary.NotReached}} {
		fmt.Fprintf(w, "%s\t%d\t%.1f\t%d\t\n", row.name, row.count.Files, float64(row.count.Bytes)/1e6, row.count.Packages)
	}
	w.Flush()
	if len(d.Gaps) == 0 {
		return
	}
	fmt.Fprintf(b, "\nNot followed; what is named on the right is kept as unknown:\n")
	for _, g := range d.Gaps[:min(maxShownGaps, len(d.Gaps))] {
		at := "/" + g.Path
		if g.Line > 0 {
			at = fmt.Sprintf("%s:%d", at, g.Line)
		}
		fmt.Fprintf(b, "  %s  %s  (%s)\n", safetext.Line(at), safetext.Line(g.What), safetext.Line(g.Scope))
	}
	if more := len(d.Gaps) - maxShownGaps; more > 0 {
		fmt.Fprintf(b, "  … %d more: -f json\n", more)
	}
}

func answerName(a Answer) string {
	if a.PURL != "" {
		return a.PURL
	}
	return "/" + a.Path
}
