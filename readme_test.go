package careen_test

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// fenced returns the code block behind a marker of the README.
func fenced(t *testing.T, readme, marker string) string {
	t.Helper()
	_, rest, ok := strings.Cut(readme, "<!-- "+marker+" -->")
	if !ok {
		t.Fatalf("README.md has no marker %q", marker)
	}
	_, rest, _ = strings.Cut(rest, "```")
	_, rest, _ = strings.Cut(rest, "\n")
	block, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatalf("README.md: the block behind %q has no end", marker)
	}
	return block
}

// TestReadmeShowsWhatCareenPrints holds the example of the README to what the
// program prints, but for the dates of the advisories.
func TestReadmeShowsWhatCareenPrints(t *testing.T) {
	data, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	block := fenced(t, string(data), "example")
	command, want, _ := strings.Cut(block, "\n")
	args := strings.Fields(strings.TrimPrefix(command, "$ careen "))
	cmd := exec.Command("go", append([]string{"run", "./cmd/careen", "--quiet"}, args...)...)
	cmd.Env = append(os.Environ(), "CAREEN_CACHE_DIR="+t.TempDir(), "COLUMNS=100")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", command, err, stderr.String())
	}
	dates := regexp.MustCompile(`advisories of \d{4}-\d{2}-\d{2}`)
	normal := func(s string) string {
		return strings.TrimSpace(dates.ReplaceAllString(s, "advisories of DATE"))
	}
	if normal(want) != normal(string(out)) {
		t.Errorf("README.md shows\n%s\nbut careen prints\n%s", want, out)
	}
}

// TestReadmeCommandsAreKnown runs every careen command of the README as far as
// its flags: a flag or verb that does not exist is an error of usage.
func TestReadmeCommandsAreKnown(t *testing.T) {
	data, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(data), "## Every day")
	_, rest, _ = strings.Cut(rest, "```sh\n")
	block, _, _ := strings.Cut(rest, "```")
	n := 0
	for line := range strings.Lines(block) {
		line, _, _ = strings.Cut(line, "#")
		if _, piped, ok := strings.Cut(line, "| "); ok {
			line = piped
		}
		args := strings.Fields(line)
		if len(args) < 2 || args[0] != "careen" {
			t.Errorf("not a careen command: %q", line)
			continue
		}
		n++
		// --help is looked at after the flags were parsed.
		out, err := exec.Command("go", append([]string{"run", "./cmd/careen"}, append(args[1:], "--help")...)...).CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte("Usage:")) {
			t.Errorf("%q: %v\n%s", line, err, out)
		}
	}
	if n < 5 {
		t.Errorf("only %d commands were found", n)
	}
}
