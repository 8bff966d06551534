package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/careen/careen/internal/golden"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/report"
)

// TestPageListsTheFormats: docs/output.md has the table that the verbs read.
func TestPageListsTheFormats(t *testing.T) {
	const file = "../../docs/output.md"
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("\n| format | of which verbs | who reads it |\n|---|---|---|\n")
	for _, f := range report.Formats() {
		name := "`" + f.Name + "`"
		if strings.Contains(string(page), "\n## "+f.Name+"\n") {
			name = fmt.Sprintf("[%s](#%s)", name, f.Name)
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", name, strings.ReplaceAll(f.Verbs, " ", ", "), f.What)
	}
	golden.Section(t, file, "<!-- formats -->\n", "<!-- /formats -->\n", b.String()+"\n")
}

// TestActionNamesTheFormats: the action takes what a scan does.
func TestActionNamesTheFormats(t *testing.T) {
	golden.Section(t, "../../action.yml", "  format:\n    description: \"", "\"\n", "One of "+report.FormatNames("scan"))
}

// TestEveryFormatIsWritten: what a verb's help offers, it writes, for an image, a
// Dockerfile and a file with a secret; and nothing else is taken.
func TestEveryFormatIsWritten(t *testing.T) {
	cache := t.TempDir()
	target, dir := writeFormatSamples(t)
	lines := map[string][]string{
		"scan": {"scan", target}, "sbom": {"sbom", target}, "secret": {"secret", dir}, "lint": {"lint", dir},
		"check": {"check", target, dir}, "pin": {"pin", "--check", "--offline", dir}, "harden": {"harden", target}, "reach": {"reach", target},
		"slim": {"slim", "--dry-run", target}, "plan": {"plan", "--base-layers", "1", target},
		"diff": {"diff", target, target}, "base": {"base", "--base-layers", "1", target, target}, "db": {"db", "info"},
	}
	for _, f := range report.Formats() {
		for _, verb := range strings.Fields(f.Verbs) {
			if lines[verb] == nil {
				t.Errorf("careen %s is not tried", verb)
			}
		}
	}
	for verb, args := range lines {
		for _, f := range append(report.FormatsOf(verb), report.Format{Name: "hologram"}) {
			name := f.Name
			if name == "template" {
				name = "template=@" + dir + "/t.tmpl"
			}
			t.Run(verb+" "+f.Name, func(t *testing.T) {
				var stdout, stderr bytes.Buffer
				runCareen(t.Context(), append(slices.Clone(args), "-f", name, "--cache-dir", cache), nil, &bytes.Buffer{}, &stdout, &stderr)
				if refused := strings.Contains(stderr.String(), "--format"); refused != (f.Name == "hologram") || (stdout.Len() == 0) != refused {
					t.Errorf("%d bytes on stdout, and %s", stdout.Len(), stderr.String())
				}
			})
		}
	}
}

// writeFormatSamples writes an image whose program is a shell script, and a
// project with a secret.
func writeFormatSamples(t *testing.T) (target, dir string) {
	t.Helper()
	target = imagetest.Layout(t, imagetest.Image{
		Config: image.Config{Entrypoint: []string{"/app/run"}},
		Layers: []imagetest.Layer{
			{Instruction: "ADD base", Entries: []imagetest.Entry{
				imagetest.File("etc/os-release", "ID=debian\nVERSION_ID=12\n"),
				imagetest.Exec("bin/sh", imagetest.ELF{}.Build()),
			}},
			{Instruction: "COPY app", Entries: []imagetest.Entry{
				imagetest.Exec("app/run", "#!/bin/sh\necho hello\n"),
				imagetest.File("app/node_modules/minimist/package.json", `{"name":"minimist","version":"0.0.8"}`),
			}},
		},
	})
	dir = t.TempDir()
	token := "ghp_" + strings.Repeat("1a2B3c4D5e", 3) + "Xx1YyZ"
	for name, text := range map[string]string{
		"Dockerfile": "FROM alpine\nRUN apk add curl\n", ".env": "GITHUB_TOKEN=" + token + "\n", "t.tmpl": "{{range .}}{{.careen}}.{{end}}",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return target, dir
}
