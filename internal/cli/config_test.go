package cli

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/careen/careen/internal/costs"
)

// FuzzConfig reads .careen.yaml, which anyone who can write to the working
// directory can write, and sets the flags of a scan by it.
func FuzzConfig(f *testing.F) {
	for _, text := range []string{
		"fail-on: high\nignore-unfixed: true\nformat: [table, sarif=careen.sarif]\n", "", "---\n", "timeout: 5m\nexit-code: 9", "all: ~",
		"fail-on: {a: b}", "format: [[a]]", "a: &x 1\nb: *x", "a: 1\na: 2", "- a\n- b", "? [a]\n: b", "a: !!binary aGk=", "a: \"\\x00\\u202e\"",
		"a: &a [*a]", "<<: {fail-on: high}", "fail-on: |\n high\n", "\xff\xfe", "a: b: c", "x: 1\n--- \ny: 2",
	} {
		f.Add([]byte(text))
	}
	costs.Fuzz(f, func(t *testing.T, data []byte) {
		values, err := parseConfig("careen.yaml", data)
		if err != nil {
			if values != nil || !strings.HasPrefix(err.Error(), "careen.yaml:") {
				t.Errorf("%v with the error %q", values, err)
			}
			return
		}
		c := &command{env: map[string]string{}}
		scan, _, err := c.root().Find([]string{"scan"})
		if err != nil {
			t.Fatal(err)
		}
		flags := scan.Flags()
		flags.VisitAll(func(f *pflag.Flag) {
			list, ok := values[f.Name]
			if !ok {
				return
			}
			if err := set(flags, f, list); err == nil && !f.Changed {
				t.Errorf("--%s: %q was taken, yet the flag is as before", f.Name, list)
			}
		})
	})
}
