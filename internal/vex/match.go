package vex

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"github.com/careen/careen/internal/purl"
	"github.com/careen/careen/internal/version"
)

// Image is the product that findings are of, by all its names.
type Image struct {
	Names   []string // references: as given, tags, with digests
	Digests []string // sha256, in hexadecimal: of the manifest, its index, the configuration
	Arch    string   // "amd64"
}

// Package is a package of the image.
type Package struct {
	PURL          string
	SourceName    string // of a distribution's package
	SourceVersion string
	Paths         []string // where it was found
}

// Finding is a vulnerability of a package.
type Finding struct {
	IDs     []string // the name and the aliases
	Package Package
}

// Set is what several documents say.
type Set struct {
	byID map[string][]*Statement // in lower case
}

// Add adds the statements of a document.
func (s *Set) Add(d *Document) {
	if s.byID == nil {
		s.byID = map[string][]*Statement{}
	}
	for i := range d.Statements {
		one := &d.Statements[i]
		seen := map[string]bool{"": true}
		for _, id := range one.IDs {
			if key := strings.ToLower(strings.TrimSpace(id)); !seen[key] {
				seen[key] = true
				s.byID[key] = append(s.byID[key], one)
			}
		}
	}
}

// Empty reports whether nothing is said.
func (s *Set) Empty() bool { return len(s.byID) == 0 }

// On returns what counts of all that is said of a finding: the latest statement,
// and of several at one time the last. nil: nothing is said of it.
func (s *Set) On(f Finding, img Image, all []Package) *Statement {
	var best *Statement
	for _, id := range f.IDs {
		for _, one := range s.byID[strings.ToLower(id)] {
			if (best == nil || !one.Time.Before(best.Time)) && one.about(f.Package, img, all) {
				best = one
			}
		}
	}
	return best
}

// about reports whether one of the statement's products is the package, or is the
// image with the package as the part meant.
func (s *Statement) about(p Package, img Image, all []Package) bool {
	return slices.ContainsFunc(s.scopes, func(one scope) bool {
		switch {
		case one.product == nil:
			return one.part.matches(p)
		case one.part != nil && !one.part.matches(p):
			return false
		case one.product.isImage(img):
			return true
		case one.part == nil:
			return one.product.matches(p)
		}
		// A product that is a package of the image: the part has to be in it.
		return slices.ContainsFunc(all, func(whole Package) bool { return one.product.matches(whole) && holds(whole, p) })
	})
}

// holds reports whether a package is part of another: in the same file, as the
// modules of a Go binary are, or below the directory of its record.
func holds(whole, part Package) bool {
	for _, a := range whole.Paths {
		dir := a[:strings.LastIndexByte(a, '/')+1]
		for _, b := range part.Paths {
			if a == b || dir != "" && strings.HasPrefix(b, dir) && !strings.HasPrefix(whole.PURL, "pkg:golang/") {
				return true
			}
		}
	}
	return false
}

func (t *thing) isImage(img Image) bool {
	for _, sum := range t.hashes {
		if slices.Contains(img.Digests, sum) {
			return true
		}
	}
	for _, name := range t.names {
		if slices.ContainsFunc(img.Names, func(n string) bool { return sameReference(name, n) }) {
			return true
		}
	}
	return slices.ContainsFunc(t.purls, func(p purl.PURL) bool { return purlIsImage(p, img) })
}

// purlIsImage compares a package URL of type oci or docker with an image. The
// digest decides where there is one; else the repository, and the tag if any.
func purlIsImage(p purl.PURL, img Image) bool {
	if p.Type != "oci" && p.Type != "docker" {
		return false
	}
	if arch := p.Qualifier("arch"); arch != "" && img.Arch != "" && arch != img.Arch {
		return false
	}
	if _, sum, ok := strings.Cut(p.Version, "sha256:"); ok {
		return slices.Contains(img.Digests, strings.ToLower(sum))
	}
	repository := p.Qualifier("repository_url")
	if plain, err := url.PathUnescape(repository); err == nil {
		repository = plain
	}
	tag := cmp.Or(p.Qualifier("tag"), p.Version)
	if p.Type == "docker" {
		repository = strings.TrimPrefix(strings.TrimSuffix(p.Namespace, "/")+"/"+p.Name, "/")
	} else if repository != "" && lastSegment(repository) != p.Name {
		repository += "/" + p.Name
	}
	for _, name := range img.Names {
		at, itsTag := splitReference(name)
		if tag != "" && tag != itsTag {
			continue
		}
		if repository == "" && strings.EqualFold(lastSegment(at), p.Name) || repository != "" && familiar(repository) == familiar(at) {
			return true
		}
	}
	return false
}

// splitReference cuts the tag and the digest off a reference.
func splitReference(ref string) (repository, tag string) {
	ref, _, _ = strings.Cut(ref, "@")
	if colon := strings.LastIndexByte(ref, ':'); colon > strings.LastIndexByte(ref, '/') {
		return ref[:colon], ref[colon+1:]
	}
	return ref, ""
}

