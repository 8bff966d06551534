package catalog

import (
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/sbom"
)

// What a package depends on is in its record under names: of packages, of
// what packages provide, of files. A parser that reads a whole database leaves
// names of packages in DependsOn, and one that reads a single record the names
// as they stand; what one file names whole (the modules of a Go binary, the
// jars in a jar) is there as purls. resolveDependencies makes purls of all.

// Bounds of what one database may say of dependencies. Of what several packages
// provide, few are ever installed together; a full desktop has some 50,000 edges.
const (
	maxMeet         = 32
	maxEdges        = 2_000_000
	maxNames        = 1_000_000 // that the packages of one database need and provide together
	maxNamesOfOne   = 10_000    // that one package needs, or provides
	maxAlternatives = 64        // of which one is needed
)

// nameCount counts the names that a database's packages need and provide.
type nameCount int

// take returns the names of one package, none once there are too many.
func (c *nameCount) take(names []string) []string {
	if *c += nameCount(len(names)); *c > maxNames {
		return nil
	}
	return names
}

// namePackages sets DependsOn of the packages of one database to the names of
// those of them that meet a need. A need is a name, or several with "|"
// between, of which the first that is installed counts; one that begins with a
// slash is a file. Packages of the name come before others that provide it,
// and of those any may be meant.
//
// Thousands of packages that provide what thousands need would be millions of
// edges: of those that meet one need the first maxMeet count, and an image's
// database has room for maxEdges.
func namePackages(packages []sbom.Package, needs, provides [][]string) {
	meet := map[string][]string{} // what is needed → packages
	edges := 0
	files := false
	for _, list := range needs {
		for _, need := range list {
			for name := range strings.SplitSeq(need, "|") {
				meet[name] = nil
				files = files || strings.HasPrefix(name, "/")
			}
		}
	}
	for i := range packages {
		if name := packages[i].Name; len(meet[name]) == 0 {
			if _, needed := meet[name]; needed {
				meet[name] = []string{name}
			}
		}
	}
	offer := func(name string, i int) {
		if have, needed := meet[name]; needed && len(have) < maxMeet && !slices.Contains(have, name) {
			meet[name] = append(have, packages[i].Name)
		}
	}
	for i := range packages {
		for _, name := range provides[i] {
			offer(name, i)
		}
		if files {
			for _, file := range packages[i].Files {
				offer("/"+file, i)
			}
		}
	}
	for i := range packages {
		p := &packages[i]
		for _, need := range needs[i] {
			for name := range strings.SplitSeq(need, "|") {
				if found := meet[name]; len(found) > 0 {
					if edges += len(found); edges <= maxEdges {
						p.DependsOn = append(p.DependsOn, found...)
					}
					break
				}
			}
		}
		slices.Sort(p.DependsOn)
		p.DependsOn = slices.DeleteFunc(slices.Compact(p.DependsOn), func(name string) bool { return name == p.Name })
	}
}

// resolveDependencies turns what the parsers left in DependsOn into purls of
// packages that are in the image, each once, in order.
func (j *join) resolveDependencies() {
	r := resolver{join: j, names: map[nameIn][]*sbom.Package{}, folders: map[string]*sbom.Package{}}
	for i := range j.packages {
		r.add(&j.packages[i])
	}
	listed := map[string]bool{}
	for i := range j.packages {
		listed[j.packages[i].PURL] = true
	}
	for i := range j.packages {
		p := &j.packages[i]
		if len(p.DependsOn) == 0 {
			continue
		}
		var purls []string
		for _, name := range p.DependsOn {
			purls = r.find(purls, p, name)
		}
		slices.Sort(purls)
		p.DependsOn = slices.DeleteFunc(slices.Compact(purls), func(purl string) bool { return purl == p.PURL || !listed[purl] })
	}
}

// resolver finds packages by the names under which others depend on them.
type resolver struct {
	*join
	names   map[nameIn][]*sbom.Package
	folders map[string]*sbom.Package // packages of Node by the folder they are in
	linked  bool                     // some of those are reached through links: pnpm's store
}

