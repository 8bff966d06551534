package store

import (
	"strings"
	"testing"
)

func TestDigestComesBack(t *testing.T) {
	seen := map[string]string{}
	for _, text := range []string{
		"", "x", "sha256:0", "sha256:" + strings.Repeat("ab", 32), "sha256:" + strings.Repeat("AB", 32), "sha512:" + strings.Repeat("ab", 64), "sha384:" + strings.Repeat("ab", 48),
		strings.Repeat("x", 31), strings.Repeat("x", 32), strings.Repeat("x", 63), strings.Repeat("x", 64), "sha512:" + strings.Repeat("ab", 32), "sha256:" + strings.Repeat("zz", 32),
	} {
		b := digest(text).bytes()
		if other, twice := seen[string(b)]; twice {
			t.Errorf("%q and %q are kept as the same bytes", text, other)
		}
		seen[string(b)] = text
		var back digest
		if err := back.Scan(b); err != nil || string(back) != text {
			t.Errorf("%q comes back as %q: %v", text, back, err)
		}
	}
}
