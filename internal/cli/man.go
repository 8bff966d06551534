package cli

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/careen/careen/internal/cli/manual"
	"github.com/careen/careen/internal/cli/wording"
	"github.com/careen/careen/internal/scratch"
)

// manVerb is careen man.
type manVerb struct{ *command }

// manCommand writes the manual pages, from the text of --help. It is for those
// who pack a release.
func (c manVerb) define() *cobra.Command {
	return &cobra.Command{
		Use:    "man DIR",
		Short:  "Write a manual page for each verb into a directory",
		Hidden: true,
		Args:   wording.Takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			at, err := c.buildDate()
			if err != nil {
				return err
			}
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			for _, verb := range manual.Verbs(cmd.Root()) {
				page := manual.Page(verb, version(), at.Format("2006-01-02"))
				file := filepath.Join(args[0], manual.Name(verb)+".1")
				if err := scratch.Replace(file, []byte(page), 0o644); err != nil {
					return fmt.Errorf("%s: %w", file, err)
				}
			}
			return nil
		},
	}
}
