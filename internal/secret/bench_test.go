package secret

import (
	"os"
	"testing"

	"github.com/careen/careen/internal/rootfs"
)

// sourceText is a megabyte of Go: words such as "token" and "password" stand in
// it as often as in other code.
func sourceText(b *testing.B) []byte {
	var text []byte
	for _, name := range []string{"engine.go", "rules.go", "check.go", "rules.toml", "testdata/corpus.txt", "corpus_test.go", "life.go"} {
		data, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		text = append(text, data...)
	}
	for len(text) < 1<<20 {
		text = append(text, text...)
	}
	return text[:1<<20]
}

// BenchmarkPrefilter is the automaton alone.
func BenchmarkPrefilter(b *testing.B) {
	all, err := DefaultRules()
	if err != nil {
		b.Fatal(err)
	}
	for _, input := range []struct {
		name string
		text []byte
	}{{"source", sourceText(b)}, {"zeros", make([]byte, 1<<20)}} {
		b.Run(input.name, func(b *testing.B) {
			b.SetBytes(int64(len(input.text)))
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				all.automaton().each(input.text, func(int32, int) { n++ })
			}
			b.ReportMetric(float64(n)/float64(b.N), "hits/op")
		})
	}
}

// BenchmarkFind is all that is done to a file; its text is full of rules and
// keywords, so it is about the worst.
func BenchmarkFind(b *testing.B) {
	all := defaults(b)
	text := sourceText(b)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		all.find(text, "srv/app/rules.go", false)
	}
}

// BenchmarkOrdinary is the visitor's work on a file without keywords.
func BenchmarkOrdinary(b *testing.B) {
	v := defaults(b).Visitor()
	text := make([]byte, 16<<10)
	for i := range text {
		text[i] = "etaoin shrdlu\n"[i*7%14]
	}
	h := &rootfs.Header{Path: "usr/share/some/file", Size: int64(len(text))}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if !v.Want(h, text[:512]) {
			b.Fatal("not wanted")
		}
		if _, err := v.Visit(h, memory(text)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDefaultRules is what every scan pays.
func BenchmarkDefaultRules(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := builtin.rules(whenUsed); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAutomaton is what the first text costs.
func BenchmarkAutomaton(b *testing.B) {
	keywords := defaults(b).keywords()
	b.ReportAllocs()
	for b.Loop() {
		newAutomaton(keywords)
	}
}
