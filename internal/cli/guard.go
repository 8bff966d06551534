package cli

import (
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/careen/careen/internal/secret"
)

// guardedVerbs print what stands in an image: names, commands, paths. None of
// them prints a file that is to be used as it is, which must not be changed.
var guardedVerbs = []string{"scan", "fs", "sbom", "check", "reach", "slim", "base", "harden", "plan", "diff", "secret"}

// guardOutput makes both outputs redact tokens by their form, wherever a verb
// might name one: the rooms redact what they know to be a secret, this is for
// what nobody thought of.
func (c *command) guardOutput(cmd *cobra.Command) {
	if !slices.Contains(guardedVerbs, cmd.Name()) {
		return
	}
	rules, err := secret.DefaultRules()
	if err != nil {
		return // those who need the rules say so
	}
	c.stdout, c.stderr = rules.NewWriter(c.stdout), rules.NewWriter(c.stderr)
}

// closeOutput writes what the guards still hold.
func (c *command) closeOutput() error {
	var failed error
	for _, w := range []io.Writer{c.stderr, c.stdout} {
		if guard, ok := w.(*secret.Writer); ok {
			if err := guard.Close(); err != nil {
				failed = err
			}
		}
	}
	return failed
}

// redacted returns a message without tokens.
func (c *command) redacted(text string) string {
	guard, ok := c.stderr.(*secret.Writer)
	if !ok {
		return text
	}
	return guard.Redact(text)
}
