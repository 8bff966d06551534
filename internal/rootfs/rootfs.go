// Package rootfs reads layers: one streaming pass over each, with digests
// verified on the way, and the stack of them as one file tree with exact
// overlay semantics. It knows nothing of packages or secrets: callers hand it
// visitors, and it keeps what they return as the layer's facts.
package rootfs

import (
	"io"
	"io/fs"
	"time"
)

// Header describes one entry of a layer, its path already made safe.
type Header struct {
	Path     string      // slash-separated, clean, without a leading slash; "" is the root
	Mode     fs.FileMode // type, permissions, setuid, setgid and sticky bits
	UID, GID int
	Size     int64  // bytes of the body, regular files only
	Linkname string // target of a symbolic link as written; of a hard link, cleaned like Path
	Hardlink bool
	ModTime  time.Time
	Caps     []byte // security.capability extended attribute, nil when absent
}

// Body is the content of one regular file while a visitor looks at it. It is
// valid until the visitor returns.
type Body interface {
	io.ReaderAt
	Size() int64
	// Bytes returns the whole content, at most max bytes; an error if it is larger.
	// The slice is shared: neither change nor keep it.
	Bytes(max int64) ([]byte, error)
	// Charge takes what a visitor is about to expand the file to, in bytes, from
	// the image's budget (Limits.UnpackBytes): before it does so, whether that then
	// succeeds or not. After an error, which says that the budget or the time is
	// used up, the visitor returns it and the scan ends.
	Charge(bytes int64) error
	// Nesting is how many archives within archives a visitor may look into
	// (Limits.Nesting).
	Nesting() int
}

// content is a Body without the budget.
type content interface {
	io.ReaderAt
	Size() int64
	Bytes(max int64) ([]byte, error)
}

// Visitor looks at the regular files of a layer during the pass. What it
// returns is stored as a fact under its name, its version and the file's path,
// and may come from the cache instead of a pass: so it may depend on the
// header and the body alone.
type Visitor struct {
	Name    string // unique, stable: part of the cache key
	Version int    // raised whenever Visit's result changes for any input

	// Want says whether to Visit a file, from its header and its first bytes
	// (up to 512). It is called for every regular file: it must not allocate.
	// For a hard link it is called with the link's own path and no bytes.
	Want func(h *Header, head []byte) bool

	// Passed, where it is set, returns a fact to keep of a file that Want
	// declined, from the same; nil for none.
	Passed func(h *Header, head []byte) []byte

	// Visit returns the fact to keep, nil for none. An error is what is wrong
	// with the file, for the report's warnings; the pass goes on.
	Visit func(h *Header, body Body) ([]byte, error)

	// Quota, where it is set, is shared by visitors: when what they found in a layer
	// has used it up, they are shown no more of it.
	Quota *Quota
}

// Quota bounds what visitors may find in one layer. What is beyond is left out, with a
// warning that makes the result incomplete.
type Quota struct {
	Most  int
	Count func(fact []byte) int // how much of it a fact takes
	What  string                // "packages in more than 100 places: raise --max-locations if they are meant"
}
