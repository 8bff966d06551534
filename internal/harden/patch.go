package harden

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Patch adds the profile's keys to a compose file or a Kubernetes manifest and
// leaves every other byte as it is. name is the service or container that is
// meant; "" is the only one that there is. What is set already is not touched
// but named in notes.
func (p *Profile) Patch(data []byte, name string) (patched []byte, notes []string, err error) {
	documents, err := parse(data)
	if err != nil {
		return nil, nil, err
	}
	var all []insertion
	var found []string
	for _, doc := range documents {
		for _, t := range targets(doc) {
			found = append(found, t.name)
			if name != "" && name != t.name {
				continue
			}
			more, said, err := p.insertions(doc, t)
			if err != nil {
				return nil, nil, fmt.Errorf("%s: %w", t.name, err)
			}
			all, notes = append(all, more...), append(notes, said...)
		}
	}
	switch {
	case len(found) == 0:
		return nil, nil, errors.New("neither a compose file with services nor a Kubernetes manifest with containers")
	case name == "" && len(found) > 1:
		return nil, nil, fmt.Errorf("several services: name one of %s with --service", strings.Join(found, ", "))
	case name != "" && !slices.Contains(found, name):
		return nil, nil, fmt.Errorf("no service %s: it has %s", name, strings.Join(found, ", "))
	}
	patched = insert(data, all)
	keys := 0
	for _, i := range all {
		keys += i.keys
	}
	after, err := parse(patched)
	if err != nil || len(after) != len(documents) {
		return nil, nil, errLayout
	}
	for i, doc := range documents {
		keys -= grown(doc, after[i])
	}
	if keys != 0 {
		return nil, nil, errLayout
	}
	return patched, notes, nil
}

// errLayout says that what was added is not read as it was meant: a value goes
// on over several lines, say, where it does not look so.
var errLayout = errors.New("the file's layout is not one that can be added to: give the service's image a line of its own")

const maxDocuments = 1000

// parse returns the documents of a file, empty ones left out.
func parse(data []byte) ([]*yaml.Node, error) {
	var list []*yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for len(list) < maxDocuments {
		var doc yaml.Node
		err := decoder.Decode(&doc)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if len(doc.Content) > 0 {
			list = append(list, doc.Content[0])
		}
	}
	return list, nil
}

// grown returns how many keys a document has got that it had not before. What
// else has changed makes the number so large that it is none that is expected.
func grown(before, after *yaml.Node) int {
	const changed = 1 << 20
	if before.Kind != after.Kind || before.Tag != after.Tag || before.Value != after.Value || before.Anchor != after.Anchor {
		return changed
	}
	n := 0
	if before.Kind != yaml.MappingNode {
		if len(before.Content) != len(after.Content) {
			return changed
		}
		for i := range before.Content {
			n += grown(before.Content[i], after.Content[i])
		}
		return n
	}
	j := 0
	for i := 0; i+1 < len(before.Content); i += 2 {
		for ; j+1 < len(after.Content) && after.Content[j].Value != before.Content[i].Value; j += 2 {
			n++
		}
		if j+1 >= len(after.Content) {
			return changed
		}
		n += grown(before.Content[i], after.Content[j]) + grown(before.Content[i+1], after.Content[j+1])
		j += 2
	}
	return n + (len(after.Content)-j)/2
}

// target is a service or container, and the pod of the latter.
type target struct {
	name           string
	container, pod *yaml.Node // mappings; pod is nil in a compose file
}

// targets lists what runs in one document.
func targets(doc *yaml.Node) []target {
	var list []target
	if services := value(doc, "services"); services != nil && services.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(services.Content); i += 2 {
			list = append(list, target{services.Content[i].Value, services.Content[i+1], nil})
		}
		return list
	}
	return pods(doc, 0)
}

// pods finds the containers of a manifest: a mapping with a list of containers
// is a PodSpec, however deep it is.
func pods(node *yaml.Node, depth int) []target {
	const deepest = 20 // CronJobs within Lists have 8
	if depth > deepest {
		return nil
	}
	var list []target
	if containers := value(node, "containers"); containers != nil && containers.Kind == yaml.SequenceNode {
		for _, c := range containers.Content {
			if name := value(c, "name"); name != nil {
				list = append(list, target{name.Value, c, node})
			}
		}
		return list
	}
	for _, child := range node.Content {
		list = append(list, pods(child, depth+1)...)
	}
	return list
}

func value(mapping *yaml.Node, key string) *yaml.Node {
	if i := index(mapping, key); i >= 0 {
		return mapping.Content[i+1]
	}
	return nil
}

