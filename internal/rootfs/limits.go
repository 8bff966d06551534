package rootfs

import (
	"fmt"
	"sync/atomic"
)

// Defaults of Limits.
const (
	DefaultLayerBytes   = 64 << 30 // the largest layers that people ship hold models of tens of gigabytes
	DefaultLayerEntries = 1_000_000
	DefaultPathBytes    = 4096 // PATH_MAX of Linux: nothing longer can be unpacked there
	DefaultPathDepth    = 256
	DefaultMemoryBytes  = 8 << 20
	DefaultFileBytes    = 1 << 30
	DefaultUnpackBytes  = 64 << 30 // as much as a layer
	DefaultNesting      = 8
)

// Bounds that are no option: what they stop is never an honest image.
const (
	maxNameBytes  = 256 << 20 // all paths and link targets of one layer together
	maxFactBytes  = 128 << 20 // all facts of one layer together
	maxFactsBytes = 256 << 20 // all facts of the layers together; more is an error
	maxWarnings   = 1000      // of one layer; what is beyond is counted in one warning
	maxZstdWindow = 128 << 20 // the largest that "zstd --ultra" writes without --long
	maxLinks      = 40        // links followed for one path: MAXSYMLINKS of Linux (path_resolution(7))
)

// Limits bound what one layer may cost. The zero value is the defaults.
type Limits struct {
	LayerBytes   int64 // bytes that a layer may expand to; more is an error
	LayerEntries int   // entries of a layer; more is an error
	PathBytes    int   // entries with a longer path are left out, with a warning
	PathDepth    int   // entries with more path elements are left out, with a warning
	MemoryBytes  int64 // largest file that a visitor sees in memory; larger ones go through a temporary file
	FileBytes    int64 // largest file that a visitor sees at all; larger ones are warned of

	// VerifyDiffIDs has each layer's tar compared with the diffID that the
	// configuration claims, and local layers read whole for that.
	VerifyDiffIDs bool

	UnpackBytes int64 // bytes that visitors may expand files of the image to, such as archives in it; more is an error

	Nesting int // archives within archives that visitors look into; deeper ones are warned of

	// Spent, if not nil, counts for all layers that share it, while they are read:
	// more than LayerEntries or UnpackBytes of them together is an error too, and more
	// facts than any honest image has.
	Spent *Spent

	// Skip is what PassDir does not read. Layers are read whole, so that their
	// facts serve every scan: see Tree.Without.
	Skip *Skip

	// TempDir is where files larger than MemoryBytes lie while visitors look at
	// them; "" means the system's directory for temporary files.
	TempDir string
}

// Spent is what the layers of one image have cost together. The zero value is
// nothing.
type Spent struct {
	Entries  atomic.Int64 // of the layers' trees
	Unpacked atomic.Int64 // bytes that files were expanded to
	Facts    atomic.Int64 // bytes of what visitors found
}

func (l Limits) withDefaults() Limits {
	if l.LayerBytes <= 0 {
		l.LayerBytes = DefaultLayerBytes
	}
	if l.LayerEntries <= 0 {
		l.LayerEntries = DefaultLayerEntries
	}
	if l.PathBytes <= 0 {
		l.PathBytes = DefaultPathBytes
	}
	l.PathBytes = min(l.PathBytes, 1<<16-1) // lengths are kept in 16 bits
	if l.PathDepth <= 0 {
		l.PathDepth = DefaultPathDepth
	}
	if l.MemoryBytes <= 0 {
		l.MemoryBytes = DefaultMemoryBytes
	}
	if l.FileBytes <= 0 {
		l.FileBytes = DefaultFileBytes
	}
	if l.UnpackBytes <= 0 {
		l.UnpackBytes = DefaultUnpackBytes
	}
	if l.Nesting <= 0 {
		l.Nesting = DefaultNesting
	}
	if l.Spent == nil {
		l.Spent = new(Spent)
	}
	return l
}

// fingerprint names the limits that change what a pass returns.
func (l Limits) fingerprint() string {
	l = l.withDefaults()
	return fmt.Sprintf("%d/%d/%d/%d/%d/%d", l.LayerBytes, l.LayerEntries, l.PathBytes, l.PathDepth, l.FileBytes, l.Nesting)
}
