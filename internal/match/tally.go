package match

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/careen/careen/internal/safetext"
	"github.com/careen/careen/internal/sbom"
)

// tally counts what no finding came of although it might have.
type tally struct {
	headers   map[string]int // kernel vulnerabilities left out, by package
	unordered map[string]int // "name version": advisories that could not be compared
	noName    []string       // packages of which only a part of the name is known
	wholes    []string       // the names that packages were taken to have of which a part is known
	noVersion []string       // packages with advisories but without a version
	noSource  []string       // packages whose source package nobody names, nor advisories them
	builders  map[string]int // packages that another than the distribution built
	strangers map[string]int // distribution packages of no known distribution, by type
	types     map[string]int // packages of types without advisories
	dropped   int            // packages whose findings are beyond Options.MaxFindings
	rejected  int            // findings whose CVE was rejected
}

func count(m *map[string]int, key string) {
	if *m == nil {
		*m = map[string]int{}
	}
	(*m)[key]++
}

func (t *tally) kernelHeaders(k *Key) { count(&t.headers, k.Name) }
func (t *tally) foreign(k *Key)       { count(&t.strangers, k.Type) }
func (t *tally) unknownType(k *Key)   { count(&t.types, k.Type) }

func (t *tally) unnamed(k *Key) { t.noName = append(t.noName, k.Name) }
func (t *tally) guessed(k *Key, whole string) {
	t.wholes = append(t.wholes, whole+" "+k.Version)
}
func (t *tally) unversioned(k *Key) { t.noVersion = append(t.noVersion, k.Name) }

func (t *tally) sourceless(k *Key) { t.noSource = append(t.noSource, k.Name) }

func (t *tally) uncomparable(k *Key, version string) {
	count(&t.unordered, k.Name+" "+version)
}

// maxNamed bounds the names in a warning.
const maxNamed = 5

// named lists keys in order, the first few of many.
func named(keys []string) string {
	slices.Sort(keys)
	keys = slices.Compact(keys)
	quoted := make([]string, 0, maxNamed)
	for _, k := range keys[:min(len(keys), maxNamed)] {
		quoted = append(quoted, fmt.Sprintf("%q", k))
	}
	text := strings.Join(quoted, ", ")
	if more := len(keys) - maxNamed; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func keys[V any](m map[string]V) []string {
	list := make([]string, 0, len(m))
	for k := range m {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}

// warnings says what the counts mean, sorted by kind and text: of the packages
// of the release by whose advisories they were judged, if has says that there are
// any, and how many are of distributions.
func (m *matcher) warnings(distro sbom.Distro, release *release, has bool, installed int) []Warning {
	var list []Warning
	incomplete := func(kind, format string, args ...any) {
		list = append(list, Warning{Kind: kind, Message: fmt.Sprintf(format, args...), Incomplete: true})
	}
	if !m.left {
		list = append(list, m.distributionWarnings(distro, release, has, installed)...)
	}
	if release.warning.Kind != "" && has {
		list = append(list, release.warning)
	}

	t := &m.tally
	for _, builder := range keys(t.builders) {
		incomplete("third-party-package", "%s from %q: the distribution's advisories say nothing of them; what is recognised inside was matched by itself",
			safetext.Count(t.builders[builder], "package"), builder)
	}
	for _, eco := range keys(m.languages) {
		if l := m.languages[eco]; l.unmatched > 0 {
			list = append(list, Warning{Kind: "no-advisories", Incomplete: true, Remedy: updateFor([]string{eco}),
				Message: fmt.Sprintf("the database holds no advisories for %s: %s not matched", eco, safetext.Count(l.unmatched, "package"))})
		}
	}
	for _, kind := range keys(t.types) {
		incomplete("no-ecosystem", "no advisories are published for packages of type %q: %s not matched", kind, safetext.Count(t.types[kind], "package"))
	}
	if len(t.unordered) > 0 {
		advisories := 0
		for _, n := range t.unordered {
			advisories += n
		}
		incomplete("uncomparable-version", "%s could not be compared with the versions in %s: %s",
			safetext.Count(len(t.unordered), "package"), safetext.Count(advisories, "advisory"), named(keys(t.unordered)))
	}
	if len(t.noName) > 0 {
		incomplete("unknown-name", "only a part of the name is known of %s, and advisories go by the whole: %s", safetext.Count(len(t.noName), "package"), named(t.noName))
	}
	if len(t.wholes) > 0 {
		list = append(list, Warning{Kind: "guessed-name", Message: fmt.Sprintf("no group is known of %s; each was matched as the one artifact of its name that has advisories, and that its classes fit where they are known: %s",
			safetext.Count(len(t.wholes), "jar"), named(t.wholes))})
	}
	if len(t.noVersion) > 0 {
		incomplete("unknown-version", "no version is known of %s that have advisories: %s", safetext.Count(len(t.noVersion), "package"), named(t.noVersion))
	}
	if len(t.noSource) > 0 {
		incomplete("unknown-name", "the SBOM names no source package of %s, and advisories of %s go by source: not matched: %s", safetext.Count(len(t.noSource), "package"), release.title, named(t.noSource))
	}
	if len(t.headers) > 0 {
		n := 0
		for _, c := range t.headers {
			n += c
		}
		list = append(list, Warning{Kind: "kernel-headers", Message: fmt.Sprintf("%s of the kernel left out for packages that hold its headers only (%s); --include-kernel-headers reports them",
			safetext.Count(n, "vulnerability"), named(keys(t.headers)))})
	}
	if t.dropped > 0 {
		incomplete("too-many-findings", "more than %d vulnerabilities: those of %s left out: raise --max-findings if they are meant", m.opt.MaxFindings, safetext.Count(t.dropped, "package"))
	}
	if m.heard > maxHeard {
		incomplete("too-many-findings", "its packages have more than %d statements to be compared with: the rest was not looked at", maxHeard)
	}
	if t.rejected > 0 {
		list = append(list, Warning{Kind: "rejected-cve", Message: safetext.Count(t.rejected, "match") + " left out: the CVE was rejected as no vulnerability"})
	}
	slices.SortStableFunc(list, func(a, b Warning) int {
		return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.Message, b.Message))
	})
	return list
}

