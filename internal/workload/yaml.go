package workload

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/careen/careen/internal/lazy"
)

const (
	// maxVisits bounds how many entries of mappings and lists are looked at in a
	// file, each time an alias leads there again: what stops a billion laughs.
	maxVisits = 200_000
	// maxMerges bounds how deep merge keys and extends may lead.
	maxMerges = 16
	// maxDocuments bounds the documents of one file.
	maxDocuments = 10_000
	// maxProblems bounds the list of problems.
	maxProblems = 100
)

// document is a YAML file while it is read.
type document struct {
	file   *File
	data   []byte
	lines  []int // byte offset of each line
	visits int   // left
}

// parseYAML reads every document of the file.
func (f *File) parseYAML(data []byte) error {
	d := &document{file: f, data: data, lines: yamlLines(data), visits: maxVisits}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for range maxDocuments {
		var root yaml.Node
		err := decoder.Decode(&root)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return d.broken(err)
		}
		if len(root.Content) == 1 {
			d.duplicates(root.Content[0], 0)
			d.root(root.Content[0])
		}
	}
	return nil
}

// root hands a document to the reader of its kind, finding the kind where the
// name of the file does not tell.
func (d *document) root(n *yaml.Node) {
	n = resolve(n)
	if n == nil || n.Kind != yaml.MappingNode {
		return
	}
	kind := d.file.Kind
	if kind == YAML {
		kind = d.kindOf(n)
		if kind == Unknown {
			return
		}
		d.file.Kind = kind
	}
	switch kind {
	case Compose:
		d.compose(n)
	case Kubernetes:
		d.kubernetes(n, 0)
	case GitHub:
		d.github(n)
	case GitLab:
		d.gitlab(n)
	case CircleCI:
		d.circleci(n, "", 0)
	case Helm:
		d.helm(n, "", 0)
	case Bake:
		d.bake(n)
	case Dev:
		d.devcontainer(n)
	}
}

// kindOf tells the kind of a document by the keys that its format requires.
func (d *document) kindOf(n *yaml.Node) Kind {
	switch {
	case d.get(n, "apiVersion") != nil && d.get(n, "kind") != nil:
		return Kubernetes
	case d.get(n, "jobs") != nil && d.get(n, "on") != nil:
		return GitHub
	case d.get(n, "services") != nil:
		for _, service := range d.fields(d.get(n, "services")) {
			if d.get(service.value, "image") != nil || d.get(service.value, "build") != nil {
				return Compose
			}
		}
	}
	return Unknown
}

var yamlErrorLine = lazy.Regexp(`^yaml: line (\d+): `)

// broken turns the error of the YAML parser into one with a line.
func (d *document) broken(err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 1
	if m := yamlErrorLine().FindStringSubmatch(err.Error()); m != nil {
		line, _ = strconv.Atoi(m[1])
		text = strings.TrimPrefix(err.Error(), m[0])
	}
	return &SyntaxError{Path: d.file.Path, Line: line, Message: text}
}

// SyntaxError says where a file stops being what it claims to be.
type SyntaxError struct {
	Path    string
	Line    int
	Message string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s:%d: %s", e.Path, e.Line, e.Message)
}

// problem notes what a person should know about the file.
func (d *document) problem(line int, format string, args ...any) {
	if len(d.file.Problems) < maxProblems {
		d.file.Problems = append(d.file.Problems, Problem{line, fmt.Sprintf(format, args...)})
	}
}

// chartValue matches what only Helm puts in ("Built-in Objects", "Template
// Functions"): other expressions in braces are read by what the manifest is for.
var chartValue = lazy.Regexp(`\{\{-?\s*(\$?\.(Values|Release|Chart|Capabilities)\b|include\s+"|template\s+"|tpl\s)`)

