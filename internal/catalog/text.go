package catalog

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/careen/careen/internal/rootfs"
)

// plainText returns a text in UTF-8 without a byte order mark. Windows' tools
// write UTF-16 and UTF-32 with one, editors there UTF-8 with one
// (https://www.unicode.org/faq/utf_bom). UTF-16 without one is known by the zero
// bytes of its first letters; all else is returned as it is.
func plainText(data []byte) []byte {
	switch {
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		return data[3:]
	case bytes.HasPrefix(data, []byte("\xff\xfe\x00\x00")):
		return fromUTF32(data[4:], binary.LittleEndian)
	case bytes.HasPrefix(data, []byte("\x00\x00\xfe\xff")):
		return fromUTF32(data[4:], binary.BigEndian)
	case bytes.HasPrefix(data, []byte("\xff\xfe")):
		return fromUTF16(data[2:], binary.LittleEndian)
	case bytes.HasPrefix(data, []byte("\xfe\xff")):
		return fromUTF16(data[2:], binary.BigEndian)
	case zeros(data, 1):
		return fromUTF16(data, binary.LittleEndian)
	case zeros(data, 0):
		return fromUTF16(data, binary.BigEndian)
	}
	return data
}

// zeros reports whether a text begins with four letters of ASCII in UTF-16, whose
// zero bytes are the first (0) or the second (1) of each two.
func zeros(data []byte, at int) bool {
	if len(data) < 8 {
		return false
	}
	for i := range 4 {
		letter := data[2*i+1-at]
		if data[2*i+at] != 0 || letter < '\t' || letter > '~' {
			return false
		}
	}
	return true
}

// textBody is a file whose text is in UTF-8, as the parsers expect.
type textBody struct {
	*bytes.Reader
	text []byte
	of   rootfs.Body
}

func (b textBody) Charge(bytes int64) error { return b.of.Charge(bytes) }
func (b textBody) Nesting() int             { return b.of.Nesting() }

func (b textBody) Bytes(max int64) ([]byte, error) {
	if int64(len(b.text)) > max {
		return nil, fmt.Errorf("%d bytes, more than %d", len(b.text), max)
	}
	return b.text, nil
}

// decodeText returns a body whose text is in UTF-8 without a byte order mark.
// Files without a mark, those that are no texts among them, are returned as they are.
func decodeText(body rootfs.Body) (rootfs.Body, error) {
	var head [8]byte
	n, _ := body.ReadAt(head[:], 0)
	if n < 2 || len(plainText(head[:n])) == n {
		return body, nil
	}
	data, err := body.Bytes(maxDatabase)
	if err != nil {
		return nil, err
	}
	text := plainText(data)
	return textBody{bytes.NewReader(text), text, body}, nil
}

func fromUTF16(data []byte, order binary.ByteOrder) []byte {
	text := make([]byte, 0, len(data)/2)
	for len(data) >= 2 {
		r := rune(order.Uint16(data))
		data = data[2:]
		if utf16.IsSurrogate(r) && len(data) >= 2 {
			if both := utf16.DecodeRune(r, rune(order.Uint16(data))); both != utf8.RuneError {
				r, data = both, data[2:]
			}
		}
		text = utf8.AppendRune(text, r)
	}
	return text
}

func fromUTF32(data []byte, order binary.ByteOrder) []byte {
	text := make([]byte, 0, len(data)/4)
	for ; len(data) >= 4; data = data[4:] {
		text = utf8.AppendRune(text, rune(order.Uint32(data)))
	}
	return text
}
