// Package slim decides what of an image stays, and writes a smaller one of it.
// What stays is what reach says the entrypoint reaches or may reach, what the
// user asked for, and what every image needs (rules.go). The packages' databases
// are cut to what stays (databases.go), so that scanners still see what is in it.
//
// The same image and options give the same bytes: entries are sorted, times come
// from the source.
package slim

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/reach"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

// Level says what is dropped.
type Level string

// The levels.
const (
	Packages Level = "package" // whole packages that nothing reaches
	Files    Level = "file"    // every file that nothing reaches
)

// Options of slimming. The zero value drops whole packages and keeps nothing
// for its own sake.
type Options struct {
	Level        Level    // "" means Packages
	Keep         []string // paths and globs (path.Match; a directory means all below it)
	KeepPackages []string // names of packages
	KeepShell    bool     // a shell and what it needs
	Observed     []string // files that the original was seen to open or execute, links resolved
	Layers       bool     // keep the layers apart instead of writing one
	User         string   // "UID[:GID]" to run as; "" leaves it to the source, names made numbers
	Version      string   // of careen, for the history
	Time         time.Time
	TempDir      string
}

// Source is the image as it was read.
type Source struct {
	Image    *image.Image
	Tree     *rootfs.Tree
	Packages []sbom.Package
	Reach    *reach.Result
}

// Plan is what stays and what goes.
type Plan struct {
	Kept     []Kept // in the order of a walk, directories included
	Packages []Fate // by index of Source.Packages
	Files    Count  // regular files of the source
	Left     Count  // of them, those that stay
	User     User
	level    Level
	whole    bool // nothing goes
	databases
}

// Kept is an entry that stays.
type Kept struct {
	Entry *rootfs.Entry
	Why   Why
	Note  string // of the rule or the pattern, where Why says no more
}

// Why says why an entry stays.
type Why string

// The reasons.
const (
	Reached Why = "reached"
	Seen    Why = "observed" // the original was seen to open it, which reading did not find
	Unknown Why = "unknown"  // something reached may need it
	Package Why = "package"  // of a package that is reached
	Library Why = "library"  // of a file that stays for its package
	Unowned Why = "no package owns it"
	Rule    Why = "rule"
	Asked   Why = "asked for"
	Parent  Why = "directory"
)

// Reasons lists the reasons of files, the most telling first.
func Reasons() []Why { return []Why{Reached, Seen, Unknown, Asked, Package, Library, Unowned, Rule} }

// Before reports whether a reason tells more than another.
func (w Why) Before(other Why) bool {
	return slices.Index(Reasons(), w) < slices.Index(Reasons(), other)
}

// Count is a number of regular files, and their bytes.
type Count struct {
	Files int
	Bytes int64
}

func (c *Count) add(e *rootfs.Entry) {
	c.Files++
	if !e.Hardlink {
		c.Bytes += e.Size
	}
}

// Fate is what becomes of a package.
type Fate struct {
	Kept  int // of its files
	Files int // that it has, documentation left out; 0 where that is not known
	Stays bool
}

// partly reports whether files of a package go although it stays.
func (f Fate) partly() bool { return f.Kept < f.Files }

// Decide works out what stays. An error is one of the options.
func Decide(src Source, opt Options) (*Plan, error) {
	if opt.Level == "" {
		opt.Level = Packages
	}
	if opt.Level != Packages && opt.Level != Files {
		return nil, fmt.Errorf("--level %s: one of package, file", opt.Level)
	}
	for _, pattern := range opt.Keep {
		if _, err := path.Match(strings.Trim(pattern, "/"), ""); err != nil {
			return nil, fmt.Errorf("--keep %s: not a pattern", pattern)
		}
	}
	if err := keepsSomething(src, opt.Keep); err != nil {
		return nil, err
	}
	opt.Keep = throughLinks(src, opt.Keep)
	d, err := newDecision(src, opt)
	if err != nil {
		return nil, err
	}
	return d.plan(), nil
}

// decision is one Decide under way.
type decision struct {
	src     Source
	opt     Options
	asked   map[int]bool    // packages to keep by name
	stays   []bool          // packages of the system whose files all stay
	units   map[string]bool // directories of language packages of which something stays
	user    User
	keep    map[string]Kept
	dirs    []*rootfs.Entry
	counted Count
	english bool            // no other language is asked for
	seen    map[string]bool // files that were observed, and the directories above them
	held    map[string]bool // directories in which the source has something
}

