package rootfs

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"
)

// What a draft is.
const (
	draftEntry = iota
	draftWhiteout
	draftOpaque
	draftDropped // was no good; keeps its place so that indexes stay
)

// draft is one event of a layer in the order of the tar: an entry, a whiteout
// or an opaque marker. Several may name one path; finish decides.
type draft struct {
	path, link string
	kind       uint8
	record     // without path and link; body is an index of drafts
}

func (d *draft) header() Header {
	return Header{
		Path:     d.path,
		Mode:     d.mode,
		UID:      int(d.uid),
		GID:      int(d.gid),
		Size:     d.size,
		Linkname: d.link,
		Hardlink: d.flags&flagHardlink != 0,
		ModTime:  time.Unix(d.seconds, int64(d.nanos)).UTC(),
	}
}

// drafts collects what a pass sees and makes Facts of it.
type drafts struct {
	lim      Limits
	chunks   [][]draft // see at
	count    int
	implied  int   // directories that no draft was for when they were needed
	names    int64 // bytes of paths and links so far
	caps     [][]byte
	warnings []placedWarning // of reading the entries, in their order
	faults   []placedWarning // of visiting them, in their order
	unsaid   int             // warnings beyond maxWarnings
	facts    []draftFact
	blob     []byte

	transient bool // something failed that may not fail the next time

	// links, dirs and replaced follow what the layer's own tree looks like at
	// this point of the tar, as far as later paths depend on it.
	links    map[string]madeLink
	dirs     map[string]struct{}
	replaced map[string][]int // directories that something else replaced, and when
	parent   string           // of the last entry: its ancestors are in dirs
	lastDir  string           // cache of inLayer
	lastTo   string
	stale    bool
}

type madeLink struct {
	target string
	at     int // index of its draft
}

// placedWarning is a warning and how many drafts there were before it.
type placedWarning struct {
	at int
	Warning
}

type draftFact struct {
	draft   uint32
	visitor int32
	data    span
}

func newDrafts(lim Limits) *drafts {
	return &drafts{
		lim:      lim,
		links:    map[string]madeLink{},
		dirs:     map[string]struct{}{"": {}},
		replaced: map[string][]int{},
	}
}

// draftChunk is how many drafts lie together: a list that grows by moving costs
// more than all else that the tar's reader does.
const draftChunk = 1024

func (b *drafts) at(i int) *draft { return &b.chunks[i/draftChunk][i%draftChunk] }

func (b *drafts) push(d draft) {
	if b.count%draftChunk == 0 {
		b.chunks = append(b.chunks, make([]draft, draftChunk))
	}
	*b.at(b.count) = d
	b.count++
}

// warn keeps a warning of the entry that is being read.
func (b *drafts) warn(w Warning) { b.warnings = b.kept(b.warnings, b.count, w) }

// warnOf keeps a warning of an entry that came before.
func (b *drafts) warnOf(draft int, w Warning) { b.faults = b.kept(b.faults, draft, w) }

func (b *drafts) kept(list []placedWarning, at int, w Warning) []placedWarning {
	if len(list) >= maxWarnings {
		b.unsaid++
		return list
	}
	return append(list, placedWarning{at, w})
}

// allWarnings returns the first warnings, in the order of the entries.
func (b *drafts) allWarnings() []Warning {
	placed := slices.Concat(b.warnings, b.faults)
	slices.SortStableFunc(placed, func(x, y placedWarning) int { return x.at - y.at })
	if more := len(placed) - maxWarnings; more > 0 {
		placed = placed[:maxWarnings]
		b.unsaid += more
	}
	var list []Warning
	for _, p := range placed {
		list = append(list, p.Warning)
	}
	if b.unsaid > 0 {
		list = append(list, Warning{Kind: kindBadEntry, Incomplete: true, Message: fmt.Sprintf("%d more warnings of this layer are not listed", b.unsaid)})
	}
	return list
}

// shorten makes a name from an image fit for a message.
func shorten(name string) string {
	const most = 80
	if len(name) > most {
		return fmt.Sprintf("%q… (%d bytes)", name[:most], len(name))
	}
	return fmt.Sprintf("%q", name)
}

