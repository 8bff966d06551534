package catalog

import (
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/purl"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

// databaseFolders hold what the package managers keep for themselves.
var databaseFolders = []string{
	"var/lib/dpkg", "var/lib/rpm", "usr/lib/sysimage/rpm", "usr/share/rpm", "lib/apk/db", "usr/lib/apk/db", "var/lib/pacman", "var/lib/chisel", "var/lib/rpmmanifest", "var/db/pkg", "nix/store",
}

// programFolders are what programs that no package manager installed bring
// next to their file, below the folder that their bin or lib is in.
var programFolders = map[string][]string{
	"apache":     {"build", "error", "icons", "include", "manual", "modules"},
	"node":       {"include/node", "share/doc/node"},
	"perl":       {"lib/perl5"},
	"php":        {"include/php", "lib/php"},
	"postgresql": {"include/postgresql", "lib/postgresql", "share/postgresql"},
}

// folders returns the paths that packages are known to own with all that is
// below them, sorted, next to the files of sbom.Package.Files: where the record
// of a language's package lies, and what the record says of other places.
func (j *join) folders() []string {
	all := append(slices.Clone(databaseFolders), path.Dir(j.dpkg.status))
	for i := range j.packages {
		p := &j.packages[i]
		if purl.OfDistribution(p.Type) || p.FromLockFile {
			continue
		}
		at, _, _ := strings.Cut(p.Locations[0].Path, "!")
		all = append(all, at)
		all = j.appendFolders(all, p, at)
	}
	for fact := range j.tree.Facts("python-files") {
		if list, ok := decodeStrings(fact.Data); ok {
			site := path.Dir(path.Dir(fact.Path))
			for _, name := range list {
				all = append(all, path.Join(site, name))
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// partOfPackage reports whether a file lies in the folder of a package of a
// language's or a runtime's that is installed, or is in the package's record. A
// program's own folder, which its package.json is in, is none.
func (j *join) partOfPackage(file string) bool {
	if j.owned == nil {
		j.owned = map[string]bool{}
		for _, folder := range j.folders() {
			j.owned[folder] = true
		}
		for i := range j.packages {
			if at := j.packages[i].Locations[0].Path; path.Base(at) == "package.json" && mayBeApplication(at) {
				delete(j.owned, path.Dir(at))
			}
		}
	}
	for at := file; at != "."; at = path.Dir(at) {
		if j.owned[at] {
			return true
		}
	}
	return false
}

// appendFolders adds what belongs to a package whose record is at a path.
func (j *join) appendFolders(all []string, p *sbom.Package, at string) []string {
	dir, base := path.Dir(at), path.Base(at)
	above := path.Dir(dir)
	switch {
	case base == "package.json", base == "DESCRIPTION", base == "install.json", strings.HasSuffix(base, ".rockspec"),
		base == "release",                 // a Java runtime
		strings.HasPrefix(base, ".spdx-"), // opt/bitnami/NAME/.spdx-NAME.spdx
		strings.HasSuffix(dir, ".dist-info"), strings.HasSuffix(dir, ".egg-info"):
		return append(all, dir)
	case base == "installed.json", // vendor/composer
		path.Base(dir) == "conda-meta", path.Base(dir) == "EGG-INFO", path.Base(dir) == "ebin":
		return append(all, above)
	case base == "OTP_VERSION": // lib/erlang/releases/26
		return append(all, path.Dir(above))
	case strings.HasSuffix(base, ".gemspec"):
		name := strings.TrimSuffix(base, ".gemspec")
		return append(all, above+"/gems/"+name, above+"/cache/"+name+".gem", above+"/extensions")
	case strings.HasSuffix(base, ".deps.json"):
		if path.Base(path.Dir(above)) == "shared" { // shared/Microsoft.NETCore.App/8.0.1
			return append(all, dir)
		}
		return append(all, dir+"/"+p.Name+".dll")
	case p.Type == "golang" && strings.HasSuffix(at, "/bin/go"):
		return append(all, above) // the toolchain
	case p.Type == "bitnami", p.Type == "generic":
		for _, below := range programFolders[p.Name] {
			all = append(all, path.Join(above, below))
		}
		switch p.Name {
		case "python":
			all = append(all, path.Join(above, "include", "python"+series(p.Version)))
			return j.appendChildren(all, path.Join(above, "lib", "python"+series(p.Version)), "site-packages", "dist-packages")
		case "ruby":
			return j.appendChildren(all, path.Join(above, "lib", "ruby"), "gems")
		}
	}
	return all
}

// appendChildren adds what is in a folder, but for what others put there.
func (j *join) appendChildren(all []string, dir string, others ...string) []string {
	entries, err := j.tree.ReadDir(dir)
	if err != nil {
		return all
	}
	for _, e := range entries {
		if !slices.Contains(others, e.Name()) {
			all = append(all, dir+"/"+e.Name())
		}
	}
	return all
}

// series is the first two numbers of a version.
func series(version string) string {
	parts := strings.SplitN(version, ".", 3)
	return strings.Join(parts[:min(2, len(parts))], ".")
}

// isPythonRecord wants the lists of what a Python distribution installed.
func isPythonRecord(h *rootfs.Header, _ []byte) bool {
	return strings.HasSuffix(h.Path, ".dist-info/RECORD") || strings.HasSuffix(h.Path, ".egg-info/installed-files.txt") || strings.HasSuffix(h.Path, ".egg-info/top_level.txt")
}

// visitPythonRecord keeps what an installed distribution put where, shortened
// to the names next to its own folder that are all its: a package's folder, a
// module, a script elsewhere.
func visitPythonRecord(h *rootfs.Header, body rootfs.Body) ([]byte, error) {
	data, err := body.Bytes(maxMetadata)
	if err != nil {
		return nil, err
	}
	return encodeStrings(parsePythonRecord(path.Base(h.Path), plainText(data))), nil
}

// parsePythonRecord reads RECORD, whose lines begin with a path relative to
// site-packages
// (https://packaging.python.org/en/latest/specifications/recording-installed-packages/#the-record-file),
// setuptools' installed-files.txt, relative to the .egg-info folder, or
// top_level.txt, which names modules.
func parsePythonRecord(base string, data []byte) []string {
	var names []string
	for text := range strings.Lines(string(data)) {
		text = strings.TrimSpace(text)
		switch base {
		case "RECORD":
			if strings.HasPrefix(text, `"`) {
				text, _, _ = strings.Cut(text[1:], `"`)
			} else {
				text, _, _ = strings.Cut(text, ",")
			}
		case "installed-files.txt":
			text = path.Join("x.egg-info", text)
		case "top_level.txt":
			if text != "" && len(names) < maxFiles {
				names = append(names, text+".py")
			}
		}
		if text == "" || strings.HasPrefix(text, "/") || len(names) >= maxFiles {
			continue
		}
		if first, _, deep := strings.Cut(text, "/"); deep && first != ".." && first != "__pycache__" && first != "bin" {
			text = first
		}
		if n := len(names); n == 0 || names[n-1] != text {
			names = append(names, text)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
