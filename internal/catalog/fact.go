package catalog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unsafe"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/sbom"
)

// A fact is what one cataloger read from one file, kept in the cache of layer
// facts. Its encoding is ours alone: counts and lengths as uvarints, strings
// as bytes. Decoding cuts strings from the fact where it lies, so that a warm
// scan copies nothing. A change of it raises factVersion.
const factVersion = 4

// Bits that end a package in a fact.
const (
	factLockFile = 1 << iota
	factDevelopment
)

// found is what one file says.
type found struct {
	Packages []sbom.Package
	Problems problems
	Symbols  *sbom.Symbols // of a Go binary: shared by its packages
}

// problem is a part of a file that could not be read. The rest of the file
// counts all the same.
type problem struct {
	Line    int // from 1; 0 when the file has no lines
	Message string
}

func (p problem) String() string {
	if p.Line == 0 {
		return p.Message
	}
	return fmt.Sprintf("line %d: %s", p.Line, p.Message)
}

// problems is the error of a parser that read a part of its file.
type problems []problem

func (p problems) Error() string {
	text := make([]string, len(p))
	for i := range p {
		text[i] = p[i].String()
	}
	return strings.Join(text, "; ")
}

// maxProblems bounds what is said about one broken file.
const maxProblems = 5

// add notes a problem; after maxProblems it only says that there are more.
func (p *problems) add(line int, format string, args ...any) {
	switch {
	case len(*p) < maxProblems:
		*p = append(*p, problem{line, fmt.Sprintf(format, args...)})
	case len(*p) == maxProblems:
		*p = append(*p, problem{line, "further errors are not listed"})
	}
}

// err returns the problems as an error, nil when there are none.
func (p problems) err() error {
	if len(p) == 0 {
		return nil
	}
	return p
}

// asProblems turns a parser's error into problems.
func asProblems(err error) problems {
	if err == nil {
		return nil
	}
	var p problems
	if errors.As(err, &p) {
		return p
	}
	return problems{{0, err.Error()}}
}

// encode returns the fact, nil when there is nothing to keep.
func (f found) encode() []byte {
	if len(f.Packages) == 0 && len(f.Problems) == 0 {
		return nil
	}
	var b []byte
	b = appendCount(b, len(f.Problems))
	for _, p := range f.Problems {
		b = appendCount(b, max(p.Line, 0))
		b = appendString(b, p.Message)
	}
	b = appendCount(b, len(f.Packages))
	for i := range f.Packages {
		b = appendPackage(b, &f.Packages[i])
	}
	if f.Symbols == nil {
		return append(b, 0)
	}
	b = append(b, 1)
	b = appendCount(b, len(f.Symbols.Hashes))
	for _, h := range f.Symbols.Hashes {
		b = binary.LittleEndian.AppendUint32(b, h)
	}
	return b
}

func appendPackage(b []byte, p *sbom.Package) []byte {
	at := ""
	if len(p.Locations) > 0 {
		at = p.Locations[0].Path
	}
	for _, s := range [...]string{p.Name, p.Version, p.Type, p.PURL, p.Arch, p.Source.Name, p.Source.Version, p.Modularity, p.Vendor, p.Builder, p.Signer, at} {
		b = appendString(b, s)
	}
	for _, list := range [...][]string{p.Licenses, p.DependsOn, p.Files, p.Roots} {
		b = appendCount(b, len(list))
		for _, s := range list {
			b = appendString(b, s)
		}
	}
	var flags byte
	if p.FromLockFile {
		flags |= factLockFile
	}
	if p.Development {
		flags |= factDevelopment
	}
	return append(b, flags)
}

func appendCount(b []byte, n int) []byte { return binary.AppendUvarint(b, uint64(n)) }

func appendString(b []byte, s string) []byte {
	return append(appendCount(b, len(s)), s...)
}

var errFact = errors.New("layer fact is damaged")

// inPlace returns a fact as a string, in the same memory: facts never change
// (rootfs.Fact), and a copy of each would be a tenth of what a warm scan touches.
func inPlace(fact []byte) string { return unsafe.String(unsafe.SliceData(fact), len(fact)) }

