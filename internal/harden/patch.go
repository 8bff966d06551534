package harden

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
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

// grown returns how many keys and items a document has got that it had not before. What
// else has changed makes the number so large that it is none that is expected.
func grown(before, after *yaml.Node) int {
	const changed = 1 << 20
	if before.Kind != after.Kind || before.Tag != after.Tag || before.Value != after.Value || before.Anchor != after.Anchor {
		return changed
	}
	n := 0
	if before.Kind != yaml.MappingNode {
		more := len(after.Content) - len(before.Content)
		if more < 0 || more > 0 && before.Kind != yaml.SequenceNode {
			return changed
		}
		for i := range before.Content {
			n += grown(before.Content[i], after.Content[i])
		}
		return n + more // at the end
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
// With behind it goes into that line, behind the value at that column.
type insertion struct {
	after, behind int
	keys          int // and items
	lines         []string
}

// insertions says what goes where for one target. A place that is mounted already
// needs no more.
func (p *Profile) insertions(doc *yaml.Node, t target) ([]insertion, []string, error) {
	mounted := mountedIn(t)
	left := *p
	left.Tmpfs = slices.DeleteFunc(slices.Clone(p.Tmpfs), func(a Advice) bool { return mounted[a.What] })
	left.Volumes = slices.DeleteFunc(slices.Clone(p.Volumes), func(a Advice) bool { return mounted[a.What] })
	own, above, nextTo, outer := left.Compose(), left.ComposeVolumes(), "services", doc
	if t.pod != nil {
		own, above, nextTo, outer = left.Kubernetes(), left.PodVolumes(), "containers", t.pod
	}
	m := merger{}
	if err := m.merge(t.container, own, "image"); err != nil {
		return nil, nil, err
	}
	err := m.merge(outer, above, nextTo)
	return m.all, m.notes, err
}

// mountedIn lists the places that a target has mounted: volumes of compose in
// their short form "source:target:mode" and in their long one, tmpfs with options
// behind a colon, and mounts of Kubernetes.
func mountedIn(t target) map[string]bool {
	mounted := map[string]bool{}
	for _, key := range []string{"volumes", "tmpfs", "volumeMounts"} {
		list, _ := lookup(t.container, key)
		if list == nil || t.pod != nil && key != "volumeMounts" {
			continue
		}
		items := list.Content
		if list.Kind == yaml.ScalarNode {
			items = []*yaml.Node{list}
		}
		for _, item := range items {
			place := item.Value
			switch parts := strings.Split(place, ":"); {
			case item.Kind == yaml.MappingNode:
				for _, name := range []string{"target", "mountPath"} {
					if v := value(item, name); v != nil {
						place = v.Value
					}
				}
			case key == "tmpfs":
				place = parts[0]
			case len(parts) > 1:
				place = parts[1]
			}
			mounted[path.Clean(place)] = true
		}
	}
	return mounted
}

// lookup finds a key of a mapping, in what it merges too
// (https://yaml.org/type/merge.html). own is false there, and where the value is
// an alias: what stands there is others' as well.
func lookup(mapping *yaml.Node, key string) (v *yaml.Node, own bool) {
	if v := value(mapping, key); v != nil {
		if v.Kind == yaml.AliasNode {
			return v.Alias, false
		}
		return v, true
	}
	merged := value(mapping, "<<")
	if merged == nil {
		return nil, true
	}
	list := []*yaml.Node{merged}
	if merged.Kind == yaml.SequenceNode {
		list = merged.Content
	}
	for _, one := range list {
		if one.Kind == yaml.AliasNode {
			one = one.Alias
		}
		if v := value(one, key); v != nil {
			return v, false
		}
	}
	return nil, true
}

// merger collects what has to be put in for a mapping to have what is wanted.
type merger struct {
	all   []insertion
	notes []string
}

// merge adds entries to a mapping: those that it has not as keys, of those that it
// has what they lack.
func (m *merger) merge(mapping *yaml.Node, entries []Entry, nextTo string) error {
	if mapping.Kind != yaml.MappingNode || mapping.Style&yaml.FlowStyle != 0 || len(mapping.Content) == 0 {
		return errors.New("it is not written as a block of keys: nothing can be added to it")
	}
	var missing []Entry
	for _, e := range entries {
		have, own := lookup(mapping, e.Key)
		if have == nil {
			missing = append(missing, e)
			continue
		}
		var wanted yaml.Node
		if err := yaml.Unmarshal([]byte(strings.Join(e.Lines, "\n")), &wanted); err != nil {
			return err
		}
		if !m.into(e.Key, have, wanted.Content[0].Content[1], own) {
			m.leave(e)
		}
	}
	m.addKeys(mapping, missing, nextTo)
	return nil
}

func (m *merger) leave(e Entry) {
	m.notes = append(m.notes, e.Key+" is set already and was left: it would be "+strings.Join(strings.Fields(strings.Join(e.Lines, " ")), " "))
}

// into merges what is wanted into a value that is there, and reports whether that
// says it now.
func (m *merger) into(key string, have, wanted *yaml.Node, own bool) bool {
	switch {
	case wanted.Kind == yaml.ScalarNode:
		return have.Kind == yaml.ScalarNode && have.Value == wanted.Value
	case wanted.Kind == yaml.MappingNode && have.Kind == yaml.MappingNode && len(wanted.Content) == 0:
		return true
	case wanted.Kind == yaml.MappingNode && have.Kind == yaml.MappingNode:
		return m.intoMapping(have, wanted, own)
	case wanted.Kind == yaml.SequenceNode && have.Kind == yaml.SequenceNode:
		return m.intoList(have, wanted, own)
	}
	return false
}

func (m *merger) intoMapping(have, wanted *yaml.Node, own bool) bool {
	var entries []Entry
	for i := 0; i+1 < len(wanted.Content); i += 2 {
		entries = append(entries, Entry{wanted.Content[i].Value, render(&yaml.Node{Kind: yaml.MappingNode, Content: wanted.Content[i : i+2]})})
	}
	if own && have.Style&yaml.FlowStyle == 0 && len(have.Content) > 0 {
		return m.merge(have, entries, "") == nil
	}
	for i, e := range entries {
		if v := value(have, e.Key); v == nil || !m.into(e.Key, v, wanted.Content[2*i+1], false) {
			return false
		}
	}
	return true
}

// intoList adds the items that a list lacks to its end.
func (m *merger) intoList(have, wanted *yaml.Node, own bool) bool {
	known := map[string]bool{}
	for _, item := range have.Content {
		known[identity(item)] = true
	}
	var items []*yaml.Node
	for _, item := range wanted.Content {
		if !known[identity(item)] {
			items = append(items, item)
		}
	}
	switch {
	case len(items) == 0:
		return true
	case !own || len(have.Content) == 0:
		return false
	case have.Style&yaml.FlowStyle != 0:
		return m.intoFlow(have, items)
	}
	first, last := have.Content[0], have.Content[len(have.Content)-1]
	lines := render(&yaml.Node{Kind: yaml.SequenceNode, Content: items})
	// A list's items begin two columns before what they hold.
	indent := strings.Repeat(" ", max(first.Column-3, 0))
	for i := range lines {
		lines[i] = indent + lines[i]
	}
	m.all = append(m.all, insertion{after: lastLine(last), keys: len(items), lines: lines})
	return true
}

// intoFlow adds to a list in brackets of one line.
func (m *merger) intoFlow(have *yaml.Node, items []*yaml.Node) bool {
	last := have.Content[len(have.Content)-1]
	text := ""
	for _, item := range items {
		if item.Kind != yaml.ScalarNode {
			return false
		}
		text += ", " + scalar(item)
	}
	if last.Kind != yaml.ScalarNode || last.Line != have.Line {
		return false
	}
	m.all = append(m.all, insertion{after: have.Line, behind: last.Column, keys: len(items), lines: []string{text}})
	return true
}

// identity is by what an item of a list is recognised.
func identity(item *yaml.Node) string {
	if item.Kind == yaml.AliasNode {
		item = item.Alias
	}
	for _, key := range []string{"mountPath", "target", "name"} {
		if v := value(item, key); v != nil {
			return v.Value
		}
	}
	name := strings.TrimPrefix(item.Value, "CAP_")
	if name, on, ok := strings.Cut(strings.Replace(name, "=", ":", 1), ":"); ok && on == "true" {
		return name // no-new-privileges
	}
	return name
}

// lastLine is where a value ends, as far as the layout shows it.
func lastLine(n *yaml.Node) int {
	line := n.Line
	if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		line += strings.Count(strings.TrimSuffix(n.Value, "\n"), "\n") + 1
	}
	for _, child := range n.Content {
		line = max(line, lastLine(child))
	}
	return line
}

// render writes a value as lines, as render.go lays them out.
func render(n *yaml.Node) []string {
	var lines []string
	add := func(first string, rest []string) {
		lines = append(lines, first)
		for _, line := range rest {
			lines = append(lines, "  "+line)
		}
	}
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, v := n.Content[i].Value+":", n.Content[i+1]
			switch {
			case v.Kind == yaml.ScalarNode:
				add(key+" "+scalar(v), nil)
			case len(v.Content) == 0:
				add(key+" {}", nil)
			default:
				add(key, render(v))
			}
		}
	case yaml.SequenceNode:
		for _, item := range n.Content {
			inner := render(item)
			add("- "+inner[0], inner[1:])
		}
	default:
		return []string{scalar(n)}
	}
	return lines
}

