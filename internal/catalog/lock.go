package catalog

import (
	"fmt"
	"path"
	"strings"

	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

// lockParser returns the parser for lock files of a name, nil for other files.
// pom.xml is not among them: it names ranges, properties and parents, not what
// they came to. go.mod is, since it names the version of each module.
func lockParser(base string) func([]byte) ([]sbom.Package, error) {
	switch base {
	case "package-lock.json", "npm-shrinkwrap.json":
		return parsePackageLock
	case "yarn.lock":
		return parseYarnLock
	case "pnpm-lock.yaml":
		return parsePnpmLock
	case "poetry.lock", "uv.lock", "pdm.lock":
		return parsePythonLock
	case "Pipfile.lock":
		return parsePipfileLock
	case "requirements.txt":
		return parseRequirements
	case "Gemfile.lock", "gems.locked":
		return parseGemfileLock
	case "composer.lock":
		return parseComposerLock
	case "Cargo.lock":
		return parseCargoLock
	case "go.mod":
		return parseGoMod
	case "pubspec.lock":
		return parsePubspecLock
	case "mix.lock":
		return parseMixLock
	case "packages.lock.json":
		return parseNuGetLock
	case "gradle.lockfile":
		return parseGradleLock
	}
	return nil
}

// isLockFile wants lock files of programs, not those that a package brings
// along with its own source.
func isLockFile(h *rootfs.Header, _ []byte) bool {
	return lockParser(h.Path[strings.LastIndexByte(h.Path, '/')+1:]) != nil && !inPackage(path.Dir(h.Path)) && !inTests(path.Dir(h.Path))
}

// inPackage reports whether a folder is that of an installed package, of a
// package manager's cache, or of the Go toolchain.
func inPackage(dir string) bool {
	for _, folder := range [...]string{"pkg/mod/", "go/src/", "gocode/src/", "share/go-"} {
		if strings.Contains(dir+"/", folder) {
			return true
		}
	}
	if strings.HasPrefix(dir, "usr/share/doc/") {
		return true
	}
	for part := range strings.SplitSeq(dir, "/") {
		switch part {
		case "node_modules", "site-packages", "dist-packages", "vendor", "gems", ".cargo", ".npm", ".cache", ".pub-cache", "_cacache":
			return true
		}
	}
	return false
}

// maxLockFile bounds a lock file; those of the largest monorepos have a half.
const maxLockFile = 8 << 20

func readLockFile(h *rootfs.Header, body rootfs.Body) (found, error) {
	if body.Size() > maxLockFile {
		return found{}, fmt.Errorf("%d bytes, more than %d", body.Size(), maxLockFile)
	}
	f, err := whole(lockParser(path.Base(h.Path)))(h, body)
	for i := range f.Packages {
		f.Packages[i].FromLockFile = true
	}
	return f, err
}

// lockInstalled reports whether what a lock file names was installed, as far as
// the packages found say: something of its kind below its folder or, where
// things are installed elsewhere, anything that it names. Then what is installed
// counts, not the lock: it also names what was only needed to build or to test.
func lockInstalled(lock []sbom.Package, installed map[string][]*sbom.Package) bool {
	if len(lock) == 0 {
		return true
	}
	kind := lock[0].Type
	below := path.Dir(lock[0].Locations[0].Path) + "/"
	if below == "./" {
		below = ""
	}
	named := map[string]bool{}
	for i := range lock {
		named[lock[i].Name] = true
	}
	for _, p := range installed[kind] {
		at := p.Locations[0].Path
		if strings.HasPrefix(at, below) && (kind != "npm" || !mayBeApplication(at)) { // the program itself is no sign
			return true
		}
		// Node looks for packages in node_modules beside the program or above it.
		if kind != "npm" && kind != "composer" && p.Owner == "" && named[p.Name] {
			return true
		}
	}
	return false
}
