// Package key gives keys of match a form to be stored under: canonical bytes, the
// hash of these, and back. The bytes are the JSON of match.Key, which has every
// field that judging reads, so a new field makes new keys. What is linked into a Go
// program is large and shared by all modules of the program: it is kept next to the
// keys, under a hash of its own.
package key

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/careen/careen/internal/match"
	"github.com/careen/careen/internal/sbom"
)

// Stored is a key as it is kept.
type Stored struct {
	Hash    string    // of all of it and, by what it says, of the linked functions
	Type    string    // the key's,
	Name    string    // which are asked for,
	Version string    // and not in Body
	Body    string    // the version of the form, and JSON of the rest if there is any
	Symbols string    // the hash that linked functions are kept under; "" for none
	Key     match.Key `json:"-"` // what they say together
}

// form is what is hashed.
type form struct {
	Version int       `json:"v"` // of match's rules for what a key is
	Key     match.Key `json:"key"`
	Symbols string    `json:"symbols,omitempty"`
}

// shown is a text as it comes back from JSON that PostgreSQL can hold.
func shown(text string) string {
	if utf8.ValidString(text) && !strings.Contains(text, "\x00") {
		return text
	}
	var b strings.Builder
	for _, r := range text { // what is not UTF-8 is \ufffd here
		if r == 0 {
			r = '\ufffd'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// rest is what of a key is not in columns of its own.
type rest struct {
	match.Key
	Type    string `json:"type,omitempty"`
	Name    string `json:"name,omitempty"`
	Version string `json:"version,omitempty"`
	Symbols string `json:"symbols,omitempty"`
}

// version changes when the same bytes come to mean something else.
const version = 1

// Encode returns a key's stored form.
func Encode(k match.Key) (Stored, error) {
	f := form{Version: version, Key: k}
	if k.Symbols != nil {
		f.Symbols = hash(packed(k.Symbols))
		f.Key.Symbols = nil
	}
	body, err := json.Marshal(f)
	if err != nil {
		return Stored{}, fmt.Errorf("key of %q: %w", k.Name, err)
	}
	s := Stored{Hash: hash(WithoutNUL(body)), Symbols: f.Symbols, Key: k}
	s.Type, s.Name, s.Version = shown(k.Type), shown(k.Name), shown(k.Version)
	r := rest{Key: f.Key, Symbols: f.Symbols}
	if body, err = json.Marshal(r); err != nil {
		return Stored{}, fmt.Errorf("key of %q: %w", k.Name, err)
	}
	s.Body = strconv.Itoa(version)
	if text := string(WithoutNUL(body)); text != "{}" {
		s.Body += text
	}
	return s, nil
}

// Decode reads a stored key. symbols finds linked functions by their hash.
func Decode(s Stored, symbols func(hash string) ([]byte, error)) (match.Key, error) {
	of, body, _ := strings.Cut(s.Body, "{")
	if of != strconv.Itoa(version) {
		return match.Key{}, fmt.Errorf("stored key: of version %q, not %d", of, version)
	}
	var r rest
	if body != "" {
		if err := json.Unmarshal([]byte("{"+body), &r); err != nil {
			return match.Key{}, fmt.Errorf("stored key: %w", err)
		}
	}
	k := r.Key
	k.Type, k.Name, k.Version = s.Type, s.Name, s.Version
	if r.Symbols == "" {
		return k, nil
	}
	data, err := symbols(r.Symbols)
	if err != nil {
		return match.Key{}, err
	}
	k.Symbols, err = unpacked(data)
	return k, err
}

// Functions returns the bytes as which linked functions are kept.
func Functions(s *sbom.Symbols) []byte { return packed(s) }

// ParseFunctions reads what Functions returned.
func ParseFunctions(b []byte) (*sbom.Symbols, error) { return unpacked(b) }

// packed writes the sorted hashes as the differences between them.
func packed(s *sbom.Symbols) []byte {
	b := make([]byte, 0, 3*len(s.Hashes))
	last := uint32(0)
	for _, h := range s.Hashes {
		b = binary.AppendUvarint(b, uint64(h-last))
		last = h
	}
	return b
}

func unpacked(b []byte) (*sbom.Symbols, error) {
	s := &sbom.Symbols{}
	last := uint64(0)
	for len(b) > 0 {
		d, n := binary.Uvarint(b)
		if n <= 0 || last+d > 1<<32-1 {
			return nil, fmt.Errorf("stored functions: damaged")
		}
		last += d
		s.Hashes = append(s.Hashes, uint32(last))
		b = b[n:]
	}
	return s, nil
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}

// WithoutNUL replaces the character that no text of PostgreSQL can hold, in a JSON
// document, by the one that represents what cannot be shown.
func WithoutNUL(doc []byte) []byte {
	const nul, shown = `\u0000`, `\ufffd`
	if !bytes.Contains(doc, []byte(nul)) {
		return doc
	}
	out := make([]byte, 0, len(doc))
	for i := 0; i < len(doc); i++ {
		switch {
		case doc[i] != '\\' || i+1 == len(doc):
			out = append(out, doc[i])
		case bytes.HasPrefix(doc[i:], []byte(nul)):
			out = append(out, shown...)
			i += len(nul) - 1
		default: // an escape, of which the second byte may be a backslash
			out = append(out, doc[i], doc[i+1])
			i++
		}
	}
	return out
}
