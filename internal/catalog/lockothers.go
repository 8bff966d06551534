package catalog

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/careen/careen/internal/lazy"
	"github.com/careen/careen/internal/sbom"
)

// parseGemfileLock reads the gems of a Gemfile.lock: "    name (version)" below
// "  specs:", of registries as of git repositories, folders and plugins' sources.
// A version for one platform has it behind a hyphen.
func parseGemfileLock(data []byte) ([]sbom.Package, error) {
	l := lockList{kind: "gem"}
	section := ""
	for text := range strings.Lines(string(data)) {
		text = strings.TrimRight(text, "\r\n")
		if text != "" && text[0] != ' ' {
			section = text
			continue
		}
		spec, ok := strings.CutPrefix(text, "    ")
		if !ok || strings.HasPrefix(spec, " ") {
			continue
		}
		switch section {
		case "GEM", "GIT", "PATH", "PLUGIN SOURCE":
		default:
			continue
		}
		name, version, _ := strings.Cut(strings.TrimSuffix(spec, ")"), " (")
		version, _, _ = strings.Cut(version, "-")
		l.add(name, version)
	}
	return l.result()
}

// parseComposerLock reads composer.lock.
func parseComposerLock(data []byte) ([]sbom.Package, error) {
	type locked struct {
		Name, Version string
		Require       json.RawMessage
	}
	var doc struct {
		Packages    []locked
		Development []locked `json:"packages-dev"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	g := newLockGraph("composer")
	for i, p := range append(doc.Packages, doc.Development...) {
		n := &lockNode{name: p.Name, version: p.Version, development: i >= len(doc.Packages)} // of a branch, "dev-main"
		var needs map[string]json.RawMessage
		if json.Unmarshal(p.Require, &needs) == nil { // an empty one is a list
			n.needs = slices.Collect(maps.Keys(needs))
		}
		g.put(p.Name, n)
	}
	return g.packages(g.all())
}

// parseGoMod reads the modules that go.mod requires, as it replaces them
// (https://go.dev/ref/mod#go-mod-file-grammar).
func parseGoMod(data []byte) ([]sbom.Package, error) {
	type module struct{ path, version string }
	var required []module
	replaced := map[string]module{}
	block := ""
	for text := range strings.Lines(string(data)) {
		text, _, _ = strings.Cut(text, "//")
		words := strings.Fields(text)
		switch {
		case len(words) == 0:
			continue
		case block == "" && len(words) == 2 && words[1] == "(":
			block = words[0]
			continue
		case words[0] == ")":
			block = ""
			continue
		case block == "":
			words = append([]string{}, words...)
		default:
			words = append([]string{block}, words...)
		}
		for i := range words {
			words[i] = strings.Trim(words[i], "\"`")
		}
		switch arrow := slices.Index(words, "=>"); {
		case words[0] == "require" && len(words) == 3:
			required = append(required, module{words[1], words[2]})
		case words[0] == "replace" && arrow >= 2 && len(words) > arrow+1:
			to := module{path: words[arrow+1]}
			if len(words) > arrow+2 {
				to.version = words[arrow+2]
			}
			replaced[strings.Join(words[1:arrow], " ")] = to
		}
	}
	l := lockList{kind: "golang"}
	for _, m := range required {
		for _, key := range [...]string{m.path + " " + m.version, m.path} {
			if to, ok := replaced[key]; ok {
				m = to // without a version, a folder
				break
			}
		}
		l.add(m.path, m.version)
	}
	return l.result()
}

