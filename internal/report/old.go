package report

import (
	"fmt"
	"slices"
	"time"
)

// Old returns the age of the oldest advisories that reports are of, and the
// ecosystems whose are older than they may be; 0 where none are.
func Old(reports []*Report, maxAge time.Duration, now time.Time) (oldest time.Duration, ecosystems []string) {
	for _, r := range reports {
		if r.Database == nil {
			continue
		}
		if age := now.Sub(r.Database.Newest); age > maxAge {
			oldest = max(oldest, age)
		}
		for _, e := range r.Database.Reach {
			day, err := time.Parse(time.DateOnly, e.To)
			text := fmt.Sprintf("%s (to %s)", e.Ecosystem, e.To)
			if age := now.Sub(day); err == nil && age > maxAge+24*time.Hour && !slices.Contains(ecosystems, text) {
				ecosystems, oldest = append(ecosystems, text), max(oldest, age)
			}
		}
	}
	return oldest, ecosystems
}
