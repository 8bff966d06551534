package pin

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/safetext"
)

// Because says why a check fails, and what there is to do; "" when it does not.
func (p *Plan) Because() string {
	bad, byHand := 0, 0
	for _, o := range p.Outcomes {
		if o.State == Unpinned || o.State == Stale {
			bad++
			if o.Why != "" {
				byHand++
			}
		}
	}
	next := "careen pin --update fixes them"
	switch {
	case bad == 0:
		return ""
	case byHand == bad:
		next = "they have to be rewritten by hand first"
	case byHand > 0:
		next = fmt.Sprintf("careen pin --update fixes %d, and %d have to be rewritten by hand first", bad-byHand, byHand)
	}
	return fmt.Sprintf("%d of %d references are not pinned to what their tags name; %s", bad, len(p.Outcomes), next)
}

// WriteCheck lists what is not pinned to what its tag names.
func (p *Plan) WriteCheck(out io.Writer) error {
	for _, o := range p.Outcomes {
		var text string
		switch o.State {
		case Unpinned:
			text = "not pinned"
			if o.Why != "" {
				text += ", and cannot be as it is written: " + safetext.Line(o.Why)
			}
		case Stale:
			text = "its tag now names " + named(o.New)
		default:
			continue
		}
		if _, err := fmt.Fprintf(out, "%s:%d: %s %s: %s\n", safetext.Line(o.Path), o.Reference.Line, safetext.Line(o.Reference.Where), safetext.Line(o.Reference.Value), text); err != nil {
			return err
		}
	}
	return nil
}

// WritePins lists what was pinned or moved.
func (p *Plan) WritePins(out io.Writer) error {
	for _, o := range p.Outcomes {
		if o.State != Pinned && o.State != Moved {
			continue
		}
		if _, err := fmt.Fprintf(out, "%s:%d: %s → %s\n", safetext.Line(o.Path), o.Reference.Line, safetext.Line(o.Reference.Value), safetext.Line(o.New)); err != nil {
			return err
		}
	}
	return nil
}

// VulnerabilityChange puts the difference into words: "2 vulnerabilities fewer
// (CVE-…, CVE-…), 1 more (CVE-…); 3 stay".
func VulnerabilityChange(from, to map[string]finding.Severity) string {
	gone, came, stay := lacking(from, to), lacking(to, from), 0
	for id := range from {
		if _, ok := to[id]; ok {
			stay++
		}
	}
	if len(gone) == 0 && len(came) == 0 {
		return fmt.Sprintf("the same %d vulnerabilities", stay)
	}
	var parts []string
	if len(gone) > 0 {
		parts = append(parts, fmt.Sprintf("%d fewer (%s)", len(gone), safetext.Few(gone, ", ")))
	}
	if len(came) > 0 {
		parts = append(parts, fmt.Sprintf("%d more (%s)", len(came), safetext.Few(came, ", ")))
	}
	return fmt.Sprintf("vulnerabilities: %s; %d stay", strings.Join(parts, ", "), stay)
}

// lacking returns what is in a and not in b, worst first.
func lacking(a, b map[string]finding.Severity) []string {
	var ids []string
	for id := range a {
		if _, ok := b[id]; !ok {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(x, y string) int {
		if a[x] != a[y] {
			return int(a[y]) - int(a[x])
		}
		return strings.Compare(x, y)
	})
	for i, id := range ids {
		ids[i] = fmt.Sprintf("%s %s", id, a[id])
	}
	return ids
}

// Notes returns what people should hear of references that are left alone although
// they may name something, and, for those who ask for more, why all the others are.
func (p *Plan) Notes(documents []*Document) (notes, details []string) {
	for _, d := range documents {
		for _, n := range d.Notes {
			notes = append(notes, fmt.Sprintf("%s:%d: %s", d.Path, n.Line, n.Message))
		}
	}
	counts := map[State]int{}
	for _, o := range p.Outcomes {
		counts[o.State]++
		ref, why := o.Reference, o.Why
		if ref.Said {
			why = ref.Skip
		}
		at := fmt.Sprintf("%s:%d: %s", o.Path, ref.Line, ref.Where)
		switch {
		case o.State == Failed:
			notes = append(notes, fmt.Sprintf("%s %s: %s", at, ref.Value, why))
		case why != "" && o.State != Unpinned: // --check says those on standard output
			notes = append(notes, fmt.Sprintf("%s %s: left alone: %s", at, ref.Text, why))
		case ref.Skip != "":
			details = append(details, fmt.Sprintf("%s %s: %s", at, ref.Text, ref.Skip))
		}
	}
	details = append(details, fmt.Sprintf("%d pinned already, %d to pin, %d to move, %d skipped, %d stuck", counts[Current], counts[Pinned], counts[Moved], counts[Skipped], counts[Stuck]))
	return notes, details
}

// NamedImage is an image that files name, and where.
type NamedImage struct {
	Ref   string
	Where []string // "compose.yaml:3"
}

// Images lists the images that documents name, each once, in their order, and says
// of which references it is not known what they name.
func Images(documents []*Document) (images []*NamedImage, nameless []string) {
	known := map[string]*NamedImage{}
	for _, d := range documents {
		for _, r := range d.References {
			at := fmt.Sprintf("%s:%d", d.Path, r.Line)
			switch {
			case r.Code():
				continue
			case r.Value == "":
				if r.Said {
					nameless = append(nameless, fmt.Sprintf("%s: %s is not scanned: %s", at, r.Text, r.Skip))
				}
				continue
			}
			image := known[r.Value]
			if image == nil {
				image = &NamedImage{Ref: r.Value}
				known[r.Value] = image
				images = append(images, image)
			}
			image.Where = append(image.Where, at)
		}
	}
	return images, nameless
}
