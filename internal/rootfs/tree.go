package rootfs

import (
	"cmp"
	"context"
	"io/fs"
	"iter"
	"slices"
	"sort"
	"strings"
)

// entriesPerChunk is how many entries are made at a time, for those who keep them:
// a few lookups should not pay for all.
const entriesPerChunk = 32

type entryChunk [entriesPerChunk]Entry

// entry returns the i-th visible entry.
func (t *Tree) entry(i int) *Entry {
	slot := &t.entries[i/entriesPerChunk]
	chunk := slot.Load()
	if chunk == nil {
		chunk = new(entryChunk)
		first := i - i%entriesPerChunk
		for k := range chunk {
			if first+k < len(t.nodes) {
				t.describe(first+k, &chunk[k])
			}
		}
		if !slot.CompareAndSwap(nil, chunk) {
			chunk = slot.Load()
		}
	}
	return &chunk[i%entriesPerChunk]
}

func (t *Tree) describe(i int, e *Entry) {
	n := t.nodes[i]
	f := t.layers[n.layer]
	f.describe(&f.records[n.rec], &e.Header)
	e.Layer = int(n.layer)
	if !e.Hardlink {
		return
	}
	if c, ok := t.crossLink(ref{n.layer, n.rec}); ok && c.found {
		// A hard link is its target under another name.
		f := t.layers[c.target.layer]
		var target Header
		f.describe(&f.records[c.target.rec], &target)
		target.Path = e.Path
		target.Hardlink = target.Mode.IsRegular()
		if target.Hardlink {
			target.Linkname = e.Linkname
		}
		e.Header = target
	}
}

func (t *Tree) path(i int) string {
	n := t.nodes[i]
	f := t.layers[n.layer]
	return f.path(&f.records[n.rec])
}

// find returns the node at a path.
func (t *Tree) find(path string) (int, bool) {
	return sort.Find(len(t.nodes), func(i int) int { return comparePaths(path, t.path(i)) })
}

// All returns every visible entry but the root, in the order of a walk: a
// directory, then what is below it, then its next sibling. The entries are the
// tree's: do not change them.
func (t *Tree) All() iter.Seq[*Entry] {
	return func(yield func(*Entry) bool) {
		for i := 1; i < len(t.nodes) && !t.over(i); i++ {
			if t.skip != nil && t.skip.Passes(t.path(i)) {
				continue
			}
			if !yield(t.entry(i)) {
				return
			}
		}
	}
}

// Walk is All for those who keep no entry: one that it returns is valid until the
// next step. That saves the memory of all of them, which is most of what a walk costs.
func (t *Tree) Walk() iter.Seq[*Entry] {
	return func(yield func(*Entry) bool) {
		var e Entry
		for i := 1; i < len(t.nodes) && !t.over(i); i++ {
			if t.skip != nil && t.skip.Passes(t.path(i)) {
				continue
			}
			t.describe(i, &e)
			if !yield(&e) {
				return
			}
		}
	}
}

// Until ends whatever goes through the tree when a context ends: so that no loop over
// what an image has is without an end. Who goes through it asks the context afterwards
// whether it was all.
func (t *Tree) Until(ctx context.Context) { t.ctx = ctx }

// steps is after how many steps of a loop the context is looked at.
const steps = 256

// over reports whether the context has ended, as seen in some steps of a loop.
func (t *Tree) over(step int) bool { return t.ctx != nil && step%steps == 1 && t.ctx.Err() != nil }

// Lookup returns the entry at a clean path without following links.
func (t *Tree) Lookup(path string) (*Entry, bool) {
	i, ok := t.find(path)
	if !ok {
		return nil, false
	}
	return t.entry(i), true
}

// Resolve follows every link of a path, also those in its middle and at its
// end, and returns the path of what it leads to. Absolute targets and ".."
// stay inside the tree, as in a container. Errors are fs.PathErrors of
// fs.ErrNotExist, or of a loop.
func (t *Tree) Resolve(path string) (string, error) {
	return t.resolve("open", path, true)
}

