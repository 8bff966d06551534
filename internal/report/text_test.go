package report

import (
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

func TestClean(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"libssl3", "libssl3"},
		{"naïve 漢字 é", "naïve 漢字 é"},
		{"a\tb\r\n", `a\tb\r\n`},
		{"\x1b[31mred\x1b[0m", `\x1b[31mred\x1b[0m`},
		{"\x1b]0;title\x07", `\x1b]0;title\x07`},
		{"\u009b31m", `\u009b31m`},
		{"\x7f\x00", `\x7f\x00`},
		{"evil\u202egnp.exe", `evil\u202egnp.exe`},
		{"\u2066x\u2069", `\u2066x\u2069`},
		{"zero\u200bwidth\ufeff", `zero\u200bwidth\ufeff`},
		{"soft\u00adhyphen", `soft\u00adhyphen`},
		{"\xffbad\xc3", `\xffbad\xc3`},
		{"\ufffd", "\ufffd"},
		{"filler\u3164", `filler\u3164`},
		{"tag\U000e0041", `tag\U000e0041`},
		{"e\u0301", "e\u0301"},
		{"\u0301e", `\u0301e`},
		{"e\u0301\u0302\u0303\u0304", "e\u0301\u0302\u0303" + `\u0304`},
	} {
		if got := clean(test.in); got != test.want {
			t.Errorf("clean(%q) = %q, want %q", test.in, got, test.want)
		}
	}
}

func TestTextWidth(t *testing.T) {
	for _, test := range []struct {
		in   string
		want int
	}{
		{"", 0}, {"abc", 3}, {"é", 1}, {"e\u0301", 1}, {"漢字", 4}, {"한글", 4}, {"\u1112\u1161\u11ab", 2}, {"ｆｕｌｌ", 8}, {"ﾊﾝ", 2},
		{"■▲…·−", 5}, {"💩", 2}, {"שָׁלוֹם", 4},
	} {
		if got := textWidth(test.in); got != test.want {
			t.Errorf("textWidth(%q) = %d, want %d", test.in, got, test.want)
		}
	}
}

// wideSince16 holds the symbols that Unicode 16 made wide; the tables of
// golang.org/x/text are those of Unicode 15.
var wideSince16 = &unicode.RangeTable{
	R16: []unicode.Range16{{0x2630, 0x2637, 1}, {0x268a, 0x268f, 1}, {0x4dc0, 0x4dff, 1}},
	R32: []unicode.Range32{{0x1d300, 0x1d356, 1}, {0x1d360, 0x1d376, 1}},
}

// The tables of golang.org/x/text are the authority on what is wide, for the
// version of Unicode that they are made from.
func TestWideRunesMatchUnicode(t *testing.T) {
	compared := 0
	for r := rune(0x300); r <= utf8.MaxRune; r++ {
		if !visible(r) || runeWidth(r) == 0 {
			continue // not assigned, or not printed as a column
		}
		kind := width.LookupRune(r).Kind()
		want := 1
		if kind == width.EastAsianWide || kind == width.EastAsianFullwidth {
			want = 2
		}
		if unicode.Is(wideSince16, r) {
			want = 2
		}
		compared++
		if got := runeWidth(r); got != want {
			t.Errorf("%U %q: %d columns, Unicode says %d (%v)", r, r, got, want, kind)
		}
	}
	if compared < 100000 {
		t.Fatalf("compared only %d runes", compared)
	}
	t.Logf("%d runes", compared)
}

func TestFitAndSplit(t *testing.T) {
	l := words("漢字 abc").and(inked("def", red))
	for w := range 12 {
		if got := l.fit(w).width(); got > w {
			t.Errorf("fit(%d) takes %d columns", w, got)
		}
	}
	if got := l.fit(6).paint(false, false); got != "漢字 …" {
		t.Errorf("fit(6) = %q", got)
	}
	if got := l.fit(9).paint(true, false); got != "漢字 abc\x1b[31m…\x1b[0m" {
		t.Errorf("fit(9) = %q", got)
	}
	head, rest := l.split(9)
	if head.paint(false, false) != "漢字" || rest.paint(true, false) != "abc\x1b[31mdef\x1b[0m" {
		t.Errorf("split(9) = %q, %q", head.paint(false, false), rest.paint(true, false))
	}
	head, rest = words("  unbroken").split(6)
	if head.paint(false, false) != "  unbr" || rest.paint(false, false) != "oken" {
		t.Errorf("split of one word = %q, %q", head.paint(false, false), rest.paint(false, false))
	}
}
