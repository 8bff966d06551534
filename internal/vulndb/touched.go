package vulndb

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strings"
)

// Touched lists the names of packages about which two databases say different
// things, sorted, and the ecosystems that only one of them covers. Where a name is
// not among them and its ecosystem is not either, Lookup and Vulnerability give the
// same for it, but for EPSS and KEV, which are no statements about packages. So it
// names more than Diff: the severity of a CVE's own record, a new alias, a CVE that
// was rejected. It reads both databases whole; what it returns points into neither.
func Touched(old, new *DB) (names []PackageName, ecosystems []string, err error) {
	before, after := sums(old), sums(new)
	for name, sum := range before {
		if after[name] != sum {
			names = append(names, name)
		}
	}
	for name := range after {
		if _, both := before[name]; !both {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b PackageName) int {
		return cmp.Or(strings.Compare(a.Ecosystem, b.Ecosystem), strings.Compare(a.Name, b.Name))
	})
	covered := map[string][2]bool{}
	for i, db := range []*DB{old, new} {
		for eco := range db.ecosystems {
			r, ok := db.Reach(eco)
			c := covered[strings.Clone(eco)]
			c[i] = ok && !r.Stray && r.Records > 0
			covered[strings.Clone(eco)] = c
		}
	}
	for eco, c := range covered {
		if c[0] != c[1] {
			ecosystems = append(ecosystems, eco)
		}
	}
	slices.Sort(ecosystems)
	return names, ecosystems, cmp.Or(old.Err(), new.Err())
}

type statementsSum [sha256.Size]byte

// sums gives what a database says of each package as a digest over its statements,
// in their order, with the vulnerabilities that they are about.
func sums(db *DB) map[PackageName]statementsSum {
	all := make(map[PackageName]statementsSum, db.pkgName.n)
	vulns := map[VulnRef]statementsSum{}
	of := func(ref VulnRef) statementsSum {
		sum, ok := vulns[ref]
		if !ok {
			v := db.Vulnerability(ref)
			v.EPSS, v.KEV = nil, nil
			v.Aliases, v.CVSS = someOrNil(v.Aliases), someOrNil(v.CVSS)
			sum = sha256.Sum256(encoded(v))
			vulns[ref] = sum
		}
		return sum
	}
	var at PackageName
	h := sha256.New()
	end := func() {
		if at != (PackageName{}) {
			all[PackageName{strings.Clone(at.Ecosystem), strings.Clone(at.Name)}] = statementsSum(h.Sum(nil))
		}
		h.Reset()
	}
	for a := range db.All() {
		if name := (PackageName{a.Ecosystem, a.Package}); name != at {
			end()
			at = name
		}
		said := *a
		said.Vulns = nil // numbers of this file alone
		said.Ranges, said.Versions, said.CVSS = someOrNil(a.Ranges), someOrNil(a.Versions), someOrNil(a.CVSS)
		said.Symbols, said.Arches = someOrNil(a.Symbols), someOrNil(a.Arches)
		h.Write(encoded(said))
		for _, ref := range a.Vulns {
			sum := of(ref)
			h.Write(sum[:])
		}
		h.Write([]byte{0})
	}
	end()
	return all
}

// encoded writes a value that JSON can hold, which all of this room's are.
func encoded(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // a field of a kind that JSON has no form for: the room's tests would not pass
	}
	return b
}
