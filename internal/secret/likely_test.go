package secret

import (
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/careen/careen/internal/golden"
)

// TestPairs counts pairs.txt anew with -update, from the text files below the
// directories that CAREEN_PAIRS_FROM lists.
func TestPairs(t *testing.T) {
	from := os.Getenv("CAREEN_PAIRS_FROM")
	if !golden.Update() || from == "" {
		t.Skip("-update and CAREEN_PAIRS_FROM: not asked to count")
	}
	var l *language
	for range 3 { // what looks drawn by lot is left out of the next count
		l = countPairs(filepath.SplitList(from), l)
	}
	if err := os.WriteFile("pairs.txt", []byte(l.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

var wordLike = regexp.MustCompile(`[A-Za-z0-9_./+=~-]{4,80}`)

func countPairs(roots []string, known *language) *language {
	var letter [boundary + 1][boundary + 1]float64
	var class [classes * classes][classes]float64
	seen := map[string]bool{}
	for _, root := range roots {
		filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return nil
			}
			data, err := os.ReadFile(name)
			if err != nil || len(data) > 1<<20 || !isText(data[:min(len(data), 512)]) {
				return nil
			}
			for _, word := range wordLike.FindAll(data, -1) {
				if seen[string(word)] || len(seen) > 3_000_000 {
					continue
				}
				seen[string(word)] = true
				if known != nil {
					if bits, _, _ := known.evidence(word); bits > 15 {
						continue
					}
				}
				c := atStart()
				for _, b := range word {
					context, kind, from, to := c.step(b)
					class[context][kind]++
					if to != boundary {
						letter[from][to]++
					}
				}
			}
			return nil
		})
	}
	l := &language{}
	for i := range letter {
		normalise(letter[i][:boundary], l.letter[i][:boundary])
	}
	for i := range class {
		normalise(class[i][:], l.class[i][:])
	}
	return l
}

// normalise turns counts into costs.
func normalise(counts []float64, bits []float32) {
	sum := 0.0
	for _, n := range counts {
		sum += n + 1
	}
	for i, n := range counts {
		bits[i] = float32(min(-math.Log2((n+1)/sum), 15.9))
	}
}

func (l *language) String() string {
	var b strings.Builder
	for i := range l.letter {
		for _, bits := range l.letter[i] {
			fmt.Fprintf(&b, "%02x", int(bits*perBit+0.5))
		}
		b.WriteByte('\n')
	}
	for i := range l.class {
		for _, bits := range l.class[i] {
			fmt.Fprintf(&b, "%02x", int(bits*perBit+0.5))
		}
		b.WriteByte('\n')
	}
	return b.String()
}
