package vulndb

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/careen/careen/internal/finding"
)

// infoSection is what the INFO section holds, as JSON; counts that a table
// tells anyway are not repeated.
type infoSection struct {
	Sources    []Source `json:"sources"`
	Advisories int      `json:"advisories"`
	Facts      int      `json:"facts"`
	Reach      []Reach  `json:"reach,omitempty"`
}

type pkg struct {
	ecosystem, name string
	statements      []statement
}

type statement struct {
	rec *merged
	aff *Affected
}

// encoder holds the sections that fill while packages and records are written.
type encoder struct {
	text     text               // STRING
	who      dictionary[string] // WHO
	cvss     dictionary[CVSS]   // CVSS
	vulns    []string           // VULNNAME: primary ids, sorted
	aliases  []string           // ALIAS: every other id of a group, sorted
	vulnNo   map[string]uint32  // place in VULNNAME
	aliasNo  map[string]uint32  // place in ALIAS
	records  []byte             // RECORD
	titles   titles             // TITLE
	blocks   []string           // PKGBLOCK
	more     []string           // VULNMORE
	epss     []finding.EPSS     // of each vulnerability; zero where there is none
	facts    int
	advisory int
}

// text holds strings in the order of their first use, which is the order of
// packages: so what a package uses lies together, and mostly in its order.
type text struct {
	at map[string]int
	b  []byte
}

// of returns where a string begins and ends.
func (t *text) of(s string) (start, end int) {
	if t.at == nil {
		t.at = map[string]int{}
	}
	start, ok := t.at[s]
	if !ok {
		start = len(t.b)
		t.at[s] = start
		t.b = appendString(t.b, s)
		return start, len(t.b)
	}
	size := binary.PutUvarint(make([]byte, binary.MaxVarintLen64), uint64(len(s)))
	return start, start + size + len(s)
}

// dictionary numbers values in the order of their first use.
type dictionary[T comparable] struct {
	index map[T]uint32
	list  []T
}

func (d *dictionary[T]) of(v T) uint32 {
	if d.index == nil {
		d.index = map[T]uint32{}
	}
	n, ok := d.index[v]
	if !ok {
		n = uint32(len(d.list))
		d.index[v] = n
		d.list = append(d.list, v)
	}
	return n
}

// Write makes the database of everything that was added, dated built (to the
// second). The bytes depend on nothing else. The Builder can be added to and
// written again.
func (b *Builder) Write(w io.Writer, built time.Time) (Info, error) {
	list, conflicts := mergeCopies(b.records)
	var e encoder
	members, aliasConflicts := e.nameVulnerabilities(list)
	conflicts = append(conflicts, aliasConflicts...)
	conflicts = append(conflicts, withdrawnConflicts(list, e.vulns)...)
	packages := packagesOf(list)
	for i := range packages {
		conflicts = append(conflicts, fixConflicts(&packages[i], e.vulns)...)
	}
	slices.SortFunc(conflicts, compareConflicts)
	b.conflicts = conflicts

	for i := range packages {
		e.writeBlock(&packages[i])
	}
	for _, r := range list {
		e.writeRecord(r) // those without a statement, such as withdrawn ones
	}
	for _, ids := range members {
		e.writeVulnerability(ids, b)
	}
	built = built.UTC().Truncate(time.Second)
	sections, info, err := e.sections(packages, b.sources, b.reach(packages, built))
	if err != nil {
		return Info{}, err
	}
	info.Built = built
	info.Size, info.Digest, err = writeSections(w, built, sections)
	return info, err
}

// packagesOf turns records into packages with their statements, all sorted.
func packagesOf(list []*merged) []pkg {
	type key struct{ ecosystem, name string }
	index := map[key]int{}
	var packages []pkg
	for _, r := range list {
		if r.Withdrawn {
			continue
		}
		for i := range r.Affected {
			a := &r.Affected[i]
			k := key{a.Ecosystem, a.Name}
			n, ok := index[k]
			if !ok {
				n = len(packages)
				index[k] = n
				packages = append(packages, pkg{ecosystem: a.Ecosystem, name: a.Name})
			}
			packages[n].statements = append(packages[n].statements, statement{r, a}) // in the order of list
		}
	}
	slices.SortFunc(packages, func(a, b pkg) int {
		return cmp.Or(strings.Compare(a.ecosystem, b.ecosystem), strings.Compare(a.name, b.name))
	})
	return packages
}

