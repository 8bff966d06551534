package cli

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

func TestCompletionOfValues(t *testing.T) {
	for _, test := range []struct{ typed, want, not string }{
		{"scan --severity H", "HIGH", "LOW"},
		{"scan --severity HIGH,", "HIGH,CRITICAL", "HIGH,HIGH"},
		{"scan --severity cr", "CRITICAL", "HIGH"},
		{"scan --format ch", "", "checkstyle"},
		{"lint --format ch", "checkstyle", "table"},
		{"fs --format gi", "gitlab-secrets", "table"},
		{"scan --scanners vuln,se", "vuln,secret", "config"},
		{"scan --sort ", "severity", "HIGH"},
		{"scan --by v", "vulnerability", "package"},
		{"scan --pkg-types l", "library", "os"},
		{"lint --fail-on ne", "negligible", "none"},
		{"db search --format j", "json", "table"},
		{"harden --format k", "kubernetes", "docker"},
		{"scan --platform linux/arm6", "linux/arm64", "all"},
	} {
		var out, stderr bytes.Buffer
		words := strings.Split(test.typed, " ")
		runCareen(context.Background(), append([]string{"__completeNoDesc"}, words...), []string{"HOME=" + t.TempDir()}, strings.NewReader(""), &out, &stderr)
		lines := strings.Split(out.String(), "\n")
		has := func(word string) bool {
			for _, l := range lines {
				if l == word {
					return true
				}
			}
			return false
		}
		if test.want != "" && !has(test.want) || has(test.not) {
			t.Errorf("%q: %q, want %q and not %q: %s", test.typed, lines, test.want, test.not, stderr.String())
		}
	}
}