func scalar(n *yaml.Node) string {
	if n.Style&yaml.DoubleQuotedStyle != 0 {
		return fmt.Sprintf("%q", n.Value)
	}
	return n.Value
}

// addKeys adds keys to a mapping: to its end, or next to a key: behind its line, or
// that of another plain value, or before a key that has a line of its own.
func (m *merger) addKeys(mapping *yaml.Node, entries []Entry, nextTo string) {
	if len(entries) == 0 {
		return
	}
	first := mapping.Content[0]
	indent := strings.Repeat(" ", max(first.Column-1, 0))
	var lines []string
	for _, e := range entries {
		for _, line := range e.Lines {
			lines = append(lines, indent+line)
		}
	}
	m.all = append(m.all, insertion{after: placeFor(mapping, nextTo), keys: len(entries), lines: lines})
}

// placeFor returns the line behind which a mapping's new keys go.
func placeFor(mapping *yaml.Node, nextTo string) int {
	first := mapping.Content[0]
	i := index(mapping, nextTo)
	switch {
	case nextTo == "":
		return lastLine(mapping)
	case i >= 0 && isLine(mapping, i):
		return mapping.Content[i].Line
	case i > 0:
		return mapping.Content[i].Line - 1
	case first.Column == 1:
		return first.Line - 1
	}
	// The first key may stand behind a list's dash: nothing goes before that.
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if isLine(mapping, i) {
			return mapping.Content[i].Line
		}
	}
	if len(mapping.Content) > 2 {
		return mapping.Content[2].Line - 1
	}
	return first.Line - 1
}

