package feed

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/vulndb"
)

// maxPhoton bounds the list of a Photon OS release; the longest has some 5 MB.
const maxPhoton = 128 << 20

type photonFlaw struct {
	ID       string      `json:"cve_id"`
	Package  string      `json:"pkg"`
	Score    looseNumber `json:"cve_score"`
	Resolved string      `json:"res_ver"`
	Status   string      `json:"status"`
}

// photonReader says for which release a list is ("5.0").
type photonReader struct{ release string }

// parse reads Photon OS' list of a release's vulnerabilities
// (https://packages.vmware.com/photon/photon_cve_metadata/).
func (rd photonReader) parse(r io.Reader, o *out) error {
	data, err := readAll(r, maxPhoton)
	if err != nil {
		return err
	}
	var flaws []photonFlaw
	if err := json.Unmarshal(data, &flaws); err != nil {
		return err
	}
	for _, f := range flaws {
		o.read++
		rec, err := rd.record(f)
		if err != nil {
			o.skip(f.ID+" "+f.Package, err)
			continue
		}
		if rec.ID == "" {
			o.leave(leftNoID, 1)
			continue
		}
		o.add(rec)
	}
	return o.stop
}

func (rd photonReader) record(f photonFlaw) (vulndb.Record, error) {
	ids := idsIn(f.ID)
	if len(ids) != 1 || strings.HasPrefix(ids[0], "UNK-") {
		return vulndb.Record{}, nil // "UNK-1" and "Re" represent many flaws
	}
	rec := vulndb.Record{ID: ids[0], Source: "photon"}
	if err := checkName(f.Package); err != nil {
		return rec, err
	}
	a := vulndb.Affected{Ecosystem: "Photon OS:" + rd.release, Name: f.Package}
	if f.Score > 0 {
		a.CVSS = []vulndb.CVSS{{Score: float64(f.Score)}}
	}
	fixed := strings.TrimSpace(f.Resolved)
	switch {
	case strings.EqualFold(f.Status, "Not Affected"):
		a.Fix = finding.NotAffected
	case strings.EqualFold(f.Status, "Fixed") && fixed != "" && fixed != "NA":
		if err := checkVersion(fixed); err != nil {
			return rec, err
		}
		a.Ranges = []vulndb.Range{{Fixed: fixed}}
	case f.Status == "", fixed == "", fixed == "NA":
		return rec, fmt.Errorf("status %.40q, resolved in %.40q: says nothing", f.Status, f.Resolved)
	default:
		return rec, fmt.Errorf("status %.40q: neither Fixed nor Not Affected", f.Status)
	}
	rec.Affected = []vulndb.Affected{a}
	return rec, nil
}