// duplicates notes keys that stand twice in one mapping (YAML 1.2.2, 3.2.1.1:
// keys are unique). Which of them counts differs between readers.
func (d *document) duplicates(n *yaml.Node, depth int) {
	if depth > 100 {
		d.problem(n.Line, "nested more than 100 levels deep")
		return
	}
	if n.Kind == yaml.MappingNode {
		seen := make(map[string]int, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if key.Kind == yaml.MappingNode && key.Style&yaml.FlowStyle != 0 { // {{ .Values.x }}
				d.file.Template = true
			}
			if key.Kind != yaml.ScalarNode || key.Value == "<<" {
				continue
			}
			if first, ok := seen[key.Value]; ok {
				d.problem(key.Line, "key %q stands a second time, first on line %d", key.Value, first)
				continue
			}
			seen[key.Value] = key.Line
		}
	}
	if n.Kind == yaml.ScalarNode && n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0 && strings.Contains(n.Value, "{{") && chartValue().MatchString(n.Value) {
		d.file.Template = true
	}
	for _, child := range n.Content { // aliases have no content: each node is seen once
		d.duplicates(child, depth+1)
	}
}

// resolve follows an alias to what it represents.
func resolve(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// field is one entry of a mapping.
type field struct {
	key   string
	line  int // of the key
	value *yaml.Node
}

// fields returns the entries of a mapping in order, with those of merge keys
// (yaml.org/type/merge) behind its own. A key counts once, its first time. It
// is empty for what is not a mapping.
func (d *document) fields(n *yaml.Node) []field {
	return d.merged(n, 0)
}

func (d *document) merged(n *yaml.Node, depth int) []field {
	n = resolve(n)
	if n == nil || n.Kind != yaml.MappingNode || depth > maxMerges || !d.visit(n) {
		return nil
	}
	list := make([]field, 0, len(n.Content)/2)
	seen := make(map[string]bool, len(n.Content)/2)
	add := func(f field) {
		if !seen[f.key] {
			seen[f.key] = true
			list = append(list, f)
		}
	}
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind == yaml.ScalarNode && key.Value == "<<" {
			merges = append(merges, value)
			continue
		}
		if key = resolve(key); key != nil && key.Kind == yaml.ScalarNode {
			add(field{key.Value, key.Line, resolve(value)})
		}
	}
	for _, merge := range merges {
		sources := []*yaml.Node{merge}
		if m := resolve(merge); m != nil && m.Kind == yaml.SequenceNode {
			sources = m.Content
		}
		for _, source := range sources {
			for _, f := range d.merged(source, depth+1) {
				add(f)
			}
		}
	}
	return list
}

// visit spends the budget of a look into a mapping or a list.
func (d *document) visit(n *yaml.Node) bool {
	if d.visits < 0 {
		return false
	}
	d.visits -= 1 + len(n.Content)
	if d.visits < 0 {
		d.problem(n.Line, "more than %d entries, aliases counted each time: the rest was not read", maxVisits)
		return false
	}
	return true
}

// get follows keys into nested mappings; nil when one is absent or null.
func (d *document) get(n *yaml.Node, keys ...string) *yaml.Node {
	for _, key := range keys {
		var next *yaml.Node
		for _, f := range d.fields(n) {
			if f.key == key {
				next = f.value
				break
			}
		}
		if next == nil || next.Kind == yaml.ScalarNode && next.Tag == "!!null" {
			return nil
		}
		n = next
	}
	return n
}

// items returns the elements of a list; a scalar is a list of itself.
func (d *document) items(n *yaml.Node) []*yaml.Node {
	n = resolve(n)
	switch {
	case n == nil:
		return nil
	case n.Kind == yaml.ScalarNode && n.Tag != "!!null":
		return []*yaml.Node{n}
	case n.Kind != yaml.SequenceNode || !d.visit(n):
		return nil
	}
	list := make([]*yaml.Node, 0, len(n.Content))
	for _, item := range n.Content {
		if item = resolve(item); item != nil {
			list = append(list, item)
		}
	}
	return list
}

