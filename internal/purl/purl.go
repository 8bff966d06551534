// Package purl writes and reads package URLs (https://github.com/package-url/purl-spec,
// ECMA-427), the names under which reports speak of packages, and knows which
// ecosystem each type belongs to. It hides the library that does the escaping.
package purl

import (
	"fmt"
	"slices"
	"strings"

	packageurl "github.com/package-url/packageurl-go"
)

// PURL is a package URL in parts, unescaped. Two packages are the same if their
// strings are.
type PURL struct {
	Type       string      // "deb", "npm", "golang"…, lower case
	Namespace  string      // "debian", "@babel", "org.apache.logging.log4j", "github.com/gin-gonic"; may be ""
	Name       string      // never ""
	Version    string      // may be ""
	Qualifiers []Qualifier // sorted by key, no key twice, no empty value
	Subpath    string      // of a file or package inside; may be ""
}

// Qualifier is one "key=value" of a package URL.
type Qualifier struct {
	Key, Value string
}

// Bounds of Parse.
const (
	maxPURL       = 8 << 10 // bytes; Windows' longest path is 32 KiB, real ones stay below 1 KiB
	maxQualifiers = 64
)

// New returns the package URL of a package by the name and version that its
// ecosystem uses, in the spelling that the type's definition asks for:
//
//	New("npm", "@babel/core", "7.1.0")               pkg:npm/%40babel/core@7.1.0
//	New("golang", "github.com/Azure/go-ntlm", "v1")  pkg:golang/github.com/Azure/go-ntlm@v1
//	New("pypi", "Zope.Interface", "5.0")             pkg:pypi/zope-interface@5.0
//	New("maven", "org.slf4j:slf4j-api", "2.0")       pkg:maven/org.slf4j/slf4j-api@2.0
//	New("composer", "Symfony/Yaml", "6.0")           pkg:composer/symfony/yaml@6.0
//	New("github", "Actions/Checkout", "v4")          pkg:github/actions/checkout@v4
//
// For packages of a distribution use OS.
func New(typ, name, version string) PURL {
	p := PURL{Type: strings.ToLower(typ), Name: name, Version: version}
	switch p.Type {
	case "maven":
		if group, artifact, ok := strings.Cut(name, ":"); ok {
			p.Namespace, p.Name = group, artifact
		}
	case "npm", "golang", "composer", "github", "githubactions", "bitbucket", "hex", "swift", "huggingface", "vscode-extension", "pear", "ebuild", "terraform":
		if i := strings.LastIndexByte(name, '/'); i >= 0 {
			p.Namespace, p.Name = name[:i], name[i+1:]
		}
	}
	return p.normal()
}

// normal applies the rules of the types that we make ourselves. Go module
// paths keep their case although the specification asks for lower case: two
// modules may differ in nothing else, and advisories name them as they are.
func (p PURL) normal() PURL {
	// Bytes that are no UTF-8 cannot be in JSON either.
	for _, part := range []*string{&p.Namespace, &p.Name, &p.Version, &p.Subpath} {
		*part = strings.ToValidUTF8(*part, "\uFFFD")
	}
	switch p.Type {
	case "apk", "alpm", "deb", "composer", "github", "githubactions", "bitbucket", "bitnami", "hex":
		p.Namespace, p.Name = strings.ToLower(p.Namespace), strings.ToLower(p.Name)
	case "rpm", "qpkg":
		p.Namespace = strings.ToLower(p.Namespace)
	case "pypi":
		p.Name = normalPython(p.Name)
	}
	return p
}

// Key returns the name of a package of a type in the one spelling by which its
// registry compares names. The importer writes a database's keys by it, and whatever
// looks one up asks by it: PyPI's names in their normal form, Packagist's, NuGet's
// and Hex's in lower case, Swift's URLs without the scheme.
func Key(typ, name string) string {
	switch typ {
	case "pypi":
		return normalPython(name)
	case "composer", "nuget", "hex":
		return strings.ToLower(name)
	case "swift":
		return strings.TrimSuffix(strings.TrimPrefix(name, "https://"), ".git")
	}
	return name
}

