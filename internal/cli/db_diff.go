package cli

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/careen/careen/internal/cli/wording"
	"github.com/careen/careen/internal/publish"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/search"
)

func (c dbVerb) diffCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Say which advisories were added, changed, withdrawn or removed between two databases",
		Args:  wording.Takes(2, 2),
		RunE:  func(_ *cobra.Command, args []string) error { return c.dbDiff(args[0], args[1], format) },
	}
	cmd.Flags().StringVarP(&format, "format", "f", "table", "what to print: "+report.FormatNames("db"))
	return cmd
}

func (c dbVerb) dbDiff(oldFile, newFile, format string) error {
	if _, err := report.FormatOf("db", format); err != nil {
		return err
	}
	cacheDir, err := c.cache()
	if err != nil {
		return err
	}
	old, err := publish.OpenIn(filepath.Join(cacheDir, "db"), oldFile)
	if err != nil {
		return fmt.Errorf("database %s: %w", oldFile, err)
	}
	defer old.Close()
	new, err := publish.OpenIn(filepath.Join(cacheDir, "db"), newFile)
	if err != nil {
		return fmt.Errorf("database %s: %w", newFile, err)
	}
	defer new.Close()
	d, err := search.Compare(old, new)
	if err != nil {
		return fmt.Errorf("db diff: %w", err)
	}
	if format == "json" {
		return c.printJSON(d)
	}
	return d.WriteText(c.stdout)
}
