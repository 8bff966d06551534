package secret

import (
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

func TestExtent(t *testing.T) {
	for _, c := range []struct {
		expr, text string
		want       string // what cut leaves; "" where nothing can match
	}{
		{`ab`, "abc", "abc"},
		{`ab`, "ab", "ab"},
		{`ab`, "a", ""},
		{`a+b`, "aaabaa c", "aaabaa "},
		{`(?i:ab)[0-9]{3}`, "aB123é!x", "aB123é!"},
		{`(?i:ab)[0-9]{3}`, "aB12 3", ""},
		{`a(?:b|cd)?e.`, "abe\nx", "abe\n"},
		{`a(?:b|cd)?e.`, "acde?\nx", "acde?\n"},
		{`a(?s:.){2}`, "a\n\nx", "a\n\nx"},
		{`://[^/]+@h`, "://user/pass@h", "://user/pass@h"},
		{`://[^@ ]+@[a-z]`, "://host path@h", ""},
		{`\A(?:\b(ab[0-9]{2,})(?:[^\w-]|$))`, "ab123,x y", "ab123,"},
		{`\A(?:\b(ab[0-9]{2,})(?:[^\w-]|$))`, "ab,123456", ""},
		{`(a`, "b", "b"},
	} {
		e := extentOf(c.expr)
		if got := string(e.cut([]byte(c.text), e.span([]byte(c.text)))); got != c.want {
			t.Errorf("%s: %q is cut to %q, want %q", c.expr, c.text, got, c.want)
		}
	}
}

// TestExtentOfRules holds what the cut text matches against what the whole
// matches, for each of our anchored rules, at every keyword of the corpus and of
// the corpus with characters changed.
func TestExtentOfRules(t *testing.T) {
	corpus, err := os.ReadFile("testdata/corpus.txt")
	if err != nil {
		t.Fatal(err)
	}
	all := defaults(t)
	rng := rand.New(rand.NewPCG(1, 2))
	const noise = " \n\"'@:/=AZaz09-_\xc3"
	compared, spared := 0, 0
	for range 2 {
		all.automaton().each(corpus, func(k int32, end int) {
			text := corpus[end-all.automaton().length[k] : min(end+500, len(corpus))]
			for _, r := range all.ofKeyword[k] {
				if !r.anchored {
					continue
				}
				want := r.regex().FindSubmatchIndex(text)
				var got []int
				if cut := r.extent().cut(text, r.extent().span(text)); cut != nil {
					got = r.regex().FindSubmatchIndex(cut)
				} else {
					spared++
				}
				compared++
				if !slices.Equal(got, want) {
					t.Errorf("%s in %q: %v, want %v", r.id, text, got, want)
				}
			}
		})
		for range len(corpus) / 50 {
			corpus[rng.IntN(len(corpus))] = noise[rng.IntN(len(noise))]
		}
	}
	t.Logf("%d matches compared, %d of them spared", compared, spared)
	if compared < 1000 || spared == 0 {
		t.Error("the corpus shows nothing")
	}
}

func TestNeeds(t *testing.T) {
	for _, c := range []struct {
		expr, text string
		want       bool
	}{
		{`AB[0-9]+`, "xAB", false},
		{`AB[0-9]+`, "xAB0", true},
		{`AB[0-9]+`, "ab1", false},
		{`(?i:AB)[0-9]+`, "ab1", true},
		{`(?i::/)x`, "x:", false},
		{`(?:AB|C[DE])x`, "-CDx", true},
		{`(?:AB|C[DE])x`, "-ADx", false},
		{`(?:AB|[DE])x`, "Dx", true},
		{`(?:AB){2,}x`, "ABABx", true},
		{`(?:AB)*x`, "x", true},
		{`(?:AB)?x(y+)`, "x", false},
		{`://[^@]+:p@`, "://host:80/", false},
		{`(?:^|[^a-z])([a-z]{4})(?:[^a-z]|$)`, "abcd", true},
		{`(?:^|[^a-z])([a-z]{4})(?:[^a-z]|$)`, "abc def", false},
		{`(?:^|[^a-z])([a-z]{4})(?:[^a-z]|$)`, "é cdéf ", true},
	} {
		if got := extentOf(c.expr).mayMatch([]byte(c.text)); got != c.want {
			t.Errorf("%s: %q: %t", c.expr, c.text, got)
		}
	}
}

// TestNeedsOfRules: what a rule matches, in the corpus and in the corpus with
// characters changed, has what the rule needs.
func TestNeedsOfRules(t *testing.T) {
	corpus, err := os.ReadFile("testdata/corpus.txt")
	if err != nil {
		t.Fatal(err)
	}
	matched := 0
	rng := rand.New(rand.NewPCG(3, 4))
	for range 2 {
		for _, r := range defaults(t).rules {
			if r.regex == nil {
				continue
			}
			for _, at := range r.regex().FindAllIndex(corpus, 50) {
				matched++
				if !r.extent().mayMatch(corpus[at[0]:at[1]]) {
					t.Errorf("%s matches %q, which has not what it needs", r.id, corpus[at[0]:at[1]])
				}
			}
		}
		corpus = slices.Clone(corpus)
		for range len(corpus) / 40 {
			i := rng.IntN(len(corpus))
			corpus[i] ^= 0x20
		}
	}
	if matched < 200 { // of the rules that are not anchored
		t.Errorf("only %d matches were looked at", matched)
	}
}
