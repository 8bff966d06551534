package cli

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/careen/careen/internal/cli/manual"
)

// TestManPages: each verb has a page that says all that its --help says, and
// troff has nothing to say about it.
func TestManPages(t *testing.T) {
	root := (&command{}).root()
	verbs := manual.Verbs(root)
	if len(verbs) < 20 {
		t.Fatalf("only %d verbs", len(verbs))
	}
	for _, verb := range verbs {
		page := manual.Page(verb, "1.0", "2026-11-28")
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
