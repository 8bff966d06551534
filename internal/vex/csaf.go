package vex

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// csaf are the parts of a CSAF 2.0 document that say what is affected (OASIS,
// "Common Security Advisory Framework Version 2.0", 3.2).
type csaf struct {
	Document struct {
		Category  string `json:"category"`
		Publisher struct {
			Name string `json:"name"`
		} `json:"publisher"`
		Tracking struct {
			Current string `json:"current_release_date"`
		} `json:"tracking"`
	} `json:"document"`
	Tree struct {
		Branches      []csafBranch  `json:"branches"`
		Products      []csafProduct `json:"full_product_names"`
		Relationships []struct {
			Product csafProduct `json:"full_product_name"`
			Part    string      `json:"product_reference"`
			Of      string      `json:"relates_to_product_reference"`
		} `json:"relationships"`
		Groups []struct {
			ID       string   `json:"group_id"`
			Products []string `json:"product_ids"`
		} `json:"product_groups"`
	} `json:"product_tree"`
	Vulnerabilities []struct {
		CVE string `json:"cve"`
		IDs []struct {
			Text string `json:"text"`
		} `json:"ids"`
		Status  map[string][]string `json:"product_status"`
		Flags   []csafNote          `json:"flags"`
		Threats []csafNote          `json:"threats"`
		Remedy  []csafNote          `json:"remediations"`
	} `json:"vulnerabilities"`
}

type csafBranch struct {
	Category string       `json:"category"`
	Name     string       `json:"name"`
	Product  *csafProduct `json:"product"`
	Branches []csafBranch `json:"branches"`
}

type csafProduct struct {
	ID     string `json:"product_id"`
	Helper struct {
		PURL   string   `json:"purl"`
		PURLs  []string `json:"purls"` // 2.1
		Hashes []struct {
			List []struct {
				Algorithm string `json:"algorithm"`
				Value     string `json:"value"`
			} `json:"file_hashes"`
		} `json:"hashes"`
	} `json:"product_identification_helper"`
}

// csafNote is a flag, a threat or a remediation: what it says, and of which
// products.
type csafNote struct {
	Category string   `json:"category"`
	Label    string   `json:"label"`
	Details  string   `json:"details"`
	Products []string `json:"product_ids"`
	Groups   []string `json:"group_ids"`
}

// csafStates are OpenVEX's words for the groups of product_status.
var csafStates = map[string]Status{
	"known_not_affected": NotAffected, "fixed": Fixed, "first_fixed": Fixed, "under_investigation": UnderInvestigation,
	"known_affected": Affected, "first_affected": Affected, "last_affected": Affected,
}

// csafTree finds products by their ids.
type csafTree struct {
	products map[string]*thing
	scopes   map[string]scope // of products that are parts of others
	groups   map[string][]string
}

func parseCSAF(name string, data []byte) (*Document, error) {
	var doc csaf
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("CSAF: %w", err)
	}
	if doc.Document.Category == "" {
		return nil, ErrNotVEX
	}
	tree := csafTree{map[string]*thing{}, map[string]scope{}, map[string][]string{}}
	for _, p := range doc.Tree.Products {
		tree.products[p.ID] = p.thing("")
	}
	if err := tree.branches(doc.Tree.Branches, 0); err != nil {
		return nil, err
	}
	for _, r := range doc.Tree.Relationships {
		part, whole := tree.products[r.Part], tree.products[r.Of]
		if whole == nil {
			whole = &thing{}
		}
		if part == nil {
			part = &thing{}
		}
		tree.scopes[r.Product.ID] = scope{whole, part}
	}
	for _, g := range doc.Tree.Groups {
		tree.groups[g.ID] = g.Products
	}
	d := &Document{}
	for _, v := range doc.Vulnerabilities {
		ids := []string{v.CVE}
		for _, id := range v.IDs {
			ids = append(ids, id.Text)
		}
		for _, state := range slices.Sorted(maps.Keys(v.Status)) {
			status, known := csafStates[state]
			if !known {
				continue // recommended: which to use, and nothing of the vulnerability
			}
			for _, id := range v.Status[state] {
				one := Statement{
					IDs: ids, Status: status, Justification: tree.said(v.Flags, id, "label"), Author: doc.Document.Publisher.Name,
					Text:     sentences(tree.said(v.Threats, id, "impact"), tree.said(v.Remedy, id, "")),
					Document: name, Time: parseTime(doc.Document.Tracking.Current), scopes: []scope{tree.scope(id)},
				}
				if err := d.add(one); err != nil {
					return nil, err
				}
			}
		}
	}
	return d, nil
}

func (t csafTree) branches(list []csafBranch, depth int) error {
	if depth > maxDepth {
		return errors.New("CSAF: branches are too deep")
	}
	for _, b := range list {
		if b.Product != nil {
			versions := ""
			if b.Category == "product_version_range" {
				versions = b.Name
			}
			t.products[b.Product.ID] = b.Product.thing(versions)
		}
		if err := t.branches(b.Branches, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (p *csafProduct) thing(versions string) *thing {
	t := &thing{}
	for _, id := range append([]string{p.Helper.PURL}, p.Helper.PURLs...) {
		if id != "" {
			t.identify(id)
		}
	}
	for _, file := range p.Helper.Hashes {
		for _, h := range file.List {
			t.hash(h.Algorithm, h.Value)
		}
	}
	if versions != "" {
		t.ranges = []string{versions}
	}
	return t
}

func (t csafTree) scope(id string) scope {
	if s, ok := t.scopes[id]; ok {
		return s
	}
	if p := t.products[id]; p != nil {
		return scope{product: p}
	}
	return scope{product: &thing{}}
}

// said is the first thing that a list says of a product: its label, its details of
// a category, or any.
func (t csafTree) said(list []csafNote, product, want string) string {
	for _, n := range list {
		of := slices.Contains(n.Products, product)
		for _, g := range n.Groups {
			of = of || slices.Contains(t.groups[g], product)
		}
		switch {
		case !of && len(n.Products)+len(n.Groups) > 0:
		case want == "label":
			return n.Label
		case want == "" || n.Category == want:
			return n.Details
		}
	}
	return ""
}
