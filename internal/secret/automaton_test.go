package secret

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/careen/careen/internal/costs"
)

// occurrences finds keywords the plain way.
func occurrences(keywords []string, text []byte) []string {
	folded := bytes.ToLower(text)
	var all []string
	for id, k := range keywords {
		if k == "" {
			continue
		}
		for i := 0; i+len(k) <= len(folded); i++ {
			if string(folded[i:i+len(k)]) == strings.ToLower(k) {
				all = append(all, fmt.Sprintf("%d at %d", id, i+len(k)))
			}
		}
	}
	slices.Sort(all)
	return all
}

func automatonFinds(keywords []string, text []byte) []string {
	var all []string
	newAutomaton(keywords).each(text, func(k int32, end int) { all = append(all, fmt.Sprintf("%d at %d", k, end)) })
	slices.Sort(all)
	return all
}

// TestAutomaton compares the automaton with a search for each keyword, on texts
// of few letters, in which keywords overlap, contain and follow each other.
func TestAutomaton(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	word := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = "abAB-\x00"[rng.IntN(6)]
		}
		return string(b)
	}
	for range 1000 {
		var keywords []string
		for range rng.IntN(8) {
			keywords = append(keywords, word(rng.IntN(5)))
		}
		text := []byte(word(rng.IntN(60)))
		if len(keywords) > 0 && rng.IntN(4) == 0 {
			text = []byte(word(1000 + rng.IntN(200))) // long enough to be walked in quarters
		}
		if got, want := automatonFinds(keywords, text), occurrences(keywords, text); !slices.Equal(got, want) {
			t.Fatalf("%q in %q: got %v, want %v", keywords, text, got, want)
		}
	}
}

func FuzzAutomaton(f *testing.F) {
	f.Add("he she his hers", []byte("uSHErs"))
	f.Add("a aa aaa", []byte("aaaa"))
	costs.Fuzz(f, func(t *testing.T, words string, text []byte) {
		if len(words) > 200 || len(text) > 2000 || !isASCII(words) || !isASCII(string(text)) {
			return
		}
		keywords := strings.Split(words, " ")
		if got, want := automatonFinds(keywords, text), occurrences(keywords, text); !slices.Equal(got, want) {
			t.Fatalf("%q in %q: got %v, want %v", keywords, text, got, want)
		}
	})
}

// isASCII keeps to what bytes.ToLower and the automaton fold alike.
func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
