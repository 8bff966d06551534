package fix

import (
	"fmt"
	"slices"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/lazy"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/sbom"
)

// manager is how packages of one kind are upgraded by their names.
type manager struct {
	program string // that the last stage has to have
	run     func(names []string) string
}

var managers = map[string]manager{
	"deb": {"apt-get", func(names []string) string {
		return "RUN apt-get update && apt-get install -y --no-install-recommends --only-upgrade " + strings.Join(names, " ") + " && rm -rf /var/lib/apt/lists/*"
	}},
	"apk": {"apk", func(names []string) string { return "RUN apk upgrade --no-cache " + strings.Join(names, " ") }},
}

// pinned are the words by which RUN asks for one version of a package: package
// managers and how they write it. A word is one of theirs only in a command of
// theirs.
var pinned = map[string]struct{ commands, between string }{
	"deb":  {"apt-get install|apt install", "="},
	"apk":  {"apk add", "="},
	"pypi": {"pip install|pip3 install|-m pip install", "=="},
	"npm":  {"npm install|npm i|npm add|yarn global add|pnpm add", "@"},
}

// osName and plainVersion are what may stand in a command as it is.
var (
	osName       = lazy.Regexp(`^[a-z0-9][a-z0-9+._-]*$`)
	plainVersion = lazy.Regexp(`^[0-9][0-9A-Za-z.+~_:-]*$`)
)

// upgrade names the packages to upgrade. What the base brought is upgraded
// directly behind FROM; of what the file itself installs, the version that it
// asks for moves, or a build that asks again is enough.
func (f *fixer) upgrade() {
	var base, again []Upgrade
	for _, u := range f.in.Upgrades {
		if !plainVersion().MatchString(u.Fix) {
			continue
		}
		switch {
		case !u.Own:
			base = append(base, u)
		case f.moveVersion(u):
		default:
			again = append(again, u)
		}
	}
	f.upgradeBase(base)
	f.rebuild(again)
}

// moveVersion gives RUN the version that fixes a package where it asks for the
// one that does not.
func (f *fixer) moveVersion(u Upgrade) bool {
	how, known := pinned[u.Type]
	if !known {
		return false
	}
	for _, in := range all(f.parse()) {
		if in.Name != "RUN" || in.JSON || len(in.Heredocs) > 0 || !hasCommand(in.Text, how.commands) {
			continue
		}
		word := u.Name + how.between + u.Version
		at := wordIn(in.Text, word)
		if at < 0 {
			continue
		}
		if why := f.breaks(u); why != "" {
			f.hint(f.docker, "upgrade", word+" → "+u.Fix, fixes(u)+"; "+why)
			return true
		}
		start := in.Offset(at + len(word) - len(u.Version))
		if f.replace(start, start+len(u.Version), u.Fix) {
			f.fixed(u)
			f.done(f.docker, "upgrade", word+" → "+u.Fix, fixes(u), "the RUN asks for that version by name")
			return true
		}
	}
	return false
}

// breaks says why another version is not simply put in the place of one.
func (f *fixer) breaks(u Upgrade) string {
	if managers[u.Type].program != "" {
		return "an archive of a distribution has only its newest version, which may be a later one"
	}
	if series(u.Version) != series(u.Fix) {
		return "the program may not be made for " + u.Name + " " + series(u.Fix)
	}
	return ""
}

// series is the part of a version within which nothing is meant to break
// (semver.org, clauses 4 and 8): the first number, below 1 the second too.
func series(version string) string {
	major, rest, _ := strings.Cut(version, ".")
	if major == "0" {
		minor, _, _ := strings.Cut(rest, ".")
		return major + "." + minor
	}
	return major
}

// hasCommand reports whether a text has one of the commands, which a "|" divides.
func hasCommand(text, commands string) bool {
	plain := strings.Join(strings.Fields(text), " ")
	return slices.ContainsFunc(strings.Split(commands, "|"), func(c string) bool {
		first, second, _ := strings.Cut(c, " ")
		i := strings.Index(plain, first)
		return i >= 0 && strings.Contains(plain[i:], second)
	})
}

// wordIn finds a word of a command; -1 where it is none of it, or more than one.
func wordIn(text, word string) int {
	found := -1
	for at := 0; ; {
		i := strings.Index(text[at:], word)
		if i < 0 {
			return found
		}
		start := at + i
		at = start + len(word)
		if bounded(text, start, at) {
			if found >= 0 {
				return -1
			}
			found = start
		}
	}
}

