package safetext

import "testing"

func TestCount(t *testing.T) {
	for _, tt := range []struct {
		n    int
		noun string
		want string
	}{
		{1, "layer", "1 layer"},
		{0, "layer", "0 layers"},
		{2, "library", "2 libraries"},
		{2, "SSH host key", "2 SSH host keys"},
		{3, "match", "3 matches"},
		{3, "address", "3 addresses"},
	} {
		if got := Count(tt.n, tt.noun); got != tt.want {
			t.Errorf("Count(%d, %q) = %q, want %q", tt.n, tt.noun, got, tt.want)
		}
	}
}
