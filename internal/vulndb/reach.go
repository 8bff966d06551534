package vulndb

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/careen/careen/internal/finding"
)

// Share says how much of what a publisher has a feed holds.
type Share string

// The shares. "" means that nothing is known.
const (
	Whole Share = "whole" // all of it
	Part  Share = "part"  // some of it
	Ended Share = "ended" // all up to a day, and nothing since
)

// Extent is what a feed, or its mirror, says of how far it reaches.
type Extent struct {
	Share Share  `json:"share,omitempty"`
	Until string `json:"until,omitempty"` // "2026-08-21": the last day it covers
	Words string `json:"words,omitempty"` // for a person: what is missing
}

// Reach says how far the statements about one ecosystem reach.
type Reach struct {
	Ecosystem string    `json:"ecosystem"` // with its release: "Debian:12", "npm"
	Records   int       `json:"records"`   // statements
	Unfixed   int       `json:"unfixed"`   // of them, those that name no fix
	Newest    time.Time `json:"newest,omitzero"`
	Sources   []string  `json:"sources,omitempty"` // names of the feeds about it
	// Stray: no feed about this ecosystem was read; the statements are from feeds
	// about others, and are no list of anything.
	Stray bool `json:"stray,omitempty"`
	Extent
}

// To is the last day that the statements cover, as far as known: what the feed
// says, else the day of the newest statement; "" when neither is known.
func (r Reach) To() string {
	if r.Until != "" || r.Newest.IsZero() {
		return r.Until
	}
	return r.Newest.UTC().Format(time.DateOnly)
}

// FixedOnly reports whether the statements name a vulnerability only once it is
// fixed: that is so by the nature of errata, whatever one or two of thousands say.
func (r Reach) FixedOnly() bool { return r.Records > 0 && r.Unfixed*100 < r.Records }

// Subject is a feed with the ecosystems that it is about, without their
// releases: "Debian". None means that it is about all.
type Subject struct {
	Feed       string
	Ecosystems []string
	Releases   []string // the ecosystems with their releases that were read; none means every one
	Extent
}

// AddSubject notes what a feed is about and how far it reaches. Without any,
// every ecosystem with a statement counts as covered.
func (b *Builder) AddSubject(s Subject) { b.subjects = append(b.subjects, s) }

// reach sums up the statements about each ecosystem, in the order of packages.
func (b *Builder) reach(packages []pkg, built time.Time) []Reach {
	var list []Reach
	for i := range packages {
		p := &packages[i]
		if len(list) == 0 || list[len(list)-1].Ecosystem != p.ecosystem {
			list = append(list, b.covers(p.ecosystem))
		}
		r := &list[len(list)-1]
		for _, s := range p.statements {
			r.Records++
			if unfixed(s.aff) {
				r.Unfixed++
			}
			for _, t := range []time.Time{s.rec.Modified, s.rec.Published} {
				if t.After(r.Newest) && !t.After(built) {
					r.Newest = t.UTC().Truncate(time.Second)
				}
			}
		}
	}
	return list
}

// unfixed reports whether a statement says that versions are affected and names
// no fix.
func unfixed(a *Affected) bool {
	switch a.Fix {
	case finding.Affected, finding.WontFix, finding.Deferred:
		return true
	case "":
		return !slices.ContainsFunc(a.Ranges, func(r Range) bool { return r.Fixed != "" })
	}
	return false
}

// covers finds the feeds about an ecosystem, and the largest share among them.
func (b *Builder) covers(ecosystem string) Reach {
	base, _, _ := strings.Cut(ecosystem, ":")
	if kept, ok := b.kept[ecosystem]; ok {
		kept.Records, kept.Unfixed = 0, 0 // counted anew
		return kept
	}
	r := Reach{Ecosystem: ecosystem, Stray: len(b.subjects) > 0}
	for _, s := range b.subjects {
		if s.Ecosystems != nil && !slices.Contains(s.Ecosystems, base) || s.Releases != nil && !slices.Contains(s.Releases, ecosystem) {
			continue
		}
		r.Stray = false
		r.Sources = append(r.Sources, s.Feed)
		if rank(s.Share) > rank(r.Share) || rank(s.Share) == rank(r.Share) && s.Until > r.Until {
			r.Extent = s.Extent
		}
	}
	r.Sources = sortSet(r.Sources, strings.Compare)
	return r
}

func rank(s Share) int { return slices.Index([]Share{"", Ended, Part, Whole}, s) }

// Reach says how far the database reaches for an ecosystem, named with its
// release. A database without that section, of before there was one, is counted
// through, and covers what it has a statement about.
func (db *DB) Reach(ecosystem string) (Reach, bool) {
	db.reachOnce.Do(func() {
		var meta infoSection
		if json.Unmarshal(db.sections[secInfo], &meta) == nil {
			db.reach = map[string]Reach{}
			for _, r := range meta.Reach {
				db.reach[r.Ecosystem] = r
			}
		}
	})
	if len(db.reach) > 0 {
		r, ok := db.reach[ecosystem]
		return r, ok
	}
	s := db.ecosystems[ecosystem]
	if s.end == s.first {
		return Reach{}, false
	}
	return db.count(ecosystem, s), true
}

// count goes through the statements about an ecosystem.
func (db *DB) count(ecosystem string, s span) Reach {
	r := Reach{Ecosystem: ecosystem}
	w := db.walkers.Get().(*walker)
	defer db.walkers.Put(w)
	for i := s.first; i < s.end; i++ {
		db.walk(w, ecosystem, "", i, func(a *Advisory) bool {
			r.Records++
			if a.Fix == finding.Affected || a.Fix == finding.WontFix || a.Fix == finding.Deferred {
				r.Unfixed++
			}
			return true
		})
	}
	return r
}
