package feed

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/vulndb"
)

// secdb is the security database of apk distributions
// (https://gitlab.alpinelinux.org/alpine/infra/docker/secdb): for each source
// package the versions that brought fixes, and what each of them fixed.
type secdb struct {
	Distro   string         `json:"distroversion"`
	Packages []secdbPackage `json:"packages"`
}

type secdbPackage struct {
	Pkg struct {
		Name  string          `json:"name"`
		Fixes json.RawMessage `json:"secfixes"` // version → ids; a package without any may have null or []
	} `json:"pkg"`
}

// maxSecdb bounds a secdb file; Chainguard's, the longest, has some 20 MB.
const maxSecdb = 256 << 20

const leftNoID = "entries that name no vulnerability"

// secdbReader says whose secdb it is.
type secdbReader struct {
	source    string
	ecosystem string // "Alpine", "Wolfi", "Chainguard"
	release   string // from the URL, where the file does not say ("v3.20")
}

// parse reads a secdb. Each package counts as one upstream record.
func (rd secdbReader) parse(r io.Reader, o *out) error {
	data, err := readAll(r, maxSecdb)
	if err != nil {
		return err
	}
	var db secdb
	if err := json.Unmarshal(data, &db); err != nil {
		return err
	}
	if db.Packages == nil {
		return fmt.Errorf("no packages: not a secdb")
	}
	eco := rd.ecosystem
	if release := cmp.Or(db.Distro, rd.release); release != "" {
		if err := checkText(release); err != nil {
			return fmt.Errorf("distroversion %s", err)
		}
		eco += ":" + release
	}
	for _, p := range db.Packages {
		o.read++
		records, err := rd.packageRecords(eco, p, o)
		if err != nil {
			o.skip(p.Pkg.Name, err)
			continue
		}
		for _, rec := range records {
			o.add(rec)
		}
	}
	return o.stop
}

// packageRecords returns one Record for each vulnerability of a package,
// sorted by id. A CVE that two versions are said to fix is fixed in the later:
// the first was not enough, or was that of another branch.
func (rd secdbReader) packageRecords(eco string, p secdbPackage, o *out) ([]vulndb.Record, error) {
	if err := checkName(p.Pkg.Name); err != nil {
		return nil, err
	}
	raw := p.Pkg.Fixes
	if len(raw) == 0 || string(raw) == "null" || string(raw) == "[]" {
		return nil, nil
	}
	var fixes map[string][]looseText
	if err := json.Unmarshal(raw, &fixes); err != nil {
		return nil, fmt.Errorf("secfixes: %w", err)
	}
	fixedIn := map[string][]string{} // id → versions
	for _, version := range sortedKeys(fixes) {
		if err := checkVersion(version); err != nil {
			return nil, err
		}
		for _, text := range fixes[version] {
			ids := idsIn(string(text))
			if len(ids) == 0 {
				o.leave(leftNoID, 1)
			}
			for _, id := range ids {
				if !slices.Contains(fixedIn[id], version) {
					fixedIn[id] = append(fixedIn[id], version)
				}
			}
		}
	}
	var records []vulndb.Record
	for _, id := range sortedKeys(fixedIn) {
		a := vulndb.Affected{Ecosystem: eco, Name: p.Pkg.Name}
		for _, v := range latest(eco, fixedIn[id]) {
			if v != "0" {
				a.Ranges = append(a.Ranges, vulndb.Range{Fixed: v})
			}
		}
		if len(a.Ranges) == 0 {
			a.Fix = finding.NotAffected // "0": no version of the package ever was
		}
		records = append(records, vulndb.Record{ID: id, Source: rd.source, Affected: []vulndb.Affected{a}})
	}
	return records, nil
}

// latest reduces versions to the last of them where the order is known.
func latest(eco string, versions []string) []string {
	last := versions[0]
	for _, v := range versions[1:] {
		if last == "0" {
			last = v
			continue
		}
		c, ok := compareVersions(eco, v, last)
		if !ok && v != "0" {
			return versions
		}
		if ok && c > 0 && v != "0" {
			last = v
		}
	}
	return []string{last}
}
