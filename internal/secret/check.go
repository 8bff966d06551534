package secret

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"hash/crc32"
	"math"
)

// checksums are what a rule may ask for by name: whether the bytes can be what
// they look like.
var checksums = map[string]func(secret []byte) bool{
	"crc32-base62": crc32Base62,
	"aws-key-id":   awsKeyID,
	"jwt":          isJWT,
	"private-key":  isPrivateKey,
	"basic-auth":   isBasicAuth,
	"random":       looksDrawn,
	"mixed":        isMixed,
}

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// crc32Base62 checks the six characters that end the tokens of GitHub and npm:
// the CRC-32 of what stands between the prefix and them, in base 62
// (github.blog, "Behind GitHub's new authentication token formats", 2021-04-05;
// "Announcing npm's new access token format", 2021-09-23).
func crc32Base62(token []byte) bool {
	const digits = 6
	_, body, ok := bytes.Cut(token, []byte{'_'})
	if !ok || len(body) <= digits {
		return false
	}
	sum := crc32.ChecksumIEEE(body[:len(body)-digits])
	for i := len(body) - 1; i >= len(body)-digits; i-- {
		if body[i] != base62[sum%62] {
			return false
		}
		sum /= 62
	}
	return true
}

// awsKeyID decodes the account out of an access key id: base 32 after the four
// letters that say what it is, the account in the bits 1 to 40, at most twelve
// digits. Ids of before 2019 continue with I or J and hold none.
func awsKeyID(id []byte) bool {
	const letters = 4
	if len(id) != 20 {
		return false
	}
	if id[letters] == 'I' || id[letters] == 'J' {
		return true
	}
	raw, err := base32.StdEncoding.DecodeString(string(id[letters:]))
	if err != nil {
		return false
	}
	var n uint64
	for _, b := range raw[:6] {
		n = n<<8 | uint64(b)
	}
	return (n&0x7fffffffff80)>>7 < 1_000_000_000_000
}

// isJWT decodes the header and the payload of a JSON Web Token (RFC 7519,
// section 3): both are objects, and the header names an algorithm.
func isJWT(token []byte) bool {
	parts := bytes.Split(token, []byte{'.'})
	if len(parts) != 3 {
		return false
	}
	var header struct{ Alg string }
	var claims map[string]any
	for i, into := range []any{&header, &claims} {
		raw, err := base64.RawURLEncoding.DecodeString(string(parts[i]))
		if err != nil || json.Unmarshal(raw, into) != nil {
			return false
		}
	}
	return header.Alg != "" && header.Alg != "none"
}

// isPrivateKey decodes the body of a PEM block, whose lines may be those of a
// string in some language: the sequence that keys in DER are, or OpenSSH's own
// form ("openssh-key-v1", PROTOCOL.key).
func isPrivateKey(block []byte) bool {
	const dashes = "-----"
	_, body, _ := bytes.Cut(block[min(len(dashes), len(block)):], []byte(dashes))
	body, _, _ = bytes.Cut(body, []byte(dashes))
	plain := make([]byte, 0, len(body))
	for i := 0; i < len(body); i++ {
		b := body[i]
		switch {
		case b == '\\':
			i++ // \n, \r, or a line feed that a backslash takes out
		case isWordByte(b) && b != '_' || b == '+' || b == '/':
			plain = append(plain, b)
		}
	}
	raw := make([]byte, base64.RawStdEncoding.DecodedLen(len(plain)))
	n, err := base64.RawStdEncoding.Decode(raw, plain)
	if err != nil || n < 32 {
		return false
	}
	const sequence = 0x30
	return raw[0] == sequence || bytes.HasPrefix(raw, []byte("openssh-key-v1\x00"))
}

// isBasicAuth decodes "user:password" (RFC 7617); a password that is a dummy
// does not count.
func isBasicAuth(encoded []byte) bool {
	raw, err := base64.StdEncoding.DecodeString(string(encoded))
	if err != nil {
		raw, err = base64.RawStdEncoding.DecodeString(string(encoded))
	}
	if err != nil {
		return false
	}
	user, password, ok := bytes.Cut(raw, []byte{':'})
	if !ok || len(user) == 0 || len(password) == 0 || isDummy(password, true) {
		return false
	}
	for _, b := range raw {
		if b < 0x20 || b == 0x7f {
			return false
		}
	}
	return true
}

// isMixed wants letters and digits both, or letters that nobody writes.
func isMixed(secret []byte) bool {
	c := countClasses(secret)
	if c.digits > 0 && c.upper+c.lower > 0 || looksDrawn(secret) {
		return true
	}
	bits, from, to := readLanguage().evidence(secret)
	return bits >= unwritten && 3*(to-from) >= 2*len(secret)
}

// unwritten is the evidence, in bits, that few words have.
const unwritten = 11

type classCounts struct{ digits, upper, lower, others int }

func countClasses(text []byte) classCounts {
	var c classCounts
	for _, b := range text {
		switch {
		case '0' <= b && b <= '9':
			c.digits++
		case 'A' <= b && b <= 'Z':
			c.upper++
		case 'a' <= b && b <= 'z':
			c.lower++
		default:
			c.others++
		}
	}
	return c
}

// entropy is Shannon's, in bits a byte.
func entropy(text []byte) float64 {
	if len(text) == 0 {
		return 0
	}
	var counts [256]int
	for _, b := range text {
		counts[b]++
	}
	var h float64
	for _, n := range counts {
		if n > 0 {
			p := float64(n) / float64(len(text))
			h -= p * math.Log2(p)
		}
	}
	return h
}
