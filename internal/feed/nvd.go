package feed

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/vulndb"
)

// maxNVD bounds a year's feed as it expands; the longest have some 250 MB.
const maxNVD = 2 << 30

const leftNotNVD = "NVD records that NVD has not scored itself"

// nvdSource is how NVD names itself among those who scored a CVE; the others
// are the CNA and CISA, whose scores stand in the CVE records.
const nvdSource = "nvd@nist.gov"

type nvdRecord struct {
	CVE struct {
		ID       string `json:"id"`
		Status   string `json:"vulnStatus"`
		Modified string `json:"lastModified"`
		Metrics  struct {
			V40 []nvdMetric `json:"cvssMetricV40"`
			V31 []nvdMetric `json:"cvssMetricV31"`
			V30 []nvdMetric `json:"cvssMetricV30"`
			V2  []nvdMetric `json:"cvssMetricV2"`
		} `json:"metrics"`
	} `json:"cve"`
}

type nvdMetric struct {
	Source   string    `json:"source"`
	Severity looseText `json:"baseSeverity"` // version 2's stands here
	Data     cveScore  `json:"cvssData"`
}

// parseNVD reads a feed of NVD's CVE API 2.0 schema
// (https://csrc.nist.gov/schema/nvd/api/2.0/cve_api_json_2.0.schema), one
// vulnerability at a time.
func parseNVD(r io.Reader, o *out) error {
	dec := json.NewDecoder(io.LimitReader(r, maxNVD))
	if err := expectDelim(dec, '{'); err != nil {
		return err
	}
	found := false
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return err
		}
		if key != "vulnerabilities" {
			var other json.RawMessage
			if err := dec.Decode(&other); err != nil {
				return err
			}
			continue
		}
		found = true
		if err := expectDelim(dec, '['); err != nil {
			return err
		}
		for dec.More() {
			var doc json.RawMessage
			if err := dec.Decode(&doc); err != nil {
				return err
			}
			o.read++
			if err := parseNVDRecord(doc, o); err != nil {
				o.skip("", err)
			}
			if o.stop != nil {
				return o.stop
			}
		}
		if err := expectDelim(dec, ']'); err != nil {
			return err
		}
	}
	if !found {
		return errors.New("no vulnerabilities: not a feed of NVD")
	}
	return expectDelim(dec, '}')
}

func parseNVDRecord(doc []byte, o *out) error {
	var raw nvdRecord
	if err := json.Unmarshal(doc, &raw); err != nil {
		return err
	}
	cve := &raw.CVE
	if err := checkCVE(cve.ID); err != nil {
		return err
	}
	modified, err := parseTime(cve.Modified)
	if err != nil {
		return fmt.Errorf("%s: lastModified: %w", cve.ID, err)
	}
	o.date(modified)
	e := vulndb.Enrichment{ID: cve.ID, Rejected: cve.Status == "Rejected"}
	for _, metrics := range [][]nvdMetric{cve.Metrics.V40, cve.Metrics.V31, cve.Metrics.V30, cve.Metrics.V2} {
		for _, m := range metrics {
			c, ok := score(m.Data.Vector)
			if m.Source != nvdSource || !ok {
				continue
			}
			c.Source, c.Score = "nvd", cmp.Or(float64(m.Data.Score), c.Score)
			e.CVSS = append(e.CVSS, c)
			if e.Severity != finding.Unknown {
				continue
			}
			if e.Severity = cveSeverity(cmp.Or(m.Data.Severity, m.Severity), c.Score); e.Severity != finding.Unknown {
				e.SeveritySource = "nvd"
			}
		}
	}
	if len(e.CVSS) == 0 && !e.Rejected {
		o.leave(leftNotNVD, 1)
		return nil
	}
	o.enrich(e)
	return nil
}
