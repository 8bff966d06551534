package vulndb

import (
	"fmt"
	"slices"
	"strings"
)

// nameVulnerabilities computes the alias groups, numbers them, and tells each
// record its vulnerabilities. It returns the members of each group, primary first.
func (e *encoder) nameVulnerabilities(list []*merged) ([][]string, []Conflict) {
	bundling := map[string]bool{}
	for _, r := range list {
		if n := namesOf(r, nil); n.bundles && !r.Withdrawn {
			bundling[canonical(r.ID)] = true
		}
	}
	g := newGroups()
	names := make([]named, len(list))
	var edges []edge
	for i, r := range list {
		names[i] = namesOf(r, bundling)
		if r.Withdrawn {
			names[i] = namesOfWithdrawn(names[i])
		}
		for _, id := range names[i].names {
			g.node(id)
		}
		edges = aliasEdges(edges, r, names[i])
	}
	slices.SortFunc(edges, compareEdges)
	var conflicts []Conflict
	for _, x := range edges {
		if !g.join(x.a, x.b) {
			conflicts = append(conflicts, Conflict{Kind: ConflictAlias, ID: x.a, Records: []string{x.source + "/" + x.record},
				Says: []string{fmt.Sprintf("%s is %s, but they are %s and %s", x.a, x.b, g.ids[g.cve[g.root(g.node(x.a))]], g.ids[g.cve[g.root(g.node(x.b))]])}})
		}
	}

	members := map[int32][]string{}
	for n, id := range g.ids {
		root := g.root(int32(n))
		members[root] = append(members[root], id)
	}
	byPrimary := make([][]string, 0, len(members))
	for _, ids := range members {
		slices.SortFunc(ids, comparePrimary)
		slices.Sort(ids[1:])
		byPrimary = append(byPrimary, ids)
	}
	slices.SortFunc(byPrimary, func(a, b []string) int { return strings.Compare(a[0], b[0]) })
	e.vulns = make([]string, len(byPrimary))
	vulnOf := make(map[string]uint32, len(g.ids))
	for i, ids := range byPrimary {
		e.vulns[i] = ids[0]
		for _, id := range ids {
			vulnOf[id] = uint32(i)
		}
	}
	for i, r := range list {
		r.loose = names[i].loose
		about := names[i].names
		if !names[i].bundles {
			about = about[:1]
			if cve := slices.IndexFunc(names[i].names, isCVE); cve >= 0 {
				about = names[i].names[cve:][:1] // a claim that was dropped leaves the record with its own CVE
			}
		}
		for _, id := range about {
			r.vulns = append(r.vulns, vulnOf[id])
		}
		slices.Sort(r.vulns)
		r.vulns = slices.Compact(r.vulns)
	}
	e.numberIDs(byPrimary)
	return byPrimary, conflicts
}

// namesOfWithdrawn lets a withdrawn record name vulnerabilities, so that a
// search for one finds it, but not join them: its aliases may be why it went.
func namesOfWithdrawn(n named) named {
	if n.bundles {
		return n
	}
	all := n.names
	if cves := slices.DeleteFunc(slices.Clone(all), func(id string) bool { return !isCVE(id) }); len(cves) > 0 {
		loose := slices.DeleteFunc(slices.Clone(all[1:]), isCVE)
		return named{names: cves, bundles: true, loose: append(loose, n.loose...)}
	}
	if len(all) > 1 {
		return named{names: all[1:], bundles: true, loose: n.loose}
	}
	return n
}

// numberIDs gives each id of a group its number.
func (e *encoder) numberIDs(groups [][]string) {
	e.vulnNo = make(map[string]uint32, len(e.vulns))
	for i, id := range e.vulns {
		e.vulnNo[id] = uint32(i)
	}
	for _, ids := range groups {
		e.aliases = append(e.aliases, ids[1:]...)
	}
	slices.Sort(e.aliases)
	e.aliasNo = make(map[string]uint32, len(e.aliases))
	for i, id := range e.aliases {
		e.aliasNo[id] = uint32(i)
	}
}
