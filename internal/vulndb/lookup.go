package vulndb

import (
	"encoding/binary"
	"iter"

	"github.com/careen/careen/internal/finding"
)

// Lookup yields the statements about one package, exactly as named: the
// ecosystem with its release ("Debian:12"), the name as the importers write it
// (PyPI names normalised). Withdrawn records are not among them. The Advisory is
// reused from one iteration to the next.
func (db *DB) Lookup(ecosystem, name string) iter.Seq[*Advisory] {
	return func(yield func(*Advisory) bool) { db.lookup(ecosystem, name, yield) }
}

func (db *DB) lookup(ecosystem, name string, yield func(*Advisory) bool) {
	eco, ok := db.ecosystems[ecosystem]
	if !ok {
		return
	}
	i, own, ok := db.pkgName.search(name, eco.first, eco.end)
	if !ok {
		return
	}
	w := db.walkers.Get().(*walker)
	db.walk(w, eco.name, own, i, yield)
	db.walkers.Put(w)
}

// walker decodes the statements of one package. Its buffers are reused.
type walker struct {
	db    *DB
	block cursor
	text  place // string read last
	at    place // record read last
	whole bool  // every reference could be followed

	begins map[int]bool // of strings, where references must lead; nil except for Verify

	versions []string // the block's version list
	adv      Advisory
	rec      recordHead

	ranges      []Range
	some        []string // versions of a statement in several runs
	cvss, rcvss []CVSS
	vulns       []VulnRef
	symbols     []Symbols
	lists       []string // backs the symbols' and arches' lists
}

// recordHead is a decoded record.
type recordHead struct {
	id        string
	source    string
	withdrawn bool
	malicious bool
	severity  finding.Severity
	loose     []string // names of the record, not of a vulnerability
}

// walk yields the statements of package i; false if the consumer stopped.
func (db *DB) walk(w *walker, ecosystem, name string, i uint32, yield func(*Advisory) bool) bool {
	block, ok := db.pkgBlock.bytesAt(i)
	if !ok {
		db.damaged(sectionNames[secPkgBlock])
		return true
	}
	w.db = db
	w.adv.Ecosystem, w.adv.Package = ecosystem, name
	for n := w.open(block); n > 0 && w.next(); n-- {
		if !yield(&w.adv) {
			return false
		}
	}
	if !w.whole || w.block.bad {
		db.damaged(sectionNames[secPkgBlock])
	}
	return true
}

// open begins a block: it reads the count of statements, which it returns, and
// the version list.
func (w *walker) open(block []byte) uint64 {
	w.block = cursor{b: block}
	w.text, w.at, w.whole = place{}, place{}, true
	c := &w.block
	head := c.uvarint()
	w.versions = w.versions[:0]
	if head&1 != 0 {
		for n := c.count(); n > 0; n-- {
			w.versions = append(w.versions, w.ref())
		}
	}
	if head>>1 > uint64(c.left()) {
		c.fail()
		return 0
	}
	return head >> 1
}

// from follows a reference that place.to wrote. What it returns may lie anywhere.
func (p place) from(ref uint64) int {
	if ref == 0 {
		return p.end
	}
	return int(int64(p.start) + unzigzag(ref-1))
}

// ref reads a string.
func (w *walker) ref() string {
	at := w.text.from(w.block.uvarint())
	s, end, ok := w.db.textAt(at)
	w.text = place{at, end}
	w.whole = w.whole && ok && (w.begins == nil || w.begins[at])
	return s
}

// textAt returns the string that begins at a place, and where it ends.
func (db *DB) textAt(at int) (string, int, bool) {
	b := db.sections[secString]
	if uint(at) >= uint(len(b)) {
		return "", 0, false
	}
	c := cursor{b: b, i: at}
	s := c.bytes(c.uvarint())
	return s, c.i, !c.bad
}

// refs reads a list of strings into the shared buffer.
func (w *walker) refs() []string {
	n := w.block.count()
	if n == 0 {
		return nil
	}
	from := len(w.lists)
	for ; n > 0; n-- {
		w.lists = append(w.lists, w.ref())
	}
	return w.lists[from:len(w.lists):len(w.lists)]
}

