package policy

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/lazy"
	"github.com/careen/careen/internal/purl"
)

// The ignore files in YAML: Careen's own, Trivy's (.trivyignore.yaml) and the
// ignore rules of Grype's configuration (.grype.yaml). What an entry says that is
// not known is an error: a limit that is not kept would suppress too much.

// entryNode is an entry with its line.
type entryNode struct {
	line   int
	fields map[string]yaml.Node
}

func (e *entryNode) UnmarshalYAML(n *yaml.Node) error {
	e.line = n.Line
	if n.Kind == yaml.ScalarNode { // an id alone
		e.fields = map[string]yaml.Node{"id": *n}
		return nil
	}
	return n.Decode(&e.fields)
}

// dialect says which keys an entry may have, and what they mean.
type dialect map[string]func(r *rule, until *string, n *yaml.Node) error

func (a *Accepted) ignoreYAML(name string, data []byte, now time.Time) error {
	var top yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&top); err != nil {
		if errors.Is(err, io.EOF) {
			return nil
		}
		return fmt.Errorf("%s: %w", name, err)
	}
	root := top.Content[0]
	if root.Kind == yaml.SequenceNode {
		return a.entries(name, root, "", careenDialect(), now)
	}
	var sections map[string]yaml.Node
	if err := root.Decode(&sections); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if node, ok := sections["ignore"]; ok {
		words := careenDialect()
		if strings.Contains(name, "grype") || len(sections) > 1 {
			words = grypeDialect()
		}
		return a.entries(name, &node, "", words, now)
	}
	if strings.Contains(name, "grype") {
		return nil // a configuration that ignores nothing
	}
	kinds := map[string]kind{"vulnerabilities": vulnerabilities, "misconfigurations": misconfigurations, "secrets": secrets, "licenses": licences}
	for _, section := range slices.Sorted(maps.Keys(sections)) {
		node := sections[section]
		of, known := kinds[section]
		if !known {
			return fmt.Errorf("%s:%d: %q: one of ignore, vulnerabilities, misconfigurations, secrets, licenses", name, node.Line, section)
		}
		if err := a.entries(name, &node, of, trivyDialect(), now); err != nil {
			return err
		}
	}
	return nil
}

func (a *Accepted) entries(name string, list *yaml.Node, of kind, words dialect, now time.Time) error {
	var entries []entryNode
	if err := list.Decode(&entries); err != nil {
		return fmt.Errorf("%s:%d: a list of entries is wanted: %w", name, list.Line, err)
	}
	for _, e := range entries {
		r, until := &rule{file: name, kind: of}, ""
		for _, key := range slices.Sorted(maps.Keys(e.fields)) {
			node := e.fields[key]
			read := words[key]
			if read == nil {
				return fmt.Errorf("%s:%d: %q is not known here: one of %s", name, node.Line, key, strings.Join(slices.Sorted(maps.Keys(words)), ", "))
			}
			if err := read(r, &until, &node); err != nil {
				return fmt.Errorf("%s:%d: %s: %w", name, node.Line, key, err)
			}
		}
		if len(r.ids)+len(r.purls)+len(r.paths)+len(r.types) == 0 && r.name == nil && r.source == nil && r.fix == "" && r.layer == nil && !r.base {
			return fmt.Errorf("%s:%d: the entry names nothing, and would suppress everything", name, e.line)
		}
		r.text = fmt.Sprintf("%s:%d", name, e.line)
		if len(r.ids) > 0 {
			r.text = strings.Join(r.ids, " ")
		}
		if err := a.add(r, until, now); err != nil {
			return fmt.Errorf("%s:%d: %w", name, e.line, err)
		}
	}
	return nil
}

// words reads a text or a list of texts.
func words(n *yaml.Node) ([]string, error) {
	var list []string
	if n.Kind == yaml.SequenceNode {
		return list, n.Decode(&list)
	}
	var one string
	if err := n.Decode(&one); err != nil || one == "" {
		return nil, errors.Join(errors.New("a text is wanted"), err)
	}
	return []string{one}, nil
}

