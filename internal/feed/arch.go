package feed

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/vulndb"
)

// maxArch bounds Arch Linux' list; it has some 1 MB.
const maxArch = 64 << 20

type archGroup struct {
	Name     string   `json:"name"`
	Packages []string `json:"packages"`
	Status   string   `json:"status"`
	Severity string   `json:"severity"`
	Affected string   `json:"affected"`
	Fixed    string   `json:"fixed"` // null while there is no fix
	Issues   []string `json:"issues"`
}

// parseArch reads the vulnerability groups of Arch Linux' tracker
// (https://security.archlinux.org/all.json).
//
// "affected" is the version at which a group was found, not the first that is
// affected, so a range begins at the beginning.
func parseArch(r io.Reader, o *out) error {
	data, err := readAll(r, maxArch)
	if err != nil {
		return err
	}
	var groups []json.RawMessage
	if err := json.Unmarshal(data, &groups); err != nil {
		return err
	}
	for _, doc := range groups {
		o.read++
		rec, err := archRecord(doc)
		if err != nil {
			o.skip(rec.ID, err)
			continue
		}
		o.add(rec)
	}
	return o.stop
}

func archRecord(doc []byte) (rec vulndb.Record, err error) {
	var g archGroup
	if err := json.Unmarshal(doc, &g); err != nil {
		return rec, err
	}
	if err := checkID(g.Name); err != nil {
		return rec, err
	}
	rec = vulndb.Record{ID: g.Name, Source: "arch", Severity: severityWord(g.Severity)}
	for _, id := range g.Issues {
		if err := checkID(id); err != nil {
			return rec, err
		}
		if !slices.Contains(rec.Upstream, id) {
			rec.Upstream = append(rec.Upstream, id)
		}
	}
	a := vulndb.Affected{Ecosystem: "Arch Linux"}
	switch g.Status {
	case "Fixed", "Testing", "Vulnerable", "Unknown":
		a.Ranges = []vulndb.Range{{Fixed: g.Fixed}}
		if g.Fixed == "" {
			a.Fix = finding.Affected
		} else if err := checkVersion(g.Fixed); err != nil {
			return rec, err
		}
	case "Not affected":
		a.Fix = finding.NotAffected
	default:
		return rec, fmt.Errorf("status %.40q: not one of the tracker's", g.Status)
	}
	if len(g.Packages) == 0 {
		return rec, fmt.Errorf("no packages")
	}
	for _, name := range g.Packages {
		if err := checkName(name); err != nil {
			return rec, err
		}
		a.Name = name
		rec.Affected = append(rec.Affected, a)
	}
	return rec, nil
}