func newDecision(src Source, opt Options) (*decision, error) {
	d := &decision{
		src: src, opt: opt, asked: map[int]bool{}, stays: make([]bool, len(src.Packages)),
		units: map[string]bool{}, keep: map[string]Kept{}, held: map[string]bool{}, seen: map[string]bool{},
		english: speaksEnglish(src.Image.Config.Env),
	}
	for _, name := range opt.KeepPackages {
		found := false
		for i := range src.Packages {
			if p := &src.Packages[i]; p.Name == name || p.PURL == name {
				d.asked[i], found = true, true
			}
		}
		if !found {
			return nil, fmt.Errorf("--keep-package %s: the image has no such package", name)
		}
	}
	var err error
	if d.user, err = chooseUser(src, opt.User); err != nil {
		return nil, err
	}
	for i := range src.Packages {
		d.stays[i] = d.asked[i] || opt.Level == Packages && len(src.Packages[i].Files) > 0 &&
			src.Reach.Package(i).State != reach.NotReached
	}
	for e, state := range src.Reach.Files() {
		if unit := unitOf(e.Path); unit != "" && state != reach.NotReached && !e.Mode.IsDir() {
			d.units[unit] = true
		}
	}
	d.observe()
	if opt.Level == Packages {
		d.keepNeeded()
	}
	return d, nil
}

// observe notes what was seen: a file stays with its package at level package, and
// so do the links that lead to it or to a directory above it.
func (d *decision) observe() {
	for _, file := range d.opt.Observed {
		if e, ok := d.src.Tree.Lookup(file); !ok || !e.Mode.IsRegular() {
			continue
		}
		if i, owned := d.src.Reach.Owner(file); owned && d.opt.Level == Packages && !reach.IsDocumentation(file) {
			d.stays[i] = true
		}
		if unit := unitOf(file); unit != "" {
			d.units[unit] = true
		}
		for at := file; at != "." && !d.seen[at]; at = path.Dir(at) {
			d.seen[at] = true
		}
	}
	if len(d.seen) == 0 {
		return
	}
	for e := range d.src.Tree.All() {
		if e.Mode&fs.ModeSymlink == 0 {
			continue
		}
		if to, err := d.src.Tree.Resolve(e.Path); err == nil && d.seen[to] {
			d.seen[e.Path] = true
		}
	}
}

// plan goes over all entries once.
func (d *decision) plan() *Plan {
	var left Count
	for e, state := range d.src.Reach.Files() {
		d.held[path.Dir(e.Path)] = true
		if e.Mode.IsDir() {
			d.dirs = append(d.dirs, e)
			continue
		}
		if e.Mode.IsRegular() {
			d.counted.add(e)
		}
		if why, note, ok := d.verdict(e, state); ok {
			d.keep[e.Path] = Kept{e, why, note}
		}
	}
	d.dropDanglingLinks()
	d.keepLibraries()
	p := &Plan{Files: d.counted, User: d.user, level: d.opt.Level}
	d.keepDirectories(nil) // rpm's database lists directories too
	p.databases = d.reduceDatabases()
	d.keepDirectories(p.added)
	for e := range d.src.Tree.All() {
		k, ok := d.keep[e.Path]
		if !ok {
			continue
		}
		p.Kept = append(p.Kept, k)
		if e.Mode.IsRegular() {
			left.add(e)
		}
	}
	p.Left = left
	p.Packages = d.fates()
	return p
}

// keepLibraries keeps what programs and plugins need that stay although nothing
// reaches them: who calls them by hand finds them whole.
func (d *decision) keepLibraries() {
	var files []string
	for e, state := range d.src.Reach.Files() {
		if _, stays := d.keep[e.Path]; stays && state == reach.NotReached && e.Mode.IsRegular() {
			files = append(files, e.Path)
		}
	}
	owners := map[int]bool{}
	for _, file := range d.src.Reach.Libraries(files) {
		e, ok := d.src.Tree.Lookup(file)
		if _, stays := d.keep[file]; stays || !ok {
			continue
		}
		d.keep[file] = Kept{e, Library, ""}
		if i, owned := d.src.Reach.Owner(file); owned {
			owners[i] = true
		}
	}
	for e := range d.src.Reach.Files() {
		if i, owned := d.src.Reach.Owner(e.Path); owned && owners[i] && isLicense(e.Path) {
			d.keep[e.Path] = Kept{e, Rule, licenseOf + d.src.Packages[i].Name}
		}
	}
}

const licenseOf = "the license of "

// verdict says whether an entry that is no directory stays, and why.
func (d *decision) verdict(e *rootfs.Entry, state reach.State) (why Why, note string, ok bool) {
	if isDatabase(e.Path) {
		return "", "", false // written anew, if at all
	}
	if e.Mode&(fs.ModeDevice|fs.ModeSocket|fs.ModeNamedPipe) != 0 && state == reach.NotReached {
		return "", "", false
	}
	for _, pattern := range d.opt.Keep {
		if matches(pattern, e.Path) {
			return Asked, "--keep " + pattern, true
		}
	}
	switch state {
	case reach.Reached:
		return Reached, "", true
	case reach.Unknown:
		if !d.seen[e.Path] {
			return Unknown, "", true
		}
	}
	if d.seen[e.Path] {
		return Seen, "", true
	}
	if note, ok := always(e.Path); ok {
		return Rule, note, true
	}
	i, owned := d.src.Reach.Owner(e.Path)
	switch {
	case owned && d.asked[i]:
		return Asked, "--keep-package " + d.src.Packages[i].Name, true
	case owned && isLicense(e.Path):
		return Rule, licenseOf + d.src.Packages[i].Name, d.anyOf(i)
	case d.opt.Level == Files:
		return "", "", false
	case owned:
		return Package, d.src.Packages[i].Name, d.stays[i] && !d.isSpare(e.Path)
	}
	if unit := unitOf(e.Path); unit != "" {
		return Package, path.Base(unit), d.units[unit] && !d.isSpare(e.Path)
	}
	return Unowned, "", !d.isJunk(e.Path)
}

