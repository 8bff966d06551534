package secret

import (
	"bytes"
	"crypto/sha256"
)

// hidden represents what is not shown.
const hidden = "…"

// redact returns what may be shown of a secret: enough to find it again and to
// tell it from another, not enough to use or to guess it. Of what people choose
// nothing is shown, of a key its kind.
func redact(r *rule, secret []byte) string {
	const begin, dashes = "-----BEGIN ", "-----"
	if bytes.HasPrefix(secret, []byte(begin)) {
		if kind, _, ok := bytes.Cut(secret[len(begin):], []byte(dashes)); ok && len(kind) < 40 && isPlain(kind) {
			return begin + string(kind) + dashes + hidden
		}
		return hidden
	}
	shown := 0
	switch {
	case r.password || !isPlain(secret) || entropy(secret) < 3:
	case len(secret) >= 24:
		shown = 4
	case len(secret) >= 16:
		shown = 2
	}
	if shown == 0 {
		return hidden
	}
	return string(secret[:shown]) + hidden + string(secret[len(secret)-shown:])
}

func isPlain(text []byte) bool {
	for _, b := range text {
		if b < 0x20 || b > 0x7e {
			return false
		}
	}
	return true
}

// mark recognises the same secret elsewhere without holding it: three bytes of
// a digest, for the cache. Two secrets of an image share one by chance once in
// 16 million pairs. More bytes would let a reader of the cache confirm a
// guessed password; of a list of a billion guesses, some sixty fit this.
type mark [3]byte

func markOf(secret []byte) mark {
	sum := sha256.Sum256(secret)
	return mark(sum[:3])
}