// fits reports whether a clean path is within the limits, and warns if not.
func (b *drafts) fits(path string) bool {
	if len(path) > b.lim.PathBytes {
		b.warn(Warning{Kind: kindTooLarge, Incomplete: true,
			Message: fmt.Sprintf("path %s is longer than %d bytes, entry skipped: raise --max-path-bytes", shorten(path), b.lim.PathBytes)})
		return false
	}
	if d := depth(path); d > b.lim.PathDepth {
		b.warn(Warning{Kind: kindTooLarge, Incomplete: true,
			Message: fmt.Sprintf("path %s is %d levels deep, more than %d, entry skipped: raise --max-path-depth", shorten(path), d, b.lim.PathDepth)})
		return false
	}
	return true
}

// add appends an event at a path that inLayer returned, and returns its index.
func (b *drafts) add(d draft) (int, error) {
	at := b.count
	b.names += int64(len(d.path) + len(d.link))
	if b.names > maxNameBytes {
		return 0, &limitError{fmt.Sprintf("its paths take more than %d bytes", maxNameBytes)}
	}
	b.push(d)
	b.impliesParent(d.path)
	if d.kind == draftWhiteout {
		return at, nil
	}
	isDir := d.kind == draftOpaque || d.mode.IsDir()
	if _, was := b.links[d.path]; was {
		delete(b.links, d.path)
		b.stale = true
	}
	if isDir {
		b.dirs[d.path] = struct{}{}
		return at, nil
	}
	if _, was := b.dirs[d.path]; was {
		delete(b.dirs, d.path)
		b.replaced[d.path] = append(b.replaced[d.path], at)
		b.parent, b.stale = "", true
	}
	target, isLink := d.link, d.link != "" && d.flags&flagHardlink == 0
	if !isLink && d.link != "" {
		// A hard link to a symbolic link is one more symbolic link.
		made, ok := b.links[d.link]
		target, isLink = made.target, ok && b.lives(d.link, made.at, at)
	}
	if isLink {
		b.links[d.path] = madeLink{target, at}
		b.stale = true
	}
	return at, nil
}

// impliesParent notes that the directories above a path exist now.
func (b *drafts) impliesParent(path string) {
	dir := parentOf(path)
	if dir == b.parent {
		return
	}
	b.parent = dir
	for dir != "" {
		if _, known := b.dirs[dir]; known {
			return
		}
		b.dirs[dir] = struct{}{}
		b.implied++
		dir = parentOf(dir)
	}
}

// inLayer returns where an entry of that path lands in the layer's own tree:
// below a symbolic link that this layer has made by then, it lands where the
// link leads, inside the layer; links of lower layers are not followed, for the
// layer is unpacked into a directory of its own and overlaid later. So do
// containerd (pkg/archive/tar.go: fs.RootPath of the parent, within the upper
// directory) and Docker's overlay2 (chroot into the layer's diff).
func (b *drafts) inLayer(path string) string {
	if len(b.links) == 0 {
		return path
	}
	dir := parentOf(path)
	to := b.dirInLayer(dir)
	if to == dir {
		return path
	}
	return joinPath(to, baseOf(path))
}

// dirInLayer is inLayer for a directory that something is put into.
func (b *drafts) dirInLayer(dir string) string {
	if len(b.links) == 0 {
		return dir
	}
	if b.stale || dir != b.lastDir {
		b.lastDir, b.lastTo, b.stale = dir, b.follow(dir), false
	}
	return b.lastTo
}

// follow resolves the links in a directory's path. A loop is left as it is.
func (b *drafts) follow(dir string) string {
	rest, at, followed := dir, "", 0
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
		link, ok := b.links[next]
		if !ok || !b.lives(next, link.at, b.count) {
			at = next
			continue
		}
		if followed++; followed > maxLinks || len(rest)+len(link.target) > 2*b.lim.PathBytes {
			return dir
		}
		if strings.HasPrefix(link.target, "/") {
			at = ""
		}
		rest = link.target + "/" + rest
	}
	return at
}

// lives reports whether what was made at a path is still there before the event
// now: no directory above it was replaced meanwhile.
func (b *drafts) lives(path string, at, now int) bool {
	if len(b.replaced) == 0 {
		return true
	}
	for dir := parentOf(path); dir != ""; dir = parentOf(dir) {
		when := b.replaced[dir]
		if i, _ := slices.BinarySearch(when, at); i < len(when) && when[i] < now {
			return false
		}
	}
	return true
}