// distributionWarnings says when the packages of the distribution, or some,
// were compared with nothing. Where there are such packages a gate is blind.
func (m *matcher) distributionWarnings(distro sbom.Distro, release *release, has bool, installed int) []Warning {
	var list []Warning
	add := func(kind, remedy, format string, args ...any) {
		list = append(list, Warning{Kind: kind, Message: fmt.Sprintf(format, args...), Incomplete: true, Blind: installed > 0, Remedy: remedy})
	}
	switch {
	case release.Unknown == "" && !has:
		add("no-advisories", updateFor(release.Ecosystems), "the database holds no advisories for %s: packages of the distribution were not matched", release.title)
	case release.Unknown == "":
		for _, kind := range keys(m.tally.strangers) {
			n := m.tally.strangers[kind]
			list = append(list, Warning{Kind: "foreign-package", Incomplete: true, Blind: n == installed,
				Message: fmt.Sprintf("%s of type %q in an image of %s were not matched", safetext.Count(n, "package"), kind, release.title)})
		}
	case distro.ID == "" && installed > 0:
		add("no-distribution", "keep etc/os-release in the image", "nothing in the image says which distribution its %s are from (no os-release): they were not matched", safetext.Count(installed, "package"))
	case release.Unknown == sbom.NoData:
		add("no-advisories", "let VERSION_ID of etc/os-release say it", "which release of %s it is, is not known: packages of the distribution were not matched", distroTitle(distro))
	case distro.ID != "" && len(distro.IDLike) > 0:
		// Packages of a derivative are built by others, under versions that
		// say nothing about the parent's fixes.
		add("no-advisories", "", "no advisories are known for %s: its packages were not matched, nor compared with those of %q, which did not build them",
			distroTitle(distro), strings.Join(distro.IDLike, " or "))
	case distro.ID != "":
		add("no-advisories", "", "no advisories are known for %s: packages of the distribution were not matched", distroTitle(distro))
	}
	return list
}

// updateFor names the command that gets what is missing.
func updateFor(ecosystems []string) string {
	if len(ecosystems) == 0 {
		return ""
	}
	return "get them: careen db update --only " + UpdateName(ecosystems[0])
}

// UpdateName is what careen db update --only calls an ecosystem: "ubuntu:22.04"
// for "Ubuntu:22.04", "alpine:3.20" for "Alpine:v3.20".
func UpdateName(ecosystem string) string {
	name, release, _ := strings.Cut(ecosystem, ":")
	name = strings.ReplaceAll(strings.ToLower(name), " ", "-")
	if release = strings.TrimPrefix(release, "v"); release != "" && !strings.Contains(release, " ") {
		name += ":" + release
	}
	return name
}

// missing lists the ecosystems of packages for which the database has nothing.
func (m *matcher) missing(release *release, has bool, installed int) []string {
	var list []string
	if release.Unknown == "" && !has && installed > 0 {
		list = slices.Clone(release.Ecosystems[:min(len(release.Ecosystems), 1)])
	}
	for _, eco := range keys(m.languages) {
		if m.languages[eco].unmatched > 0 {
			list = append(list, eco)
		}
	}
	return list
}

func distroTitle(d sbom.Distro) string {
	if d.PrettyName != "" {
		return fmt.Sprintf("%q", d.PrettyName)
	}
	return fmt.Sprintf("%q", strings.TrimSpace(d.ID+" "+d.VersionID))
}