// isLine reports whether a key and its value seem to be one line.
func isLine(mapping *yaml.Node, i int) bool {
	v := mapping.Content[i+1]
	return v.Kind == yaml.ScalarNode && v.Line == mapping.Content[i].Line && v.Style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0
}

// inBrackets puts text into a line before the bracket that closes the list of the
// value at a column. Where that is not what is found, the line stays, and Patch
// sees that nothing has grown.
func inBrackets(line []byte, in insertion) []byte {
	at := min(in.behind-1, len(line))
	i := bytes.IndexByte(line[at:], ']')
	if i < 0 {
		return line
	}
	for i > 0 && line[at+i-1] == ' ' {
		i--
	}
	return slices.Concat(line[:at+i], []byte(in.lines[0]), line[at+i:])
}

// insert puts lines into a text, with the text's own line ends.
func insert(data []byte, all []insertion) []byte {
	slices.SortStableFunc(all, func(a, b insertion) int {
		if a.after != b.after {
			return a.after - b.after
		}
		return b.behind - a.behind // what goes into a line, from its end, before what goes behind it
	})
	end := "\n"
	if bytes.Contains(data, []byte("\r\n")) {
		end = "\r\n"
	}
	var out bytes.Buffer
	number := 0
	flush := func() {
		for len(all) > 0 && all[0].after <= number && all[0].behind == 0 {
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
		number++
		for len(all) > 0 && all[0].after == number && all[0].behind > 0 {
			line = inBrackets(line, all[0])
			all = all[1:]
		}
		out.Write(line)
		flush()
	}
	return out.Bytes()
}
