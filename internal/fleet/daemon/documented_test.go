package daemon

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/careen/careen/internal/fleet/work"
)

var (
	shownLine = regexp.MustCompile(`(?m)^    (?:.*\| )?careend ((?:.*\\\n)*.*)$`)
	shownSpan = regexp.MustCompile("`careend ([^`]+)`")
	comment   = regexp.MustCompile(`\s#.*`)
)

// TestDocumentedCommands reads the commands that the README and the documents show, as
// the program does.
func TestDocumentedCommands(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	for file, least := range map[string]int{"README.md": 1, "docs/fleet.md": 8} {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		found := append(shownLine.FindAllStringSubmatch(string(text), -1), shownSpan.FindAllStringSubmatch(string(text), -1)...)
		if len(found) < least {
			t.Errorf("%s: only %d commands found; does it show them in another form?", file, len(found))
		}
		for _, m := range found {
			line := strings.ReplaceAll(comment.ReplaceAllString(m[1], ""), "\\\n", " ")
			verb, args := verbOf(strings.Fields(strings.ReplaceAll(line, "'", "")))
			c := &command{env: map[string]string{"HOME": "/"}, stderr: io.Discard}
			rest, err := c.parse(verb, args)
			if err != nil {
				t.Errorf("%s: careend %s: %v", file, line, err)
				continue
			}
			if verb == "" || verb == "add" {
				for _, pattern := range rest {
					if _, err := work.ParsePattern(pattern); err != nil {
						t.Errorf("%s: careend %s: %v", file, line, err)
					}
				}
			}
		}
	}
}
