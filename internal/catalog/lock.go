package catalog

import (
	"fmt"
	"io/fs"
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
	case "bun.lock":
		return parseBunLock
	case "poetry.lock", "pdm.lock":
		return parsePoetryLock
	case "uv.lock":
		return parseUvLock
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

// besideParser returns the parser of a lock file that reads it together with the
// manifests in its folder, which alone say what is for development; nil for others.
func besideParser(base string) func(data []byte, beside fs.FS) ([]sbom.Package, error) {
	switch base {
	case "yarn.lock":
		return parseYarnLockBeside
	case "poetry.lock":
		return parsePoetryLockBeside
	}
	return nil
}

// readBeside reads a file next to a lock file.
func readBeside(beside fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(beside, name)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxLockFile {
		return nil, fmt.Errorf("%d bytes, more than %d", info.Size(), maxLockFile)
	}
	return fs.ReadFile(beside, name)
}

// lockBeside reads a lock file again with what lies in its folder. Where that
// says nothing, the packages that the lock alone named stay.
func (j *join) lockBeside(file []sbom.Package) []sbom.Package {
	at := file[0].Locations[0]
	parse := besideParser(path.Base(at.Path))
	if parse == nil {
		return file
	}
	beside, err := fs.Sub(j.tree, path.Dir(at.Path))
	if err != nil {
		return file
	}
	data, err := readBeside(beside, path.Base(at.Path))
	if err != nil {
		return file
	}
	packages, err := parse(plainText(data), beside)
	if err != nil {
		return file
	}
	named := map[string]sbom.Package{}
	for _, p := range file {
		named[p.PURL] = p
	}
	kept := packages[:0]
	for _, p := range packages {
		if first, ok := named[p.PURL]; ok { // in the layer that the file says
			first.DependsOn = p.DependsOn
			kept = append(kept, first)
		}
	}
	return kept
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

// lockList gathers the packages of a lock file.
type lockList struct {
	kind     string // purl type
	packages []sbom.Package
	wrong    problems
	passed   int // entries that name no version
}

// add notes a package of a registry. What has no version of its own (a range, a
// link) cannot be compared with any advisory and is left out.
func (l *lockList) add(name, version string) {
	version = strings.TrimSpace(version)
	if !startsWithDigit(strings.TrimPrefix(version, "v")) {
		l.passed++
		return
	}
	l.pin(name, version)
}

// pin notes a package of any version, a commit of a repository among them:
// what is known of it is said, although nothing may be known of the version.
func (l *lockList) pin(name, version string) {
	version = strings.TrimSpace(version)
	switch {
	case name == "" || version == "":
		l.passed++
	case len(l.packages) < maxPackages:
		l.packages = append(l.packages, language(l.kind, name, version))
	case len(l.wrong) == 0 || l.wrong[len(l.wrong)-1] != errTooMany:
		l.wrong = append(l.wrong, errTooMany)
	}
}

// result says what is wrong with a file that names packages and no version of any.
func (l *lockList) result() ([]sbom.Package, error) {
	if len(l.packages) == 0 && l.passed > 0 && len(l.wrong) == 0 {
		l.wrong.add(0, "%d entries, none of which names a version", l.passed)
	}
	return l.packages, l.wrong.err()
}
