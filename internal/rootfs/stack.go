package rootfs

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"sync/atomic"

	"github.com/careen/careen/internal/image"
)

// Tree is the layers of an image laid on each other, with the semantics that
// overlayfs gives them. It is an fs.FS whose Open follows links inside the
// root. All methods may be called at once from several goroutines.
type Tree struct {
	layers   []*Facts
	bodies   []*bodies  // where bodies are read again, by layer
	nodes    []node     // what is visible, in walk order; nodes[0] is the root
	nodeOf   [][]int32  // by layer and record, -1 where it is not visible
	linked   [][]uint32 // by layer, its records that share the body of another one of it
	crossed  []crossLink
	entries  []atomic.Pointer[entryChunk]
	warnings []Warning
	warned   map[Warning]bool // of shown
	skip     *Skip            // what All and the facts leave out
	ctx      context.Context  // that of Until; nil for none
}

// node is one visible path.
type node struct {
	layer int32
	rec   uint32
	end   uint32 // the node after everything below this one
}

// ref names a record of a layer.
type ref struct {
	layer int32
	rec   uint32
}

// crossLink is a hard link whose target is in a lower layer.
type crossLink struct {
	link, target ref
	found        bool
}

// Entry is a visible entry and the layer that wrote it.
type Entry struct {
	Header
	Layer int // index of the layer, lowest 0
}

// Stack lays layers on each other, lowest first. layers[i] is where bodies of
// facts[i] are read again when they are asked for; it may be nil if they will
// not be, and is not needed for facts of a directory.
//
// A record of a layer is visible unless a layer above it has, at its path, an
// entry or a whiteout, or at a path above it, a whiteout, an opaque marker or
// something that is no directory. A directory that a layer's paths merely imply
// is a directory as good as any: it replaces a link of a lower layer, as it does
// when the layer is unpacked for overlayfs; but the attributes it shows are
// those of the next directory below that has some.
//
// Where Docker, containerd and Podman, which unpack layers for overlayfs, show
// what the specification hides, both are visible, with a warning that makes the
// result incomplete: below a root that a layer marks opaque, and below a
// directory that a layer whites out and makes in one.
func Stack(facts []*Facts, layers []image.Layer) *Tree {
	t := &Tree{layers: facts, nodeOf: make([][]int32, len(facts)), linked: make([][]uint32, len(facts))}
	total := 0
	for i, f := range facts {
		total = max(total, f.visible)
		t.nodeOf[i] = make([]int32, len(f.records))
		for j := range t.nodeOf[i] {
			t.nodeOf[i][j] = -1
			if r := &f.records[j]; r.flags&flagHardlink != 0 && r.body != noBody && r.body != uint32(j) {
				t.linked[i] = append(t.linked[i], uint32(j))
			}
		}
		var layer *image.Layer
		if i < len(layers) {
			layer = &layers[i]
		}
		t.bodies = append(t.bodies, &bodies{layer: layer, marks: f.marks})
	}
	t.nodes = make([]node, 0, total+total/4)
	t.merge()
	t.resolveCrossLinks()
	t.entries = make([]atomic.Pointer[entryChunk], (len(t.nodes)+entriesPerChunk-1)/entriesPerChunk)
	return t
}

// cursor walks the records of one layer.
type cursor struct {
	layer int32
	next  int // index of the record after the current one
	path  string
}

// overlay is a directory that the merge is in.
type overlay struct {
	path   string
	node   int32 // -1 when not visible
	lowest int32 // layers below this one are hidden in here
}

const hideAll = math.MaxInt32

// merge walks all layers at once and decides each path.
func (t *Tree) merge() {
	heap := make([]cursor, 0, len(t.layers))
	for i, f := range t.layers {
		if f.visible > 0 {
			heap = append(heap, cursor{int32(i), 1, f.path(&f.records[0])})
		}
	}
	if len(heap) == 0 {
		// An image without layers still has a root.
		t.layers = []*Facts{newDrafts(Limits{}).finish(nil, nil)}
		t.bodies = []*bodies{{}}
		t.nodeOf, t.linked = [][]int32{{-1}}, [][]uint32{nil}
		heap = append(heap, cursor{0, 1, ""})
	}
	// Every layer begins with its root: the heap is one already, by layer.
	group := make([]ref, 0, len(heap))
	stack := make([]overlay, 0, 32)
	for len(heap) > 0 {
		group = group[:0]
		path := heap[0].path
		for {
			group = append(group, ref{heap[0].layer, uint32(heap[0].next - 1)})
			heap = t.advance(heap)
			if len(heap) == 0 || heap[0].path != path {
				break
			}
		}
		for len(stack) > 0 && !under(path, stack[len(stack)-1].path) {
			t.leave(stack[len(stack)-1])
			stack = stack[:len(stack)-1]
		}
		lowest := int32(0)
		if len(stack) > 0 {
			lowest = stack[len(stack)-1].lowest
		}
		top, below, dir := t.decide(path, group, lowest)
		at := int32(-1)
		if top.layer >= 0 {
			at = int32(len(t.nodes))
			t.nodeOf[top.layer][top.rec] = at
			t.nodes = append(t.nodes, node{top.layer, top.rec, uint32(at) + 1})
		}
		if dir {
			stack = append(stack, overlay{path, at, below})
		}
	}
	for _, o := range slices.Backward(stack) {
		t.leave(o)
	}
}

