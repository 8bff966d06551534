package store

import (
	"context"
	"testing"
)

// TestFits: a pattern fits the same names here and in SQL.
func TestFits(t *testing.T) {
	ctx := context.Background()
	s, err := Open(ctx, "", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, test := range []struct {
		pattern, text string
		fits          bool
	}{
		{"host/team/app", "host/team/app", true},
		{"host/team/app", "host/team/app2", false},
		{"host/team/*", "host/team/a/b", true},
		{"host/team/*", "host/team", false},
		{"*/app", "host/team/app", true},
		{"a*a", "a", false},
		{"a*b*b", "aXb", false},
		{"a*b*b", "abb", true},
		{"*", "", true},
		{"host/t_am/*", "host/team/a", false},
		{"host/100%/*", "host/1000/a", false},
		{`host\*`, `host\x`, true},
		{"host/team/*", "host/TEAM/a", false},
		{"a*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
	} {
		if got := Fits(test.pattern, test.text); got != test.fits {
			t.Errorf("%q fits %q: %v, want %v", test.pattern, test.text, got, test.fits)
		}
		one := 0
		found, err := s.one(ctx, `select 1 where $1 like $2 escape '\'`, []any{test.text, like(test.pattern)}, []any{&one})
		if err != nil || found != test.fits {
			t.Errorf("in SQL %q fits %q: %v, want %v (%v)", test.pattern, test.text, found, test.fits, err)
		}
	}
}
