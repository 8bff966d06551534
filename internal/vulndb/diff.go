package vulndb

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Difference is what one database says and another does not. Scores of EPSS
// move every day for every CVE and are left out.
type Difference struct {
	Added     []Change // records that are new, or stand again
	Changed   []Change // records whose statements differ
	Withdrawn []Change // records that stood, and that their publisher took back
	Removed   []Change // records that are gone
	Exploited []string // primary ids of vulnerabilities that CISA's catalogue now lists
}

// Change is a record, the vulnerabilities it is about, and the packages for
// which what it says differs.
type Change struct {
	ID              string        `json:"id"`
	Source          string        `json:"source"`
	Vulnerabilities []string      `json:"vulnerabilities"`
	Packages        []PackageName `json:"packages"` // sorted; none for a record that never named one
}

// Diff compares two databases record by record. What it returns does not point
// into either. It reads both whole; a damaged one is an error.
func Diff(old, new *DB) (Difference, error) {
	before, err := digest(old)
	if err != nil {
		return Difference{}, fmt.Errorf("old: %w", err)
	}
	after, err := digest(new)
	if err != nil {
		return Difference{}, fmt.Errorf("new: %w", err)
	}
	var d Difference
	for key, b := range after {
		a, known := before[key]
		change := func(packages []PackageName) Change { return Change{key.id, key.source, b.vulns, packages} }
		switch {
		case b.withdrawn && known && !a.withdrawn:
			d.Withdrawn = append(d.Withdrawn, change(wholePackages(a)))
		case b.withdrawn:
		case !known || a.withdrawn:
			d.Added = append(d.Added, change(wholePackages(b)))
		default:
			if changed := changedPackages(a, b); len(changed) > 0 || !slices.Equal(a.vulns, b.vulns) {
				d.Changed = append(d.Changed, change(changed))
			}
		}
	}
	for key, a := range before {
		if _, stays := after[key]; !stays && !a.withdrawn {
			d.Removed = append(d.Removed, Change{key.id, key.source, a.vulns, wholePackages(a)})
		}
	}
	for _, list := range [][]Change{d.Added, d.Changed, d.Withdrawn, d.Removed} {
		slices.SortFunc(list, func(a, b Change) int {
			return cmp.Or(compareNatural(a.ID, b.ID), strings.Compare(a.Source, b.Source))
		})
	}
	known := map[string]bool{}
	for v := range old.Vulnerabilities() {
		if v.KEV != nil {
			known[v.ID] = true
		}
	}
	for v := range new.Vulnerabilities() {
		if v.KEV != nil && !known[v.ID] {
			d.Exploited = append(d.Exploited, strings.Clone(v.ID))
		}
	}
	return d, cmp.Or(old.Err(), new.Err())
}

type recordKey struct{ source, id string }

// recordDigest is a record boiled down to what Diff compares.
type recordDigest struct {
	withdrawn bool
	vulns     []string                // primary ids
	packages  map[PackageName]foldSum // what it says of each
}

// foldSum is the sum of the digests of a record's statements about a package:
// one that does not depend on their order.
type foldSum [4]uint64

func digest(db *DB) (map[recordKey]*recordDigest, error) {
	names := map[VulnRef]string{}
	primary := func(refs []VulnRef) []string {
		list := make([]string, len(refs))
		for i, ref := range refs {
			if _, ok := names[ref]; !ok {
				id, _ := db.vulnName.at(uint32(ref))
				names[ref] = strings.Clone(id)
			}
			list[i] = names[ref]
		}
		slices.Sort(list)
		return list
	}
	all := map[recordKey]*recordDigest{}
	for r := range db.Records() {
		key := recordKey{strings.Clone(r.Source), strings.Clone(r.ID)}
		all[key] = &recordDigest{withdrawn: r.Withdrawn, vulns: primary(r.Vulns), packages: map[PackageName]foldSum{}}
	}
	packages := map[PackageName]PackageName{} // one copy of each name
	for a := range db.All() {
		r := all[recordKey{a.Source, a.ID}]
		if r == nil {
			return nil, fmt.Errorf("%w: a statement of no record, %q", ErrCorrupt, a.ID)
		}
		name, ok := packages[PackageName{a.Ecosystem, a.Package}]
		if !ok {
			name = PackageName{strings.Clone(a.Ecosystem), strings.Clone(a.Package)}
			packages[name] = name
		}
		// Lists that come out of one encoder, so equal statements have equal
		// bytes. The references are numbers of this file alone.
		said := *a
		said.Vulns = nil
		// An empty list and none are one, whatever the reader held before.
		said.Ranges, said.Versions, said.CVSS = someOrNil(a.Ranges), someOrNil(a.Versions), someOrNil(a.CVSS)
		said.Symbols, said.Arches = someOrNil(a.Symbols), someOrNil(a.Arches)
		text, err := json.Marshal(said)
		if err != nil {
			return nil, err
		}
		sum := r.packages[name]
		sum.add(sha256.Sum256(text))
		r.packages[name] = sum
	}
	return all, db.Err()
}

func someOrNil[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	return list
}

func (f *foldSum) add(sum [sha256.Size]byte) {
	for i := range f {
		for j := range 8 {
			f[i] += uint64(sum[8*i+j]) << (8 * j)
		}
	}
}

func wholePackages(r *recordDigest) []PackageName {
	return changedPackages(r, &recordDigest{})
}

// changedPackages lists the packages of which the two say different things.
func changedPackages(a, b *recordDigest) []PackageName {
	var list []PackageName
	for name, sum := range a.packages {
		if b.packages[name] != sum {
			list = append(list, name)
		}
	}
	for name := range b.packages {
		if _, both := a.packages[name]; !both {
			list = append(list, name)
		}
	}
	slices.SortFunc(list, func(x, y PackageName) int {
		return cmp.Or(compareNatural(x.Ecosystem, y.Ecosystem), strings.Compare(x.Name, y.Name))
	})
	return list
}