// parsePubspecLock reads pubspec.lock of Dart and Flutter, which pub writes in
// one form only: packages with two blanks before them, what is said of them
// with four. What comes with the SDK or from a folder is left out.
func parsePubspecLock(data []byte) ([]sbom.Package, error) {
	l := lockList{kind: "pub"}
	var name, version, source, dependency string
	inPackages := false
	end := func() {
		if source == "hosted" || source == "git" {
			l.addFor(dependency == "direct dev", name, version)
		}
		name, version, source, dependency = "", "", "", ""
	}
	for text := range strings.Lines(string(data)) {
		text = strings.TrimRight(text, "\r\n")
		key, value, _ := strings.Cut(strings.TrimSpace(text), ":")
		value = strings.Trim(strings.TrimSpace(value), `"`)
		switch indent := len(text) - len(strings.TrimLeft(text, " ")); {
		case text == "":
		case indent == 0:
			end()
			inPackages = key == "packages"
		case !inPackages:
		case indent == 2:
			end()
			name = strings.Trim(key, `"`)
		case indent == 4 && key == "version":
			version = value
		case indent == 4 && key == "source":
			source = value
		case indent == 4 && key == "dependency":
			dependency = value
		}
	}
	end()
	return l.result()
}

var mixEntry = lazy.Regexp(`(?m)^\s*"[^"]+":\s*\{:hex,\s*:"?([A-Za-z0-9_]+)"?,\s*"([^"]+)"`)

var mixRepository = lazy.Regexp(`(?m)^\s*"([^"]+)":\s*\{:git,\s*"[^"]*",\s*"([0-9a-f]+)"`)

// parseMixLock reads mix.lock: "name": {:hex, :package, "version", …}.
func parseMixLock(data []byte) ([]sbom.Package, error) {
	l := lockList{kind: "hex"}
	for _, m := range mixEntry().FindAllSubmatch(data, maxPackages) {
		l.add(string(m[1]), string(m[2]))
	}
	for _, m := range mixRepository().FindAllSubmatch(data, maxPackages) {
		l.pin(string(m[1]), string(m[2]))
	}
	return l.result()
}

// parseNuGetLock reads packages.lock.json: packages by target framework.
func parseNuGetLock(data []byte) ([]sbom.Package, error) {
	var doc struct {
		Dependencies map[string]map[string]struct{ Type, Resolved string }
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	l := lockList{kind: "nuget"}
	for _, framework := range slices.Sorted(maps.Keys(doc.Dependencies)) {
		for _, name := range slices.Sorted(maps.Keys(doc.Dependencies[framework])) {
			if p := doc.Dependencies[framework][name]; p.Type != "Project" {
				l.add(name, p.Resolved)
			}
		}
	}
	return l.result()
}

// parseGradleLock reads gradle.lockfile: "group:artifact:version=configurations".
// What no configuration has that is there when the program runs is for development,
// in a file that names such configurations; in others what tests alone need.
func parseGradleLock(data []byte) ([]sbom.Package, error) {
	lasting := runsWith
	if !bytes.Contains(data, []byte("untimeClasspath")) {
		lasting = func(configuration string) bool { return !strings.HasPrefix(configuration, "test") }
	}
	return parseGradleLines(data, lasting)
}

// parseGradleBuildLock reads buildscript-gradle.lockfile: what the build itself runs with.
func parseGradleBuildLock(data []byte) ([]sbom.Package, error) {
	return parseGradleLines(data, func(string) bool { return false })
}

// runsWith reports whether a configuration is of what a program runs with:
// "runtimeClasspath", Android's "releaseRuntimeClasspath".
func runsWith(configuration string) bool {
	return strings.HasSuffix(configuration, "untimeClasspath") && !strings.HasPrefix(configuration, "test") && !strings.Contains(configuration, "Test")
}

func parseGradleLines(data []byte, lasting func(configuration string) bool) ([]sbom.Package, error) {
	l := lockList{kind: "maven"}
	for text := range strings.Lines(string(data)) {
		coordinates, configurations, ok := strings.Cut(strings.TrimSpace(text), "=")
		parts := strings.Split(coordinates, ":")
		if !ok || len(parts) != 3 || strings.HasPrefix(coordinates, "#") {
			continue
		}
		l.addFor(!slices.ContainsFunc(strings.Split(configurations, ","), lasting), parts[0]+":"+parts[1], parts[2])
	}
	return l.result()
}
