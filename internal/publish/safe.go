package publish

import (
	"fmt"
	"slices"
	"time"

	"github.com/careen/careen/internal/vulndb"
)

const (
	fewRecords = 10 // of a source; so few may go without a reason to doubt
	mostLost   = 5  // a source may lose one part in so many
)

// Refused says why a database is not put in the place of the current one: it is
// empty, or has lost so much of a source that something went wrong where it was
// made. No scan after it would say what is missing.
type Refused struct{ Why string }

func (r *Refused) Error() string { return r.Why + ": refused; --accept-shrunk takes it nevertheless" }

// Shrunk returns a Refused for such a database.
func Shrunk(current, offered vulndb.Info) error {
	if offered.Advisories == 0 && current.Advisories > 0 {
		return &Refused{fmt.Sprintf("it has no advisories, the current database %d", current.Advisories)}
	}
	have := map[string]int{}
	for _, s := range offered.Sources {
		have[s.Name] += s.Records
	}
	for _, s := range current.Sources {
		if n := have[s.Name]; s.Records >= fewRecords && n < s.Records-s.Records/mostLost {
			return &Refused{fmt.Sprintf("it has %d records of %s, the current database %d", n, s.Name, s.Records)}
		}
	}
	return nil
}

// Older reports whether a database is older than the current one, which then
// stays, and of what days they are.
//
// Where only one of them has sources that state a date, the days on which they
// were built are compared: a feed with dates that is new to a database of feeds
// without makes it no older.
func Older(current, offered vulndb.Info) (string, bool) {
	have, other := current.Newest(), offered.Newest()
	if dated(current) != dated(offered) {
		have, other = current.Built, offered.Built
	}
	return fmt.Sprintf("the newest advisory of the current one is of %s, that of the other of %s", have.Format(time.DateOnly), other.Format(time.DateOnly)),
		other.Before(have)
}

func dated(i vulndb.Info) bool {
	return slices.ContainsFunc(i.Sources, func(s vulndb.Source) bool { return !s.Date.IsZero() })
}