func readIDs(r *rule, _ *string, n *yaml.Node) (err error) {
	r.ids, err = words(n)
	return err
}

func readPURLs(r *rule, _ *string, n *yaml.Node) error {
	list, err := words(n)
	for _, p := range list {
		if !strings.HasPrefix(p, "pkg:") {
			return fmt.Errorf("%q does not begin with pkg: as package URLs do", p)
		}
		r.purls = append(r.purls, purlPattern(p))
	}
	return err
}

func readPaths(r *rule, _ *string, n *yaml.Node) error {
	list, err := words(n)
	for _, p := range list {
		r.paths = append(r.paths, pathPattern(p))
	}
	return err
}

func readUntil(_ *rule, until *string, n *yaml.Node) error {
	day, _, _ := strings.Cut(n.Value, "T")
	*until = day
	_, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return fmt.Errorf("%q is no day: write YYYY-MM-DD", n.Value)
	}
	return nil
}

func readReason(r *rule, _ *string, n *yaml.Node) error {
	r.why = strings.TrimSpace(strings.Join([]string{n.Value, r.why}, " "))
	return nil
}

func careenDialect() dialect {
	return dialect{
		"id": readIDs, "ids": readIDs, "purl": readPURLs, "path": readPaths, "until": readUntil, "reason": readReason,
		"owner": func(r *rule, _ *string, n *yaml.Node) error {
			r.why = strings.TrimSpace(r.why + " (" + n.Value + ")")
			return nil
		},
		"layer": func(r *rule, _ *string, n *yaml.Node) error {
			if r.base = n.Value == "base"; r.base {
				return nil
			}
			layer, err := strconv.Atoi(n.Value)
			if err != nil || layer < 0 {
				return fmt.Errorf("%q: the number of a layer, or base", n.Value)
			}
			r.layer = &layer
			return nil
		},
	}
}

func trivyDialect() dialect {
	return dialect{"id": readIDs, "purls": readPURLs, "paths": readPaths, "expired_at": readUntil, "statement": readReason}
}

// grypeTypes are the types of package URLs by Grype's words for kinds of packages.
var grypeTypes = map[string]string{"python": "pypi", "java-archive": "maven", "go-module": "golang", "rust-crate": "cargo", "php-composer": "composer",
	"dotnet": "nuget", "dart-pub": "pub", "github-action": "github", "jenkins-plugin": "maven", "java": "maven", "javascript": "npm", "go": "golang",
	"ruby": "gem", "rust": "cargo", "php": "composer", "dart": "pub"}

var grypeFixes = map[string]finding.FixState{"fixed": finding.Fixed, "not-fixed": finding.Affected, "wont-fix": finding.WontFix, "unknown": finding.UnknownFix}

func grypeDialect() dialect {
	return dialect{
		"vulnerability": readIDs, "reason": readReason,
		"include-aliases": func(*rule, *string, *yaml.Node) error { return nil }, // they always are
		"fix-state": func(r *rule, _ *string, n *yaml.Node) error {
			state, known := grypeFixes[n.Value]
			if !known {
				return fmt.Errorf("%q: one of fixed, not-fixed, wont-fix, unknown", n.Value)
			}
			r.fix = state
			return nil
		},
		"package":   grypePackage,
		"namespace": grypeNamespace,
		"match-type": func(r *rule, _ *string, n *yaml.Node) error {
			if n.Value == "cpe-match" {
				r.purls = []*regexp.Regexp{never()}
			}
			return nil
		},
		// What VEX documents say of a finding decides without a rule.
		"vex-status":        func(r *rule, _ *string, _ *yaml.Node) error { r.purls = []*regexp.Regexp{never()}; return nil },
		"vex-justification": func(r *rule, _ *string, _ *yaml.Node) error { r.purls = []*regexp.Regexp{never()}; return nil },
	}
}

// never matches nothing: of a rule for findings that careen does not make.
var never = lazy.Regexp(`[^\x00-\x{10FFFF}]`)