// next decodes one statement into w.adv; false at damage.
func (w *walker) next() bool {
	c, a := &w.block, &w.adv
	if !w.record(w.at.from(c.uvarint())) {
		w.whole = false
		return false
	}
	a.ID, a.Source, a.Malicious, a.Severity = w.rec.id, w.rec.source, w.rec.malicious, w.rec.severity
	a.CVSS, a.Vulns, a.Record = w.rcvss, w.vulns, RecordRef(w.at.start)

	head := c.byte()
	w.ranges = w.ranges[:0]
	switch head & rangesMask {
	case rangesNone:
	case rangesOneFixed:
		w.ranges = append(w.ranges, Range{Fixed: w.ref()})
	case rangesZeroFixed:
		w.ranges = append(w.ranges, Range{Introduced: "0", Fixed: w.ref()})
	case rangesOne:
		w.ranges = append(w.ranges, w.rangeOf())
	case rangesMany:
		for n := c.count(); n > 0 && !c.bad; n-- {
			w.ranges = append(w.ranges, w.rangeOf())
		}
	default:
		w.whole = false
	}
	a.Ranges = w.ranges
	a.Versions = nil
	if head&hasVersions != 0 {
		a.Versions = w.runs()
	}
	var extra byte
	if head&hasExtra != 0 {
		extra = c.byte()
	}
	a.Fix, a.Symbols, a.Arches, a.Module, a.Repo = "", nil, nil, "", ""
	if extra != 0 {
		w.extra(extra)
	}
	if a.Fix == "" {
		a.Fix = finding.Affected
		for i := range a.Ranges {
			if a.Ranges[i].Fixed != "" {
				a.Fix = finding.Fixed
				break
			}
		}
	}
	w.whole = w.whole && head&statementUnused == 0 && extra&extraUnused == 0
	return w.whole && !c.bad
}

func (w *walker) rangeOf() Range {
	var r Range
	bits := w.block.byte()
	switch bits & introducedMask {
	case 0:
	case introducedZero:
		r.Introduced = "0"
	case introducedRef:
		r.Introduced = w.ref()
	default:
		w.whole = false
	}
	switch bits & endMask {
	case 0:
	case endFixed:
		r.Fixed = w.ref()
	case endLast:
		r.LastAffected = w.ref()
	default:
		w.whole = false
	}
	if bits&hasLimit != 0 {
		r.Limit = w.ref()
	}
	w.whole = w.whole && bits&rangeUnused == 0
	return r
}

// runs reads a statement's versions. Runs only go forward through the block's
// list, so that no statement can be longer than the list.
func (w *walker) runs() []string {
	c := &w.block
	n := c.count()
	at := uint64(0)
	w.some = w.some[:0]
	for i := 0; i < n; i++ {
		gap, length := c.uvarint(), c.uvarint()
		left := uint64(len(w.versions)) - at
		if gap > left || length > left-gap || length == 0 {
			w.whole = false
			return nil
		}
		from := at + gap
		at = from + length
		if n == 1 {
			return w.versions[from:at:at]
		}
		w.some = append(w.some, w.versions[from:at]...)
	}
	return w.some
}

func (w *walker) extra(bits byte) {
	c, a := &w.block, &w.adv
	if bits&extraFix != 0 {
		if code := int(c.byte()); code > 0 && code < len(fixStates) {
			a.Fix = fixStates[code]
		} else {
			w.whole = false
		}
	}
	if bits&extraSeverity != 0 {
		a.Severity = w.severity(c.byte())
	}
	if bits&extraCVSS != 0 {
		w.cvss = w.scores(c, w.cvss[:0])
		a.CVSS = w.cvss
	}
	w.lists = w.lists[:0]
	if bits&extraSymbols != 0 {
		w.symbols = w.symbols[:0]
		for n := c.count(); n > 0 && !c.bad; n-- {
			w.symbols = append(w.symbols, Symbols{w.ref(), w.refs(), w.refs(), w.refs()})
		}
		a.Symbols = w.symbols
	}
	if bits&extraArches != 0 {
		a.Arches = w.refs()
	}
	if bits&extraModule != 0 {
		a.Module = w.ref()
	}
	if bits&extraRepo != 0 {
		a.Repo = w.ref()
	}
}

