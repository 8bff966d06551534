package secret

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"io"
)

// Bounds of what is decoded in a text. What is beyond them is not looked into.
const (
	maxEncodings = 3        // one in another
	minEncoded   = 28       // characters; shorter ones hold nothing that a rule knows
	maxEncoded   = 4 << 20  // characters of one
	maxUnpacked  = 4 << 20  // bytes of what is packed in one
	maxContext   = 80       // of the line before, which says what a short value is
	maxShort     = 200      // bytes of a value that is judged by the name before it
	maxDecoded   = 64 << 20 // in all of a text
)

// encoded looks for what is written in base 64, in hexadecimal or with percent
// signs, and for secrets in it: each is found at the encoded text.
type encoded struct {
	all     *Rules
	text    []byte
	path    string
	depth   int
	decoded int
	found   []match
	left    bool // not all was looked into
}

func (all *Rules) inEncoded(text []byte, path string, depth int) (found []match, whole bool) {
	if depth >= maxEncodings {
		return nil, true
	}
	e := &encoded{all: all, text: text, path: path, depth: depth}
	eachRun(text, &base64Begin, e.base64)
	e.percent()
	return e.found, !e.left
}

type byteSet [256]bool

func bytesOf(chars string) (set byteSet) {
	for _, b := range []byte(chars) {
		set[b] = true
	}
	return set
}

const (
	letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	digits  = "0123456789"
)

var (
	base64Begin  = bytesOf(letters + digits + "+/") // of a text, base64url has the same
	base64Bytes  = bytesOf(letters + digits + "+/-_")
	percentBytes = bytesOf(letters + digits + "%._~+-=&:@!*")
)

// eachRun calls found for the runs of minEncoded and more bytes of a set. It
// looks at one byte of every minEncoded where there is none.
func eachRun(text []byte, set *byteSet, found func(from, to int) int) {
	for i := 0; i+minEncoded <= len(text); {
		k := i + minEncoded - 1
		for k >= i && set[text[k]] {
			k--
		}
		if k >= i {
			i = k + 1
			continue
		}
		to := i + minEncoded
		for to < len(text) && set[text[to]] {
			to++
		}
		i = found(i, to) + 1
	}
}

// base64 looks into a run; it returns where the run ends, that of the lines which
// it goes on in included. Hexadecimal digits are such runs too.
func (e *encoded) base64(from, to int) int {
	run := e.text[from:to]
	if plain := decodeHex(run); plain != nil {
		e.into(plain, from, to)
		return to
	}
	alphabet := base64.RawStdEncoding
	var head [minEncoded / 4 * 3]byte
	if n, err := alphabet.Decode(head[:4], run[:4]); err != nil || !readable(head[:n]) {
		return to // most are long names
	}
	if n, err := alphabet.Decode(head[:], run[:minEncoded]); err != nil || !readable(head[:n]) {
		return to
	}
	for to < len(e.text) && base64Bytes[e.text[to]] {
		to++
	}
	whole, end := joined64(e.text, from, to)
	if len(whole) > maxEncoded {
		return end
	}
	if bytes.ContainsAny(whole, "-_") {
		alphabet = base64.RawURLEncoding
	}
	plain := make([]byte, alphabet.DecodedLen(len(whole)))
	n, _ := alphabet.Decode(plain, whole) // what is before a fault is what there is
	e.into(plain[:n], from, end)
	return end
}

// joined64 returns the run with the lines that it goes on in, and its end with
// the padding.
func joined64(text []byte, from, to int) (whole []byte, end int) {
	whole = text[from:to]
	for copied := false; (to-from)%4 == 0 || copied; copied = true {
		next := to
		for next < len(text) && next-to < 40 && (isSpace(text[next]) || text[next] == '\\' && next+1 < len(text) && (text[next+1] == 'n' || text[next+1] == 'r')) {
			if text[next] == '\\' {
				next++
			}
			next++
		}
		if next == to || next == len(text) || !bytes.ContainsAny(text[to:next], "\nn") {
			break
		}
		stop := next
		for stop < len(text) && base64Bytes[text[stop]] {
			stop++
		}
		if stop == next || stop < len(text) && text[stop] == ':' || len(whole) > maxEncoded {
			break
		}
		if !copied {
			whole = bytes.Clone(whole)
		}
		whole = append(whole, text[next:stop]...)
		to = stop
	}
	end = to
	for end < len(text) && end-to < 2 && text[end] == '=' {
		end++
	}
	return whole, end
}

