package vulndb

import (
	"iter"
	"slices"
	"strings"
)

// Records yields every record that the database was built from, withdrawn ones
// among them, in the order of the file. The Identity is valid until the DB is
// closed, its Vulns until the iteration goes on.
func (db *DB) Records() iter.Seq[Identity] {
	return func(yield func(Identity) bool) {
		w := &walker{db: db, whole: true}
		for at := 0; at < len(db.sections[secRecord]); at = w.at.end {
			if !w.record(at) {
				db.damaged(sectionNames[secRecord])
				return
			}
			if !yield(w.identity(w.vulns)) {
				return
			}
		}
	}
}

// identity is that of the record which was read last.
func (w *walker) identity(vulns []VulnRef) Identity {
	return Identity{w.rec.id, w.rec.source, w.rec.withdrawn, w.rec.malicious, w.db.titleAt(w.at.start), vulns}
}

// Vulnerabilities yields every vulnerability, sorted by primary id.
func (db *DB) Vulnerabilities() iter.Seq[Vulnerability] {
	return func(yield func(Vulnerability) bool) {
		for i := range db.vulnName.n {
			if !yield(db.Vulnerability(VulnRef(i))) {
				return
			}
		}
	}
}

// PackageName is a package as the database names it.
type PackageName struct {
	Ecosystem string `json:"ecosystem"`
	Name      string `json:"name"`
}

// Named lists the packages of a name, whatever its case, in one ecosystem or,
// with "", in all; an ecosystem without its release ("Debian") means all
// releases. It reads all names, which takes milliseconds.
func (db *DB) Named(ecosystem, name string) []PackageName {
	var list []PackageName
	for eco, own := range db.Packages() {
		if ecosystem != "" && !strings.EqualFold(eco, ecosystem) {
			family, _, _ := strings.Cut(eco, ":")
			if !strings.EqualFold(family, ecosystem) {
				continue
			}
		}
		if strings.EqualFold(own, name) {
			list = append(list, PackageName{eco, own})
		}
	}
	// Ecosystems in the order of people: Debian:9 before Debian:12.
	slices.SortStableFunc(list, func(a, b PackageName) int { return compareNatural(a.Ecosystem, b.Ecosystem) })
	return list
}