func (w *walker) severity(b byte) finding.Severity {
	if b > byte(finding.Critical) {
		w.whole = false
		return finding.Unknown
	}
	return finding.Severity(b)
}

// record decodes the record at an offset into w.rec, w.rcvss and w.vulns, and
// notes its place.
func (w *walker) record(at int) bool {
	records := w.db.sections[secRecord]
	if at < 0 || at >= len(records) {
		return false
	}
	c := cursor{b: records, i: at}
	r := &w.rec
	vulns := uint64(w.db.vulnName.n)
	flags, rare := c.byte(), byte(0)
	if flags&recordRare != 0 {
		rare = c.byte()
	}
	r.withdrawn, r.malicious = rare&rareWithdrawn != 0, rare&rareMalicious != 0
	r.severity = w.severity(flags >> severityShift & severityMask)
	var ok, okID bool
	r.source, ok = w.db.source(c.uvarint())
	var number uint32
	kind := flags & idMask
	switch kind {
	case idPrimary:
		number = c.uint32()
		r.id, okID = w.db.vulnName.at(number)
	case idAlias:
		number = c.uint32()
		r.id, okID = w.db.alias.at(number)
	case idOwn:
		r.id = c.bytes(c.uvarint())
		okID = r.id != ""
	}
	w.vulns = w.vulns[:0]
	switch {
	case flags&recordOne == 0:
		w.vulns = ascending(&c, w.vulns, vulns)
	case kind == idPrimary:
		w.vulns = append(w.vulns, VulnRef(number))
	default:
		number = c.uint32()
		okID = okID && uint64(number) < vulns
		w.vulns = append(w.vulns, VulnRef(number))
	}
	w.rcvss = w.rcvss[:0]
	if flags&recordCVSS != 0 {
		w.rcvss = w.scores(&c, w.rcvss)
	}
	r.loose = r.loose[:0]
	if rare&rareLoose != 0 {
		for n := c.count(); n > 0; n-- {
			r.loose = append(r.loose, c.bytes(c.uvarint()))
		}
	}
	w.at = place{at, c.i}
	return w.whole && ok && okID && !c.bad && rare&rareUnused == 0
}

// ascending reads what appendAscending wrote; every number is below limit.
func ascending[T ~uint32](c *cursor, to []T, limit uint64) []T {
	last := uint64(0)
	for n := c.count(); n > 0; n-- {
		gap := c.uvarint()
		if gap >= limit-last {
			c.fail()
			break
		}
		last += gap
		to = append(to, T(last))
	}
	return to
}

func (db *DB) source(i uint64) (string, bool) {
	if i >= uint64(len(db.sources)) {
		return "", false
	}
	return db.sources[i], true
}

// cvssSize is the width of a CVSS section entry: who, score×100, vector.
const cvssSize = 8

func (w *walker) scores(c *cursor, to []CVSS) []CVSS {
	for n := c.count(); n > 0 && !c.bad; n-- {
		v, ok := w.db.cvssAt(c.uvarint())
		w.whole = w.whole && ok
		to = append(to, v)
	}
	return to
}

func (db *DB) cvssAt(i uint64) (CVSS, bool) {
	b := db.sections[secCVSS]
	if i >= uint64(len(b)/cvssSize) {
		return CVSS{}, false
	}
	b = b[i*cvssSize:]
	source, ok := db.source(uint64(binary.LittleEndian.Uint16(b)))
	vector, _, ok2 := db.textAt(int(binary.LittleEndian.Uint32(b[4:])))
	return CVSS{source, vector, float64(binary.LittleEndian.Uint16(b[2:])) / 100}, ok && ok2
}
