package vulndb

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// cveID is a CVE id as numbers.
type cveID struct {
	year   uint16
	number uint64
}

// parseCVE reads "CVE-2021-44228". The number has four digits or more (CVE
// Program, "CVE ID Syntax Change", 2014); leading zeros beyond four are refused.
func parseCVE(id string) (cveID, bool) {
	rest, ok := strings.CutPrefix(id, "CVE-")
	if !ok || len(rest) < 9 || rest[4] != '-' || len(rest) > 5+19 || len(rest) > 9 && rest[5] == '0' {
		return cveID{}, false
	}
	for i := range len(rest) {
		if i != 4 && (rest[i] < '0' || rest[i] > '9') {
			return cveID{}, false
		}
	}
	year, err := strconv.ParseUint(rest[:4], 10, 16)
	number, err2 := strconv.ParseUint(rest[5:], 10, 64)
	return cveID{uint16(year), number}, err == nil && err2 == nil
}

func isCVE(id string) bool {
	_, ok := parseCVE(id)
	return ok
}

// canonical returns the CVE that an id such as "DEBIAN-CVE-2018-5704",
// "UBUNTU-CVE-…" or "ALPINE-CVE-…" embeds, and any other id as it is. OSV
// gives these ids to a distribution's view of one CVE; they name nothing more.
func canonical(id string) string {
	prefix, _, found := strings.Cut(id, "-CVE-")
	if !found || prefix == "" {
		return id
	}
	for i := range len(prefix) {
		if (prefix[i] < 'A' || prefix[i] > 'Z') && (prefix[i] < '0' || prefix[i] > '9') {
			return id
		}
	}
	if cve := id[len(prefix)+1:]; isCVE(cve) {
		return cve
	}
	return id
}

func canonicalSet(ids []string) []string {
	set := make([]string, len(ids))
	for i, id := range ids {
		set[i] = canonical(id)
	}
	slices.Sort(set)
	return slices.Compact(set)
}

// primaryOrder are the prefixes by which a group without a CVE gets its
// primary id; ids of other prefixes come last. Equal ones go by the bytes.
var primaryOrder = []string{"CVE-", "GHSA-", "GO-", "PYSEC-", "RUSTSEC-", "OSV-", "MAL-"}

func comparePrimary(a, b string) int {
	rank := func(id string) int {
		if i := slices.IndexFunc(primaryOrder, func(p string) bool { return strings.HasPrefix(id, p) }); i >= 0 {
			return i
		}
		return len(primaryOrder)
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a, b))
}

// groups is a partition of vulnerability ids: each part is one vulnerability.
// No part ever holds two CVEs, since the CVE Program holds them to be distinct
// whatever an alias list says.
type groups struct {
	index  map[string]int32
	ids    []string
	parent []int32
	cve    []int32 // of a root: the CVE in its part, or -1
}

func newGroups() *groups { return &groups{index: map[string]int32{}} }

func (g *groups) node(id string) int32 {
	n, ok := g.index[id]
	if !ok {
		n = int32(len(g.ids))
		g.index[id] = n
		g.ids = append(g.ids, id)
		g.parent = append(g.parent, n)
		cve := int32(-1)
		if isCVE(id) {
			cve = n
		}
		g.cve = append(g.cve, cve)
	}
	return n
}

func (g *groups) root(n int32) int32 {
	for g.parent[n] != n {
		g.parent[n] = g.parent[g.parent[n]]
		n = g.parent[n]
	}
	return n
}

// join unites the parts of two ids; false if both have a CVE of their own.
func (g *groups) join(a, b string) bool {
	x, y := g.root(g.node(a)), g.root(g.node(b))
	if x == y {
		return true
	}
	if g.cve[x] >= 0 && g.cve[y] >= 0 {
		return false
	}
	if g.cve[x] < 0 {
		g.cve[x] = g.cve[y]
	}
	g.parent[y] = x
	return true
}

// edge is one record's claim that two ids name the same vulnerability.
type edge struct {
	rank           int // how good the claim is, see aliasEdges
	a, b           string
	source, record string
}

// named is what a record's ids come to.
type named struct {
	names   []string // of its own vulnerability, or of each that it bundles
	bundles bool     // names are vulnerabilities of their own, not one
	loose   []string // further names of the record, which name no vulnerability
}

// namesOf sorts a record's ids by the rule that docs/database-format.md states:
// a record bundles when it has upstream ids other than its own, or names two
// CVEs; everything else is one vulnerability under several names. bundling
// holds the ids of records that bundle, which are nobody's alias.
func namesOf(r *merged, bundling map[string]bool) named {
	id := canonical(r.ID)
	aliases := without(canonicalSet(r.Aliases), id)
	upstream := without(canonicalSet(r.Upstream), id)
	var cves []string
	for _, a := range append([]string{id}, aliases...) {
		if isCVE(a) {
			cves = append(cves, a)
		}
	}
	if len(upstream) > 0 || len(cves) > 1 {
		names := canonicalSet(append(cves, upstream...))
		loose := slices.DeleteFunc(aliases, func(a string) bool { return slices.Contains(names, a) })
		return named{names: names, bundles: true, loose: loose}
	}
	n := named{names: []string{id}}
	for _, a := range aliases {
		if bundling[a] && !isCVE(a) {
			n.loose = append(n.loose, a)
		} else {
			n.names = append(n.names, a)
		}
	}
	if bundling[id] && !isCVE(id) && len(n.names) > 1 {
		n.names = n.names[1:]
	}
	return n
}

func without(set []string, id string) []string {
	return slices.DeleteFunc(set, func(s string) bool { return s == id })
}

// aliasEdges turns a record's names into claims. A publisher's word on which
// CVE its own record is comes first (rank 0), then a CVE-numbered record's word
// on others' ids (1), then links between ids that are no CVE (2).
func aliasEdges(edges []edge, r *merged, n named) []edge {
	if n.bundles {
		return edges
	}
	for _, b := range n.names[1:] {
		e := edge{rank: 2, a: n.names[0], b: b, source: r.Source, record: r.ID}
		switch {
		case isCVE(b):
			e.rank = 0
		case isCVE(e.a):
			e.rank = 1
		}
		edges = append(edges, e)
	}
	return edges
}

func compareEdges(x, y edge) int {
	return cmp.Or(cmp.Compare(x.rank, y.rank), strings.Compare(x.a, y.a), strings.Compare(x.b, y.b),
		strings.Compare(x.source, y.source), strings.Compare(x.record, y.record))
}
