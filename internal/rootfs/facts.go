package rootfs

import (
	"io/fs"
	"slices"
	"sort"
	"time"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/inflate"
)

// Facts is what a pass learned about one layer: its entries, in the order of a
// walk, and what each visitor returned. Facts do not change once made; any
// number of goroutines and trees may share them.
type Facts struct {
	Expanded   int64     // bytes of the layer's tar; for a directory, of its regular files
	Unverified bool      // nothing was compared with what the image says of the layer's bytes
	Warnings   []Warning // what was wrong with single entries, in the order found

	// names holds every path and link target; records point into it.
	names   string
	records []record // visible in this layer's own tree, in walk order, then shadows
	visible int      // how many of records are no shadows
	caps    [][]byte // distinct values of security.capability
	facts   []visitorFacts
	blob    []byte // the facts' bytes

	marks     []inflate.Mark // of a gzip layer that was read just now; not for the cache, they hold parts of it
	dir       string         // root directory, for facts of PassDir
	transient bool           // a fault of this machine left something out: not for the cache
}

// Warning says what was wrong with one entry of a layer. Its layer is for the caller, who
// knows which one this is.
type Warning = finding.Warning

// Kinds of warnings.
const (
	kindBadEntry   = "bad-entry"
	kindTooLarge   = "too-large"
	kindUnreadable = "unreadable-file"
	kindFilesystem = "skipped-filesystem"
)

// Entries returns the number of entries that the layer's own tree has, the
// directories that it merely implies and its whiteouts included.
func (f *Facts) Entries() int { return f.visible }

// Bytes is how much visitors found in the layer.
func (f *Facts) Bytes() int64 { return int64(len(f.blob)) }

// span is a place in a string or a slice.
type span struct{ off, n uint32 }

// Flags of a record.
const (
	flagHardlink uint8 = 1 << iota // Header.Hardlink
	flagWhiteout                   // hides what lower layers have at this path
	flagOpaque                     // hides what lower layers have below this path
	flagEntry                      // there is an entry; without it, the record is a whiteout only
	flagImplied                    // a directory that no entry of this layer describes
)

// noBody is the body of a record that has none: no regular file, or a hard
// link to a file that is not in its layer.
const noBody = ^uint32(0)

// record is one entry of a layer. It holds no pointers, so that the collector
// need not look at a hundred thousand of them.
type record struct {
	path, link span
	size       int64
	seconds    int64 // modification time
	nanos      uint32
	mode       fs.FileMode
	uid, gid   uint32
	offset     int64  // of the entry's first header in the tar
	body       uint32 // the record whose body this is, noBody for none
	caps       uint16 // 1 + index in Facts.caps
	flags      uint8
}

func (r *record) isDir() bool   { return r.flags&flagEntry != 0 && r.mode.IsDir() }
func (r *record) isEntry() bool { return r.flags&flagEntry != 0 }

// visitorFacts are the facts of one visitor, by record.
type visitorFacts struct {
	name    string
	version int
	facts   []recordFact // in the order of records
}

type recordFact struct {
	record uint32
	data   span // in Facts.blob
}

func (f *Facts) path(r *record) string { return f.names[r.path.off : r.path.off+r.path.n] }
func (f *Facts) link(r *record) string { return f.names[r.link.off : r.link.off+r.link.n] }

func (f *Facts) data(s span) []byte { return f.blob[s.off : s.off+s.n : s.off+s.n] }

// describe fills a header, all of it: the one before in it is another's.
func (f *Facts) describe(r *record, h *Header) {
	h.Path = f.path(r)
	h.Mode = r.mode
	h.UID, h.GID = int(r.uid), int(r.gid)
	h.Size = r.size
	h.Linkname = f.link(r)
	h.Hardlink = r.flags&flagHardlink != 0
	h.ModTime = time.Unix(r.seconds, int64(r.nanos)).UTC()
	h.Caps = nil
	if r.caps > 0 {
		h.Caps = f.caps[r.caps-1]
	}
}

// find returns the index of the record at a path of the layer's own tree.
func (f *Facts) find(path string) (int, bool) {
	return sort.Find(f.visible, func(i int) int { return comparePaths(path, f.path(&f.records[i])) })
}

// visitor returns what the visitor of that name found, nil for none.
func (f *Facts) visitor(name string) []recordFact {
	for i := range f.facts {
		if f.facts[i].name == name {
			return f.facts[i].facts
		}
	}
	return nil
}

// factsOf returns the part of facts that belongs to one record; one file may
// have several only if several visitors share a name.
func factsOf(facts []recordFact, rec uint32) []recordFact {
	from, found := slices.BinarySearchFunc(facts, rec, func(f recordFact, r uint32) int {
		switch {
		case f.record < r:
			return -1
		case f.record > r:
			return 1
		}
		return 0
	})
	if !found {
		return nil
	}
	to := from + 1
	for to < len(facts) && facts[to].record == rec {
		to++
	}
	return facts[from:to]
}
