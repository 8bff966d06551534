package vex

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
)

// cdxBOM are the parts of a CycloneDX document that say what is affected.
type cdxBOM struct {
	Metadata struct {
		Timestamp string        `json:"timestamp"`
		Component *cdxComponent `json:"component"`
		Authors   []cdxName     `json:"authors"`
		Supplier  cdxName       `json:"supplier"`
		Maker     cdxName       `json:"manufacturer"`
		Old       cdxName       `json:"manufacture"` // until 1.5
	} `json:"metadata"`
	Components      []cdxComponent `json:"components"`
	Vulnerabilities []struct {
		ID         string `json:"id"`
		Updated    string `json:"updated"`
		References []struct {
			ID string `json:"id"`
		} `json:"references"`
		Analysis *struct {
			State         string `json:"state"`
			Justification string `json:"justification"`
			Detail        string `json:"detail"`
			LastUpdated   string `json:"lastUpdated"`
			FirstIssued   string `json:"firstIssued"`
		} `json:"analysis"`
		Affects []struct {
			Ref      string `json:"ref"`
			Versions []struct {
				Version string `json:"version"`
				Range   string `json:"range"`
			} `json:"versions"`
		} `json:"affects"`
	} `json:"vulnerabilities"`
}

type cdxName struct {
	Name string `json:"name"`
}

type cdxComponent struct {
	Ref    string `json:"bom-ref"`
	PURL   string `json:"purl"`
	Type   string `json:"type"`
	Hashes []struct {
		Algorithm string `json:"alg"`
		Content   string `json:"content"`
	} `json:"hashes"`
	Components []cdxComponent `json:"components"`
}

// cdxStates are OpenVEX's words for the states of an analysis.
var cdxStates = map[string]Status{
	"not_affected": NotAffected, "false_positive": NotAffected, "resolved": Fixed, "resolved_with_pedigree": Fixed,
	"in_triage": UnderInvestigation, "exploitable": Affected,
}

func parseCycloneDX(name string, data []byte) (*Document, error) {
	var doc cdxBOM
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("CycloneDX: %w", err)
	}
	byRef := map[string]*cdxComponent{}
	var visit func(list []cdxComponent, depth int)
	visit = func(list []cdxComponent, depth int) {
		for i := range list {
			byRef[list[i].Ref] = &list[i]
			if depth < maxDepth {
				visit(list[i].Components, depth+1)
			}
		}
	}
	visit(doc.Components, 0)
	// A document about one image counts for that image; one about an
	// application, or about nothing in particular, wherever its components are.
	var product *thing
	if c := doc.Metadata.Component; c != nil {
		byRef[c.Ref] = c
		if t := c.thing(); c.Type == "container" && t.known() {
			product = t
		}
	}
	author := cmp.Or(doc.Metadata.Supplier.Name, doc.Metadata.Maker.Name, doc.Metadata.Old.Name)
	if author == "" && len(doc.Metadata.Authors) > 0 {
		author = doc.Metadata.Authors[0].Name
	}
	d := &Document{}
	for i, v := range doc.Vulnerabilities {
		if v.Analysis == nil || v.Analysis.State == "" {
			continue // a finding of somebody's, and no statement
		}
		status, known := cdxStates[v.Analysis.State]
		if !known {
			return nil, fmt.Errorf("CycloneDX: vulnerability %d: state %q is none of the specification's", i+1, v.Analysis.State)
		}
		one := Statement{
			IDs: []string{v.ID}, Status: status, Justification: v.Analysis.Justification, Text: sentences(v.Analysis.Detail), Author: author, Document: name,
			Time: parseTime(cmp.Or(v.Analysis.LastUpdated, v.Analysis.FirstIssued, v.Updated, doc.Metadata.Timestamp)),
		}
		if v.Analysis.State == "false_positive" && one.Justification == "" {
			one.Justification = "false_positive"
		}
		for _, r := range v.References {
			one.IDs = append(one.IDs, r.ID)
		}
		for _, a := range v.Affects {
			part := cdxThing(a.Ref, byRef)
			for _, version := range a.Versions {
				if text := cmp.Or(version.Range, version.Version); text != "" {
					part.ranges = append(part.ranges, text)
				}
			}
			s := scope{product, part}
			if c := doc.Metadata.Component; c != nil && a.Ref == c.Ref && product != nil {
				s = scope{product: product}
			}
			one.scopes = append(one.scopes, s)
		}
		if err := d.add(one); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func (c *cdxComponent) thing() *thing {
	t := thingOf(c.PURL)
	for _, h := range c.Hashes {
		t.hash(h.Algorithm, h.Content)
	}
	return t
}

// cdxThing is what a reference means: a component of the document, or of another
// one by a link whose end is often its package URL (CycloneDX, "BOM-Link").
func cdxThing(ref string, byRef map[string]*cdxComponent) *thing {
	if c := byRef[ref]; c != nil {
		return c.thing()
	}
	if strings.HasPrefix(ref, "urn:cdx:") {
		_, end, _ := strings.Cut(ref, "#")
		if plain, err := url.PathUnescape(end); err == nil {
			end = plain
		}
		ref = end
		if c := byRef[ref]; c != nil {
			return c.thing()
		}
	}
	t := &thing{}
	if strings.HasPrefix(ref, "pkg:") {
		t.identify(ref)
	}
	return t
}