// decode reads a fact back. The strings in it are cut from it.
func decode(data []byte) (found, error) {
	d := decoder{rest: inPlace(data)}
	var f found
	if n := d.count(2); n > 0 {
		f.Problems = make(problems, n)
		for i := range f.Problems {
			f.Problems[i] = problem{int(d.uvarint()), d.string()}
		}
	}
	if n := d.count(minPackage); n > 0 {
		f.Packages = make([]sbom.Package, n)
		for i := range f.Packages {
			d.pkg(&f.Packages[i])
		}
	}
	if d.byte() == 1 {
		n := d.count(4)
		f.Symbols = &sbom.Symbols{Hashes: make([]uint32, n)}
		raw := d.take(4 * n)
		for i := range n {
			s := raw[4*i : 4*i+4]
			f.Symbols.Hashes[i] = uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
		}
	}
	if d.bad || d.rest != "" {
		return found{}, errFact
	}
	return f, nil
}

// countPackages returns how many packages a fact names, without reading them.
func countPackages(fact []byte) int {
	d := decoder{rest: inPlace(fact)}
	for range d.count(2) {
		d.uvarint()
		d.string()
	}
	return d.count(minPackage)
}

// minPackage is the size of an encoded package with nothing in it.
const minPackage = 16

// decoder cuts values off a fact; after a failure it yields zero values.
type decoder struct {
	rest string
	bad  bool
}

func (d *decoder) uvarint() uint64 {
	var v uint64
	for i := 0; i < len(d.rest) && i < binary.MaxVarintLen64; i++ {
		c := d.rest[i]
		v |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			d.rest = d.rest[i+1:]
			return v
		}
	}
	d.fail()
	return 0
}

// count reads the length of a list whose members take at least size bytes
// each, so that a damaged fact cannot ask for more memory than it holds.
func (d *decoder) count(size int) int {
	n := d.uvarint()
	if n > uint64(len(d.rest)/size) {
		d.fail()
		return 0
	}
	return int(n)
}

func (d *decoder) take(n int) string {
	if n < 0 || n > len(d.rest) {
		d.fail()
		return strings.Repeat("\x00", max(0, min(n, 64)))
	}
	s := d.rest[:n]
	d.rest = d.rest[n:]
	return s
}

func (d *decoder) string() string {
	n := d.count(1)
	s := d.rest[:n]
	d.rest = d.rest[n:]
	return s
}

func (d *decoder) byte() byte {
	if d.rest == "" {
		d.fail()
		return 0
	}
	c := d.rest[0]
	d.rest = d.rest[1:]
	return c
}

func (d *decoder) strings() []string {
	n := d.count(1)
	if n == 0 {
		return nil
	}
	list := make([]string, n)
	for i := range list {
		list[i] = d.string()
	}
	return list
}

func (d *decoder) pkg(p *sbom.Package) {
	p.Name = d.string()
	p.Version = d.string()
	p.Type = d.string()
	p.PURL = d.string()
	p.Arch = d.string()
	p.Source.Name = d.string()
	p.Source.Version = d.string()
	p.Modularity = d.string()
	p.Vendor = d.string()
	p.Builder = d.string()
	p.Signer = d.string()
	if at := d.string(); at != "" {
		p.Locations = []finding.Location{{Path: at}}
	}
	p.Licenses = d.strings()
	p.DependsOn = d.strings()
	p.Files = d.strings()
	p.Roots = d.strings()
	flags := d.byte()
	p.FromLockFile, p.Development = flags&factLockFile != 0, flags&factDevelopment != 0
}

// identity reads a package as pkg does, and skips all but what it is.
func (d *decoder) identity() identity {
	id := identity{name: d.string(), version: d.string()}
	d.string() // type
	d.string() // purl
	id.arch = d.string()
	for range 7 {
		d.string()
	}
	for range 4 {
		for range d.count(1) {
			d.string()
		}
	}
	d.byte()
	return id
}

func (d *decoder) fail() {
	d.bad = true
	d.rest = ""
}

// encodeStrings makes a fact of a list alone.
func encodeStrings(list []string) []byte {
	if len(list) == 0 {
		return nil
	}
	b := appendCount(nil, len(list))
	for _, s := range list {
		b = appendString(b, s)
	}
	return b
}

func decodeStrings(data []byte) ([]string, bool) {
	d := decoder{rest: inPlace(data)}
	list := d.strings()
	return list, !d.bad && d.rest == ""
}