func (t *Tree) leave(o overlay) {
	if o.node >= 0 {
		t.nodes[o.node].end = uint32(len(t.nodes))
	}
}

// decide returns what the layers of group, lowest first, make of one path: the
// record that shows, layer -1 for none, and, if any of them has a directory
// there, the lowest layer that shows below it.
func (t *Tree) decide(path string, group []ref, lowest int32) (top ref, below int32, dir bool) {
	top, below = ref{layer: -1}, hideAll
	topIsDir := false
	for _, g := range group {
		r := &t.layers[g.layer].records[g.rec]
		isDir := r.isDir()
		dir = dir || isDir
		if g.layer < lowest {
			continue
		}
		switch {
		case r.flags&flagWhiteout == 0:
		case isDir && topIsDir:
			// The whiteout is a device until the directory takes its place.
			t.shown(path, "removes a directory and makes it anew")
		default:
			top.layer, topIsDir, below = -1, false, hideAll
		}
		switch {
		case !r.isEntry():
		case !isDir:
			top, topIsDir, below = g, false, hideAll
		case !topIsDir:
			top, topIsDir, below = g, true, g.layer
		default:
			switch {
			case r.flags&flagOpaque == 0:
			case path == "":
				t.shown(path, "marks the root directory opaque")
			default:
				below = g.layer
			}
			if r.flags&flagImplied == 0 {
				top = g
			}
		}
	}
	return top, below, dir
}

// shown warns of what runtimes show although the specification hides it.
func (t *Tree) shown(path, what string) {
	w := Warning{Path: path, Kind: kindBadEntry, Incomplete: true,
		Message: "a layer " + what + ": by the OCI specification the layers below are hidden there, but Docker, containerd and Podman show them; both are reported"}
	if len(t.warnings) < maxWarnings && !t.warned[w] {
		if t.warned == nil {
			t.warned = map[Warning]bool{}
		}
		t.warned[w] = true
		t.warnings = append(t.warnings, w)
	}
}

// advance moves the heap's first cursor on and restores the order.
func (t *Tree) advance(heap []cursor) []cursor {
	c := &heap[0]
	f := t.layers[c.layer]
	if c.next < f.visible {
		c.path = f.path(&f.records[c.next])
		c.next++
	} else {
		heap[0] = heap[len(heap)-1]
		heap = heap[:len(heap)-1]
	}
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(heap); child++ {
			if before(&heap[child], &heap[least]) {
				least = child
			}
		}
		if least == i {
			return heap
		}
		heap[i], heap[least] = heap[least], heap[i]
		i = least
	}
}

func before(a, b *cursor) bool {
	if c := comparePaths(a.path, b.path); c != 0 {
		return c < 0
	}
	return a.layer < b.layer
}

// resolveCrossLinks finds the files that hard links of upper layers give a
// second name to. It walks the layers upward, so that a link to a link is
// resolved already.
func (t *Tree) resolveCrossLinks() {
	for i, f := range t.layers {
		for j := range f.records {
			r := &f.records[j]
			if r.flags&flagHardlink == 0 || r.body != noBody {
				continue
			}
			link := crossLink{link: ref{int32(i), uint32(j)}}
			if at, ok := t.below(f.link(r), int32(i)); ok {
				if other, is := t.crossLink(at); is {
					at, ok = other.target, other.found
				}
				target := &t.layers[at.layer].records[at.rec]
				if ok && !target.mode.IsDir() {
					link.target, link.found = at, true
					if target.body != noBody {
						link.target.rec = target.body
					}
				}
			}
			if !link.found && j < f.visible && len(t.warnings) < maxWarnings {
				t.warnings = append(t.warnings, Warning{Path: f.path(r), Kind: kindBadEntry, Incomplete: true,
					Message: fmt.Sprintf("hard link to %s, which no layer up to %d has", shorten(f.link(r)), i)})
			}
			t.crossed = append(t.crossed, link) // sorted by construction
		}
	}
}

func (t *Tree) crossLink(at ref) (crossLink, bool) {
	if len(t.crossed) == 0 {
		return crossLink{}, false
	}
	i, found := slices.BinarySearchFunc(t.crossed, at, func(c crossLink, at ref) int {
		return cmp.Or(cmp.Compare(c.link.layer, at.layer), cmp.Compare(c.link.rec, at.rec))
	})
	if !found {
		return crossLink{}, false
	}
	return t.crossed[i], true
}

// below returns what the layers below one show at a path.
func (t *Tree) below(path string, layer int32) (ref, bool) {
	lowest := int32(0)
	group := make([]ref, 0, 8)
	for end := 0; ; end++ {
		// The root, then each directory on the way, then the path itself.
		if end > 0 {
			for end < len(path) && path[end] != '/' {
				end++
			}
		}
		at := path[:end]
		group = group[:0]
		for i := range t.layers[:layer] {
			if rec, ok := t.layers[i].find(at); ok {
				group = append(group, ref{int32(i), uint32(rec)})
			}
		}
		top, below, _ := t.decide(at, group, lowest)
		if end == len(path) {
			return top, top.layer >= 0
		}
		if below == hideAll {
			return ref{}, false
		}
		lowest = below
	}
}

// Warnings says what was wrong with the layers as a stack; the layers' own
// warnings are in their Facts.
func (t *Tree) Warnings() []Warning { return t.warnings }
