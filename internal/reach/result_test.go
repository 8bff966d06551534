package reach

import (
	"fmt"
	"strings"
	"testing"
)

// chained has n scripts of which each runs the next; how says how the first is
// reached.
func chained(n int, how string) *Walk {
	w := &Walk{marks: map[string]mark{"s0": {"", how, Reached}}}
	for i := 1; i < n; i++ {
		w.marks[fmt.Sprint("s", i)] = mark{fmt.Sprint("s", i-1), "runs /s", Reached}
	}
	return w
}

// TestLongChains: a file thousands of steps away is started if all steps to it
// are command lines, and its chain is said from where it is too long.
func TestLongChains(t *testing.T) {
	const n = 5000
	for how, want := range map[string]bool{"CMD": true, "named in a string": false} {
		w := chained(n, how)
		w.marks["lib"] = mark{"s9", "needs lib", Reached}
		w.marks["kept"] = mark{"s9", "runs /kept", Unknown}
		r := newResult(w)
		for file, want := range map[string]bool{"s0": want, "s100": want, fmt.Sprint("s", n-1): want, "lib": false, "kept": false, "nowhere": false} {
			if got := r.Started(file); got != want {
				t.Errorf("%s, %s: started is %t, want %t", how, file, got, want)
			}
		}
	}
	r := newResult(chained(n, "CMD"))
	far := r.File("s4999").Chain
	if len(far) != maxChain || far[len(far)-1].Path != "s4999" || !strings.HasPrefix(far[0].How, "… ") {
		t.Errorf("%d steps, from %+v", len(far), far[0])
	}
	if near := r.File("s50").Chain; len(near) != 51 || near[0] != (Step{"s0", "CMD"}) {
		t.Errorf("%d steps, from %+v", len(near), near[0])
	}
}

// BenchmarkChains doubles a chain and asks for all of its files: the time doubles.
func BenchmarkChains(b *testing.B) {
	for n := 4000; n <= 16_000; n *= 2 {
		b.Run(fmt.Sprint("files=", n), func(b *testing.B) {
			w := chained(n, "CMD")
			for b.Loop() {
				r := newResult(w)
				for file := range w.marks {
					r.File(file)
				}
			}
		})
	}
}
