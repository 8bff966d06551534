package main

import (
	"cmp"
	"slices"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/vulndb"
)

// facts is what every store holds. Left out: withdrawn records, which no lookup
// yields, and the list of sources.
type facts struct {
	packages           []pkg // sorted by ecosystem and name
	vulnerabilities    []vulnerability
	statements, ranges int
}

type pkg struct {
	ecosystem, name string
	advisories      []advisory // sorted by id
}

// advisory is vulndb.Advisory for keeps. The JSON names are short and what is
// empty is left out, to the benefit of the stores that hold JSON.
type advisory struct {
	ID        string           `json:"id,omitempty"`
	Source    string           `json:"src,omitempty"`
	Malicious bool             `json:"mal,omitempty"`
	Ranges    []interval       `json:"r,omitempty"`
	Versions  []string         `json:"v,omitempty"`
	Fix       finding.FixState `json:"fix,omitempty"`
	Severity  finding.Severity `json:"sev,omitzero"`
	CVSS      []cvss           `json:"cvss,omitempty"`
	Symbols   []symbols        `json:"sym,omitempty"`
	Arches    []string         `json:"arch,omitempty"`
	Module    string           `json:"mod,omitempty"`
	Repo      string           `json:"repo,omitempty"`
	Vulns     []string         `json:"vulns,omitempty"` // primary ids; none when it is the advisory's own
}

type interval struct {
	Introduced   string `json:"i,omitempty"`
	Fixed        string `json:"f,omitempty"`
	LastAffected string `json:"a,omitempty"`
	Limit        string `json:"l,omitempty"`
}

type cvss struct {
	Source string  `json:"src,omitempty"`
	Vector string  `json:"v,omitempty"`
	Score  float64 `json:"s,omitempty"`
}

type symbols struct {
	Path   string   `json:"p,omitempty"`
	Names  []string `json:"n,omitempty"`
	GOOS   []string `json:"os,omitempty"`
	GOARCH []string `json:"arch,omitempty"`
}

type vulnerability struct {
	ID             string           `json:"id,omitempty"`
	Aliases        []string         `json:"as,omitempty"`
	Severity       finding.Severity `json:"sev,omitzero"`
	SeveritySource string           `json:"src,omitempty"`
	CVSS           []cvss           `json:"cvss,omitempty"`
	EPSS           *finding.EPSS    `json:"epss,omitempty"`
	KEV            *vulndb.KEV      `json:"kev,omitempty"`
	Rejected       bool             `json:"rej,omitempty"`
}

func readFacts(path string) (*facts, error) {
	s, err := openCareen(path)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	db := s.(*careenStore).db
	var f facts
	for eco, name := range db.Packages() {
		p := pkg{ecosystem: strings.Clone(eco), name: strings.Clone(name)}
		p.advisories, _ = s.lookup(eco, name)
		if len(p.advisories) == 0 {
			continue // only withdrawn ones
		}
		for _, a := range p.advisories {
			f.statements++
			f.ranges += len(a.Ranges)
		}
		sortByID(p.advisories)
		f.packages = append(f.packages, p)
	}
	slices.SortFunc(f.packages, func(a, b pkg) int {
		return cmp.Or(cmp.Compare(a.ecosystem, b.ecosystem), cmp.Compare(a.name, b.name))
	})
	for v := range db.Vulnerabilities() {
		f.vulnerabilities = append(f.vulnerabilities, vulnerability{strings.Clone(v.ID), cloneAll(v.Aliases), v.Severity,
			strings.Clone(v.SeveritySource), cvssOf(v.CVSS), v.EPSS, v.KEV, v.Rejected})
	}
	return &f, db.Err()
}

// sortByID keeps the order of statements with the same id.
func sortByID(list []advisory) {
	slices.SortStableFunc(list, func(a, b advisory) int { return cmp.Compare(a.ID, b.ID) })
}

// careenStore copies what it finds out of the file, as the other stores must.
type careenStore struct{ db *vulndb.DB }

func openCareen(path string) (store, error) {
	db, err := vulndb.Open(path)
	return &careenStore{db}, err
}

func (s *careenStore) Close() error { return s.db.Close() }

func (s *careenStore) lookup(ecosystem, name string) ([]advisory, error) {
	var list []advisory
	for a := range s.db.Lookup(ecosystem, name) {
		own := advisory{ID: strings.Clone(a.ID), Source: strings.Clone(a.Source), Malicious: a.Malicious, Versions: cloneAll(a.Versions),
			Fix: finding.FixState(strings.Clone(string(a.Fix))), Severity: a.Severity, CVSS: cvssOf(a.CVSS),
			Arches: cloneAll(a.Arches), Module: strings.Clone(a.Module), Repo: strings.Clone(a.Repo)}
		for _, r := range a.Ranges {
			own.Ranges = append(own.Ranges, interval{strings.Clone(r.Introduced), strings.Clone(r.Fixed), strings.Clone(r.LastAffected), strings.Clone(r.Limit)})
		}
		for _, y := range a.Symbols {
			own.Symbols = append(own.Symbols, symbols{strings.Clone(y.Path), cloneAll(y.Names), cloneAll(y.GOOS), cloneAll(y.GOARCH)})
		}
		for _, ref := range a.Vulns {
			if id := s.db.Vulnerability(ref).ID; len(a.Vulns) > 1 || id != a.ID {
				own.Vulns = append(own.Vulns, strings.Clone(id))
			}
		}
		list = append(list, own)
	}
	return list, s.db.Err()
}

// inPlaceStore reads every statement as a scan does: without copying it.
type inPlaceStore struct{ careenStore }

func openInPlace(path string) (store, error) {
	db, err := vulndb.Open(path)
	return &inPlaceStore{careenStore{db}}, err
}

func (s *inPlaceStore) lookup(ecosystem, name string) ([]advisory, error) {
	for range s.db.Lookup(ecosystem, name) {
	}
	return nil, s.db.Err()
}

func cvssOf(list []vulndb.CVSS) (own []cvss) {
	for _, c := range list {
		own = append(own, cvss{strings.Clone(c.Source), strings.Clone(c.Vector), c.Score})
	}
	return own
}

func cloneAll(list []string) (own []string) {
	for _, s := range list {
		own = append(own, strings.Clone(s))
	}
	return own
}
