package reach

import (
	"errors"
	"io"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/reach/binary"
	"github.com/careen/careen/internal/rootfs"
)

// maxLinks is MAXSYMLINKS of Linux (path_resolution(7)).
const maxLinks = 40

// maxGlob bounds the matches of one pattern.
const maxGlob = 100_000

// Files is the image as a program in it sees it: paths, links followed, and what
// the pass found in files. Paths given to its methods may start with a slash;
// those it returns are clean and do not, as in rootfs.
type Files struct {
	tree    *rootfs.Tree
	entries []*rootfs.Entry              // all that the image shows, in walk order
	ends    []int32                      // by entry, the entry after everything below it
	at      map[string]int32             // entry at a path
	dirs    map[string]bool              // directories that are not behind a link
	facts   map[string]map[string][]byte // of each visitor, by path
	elf     map[string]*binary.Fact      // decoded facts of ELF files; nil for what is none
	names   map[string]map[string]bool   // what directories have, by their paths
	made    map[string][]string          // what is made of a file that programs name, by its path
}

// madeEnds are what the names of files end in that are made of others, or represent
// them: programs name the other. Tables that are looked up by a key (makemap(8),
// postmap(1), dbm(3), pam_userdb(8)), and compiled magic, zsh and Perl.
const madeEnds = " .db .lmdb .mdb .cdb .dir .pag .dbm .sdbm .gdbm .bdb .tch .dat .mgc .zwc .pmc "

func newFiles(tree *rootfs.Tree) Files {
	f := Files{tree: tree, at: map[string]int32{}, dirs: map[string]bool{}, facts: map[string]map[string][]byte{}, elf: map[string]*binary.Fact{}, names: map[string]map[string]bool{}, made: map[string][]string{}}
	f.index()
	return f
}

// index makes the tree quick to look up.
func (f *Files) index() {
	var open []int32 // directories that the walk is in
	leave := func(next int32) {
		f.ends[open[len(open)-1]] = next
		open = open[:len(open)-1]
	}
	for e := range f.tree.All() {
		i := int32(len(f.entries))
		for len(open) > 0 && !strings.HasPrefix(e.Path, f.entries[open[len(open)-1]].Path+"/") {
			leave(i)
		}
		f.at[e.Path] = i
		if ext := path.Ext(e.Path); len(ext) > 2 && strings.Contains(madeEnds, " "+ext+" ") {
			of := strings.TrimSuffix(e.Path, ext)
			f.made[of] = append(f.made[of], e.Path)
		}
		f.entries = append(f.entries, e)
		f.ends = append(f.ends, i+1)
		open = append(open, i)
	}
	for len(open) > 0 {
		leave(int32(len(f.entries)))
	}
}

// All iterates over all entries of the image, in walk order.
func (f *Files) All() iter.Seq[*rootfs.Entry] { return slices.Values(f.entries) }

// Lookup returns what a path leads to, links followed, without marking it.
func (f *Files) Lookup(name string) (*rootfs.Entry, bool) {
	at, ok := f.Follow(name, nil)
	if !ok {
		return nil, false
	}
	i, ok := f.at[at]
	if !ok {
		return nil, false // the root
	}
	return f.entries[i], true
}

// IsFile reports whether a path leads to a regular file.
func (f *Files) IsFile(name string) bool {
	e, ok := f.Lookup(name)
	return ok && e.Mode.IsRegular()
}

// isExecutable reports whether a file may be run, by its mode.
func (f *Files) isExecutable(file string) bool {
	e, ok := f.Lookup(file)
	return ok && e.Mode&0o111 != 0
}

// IsDir reports whether a path leads to a directory.
func (f *Files) IsDir(name string) bool {
	e, ok := f.Lookup(name)
	return ok && e.Mode.IsDir()
}

// Follow resolves a path and calls link, if not nil, for each link on the way.
func (f *Files) Follow(name string, link func(path string)) (string, bool) {
	rest, at, followed := Clean(name), "", 0
	if dir := Parent(rest); f.dirs[dir] {
		at, rest = dir, rest[len(dir)+1:]
	}
	for rest != "" {
		var element string
		element, rest, _ = strings.Cut(rest, "/")
		switch element {
		case "", ".":
			continue
		case "..":
			at = Parent(at)
			continue
		}
		next := element
		if at != "" {
			next = at + "/" + element
		}
		i, ok := f.at[next]
		if !ok {
			return "", false
		}
		e := f.entries[i]
		if e.Mode&fs.ModeSymlink == 0 {
			at = next
			continue
		}
		if followed++; followed > maxLinks {
			return "", false
		}
		if link != nil {
			link(next)
		}
		if strings.HasPrefix(e.Linkname, "/") {
			at = ""
		}
		rest = e.Linkname + "/" + rest
	}
	if followed == 0 {
		if dir := Parent(at); dir != "" {
			f.dirs[dir] = true
		}
	}
	return at, true
}

