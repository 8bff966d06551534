package vulndb

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/careen/careen/internal/finding"
)

// Bits of a statement's first byte: the shape of its ranges, then what follows.
const (
	rangesNone      = 0 // no range
	rangesOneFixed  = 1 // one: from the beginning to a fixed version
	rangesZeroFixed = 2 // one: introduced "0" to a fixed version
	rangesOne       = 3 // one, in general form
	rangesMany      = 4 // a count, then each in general form
	rangesMask      = 7
	hasVersions     = 1 << 3
	hasExtra        = 1 << 4
	statementUnused = 0xe0

	extraFix      = 1 << 0
	extraSeverity = 1 << 1
	extraCVSS     = 1 << 2
	extraSymbols  = 1 << 3
	extraArches   = 1 << 4
	extraModule   = 1 << 5
	extraRepo     = 1 << 6
	extraUnused   = 0x80
)

// Bits of a range in general form.
const (
	introducedZero = 1 // "0"
	introducedRef  = 2
	introducedMask = 3
	endFixed       = 1 << 2
	endLast        = 2 << 2
	endMask        = 3 << 2
	hasLimit       = 1 << 4
	rangeUnused    = 0xe0
)

// Bits of a record's first byte, and of the second that follows when recordRare
// is set.
const (
	idPrimary     = 0 // its id is a number in VULNNAME
	idAlias       = 1 // its id is a number in ALIAS
	idOwn         = 2 // its id follows
	idMask        = 3
	recordCVSS    = 1 << 2
	recordRare    = 1 << 3
	severityShift = 4
	severityMask  = 7
	recordOne     = 1 << 7 // about one vulnerability; with idPrimary, the one of its id

	rareWithdrawn = 1 << 0
	rareMalicious = 1 << 1
	rareLoose     = 1 << 2 // names of the record that are no vulnerability's
	rareUnused    = 0xf8
)

// Bits of a vulnerability's flags.
const (
	vulnAliases    = 1 << 0
	vulnSeverity   = 1 << 1
	vulnCVSS       = 1 << 2
	vulnKEV        = 1 << 3
	vulnRansomware = 1 << 4
	vulnRejected   = 1 << 5
	vulnUnused     = 0xc0

	epssScale = 100000 // FIRST.org publishes five decimals
)

func (e *encoder) writeRecord(r *merged) {
	if r.offset >= 0 {
		return
	}
	r.offset = len(e.records)
	b := e.records
	kind := byte(idOwn)
	number, isPrimary := e.vulnNo[r.ID]
	alias, isAlias := e.aliasNo[r.ID]
	switch {
	case isPrimary:
		kind = idPrimary
	case isAlias:
		kind, number = idAlias, alias
	}
	one := len(r.vulns) == 1 && (kind != idPrimary || r.vulns[0] == number)
	rare := bit(rareWithdrawn, r.Withdrawn) | bit(rareMalicious, r.Malicious) | bit(rareLoose, len(r.loose) > 0)
	b = append(b, kind|byte(r.Severity)<<severityShift|bit(recordCVSS, len(r.CVSS) > 0)|bit(recordRare, rare != 0)|bit(recordOne, one))
	if rare != 0 {
		b = append(b, rare)
	}
	b = binary.AppendUvarint(b, uint64(e.who.of(r.Source)))
	if kind == idOwn {
		b = appendString(b, r.ID)
	} else {
		b = binary.AppendUvarint(b, uint64(number))
	}
	switch {
	case !one:
		b = appendAscending(b, r.vulns)
	case kind != idPrimary:
		b = binary.AppendUvarint(b, uint64(r.vulns[0]))
	}
	if len(r.CVSS) > 0 {
		b = e.appendCVSS(b, r.CVSS)
	}
	if len(r.loose) > 0 {
		b = binary.AppendUvarint(b, uint64(len(r.loose)))
		for _, id := range r.loose {
			b = appendString(b, id)
		}
	}
	e.records = b
	r.end = len(b)
	if r.Title != "" {
		e.titles.add(r.offset, r.Title)
	}
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func bit(b byte, on bool) byte {
	if on {
		return b
	}
	return 0
}

// appendAscending writes a count, the first number and the gaps after it.
func appendAscending(b []byte, list []uint32) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	last := uint32(0)
	for _, n := range list {
		b = binary.AppendUvarint(b, uint64(n-last))
		last = n
	}
	return b
}

func (e *encoder) appendCVSS(b []byte, list []CVSS) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, v := range list {
		b = binary.AppendUvarint(b, uint64(e.cvss.of(v)))
	}
	return b
}

// place is where something lies in its section.
type place struct{ start, end int }