type treeError string

func (e treeError) Error() string { return string(e) }

const (
	errLoop   treeError = "too many symbolic links"
	errNotDir treeError = "not a directory"
	errIsDir  treeError = "is a directory"
)

// resolve follows links; the last element's only if last is set.
func (t *Tree) resolve(op, path string, last bool) (string, error) {
	fail := func(err error) (string, error) { return "", &fs.PathError{Op: op, Path: path, Err: err} }
	if isClean(path) {
		// Most paths have no link in them, and most of those exist.
		if resolved, ok := t.plain(path, last); ok {
			return resolved, nil
		}
	}
	rest, at, followed := path, "", 0
	for rest != "" {
		var element string
		element, rest, _ = strings.Cut(rest, "/")
		switch element {
		case "", ".":
			continue
		case "..":
			at = parentOf(at)
			continue
		}
		next := joinPath(at, element)
		i, ok := t.find(next)
		if !ok {
			return fail(fs.ErrNotExist)
		}
		e := t.entry(i)
		final := strings.Trim(rest, "/") == ""
		switch {
		case e.Mode&fs.ModeSymlink != 0 && (last || !final):
			if followed++; followed > maxLinks {
				return fail(errLoop)
			}
			if strings.HasPrefix(e.Linkname, "/") {
				at = ""
			}
			rest = e.Linkname + "/" + rest
		case !final && !e.Mode.IsDir():
			return fail(errNotDir)
		default:
			at = next
		}
	}
	return at, nil
}

// plain answers for a path that exists as it is: then no directory above it is
// a link, for links have nothing below them.
func (t *Tree) plain(path string, last bool) (string, bool) {
	i, ok := t.find(path)
	if !ok {
		return "", false
	}
	n := t.nodes[i]
	r := &t.layers[n.layer].records[n.rec]
	if last && (r.mode&fs.ModeSymlink != 0 || r.flags&flagHardlink != 0 && r.body == noBody) {
		return "", false
	}
	return path, true
}

// Fact is what a visitor returned for one file.
type Fact struct {
	Path    string
	Layer   int    // the layer that wrote the file at Path
	Data    []byte // shared: do not change
	Visible bool   // in the finished tree, as this layer wrote it
}

// Facts returns what a visitor returned for the visible files, in the order of
// a walk. A file with several names has its facts under each.
func (t *Tree) Facts(visitor string) iter.Seq[Fact] {
	return func(yield func(Fact) bool) {
		type placed struct {
			node int32
			fact Fact
		}
		var visible []placed
		for fact := range t.facts(visitor) {
			if fact.node >= 0 {
				visible = append(visible, placed{fact.node, fact.Fact})
			}
		}
		slices.SortStableFunc(visible, func(a, b placed) int { return cmp.Compare(a.node, b.node) })
		for _, p := range visible {
			if !yield(p.fact) {
				return
			}
		}
	}
}

// AllFacts returns what a visitor returned for the files of every layer,
// hidden and deleted ones too: the lowest layer first, within a layer in the
// order of a walk, then what a later entry of the same tar overwrote.
func (t *Tree) AllFacts(visitor string) iter.Seq[Fact] {
	return func(yield func(Fact) bool) {
		for fact := range t.facts(visitor) {
			if !yield(fact.Fact) {
				return
			}
		}
	}
}

type nodeFact struct {
	Fact
	node int32
}

