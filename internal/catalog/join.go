package catalog

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"sort"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/purl"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

// Packages puts together what the visitors found in the layers: which
// distribution it is, each package once, where it is, which layer brought it
// and which OS package owns it. The error is that the context has ended.
func Packages(ctx context.Context, tree *rootfs.Tree, limits Limits) (Result, error) {
	distro, warnings := findDistro(tree)
	j := join{ctx: ctx, tree: tree, distro: distro, warnings: warnings, room: newRoom(limits)}
	j.dpkg = j.dpkgPlaces()
	for _, c := range catalogers() {
		j.add(c)
	}
	j.addNix()
	j.addDpkgFiles()
	j.addLicenses()
	j.addPacmanFiles()
	j.fromOtherRepositories()
	repos := repositories(tree)
	nameBuilders(distro, j.packages, repos...)
	labelModules(j.packages)
	j.realPaths()
	j.nameOwners(0)
	if err := context.Cause(ctx); err != nil {
		return Result{}, err
	}
	found := len(j.packages)
	j.addDeclared()
	nameBuilders(distro, j.packages[found:], repos...)
	j.nameOwners(found)
	j.dropOwned()
	j.dropKnownRuntimes()
	j.warnOfMissing()
	j.resolveDependencies()
	folders := j.folders()
	packages := merge(j.packages, j.room)
	return Result{Distro: distro, Packages: packages, Folders: folders, Warnings: append(j.warnings, j.room.warnings()...), Development: j.notListed(packages)}, context.Cause(ctx)
}

// join is the work of Packages in progress.
type join struct {
	ctx      context.Context
	room     *room
	tree     *rootfs.Tree
	distro   sbom.Distro
	dpkg     dpkgPlaces
	packages []sbom.Package
	declared []sbom.Package // by files that say what should be there
	warnings []Warning
	owned    map[string]bool // folders of packages, once partOfPackage was asked
	types    map[string]bool // of the first typed packages
	typed    int
	passed   map[string]bool // purls of what only development needs, not listed
}

// IsOSType reports whether packages of a purl type come from a distribution,
// whether anyone publishes advisories for it or not.
func IsOSType(t string) bool {
	return purl.OfDistribution(t) || t == "ebuild" || t == "nix" || t == "opkg"
}

// add appends the packages of one cataloger from the files that the image
// shows, and follows each back through the layers below.
func (j *join) add(c cataloger) {
	facts := slices.Collect(j.tree.AllFacts(c.name))
	// Facts of the same file, lowest layer first.
	history := make(map[string][]int, len(facts))
	key := func(f *rootfs.Fact) string {
		if c.roaming {
			return ""
		}
		return f.Path
	}
	for i := range facts {
		history[key(&facts[i])] = append(history[key(&facts[i])], i)
	}
	list := &j.packages
	if c.declared {
		list = &j.declared
	}
	if n := packagesOf(facts); cap(*list)-len(*list) < n {
		*list = slices.Grow(*list, max(n, min(len(*list), maxGrown)))
	}
	for i := range facts {
		fact := &facts[i]
		if !fact.Visible || c.name == "dpkg" && !j.dpkg.keeps(fact.Path) {
			continue
		}
		if j.ctx.Err() != nil {
			return
		}
		places := j.room.take(countPackages(fact.Data))
		f, err := decode(fact.Data)
		if err != nil {
			f = found{Problems: asProblems(err)}
		}
		if c.again != nil {
			if together, needed := c.again(j.tree, fact.Path); needed {
				f = together
				places += j.room.take(max(len(f.Packages)-places, 0))
			}
		}
		f.Packages = f.Packages[:min(len(f.Packages), places)]
		if len(f.Problems) > 0 && !(c.declared && j.namesOnlyRanges(fact.Path, f.Problems)) {
			j.warnings = append(j.warnings, Warning{Kind: "packages", Path: fact.Path, Layer: fact.Layer,
				Message: c.name + ": " + f.Problems.Error(), Incomplete: !c.declared})
		}
		first := len(*list)
		for k := range f.Packages {
			p := &f.Packages[k]
			at := fact.Path
			if len(p.Locations) > 0 {
				at = p.Locations[0].Path
			}
			p.Locations = []finding.Location{inLayer(at, fact.Layer)}
			p.Layer, p.TouchedLayer = fact.Layer, fact.Layer
			p.Symbols = f.Symbols
			if purl.OfDistribution(p.Type) && !c.declared {
				p.PURL = osPURL(p, j.distro)
			}
		}
		*list = append(*list, f.Packages...)
		below := history[key(fact)]
		if at := slices.Index(below, i); at > 0 {
			attribute((*list)[first:], facts, below[:at], fact)
		}
	}
}

