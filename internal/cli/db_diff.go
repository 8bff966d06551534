package cli

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/careen/careen/internal/safetext"
	"github.com/careen/careen/internal/vulndb"
)

func (c *command) dbDiffCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Say which advisories were added, changed, withdrawn or removed between two databases",
		Args:  takes(2, 2),
		RunE:  func(_ *cobra.Command, args []string) error { return c.dbDiff(args[0], args[1], format) },
	}
	cmd.Flags().StringVarP(&format, "format", "f", "table", "table or json")
	return cmd
}

// diffResult is what careen db diff -f json prints.
type diffResult struct {
	Old       diffSide        `json:"old"`
	New       diffSide        `json:"new"`
	Added     []vulndb.Change `json:"added"`
	Changed   []vulndb.Change `json:"changed"`
	Withdrawn []vulndb.Change `json:"withdrawn"`
	Removed   []vulndb.Change `json:"removed"`
	Exploited []string        `json:"exploited"` // now in CISA's catalogue
}

type diffSide struct {
	Digest string    `json:"digest"`
	Built  time.Time `json:"built"`
	Newest time.Time `json:"newest"`
}

func (c *command) dbDiff(oldFile, newFile, format string) error {
	if format != "table" && format != "json" {
		return fmt.Errorf("--format %s: one of table, json", format)
	}
	old, err := vulndb.Open(oldFile)
	if err != nil {
		return fmt.Errorf("database %s: %w", oldFile, err)
	}
	defer old.Close()
	new, err := vulndb.Open(newFile)
	if err != nil {
		return fmt.Errorf("database %s: %w", newFile, err)
	}
	defer new.Close()
	d, err := vulndb.Diff(old, new)
	if err != nil {
		return fmt.Errorf("db diff: %w", err)
	}
	if format == "json" {
		return c.printJSON(diffResult{sideOf(old.Info()), sideOf(new.Info()),
			packagesListed(d.Added), packagesListed(d.Changed), packagesListed(d.Withdrawn), packagesListed(d.Removed), safetext.List(d.Exploited)})
	}
	return c.printDiff(d)
}

func packagesListed(list []vulndb.Change) []vulndb.Change {
	for i := range list {
		list[i].Packages = safetext.List(list[i].Packages)
	}
	return safetext.List(list)
}

func sideOf(info vulndb.Info) diffSide {
	return diffSide{info.Digest, info.Built.UTC(), info.Newest().UTC()}
}

func (c *command) printDiff(d vulndb.Difference) error {
	w := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
	for _, part := range []struct {
		word string
		list []vulndb.Change
	}{{"added", d.Added}, {"changed", d.Changed}, {"withdrawn", d.Withdrawn}, {"removed", d.Removed}} {
		for _, x := range part.list {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", part.word, x.ID, x.Source, few(x.Vulnerabilities, ", "), packagesText(x.Packages))
		}
	}
	for _, id := range d.Exploited {
		fmt.Fprintf(w, "exploited\t%s\tkev\t%s\t\n", id, id)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(c.stdout, "%d added, %d changed, %d withdrawn, %d removed; %d newly known to be exploited\n",
		len(d.Added), len(d.Changed), len(d.Withdrawn), len(d.Removed), len(d.Exploited))
	return err
}

func packagesText(list []vulndb.PackageName) string {
	var names []string
	for _, p := range list {
		names = append(names, p.Ecosystem+" "+escape(p.Name))
	}
	return strings.TrimSpace(few(names, ", "))
}
