package secret

import (
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/careen/careen/internal/rootfs"
)

// seen is one secret of a file, as the cache of facts keeps it: all that a
// report says of it, and what tells whether another is the same.
type seen struct {
	Rule     string `json:"r"`
	Inside   string `json:"p,omitempty"` // path in the archive that the file is
	Line     int    `json:"n,omitempty"` // from 1; 0 in a binary file
	Redacted string `json:"v"`
	Mark     mark   `json:"m"`
	Length   int    `json:"l,omitempty"` // bytes of the secret
}

func seenIn(text []byte, m match, linesBefore int, binary bool) seen {
	secret := m.value(text)
	s := seen{Rule: m.rule.id, Line: linesBefore + m.line, Redacted: redact(m.rule, secret), Mark: markOf(secret), Length: len(secret)}
	if binary {
		s.Line = 0
	}
	return s
}

// MarshalText implements encoding.TextMarshaler.
func (m mark) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(m[:])), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *mark) UnmarshalText(text []byte) error {
	if n, err := hex.Decode(m[:], text[:min(len(text), 2*len(m))]); err != nil || n != len(m) {
		return fmt.Errorf("%q is no mark", text)
	}
	return nil
}

// markOfFile represents a file that is a secret as a whole: one of the same path
// and size is taken for the same.
func markOfFile(h *rootfs.Header) mark { return markOf(fmt.Appendf(nil, "%s %d", h.Path, h.Size)) }

// fact is what is kept of one file.
type fact struct {
	Found  []seen `json:"f,omitempty"`
	Unread unread `json:"u,omitempty"` // why not all of it was looked into
}

func encode(f fact) []byte {
	if len(f.Found) == 0 && f.Unread == "" {
		return nil
	}
	data, err := json.Marshal(f)
	if err != nil {
		return nil // strings and numbers alone always encode
	}
	return data
}

// decode reads a fact. A damaged one holds nothing: the cache has checked its sum.
func decode(data []byte) fact {
	var f fact
	if json.Unmarshal(data, &f) != nil {
		return fact{}
	}
	return f
}

// Count is how many secrets a fact holds.
func Count(data []byte) int { return len(decode(data).Found) }
