package feed

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/careen/careen/internal/safetext"
)

// WriteText writes what was read of each feed.
func (s Stats) WriteText(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "FEED\tRECORDS\tSKIPPED\tNEWEST\tREAD\t")
	for _, f := range s.Feeds {
		if f.Missing || f.Replaced != "" {
			continue
		}
		newest := "not stated"
		if !f.Newest.IsZero() {
			newest = f.Newest.UTC().Format(time.DateOnly)
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%s in %s\t\n", f.Name, f.Records, f.Skipped, newest, safetext.Bytes(f.Bytes), f.Duration.Round(10*time.Millisecond))
	}
	return w.Flush()
}

// Notes say what was not read, and why.
func (s Stats) Notes() []string {
	var notes []string
	for _, f := range s.Feeds {
		if f.Replaced != "" {
			notes = append(notes, fmt.Sprintf("feed %s left out: %s says the same and more", f.Name, f.Replaced))
		}
		for _, reason := range slices.Sorted(maps.Keys(f.Left)) {
			notes = append(notes, fmt.Sprintf("%s: left out %d %s", f.Name, f.Left[reason], reason))
		}
		for _, bad := range f.Samples {
			notes = append(notes, fmt.Sprintf("skipped %s", bad.String()))
		}
		if more := f.Skipped - len(f.Samples); more > 0 {
			notes = append(notes, fmt.Sprintf("skipped %d more of %s", more, f.Name))
		}
	}
	var missing []string
	for _, f := range s.Feeds {
		if f.Missing {
			missing = append(missing, f.Name)
		}
	}
	if missing != nil {
		notes = append(notes, fmt.Sprintf("not in the mirror: %s", strings.Join(missing, ", ")))
	}
	return notes
}