// maxColumn is the largest number in a column.
const maxColumn = 1<<24 - 1

// sections lays out everything gathered.
func (e *encoder) sections(packages []pkg, sources []Source, reach []Reach) ([sectionCount][]byte, Info, error) {
	var out [sectionCount][]byte
	sources = sortSet(slices.Clone(sources), func(a, b Source) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), a.Date.Compare(b.Date), cmp.Compare(a.Records, b.Records), cmp.Compare(a.Skipped, b.Skipped), strings.Compare(a.Until, b.Until))
	})
	meta := infoSection{Sources: sources, Advisories: e.advisory, Facts: e.facts, Reach: reach}
	var err error
	if out[secInfo], err = json.Marshal(meta); err != nil {
		return out, Info{}, err
	}
	var ecosystems, names []string
	var first []byte
	for i, p := range packages {
		if i == 0 || p.ecosystem != packages[i-1].ecosystem {
			ecosystems = append(ecosystems, p.ecosystem)
			first = binary.LittleEndian.AppendUint32(first, uint32(i))
		}
		names = append(names, p.name)
	}
	out[secEcoFirst] = binary.LittleEndian.AppendUint32(first, uint32(len(packages)))

	for _, v := range e.cvss.list { // before STRING and WHO are written: it adds to them
		c := binary.LittleEndian.AppendUint16(out[secCVSS], uint16(e.who.of(v.Source)))
		c = binary.LittleEndian.AppendUint16(c, uint16(math.Round(v.Score*100)))
		at, _ := e.text.of(v.Vector)
		out[secCVSS] = binary.LittleEndian.AppendUint32(c, uint32(at))
	}
	if len(e.who.list) > math.MaxUint16 {
		return out, Info{}, fmt.Errorf("%d names of sources, more than the format holds", len(e.who.list))
	}
	if out[secVulnEPSS], out[secEPSS], err = epssSections(e.epss); err != nil {
		return out, Info{}, err
	}
	out[secRecord], out[secString], out[secTitle] = e.records, e.text.b, e.titles.section()
	for sec, list := range map[section][]string{
		secWho: e.who.list, secEcoName: ecosystems, secPkgName: names, secPkgBlock: e.blocks,
		secVulnName: e.vulns, secVulnMore: e.more, secAlias: e.aliases,
	} {
		out[sec] = appendTable(list)
	}
	for i, s := range out {
		if uint64(len(s)) > math.MaxUint32 {
			return out, Info{}, fmt.Errorf("section %s of %d bytes, more than the format holds", sectionNames[i], len(s))
		}
	}
	return out, Info{
		Format: FormatMajor, Sources: sources, Reach: reach, Ecosystems: ecosystems, Packages: len(packages),
		Advisories: e.advisory, Facts: e.facts, Vulnerabilities: len(e.vulns),
	}, nil
}

// writeSections writes header, table and sections, and returns size and digest.
func writeSections(w io.Writer, built time.Time, sections [sectionCount][]byte) (int64, string, error) {
	minor, list := uint16(FormatMinor), sections[:]
	if len(sections[secTitle]) == 0 { // a file of version 1.0
		minor, list = 0, sections[:secTitle]
	}
	table := make([]entry, len(list))
	at := uint64(headerSize + len(table)*entrySize)
	for i, s := range list {
		at = align(at)
		table[i] = entry{name: sectionNames[i], offset: at, length: uint64(len(s)), flags: flagMustUnderstand, sum: sha256.Sum256(s)}
		if section(i) == secTitle { // nothing is wrong without it
			table[i].flags = 0
		}
		at += uint64(len(s))
	}
	out := bufio.NewWriterSize(w, 1<<16)
	head := encodeHeader(minor, built.Unix(), at, table)
	out.Write(head) // errors stay with the bufio.Writer until Flush
	pos := uint64(len(head))
	for i, s := range list {
		out.Write(make([]byte, table[i].offset-pos))
		out.Write(s)
		pos = table[i].offset + uint64(len(s))
	}
	if err := out.Flush(); err != nil {
		return 0, "", err
	}
	return int64(at), fmt.Sprintf("sha256:%x", head[32:headerSize]), nil
}
