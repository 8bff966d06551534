package image

import (
	"fmt"
	"testing"
)

// BenchmarkMerge doubles the names of one manifest, and the manifests: the time doubles.
func BenchmarkMerge(b *testing.B) {
	for n := 8000; n <= 32_000; n *= 2 {
		for _, digests := range []int{1, n} {
			var candidates []candidate
			for i := range n {
				candidates = append(candidates, candidate{names: []string{fmt.Sprint("shop:", i)}, digest: fmt.Sprint("sha256:", i%digests), platform: Platform{OS: fmt.Sprint("os", i)}})
			}
			b.Run(fmt.Sprintf("names=%d/manifests=%d", n, digests), func(b *testing.B) {
				for b.Loop() {
					merged := merge(candidates)
					labels(merged)
					platforms(candidates)
				}
			})
		}
	}
}
