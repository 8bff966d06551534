package secret

import (
	"bytes"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/careen/careen/internal/rootfs"
)

// Bounds of what is read of one file.
const (
	maxText   = 64 << 20 // larger texts are dumps and logs of machines
	maxBinary = 1 << 20
	chunkSize = 4 << 20
	overlap   = 64 << 10 // longer than any key: what one chunk cuts, the next has whole
)

// factName names the facts of the visitor.
const factName = "secret"

// factVersion is raised when the engine finds something else in the same bytes.
const factVersion = 1

// Visitor returns what has to look at each layer's files for Find to know them.
// Its facts hold no secret.
func (all *Rules) Visitor() rootfs.Visitor {
	return rootfs.Visitor{
		Name:    factName,
		Version: factVersion<<24 ^ all.generation,
		Want:    all.want,
		Visit:   all.visit,
	}
}

func (all *Rules) want(h *rootfs.Header, head []byte) bool {
	if h.Size == 0 || len(head) == 0 || h.Size > maxText {
		return false
	}
	if h.Size > maxBinary && !isText(head) {
		return false
	}
	return !isBulk(h.Path, head) || len(all.named(h.Path)) > 0
}

// bulkHeads begin formats that hold no text of their own, or hold it packed.
var bulkHeads = byteLists(
	"\x1f\x8b", "\xfd7zXZ\x00", "\x28\xb5\x2f\xfd", "BZh", "7z\xbc\xaf\x27\x1c", "PK\x03\x04", "\x04\x22\x4d\x18", // archives
	"\x89PNG", "\xff\xd8\xff", "GIF8", "RIFF", "\x00\x00\x01\x00", "OggS", "ID3", "fLaC", "\x1aE\xdf\xa3", // pictures, sound, film
	"\x00\x01\x00\x00\x00", "OTTO", "true\x00", "ttcf", "wOFF", "wOF2", // fonts
	"\xde\x12\x04\x95", "\x95\x04\x12\xde", // message catalogs
	"TZif", "\x1a\x01", "\x1e\x02", // time zones, terminals
	"!<arch>\n", "\x00asm", "\xca\xfe\xba\xbe", // archives of objects, WebAssembly, Java classes
)

var bulkSuffixes = []string{".pyc", ".pyo", ".mo", ".gmo", ".o", ".a", ".ko", ".hyb", ".afm", ".pfb", ".svg", ".min.js.map", ".css", ".po", ".pot"}

var bulkDirs = []string{"usr/share/locale/", "usr/share/zoneinfo/", "usr/share/i18n/", "usr/share/fonts/", "usr/share/icons/", "usr/share/man/", "usr/share/terminfo/", "usr/share/unicode/", "proc/", "sys/"}

// isBulk reports whether a file is one of the many that only cost time.
func isBulk(path string, head []byte) bool {
	for _, h := range bulkHeads {
		if bytes.HasPrefix(head, h) {
			return true
		}
	}
	for _, s := range bulkSuffixes {
		if strings.HasSuffix(path, s) {
			return true
		}
	}
	for _, d := range bulkDirs {
		if strings.HasPrefix(path, d) {
			return true
		}
	}
	return false
}

// isText reports whether the first bytes of a file are those of a text: UTF-16
// with its mark, or no zero byte and hardly another control.
func isText(head []byte) bool {
	if isUTF16(head) {
		return true
	}
	controls := 0
	for _, b := range head {
		switch {
		case b == 0:
			return false
		case b < 0x20 && b != '\n' && b != '\r' && b != '\t' && b != '\f' && b != 0x1b:
			controls++
		}
	}
	return controls*20 <= len(head)
}

func isUTF16(head []byte) bool {
	return bytes.HasPrefix(head, []byte{0xff, 0xfe}) || bytes.HasPrefix(head, []byte{0xfe, 0xff})
}

// visit finds the secrets of one file and returns them as a fact.
func (all *Rules) visit(h *rootfs.Header, body rootfs.Body) ([]byte, error) {
	var found []seen
	for _, r := range all.named(h.Path) {
		found = append(found, seen{Rule: r.id, Redacted: hidden, Mark: markOfFile(h), Length: 0})
	}
	var err error
	switch {
	case body.Size() <= chunkSize:
		var text []byte
		if text, err = body.Bytes(chunkSize); err == nil {
			found = all.inText(found, text, h.Path)
		}
	default:
		found, err = all.inChunks(found, body, h.Path)
	}
	if err != nil {
		return nil, err
	}
	return encode(found), nil
}

// inText looks into a text or a small binary file that is at hand as a whole.
func (all *Rules) inText(found []seen, text []byte, path string) []seen {
	head := text[:min(len(text), 512)]
	binary := !isText(head)
	if isUTF16(head) {
		text = fromUTF16(text)
	}
	for _, m := range all.find(text, path, binary) {
		found = append(found, seenIn(text, m, 0, binary))
	}
	return found
}

// inChunks looks into a large text piece by piece.
func (all *Rules) inChunks(found []seen, body rootfs.Body, path string) ([]seen, error) {
	buf := make([]byte, chunkSize)
	lines, done := 0, 0 // lines before the chunk; bytes of it that the last one settled
	for from := int64(0); from < body.Size() && len(found) < maxMatches; {
		n, err := body.ReadAt(buf, from)
		if err != nil && err != io.EOF {
			return found, err
		}
		chunk := buf[:n]
		last := from+int64(n) >= body.Size()
		settled := n
		if !last {
			settled -= overlap
		}
		for _, m := range all.find(chunk, path, false) {
			if m.start >= done && (m.start < settled || last) {
				found = append(found, seenIn(chunk, m, lines, false))
			}
		}
		if last {
			break
		}
		// The next chunk begins a whole overlap before what is still open, so that
		// what stands to the left of a secret is seen.
		next := settled - overlap
		lines += bytes.Count(chunk[:next], []byte{'\n'})
		from += int64(next)
		done = settled - next
	}
	return found, nil
}

// fromUTF16 returns a text of UTF-16 as UTF-8.
func fromUTF16(text []byte) []byte {
	little := text[0] == 0xff
	out := make([]byte, 0, len(text))
	for i := 2; i+1 < len(text); i += 2 {
		unit := func(at int) rune {
			if little {
				return rune(text[at]) | rune(text[at+1])<<8
			}
			return rune(text[at])<<8 | rune(text[at+1])
		}
		r := unit(i)
		if utf16.IsSurrogate(r) && i+3 < len(text) {
			r = utf16.DecodeRune(r, unit(i+2))
			i += 2
		}
		out = utf8.AppendRune(out, r)
	}
	return out
}