// grypeDistros are the names of package URLs by Grype's for distributions, where
// they differ.
var grypeDistros = map[string]string{"amazonlinux": "amzn|amazon", "oraclelinux": "ol|oracle", "redhat": "redhat|rhel", "sles": "sles|suse",
	"mariner": "mariner|azurelinux", "azurelinux": "mariner|azurelinux"}

// grypeNamespace reads where Grype's data says a vulnerability is from:
// "debian:distro:debian:12", "github:language:python" or "nvd:cpe". Careen matches no
// package by a CPE, so that the last means nothing that it finds.
func grypeNamespace(r *rule, _ *string, n *yaml.Node) error {
	parts := strings.Split(n.Value, ":")
	switch {
	case len(parts) > 1 && parts[1] == "cpe", n.Value == "nvd":
		r.purls = []*regexp.Regexp{never()}
	case len(parts) > 2 && parts[1] == "distro":
		id := regexp.QuoteMeta(parts[2])
		if other := grypeDistros[parts[2]]; other != "" {
			id = other
		}
		r.purls = []*regexp.Regexp{regexp.MustCompile(`(?i)^pkg:[^/]+/(` + id + `)/|[?&]distro=(` + id + `)\b`)}
	case len(parts) > 2 && parts[1] == "language":
		r.purls = []*regexp.Regexp{regexp.MustCompile("^pkg:" + regexp.QuoteMeta(cmp.Or(grypeTypes[parts[2]], parts[2])) + "/")}
	default:
		return fmt.Errorf("%q: as Grype writes it, e.g. debian:distro:debian:12 or github:language:python", n.Value)
	}
	return nil
}

func grypePackage(r *rule, _ *string, n *yaml.Node) error {
	var fields map[string]string
	if err := n.Decode(&fields); err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		value := fields[key]
		switch key {
		case "name", "upstream-name":
			pattern, err := regexp.Compile("^(?:" + value + ")$")
			if err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
			if key == "name" {
				r.name = pattern
			} else {
				r.source = pattern
			}
		case "version":
			r.exact = value
		case "type", "language":
			typ := value
			if other := grypeTypes[value]; other != "" {
				typ = other
			}
			r.types = []string{typ}
		case "location":
			r.paths = append(r.paths, pathPattern(value))
		default:
			return fmt.Errorf("%q is not known here: one of language, location, name, type, upstream-name, version", key)
		}
	}
	return nil
}

// purlPattern compiles a package URL in which "*" represents any text; without a
// version it means all.
func purlPattern(p string) *regexp.Regexp {
	if parsed, err := purl.Parse(p); err == nil && !strings.Contains(p, "*") {
		p = parsed.String() // "pkg:npm/@babel/core" is written pkg:npm/%40babel/core
	}
	text := glob(p, ".*", ".*")
	if bare, _, _ := strings.Cut(p, "?"); !strings.Contains(strings.TrimPrefix(bare, "pkg:"), "@") {
		text += "(@.*)?"
	}
	return regexp.MustCompile("^" + text + "$")
}

// pathPattern compiles a path in which "*" represents part of a name and "**" for
// any number of folders; one that names a folder means what is below it too.
func pathPattern(p string) *regexp.Regexp {
	p = strings.TrimPrefix(strings.TrimPrefix(p, "./"), "/")
	text := glob(strings.TrimSuffix(p, "/"), "[^/]*", ".*")
	return regexp.MustCompile("^/?" + strings.ReplaceAll(text, ".*/", "(.*/)?") + "(/.*)?$")
}

// glob is a pattern with what "*" and "**" represent, all else quoted.
func glob(p, star, stars string) string {
	var b strings.Builder
	for i, part := range strings.Split(p, "**") {
		if i > 0 {
			b.WriteString(stars)
		}
		for j, plain := range strings.Split(part, "*") {
			if j > 0 {
				b.WriteString(star)
			}
			b.WriteString(regexp.QuoteMeta(plain))
		}
	}
	return b.String()
}
