package perl

import (
	"fmt"
	"strings"
	"testing"

	"github.com/careen/careen/internal/costs"
)

// TestFactsBeyondTheBound: a source that loads more than is kept is as one that computes
// what it loads.
func TestFactsBeyondTheBound(t *testing.T) {
	for _, n := range []int{maxPerlFacts, maxPerlFacts + 1} {
		var src strings.Builder
		for i := range n {
			fmt.Fprintf(&src, "use A%d;\n", i)
		}
		if f := readPerl([]byte(src.String())); (f.Computed > 0) != (n > maxPerlFacts) {
			t.Errorf("%d modules: computed in line %d", n, f.Computed)
		}
	}
}

func FuzzReadPerl(f *testing.F) {
	f.Add([]byte("use strict;\nuse lib '/opt/x', \"$FindBin::Bin/../lib\";\nuse parent -norequire, 'A::B';\nrequire \"x.pl\";\ndo './y.pl';\nsystem('a b');\n"))
	f.Add([]byte("=pod\n\nuse Not::Loaded;\n\n=cut\n\nmy $m = shift; eval \"require $m\"; print qx{id};\n__END__\nuse Z;\n"))
	costs.Fuzz(f, func(t *testing.T, src []byte) {
		facts := readPerl(src)
		for _, list := range [][]string{facts.Modules, facts.Files, facts.Dirs, facts.Names, facts.Commands} {
			if len(list) > maxPerlFacts {
				t.Errorf("%d facts of one kind", len(list))
			}
		}
		if facts.Computed > strings.Count(string(src), "\n")+1 {
			t.Errorf("line %d", facts.Computed)
		}
	})
}
