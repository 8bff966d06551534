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
	needs         []string // keys
}

func newLockGraph(kind string) *lockGraph {
	return &lockGraph{kind: kind, nodes: map[string]*lockNode{}}
}

// put adds a node unless its key is taken or there are too many.
func (g *lockGraph) put(key string, n *lockNode) {
	if g.nodes[key] == nil && len(g.nodes) < 2*maxPackages {
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

// all returns every key.
func (g *lockGraph) all() map[string]bool {
	keys := make(map[string]bool, len(g.nodes))
	for key := range g.nodes {
		keys[key] = true
	}
	return keys
}

// packages lists the nodes of the keys given, each with what it needs of them.
func (g *lockGraph) packages(keys map[string]bool) ([]sbom.Package, error) {
	l := lockList{kind: g.kind}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		n := g.nodes[key]
		if n.local {
			continue
		}
		before := len(l.packages)
		l.pin(n.name, n.version)
		if len(l.packages) == before {
			continue
		}
		p := &l.packages[before]
		for _, need := range n.needs {
			if on := g.nodes[need]; on != nil && !on.local && keys[need] && on.version != "" {
				p.DependsOn = append(p.DependsOn, purl.New(g.kind, on.name, on.version).String())
			}
		}
		slices.Sort(p.DependsOn)
		p.DependsOn = slices.Compact(p.DependsOn)
	}
	return l.result()
}
