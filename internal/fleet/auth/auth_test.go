package auth

import (
	"testing"
	"time"
)

// TestRate counts what a token gets through at given times, next to another's.
func TestRate(t *testing.T) {
	g := New(nil, "127.0.0.1:0", nil)
	now := time.Unix(1_800_000_000, 0)
	through := func(name string, asked int, at time.Time) (n int) {
		for range asked {
			if g.within(name, at) {
				n++
			}
		}
		return n
	}
	for _, c := range []struct {
		what, name string
		asked      int
		after      time.Duration
		want       int
	}{
		{"all at once", "ci", 1000, 0, burst},
		{"nothing is left", "ci", 10, 0, 0},
		{"another token has its own", "me", 10, 0, 10},
		{"a tenth of a second later", "ci", 1000, 100 * time.Millisecond, perSecond / 10},
		{"a second later", "ci", 1000, 1100 * time.Millisecond, perSecond},
		{"an hour later it is no more than at first", "ci", 1000, time.Hour, burst},
	} {
		if got := through(c.name, c.asked, now.Add(c.after)); got != c.want {
			t.Errorf("%s: %d of %d, want %d", c.what, got, c.asked, c.want)
		}
	}
}

func TestParseGroup(t *testing.T) {
	for text, want := range map[string]Group{
		"security=admin":          {Name: "security", Role: Admin},
		"cn=pay,dc=x=read":        {Name: "cn=pay,dc=x", Role: Read},
		"a=submit:h/x/*,h/y:5000": {Name: "a", Role: Submit, Scopes: []string{"h/x/*", "h/y:5000"}},
	} {
		got, err := ParseGroup(text)
		if err != nil || got.Name != want.Name || got.Role != want.Role || len(got.Scopes) != len(want.Scopes) {
			t.Errorf("%s: %+v, %v", text, got, err)
			continue
		}
		for i := range want.Scopes {
			if got.Scopes[i] != want.Scopes[i] {
				t.Errorf("%s: %q", text, got.Scopes)
			}
		}
	}
	for _, text := range []string{"", "=admin", "a", "a=", "a=king", "a=read:", "a=read:x,"} {
		if g, err := ParseGroup(text); err == nil {
			t.Errorf("%q is read as %+v", text, g)
		}
	}
}
