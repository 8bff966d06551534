package feed

import (
	"fmt"
	"time"
)

// timeLayouts are the shapes of dates in the feeds: RFC 3339 (OSV, CSAF, NVD),
// CVE records without a zone, updateinfo's "2024-01-02 03:04:05", a bare date.
var timeLayouts = []string{
	time.RFC3339Nano,
	"2006-01-02T15:04:05",
	"2006-01-02 15:04:05",
	"2006-01-02 15:04",
	"2006-01-02T15:04",
	time.DateOnly,
}

// parseTime reads a date of any feed, as UTC; "" is the zero time.
func parseTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("date %q: not a date", s)
}

// parseScoreDate reads EPSS's score_date, "2026-08-16T00:00:00Z" or with
// "+0000" for the zone.
func parseScoreDate(s string) (time.Time, error) {
	if t, err := time.Parse("2006-01-02T15:04:05-0700", s); err == nil {
		return t.UTC(), nil
	}
	return parseTime(s)
}
