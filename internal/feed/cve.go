package feed

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/vulndb"
)

// cveRecord is what scoring needs of a CVE record, by
// https://github.com/CVEProject/cve-schema (5.x).
type cveRecord struct {
	Metadata struct {
		ID      string `json:"cveId"`
		State   string `json:"state"`
		Updated string `json:"dateUpdated"`
	} `json:"cveMetadata"`
	Containers struct {
		CNA cveContainer   `json:"cna"`
		ADP []cveContainer `json:"adp"`
	} `json:"containers"`
}

type cveContainer struct {
	Title    string `json:"title"`
	Provider struct {
		ShortName string `json:"shortName"`
	} `json:"providerMetadata"`
	Metrics []cveMetric `json:"metrics"`
}

// cveMetric has one of its fields; "other" metrics (SSVC) have none of these.
type cveMetric struct {
	V40 *cveScore `json:"cvssV4_0"`
	V31 *cveScore `json:"cvssV3_1"`
	V30 *cveScore `json:"cvssV3_0"`
	V20 *cveScore `json:"cvssV2_0"`
}

type cveScore struct {
	Vector   string      `json:"vectorString"`
	Score    looseNumber `json:"baseScore"`
	Severity looseText   `json:"baseSeverity"`
}

// isCVEFile tells the records of cvelistV5 from its deltas and its README.
func isCVEFile(name string) bool {
	base := path.Base(name)
	return strings.HasPrefix(base, "CVE-") && strings.HasSuffix(base, ".json")
}

const (
	leftNoScore = "CVE records without a CVSS score"
)

// parseCVE reads one CVE record into o: whether it is rejected, every CVSS of
// the CNA ("cve") and of those who add to it ("cisa-adp", …), and the severity
// by the first of them.
func parseCVE(doc []byte, o *out) error {
	o.read++
	var raw cveRecord
	if err := json.Unmarshal(doc, &raw); err != nil {
		return err
	}
	if err := checkCVE(raw.Metadata.ID); err != nil {
		return err
	}
	updated, err := parseTime(raw.Metadata.Updated)
	if err != nil {
		return fmt.Errorf("%s: dateUpdated: %w", raw.Metadata.ID, err)
	}
	o.date(updated)
	e := vulndb.Enrichment{ID: raw.Metadata.ID}
	switch raw.Metadata.State {
	case "PUBLISHED":
	case "REJECTED":
		e.Rejected = true
		o.enrich(e)
		return nil
	default:
		return fmt.Errorf("%s: state %.40q: neither PUBLISHED nor REJECTED", e.ID, raw.Metadata.State)
	}
	addCVEScores(&e, "cve", raw.Containers.CNA.Metrics)
	for _, adp := range raw.Containers.ADP {
		addCVEScores(&e, adpName(adp), adp.Metrics)
	}
	if len(e.CVSS) == 0 {
		o.leave(leftNoScore, 1)
		return nil
	}
	o.enrich(e)
	return nil
}

// addCVEScores appends a container's scores, newest CVSS version first.
func addCVEScores(e *vulndb.Enrichment, source string, metrics []cveMetric) {
	for _, version := range []func(*cveMetric) *cveScore{
		func(m *cveMetric) *cveScore { return m.V40 },
		func(m *cveMetric) *cveScore { return m.V31 },
		func(m *cveMetric) *cveScore { return m.V30 },
		func(m *cveMetric) *cveScore { return m.V20 },
	} {
		for i := range metrics {
			s := version(&metrics[i])
			if s == nil {
				continue
			}
			c := vulndb.CVSS{Source: source, Score: float64(s.Score)}
			if v, ok := score(s.Vector); ok {
				c.Vector, c.Score = v.Vector, cmp.Or(c.Score, v.Score)
			}
			if c.Vector == "" && c.Score == 0 {
				continue
			}
			e.CVSS = append(e.CVSS, c)
			if e.Severity == finding.Unknown {
				e.Severity, e.SeveritySource = cveSeverity(s.Severity, c.Score), source
			}
		}
	}
	if e.Severity == finding.Unknown {
		e.SeveritySource = ""
	}
}

// cveSeverity is the word next to the score; CVSS 2 has none, and
// some containers have nothing but a vector, so they go by the score.
func cveSeverity(word looseText, score float64) finding.Severity {
	if s := severityWord(string(word)); s != finding.Unknown || score <= 0 {
		return s
	}
	return finding.FromScore(score)
}

// adpName is a container's source in reports: "cisa-adp" for CISA's
// Vulnrichment, else the organisation's own name in the same style.
func adpName(c cveContainer) string {
	name := cmp.Or(c.Provider.ShortName, c.Title)
	if checkText(name) != nil || name == "" {
		return "adp"
	}
	return strings.ReplaceAll(strings.ToLower(name), " ", "-")
}
