package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
)

// TestVerbsFollowTheirSchemas: what the verbs print as JSON is what docs/schema
// says, and nothing else is.
func TestVerbsFollowTheirSchemas(t *testing.T) {
	cache := t.TempDir()
	archive, candidate := imageOf{crypto: "3.2.0-r0"}.write(t), imageOf{crypto: "3.3.2-r0", bare: true}.write(t)
	busy := imagetest.Archive(t, imagetest.Image{
		Config: image.Config{Entrypoint: []string{"/bin/node", "/app/main.js"}, ExposedPorts: []string{"80/tcp"}, Volumes: []string{"/data"}, Env: []string{"TZ=CET"}},
		Layers: []imagetest.Layer{
			{Entries: []imagetest.Entry{imagetest.Exec("bin/node", imagetest.ELF{}.Build()), imagetest.File("usr/share/zoneinfo/CET", "x")}},
			{Entries: []imagetest.Entry{imagetest.File("app/main.js", "fs.writeFileSync('x.log', 1); fs.writeFileSync('/app/y', 1)")}},
		},
	})
	dockerfile := filepath.Join(t.TempDir(), "Dockerfile")
	if err := os.WriteFile(dockerfile, []byte("FROM debian\nRUN sudo true # careen:ignore\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	pinned := filepath.Join(t.TempDir(), "Dockerfile")
	if err := os.WriteFile(pinned, []byte("FROM scratch\nCOPY --from=x@sha256:"+strings.Repeat("a", 64)+" /a /\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	ours := filepath.Join(t.TempDir(), "Dockerfile")
	if err := os.WriteFile(ours, []byte("FROM wolfi:1\nCOPY app /app\nENTRYPOINT [\"/app/server\"]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	trace := filepath.Join(t.TempDir(), "trace")
	if err := os.WriteFile(trace, []byte("/app/main.js\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	out := "oci-dir:" + filepath.Join(t.TempDir(), "out")
	for name, commands := range map[string][][]string{
		"careen-base-1": {
			{"base", "--base-layers", "1", archive, candidate, "missing.tar"}, {"base", "--base-layers", "1", busy, candidate},
		},
		"careen-harden-1": {{"harden", archive}, {"harden", busy}},
		"careen-lint-1":   {{"lint", "--fail-on", "critical", dockerfile}},
		"careen-pin-1":    {{"pin", "--check", "--offline", pinned}},
		"careen-check-1":  {{"check", archive}, {"check", busy, dockerfile}},
		"careen-reach-1":  {{"reach", archive}, {"reach", busy}, {"reach", busy, "/app/main.js"}, {"reach", "--trace", trace, busy}, {"reach", archive, "libcrypto3"}},
		"careen-slim-1":   {{"slim", "--dry-run", archive}, {"slim", "--level", "file", "-o", out, busy}},
		"careen-fix-1":    {{"fix", "--offline", archive, ours}, {"fix", "--offline", "--base-layers", "1", "--candidate", candidate, archive, ours}},
		"careen-plan-1":   {{"plan", archive}, {"plan", "--base-layers", "1", "--candidate", candidate, archive}},
	} {
		schema, err := jsonschema.NewCompiler().Compile("../../docs/schema/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		for _, args := range commands {
			doc := careen(t, cache, append(args, "-f", "json")...)
			for strict, doc := range map[bool][]byte{false: doc, true: bytes.Replace(doc, []byte(`"schema"`), []byte(`"extra": 1, "schema"`), 1)} {
				value, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
				if err != nil {
					t.Fatal(err)
				}
				if err := schema.Validate(value); (err != nil) != strict {
					t.Errorf("%q: %v\n%s", args, err, doc)
				}
			}
		}
	}
}
