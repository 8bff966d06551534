package search

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/careen/careen/internal/safetext"
	"github.com/careen/careen/internal/vulndb"
)

// WriteInfo says what a database is: its dates, counts and sources.
func WriteInfo(out io.Writer, info vulndb.Info) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "built\t%s (%d days ago)\n", info.Built.UTC().Format(time.RFC3339), int(time.Since(info.Built).Hours()/24))
	fmt.Fprintf(w, "newest\t%s (%d days old)\n", info.Newest().UTC().Format(time.RFC3339), int(time.Since(info.Newest()).Hours()/24))
	fmt.Fprintf(w, "digest\t%s\n", info.Digest)
	fmt.Fprintf(w, "size\t%s, format %d\n", safetext.Bytes(info.Size), info.Format)
	fmt.Fprintf(w, "holds\t%d advisories on %d packages: %d vulnerabilities, %d facts\n", info.Advisories, info.Packages, info.Vulnerabilities, info.Facts)
	fmt.Fprintf(w, "ecosystems\t%d\n\n", len(info.Ecosystems))
	fmt.Fprintln(w, "SOURCE\tNEWEST\tRECORDS\tSKIPPED\tREACHES")
	for _, s := range info.Sources {
		date := "not stated"
		if !s.Date.IsZero() {
			date = s.Date.UTC().Format(time.DateOnly)
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%s\n", s.Name, date, s.Records, s.Skipped, extentText(s.Extent))
	}
	return w.Flush()
}

// extentText is "part, to 2026-08-22: a small part of the GitHub Advisory Database".
func extentText(e vulndb.Extent) string {
	text := string(e.Share)
	if e.Until != "" {
		text += ", to " + e.Until
	}
	if e.Words != "" {
		text += ": " + e.Words
	}
	return safetext.Line(text)
}