// Below iterates over all entries below a directory, links to it resolved.
func (f *Files) Below(dir string) iter.Seq[*rootfs.Entry] {
	return func(yield func(*rootfs.Entry) bool) {
		at, ok := f.Follow(dir, nil)
		i, known := f.at[at]
		if !ok || !known {
			return
		}
		for next := i + 1; next < f.ends[i]; next++ {
			if !yield(f.entries[next]) {
				return
			}
		}
	}
}

// List iterates over the entries of a directory, links to it resolved.
func (f *Files) List(dir string) iter.Seq[*rootfs.Entry] {
	return func(yield func(*rootfs.Entry) bool) {
		at, ok := f.Follow(dir, nil)
		first, end := int32(0), int32(len(f.entries)) // the root's
		if at != "" {
			i, known := f.at[at]
			if !known {
				return
			}
			first, end = i+1, f.ends[i]
		}
		for next := first; ok && next < end; next = f.ends[next] {
			if !yield(f.entries[next]) {
				return
			}
		}
	}
}

// children returns the names of what a directory has.
func (f *Files) children(dir string) map[string]bool {
	if known, ok := f.names[dir]; ok {
		return known
	}
	set := map[string]bool{}
	for e := range f.List(dir) {
		set[path.Base(e.Path)] = true
	}
	f.names[dir] = set
	return set
}

// Glob returns the paths of the image that a pattern matches, as glob(3); a
// pattern without special characters is a path.
func (f *Files) Glob(pattern string) []string {
	dirs := []string{""}
	for element := range strings.SplitSeq(Clean(pattern), "/") {
		var next []string
		for _, dir := range dirs {
			if !strings.ContainsAny(element, "*?[") {
				if at := Join(dir, element); f.Exists(at) {
					next = append(next, at)
				}
				continue
			}
			for e := range f.List(dir) {
				base := path.Base(e.Path)
				if ok, _ := path.Match(element, base); ok && (base[0] != '.' || element[0] == '.') {
					next = append(next, Join(dir, base))
				}
			}
			if len(next) > maxGlob {
				break
			}
		}
		dirs = next
	}
	return dirs
}

// globs returns the paths that patterns match, blanks between them.
func (f *Files) globs(patterns string) []string {
	var all []string
	for pattern := range strings.FieldsSeq(patterns) {
		all = append(all, f.Glob(pattern)...)
	}
	return all
}

// Exists reports whether a path leads to anything.
func (f *Files) Exists(name string) bool {
	_, ok := f.Follow(name, nil)
	return ok
}

// Fact returns what a visitor found in a file.
func (f *Files) Fact(visitor, file string) ([]byte, bool) {
	byPath, loaded := f.facts[visitor]
	if !loaded {
		byPath = map[string][]byte{}
		for fact := range f.tree.Facts(visitor) {
			byPath[fact.Path] = fact.Data
		}
		f.facts[visitor] = byPath
	}
	data, ok := byPath[file]
	return data, ok
}

// Read returns the content of a regular file of at most max bytes, links
// followed: from the facts where they have it, else from the layer, which is
// slow for a compressed one.
func (f *Files) Read(name string, max int64) ([]byte, error) {
	e, ok := f.Lookup(name)
	if !ok {
		return nil, errors.New("no such file")
	}
	if !e.Mode.IsRegular() {
		return nil, errors.New("not a regular file")
	}
	if e.Size > max {
		return nil, errors.New("too large to be read")
	}
	if data, ok := f.Fact(textVisitor, e.Path); ok {
		return data, nil
	}
	return f.tree.ReadFile(e.Path)
}

// head returns the first line's worth of a script: the kernel reads no more of
// it than 256 bytes (BINPRM_BUF_SIZE). What no visitor kept is no script, for
// isText wants every one that is not too large.
func (f *Files) head(name string) ([]byte, error) {
	const most = 256
	e, ok := f.Lookup(name)
	if !ok || !e.Mode.IsRegular() {
		return nil, errors.New("no such file")
	}
	if data, ok := f.Fact(textVisitor, e.Path); ok {
		return data[:min(len(data), most)], nil
	}
	if _, ok := f.Fact(elfVisitor, e.Path); ok || e.Size <= MaxText || e.Mode&0o111 == 0 {
		return nil, nil
	}
	body, err := f.tree.Open(e.Path)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	head := make([]byte, most)
	n, err := io.ReadFull(body, head)
	if err == io.ErrUnexpectedEOF || err == io.EOF {
		err = nil
	}
	return head[:n], err
}

// Parent returns the directory of a clean path; "" is the root.
func Parent(p string) string {
	if i := strings.LastIndexByte(p, '/'); i >= 0 {
		return p[:i]
	}
	return ""
}

// Clean makes a path of the image clean and relative to its root; "" is the root.
func Clean(p string) string {
	return strings.TrimPrefix(path.Clean("/"+p), "/")
}

// Join returns a name as a program in dir sees it.
func Join(dir, name string) string {
	if strings.HasPrefix(name, "/") {
		return Clean(name)
	}
	return Clean(dir + "/" + name)
}
