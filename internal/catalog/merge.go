package catalog

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/sbom"
)

// merge lists each package once: those with the same purl and owner become one
// with several locations.
func merge(packages []sbom.Package, room *room) []sbom.Package {
	slices.SortStableFunc(packages, func(a, b sbom.Package) int {
		return cmp.Or(cmp.Compare(a.PURL, b.PURL), cmp.Compare(a.Owner, b.Owner), cmp.Compare(a.Locations[0].Path, b.Locations[0].Path))
	})
	symbols := unions{numbers: map[*sbom.Symbols]uint32{}, known: map[string]*sbom.Symbols{}}
	out := packages[:0]
	for len(packages) > 0 && room.add() {
		n := 1
		for n < len(packages) && packages[n].PURL == packages[0].PURL && packages[n].Owner == packages[0].Owner {
			n++
		}
		one := packages[0]
		if n > 1 {
			one = symbols.together(packages[:n])
		}
		out = append(out, one)
		packages = packages[n:]
	}
	return out
}

// together makes one package of several records of it, sorted by their paths.
// Each list is gathered whole and put in order once.
func (u *unions) together(records []sbom.Package) sbom.Package {
	p := records[0]
	licenses, needs, symbols := [][]string{p.Licenses}, [][]string{p.DependsOn}, []*sbom.Symbols{p.Symbols}
	roots := [][]string{p.Roots}
	known := p.Symbols != nil
	at := [][]finding.Location{p.Locations}
	for i := 1; i < len(records); i++ {
		more := &records[i]
		at = append(at, more.Locations)
		licenses, needs, roots = append(licenses, more.Licenses), append(needs, more.DependsOn), append(roots, more.Roots)
		if more.Symbols != records[i-1].Symbols {
			symbols = append(symbols, more.Symbols)
		}
		known = known && more.Symbols != nil
		p.Files = append(p.Files, more.Files...)
		p.Layer = min(p.Layer, more.Layer)
		p.TouchedLayer = max(p.TouchedLayer, more.TouchedLayer)
		p.FromLockFile = p.FromLockFile && more.FromLockFile
		p.Development = p.Development && more.Development
	}
	p.Locations, p.Licenses, p.DependsOn, p.Roots = distinct(slices.Concat(at...)), all(licenses), all(needs), all(roots)
	p.Symbols = nil // unknown in one place is unknown
	if known {
		p.Symbols = u.of(symbols)
	}
	return p
}

// all returns the texts of several lists in order, each once; lists that say the
// same stay as they are.
func all(lists [][]string) []string {
	if !slices.ContainsFunc(lists, func(l []string) bool { return !slices.Equal(l, lists[0]) }) {
		return lists[0]
	}
	together := slices.Concat(lists...)
	slices.Sort(together)
	return slices.Compact(together)
}

// distinct returns what is in a list, in its order, each once.
func distinct[T comparable](list []T) []T {
	seen := make(map[T]bool, len(list))
	return slices.DeleteFunc(list, func(v T) bool {
		again := seen[v]
		seen[v] = true
		return again
	})
}

// maxUnion bounds how many functions are gone through to put together what the
// copies of Go modules have linked in: beyond, what a module has is not known.
const maxUnion = 32 << 20

// unions puts together which functions are linked into several programs. The
// modules of the same programs share one list.
type unions struct {
	numbers map[*sbom.Symbols]uint32
	known   map[string]*sbom.Symbols // by the numbers of what is in them
	spent   int
}

func (u *unions) of(list []*sbom.Symbols) *sbom.Symbols {
	slices.SortFunc(list, func(a, b *sbom.Symbols) int { return cmp.Compare(u.number(a), u.number(b)) })
	list = slices.Compact(list)
	if len(list) == 1 {
		return list[0]
	}
	var key []byte
	size := 0
	for _, s := range list {
		key = binary.LittleEndian.AppendUint32(key, u.number(s))
		size += len(s.Hashes)
	}
	if s := u.known[string(key)]; s != nil {
		return s
	}
	if u.spent += size; u.spent > maxUnion {
		return nil
	}
	hashes := make([]uint32, 0, size)
	for _, s := range list {
		hashes = append(hashes, s.Hashes...)
	}
	slices.Sort(hashes)
	s := &sbom.Symbols{Hashes: slices.Compact(hashes)}
	u.known[string(key)] = s
	return s
}

func (u *unions) number(s *sbom.Symbols) uint32 {
	n, ok := u.numbers[s]
	if !ok {
		n = uint32(len(u.numbers))
		u.numbers[s] = n
	}
	return n
}
