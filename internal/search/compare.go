package search

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/careen/careen/internal/safetext"
	"github.com/careen/careen/internal/vulndb"
)

// Comparison is what careen db diff -f json prints.
type Comparison struct {
	Old       Side            `json:"old"`
	New       Side            `json:"new"`
	Added     []vulndb.Change `json:"added"`
	Changed   []vulndb.Change `json:"changed"`
	Withdrawn []vulndb.Change `json:"withdrawn"`
	Removed   []vulndb.Change `json:"removed"`
	Exploited []string        `json:"exploited"` // now in CISA's catalogue
}

// Side names one of two databases.
type Side struct {
	Digest string    `json:"digest"`
	Built  time.Time `json:"built"`
	Newest time.Time `json:"newest"`
}

// Compare says what one database has that another lacks.
func Compare(old, new *vulndb.DB) (*Comparison, error) {
	d, err := vulndb.Diff(old, new)
	if err != nil {
		return nil, err
	}
	return &Comparison{sideOf(old.Info()), sideOf(new.Info()),
		withPackages(d.Added), withPackages(d.Changed), withPackages(d.Withdrawn), withPackages(d.Removed), safetext.List(d.Exploited)}, nil
}

func withPackages(list []vulndb.Change) []vulndb.Change {
	for i := range list {
		list[i].Packages = safetext.List(list[i].Packages)
	}
	return safetext.List(list)
}

func sideOf(info vulndb.Info) Side {
	return Side{info.Digest, info.Built.UTC(), info.Newest().UTC()}
}

// WriteText writes one line a change, and how many there are.
func (c *Comparison) WriteText(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, part := range []struct {
		word string
		list []vulndb.Change
	}{{"added", c.Added}, {"changed", c.Changed}, {"withdrawn", c.Withdrawn}, {"removed", c.Removed}} {
		for _, x := range part.list {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", part.word, x.ID, x.Source, safetext.Few(x.Vulnerabilities, ", "), packagesText(x.Packages))
		}
	}
	for _, id := range c.Exploited {
		fmt.Fprintf(w, "exploited\t%s\tkev\t%s\t\n", id, id)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "%d added, %d changed, %d withdrawn, %d removed; %d newly known to be exploited\n",
		len(c.Added), len(c.Changed), len(c.Withdrawn), len(c.Removed), len(c.Exploited))
	return err
}

func packagesText(list []vulndb.PackageName) string {
	var names []string
	for _, p := range list {
		names = append(names, p.Ecosystem+" "+safetext.Line(p.Name))
	}
	return strings.TrimSpace(safetext.Few(names, ", "))
}
