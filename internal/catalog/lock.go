package catalog

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

// lockParser returns the parser for lock files of a name, and for manifests as
// far as they name versions; nil for other files.
func lockParser(file string) func([]byte) ([]sbom.Package, error) {
	base := file[strings.LastIndexByte(file, '/')+1:]
	switch base {
	case "package-lock.json", "npm-shrinkwrap.json":
		return parsePackageLock
	case "yarn.lock":
		return parseYarnLock
	case "pnpm-lock.yaml":
		return parsePnpmLock
	case "bun.lock":
		return parseBunLock
	case "bun.lockb":
		return parseBunLockb
	case "poetry.lock", "pdm.lock":
		return parsePoetryLock
	case "uv.lock":
		return parseUvLock
	case "Pipfile.lock":
		return parsePipfileLock
	case "Pipfile":
		return parsePipfile
	case "pylock.toml":
		return parsePylock
	case "environment.yml", "environment.yaml":
		return parseCondaEnvironment
	case "conda-lock.yml":
		return parseCondaLock
	case "deno.lock":
		return parseDenoLock
	case "renv.lock":
		return parseRenvLock
	case "Package.resolved":
		return parseSwiftResolved
	case "Podfile.lock":
		return parsePodfileLock
	case "conan.lock":
		return parseConanLock
	case "conanfile.txt":
		return parseConanfile
	case "packages.config":
		return parsePackagesConfig
	case "Directory.Packages.props":
		return parseMSBuild
	case "ivy.xml":
		return parseIvy
	case "build.sbt":
		return parseSbt
	case "pom.xml":
		return parsePomFile
	case "stack.yaml.lock":
		return parseStackLock
	case "cabal.project.freeze":
		return parseCabalFreeze
	case "rebar.lock":
		return parseRebarLock
	case "Manifest.toml", "JuliaManifest.toml":
		return parseJuliaManifest
	case ".terraform.lock.hcl":
		return parseTerraformLock
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
	case "buildscript-gradle.lockfile":
		return parseGradleBuildLock
	case "switch-state":
		if strings.HasSuffix(file, ".opam-switch/switch-state") {
			return parseOpamSwitch
		}
		return nil
	}
	switch path.Ext(base) {
	case ".csproj", ".fsproj", ".vbproj":
		return parseMSBuild
	case ".locked":
		if strings.HasSuffix(base, ".opam.locked") {
			return parseOpamLocked
		}
	case ".toml":
		if strings.HasPrefix(base, "pylock.") {
			return parsePylock
		}
	case ".yml", ".yaml":
		if isWorkflow(file) {
			return parseWorkflow
		}
	}
	return nil
}

// withOthers reads a lock file of the finished tree again with the files that it
// names, wherever they are.
func withOthers(tree *rootfs.Tree, file string) (found, bool) {
	switch path.Base(file) {
	case "pom.xml":
		return withParents(tree, file)
	case "requirements.txt":
		return withIncludes(tree, file)
	}
	return found{}, false
}

// folderParser returns the parser of a lock file that reads it together with the
// manifests in its folder, which alone say what is for development; nil for others.
func folderParser(base string) func(data []byte, folder fs.FS) ([]sbom.Package, error) {
	switch base {
	case "yarn.lock":
		return parseYarnLockIn
	case "poetry.lock":
		return parsePoetryLockIn
	}
	return nil
}

// unversioned ends what is said of entries of a lock file that name no version.
const unversioned = "name no version"

// installedKinds are the types of packages that a manifest's tool installs where
// its file is named so: what it names without versions is then found installed.
var installedKinds = map[string]string{
	"requirements.txt": "pypi", "Pipfile": "pypi", "Pipfile.lock": "pypi", "environment.yml": "conda", "environment.yaml": "conda",
	"package-lock.json": "npm", "yarn.lock": "npm", "Gemfile.lock": "gem", "pom.xml": "maven", "ivy.xml": "maven", "build.sbt": "maven",
	".csproj": "nuget", ".fsproj": "nuget", ".vbproj": "nuget", "Directory.Packages.props": "nuget",
}

// namesOnlyRanges reports whether all that is wrong with a lock file is that it
// names packages without versions, while such are installed.
func (j *join) namesOnlyRanges(file string, wrong problems) bool {
	if len(wrong) != 1 || !strings.HasSuffix(wrong[0].Message, unversioned) {
		return false
	}
	base := path.Base(file)
	if j.types == nil {
		j.types = map[string]bool{}
	}
	for ; j.typed < len(j.packages); j.typed++ {
		j.types[j.packages[j.typed].Type] = true
	}
	return j.types[installedKinds[base]+installedKinds[path.Ext(base)]]
}

