package exe

import (
	"bytes"
	"os"
	"runtime"
	"testing"

	"github.com/careen/careen/internal/costs"
)

//go:noinline
func takes(words ...string) int { return len(words[0]) }

// TestGoStrings looks for strings of this very test: one that is an argument, one
// in a list, and a part of one, which is none.
func TestGoStrings(t *testing.T) {
	if runtime.GOARCH != "amd64" || runtime.GOOS != "linux" {
		t.Skip("this test's own program is of another kind")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(self)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	takes(os.Getenv("probe-variable"), "probe-argument")
	found := map[string]bool{}
	for s := range GoStrings(f, 20) {
		found[string(s)] = true
	}
	for word, want := range map[string]bool{"probe-variable": true, "probe-argument": true, string([]byte("probe-")) + "arg": false} {
		if found[word] != want {
			t.Errorf("%q: found %v, want %v", word, found[word], want)
		}
	}
	if len(found) < 1000 {
		t.Errorf("only %d strings", len(found))
	}
}

func FuzzGoStrings(f *testing.F) {
	head := make([]byte, 128)
	copy(head, "\x7fELF\x02\x01\x01")
	head[18] = 62
	f.Add(head)
	costs.Fuzz(f, func(t *testing.T, data []byte) {
		n := 0
		for s := range GoStrings(bytes.NewReader(data), 20) {
			if n++; len(s) < 2 || len(s) > 20 || n > len(data)*goWindow {
				t.Fatalf("%d strings, the last %q", n, s)
			}
		}
	})
}
