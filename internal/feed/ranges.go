package feed

import (
	"fmt"
	"slices"

	"github.com/careen/careen/internal/vulndb"
)

// Kinds of events in an OSV range.
const (
	introduced = iota
	fixed
	lastAffected
	limit
)

type event struct {
	kind    int
	version string
}

// maxEvents bounds one range; the longest in the wild have some hundred.
const maxEvents = 10000

// intervals turns the events of an OSV range into intervals, by the algorithm
// of https://ossf.github.io/osv-schema/#evaluation: walk the events in version
// order; "introduced" opens, "fixed" and "last_affected" close. Events may
// come in any order and have several pairs; those with versions that the
// ecosystem's order cannot read stay in the order in which they are listed,
// which publishers write pair by pair.
func intervals(eco string, list []osvEvent) ([]vulndb.Range, error) {
	if len(list) > maxEvents {
		return nil, fmt.Errorf("%d events: more than the limit of %d", len(list), maxEvents)
	}
	var events []event
	opened := false
	for _, e := range list {
		for kind, text := range [...]looseText{introduced: e.Introduced, fixed: e.Fixed, lastAffected: e.LastAffected, limit: e.Limit} {
			if text == "" {
				continue
			}
			if err := checkText(string(text)); err != nil {
				return nil, fmt.Errorf("version %s", err)
			}
			events = append(events, event{kind, string(text)})
			opened = opened || kind == introduced
		}
	}
	if len(events) == 0 {
		return nil, nil
	}
	if !opened { // the schema wants one; without it the range begins at the beginning
		events = append([]event{{introduced, "0"}}, events...)
	}
	sortEvents(eco, events)

	var ranges []vulndb.Range
	upper, bounded := "", true
	var open *vulndb.Range
	closeWith := func(end func(*vulndb.Range)) {
		if open != nil {
			end(open)
			if open.Fixed == "" || open.Fixed != open.Introduced && !(open.Introduced == "" && open.Fixed == "0") {
				ranges = append(ranges, *open)
			}
			open = nil
		}
	}
	for _, e := range events {
		switch e.kind {
		case introduced:
			if open == nil {
				open = &vulndb.Range{Introduced: fromStart(e.version)}
			}
		case fixed:
			closeWith(func(r *vulndb.Range) { r.Fixed = e.version })
		case lastAffected:
			closeWith(func(r *vulndb.Range) { r.LastAffected = e.version })
		case limit:
			if e.version == "*" {
				bounded = false
			} else {
				upper = e.version // the last in version order: a version is in range below any of the limits
			}
		}
	}
	closeWith(func(*vulndb.Range) {})
	if bounded && upper != "" {
		for i := range ranges {
			ranges[i].Limit = upper
		}
	}
	return ranges, nil
}

// fromStart maps OSV's "0", which is before every version, to "".
func fromStart(v string) string {
	if v == "0" {
		return ""
	}
	return v
}

// sortEvents brings events into version order and keeps the listed order of
// equal ones: "fixed 1, introduced 1" closes and reopens, "introduced 1, fixed
// 1" is empty. It leaves them alone if one has no place in the order.
func sortEvents(eco string, events []event) {
	known := true
	sorted := slices.Clone(events)
	slices.SortStableFunc(sorted, func(a, b event) int {
		switch {
		case a.version == b.version || a.version == "*" || b.version == "*":
			return 0
		case a.version == "0":
			return -1
		case b.version == "0":
			return 1
		}
		c, ok := compareVersions(eco, a.version, b.version)
		known = known && ok
		return c
	})
	if known {
		copy(events, sorted)
	}
}

// besides returns those of versions that the ranges do not imply: exports of
// OSV.dev list every version that a range covers, which says nothing more.
func besides(eco string, versions []string, ranges []vulndb.Range) []string {
	if len(ranges) == 0 {
		return versions
	}
	var extra []string
	for _, v := range versions {
		if !slices.ContainsFunc(ranges, func(r vulndb.Range) bool { return within(eco, v, r) }) {
			extra = append(extra, v)
		}
	}
	return extra
}

// within reports whether v is surely in r; what cannot be compared is not.
func within(eco, v string, r vulndb.Range) bool {
	below := func(bound string, orEqual bool) bool {
		c, ok := compareVersions(eco, v, bound)
		return ok && (c < 0 || orEqual && c == 0)
	}
	if r.Introduced != "" {
		c, ok := compareVersions(eco, v, r.Introduced)
		if !ok || c < 0 {
			return false
		}
	}
	return (r.Fixed == "" || below(r.Fixed, false)) &&
		(r.LastAffected == "" || below(r.LastAffected, true)) &&
		(r.Limit == "" || below(r.Limit, false))
}
