package vex

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
)

// openVEX is a document of OpenVEX 0.2 (openvex/spec, OPENVEX-SPEC.md), or of the
// versions before it, in which products and vulnerabilities are plain strings.
type openVEX struct {
	Author      string `json:"author"`
	Timestamp   string `json:"timestamp"`
	LastUpdated string `json:"last_updated"`
	Statements  []struct {
		Vulnerability openVulnerability `json:"vulnerability"`
		Products      []openComponent   `json:"products"`
		Subcomponents []openComponent   `json:"subcomponents"` // before 0.2
		Status        Status            `json:"status"`
		Notes         string            `json:"status_notes"`
		Justification string            `json:"justification"`
		Impact        string            `json:"impact_statement"`
		Action        string            `json:"action_statement"`
		Timestamp     string            `json:"timestamp"`
		LastUpdated   string            `json:"last_updated"`
		Supplier      string            `json:"supplier"`
	} `json:"statements"`
}

type openVulnerability struct {
	ID      string   `json:"@id"`
	Name    string   `json:"name"`
	Aliases []string `json:"aliases"`
}

// UnmarshalJSON reads an object or a name.
func (v *openVulnerability) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte{'"'}) {
		return json.Unmarshal(data, &v.Name)
	}
	type plain openVulnerability
	return json.Unmarshal(data, (*plain)(v))
}

type openComponent struct {
	ID            string            `json:"@id"`
	Identifiers   map[string]string `json:"identifiers"`
	Hashes        map[string]string `json:"hashes"`
	Subcomponents []openComponent   `json:"subcomponents"`
}

// UnmarshalJSON reads an object or an identifier.
func (c *openComponent) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte{'"'}) {
		return json.Unmarshal(data, &c.ID)
	}
	type plain openComponent
	return json.Unmarshal(data, (*plain)(c))
}

func (c *openComponent) thing() *thing {
	t := thingOf(c.ID)
	t.identify(c.Identifiers["purl"])
	for algorithm, sum := range c.Hashes {
		t.hash(algorithm, sum)
	}
	return t
}

func parseOpenVEX(name string, data []byte) (*Document, error) {
	var doc openVEX
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("OpenVEX: %w", err)
	}
	d := &Document{}
	for i, s := range doc.Statements {
		switch s.Status {
		case NotAffected, Fixed, Affected, UnderInvestigation:
		default:
			return nil, fmt.Errorf("OpenVEX: statement %d: status %q: one of not_affected, affected, fixed, under_investigation", i+1, s.Status)
		}
		one := Statement{
			IDs: append([]string{s.Vulnerability.Name, lastSegment(s.Vulnerability.ID)}, s.Vulnerability.Aliases...), Status: s.Status,
			Justification: s.Justification, Text: sentences(s.Impact, s.Notes, s.Action), Author: cmp.Or(s.Supplier, doc.Author), Document: name,
			Time: parseTime(cmp.Or(s.LastUpdated, s.Timestamp, doc.LastUpdated, doc.Timestamp)),
		}
		for _, p := range s.Products {
			parts := append(p.Subcomponents, s.Subcomponents...)
			if len(parts) == 0 {
				one.scopes = append(one.scopes, scope{product: p.thing()})
			}
			for _, part := range parts {
				one.scopes = append(one.scopes, scope{p.thing(), part.thing()})
			}
		}
		if err := d.add(one); err != nil {
			return nil, err
		}
	}
	return d, nil
}
