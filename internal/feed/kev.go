package feed

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/careen/careen/internal/vulndb"
)

// maxKEV bounds CISA's catalogue; it has 1.6 MB for 1,700 entries.
const maxKEV = 128 << 20

// parseKEV reads CISA's catalogue of known exploited vulnerabilities
// (https://www.cisa.gov/known-exploited-vulnerabilities-catalog).
func parseKEV(r io.Reader, o *out) error {
	data, err := readAll(r, maxKEV)
	if err != nil {
		return err
	}
	var catalogue struct {
		Released        string `json:"dateReleased"`
		Vulnerabilities []struct {
			CVE        string `json:"cveID"`
			Added      string `json:"dateAdded"`
			Due        string `json:"dueDate"`
			Ransomware string `json:"knownRansomwareCampaignUse"`
		} `json:"vulnerabilities"`
	}
	if err := json.Unmarshal(data, &catalogue); err != nil {
		return err
	}
	if catalogue.Vulnerabilities == nil {
		return errors.New("no vulnerabilities: not CISA's catalogue")
	}
	released, err := parseTime(catalogue.Released)
	if err != nil {
		return fmt.Errorf("dateReleased: %w", err)
	}
	o.date(released)
	for _, v := range catalogue.Vulnerabilities {
		o.read++
		if err := checkCVE(v.CVE); err != nil {
			o.skip("", err)
			continue
		}
		kev := &vulndb.KEV{Ransomware: strings.EqualFold(v.Ransomware, "known")}
		if kev.Added, err = parseTime(v.Added); err != nil || kev.Added.IsZero() {
			o.skip(v.CVE, fmt.Errorf("dateAdded %q: not a date", v.Added))
			continue
		}
		if kev.Due, err = parseTime(v.Due); err != nil {
			o.skip(v.CVE, fmt.Errorf("dueDate: %w", err))
			continue
		}
		o.enrich(vulndb.Enrichment{ID: v.CVE, KEV: kev})
	}
	return o.stop
}
