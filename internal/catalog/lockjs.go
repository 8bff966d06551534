package catalog

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/careen/careen/internal/sbom"
)

// lockList gathers the packages of a lock file.
type lockList struct {
	kind     string // purl type
	packages []sbom.Package
	wrong    problems
}

// add notes a package. What has no version of its own (a link, a path, a
// commit) cannot be compared with any advisory and is left out.
func (l *lockList) add(name, version string) {
	version = strings.TrimSpace(version)
	if name == "" || len(version) == 0 || !startsWithDigit(strings.TrimPrefix(version, "v")) {
		return
	}
	switch {
	case len(l.packages) < maxPackages:
		l.packages = append(l.packages, language(l.kind, name, version))
	case len(l.wrong) == 0 || l.wrong[len(l.wrong)-1] != errTooMany:
		l.wrong = append(l.wrong, errTooMany)
	}
}

func (l *lockList) result() ([]sbom.Package, error) { return l.packages, l.wrong.err() }

// npmLocked is a package in package-lock.json.
type npmLocked struct {
	Name         string               `json:"name"`
	Version      string               `json:"version"`
	Dev          bool                 `json:"dev"`
	Link         bool                 `json:"link"`
	Dependencies map[string]npmLocked `json:"dependencies"`
}

// parsePackageLock reads package-lock.json: "packages" by path since version 2,
// nested "dependencies" before
// (https://docs.npmjs.com/cli/configuring-npm/package-lock-json). What only
// development needs is left out.
func parsePackageLock(data []byte) ([]sbom.Package, error) {
	// In "packages", "dependencies" holds ranges by name.
	var doc struct {
		Packages map[string]struct {
			Name, Version string
			Dev, Link     bool
		}
		Dependencies map[string]npmLocked
	}
	if err := json.Unmarshal(bytes.TrimPrefix(data, []byte("\ufeff")), &doc); err != nil {
		return nil, err
	}
	l := lockList{kind: "npm"}
	for _, place := range slices.Sorted(maps.Keys(doc.Packages)) {
		p := doc.Packages[place]
		at := strings.LastIndex(place, "node_modules/")
		if at < 0 || p.Dev || p.Link {
			continue // the project itself and its workspaces
		}
		name := p.Name // an alias has its real name here
		if name == "" {
			name = place[at+len("node_modules/"):]
		}
		l.add(name, p.Version)
	}
	if doc.Packages == nil {
		l.addNested(doc.Dependencies, 0)
	}
	return l.result()
}

// maxNestedLock bounds how deep npm 6 nested one package in another.
const maxNestedLock = 64

func (l *lockList) addNested(all map[string]npmLocked, depth int) {
	if depth == maxNestedLock {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		p := all[name]
		if p.Dev {
			continue
		}
		version := p.Version
		if alias, ok := strings.CutPrefix(version, "npm:"); ok { // "npm:other@1.0.0"
			name, version = cutSpec(alias)
		}
		l.add(name, version)
		l.addNested(p.Dependencies, depth+1)
	}
}

// cutSpec parts "@scope/name@^1.0" into name and range.
func cutSpec(spec string) (name, want string) {
	if at := strings.IndexByte(spec[min(1, len(spec)):], '@'); at >= 0 {
		return spec[:at+1], spec[at+2:]
	}
	return spec, ""
}

// parseYarnLock reads both kinds of yarn.lock: version 1's own
// ("name@range:" and `version "1.0.0"` below it) and Berry's, which is YAML
// with a line "resolution".
func parseYarnLock(data []byte) ([]sbom.Package, error) {
	l := lockList{kind: "npm"}
	var name, version string
	end := func() {
		l.add(name, version)
		name, version = "", ""
	}
	for text := range strings.Lines(string(data)) {
		text = strings.TrimRight(text, "\r\n")
		switch {
		case text == "" || text[0] == '#':
		case text[0] != ' ':
			end()
			spec, _, _ := strings.Cut(strings.Trim(strings.TrimSuffix(text, ":"), `"`), ",")
			if name = yarnName(strings.Trim(spec, `"`)); name == "__metadata" {
				name = ""
			}
		case !strings.HasPrefix(text, "   "): // two blanks: of the package itself
			key, value, _ := strings.Cut(strings.TrimSpace(text), " ")
			value = strings.Trim(value, `"`)
			switch strings.TrimSuffix(key, ":") {
			case "version":
				version = value
			case "resolution":
				name = yarnName(value)
			}
		}
	}
	end()
	return l.result()
}

// yarnName returns the name of a package in a specification: "name@^1",
// "name@npm:^1", "alias@npm:name@^1"; "" for those that are no registry's.
func yarnName(spec string) string {
	name, want := cutSpec(spec)
	for _, local := range [...]string{"workspace:", "link:", "file:", "portal:", "exec:"} {
		if strings.HasPrefix(want, local) {
			return ""
		}
	}
	if real, ok := strings.CutPrefix(want, "npm:"); ok {
		if other, rest := cutSpec(real); rest != "" {
			return other
		}
	}
	return name
}

// parsePnpmLock reads the keys below "packages:" of pnpm-lock.yaml:
// /name/1.0.0_peer (version 5), /name@1.0.0(peer) (6) or name@1.0.0 (9). pnpm
// writes it in one form only, so that lines tell all. Versions 5 and 6 mark
// what only development needs.
// https://github.com/pnpm/spec/tree/master/lockfile
func parsePnpmLock(data []byte) ([]sbom.Package, error) {
	l := lockList{kind: "npm"}
	var name, version string
	inPackages, dev := false, false
	end := func() {
		if !dev {
			l.add(name, version)
		}
		name, version, dev = "", "", false
	}
	for text := range strings.Lines(string(data)) {
		text = strings.TrimRight(text, "\r\n")
		indent := len(text) - len(strings.TrimLeft(text, " "))
		switch {
		case text == "":
		case indent == 0:
			end()
			inPackages = text == "packages:"
		case !inPackages:
		case indent == 2:
			end()
			// "key:", or "key: {…}" on one line.
			key := strings.TrimSpace(text)
			if at := strings.Index(key, ": "); at >= 0 {
				key = key[:at]
			}
			name, version = pnpmName(strings.Trim(strings.TrimSuffix(key, ":"), `'"`))
		case indent == 4 && strings.TrimSpace(text) == "dev: true":
			dev = true
		}
	}
	end()
	return l.result()
}

func pnpmName(key string) (name, version string) {
	key, _, _ = strings.Cut(key, "(")
	rest, old := strings.CutPrefix(key, "/")
	if name, version = cutSpec(rest); version != "" && !strings.Contains(version, "/") && !strings.Contains(name, "_") {
		if slash := strings.Count(name, "/"); slash == 0 || slash == 1 && name[0] == '@' {
			return name, version
		}
	}
	if at := strings.LastIndexByte(rest, '/'); old && at > 0 {
		version, _, _ = strings.Cut(rest[at+1:], "_")
		return rest[:at], version
	}
	return "", ""
}