func bounded(text string, start, end int) bool {
	const around = " \t\n\\;&|'\""
	return (start == 0 || strings.ContainsRune(around, rune(text[start-1]))) && (end == len(text) || strings.ContainsRune(around, rune(text[end])))
}

func (f *fixer) upgradeBase(list []Upgrade) {
	for _, kind := range []string{"deb", "apk"} {
		var names []string
		var these []Upgrade
		for _, u := range list {
			if u.Type == kind && osName().MatchString(u.Name) && !slices.Contains(names, u.Name) {
				names = append(names, u.Name)
				these = append(these, u)
			}
		}
		if len(names) == 0 {
			continue
		}
		slices.Sort(names)
		m := managers[kind]
		line := m.run(names)
		at := f.foundation()
		switch {
		case !f.has(m.program) || !f.has("sh"):
			f.hint(f.docker, "upgrade", "a newer base with "+strings.Join(names, ", "), fmt.Sprintf("%s, and the last stage has no %s to do it with", fixes(these...), m.program))
		case at == nil:
			f.hint(f.docker, "upgrade", line, fixes(these...)+"; where root may do it the file does not show: the base runs as another user")
		case f.insert(at, line):
			f.fixed(these...)
			f.done(f.docker, "upgrade", line, fixes(these...), "the base brought them, and its release has the fixed versions")
		}
	}
	f.others(slices.DeleteFunc(list, func(u Upgrade) bool { return managers[u.Type].program != "" }))
}

// others are packages of the base that no command of the distribution upgrades.
func (f *fixer) others(list []Upgrade) {
	for _, u := range list[:min(len(list), maxNamed)] {
		f.hint(f.docker, "upgrade", fmt.Sprintf("a base with %s %s or later", u.Name, u.Fix), fixes(u)+"; the base brought "+u.Version)
	}
}

// maxNamed is how many packages are named one by one.
const maxNamed = 10

// rebuild says what only has to be built again, and what other files decide.
func (f *fixer) rebuild(list []Upgrade) {
	var names []string
	var these []Upgrade
	for _, u := range list {
		if managers[u.Type].program != "" {
			names = append(names, u.Name)
			these = append(these, u)
		}
	}
	if len(names) > 0 {
		slices.Sort(names)
		names = slices.Compact(names)
		f.hint(f.docker, "upgrade", "build again without the cache (docker build --no-cache --pull)", fmt.Sprintf("%s: the file installs %s at whatever version there is", fixes(these...), listed(names)))
	}
	named := 0
	for _, u := range list {
		if managers[u.Type].program == "" && named < maxNamed {
			named++
			f.hint(f.docker, "upgrade", fmt.Sprintf("%s %s → %s", u.Name, u.Version, u.Fix), fixes(u)+"; the files of the application say which version is installed")
		}
	}
}

func listed(names []string) string {
	if len(names) > maxNamed {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNamed], ", "), len(names)-maxNamed)
	}
	return strings.Join(names, ", ")
}

// fixed notes what upgrades that were made fix.
func (f *fixer) fixed(list ...Upgrade) {
	for _, u := range list {
		for _, v := range u.Fixed {
			f.out.Fixed[v] = true
		}
	}
}

// fixes says how many vulnerabilities upgrades fix, each once.
func fixes(list ...Upgrade) string {
	set := map[*finding.Vulnerability]bool{}
	for _, u := range list {
		for _, v := range u.Fixed {
			set[v] = true
		}
	}
	if len(set) == 1 {
		return "fixes 1 vulnerability"
	}
	return fmt.Sprintf("fixes %d vulnerabilities", len(set))
}

// UpgradesOf lists what can be upgraded by its name. A release past its end has
// no newer packages.
func UpgradesOf(r *report.Report, own func(*sbom.Package) bool) []Upgrade {
	var list []Upgrade
	rows := report.Upgrades(r, report.Shown{})
	for i := range rows {
		u := &rows[i]
		for _, p := range u.Packages {
			system := p.Type == "deb" || p.Type == "apk" || p.Type == "rpm"
			if u.Fix == "" || len(u.Fixes) == 0 || system && (r.Target.OS == nil || r.Target.OS.PastEOL || !r.Target.OS.Advisories) {
				continue
			}
			list = append(list, Upgrade{Type: p.Type, Name: p.Name, Version: p.Version, Fix: u.Fix, Fixed: u.Fixes, Own: own(p)})
		}
	}
	return list
}