// normalPython is the normal form of a Python project's name: lower case, every
// run of "-", "_" and "." one hyphen (PEP 503,
// https://packaging.python.org/en/latest/specifications/name-normalization/).
func normalPython(name string) string {
	name = strings.ToLower(name)
	if !strings.ContainsAny(name, "_.") && !strings.Contains(name, "--") {
		return name
	}
	var b strings.Builder
	b.Grow(len(name))
	last := byte(0)
	for _, c := range []byte(name) {
		if c == '_' || c == '.' {
			c = '-'
		}
		if c != '-' || last != '-' {
			b.WriteByte(c)
		}
		last = c
	}
	return b.String()
}

// With returns p with a qualifier set, or removed if value is "". Keys are
// lower-case letters, digits, ".", "-" and "_", beginning with a letter.
func (p PURL) With(key, value string) PURL {
	qs := slices.DeleteFunc(slices.Clone(p.Qualifiers), func(q Qualifier) bool { return q.Key == key })
	if value != "" {
		qs = append(qs, Qualifier{key, strings.ToValidUTF8(value, "\uFFFD")})
		slices.SortFunc(qs, func(a, b Qualifier) int { return strings.Compare(a.Key, b.Key) })
	}
	if len(qs) == 0 {
		qs = nil
	}
	p.Qualifiers = qs
	return p
}

// Qualifier returns the value of a qualifier, "" if there is none.
func (p PURL) Qualifier(key string) string {
	for _, q := range p.Qualifiers {
		if q.Key == key {
			return q.Value
		}
	}
	return ""
}

// PackageName returns the name as the ecosystem itself writes it, and as its
// advisories do: "@babel/core", "org.slf4j:slf4j-api", "github.com/a/b". The
// namespace of a distribution's package is no part of it.
func (p PURL) PackageName() string {
	switch {
	case p.Namespace == "", OfDistribution(p.Type):
		return p.Name
	case p.Type == "maven":
		return p.Namespace + ":" + p.Name
	}
	return p.Namespace + "/" + p.Name
}

// String returns the canonical form.
func (p PURL) String() string {
	lib := packageurl.PackageURL{Type: p.Type, Namespace: p.Namespace, Name: p.Name, Version: p.Version, Subpath: p.Subpath}
	for _, q := range p.Qualifiers {
		lib.Qualifiers = append(lib.Qualifiers, packageurl.Qualifier{Key: q.Key, Value: q.Value})
	}
	return lib.ToString()
}

// Parse reads a package URL. The case of Go module paths is kept, see New.
func Parse(s string) (PURL, error) {
	if len(s) > maxPURL {
		return PURL{}, fmt.Errorf("package URL %.40q… is longer than %d bytes", s, maxPURL)
	}
	if strings.Count(s, "&") >= maxQualifiers {
		return PURL{}, fmt.Errorf("package URL %.40q… has more than %d qualifiers", s, maxQualifiers)
	}
	// The library folds the case of Go module paths, so it reads them as the
	// type that has no rules.
	read, isGo := asGeneric(s)
	lib, err := packageurl.FromString(read)
	if err != nil {
		return PURL{}, fmt.Errorf("package URL %q: %w", s, err)
	}
	p := PURL{
		Type:      lib.Type,
		Namespace: cleanPath(lib.Namespace),
		Name:      lib.Name,
		Version:   lib.Version,
		Subpath:   cleanPath(lib.Subpath),
	}
	if isGo {
		p.Type = "golang"
	}
	for _, q := range lib.Qualifiers {
		if p.Qualifier(q.Key) != "" {
			return PURL{}, fmt.Errorf("package URL %q: qualifier %q is given twice", s, q.Key)
		}
		p = p.With(q.Key, q.Value)
	}
	return p.normal(), nil
}

func asGeneric(s string) (generic string, isGo bool) {
	const scheme = "pkg:"
	if len(s) < len(scheme) || !strings.EqualFold(s[:len(scheme)], scheme) {
		return s, false
	}
	rest := strings.TrimLeft(s[len(scheme):], "/")
	typ, rest, ok := strings.Cut(rest, "/")
	if !ok || !strings.EqualFold(typ, "golang") {
		return s, false
	}
	return "pkg:generic/" + rest, true
}

// cleanPath drops empty segments, which an escaped slash can bring in.
func cleanPath(p string) string {
	if !strings.HasPrefix(p, "/") && !strings.HasSuffix(p, "/") && !strings.Contains(p, "//") {
		return p
	}
	return strings.Join(strings.FieldsFunc(p, func(r rune) bool { return r == '/' }), "/")
}
