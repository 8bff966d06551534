package cli

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// TestManPages: each verb has a page that says all that its --help says, and
// troff has nothing to say about it.
func TestManPages(t *testing.T) {
	root := (&command{}).root()
	verbs := withSubverbs(root)
	if len(verbs) < 20 {
		t.Fatalf("only %d verbs", len(verbs))
	}
	for _, verb := range verbs {
		page := manPage(verb, "2026-11-28")
		plain := strings.NewReplacer(`\-`, "-", `\&`, "", `\e`, `\`).Replace(page)
		plain = strings.Join(strings.Fields(plain), " ")
		want := []string{verb.Short}
		for _, text := range []string{verb.Long, verb.Example} {
			for line := range strings.Lines(text) {
				want = append(want, strings.Join(strings.Fields(line), " "))
			}
		}
		note := func(f *pflag.Flag) {
			if _, usage := pflag.UnquoteUsage(f); !f.Hidden {
				want = append(want, "--"+f.Name, usage)
			}
		}
		verb.NonInheritedFlags().VisitAll(note)
		verb.InheritedFlags().VisitAll(note)
		for _, w := range want {
			if !strings.Contains(plain, strings.ReplaceAll(w, "\n", " ")) {
				t.Errorf("the page of %s lacks %q", verb.CommandPath(), w)
			}
		}
		for line := range strings.Lines(page) {
			if strings.HasPrefix(line, ".") && !strings.HasPrefix(line, ".S") && !strings.HasPrefix(line, ".T") && !strings.HasPrefix(line, ".B ") &&
				line != ".PP\n" && line != ".nf\n" && line != ".fi\n" {
				t.Errorf("the page of %s: text is taken for a command: %q", verb.CommandPath(), line)
			}
		}
		groff, err := exec.LookPath("groff")
		if err != nil || os.Getenv("CAREEN_LONG") == "" {
			continue // starting it for each page takes seconds
		}
		cmd := exec.Command(groff, "-man", "-ww", "-z", "-K", "utf8", "-Tutf8")
		cmd.Stdin = strings.NewReader(page)
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("the page of %s: %v\n%s", verb.CommandPath(), err, out)
		}
	}
}

func TestRoff(t *testing.T) {
	for text, want := range map[string]string{
		"a -b":          `a \-b`,
		`c:\dir`:        `c:\edir`,
		".dot and 'x'":  `\&.dot and 'x'`,
		"'quoted' -":    `\&'quoted' \-`,
		"two\nlines .x": "two lines .x",
	} {
		if got := roffLine(text); got != want {
			t.Errorf("%q: %q, not %q", text, got, want)
		}
	}
}

// TestHelpGroupsVerbs: no verb stands outside the groups.
func TestHelpGroupsVerbs(t *testing.T) {
	root := (&command{}).root()
	root.InitDefaultCompletionCmd()
	for _, verb := range root.Commands() {
		if verb.GroupID == "" {
			t.Errorf("%s is in no group of careen --help", verb.Name())
		}
	}
}
