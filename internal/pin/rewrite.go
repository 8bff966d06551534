package pin

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// edit replaces text[start:end] of a document.
type edit struct {
	start, end int
	text       string
}

// rewrite gives references new values, by index, and returns the new bytes. A
// reference whose value cannot be changed without changing something else keeps
// it; the second result says why.
//
// What comes of the edits is read again and compared: each reference must have
// the value that is wanted, or the one that it had, and nothing else may change.
func (d *Document) rewrite(wanted map[int]string) ([]byte, map[int]string) {
	stuck := map[int]string{}
	for {
		edits := d.edits(wanted, stuck)
		data := apply(d.Data, edits)
		if len(edits) == 0 || !d.verify(data, wanted, stuck) {
			return data, stuck
		}
	}
}

// edits turns wanted values into edits, of which none overlap.
func (d *Document) edits(wanted map[int]string, stuck map[int]string) []edit {
	at := map[int]edit{}
	var all []edit
	for i, ref := range d.References {
		value, ok := wanted[i]
		if !ok || stuck[i] != "" {
			continue
		}
		if ref.place.missing != "" {
			stuck[i] = ref.place.missing
			continue
		}
		text, ok := strings.CutPrefix(value, strings.TrimSuffix(ref.Value, ref.place.text))
		if !ok {
			stuck[i] = "its tag is put together from variables: make it one"
			continue
		}
		e := edit{ref.place.start, ref.place.end, strings.TrimPrefix(text, ref.place.cut)}
		if other, taken := at[e.start]; taken {
			if other != e {
				stuck[i] = fmt.Sprintf("ARG %s feeds another image too: give each an ARG of its own", ref.place.arg)
			}
			continue
		}
		at[e.start] = e
		all = append(all, e)
		if ref.Code() {
			if comment, ok := d.commented(ref.use); ok {
				all = append(all, comment)
			}
		}
	}
	slices.SortFunc(all, func(a, b edit) int { return cmp.Compare(a.start, b.start) })
	return all
}

func apply(data []byte, edits []edit) []byte {
	var out bytes.Buffer
	pos := 0
	for _, e := range edits {
		out.Write(data[pos:e.start])
		out.WriteString(e.text)
		pos = e.end
	}
	out.Write(data[pos:])
	return out.Bytes()
}

// verify reads the new bytes and notes the references that keep them from being
// right. It returns whether there are more of those than before.
func (d *Document) verify(data []byte, wanted, stuck map[int]string) bool {
	before, wrong := len(stuck), false
	again, err := Read(d.Path, data)
	if err != nil || len(again.References) != len(d.References) || len(again.Notes) != len(d.Notes) {
		giveUp(wanted, stuck)
		return true
	}
	for i, ref := range again.References {
		want, ok := wanted[i]
		if !ok || stuck[i] != "" {
			want = d.References[i].Value
		}
		if ref.Value == want && ref.Skip == d.References[i].Skip {
			continue
		}
		wrong = true
		if ok && stuck[i] == "" {
			stuck[i] = "its variables would not come to that"
		}
		d.blame(wanted, stuck, d.References[i].args, fmt.Sprintf("line %d", d.References[i].Line))
	}
	// An ARG that is all of a reference may be seen by a stage: a name with a
	// digest names the same. One that is a tag is no tag with a digest in it.
	for name, value := range d.redeclared {
		for i, ref := range d.References {
			if again.redeclared[name] != value && wanted[i] != "" && stuck[i] == "" && slices.Contains(ref.args, name) && value != ref.Value {
				stuck[i] = fmt.Sprintf("ARG %s is part of it, and used in a stage too: give the stage an ARG of its own", name)
			}
		}
	}
	if wrong && len(stuck) == before {
		giveUp(wanted, stuck)
	}
	return len(stuck) > before
}

// giveUp leaves a document as it is.
func giveUp(wanted, stuck map[int]string) {
	for i := range wanted {
		if stuck[i] == "" {
			stuck[i] = "the rest of the file would not stay the same"
		}
	}
}

// blame gives up the references whose pin stands in one of the ARGs.
func (d *Document) blame(wanted, stuck map[int]string, args []string, what string) {
	for i, ref := range d.References {
		if wanted[i] != "" && stuck[i] == "" && ref.place.arg != "" && slices.Contains(args, ref.place.arg) {
			stuck[i] = fmt.Sprintf("ARG %s is part of %s too: give each an ARG of its own", ref.place.arg, what)
		}
	}
}
