package spelling

import (
	"fmt"
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	words := []string{"scan", "lint", "pin", "harden", "fail-on", "db-repository"}
	for word, want := range map[string]string{
		"scna": "scan", "scam": "scan", "sca": "scan", "scaan": "scan", "nmap": "", "failon": "fail-on", "FAIL_ON": "fail-on", "fail": "",
		"db-repositry": "db-repository", "dbrepozitori": "db-repository", "": "", "redis": "", "nginx": "", "hardened": "harden", "x": "",
		"db-repository-mirror": "db-repository", "db-repo": "db-repository", "db-rep": "", "fail-on-severity": "fail-on", "failonhigh": "fail-on", "hardenin": "harden", "harden-it-all": "", "dbreposi": "db-repository", "scanners-of-scans": "", // a short begin says little
		strings.Repeat("a", 5000): "",
	} {
		if got := Nearest(word, words); got != want {
			t.Errorf("%.40q: %q, not %q", word, got, want)
		}
	}
	if d := Slips("abcd", "badc", 9); d != 2 {
		t.Errorf("two swaps: %d", d)
	}
	if got := fmt.Sprint(Slips("", "abc", 9), Slips("abc", "", 9), Slips("same", "same", 9)); got != "3 3 0" {
		t.Error(got)
	}
}

// TestSlipsStopsEarly: a bound changes no answer below it.
func TestSlipsStopsEarly(t *testing.T) {
	words := []string{"", "a", "ab", "ba", "abcd", "badc", "acbd", "usr/bin/env", "usr/bni/env", "usr/lib"}
	for _, a := range words {
		for _, b := range words {
			whole := Slips(a, b, 100)
			for most := range 8 {
				if got := Slips(a, b, most); got != min(whole, most) {
					t.Errorf("%q %q at most %d: %d, whole %d", a, b, most, got, whole)
				}
			}
		}
	}
}
