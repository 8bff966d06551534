package publish

import (
	"fmt"
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
func Older(current, offered vulndb.Info) (string, bool) {
	return fmt.Sprintf("the newest advisory of the current one is of %s, that of the other of %s", current.Newest().Format(time.DateOnly),
		offered.Newest().Format(time.DateOnly)), offered.Newest().Before(current.Newest())
}