// familiar is a repository in one spelling: Docker Hub's without its host.
func familiar(repository string) string {
	repository = strings.ToLower(strings.TrimPrefix(strings.TrimPrefix(repository, "https://"), "http://"))
	for _, hub := range []string{"index.docker.io/", "registry-1.docker.io/", "docker.io/"} {
		repository = strings.TrimPrefix(repository, hub)
	}
	return strings.TrimPrefix(repository, "library/")
}

// sameReference reports whether a name in a statement means a reference: one
// without a tag means all tags.
func sameReference(said, name string) bool {
	a, tag := splitReference(said)
	b, itsTag := splitReference(name)
	return familiar(a) == familiar(b) && (tag == "" || tag == itsTag)
}

// descriptive are qualifiers that say where a package comes from, and not which
// one it is.
var descriptive = []string{"vcs_url", "download_url", "checksum", "file_name", "upstream", "repository_url"}

// matches reports whether a package is the one that is named: its type,
// namespace and name; its version where one is given, or the range; and every
// qualifier that is.
func (t *thing) matches(p Package) bool {
	if t == nil {
		return false
	}
	own, err := purl.Parse(p.PURL)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(t.purls, func(named purl.PURL) bool {
		it := own
		if named.Qualifier("arch") == "source" || named.Qualifier("arch") == "src" {
			it.Name, it.Version = p.SourceName, cmp.Or(p.SourceVersion, own.Version)
		}
		if named.Type != it.Type || named.Namespace != it.Namespace || named.Name != it.Name || it.Name == "" {
			return false
		}
		for _, q := range named.Qualifiers {
			switch {
			case slices.Contains(descriptive, q.Key), q.Key == "arch" && (q.Value == "source" || q.Value == "src"):
			case q.Value != it.Qualifier(q.Key):
				return false
			}
		}
		if len(t.ranges) > 0 {
			return slices.ContainsFunc(t.ranges, func(r string) bool { return inRange(it.Type, r, it.Version) })
		}
		return named.Version == "" || named.Version == it.Version
	})
}

// schemeOf is the order of a type's versions.
func schemeOf(purlType string) version.Scheme {
	switch purlType {
	case "deb":
		return version.Deb
	case "rpm":
		return version.RPM
	case "apk":
		return version.APK
	case "alpm":
		return version.Pacman
	}
	if ecosystem, ok := purl.Ecosystem(purlType); ok {
		if scheme, ok := version.ForEcosystem(ecosystem); ok {
			return scheme
		}
	}
	return version.Generic
}

// inRange reports whether a version is in a range: "vers:npm/>=1.0|<2.0" (VERS,
// package-url/vers-spec), the same without its head, "< 2.0", or one version. What
// cannot be compared is not in it.
func inRange(purlType, text, v string) bool {
	if head, rest, ok := strings.Cut(strings.TrimPrefix(text, "vers:"), "/"); ok && strings.HasPrefix(text, "vers:") {
		text = rest
		if head == "all" {
			return text == "*"
		}
	}
	if text = strings.TrimSpace(text); text == "*" {
		return true
	}
	if v == "" || text == "" {
		return false
	}
	scheme := schemeOf(purlType)
	type bound struct {
		operator string
		order    int // of the version to the bound
	}
	var bounds []bound
	only := true // nothing but versions that are not in it
	for _, part := range strings.FieldsFunc(text, func(r rune) bool { return r == '|' || r == ',' }) {
		part = strings.TrimSpace(part)
		operator := part[:len(part)-len(strings.TrimLeft(part, "<>=!"))]
		limit := strings.TrimSpace(part[len(operator):])
		if plain, err := url.PathUnescape(limit); err == nil {
			limit = plain
		}
		order, err := version.Compare(scheme, v, limit)
		if err != nil || limit == "" {
			return false
		}
		switch operator {
		case "", "=", "==":
			if order == 0 {
				return true
			}
		case "!=":
			if order == 0 {
				return false
			}
			continue
		case "<", "<=", ">", ">=":
			bounds = append(bounds, bound{operator, order})
		default:
			return false
		}
		only = false
	}
	if only {
		return true
	}
	// In pairs: a lower bound and the upper one behind it; the first may lack its
	// lower bound, the last its upper.
	for i := 0; i < len(bounds); i++ {
		below := func(b bound) bool { return b.order < 0 || b.order == 0 && b.operator == "<=" }
		above := func(b bound) bool { return b.order > 0 || b.order == 0 && b.operator == ">=" }
		switch b := bounds[i]; {
		case b.operator[0] == '<':
			if below(b) {
				return true
			}
		case i+1 < len(bounds) && bounds[i+1].operator[0] == '<':
			if above(b) && below(bounds[i+1]) {
				return true
			}
			i++
		default:
			if above(b) {
				return true
			}
		}
	}
	return false
}

// lastSegment is what stands behind the last slash.
func lastSegment(s string) string { return s[strings.LastIndexByte(s, '/')+1:] }