// scalar returns the text of a scalar, "" for anything else.
func scalar(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		return ""
	}
	return n.Value
}

// text is a scalar as a setting.
func text(n *yaml.Node) Text {
	if n == nil || n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		return Text{}
	}
	return Text{n.Value, n.Line}
}

// texts are the scalars of a list.
func (d *document) texts(n *yaml.Node) []Text {
	var list []Text
	for _, item := range d.items(n) {
		if t := text(item); t.Line > 0 {
			list = append(list, t)
		}
	}
	return list
}

// flag is a boolean as a setting. YAML 1.1's "yes" and "on" count, as they do
// for compose and for kubectl.
func flag(n *yaml.Node) Flag {
	switch strings.ToLower(scalar(n)) {
	case "true", "yes", "on":
		return Flag{true, n.Line}
	case "false", "no", "off":
		return Flag{false, n.Line}
	}
	return Flag{}
}

// image is a scalar as a reference to an image.
func (d *document) image(n *yaml.Node, where string) Image {
	value := scalar(n)
	if value == "" {
		return Image{}
	}
	start := d.scalarStart(n)
	image := Image{Value: value, Start: -1, End: -1, Line: n.Line, Where: where}
	if start >= 0 {
		image.Start, image.End = start, start+len(value)
	}
	return image
}

// scalarStart returns where the text of a scalar begins in the file, -1 when
// the file does not hold it byte for byte.
func (d *document) scalarStart(n *yaml.Node) int {
	at := d.offset(n.Line, n.Column)
	if at < 0 {
		return -1
	}
	// The position of a node is that of its anchor or tag, where it has one.
	for at < len(d.data) && (d.data[at] == '&' || d.data[at] == '!') {
		space := bytes.IndexAny(d.data[at:], " \t\r\n")
		if space < 0 {
			return -1
		}
		at += space
		for at < len(d.data) && strings.IndexByte(" \t\r\n", d.data[at]) >= 0 {
			at++
		}
	}
	if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
		if at >= len(d.data) {
			return -1
		}
		quote := d.data[at]
		at++
		if end := at + len(n.Value); end >= len(d.data) || d.data[end] != quote {
			return -1
		}
	}
	if !bytes.HasPrefix(d.data[at:], []byte(n.Value)) {
		return -1
	}
	return at
}

// offset turns a line and a column of characters, both from 1, into bytes.
func (d *document) offset(line, column int) int {
	if line < 1 || line > len(d.lines) {
		return -1
	}
	at := d.lines[line-1]
	for range column - 1 {
		if at >= len(d.data) {
			return -1
		}
		_, size := utf8.DecodeRune(d.data[at:])
		at += size
	}
	return at
}

// yamlLines returns where each line begins. Besides line feed and carriage
// return, the parser takes NEL, LS and PS for line breaks, as YAML 1.1 does.
func yamlLines(data []byte) []int {
	at := 0
	if bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) {
		at = 3
	}
	lines := []int{at}
	for at < len(data) {
		switch r, size := utf8.DecodeRune(data[at:]); {
		case r == '\r' && at+1 < len(data) && data[at+1] == '\n':
			at += 2
			lines = append(lines, at)
		case r == '\n' || r == '\r' || r == 0x85 || r == 0x2028 || r == 0x2029:
			at += size
			lines = append(lines, at)
		default:
			at += size
		}
	}
	return lines
}

// collectImages adds the images of the services to those that the reader
// of a workflow found, each place of the file once.
func (f *File) collectImages() {
	for _, s := range f.Services {
		if s.Image.Line > 0 {
			f.Images = append(f.Images, s.Image)
		}
	}
	slices.SortStableFunc(f.Images, func(a, b Image) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Start, b.Start), cmp.Compare(a.Value, b.Value))
	})
	f.Images = slices.CompactFunc(f.Images, func(a, b Image) bool {
		return a.Line == b.Line && a.Start == b.Start && a.Value == b.Value
	})
}
