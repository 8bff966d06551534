package catalog

import (
	"maps"
	"slices"

	"github.com/careen/careen/internal/purl"
	"github.com/careen/careen/internal/sbom"
)

// lockGraph is a lock file whose packages say what each needs: what production
// installs is what can be reached from what the program itself asks for.
type lockGraph struct {
	kind  string // purl type
	nodes map[string]*lockNode
}

// lockNode is a package of a lock file, under the key that the file gives it.
type lockNode struct {
	name, version string
	local         bool     // the program itself, or a part of it: no package
	development   bool     // nothing but the work on the program needs it
	needs         []string // keys
}

func newLockGraph(kind string) *lockGraph {
	return &lockGraph{kind: kind, nodes: map[string]*lockNode{}}
}

// put adds a node unless its key is taken or there are too many. What one entry
// has for production is not for development alone.
func (g *lockGraph) put(key string, n *lockNode) {
	if there := g.nodes[key]; there != nil {
		there.development = there.development && n.development
	} else if len(g.nodes) < 2*maxPackages {
		g.nodes[key] = n
	}
}

// reach returns the keys that can be reached from roots.
func (g *lockGraph) reach(roots []string) map[string]bool {
	reached := map[string]bool{}
	next := slices.Clone(roots)
	for len(next) > 0 {
		key := next[len(next)-1]
		next = next[:len(next)-1]
		if n := g.nodes[key]; n != nil && !reached[key] {
			reached[key] = true
			next = append(next, n.needs...)
		}
	}
	return reached
}

// all returns the keys of every node that is not marked as development's.
func (g *lockGraph) all() map[string]bool {
	keys := make(map[string]bool, len(g.nodes))
	for key, n := range g.nodes {
		if !n.development {
			keys[key] = true
		}
	}
	return keys
}

// asked lists what a program asks for, for production and for development, and
// what that needs in turn.
func (g *lockGraph) asked(production, development []string) ([]sbom.Package, error) {
	keys := g.reach(production)
	for key := range g.reach(development) {
		g.nodes[key].development = !keys[key]
	}
	return g.packages(keys)
}

// packages lists the nodes of production, whose keys are given, and behind them
// those of development, each with what it needs of them.
func (g *lockGraph) packages(keys map[string]bool) ([]sbom.Package, error) {
	l := lockList{kind: g.kind}
	var development []string
	for _, key := range slices.Sorted(maps.Keys(g.nodes)) {
		if keys[key] {
			g.list(&l, key, func(need string) bool { return keys[need] })
		} else if g.nodes[key].development {
			development = append(development, key)
		}
	}
	l.forDevelopment(func() {
		for _, key := range development {
			g.list(&l, key, func(need string) bool { return keys[need] || g.nodes[need].development })
		}
	})
	return l.result()
}

// list adds a node to a list, with what it needs of the nodes that are listed.
func (g *lockGraph) list(l *lockList, key string, listed func(key string) bool) {
	n, before := g.nodes[key], len(l.packages)
	if n.local {
		return
	}
	if l.pin(n.name, n.version); len(l.packages) == before {
		return
	}
	p := &l.packages[before]
	for _, need := range n.needs {
		if on := g.nodes[need]; on != nil && !on.local && listed(need) && on.version != "" {
			p.DependsOn = append(p.DependsOn, purl.New(g.kind, on.name, on.version).String())
		}
	}
	slices.Sort(p.DependsOn)
	p.DependsOn = slices.Compact(p.DependsOn)
}
