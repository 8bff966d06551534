package lint

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/careen/careen/internal/golden"
)

// Markers in docs/lint.md, between which the list of rules stands.
const (
	listBegins = "<!-- rules, written by go test ./internal/lint -update -->"
	listEnds   = "<!-- end of rules -->"
)

// topics are the headings of the list.
var topics = []struct{ prefix, title string }{
	{"CD0", "Dockerfiles: base images, stages, the shape of the file"},
	{"CD1", "Dockerfiles: users and what they may do"},
	{"CD2", "Dockerfiles: secrets, and what is fetched from elsewhere"},
	{"CD3", "Dockerfiles: packages"},
	{"CD4", "Dockerfiles: COPY, ADD, WORKDIR"},
	{"CD5", "Dockerfiles: CMD, ENTRYPOINT, EXPOSE, HEALTHCHECK"},
	{"CD6", "Dockerfiles: LABEL and ENV"},
	{"CD7", "Dockerfiles: the shell of RUN"},
	{"CS0", "Compose, Kubernetes, docker run: the file itself"},
	{"CS1", "Compose, Kubernetes, docker run: what a service may do"},
	{"CS2", "Compose, Kubernetes, docker run: what a service should have"},
	{"CW", "Workflows of GitHub, GitLab and CircleCI"},
}

func rulePage(r Rule) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s: %s\n\n", r.ID, r.Title)
	fmt.Fprintf(&b, "Severity %s. ", strings.ToLower(r.Severity.String()))
	switch {
	case r.Fixable:
		b.WriteString("Fixed by `careen lint --fix`.")
	case r.Optional:
		fmt.Fprintf(&b, "Only with `--only %s`.", r.ID)
	default:
		b.WriteString("A person has to fix it.")
	}
	if len(r.Same) > 0 {
		fmt.Fprintf(&b, " The same as %s.", strings.Join(r.Same, ", "))
	}
	fmt.Fprintf(&b, "\n\n%s\n\nWhat to do: %s.\n", r.Why, r.Fix)
	for _, in := range []struct{ file, fix string }{{"a compose file", r.In.compose}, {"a manifest of Kubernetes", r.In.kubernetes}, {"docker run", r.In.run}} {
		if in.fix != "" {
			fmt.Fprintf(&b, "\n- in %s: `%s`", in.file, in.fix)
		}
	}
	if r.In != (words{}) {
		b.WriteByte('\n')
	}
	name, language := "Dockerfile", "dockerfile"
	if r.File != "" {
		name, language = r.File, "yaml"
	}
	if strings.HasSuffix(name, ".sh") {
		language = "sh"
	}
	fmt.Fprintf(&b, "\n## Bad\n\n`%s`\n\n```%s\n%s```\n\n## Good\n\n```%[2]s\n%[4]s```\n", name, language, r.Bad, r.Good)
	fmt.Fprintf(&b, "\nSuppress it for one line with a comment above it: `# careen:ignore=%s why`. All rules: [lint.md](../lint.md).\n", r.ID)
	return b.String()
}

func ruleList() string {
	var b strings.Builder
	for _, topic := range topics {
		fmt.Fprintf(&b, "\n### %s\n\n| rule | asks for | severity | fix | same as |\n|---|---|---|---|---|\n", topic.title)
		for _, r := range rules {
			if !strings.HasPrefix(r.ID, topic.prefix) {
				continue
			}
			fix := ""
			if r.Fixable {
				fix = "yes"
			}
			fmt.Fprintf(&b, "| [%s](rules/%[1]s.md) | %s | %s | %s | %s |\n", r.ID, r.Title, strings.ToLower(r.Severity.String()), fix, strings.Join(r.Same, ", "))
		}
	}
	b.WriteByte('\n')
	return b.String()
}

// TestDocs compares docs/rules and the list of docs/lint.md with the table.
func TestDocs(t *testing.T) {
	docs := filepath.Join("..", "..", "docs")
	pages := map[string]bool{}
	for _, r := range rules {
		golden.File(t, filepath.Join(docs, "rules", r.ID+".md"), rulePage(r))
		pages[r.ID+".md"] = true
	}
	have, err := filepath.Glob(filepath.Join(docs, "rules", "C[DSW][0-9]*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range have {
		if !pages[filepath.Base(path)] {
			t.Errorf("%s: no such rule", path)
		}
	}
	golden.Section(t, filepath.Join(docs, "lint.md"), listBegins+"\n", listEnds, ruleList())
}