// facts returns a visitor's facts by layer and record, those of hard links
// included.
func (t *Tree) facts(visitor string) iter.Seq[nodeFact] {
	return func(yield func(nodeFact) bool) {
		crossed := t.crossedFacts(visitor)
		for step, i := 0, 0; i < len(t.layers); i++ {
			f := t.layers[i]
			list := f.visitor(visitor)
			links := append(f.linksTo(list, t.linked[i]), crossed[i]...)
			slices.SortStableFunc(links, func(a, b linkFact) int { return cmp.Compare(a.rec, b.rec) })
			for len(list) > 0 || len(links) > 0 {
				if step++; t.over(step) {
					return
				}
				var next linkFact
				if len(links) == 0 || len(list) > 0 && list[0].record <= links[0].rec {
					next = linkFact{list[0].record, f, list[0].data}
					list = list[1:]
				} else {
					next = links[0]
					links = links[1:]
				}
				if t.skip != nil && t.skip.Passes(f.path(&f.records[next.rec])) {
					continue
				}
				at := t.nodeOf[i][next.rec]
				fact := Fact{
					Path:    f.path(&f.records[next.rec]),
					Layer:   i,
					Data:    next.of.data(next.data),
					Visible: at >= 0,
				}
				if !yield(nodeFact{fact, at}) {
					return
				}
			}
		}
	}
}

// crossedFacts returns the facts of hard links to files of other layers, by the layer
// of the link.
func (t *Tree) crossedFacts(visitor string) map[int][]linkFact {
	byLayer := map[int][]linkFact{}
	for _, c := range t.crossed {
		if !c.found {
			continue
		}
		for _, fact := range factsOf(t.layers[c.target.layer].visitor(visitor), c.target.rec) {
			i := int(c.link.layer)
			byLayer[i] = append(byLayer[i], linkFact{c.link.rec, t.layers[c.target.layer], fact.data})
		}
	}
	return byLayer
}

// linkFact is the fact of a hard link's target.
type linkFact struct {
	rec  uint32 // the link
	of   *Facts // whose data it is
	data span
}

// linksTo returns the facts that hard links share with their targets in the
// same layer.
func (f *Facts) linksTo(list []recordFact, linked []uint32) []linkFact {
	var links []linkFact
	if len(list) == 0 {
		return nil
	}
	for _, i := range linked {
		for _, fact := range factsOf(list, f.records[i].body) {
			links = append(links, linkFact{i, f, fact.data})
		}
	}
	return links
}

// Hidden tells which layer hid what a layer has, in the end, at a path: by
// removing it (a whiteout, an opaque directory, or something else in the place
// of a directory above it), or else by writing another version over it. ok is
// false if that version is visible, or if there is none. If the layer has it no
// more because a later entry of its own tar replaced a directory, by is the
// layer itself.
func (t *Tree) Hidden(path string, layer int) (by int, deleted, ok bool) {
	if layer < 0 || layer >= len(t.layers) {
		return 0, false, false
	}
	f := t.layers[layer]
	own, exists := f.find(path)
	if !exists || !f.records[own].isEntry() {
		// Overwritten or removed within its own layer?
		for i := f.visible; i < len(f.records); i++ {
			if f.path(&f.records[i]) == path {
				return layer, true, true
			}
		}
		return 0, false, false
	}
	isDir := f.records[own].isDir()
	for m := layer + 1; m < len(t.layers); m++ {
		upper := t.layers[m]
		for end := 0; ; end++ {
			if end > 0 {
				for end < len(path) && path[end] != '/' {
					end++
				}
			}
			if rec, found := upper.find(path[:end]); found {
				r := &upper.records[rec]
				switch {
				case end == len(path):
					if r.isEntry() && !(isDir && r.isDir() && r.flags&flagOpaque == 0) {
						return m, false, true
					}
					if r.flags&flagWhiteout != 0 && !r.isDir() {
						return m, true, true
					}
				case r.flags&flagOpaque != 0 && end > 0 || !r.isDir(): // see Stack for a root that is opaque
					// Written again by the same layer, it is overwritten.
					again, is := upper.find(path)
					return m, !(is && upper.records[again].isEntry()), true
				}
			}
			if end >= len(path) {
				break
			}
		}
	}
	return 0, false, false
}
