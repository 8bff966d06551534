package store

import (
	"database/sql/driver"
	"encoding/hex"
	"fmt"
	"strings"
)

// digest is a digest as the database has it: the bytes that "sha256:…" or "sha512:…"
// write in hexadecimal, which their number tells apart. Anything else is its text behind
// a zero, or two where one would make it as long as these.
type digest string

func (d digest) bytes() []byte {
	algorithm, text, _ := strings.Cut(string(d), ":")
	b, err := hex.DecodeString(text)
	if err == nil && hex.EncodeToString(b) == text && (algorithm == "sha256" && len(b) == 32 || algorithm == "sha512" && len(b) == 64) {
		return b
	}
	b = append([]byte{0}, d...)
	if len(b) == 32 || len(b) == 64 {
		b = append([]byte{0}, b...)
	}
	return b
}

// Value implements driver.Valuer.
func (d digest) Value() (driver.Value, error) { return d.bytes(), nil }

// Scan implements sql.Scanner.
func (d *digest) Scan(v any) error {
	b, ok := v.([]byte)
	if !ok {
		return fmt.Errorf("a digest is bytes, not %T", v)
	}
	switch len(b) {
	case 32:
		*d = digest("sha256:" + hex.EncodeToString(b))
	case 64:
		*d = digest("sha512:" + hex.EncodeToString(b))
	default:
		*d = digest(strings.TrimLeft(string(b), "\x00"))
	}
	return nil
}
