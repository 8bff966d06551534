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
const factVersion = 6

// Visitor returns what has to look at each layer's files for Find to know them.
// Its facts hold no secret.
func (all *Rules) Visitor() rootfs.Visitor {
	return rootfs.Visitor{
		Name:    factName,
		Version: factVersion<<24 ^ all.generation,
		Want:    all.want,
		Passed:  passed,
		Visit:   all.visit,
	}
}

func (all *Rules) want(h *rootfs.Header, head []byte) bool {
	if h.Size == 0 || len(head) == 0 {
		return false
	}
	return lookedInto(h, head) == "" && !isBulk(h.Path, head) || len(all.named(h.Path)) > 0
}

// passed notes a file that is not looked into although it might hold something.
func passed(h *rootfs.Header, head []byte) []byte {
	if h.Size == 0 || len(head) == 0 || isBulk(h.Path, head) {
		return nil
	}
	return encode(fact{Unread: lookedInto(h, head)})
}

// unread says why a file, or a part of it, was not looked into.
type unread string

// The reasons.
const (
	unreadText    unread = "text over 64 MiB"
	unreadBinary  unread = "binary over 1 MiB"
	unreadArchive unread = "archive that is too large, damaged or of a form that is not opened"
	unreadFailed  unread = "that cannot be read"
	unreadDense   unread = "text full of what secrets begin with"
	unreadMembers unread = "archive with archives, large files or binaries in it"
)

// lookedInto returns "" for a file that is looked into, else why not.
func lookedInto(h *rootfs.Header, head []byte) unread {
	switch kind := archiveKind(head); {
	case kind == notOpened, kind != noArchive && h.Size > maxArchive:
		return unreadArchive
	case kind != noArchive:
		return ""
	case h.Size > maxText:
		if isText(head) {
			return unreadText
		}
		return unreadBinary
	case h.Size > maxBinary && !isText(head):
		return unreadBinary
	}
	return ""
}

// bulkHeads begin formats that hold no text of their own, or hold it packed.
var bulkHeads = byteLists(
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
	// What distributions pack there is change logs and manuals, by the thousand.
	return (strings.HasPrefix(path, "usr/share/doc/") || strings.HasPrefix(path, "usr/share/info/")) && archiveKind(head) != noArchive
}

// isText reports whether the first bytes of a file are those of a text: UTF-16
// with its mark, or no zero byte and hardly another control.
func isText(head []byte) bool {
	if isUTF16(head) || isPlainUTF16(head) {
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

// isPlainUTF16 knows ASCII in UTF-16 without a mark: every second byte is zero and
// none of the others.
func isPlainUTF16(head []byte) bool {
	if len(head) < 8 {
		return false
	}
	zero := 1 // the lower byte comes first
	if head[0] == 0 {
		zero = 0
	}
	for i, b := range head {
		if (b == 0) != (i%2 == zero) || b >= 0x7f || b != 0 && b < ' ' && !isSpace(b) {
			return false
		}
	}
	return true
}

// visit finds the secrets of one file and returns them as a fact.
func (all *Rules) visit(h *rootfs.Header, body rootfs.Body) ([]byte, error) {
	var f fact
	for _, r := range all.named(h.Path) {
		f.Found = append(f.Found, seen{Rule: r.id, Redacted: hidden, Mark: markOfFile(h), Length: 0})
	}
	head := make([]byte, min(body.Size(), 512))
	if _, err := body.ReadAt(head, 0); err != nil && err != io.EOF {
		return nil, err
	}
	var err error
	switch kind := archiveKind(head); {
	case isBulk(h.Path, head), lookedInto(h, head) != "": // wanted for its name alone
	case kind != noArchive:
		f.Found, f.Unread = all.inArchive(f.Found, kind, body, h.Path)
		err = body.Charge(0) // whether that is why it was not read to its end
	case body.Size() <= chunkSize:
		var text []byte
		if text, err = body.Bytes(chunkSize); err == nil {
			f.Found, f.Unread = all.inText(f.Found, text, h.Path)
		}
	default:
		f.Found, f.Unread, err = all.inChunks(f.Found, body, h.Path)
	}
	if err != nil {
		return nil, err
	}
	return encode(f), nil
}

// inText looks into a text or a small binary file that is in memory as a whole.
func (all *Rules) inText(found []seen, text []byte, path string) ([]seen, unread) {
	head := text[:min(len(text), 512)]
	binary := !isText(head)
	switch {
	case isUTF16(head):
		text = fromUTF16(text)
	case isPlainUTF16(head) && head[0] == 0:
		text = fromUTF16(append([]byte{0xfe, 0xff}, text...))
	case isPlainUTF16(head):
		text = fromUTF16(append([]byte{0xff, 0xfe}, text...))
	}
	if strings.HasSuffix(path, ".map") {
		text = withoutMappings(text)
	}
	in, whole := all.findAt(text, path, binary, 0)
	for _, m := range in {
		found = append(found, seenIn(text, m, 0, binary))
	}
	return found, denseUnless(whole)
}

func denseUnless(whole bool) unread {
	if whole {
		return ""
	}
	return unreadDense
}

// withoutMappings cuts the mappings out of a source map (ECMA-426): numbers in
// base 64, most of the file and the likes of many keywords. They have no line of
// their own.
func withoutMappings(text []byte) []byte {
	const key = `"mappings":`
	at := bytes.Index(text, []byte(key))
	if at < 0 {
		return text
	}
	from := at + len(key)
	for from < len(text) && isSpace(text[from]) {
		from++
	}
	if from == len(text) || text[from] != '"' {
		return text
	}
	end := bytes.IndexByte(text[from+1:], '"')
	if end < 0 {
		return text
	}
	return append(bytes.Clone(text[:from+1]), text[from+1+end:]...)
}

// inChunks looks into a large text piece by piece.
func (all *Rules) inChunks(found []seen, body rootfs.Body, path string) ([]seen, unread, error) {
	unbroken := true
	buf := make([]byte, chunkSize)
	lines, done := 0, 0 // lines before the chunk; bytes of it that the last one settled
	for from := int64(0); from < body.Size() && len(found) < maxMatches; {
		n, err := body.ReadAt(buf, from)
		if err != nil && err != io.EOF {
			return found, "", err
		}
		chunk := buf[:n]
		last := from+int64(n) >= body.Size()
		settled := n
		if !last {
			settled -= overlap
		}
		in, whole := all.findAt(chunk, path, false, 0)
		unbroken = unbroken && whole
		for _, m := range in {
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
	return found, denseUnless(unbroken), nil
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