// addFact keeps what a visitor returned for the body of a draft.
func (b *drafts) addFact(draft, visitor int, data []byte) bool {
	if int64(len(b.blob))+int64(len(data)) > maxFactBytes {
		return false
	}
	b.facts = append(b.facts, draftFact{uint32(draft), int32(visitor), span{uint32(len(b.blob)), uint32(len(data))}})
	b.blob = append(b.blob, data...)
	return true
}

// addCaps returns the number by which a record names a capability set.
func (b *drafts) addCaps(caps []byte) uint16 {
	if len(caps) == 0 || len(caps) > 64 { // struct vfs_ns_cap_data has 24 bytes
		return 0
	}
	i := slices.IndexFunc(b.caps, func(c []byte) bool { return string(c) == string(caps) })
	if i < 0 {
		if len(b.caps) >= 1000 {
			return 0
		}
		i = len(b.caps)
		b.caps = append(b.caps, slices.Clone(caps))
	}
	return uint16(i + 1)
}

// outcome is one record of the layer's own tree while it is decided.
type outcome struct {
	path  string
	draft int // -1 for an implied directory or a mere whiteout
	flags uint8
}

// opened is a path that later paths may lie below.
type opened struct {
	path string
	out  int // index of its outcome
	cut  int // events below it that are older than this are gone
}

// sort returns the events' indexes by path, oldest first, and binds the hard
// links.
func (b *drafts) sort() []uint32 {
	order := make([]uint32, b.count)
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortFunc(order, func(x, y uint32) int {
		if c := comparePaths(b.at(int(x)).path, b.at(int(y)).path); c != 0 {
			return c
		}
		return int(x) - int(y)
	})
	b.bindHardlinks(order)
	return order
}

// finish makes the layer's own tree of the sorted events: of several entries for one
// path the last wins; what lay below a directory that something else replaced
// is gone. Whiteouts and opaque markers speak of lower layers only, whatever
// their order (OCI image-spec v1.1, layer.md, "Whiteouts").
func (b *drafts) finish(visitors []Visitor, order []uint32) *Facts {
	outcomes := make([]outcome, 0, len(order)+len(order)/16+1)
	outcomes = append(outcomes, outcome{draft: -1, flags: flagEntry | flagImplied})
	stack := []opened{{path: "", out: 0, cut: -1}}
	for i := 0; i < len(order); {
		path := b.at(int(order[i])).path
		j := i + 1
		for j < len(order) && b.at(int(order[j])).path == path {
			j++
		}
		group := order[i:j]
		i = j

		for path != "" && !under(path, stack[len(stack)-1].path) {
			stack = stack[:len(stack)-1]
		}
		top := stack[len(stack)-1]
		got, cut := b.settle(group, top.cut)
		if got.flags == 0 {
			continue
		}
		if path == "" {
			outcomes[0] = got
			outcomes[0].flags |= flagEntry
			continue
		}
		b.makeDir(&outcomes[top.out])
		for at := len(top.path); ; {
			if top.path != "" || at > 0 {
				at++ // the slash
			}
			next := strings.IndexByte(path[at:], '/')
			if next < 0 {
				break
			}
			at += next
			stack = append(stack, opened{path[:at], len(outcomes), top.cut})
			outcomes = append(outcomes, outcome{path[:at], -1, flagEntry | flagImplied})
		}
		stack = append(stack, opened{path, len(outcomes), cut})
		outcomes = append(outcomes, got)
	}
	return b.write(visitors, outcomes)
}

// settle decides what the events at one path, oldest first, leave there. Those
// older than cut are gone. The cut returned is for what lies below.
func (b *drafts) settle(group []uint32, cut int) (outcome, int) {
	got := outcome{path: b.at(int(group[0])).path, draft: -1}
	opaque := false
	for _, at := range group {
		d := b.at(int(at))
		if int(at) < cut {
			continue
		}
		switch d.kind {
		case draftWhiteout:
			got.flags |= flagWhiteout
		case draftOpaque:
			opaque = true
			if got.draft >= 0 && !b.at(got.draft).mode.IsDir() {
				got.draft = -1
			}
			if got.draft < 0 {
				got.flags |= flagImplied
			}
			got.flags |= flagEntry
		case draftEntry:
			got.draft = int(at)
			got.flags = got.flags&^flagImplied | flagEntry
			if !d.mode.IsDir() {
				cut, opaque = int(at), false
			}
		}
	}
	if opaque {
		got.flags |= flagOpaque
	}
	return got, cut
}