// maxGrown bounds the packages that room is made for at once: a fact may claim more
// than it has.
const maxGrown = 10_000

// packagesOf returns how many packages the visible ones of facts name, as far as that
// is worth room: a list of some hundred that grows by itself takes five times its own.
func packagesOf(facts []rootfs.Fact) (n int) {
	for i := range facts {
		if facts[i].Visible && n < maxGrown {
			n += countPackages(facts[i].Data)
		}
	}
	return min(n, maxGrown)
}

func inLayer(path string, layer int) finding.Location {
	return finding.Location{Path: path, Layer: layer}
}

// identity is what makes a package the same one in another layer.
type identity struct{ name, version, arch string }

// attribute sets the layer that first brought each package in the version that
// the image has: the lowest from which on every record of it says so. A record
// that a later layer merely wrote again does not move the package; one that
// changed the version, even back, does.
func attribute(packages []sbom.Package, facts []rootfs.Fact, below []int, top *rootfs.Fact) {
	open := make([]*sbom.Package, len(packages))
	for i := range packages {
		open[i] = &packages[i]
	}
	last := top.Data
	for _, i := range slices.Backward(below) {
		lower := &facts[i]
		if bytes.Equal(lower.Data, last) {
			for _, p := range open {
				p.Layer = lower.Layer
			}
			continue
		}
		last = lower.Data
		had := identities(lower.Data)
		kept := open[:0]
		for _, p := range open {
			if had[identity{p.Name, p.Version, p.Arch}] {
				p.Layer = lower.Layer
				kept = append(kept, p)
			}
		}
		open = kept
		if len(open) == 0 {
			return
		}
	}
}

// identities reads no more of a lower layer's fact than it needs: there may be
// a hundred layers, and each may hold a whole database.
func identities(fact []byte) map[identity]bool {
	d := decoder{rest: inPlace(fact)}
	for range d.count(2) {
		d.uvarint()
		d.string()
	}
	n := d.count(minPackage)
	set := make(map[identity]bool, n)
	for range n {
		set[d.identity()] = true
	}
	return set
}

// addDpkgFiles gives dpkg's packages their files, from the list that dpkg
// wrote, else from the list of digests that came with the package.
func (j *join) addDpkgFiles() {
	byName := map[string]*sbom.Package{}
	byRecord := map[string]*sbom.Package{} // distroless: its own file in status.d
	for i := range j.packages {
		p := &j.packages[i]
		if p.Type != "deb" {
			continue
		}
		if at := p.Locations[0].Path; strings.HasPrefix(at, j.dpkg.statusDir) {
			byRecord[at] = p
			continue
		}
		byName[p.Name+":"+p.Arch] = p
		if byName[p.Name] == nil {
			byName[p.Name] = p
		}
	}
	lists := 0
	second := []rootfs.Fact{}
	give := func(p *sbom.Package, fact rootfs.Fact) {
		files, ok := decodeStrings(fact.Data)
		if !ok {
			j.warnings = append(j.warnings, Warning{Kind: "packages", Path: fact.Path, Layer: fact.Layer, Message: errFact.Error(), Incomplete: true})
		}
		p.Files = files
		// dpkg writes its status for every package at once, but a package's list
		// only when it unpacks it.
		p.TouchedLayer = max(fact.Layer, p.Layer)
	}
	owner := func(file string) (*sbom.Package, string) {
		if strings.HasPrefix(file, j.dpkg.statusDir) {
			return byRecord[strings.TrimSuffix(file, ".md5sums")], "list"
		}
		if !strings.HasPrefix(file, j.dpkg.infoDir) {
			return nil, ""
		}
		name, arch, kind := dpkgListOf(file)
		if arch != "" {
			name += ":" + arch
		}
		return byName[name], kind
	}
	for fact := range j.tree.Facts("dpkg-files") {
		p, kind := owner(fact.Path)
		if kind == "list" {
			lists++
		}
		switch {
		case p == nil:
		case kind == "list":
			give(p, fact)
		default:
			second = append(second, fact)
		}
	}
	for _, fact := range second {
		if p, _ := owner(fact.Path); p.Files == nil {
			give(p, fact)
		}
	}
	if lists > 0 && len(byName)+len(byRecord) == 0 {
		j.warnings = append(j.warnings, Warning{Kind: "packages", Path: dpkgStatusPath, Layer: -1, Incomplete: true,
			Message: fmt.Sprintf("dpkg: %d packages left lists of their files, but the database names none", lists)})
	}
}