func index(mapping *yaml.Node, key string) int {
	if mapping == nil || mapping.Kind != yaml.MappingNode {
		return -1
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return i
		}
	}
	return -1
}

// insertion is text to put in after a line, counted from 1; after 0 is before all.
type insertion struct {
	after int
	keys  int
	lines []string
}

// insertions says what goes where for one target.
func (p *Profile) insertions(doc *yaml.Node, t target) ([]insertion, []string, error) {
	own, above, beside, outer := p.Compose(), p.ComposeVolumes(), "services", doc
	if t.pod != nil {
		own, above, beside, outer = p.Kubernetes(), p.PodVolumes(), "containers", t.pod
	}
	// A mount needs its volume and a volume is of no use without its mount: where
	// one of the two lists is there already, both are left.
	var notes []string
	mounts := map[bool]string{false: "volumes", true: "volumeMounts"}[t.pod != nil]
	if value(t.container, mounts) != nil || value(outer, "volumes") != nil {
		var places []string
		for _, v := range p.mounted(t.pod != nil) {
			places = append(places, v.What)
		}
		without := func(e Entry) bool { return e.Key == mounts || e.Key == "volumes" }
		if len(places) > 0 {
			notes = append(notes, "volumes are set already and were left: "+strings.Join(places, ", ")+" must be writable")
		}
		own, above = slices.DeleteFunc(own, without), slices.DeleteFunc(above, without)
	}
	all, said, err := addKeys(t.container, own, "image")
	if err != nil {
		return nil, nil, err
	}
	more, saidAbove, err := addKeys(outer, above, beside)
	return append(all, more...), slices.Concat(notes, said, saidAbove), err
}

// addKeys adds the keys that a mapping does not have: behind the line of a plain
// value, that of beside if it is one, or before a key that has a line of its own.
func addKeys(mapping *yaml.Node, entries []Entry, beside string) ([]insertion, []string, error) {
	if mapping.Kind != yaml.MappingNode || mapping.Style&yaml.FlowStyle != 0 || len(mapping.Content) == 0 {
		return nil, nil, errors.New("it is not written as a block of keys: nothing can be added to it")
	}
	var notes, lines []string
	keys := 0
	first := mapping.Content[0]
	indent := strings.Repeat(" ", max(first.Column-1, 0))
	for _, e := range entries {
		if value(mapping, e.Key) != nil {
			notes = append(notes, e.Key+" is set already and was left: it would be "+strings.Join(strings.Fields(strings.Join(e.Lines, " ")), " "))
			continue
		}
		for _, line := range e.Lines {
			lines = append(lines, indent+line)
		}
		keys++
	}
	if keys == 0 {
		return nil, notes, nil
	}
	at := func(after int) ([]insertion, []string, error) { return []insertion{{after, keys, lines}}, notes, nil }
	i := index(mapping, beside)
	switch {
	case i >= 0 && isLine(mapping, i):
		return at(mapping.Content[i].Line)
	case i > 0:
		return at(mapping.Content[i].Line - 1)
	case first.Column == 1:
		return at(first.Line - 1)
	}
	// The first key may stand behind a list's dash: nothing goes before that.
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if isLine(mapping, i) {
			return at(mapping.Content[i].Line)
		}
	}
	if len(mapping.Content) > 2 {
		return at(mapping.Content[2].Line - 1)
	}
	return at(first.Line - 1)
}

// isLine reports whether a key and its value seem to be one line.
func isLine(mapping *yaml.Node, i int) bool {
	v := mapping.Content[i+1]
	return v.Kind == yaml.ScalarNode && v.Line == mapping.Content[i].Line && v.Style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0
}

// insert puts lines into a text, with the text's own line ends.
func insert(data []byte, all []insertion) []byte {
	slices.SortStableFunc(all, func(a, b insertion) int { return a.after - b.after })
	end := "\n"
	if bytes.Contains(data, []byte("\r\n")) {
		end = "\r\n"
	}
	var out bytes.Buffer
	number := 0
	flush := func() {
		for len(all) > 0 && all[0].after <= number {
			if out.Len() > 0 && !bytes.HasSuffix(out.Bytes(), []byte("\n")) {
				out.WriteString(end)
			}
			for _, line := range all[0].lines {
				out.WriteString(line + end)
			}
			all = all[1:]
		}
	}
	flush()
	for line := range bytes.Lines(data) {
		out.Write(line)
		number++
		flush()
	}
	return out.Bytes()
}
