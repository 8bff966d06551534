package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/safetext"
)

// evil is what an image's author may put into any name: it turns the text
// around, begins a control sequence, hides, ends the line.
const evil = "\u202eevil\u009b31m\u200b\u2066\u2028\x7f"

// TestNoVerbPrintsControls: whatever a verb prints as JSON, and what it says of
// it on stderr, holds no rune that a terminal obeys instead of showing it. Every
// verb that has a JSON form is tried.
func TestNoVerbPrintsControls(t *testing.T) {
	cache, dir := t.TempDir(), t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	target := imagetest.Layout(t, imagetest.Image{
		Config: image.Config{
			Entrypoint: []string{"/app/" + evil}, Labels: map[string]string{evil: evil}, User: "us" + evil, Volumes: []string{"/v" + evil},
			Env: []string{"E" + evil + "=" + evil, "PASSWORD=" + evil}, WorkingDir: "/w" + evil, ExposedPorts: []string{"80/tcp"},
		},
		Layers: []imagetest.Layer{
			{Instruction: "ADD base" + evil, Entries: []imagetest.Entry{
				imagetest.File("etc/os-release", "ID=debian\nVERSION_ID=12\nPRETTY_NAME=\"Debian "+evil+"\"\n"),
				imagetest.File("var/lib/dpkg/status", "Package: libc6\nStatus: install ok installed\nVersion: 2.36\nArchitecture: amd64\nMaintainer: "+evil+"\nDescription: "+evil+"\n"),
				imagetest.File("usr/share/doc/libc6/copyright", "License: "+evil),
				imagetest.Exec("bin/sh", imagetest.ELF{Strings: []string{evil}}.Build()),
			}},
			{Instruction: "COPY " + evil, Entries: []imagetest.Entry{
				imagetest.Exec("app/"+evil, "#!/bin/sh\neval \"$X\"\n/app/"+evil+"2\n. /"+evil+"\n"),
				imagetest.Exec("app/"+evil+"2", "#!/bin/sh\nexec "+evil+" > /"+evil+"\n"),
				imagetest.File("app/node_modules/a/package.json", `{"name":"a`+evil[:len(evil)-1]+`","version":"1`+evil[:len(evil)-1]+`"}`),
				{Path: "bin/su" + evil, Mode: 0o4755, Content: imagetest.ELF{}.Build()},
			}},
		},
	})
	dockerfile := file("Dockerfile", "FROM debian:12\nRUN apt-get install \""+evil+"\"\nENV PASSWORD"+evil+"=hunter2hunter2\nUSER "+evil+"\n")
	file("compose.yaml", "services:\n  \"a\\u202e\\u009b\":\n    image: \"x\"\n    privileged: true\n    environment:\n      \"K\\u202e\": \"v\\u009b\"\n")
	report := file("old.json", string(careen(t, cache, "scan", "-f", "json", target)))
	small := file("small.db", string(smallDatabase(t)))
	other := filepath.Join(dir, "other.db")
	writeTestDatabase(t, other, time.Unix(1e9, 0), 1)

	verbs := map[string][][]string{
		"scan": {{"scan", "--reach", "--list-all-pkgs", target}, {"scan", "-f", "sarif", target}, {"scan", "-f", "cyclonedx", target}, {"scan", "-f", "spdx", target},
			{"scan", "-f", "openvex", target}, {"scan", "--show-suppressed", "--dockerfile", dockerfile, target}},
		"fs":        {{"fs", dir}, {"fs", "-f", "sarif", dir}},
		"sbom":      {{"sbom", target}, {"sbom", "-f", "spdx", target}, {"sbom", "-f", "cyclonedx", target}},
		"lint":      {{"lint", dir}, {"lint", "-f", "sarif", dir}},
		"pin":       {{"pin", "--check", "--offline", dir}, {"pin", "--check", "--offline", "-f", "sarif", dir}},
		"check":     {{"check", target, dir}, {"check", "-f", "sarif", target, dir}},
		"reach":     {{"reach", target}, {"reach", target, "/app/" + evil}},
		"slim":      {{"slim", "--dry-run", target}, {"slim", "--level", "file", "--dry-run", "--keep", "/app/" + evil, target}},
		"base":      {{"base", "--base-layers", "1", target, target, "missing" + evil + ".tar"}},
		"harden":    {{"harden", target}},
		"plan":      {{"plan", "--base-layers", "1", target}},
		"fix":       {{"fix", "--base-layers", "1", "--offline", target, filepath.Join(dir, "compose.yaml")}},
		"diff":      {{"diff", report, target}, {"diff", target, report}},
		"secret":    {{"secret", dir}, {"secret", "-f", "sarif", dir}},
		"db info":   {{"db", "info"}},
		"db search": {{"db", "search", "--db", small, "musl@1" + evil}},
		"db diff":   {{"db", "diff", small, other}},
	}
	for verb, commands := range verbs {
		for _, args := range commands {
			if !slices.Contains(args, "-f") {
				args = append(args, "-f", "json")
			}
			t.Run(verb+" "+args[len(args)-1], func(t *testing.T) {
				var stdout, stderr bytes.Buffer
				code := runCareen(t.Context(), append(args, "--cache-dir", cache), nil, &bytes.Buffer{}, &stdout, &stderr)
				if stdout.Len() == 0 && verb != "db search" {
					t.Errorf("exit %d, and nothing printed: %s", code, stderr.String())
				}
				for stream, text := range map[string]string{"stdout": stdout.String(), "stderr": stderr.String()} {
					if i := strings.IndexFunc(text, func(r rune) bool { return safetext.Misleading(r) || r < ' ' && r != '\n' }); i >= 0 {
						t.Errorf("%s holds a control at %d: %q", stream, i, text[max(0, i-60):min(len(text), i+20)])
					}
				}
			})
		}
	}

	var visit func(cmd *cobra.Command, path string)
	visit = func(cmd *cobra.Command, path string) {
		if f := cmd.Flags().Lookup("format"); f != nil && verbs[path] == nil {
			t.Errorf("careen %s has --format and is not tried here", path)
		}
		for _, sub := range cmd.Commands() {
			visit(sub, strings.TrimSpace(path+" "+sub.Name()))
		}
	}
	visit((&command{}).root(), "")
}
