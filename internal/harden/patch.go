package harden

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Patch adds the profile's keys to a compose file or a Kubernetes manifest and
// leaves every other byte as it is. name is the service or container that is
// meant; "" is the only one that there is. What is set already is not touched
// but named in notes.
func (p *Profile) Patch(data []byte, name string) (patched []byte, notes []string, err error) {
	var all []insertion
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var found []string
	for documents := 0; documents < maxDocuments; documents++ {
		var doc yaml.Node
		if decoder.Decode(&doc) != nil || len(doc.Content) == 0 {
			break
		}
		for _, t := range targets(doc.Content[0]) {
			found = append(found, t.name)
			if name != "" && name != t.name {
				continue
			}
			more, said, err := p.insertions(t)
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
	var check yaml.Node
	if err := yaml.Unmarshal(patched, &check); err != nil {
		return nil, nil, fmt.Errorf("the file's layout is not one that can be added to: %w", err)
	}
	return patched, notes, nil
}

const maxDocuments = 1000

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
	lines []string
}

// insertions says what goes where for one target.
func (p *Profile) insertions(t target) ([]insertion, []string, error) {
	if t.pod == nil {
		return addKeys(t.container, p.Compose(), "image")
	}
	all, notes, err := addKeys(t.container, p.Kubernetes(), "image")
	if err != nil {
		return nil, nil, err
	}
	more, said, err := addKeys(t.pod, p.PodVolumes(), "containers")
	return append(all, more...), append(notes, said...), err
}

// addKeys adds the keys that a mapping does not have: behind the line of a plain
// value, or before a key whose value is not on one line.
func addKeys(mapping *yaml.Node, entries []Entry, beside string) ([]insertion, []string, error) {
	if mapping.Kind != yaml.MappingNode || mapping.Style&yaml.FlowStyle != 0 || len(mapping.Content) == 0 {
		return nil, nil, errors.New("it is not written as a block of keys: nothing can be added to it")
	}
	var notes, lines []string
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
	}
	if len(lines) == 0 {
		return nil, notes, nil
	}
	i := index(mapping, beside)
	switch {
	case i >= 0 && mapping.Content[i+1].Kind == yaml.ScalarNode && mapping.Content[i+1].Line == mapping.Content[i].Line:
		return []insertion{{mapping.Content[i].Line, lines}}, notes, nil
	case i > 0:
		return []insertion{{mapping.Content[i].Line - 1, lines}}, notes, nil
	case first.Line > 1:
		// Before the first key; that of a list's item stands behind its dash.
		return []insertion{{first.Line - 1, lines}}, notes, nil
	}
	return nil, nil, errors.New("its first key is on the first line: nothing can be added before it")
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