// readNeighbour reads a file next to a lock file.
func readNeighbour(folder fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(folder, name)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxLockFile {
		return nil, fmt.Errorf("%d bytes, more than %d", info.Size(), maxLockFile)
	}
	return fs.ReadFile(folder, name)
}

// lockNextTo reads a lock file again with what lies in its folder. Where that
// says nothing, the packages that the lock alone named stay.
func (j *join) lockNextTo(file []sbom.Package) []sbom.Package {
	at := file[0].Locations[0]
	parse := folderParser(path.Base(at.Path))
	if parse == nil {
		return file
	}
	folder, err := fs.Sub(j.tree, path.Dir(at.Path))
	if err != nil {
		return file
	}
	data, err := readNeighbour(folder, path.Base(at.Path))
	if err != nil {
		return file
	}
	packages, err := parse(plainText(data), folder)
	if err != nil {
		return file
	}
	named := map[string]sbom.Package{}
	for _, p := range file {
		named[p.PURL] = p
	}
	kept := packages[:0]
	for _, p := range packages {
		if first, ok := named[p.PURL]; ok { // with the layer that first said so
			p.Layer, p.TouchedLayer = first.Layer, first.TouchedLayer
		} else {
			p.Layer, p.TouchedLayer = at.Layer, at.Layer
		}
		p.Locations, p.FromLockFile = file[0].Locations, true
		kept = append(kept, p)
	}
	return kept
}

// isLockFile wants lock files of programs, not those that a package brings
// along with its own source.
func isLockFile(h *rootfs.Header, _ []byte) bool {
	if lockParser(h.Path) == nil || strings.Contains(h.Path, "META-INF/") { // a jar's own, unpacked
		return false
	}
	dir := path.Dir(h.Path)
	return !inPackage(dir) && !inTests(dir)
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
	f, err := whole(lockParser(h.Path))(h, body)
	for i := range f.Packages {
		f.Packages[i].FromLockFile = true
	}
	return f, err
}

// lasting returns the packages of a lock file that are not for development alone;
// of one that has no others, those.
func lasting(lock []sbom.Package) []sbom.Package {
	development := func(p sbom.Package) bool { return p.Development }
	if !slices.ContainsFunc(lock, development) {
		return lock
	}
	production := slices.DeleteFunc(slices.Clone(lock), development)
	if len(production) == 0 {
		return lock
	}
	return production
}

// lockInstalled reports whether what a lock file names was installed, as far as
// the packages found say: something of its kind below its folder or, where
// things are installed elsewhere, anything that it names. Then what is installed
// counts, not the lock: it also names what was only needed to build or to test.
func lockInstalled(lock []sbom.Package, of *installed) bool {
	if len(lock) == 0 {
		return true
	}
	if of == nil {
		return false
	}
	below := path.Dir(lock[0].Locations[0].Path) + "/"
	if below == "./" {
		below = ""
	}
	if at, _ := slices.BinarySearch(of.paths, below); at < len(of.paths) && strings.HasPrefix(of.paths[at], below) {
		return true
	}
	return slices.ContainsFunc(lock, func(p sbom.Package) bool { return of.names[p.Name] })
}

// installed is what lockInstalled asks of the packages of one type.
type installed struct {
	paths []string // sorted
	names map[string]bool
}

func (of *installed) add(p *sbom.Package) {
	if at := p.Locations[0].Path; p.Type != "npm" || !mayBeApplication(at) { // the program itself is no sign
		of.paths = append(of.paths, at)
	}
	// Node looks for packages in node_modules next to the program or above it.
	if p.Type != "npm" && p.Type != "composer" && p.Owner == "" {
		of.names[p.Name] = true
	}
}

// lockList gathers the packages of a lock file.
type lockList struct {
	kind     string // purl type
	packages []sbom.Package
	wrong    problems
	passed   int // entries of production that name no version
	fromDev  int // packages that development alone needs
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

// forDevelopment marks the packages that f notes as needed by development alone.
// What is listed of them decides nothing about the file.
func (l *lockList) forDevelopment(f func()) {
	first, passed := len(l.packages), l.passed
	f()
	for i := range l.packages[first:] {
		l.packages[first+i].Development = true
	}
	l.fromDev += len(l.packages) - first
	l.passed = passed
}

// addFor adds a package of production or of development.
func (l *lockList) addFor(development bool, name, version string) {
	if development {
		l.forDevelopment(func() { l.add(name, version) })
		return
	}
	l.add(name, version)
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
	if len(l.packages) == l.fromDev && l.passed > 0 && len(l.wrong) == 0 {
		l.wrong.add(0, "nothing is listed: %d entries "+unversioned, l.passed)
	}
	return l.packages, l.wrong.err()
}