// addPacmanFiles gives pacman's packages their files, from the list next to each
// description.
func (j *join) addPacmanFiles() {
	byRecord := map[string]*sbom.Package{}
	for i := range j.packages {
		if p := &j.packages[i]; p.Type == "alpm" {
			byRecord[path.Dir(p.Locations[0].Path)] = p
		}
	}
	if len(byRecord) == 0 {
		return
	}
	for fact := range j.tree.Facts("pacman-files") {
		if p := byRecord[path.Dir(fact.Path)]; p != nil {
			p.Files, _ = decodeStrings(fact.Data)
		}
	}
}

// addDeclared takes over what SBOMs and lock files name and nobody found
// installed. An SBOM that belongs to an installed package says how that was
// built. Where the distribution's own database is there, it is the last
// word on the distribution's packages.
func (j *join) addDeclared() {
	purls, types := map[string]bool{}, map[string]*installed{}
	for i := range j.packages {
		p := &j.packages[i]
		purls[p.PURL] = true
		if types[p.Type] == nil {
			types[p.Type] = &installed{names: map[string]bool{}}
		}
		types[p.Type].add(p)
	}
	for _, of := range types {
		slices.Sort(of.paths)
	}
	j.passed = map[string]bool{}
	var news []sbom.Package
	for len(j.declared) > 0 {
		// What one file says stands together.
		n, first := 1, &j.declared[0]
		for n < len(j.declared) && j.declared[n].Locations[0] == first.Locations[0] {
			n++
		}
		file := j.declared[:n]
		j.declared = j.declared[n:]
		if j.ctx.Err() != nil {
			return
		}
		if first.FromLockFile && lockInstalled(lasting(file), types[first.Type]) {
			continue
		}
		if !first.FromLockFile && j.partOfPackage(first.Locations[0].Path) {
			continue
		}
		if first.FromLockFile {
			file = j.lockNextTo(file)
		}
		for _, p := range file {
			if p.Development && p.FromLockFile && !j.room.Development {
				j.passed[p.PURL] = true
				continue
			}
			if !purls[p.PURL] && !(purl.OfDistribution(p.Type) && types[p.Type] != nil) {
				news = append(news, p)
			}
		}
	}
	j.packages = append(j.packages, news...)
}

// notListed counts the packages that were passed over, less those that are listed
// for another reason.
func (j *join) notListed(listed []sbom.Package) int {
	for i := range listed {
		delete(j.passed, listed[i].PURL)
	}
	return len(j.passed)
}

// realPaths rewrites owned paths through the folders that are links in this
// image: since the merge of /usr, dpkg may list lib/x where the tree has
// usr/lib/x.
func (j *join) realPaths() {
	type alias struct{ from, to string } // both end in a slash
	var aliases []alias
	for _, dir := range [...]string{".", "usr", "var"} {
		entries, err := j.tree.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if e.Type()&fs.ModeSymlink == 0 {
				continue
			}
			from := path.Join(dir, e.Name())
			if to, err := j.tree.Resolve(from); err == nil && to != from && to != "" {
				aliases = append(aliases, alias{from + "/", to + "/"})
			}
		}
	}
	if len(aliases) == 0 {
		return
	}
	for i := range j.packages {
		files := j.packages[i].Files
		for k, file := range files {
			for _, a := range aliases {
				if rest, ok := strings.CutPrefix(file, a.from); ok {
					files[k] = a.to + rest
					break
				}
			}
		}
	}
}