// to writes a reference to a place: 0 for the one right behind the last,
// otherwise the distance between their starts.
func (p *place) to(b []byte, start, end int) []byte {
	ref := uint64(0)
	if start != p.end {
		ref = zigzag(int64(start)-int64(p.start)) + 1
	}
	*p = place{start, end}
	return binary.AppendUvarint(b, ref)
}

// block writes one package: a count of statements with a bit for the version
// list, that list, and the statements.
type block struct {
	e        *encoder
	b        []byte
	text     place // string referred to last
	rec      place // record referred to last
	versions map[string]int
}

func (e *encoder) writeBlock(p *pkg) {
	w := block{e: e}
	var versions []string
	for _, s := range p.statements {
		versions = append(versions, s.aff.Versions...)
	}
	head := uint64(len(p.statements)) << 1
	if len(versions) > 0 {
		head |= 1
	}
	w.b = binary.AppendUvarint(w.b, head)
	if len(versions) > 0 {
		versions = sortSet(versions, compareNatural)
		w.versions = make(map[string]int, len(versions))
		w.b = binary.AppendUvarint(w.b, uint64(len(versions)))
		for i, v := range versions {
			w.versions[v] = i
			w.ref(v)
		}
	}
	for _, s := range p.statements {
		w.statement(s)
	}
	e.blocks = append(e.blocks, string(w.b))
	e.advisory += len(p.statements)
}

// ref writes a reference to a string.
func (w *block) ref(s string) {
	start, end := w.e.text.of(s)
	w.b = w.text.to(w.b, start, end)
}

func (w *block) refs(list []string) {
	w.b = binary.AppendUvarint(w.b, uint64(len(list)))
	for _, s := range list {
		w.ref(s)
	}
}

// record writes a reference to a statement's record.
func (w *block) record(r *merged) {
	w.e.writeRecord(r)
	w.b = w.rec.to(w.b, r.offset, r.end)
}

func (w *block) statement(s statement) {
	a := s.aff
	w.record(s.rec)
	w.e.facts += max(1, len(a.Ranges))
	extra := bit(extraFix, fixCode(a.Fix) > 0) | bit(extraSeverity, a.Severity != finding.Unknown) | bit(extraCVSS, len(a.CVSS) > 0) |
		bit(extraSymbols, len(a.Symbols) > 0) | bit(extraArches, len(a.Arches) > 0) | bit(extraModule, a.Module != "") | bit(extraRepo, a.Repo != "")
	shape := rangesShape(a.Ranges)
	w.b = append(w.b, shape|bit(hasVersions, len(a.Versions) > 0)|bit(hasExtra, extra != 0))
	switch shape {
	case rangesOneFixed, rangesZeroFixed:
		w.ref(a.Ranges[0].Fixed)
	case rangesOne:
		w.rangeOf(a.Ranges[0])
	case rangesMany:
		w.b = binary.AppendUvarint(w.b, uint64(len(a.Ranges)))
		for _, r := range a.Ranges {
			w.rangeOf(r)
		}
	}
	if len(a.Versions) > 0 {
		w.runs(a.Versions)
	}
	if extra != 0 {
		w.b = append(w.b, extra)
		w.extra(a, extra)
	}
}

func rangesShape(list []Range) byte {
	switch {
	case len(list) == 0:
		return rangesNone
	case len(list) > 1:
		return rangesMany
	}
	switch r := list[0]; {
	case r.Fixed == "" || r.Limit != "":
		return rangesOne
	case r.Introduced == "":
		return rangesOneFixed
	case r.Introduced == "0":
		return rangesZeroFixed
	}
	return rangesOne
}

func (w *block) rangeOf(r Range) {
	var bits byte
	switch r.Introduced {
	case "":
	case "0":
		bits |= introducedZero
	default:
		bits |= introducedRef
	}
	switch {
	case r.Fixed != "":
		bits |= endFixed
	case r.LastAffected != "":
		bits |= endLast
	}
	if r.Limit != "" {
		bits |= hasLimit
	}
	w.b = append(w.b, bits)
	if bits&introducedMask == introducedRef {
		w.ref(r.Introduced)
	}
	if bits&endMask != 0 {
		w.ref(r.Fixed + r.LastAffected) // one of them is empty
	}
	if bits&hasLimit != 0 {
		w.ref(r.Limit)
	}
}

// runs writes a set of versions as runs over the block's version list: a count,
// then for each run the gap before it and its length.
func (w *block) runs(versions []string) {
	places := make([]int, len(versions))
	for i, v := range versions {
		places[i] = w.versions[v]
	}
	slices.Sort(places)
	var pairs []int
	for at, i := 0, 0; i < len(places); {
		n := 1
		for i+n < len(places) && places[i+n] == places[i]+n {
			n++
		}
		pairs = append(pairs, places[i]-at, n)
		at = places[i] + n
		i += n
	}
	w.b = binary.AppendUvarint(w.b, uint64(len(pairs)/2))
	for _, n := range pairs {
		w.b = binary.AppendUvarint(w.b, uint64(n))
	}
}

