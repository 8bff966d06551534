package manual

import "testing"

func TestRoff(t *testing.T) {
	for text, want := range map[string]string{
		"a -b":          `a \-b`,
		`c:\dir`:        `c:\edir`,
		".dot and 'x'":  `\&.dot and 'x'`,
		"'quoted' -":    `\&'quoted' \-`,
		"two\nlines .x": "two lines .x",
	} {
		if got := roffLine(text); got != want {
			t.Errorf("%q: %q, not %q", text, got, want)
		}
	}
}
