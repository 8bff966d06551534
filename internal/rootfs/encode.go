package rootfs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"slices"
	"strings"
)

// The form in which facts are stored: a magic, the key, and the payload, each
// behind its length; then the CRC-32C of all before it. Numbers are varints.
// Paths are front-coded: how much of the path before they share, and the rest.
// Owner and mode, which few records have alone, are numbers in a table. The
// facts' bytes come last and are used where they lie.
const (
	factsMagic   = "careen layer facts\n"
	factsVersion = 3 // raised whenever the form, or what rootfs itself finds, changes
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// attributes are what many records have in common.
type attributes struct {
	mode     fs.FileMode
	uid, gid uint32
}

// encode returns facts in their stored form, under a key.
func (f *Facts) encode(key string) []byte {
	b := make([]byte, 0, 1<<16+len(f.names)/2+len(f.records)*12+len(f.blob))
	str := func(s string) {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	num := func(n uint64) { b = binary.AppendUvarint(b, n) }
	b = append(b, factsMagic...)
	str(key)
	num(uint64(f.Expanded))
	num(uint64(bit(f.Unverified)))
	num(uint64(len(f.Warnings)))
	for _, w := range f.Warnings {
		str(w.Path)
		str(w.Kind)
		str(w.Message)
		num(uint64(bit(w.Incomplete)))
	}
	num(uint64(len(f.caps)))
	for _, c := range f.caps {
		str(string(c))
	}

	numbers := map[attributes]uint64{}
	var table []attributes
	names := 0
	for i := range f.records {
		r := &f.records[i]
		names += int(r.path.n) + int(r.link.n)
		a := attributes{r.mode, r.uid, r.gid}
		if _, ok := numbers[a]; !ok {
			numbers[a] = uint64(len(table))
			table = append(table, a)
		}
	}
	num(uint64(len(table)))
	for _, a := range table {
		num(uint64(a.mode))
		num(uint64(a.uid))
		num(uint64(a.gid))
	}
	num(uint64(names))
	num(uint64(len(f.records)))
	num(uint64(f.visible))
	var last record
	lastPath := ""
	for i := range f.records {
		r := &f.records[i]
		path := f.path(r)
		shared := sharedPrefix(lastPath, path)
		lastPath = path
		num(uint64(shared))
		str(path[shared:])
		b = append(b, r.flags)
		num(numbers[attributes{r.mode, r.uid, r.gid}])
		num(uint64(r.size))
		num(zigzag(r.seconds - last.seconds))
		num(uint64(r.nanos))
		num(zigzag(r.offset - last.offset))
		if r.body == noBody {
			num(0)
		} else {
			num(1 + zigzag(int64(r.body)-int64(i)))
		}
		num(uint64(r.caps))
		str(f.link(r))
		last = *r
	}

	num(uint64(len(f.facts)))
	var spans []span
	for _, v := range f.facts {
		str(v.name)
		num(uint64(v.version))
		num(uint64(len(v.facts)))
		last := uint32(0)
		for _, fact := range v.facts {
			num(uint64(fact.record - last))
			num(uint64(fact.data.n))
			last = fact.record
			spans = append(spans, fact.data)
		}
	}
	for _, s := range spans {
		b = append(b, f.data(s)...)
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func bit(b bool) byte {
	if b {
		return 1
	}
	return 0
}

func zigzag(n int64) uint64   { return uint64(n<<1) ^ uint64(n>>63) }
func unzigzag(n uint64) int64 { return int64(n>>1) ^ -int64(n&1) }

func sharedPrefix(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

var errForm = errors.New("not facts in the form expected")

// decoding reads stored facts. After an error everything reads as zero.
type decoding struct {
	rest []byte
	bad  bool
}

func (d *decoding) num() uint64 {
	if len(d.rest) > 0 && d.rest[0] < 0x80 {
		n := d.rest[0]
		d.rest = d.rest[1:]
		return uint64(n)
	}
	n, size := binary.Uvarint(d.rest)
	if size <= 0 {
		d.rest, d.bad = nil, true
		return 0
	}
	d.rest = d.rest[size:]
	return n
}

// count reads a number of things that take at least one byte each.
func (d *decoding) count() int {
	n := d.num()
	if n > uint64(len(d.rest)) {
		d.rest, d.bad = nil, true
		return 0
	}
	return int(n)
}

func (d *decoding) bytes() []byte {
	n := d.count()
	b := d.rest[:n:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoding) str() string { return string(d.bytes()) }

// checked returns what stored facts hold after magic and key, if they are whole
// and have that key.
func checked(b []byte, key string) ([]byte, error) {
	if len(b) < len(factsMagic)+4 || string(b[:len(factsMagic)]) != factsMagic {
		return nil, errForm
	}
	body, sum := b[:len(b)-4], binary.LittleEndian.Uint32(b[len(b)-4:])
	if crc32.Checksum(body, castagnoli) != sum {
		return nil, errors.New("checksum mismatch")
	}
	d := decoding{rest: body[len(factsMagic):]}
	if string(d.bytes()) != key || d.bad {
		return nil, fmt.Errorf("stored under another key")
	}
	return d.rest, nil
}

// decodeFacts is the reverse of encode. The facts use b as long as they live.
func decodeFacts(b []byte, key string) (*Facts, error) {
	rest, err := checked(b, key)
	if err != nil {
		return nil, err
	}
	d := &decoding{rest: rest}
	f := &Facts{Expanded: int64(d.num()), Unverified: d.num() != 0}
	if n := d.count(); n > 0 {
		f.Warnings = make([]Warning, n)
	}
	for i := range f.Warnings {
		f.Warnings[i] = Warning{Path: d.str(), Kind: d.str(), Message: d.str(), Incomplete: d.num() != 0}
	}
	for range d.count() {
		f.caps = append(f.caps, slices.Clone(d.bytes()))
	}
	if err := f.decodeRecords(d); err != nil {
		return nil, err
	}
	return f, f.decodeVisitors(d)
}

func (f *Facts) decodeRecords(d *decoding) error {
	table := make([]attributes, d.count())
	for i := range table {
		table[i] = attributes{fs.FileMode(d.num()), uint32(d.num()), uint32(d.num())}
	}
	size := d.num()
	total := d.count()
	visible := d.num()
	if d.bad || size > maxNameBytes || visible < 1 || visible > uint64(total) {
		return errForm
	}
	f.visible = int(visible)
	f.records = make([]record, total)
	var names strings.Builder
	names.Grow(int(size))
	last := record{}
	for i := range f.records {
		r := &f.records[i]
		shared := d.num()
		suffix := d.bytes()
		lastPath := names.String()[last.path.off : last.path.off+last.path.n]
		if shared > uint64(len(lastPath)) || uint64(names.Len())+shared+uint64(len(suffix)) > size {
			return errForm
		}
		if i < f.visible && !follows(lastPath[shared:], suffix, i == 0) {
			return errForm
		}
		r.path = span{uint32(names.Len()), uint32(shared) + uint32(len(suffix))}
		names.WriteString(lastPath[:shared])
		names.Write(suffix)
		if len(d.rest) == 0 {
			return errForm
		}
		r.flags = d.rest[0]
		d.rest = d.rest[1:]
		a := d.num()
		if a >= uint64(len(table)) {
			return errForm
		}
		r.mode, r.uid, r.gid = table[a].mode, table[a].uid, table[a].gid
		r.size = int64(d.num())
		r.seconds = last.seconds + unzigzag(d.num())
		r.nanos = uint32(d.num())
		r.offset = last.offset + unzigzag(d.num())
		r.body = noBody
		if n := d.num(); n > 0 {
			body := int64(i) + unzigzag(n-1)
			if body < 0 || body >= int64(total) {
				return errForm
			}
			r.body = uint32(body)
		}
		caps := d.num()
		if caps > uint64(len(f.caps)) || r.size < 0 || r.offset < 0 {
			return errForm
		}
		r.caps = uint16(caps)
		link := d.bytes()
		if uint64(names.Len())+uint64(len(link)) > size {
			return errForm
		}
		r.link = span{uint32(names.Len()), uint32(len(link))}
		names.Write(link)
		last = *r
	}
	if d.bad || f.records[0].path.n != 0 {
		return errForm
	}
	f.names = names.String()
	return nil
}

// follows reports whether a path comes after the one before it, given what is
// left of both after the part they share.
func follows(before string, after []byte, first bool) bool {
	switch {
	case len(after) == 0:
		return first
	case len(before) == 0:
		return true
	case after[0] == '/':
		return false
	}
	return before[0] == '/' || before[0] < after[0]
}

func (f *Facts) decodeVisitors(d *decoding) error {
	f.facts = make([]visitorFacts, d.count())
	total := uint64(0)
	for i := range f.facts {
		v := &f.facts[i]
		v.name, v.version = d.str(), int(d.num())
		v.facts = make([]recordFact, d.count())
		rec := uint64(0)
		for k := range v.facts {
			rec += d.num()
			n := d.num()
			if rec >= uint64(len(f.records)) || n > maxFactBytes || total+n > maxFactBytes {
				return errForm
			}
			v.facts[k] = recordFact{uint32(rec), span{uint32(total), uint32(n)}}
			total += n
		}
	}
	if d.bad || uint64(len(d.rest)) != total {
		return errForm
	}
	f.blob = d.rest
	return nil
}