// makeDir turns what is at a path into the directory that an entry below it
// needs.
func (b *drafts) makeDir(o *outcome) {
	if o.flags&flagEntry != 0 && (o.draft < 0 || b.at(o.draft).mode.IsDir()) {
		return
	}
	o.draft = -1
	o.flags |= flagEntry | flagImplied
}

// bindHardlinks gives each hard link the body of what its target was when the
// link was made. A target that this layer does not have stays open: Stack looks
// for it in the layers below.
func (b *drafts) bindHardlinks(order []uint32) {
	for i := range b.count {
		d := b.at(i)
		if d.flags&flagHardlink == 0 || d.kind != draftEntry {
			continue
		}
		from := sort.Search(len(order), func(k int) bool { return comparePaths(b.at(int(order[k])).path, d.link) >= 0 })
		target := -1
		for ; from < len(order) && int(order[from]) < i && b.at(int(order[from])).path == d.link; from++ {
			if b.at(int(order[from])).kind == draftEntry {
				target = int(order[from])
			}
		}
		if target < 0 || !b.lives(d.link, target, i) {
			continue
		}
		t := b.at(target)
		if t.mode.IsDir() {
			b.warn(Warning{Path: d.path, Kind: kindBadEntry, Message: fmt.Sprintf("hard link to directory %s, entry skipped", shorten(d.link))})
			d.kind = draftDropped
			continue
		}
		flags, link := d.flags, d.link
		d.record = t.record
		d.flags = flags
		switch {
		case t.flags&flagHardlink != 0 && t.body == noBody:
			d.link = t.link // open too: the same file of a lower layer
		case t.flags&flagHardlink == 0 && t.link != "":
			d.flags &^= flagHardlink // a symbolic link with a second name
			d.link = t.link
		default:
			d.link = link
		}
	}
}

// write writes the outcomes down as Facts.
func (b *drafts) write(visitors []Visitor, outcomes []outcome) *Facts {
	const unplaced = ^uint32(0)
	place := make([]uint32, b.count) // record of each draft
	for i := range place {
		place[i] = unplaced
	}
	size := 0
	for i, o := range outcomes {
		size += len(o.path)
		if o.draft >= 0 {
			place[o.draft] = uint32(i)
			size += len(b.at(o.draft).link)
		}
	}
	visible := len(outcomes)
	shadow := func(draft uint32) {
		if place[draft] == unplaced {
			place[draft] = uint32(len(outcomes))
			d := b.at(int(draft))
			outcomes = append(outcomes, outcome{d.path, int(draft), flagEntry})
			size += len(d.path) + len(d.link)
		}
	}
	for _, fact := range b.facts {
		shadow(fact.draft)
	}
	for _, o := range outcomes[:len(outcomes):len(outcomes)] {
		if o.draft >= 0 && b.at(o.draft).body != noBody {
			shadow(b.at(o.draft).body)
		}
	}

	f := &Facts{Warnings: b.allWarnings(), transient: b.transient, visible: visible, caps: b.caps, blob: b.blob}
	var names strings.Builder
	names.Grow(size)
	f.records = make([]record, len(outcomes))
	for i, o := range outcomes {
		r := &f.records[i]
		link := ""
		if o.draft >= 0 {
			d := b.at(o.draft)
			*r, link = d.record, d.link
			if r.body != noBody {
				r.body = place[r.body]
			}
		} else {
			r.body = noBody
			if o.flags&flagEntry != 0 {
				r.mode = impliedMode
			}
		}
		r.flags = r.flags&flagHardlink | o.flags
		r.path = span{uint32(names.Len()), uint32(len(o.path))}
		names.WriteString(o.path)
		r.link = span{uint32(names.Len()), uint32(len(link))}
		names.WriteString(link)
	}
	f.names = names.String()

	f.facts = make([]visitorFacts, len(visitors))
	for i, v := range visitors {
		f.facts[i] = visitorFacts{name: v.Name, version: v.Version}
	}
	for _, fact := range b.facts {
		list := &f.facts[fact.visitor].facts
		*list = append(*list, recordFact{place[fact.draft], fact.data})
	}
	for i := range f.facts {
		slices.SortStableFunc(f.facts[i].facts, func(x, y recordFact) int { return int(x.record) - int(y.record) })
	}
	return f
}