// nameIn is a name in a place where it means one package: the database of a
// distribution, a folder of Python's.
type nameIn struct{ kind, place, name string }

func (r *resolver) add(p *sbom.Package) {
	at := p.Locations[0].Path
	switch p.Type {
	case "npm":
		if dir, file := path.Split(at); file == "package.json" {
			r.folders[strings.TrimSuffix(dir, "/")] = p
			r.linked = r.linked || strings.Contains(dir, "node_modules/.")
		}
	case "deb", "apk", "rpm", "alpm", "gem", "conda":
		r.name(nameIn{p.Type, place(p), p.Name}, p)
	case "pypi":
		name, _, _ := strings.Cut(p.PURL, "@")
		for _, where := range [...]string{place(p), ""} {
			r.name(nameIn{p.Type, where, name}, p)
		}
	}
}

// name gives a package a name that others may have too: versions and
// architectures of the same, of which the first maxMeet count.
func (r *resolver) name(key nameIn, p *sbom.Package) {
	if len(r.names[key]) < maxMeet {
		r.names[key] = append(r.names[key], p)
	}
}

// place returns the folder within which a package finds others by name, "" for
// the whole image.
func place(p *sbom.Package) string {
	at := p.Locations[0].Path
	switch p.Type {
	case "gem": // specifications/NAME.gemspec, specifications/default/NAME.gemspec
		return strings.TrimSuffix(path.Dir(at), "/default")
	case "conda":
		return path.Dir(at)
	case "pypi": // NAME.dist-info/METADATA, NAME.egg/EGG-INFO/PKG-INFO, NAME.egg-info
		dir := path.Dir(at)
		if path.Base(dir) == "EGG-INFO" {
			dir = path.Dir(dir)
		}
		switch path.Ext(dir) {
		case ".dist-info", ".egg-info", ".egg":
			dir = path.Dir(dir)
		}
		return dir
	}
	return ""
}

// find appends the purls of what a package calls by a name.
func (r *resolver) find(purls []string, p *sbom.Package, name string) []string {
	if p.Type == "npm" && !p.FromLockFile {
		if on := r.nodeModule(path.Dir(p.Locations[0].Path), name); on != nil {
			purls = append(purls, on.PURL)
		}
		return purls
	}
	found := r.names[nameIn{p.Type, place(p), name}]
	if len(found) == 0 && p.Type == "pypi" {
		found = r.names[nameIn{p.Type, "", name}] // another folder of Python's path
	}
	if len(found) == 0 {
		return append(purls, name) // a purl already, or the name of nothing that is here
	}
	// Of a package that is installed for several architectures, the own.
	same := func(on *sbom.Package) bool { return on.Arch == p.Arch }
	own := len(found) > 1 && slices.ContainsFunc(found, same)
	for _, on := range found {
		if !own || same(on) {
			purls = append(purls, on.PURL)
		}
	}
	return purls
}

// nodeModule finds a module as Node's loader does from a package's folder: in
// the node_modules of that folder and of each above it
// (https://nodejs.org/api/modules.html#loading-from-node_modules-folders), and
// where Debian's packages of Node are.
func (r *resolver) nodeModule(dir, name string) *sbom.Package {
	for from := dir; ; from = path.Dir(from) {
		if path.Base(from) != "node_modules" {
			at := "node_modules/" + name
			if from != "." {
				at = from + "/" + at
			}
			if p := r.folders[at]; p != nil {
				return p
			}
			if r.linked {
				if real, err := r.tree.Resolve(at); err == nil && r.folders[real] != nil {
					return r.folders[real]
				}
			}
		}
		if from == "." {
			break
		}
	}
	for _, root := range [...]string{"usr/share/nodejs/", "usr/lib/nodejs/"} {
		if p := r.folders[root+name]; p != nil {
			return p
		}
	}
	return nil
}
