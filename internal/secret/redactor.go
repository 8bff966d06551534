package secret

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/careen/careen/internal/image"
)

// Redactor takes secrets out of texts that careen shows: instructions, labels,
// commands. It holds the values that stand in the image's configuration and
// history, in memory alone; those of files it knows by their marks.
type Redactor struct {
	all    *Rules
	values []value
	marks  map[int]map[mark]string // by length: what is shown instead
}

type value struct{ secret, shown string }

// NewRedactor returns a redactor for the secrets of an image's configuration and
// history.
func (all *Rules) NewRedactor(img *image.Image) *Redactor {
	r := &Redactor{all: all, marks: map[int]map[mark]string{}}
	known := map[string]bool{}
	for _, p := range piecesOf(img) {
		text := []byte(p.text)
		for _, m := range all.toHide(text, p.path) {
			if secret := p.text[m.start:m.end]; !known[secret] {
				known[secret] = true
				r.values = append(r.values, value{secret, m.redacted(text)})
			}
		}
	}
	// The longest first: one may be a part of another.
	slices.SortStableFunc(r.values, func(a, b value) int { return cmp.Compare(len(b.secret), len(a.secret)) })
	return r
}

// toHide returns what must not be shown of a text: what these rules recognise,
// and what careen's own do where others are asked for.
func (all *Rules) toHide(text []byte, path string) []match {
	found := all.find(text, path, false)
	if all.builtin != nil {
		found = settle(append(found, all.builtin.find(text, path, false)...))
	}
	return found
}

// minMarked is the length from which on a file's secret is looked for by its
// mark: shorter ones are words that stand anywhere.
const minMarked = 6

// addMark makes the redactor know a secret of a file.
func (r *Redactor) addMark(s seen) {
	if s.Length < minMarked {
		return
	}
	if r.marks[s.Length] == nil {
		r.marks[s.Length] = map[mark]string{}
	}
	r.marks[s.Length][s.Mark] = s.Redacted
}

// maxMarkedText bounds the texts in which secrets of files are looked for:
// every place of a text is tried for every length.
const maxMarkedText = 64 << 10

// Text returns a text with each secret replaced by what may be shown of it.
func (r *Redactor) Text(text string) string {
	if r == nil || text == "" {
		return text
	}
	for _, v := range r.values {
		text = strings.ReplaceAll(text, v.secret, v.shown)
	}
	// White space may have been made one space since, and quotes taken off.
	b := []byte(text)
	found := apart(r.all.toHide(b, "Dockerfile"))
	for _, m := range slices.Backward(found) {
		text = text[:m.start] + m.redacted(b) + text[m.end:]
	}
	if len(text) > maxMarkedText {
		return text
	}
	for _, n := range slices.Sorted(maps.Keys(r.marks)) {
		text = r.withoutMarked(text, n)
	}
	return text
}

// withoutMarked replaces the secrets of files that have n bytes.
func (r *Redactor) withoutMarked(text string, n int) string {
	for i := 0; i+n <= len(text); i++ {
		if shown, ok := r.marks[n][markOf([]byte(text[i:i+n]))]; ok {
			text = text[:i] + shown + text[i+n:]
			i += len(shown) - 1
		}
	}
	return text
}

// Image returns a copy of an image whose instructions and configuration show no
// secret. What its layers hold is the same.
func (r *Redactor) Image(img *image.Image) *image.Image {
	out := *img
	out.Layers = slices.Clone(img.Layers)
	for i := range out.Layers {
		out.Layers[i].Instruction = r.Text(out.Layers[i].Instruction)
	}
	c := &out.Config
	for _, list := range []*[]string{&c.Env, &c.Entrypoint, &c.Cmd, &c.Healthcheck, &c.OnBuild, &c.Volumes, &c.ExposedPorts, &c.Shell} {
		*list = slices.Clone(*list)
		for i, text := range *list {
			(*list)[i] = r.Text(text)
		}
	}
	labels := c.Labels
	c.Labels = make(map[string]string, len(labels))
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		c.Labels[r.Text(name)] = r.Text(labels[name])
	}
	for _, text := range []*string{&c.User, &c.WorkingDir, &c.StopSignal} {
		*text = r.Text(*text)
	}
	c.History = slices.Clone(c.History)
	for i := range c.History {
		c.History[i].CreatedBy = r.Text(c.History[i].CreatedBy)
		c.History[i].Comment = r.Text(c.History[i].Comment)
	}
	c.Author = r.Text(c.Author)
	c.Raw = nil
	return &out
}
