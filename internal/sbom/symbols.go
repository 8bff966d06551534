package sbom

import (
	"hash/fnv"
	"slices"
)

// Symbols is a set of function names kept as sorted 32-bit hashes, so that a
// large Go binary costs kilobytes. Has can be wrong only in the safe direction:
// two names in four thousand million collide, and then say "linked".
type Symbols struct {
	Hashes []uint32 // sorted, without repeats
}

// NewSymbols returns the set of the names given. By agreement they are each
// function, and each import path that has one ("golang.org/x/net/http2"): an
// advisory may call every function of a package vulnerable without naming any,
// and then match asks for the path alone.
func NewSymbols(names []string) *Symbols {
	hashes := make([]uint32, len(names))
	for i, name := range names {
		hashes[i] = symbolHash(name)
	}
	slices.Sort(hashes)
	return &Symbols{Hashes: slices.Compact(hashes)}
}

// Has reports whether a name was in the set, as "import/path.Func" or
// "import/path.Type.Method".
func (s *Symbols) Has(name string) bool {
	_, found := slices.BinarySearch(s.Hashes, symbolHash(name))
	return found
}

func symbolHash(name string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(name))
	return h.Sum32()
}