// dropDanglingLinks drops links that no package owns and whose targets go: a
// program's other names go with it. What led nowhere before stays as it was.
func (d *decision) dropDanglingLinks() {
	for at, k := range d.keep {
		if k.Why != Unowned || k.Entry.Mode&fs.ModeSymlink == 0 {
			continue
		}
		to, err := d.src.Tree.Resolve(at)
		if err != nil {
			continue
		}
		if _, stays := d.keep[to]; stays {
			continue
		}
		if e, ok := d.src.Tree.Lookup(to); ok && !e.Mode.IsDir() && !isDatabase(to) {
			delete(d.keep, at)
		}
	}
}

// anyOf reports whether anything of a package stays because it is reached.
func (d *decision) anyOf(i int) bool {
	return d.stays[i] || d.src.Reach.Package(i).State != reach.NotReached
}

// matches reports whether a pattern of --keep means a path: itself, a directory
// above it, or a glob of either.
func matches(pattern, file string) bool {
	pattern = strings.Trim(pattern, "/")
	if strings.Count(file, "/") < strings.Count(pattern, "/") {
		return false
	}
	for at := file; ; {
		if ok, _ := path.Match(pattern, at); ok || at == pattern {
			return true
		}
		i := strings.LastIndexByte(at, '/')
		if i < 0 {
			return false
		}
		at = at[:i]
	}
}

// keepDirectories keeps the directories above what stays, those that programs
// take for granted, and those that are asked for.
func (d *decision) keepDirectories(added []newFile) {
	needed := map[string]bool{}
	need := func(p string) {
		for dir := path.Dir(p); dir != "." && !needed[dir]; dir = path.Dir(dir) {
			needed[dir] = true
		}
	}
	for p := range d.keep {
		need(p)
	}
	for _, f := range added {
		need(f.path)
	}
	for _, e := range d.dirs {
		why, note := Parent, ""
		if n, ok := d.wantedDirectory(e.Path); ok {
			why, note = Rule, n
			need(e.Path)
		}
		if why == Rule || needed[e.Path] || d.src.Reach.State(e.Path) != reach.NotReached {
			d.keep[e.Path] = Kept{e, why, note}
		}
	}
	for _, e := range d.dirs { // those above what was wanted
		if _, kept := d.keep[e.Path]; !kept && needed[e.Path] {
			d.keep[e.Path] = Kept{e, Parent, ""}
		}
	}
}

// wantedDirectory reports whether a directory stays although nothing in it may.
func (d *decision) wantedDirectory(p string) (note string, ok bool) {
	cfg := &d.src.Image.Config
	if note, ok := alwaysDirectories[p]; ok {
		return note, true
	}
	if p == strings.Trim(cfg.WorkingDir, "/") {
		return "WORKDIR", true
	}
	for _, v := range cfg.Volumes {
		if p == strings.Trim(v, "/") {
			return "VOLUME", true
		}
	}
	for _, pattern := range d.opt.Keep {
		if matches(pattern, p) {
			return "--keep " + pattern, true
		}
	}
	// A directory costs nothing, and may be where a program writes: var/lib/redis,
	// run/slapd, uploads.
	below := p + "/"
	if d.isJunk(below) || isDatabase(below) || strings.HasPrefix(below, "usr/share/locale/") || strings.HasPrefix(below, "usr/share/doc") {
		return "", false
	}
	if i, owned := d.src.Reach.Owner(p); owned && (d.anyOf(i) || !d.held[p]) {
		return "of " + d.src.Packages[i].Name, true
	} else if owned {
		return "", false
	}
	if unit := unitOf(below); unit != "" {
		return "of " + path.Base(unit), d.opt.Level == Packages && d.units[unit]
	}
	return "no package owns it", true
}

// fates counts what stays of each package.
func (d *decision) fates() []Fate {
	fates := make([]Fate, len(d.src.Packages))
	for i := range d.src.Packages {
		p := &d.src.Packages[i]
		f := &fates[i]
		if len(p.Files) > 0 {
			for _, file := range d.src.Reach.Owned(i) {
				f.Files++
				if _, ok := d.keep[file]; ok {
					f.Kept++
				}
			}
			// What is documentation only, or has no files at all, has nothing to keep.
			f.Stays = f.Kept > 0 || d.asked[i]
			continue
		}
		for _, l := range p.Locations {
			_, kept := d.keep[l.Path]
			// Where a database does not say which files a package has, it may have any.
			f.Stays = f.Stays || kept || d.asked[i] || isDatabase(l.Path) && d.src.Reach.Package(i).State != reach.NotReached
		}
	}
	return fates
}
