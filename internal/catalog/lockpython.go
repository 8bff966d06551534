package catalog

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/careen/careen/internal/sbom"
)

// lockBlock is a [[package]] of a lock file in TOML, as written by poetry, uv,
// pdm and cargo: one "key = value" a line.
type lockBlock struct {
	name, version, source, category, groups string
}

// lockBlocks calls f for each [[package]].
func lockBlocks(data []byte, f func(lockBlock)) {
	var b lockBlock
	inside := false
	end := func() {
		if inside {
			f(b)
		}
		b, inside = lockBlock{}, false
	}
	part := "" // of the package: "[package.source]"
	for text := range strings.Lines(string(data)) {
		text = strings.TrimSpace(text)
		if strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") {
			if part = text; !strings.HasPrefix(text, "[package.") {
				end()
				inside = text == "[[package]]"
			}
			continue
		}
		key, value, ok := strings.Cut(text, "=")
		if !ok || !inside {
			continue
		}
		value = strings.TrimSpace(value)
		plain := strings.Trim(value, `"'`)
		switch key = strings.TrimSpace(key); {
		case part == "[package.source]" && key == "type":
			b.source = plain
		case part != "[[package]]":
		case key == "name":
			b.name = plain
		case key == "version":
			b.version = plain
		case key == "source":
			b.source = plain
		case key == "category":
			b.category = plain
		case key == "groups":
			b.groups = value
		}
	}
	end()
}

// parsePythonLock reads poetry.lock, uv.lock and pdm.lock. The project itself,
// packages of folders, and groups of development are left out.
func parsePythonLock(data []byte) ([]sbom.Package, error) {
	l := lockList{kind: "pypi"}
	lockBlocks(data, func(b lockBlock) {
		local := strings.Contains(b.source, "virtual") || strings.Contains(b.source, "editable") || b.source == "directory"
		development := b.category == "dev" || b.groups != "" && !strings.Contains(b.groups, `"main"`) && !strings.Contains(b.groups, `"default"`)
		if !local && !development {
			l.add(b.name, b.version)
		}
	})
	return l.result()
}

// parseCargoLock reads Cargo.lock. Crates without a source are the program's own.
func parseCargoLock(data []byte) ([]sbom.Package, error) {
	l := lockList{kind: "cargo"}
	lockBlocks(data, func(b lockBlock) {
		if strings.HasPrefix(b.source, "registry+") || strings.HasPrefix(b.source, "sparse+") {
			l.add(b.name, b.version)
		}
	})
	return l.result()
}

// parsePipfileLock reads Pipfile.lock, without what development needs.
func parsePipfileLock(data []byte) ([]sbom.Package, error) {
	var doc struct {
		Default map[string]struct{ Version string }
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	l := lockList{kind: "pypi"}
	for _, name := range slices.Sorted(maps.Keys(doc.Default)) {
		l.add(name, strings.TrimPrefix(doc.Default[name].Version, "=="))
	}
	return l.result()
}

// parseRequirements reads the lines of a requirements.txt that name one version
// (https://pip.pypa.io/en/stable/reference/requirements-file-format/).
func parseRequirements(data []byte) ([]sbom.Package, error) {
	l := lockList{kind: "pypi"}
	for text := range strings.Lines(string(data)) {
		text, _, _ = strings.Cut(strings.TrimSpace(text), " #")
		text, _, _ = strings.Cut(text, ";") // environment markers
		text, _, _ = strings.Cut(text, " --hash")
		name, version, ok := strings.Cut(strings.TrimSuffix(strings.TrimSpace(text), `\`), "==")
		if !ok || text[0] == '#' || text[0] == '-' {
			continue
		}
		name, _, _ = strings.Cut(name, "[") // extras
		version = strings.TrimSpace(strings.TrimPrefix(version, "="))
		name = strings.TrimSpace(name)
		if strings.ContainsAny(version, ",* ") || strings.ContainsAny(name, "<>=!~, ") {
			continue
		}
		l.add(name, version)
	}
	return l.result()
}