func (w *block) extra(a *Affected, bits byte) {
	if bits&extraFix != 0 {
		w.b = append(w.b, byte(fixCode(a.Fix)))
	}
	if bits&extraSeverity != 0 {
		w.b = append(w.b, byte(a.Severity))
	}
	if bits&extraCVSS != 0 {
		w.b = w.e.appendCVSS(w.b, a.CVSS)
	}
	if bits&extraSymbols != 0 {
		w.b = binary.AppendUvarint(w.b, uint64(len(a.Symbols)))
		for _, s := range a.Symbols {
			w.ref(s.Path)
			w.refs(s.Names)
			w.refs(s.GOOS)
			w.refs(s.GOARCH)
		}
	}
	if bits&extraArches != 0 {
		w.refs(a.Arches)
	}
	if bits&extraModule != 0 {
		w.ref(a.Module)
	}
	if bits&extraRepo != 0 {
		w.ref(a.Repo)
	}
}

// writeVulnerability writes what is known of a group beyond its primary id.
func (e *encoder) writeVulnerability(ids []string, b *Builder) {
	var epss finding.EPSS
	var known Enrichment
	for _, id := range ids {
		if cve, ok := parseCVE(id); ok {
			epss = b.epss[cve]
		}
		if x := b.enriched[id]; x != nil {
			known.absorb(*x)
		}
	}
	e.epss = append(e.epss, epss)
	bits := bit(vulnAliases, len(ids) > 1) | bit(vulnSeverity, known.Severity != finding.Unknown) | bit(vulnCVSS, len(known.CVSS) > 0) |
		bit(vulnKEV, known.KEV != nil) | bit(vulnRansomware, known.KEV != nil && known.KEV.Ransomware) | bit(vulnRejected, known.Rejected)
	if bits == 0 {
		e.more = append(e.more, "")
		return
	}
	more := []byte{bits}
	if bits&vulnAliases != 0 {
		numbers := make([]uint32, len(ids)-1)
		for k, id := range ids[1:] {
			numbers[k] = e.aliasNo[id]
		}
		more = appendAscending(more, numbers)
	}
	if bits&vulnSeverity != 0 {
		more = append(more, byte(known.Severity))
		more = binary.AppendUvarint(more, uint64(e.who.of(known.SeveritySource)))
	}
	if bits&vulnCVSS != 0 {
		slices.SortFunc(known.CVSS, compareCVSS)
		more = e.appendCVSS(more, known.CVSS)
	}
	if bits&vulnKEV != 0 {
		more = binary.AppendUvarint(more, dayOf(known.KEV.Added))
		more = binary.AppendUvarint(more, dayOf(known.KEV.Due))
	}
	e.more = append(e.more, string(more))
}

// epssSections numbers the distinct EPSS scores, which are far fewer than the
// vulnerabilities, and gives each vulnerability its number plus one.
func epssSections(list []finding.EPSS) (of, scores []byte, err error) {
	type pair struct{ score, percentile uint32 }
	pairs := make([]pair, len(list))
	for i, e := range list {
		pairs[i] = pair{uint32(math.Round(e.Score * epssScale)), uint32(math.Round(e.Percentile * epssScale))}
	}
	distinct := slices.DeleteFunc(slices.Clone(pairs), func(p pair) bool { return p == pair{} })
	distinct = sortSet(distinct, func(a, b pair) int {
		return cmp.Or(cmp.Compare(a.score, b.score), cmp.Compare(a.percentile, b.percentile))
	})
	if len(distinct) > maxColumn {
		return nil, nil, fmt.Errorf("%d EPSS scores, more than the format holds", len(distinct))
	}
	number := make(map[pair]uint32, len(distinct))
	score, percentile := make([]uint32, len(distinct)), make([]uint32, len(distinct))
	for i, p := range distinct {
		number[p] = uint32(i + 1)
		score[i], percentile[i] = p.score, p.percentile
	}
	numbers := make([]uint32, len(list))
	for i, p := range pairs {
		numbers[i] = number[p]
	}
	return newColumn(numbers), append(newColumn(score), newColumn(percentile)...), nil
}

const secondsPerDay = 24 * 60 * 60

// dayOf numbers days so that 1 is 1970-01-01; 0 is no date.
func dayOf(t time.Time) uint64 {
	if t.IsZero() || t.Unix() < 0 {
		return 0
	}
	return uint64(t.Unix()/secondsPerDay) + 1
}