// readable reports whether bytes begin a text, or what is packed or in UTF-16.
func readable(b []byte) bool {
	if bytes.HasPrefix(b, gzipMagic) {
		return true
	}
	zeros := 0
	for i, c := range b {
		switch {
		case c == 0 && i%2 == 1:
			zeros++
		case c >= 0x7f || c < 0x20 && c != '\n' && c != '\r' && c != '\t':
			return false
		}
	}
	return zeros == 0 || zeros == len(b)/2
}

var gzipMagic = []byte("\x1f\x8b\x08")

// decodeHex decodes a run of hexadecimal digits that holds a text, nil for others.
func decodeHex(run []byte) []byte {
	if len(run)%2 != 0 || len(run) < minEncoded || !isHexByte(run[0]) || !isHexByte(run[1]) || run[0] >= '8' {
		return nil
	}
	plain := make([]byte, 0, minEncoded/2)
	for i := 0; i < len(run); i += 2 {
		if !isHexByte(run[i]) || !isHexByte(run[i+1]) {
			return nil
		}
		plain = append(plain, byte(hexDigit(run[i])<<4|hexDigit(run[i+1])))
		if len(plain) == minEncoded/2 && !readable(plain) {
			return nil
		}
	}
	return plain
}

func isHexByte(b byte) bool { return '0' <= b && b <= '9' || 'a' <= b|0x20 && b|0x20 <= 'f' }

// percent looks into what is written with percent signs (RFC 3986, 2.1).
func (e *encoded) percent() {
	for at := 0; ; {
		i := bytes.IndexByte(e.text[at:], '%')
		if i < 0 {
			return
		}
		i += at
		at = i + 1
		if i+2 >= len(e.text) || !isHexByte(e.text[i+1]) || !isHexByte(e.text[i+2]) {
			continue
		}
		from, to := i, i+3
		for from > 0 && i-from < maxLine && percentBytes[e.text[from-1]] {
			from--
		}
		for to < len(e.text) && to-i < maxEncoded && percentBytes[e.text[to]] {
			to++
		}
		at = to
		if to-from >= minEncoded {
			e.into(unescape(e.text[from:to]), from, to)
		}
	}
}

func unescape(run []byte) []byte {
	plain := make([]byte, 0, len(run))
	for i := 0; i < len(run); i++ {
		b := run[i]
		if b == '%' && i+2 < len(run) && isHexByte(run[i+1]) && isHexByte(run[i+2]) {
			b = byte(hexDigit(run[i+1])<<4 | hexDigit(run[i+2]))
			i += 2
		}
		plain = append(plain, b)
	}
	return plain
}

// into looks for secrets in what was decoded from a part of the text.
func (e *encoded) into(plain []byte, from, to int) {
	if bytes.HasPrefix(plain, gzipMagic) {
		plain = unpacked(plain)
	}
	if e.decoded += len(plain); e.decoded > maxDecoded || len(e.found) >= maxMatches || len(plain) == 0 {
		return
	}
	if len(plain) > 1 && plain[1] == 0 {
		plain = fromUTF16(append([]byte{0xff, 0xfe}, plain...))
	}
	before := 0
	if len(plain) <= maxShort && !bytes.ContainsAny(plain, " \n{") {
		// Only its name tells what a single word is.
		line := e.text[max(from-maxContext, 0):from]
		line = line[bytes.LastIndexByte(line, '\n')+1:]
		plain, before = append(bytes.Clone(line), plain...), len(line)
	}
	found, whole := e.all.findAt(plain, e.path, false, e.depth+1)
	e.left = e.left || !whole
	for _, m := range found {
		if m.start < before {
			continue
		}
		value := bytes.Clone(m.value(plain))
		e.found = append(e.found, match{rule: m.rule, start: from, end: to, token: m.token, decoded: value})
	}
}

func unpacked(packed []byte) []byte {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil
	}
	plain, _ := io.ReadAll(io.LimitReader(z, maxUnpacked)) // what can be read of it
	return plain
}