// nameOwners marks each language package, from one on, that an OS package
// installed: it belongs to the distribution. One whose file was replaced after the OS package
// was last unpacked (npm install -g npm over the distribution's) does not.
func (j *join) nameOwners(from int) {
	at := map[string][]int{}
	for i := from; i < len(j.packages); i++ {
		if p := &j.packages[i]; !purl.OfDistribution(p.Type) {
			file, _, _ := strings.Cut(p.Locations[0].Path, "!")
			at[file] = append(at[file], i)
		}
	}
	if len(at) == 0 {
		return
	}
	// Of a file's owners the last counts that was unpacked late enough. One that
	// was unpacked before a later one never is: what stays falls from the first to
	// the last, however often a file is claimed.
	owners := map[string][]int{}
	for i := range j.packages {
		for _, file := range j.packages[i].Files {
			if at[file] == nil {
				continue
			}
			list := owners[file]
			for n := len(list); n > 0 && j.packages[list[n-1]].TouchedLayer <= j.packages[i].TouchedLayer; n-- {
				list = list[:n-1]
			}
			owners[file] = append(list, i)
		}
	}
	for file, list := range owners {
		for _, k := range at[file] {
			p := &j.packages[k]
			late := sort.Search(len(list), func(n int) bool { return j.packages[list[n]].TouchedLayer < p.Layer })
			if late > 0 {
				p.Owner = j.packages[list[late-1]].PURL
			}
		}
	}
}

// dropOwned forgets programs recognised by their bytes where a package of the
// distribution says what they are: that package is listed. A lock file that came
// with one names what its authors built with, not what the distribution put
// there. For what somebody else built nobody but the program itself speaks.
func (j *join) dropOwned() {
	others := map[string]bool{}
	for i := range j.packages {
		if p := &j.packages[i]; p.Builder != "" {
			others[p.PURL] = true
		}
	}
	j.packages = slices.DeleteFunc(j.packages, func(p sbom.Package) bool {
		return p.Owner != "" && !(others[p.Owner] && !p.FromLockFile) && (p.Type == "bitnami" || p.Type == "generic" || p.FromLockFile)
	})
}

// warnOfMissing says when a distribution's packages cannot be listed or named.
func (j *join) warnOfMissing() {
	n := 0
	for i := range j.packages {
		if IsOSType(j.packages[i].Type) {
			n++
		}
	}
	switch {
	case n > 0 && j.distro.ID == "":
		j.warnings = append(j.warnings, Warning{Kind: "distro", Layer: -1, Incomplete: true,
			Message: fmt.Sprintf("no os-release: %d packages of an unknown distribution have no advisories to be matched against", n)})
	case n == 0 && j.distro.ID != "" && len(j.warnings) == 0:
		j.warnings = append(j.warnings, Warning{Kind: "distro", Path: j.distro.Path, Layer: -1,
			Message: fmt.Sprintf("%q has no package database that is known: packages of the distribution are not listed", j.distro.ID)})
	}
}

// findDistro reads what the image says of its distribution.
func findDistro(tree *rootfs.Tree) (sbom.Distro, []Warning) {
	texts := map[string][]byte{}
	for fact := range tree.Facts("distro") {
		texts[fact.Path] = fact.Data
	}
	text := func(name string) ([]byte, bool) {
		to, err := tree.Resolve(name)
		if err != nil {
			return nil, false
		}
		data, ok := texts[to]
		return data, ok
	}
	var warnings []Warning
	for _, name := range osReleasePaths {
		data, ok := text(name)
		if !ok {
			continue
		}
		if d := parseOSRelease(data); d.ID != "" {
			d.Path = name
			return d, warnings
		}
		warnings = append(warnings, Warning{Kind: "distro", Path: name, Layer: -1, Message: "names no distribution (ID=)"})
	}
	for _, old := range oldReleases {
		data, ok := text(old.path)
		if !ok {
			continue
		}
		if d := old.read(strings.TrimSpace(string(data))); d.ID != "" {
			d.Path = old.path
			return d, warnings
		}
	}
	return sbom.Distro{}, warnings
}
