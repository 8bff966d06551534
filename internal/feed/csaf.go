package feed

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/vulndb"
)

// csafDocument is what matching needs of a CSAF 2.0 document
// (https://docs.oasis-open.org/csaf/csaf/v2.0/), an advisory or a VEX.
type csafDocument struct {
	Document struct {
		Category string `json:"category"`
		Title    string `json:"title"`
		Severity struct {
			Text string `json:"text"`
		} `json:"aggregate_severity"`
		Tracking struct {
			ID      string `json:"id"`
			Status  string `json:"status"`
			Current string `json:"current_release_date"`
		} `json:"tracking"`
	} `json:"document"`
	Tree struct {
		Branches      []csafBranch       `json:"branches"`
		Relationships []csafRelationship `json:"relationships"`
	} `json:"product_tree"`
	Vulnerabilities []csafVulnerability `json:"vulnerabilities"`
}

type csafBranch struct {
	Branches []csafBranch `json:"branches"`
	Product  *csafLeaf    `json:"product"`
}

type csafLeaf struct {
	ID     string `json:"product_id"`
	Helper struct {
		CPE  string `json:"cpe"`
		PURL string `json:"purl"`
	} `json:"product_identification_helper"`
}

type csafRelationship struct {
	Full struct {
		ID string `json:"product_id"`
	} `json:"full_product_name"`
	Product   string `json:"product_reference"`
	RelatesTo string `json:"relates_to_product_reference"`
}

type csafVulnerability struct {
	CVE      string              `json:"cve"`
	Title    string              `json:"title"`
	Released string              `json:"release_date"`
	Status   map[string][]string `json:"product_status"`
	Scores   []struct {
		V2       cveScore `json:"cvss_v2"`
		V3       cveScore `json:"cvss_v3"`
		Products []string `json:"products"`
	} `json:"scores"`
	Remedies []struct {
		Category string   `json:"category"`
		Details  string   `json:"details"`
		Products []string `json:"product_ids"`
	} `json:"remediations"`
	Threats []struct {
		Category string   `json:"category"`
		Details  string   `json:"details"`
		Products []string `json:"product_ids"`
	} `json:"threats"`
}

// csafProduct is a package of a platform, as a product id means it.
type csafProduct struct {
	name    string
	version string // "" in statements on every version
	arch    string // "src" for source packages
	module  string
	on      string // the platform, as the reader's place understands it
}

// csafReader is what publishers of CSAF documents do differently.
type csafReader struct {
	source  string
	product func(*csafLeaf) csafProduct                       // a leaf of the product tree: a platform or a package
	fixed   []string                                          // product_status' words for versions that have the fix
	release func(p csafProduct) (csafProduct, bool)           // the package that a fixed product is; false where it is none
	place   func(on string) (ecosystem, repo string, ok bool) // false for a platform that no image is
}

// Reasons for leaving out part of a CSAF document.
const (
	leftNoRPM         = "statements on products that are no rpm packages, such as container images"
	leftPlatform      = "statements on platforms that no image is of"
	leftInvestigating = "statements that an investigation is under way"
	leftDraft         = "documents that are drafts"
	leftNoCVE         = "vulnerabilities without a CVE"
)

// maxBranches bounds how deep a product tree may nest; Red Hat's has four levels.
const maxBranches = 32

// parse reads one CSAF document into o: a Record for each of its
// vulnerabilities (a VEX has one), with the platforms' packages.
//
// Red Hat's VEX states the fixed version of each binary package for each architecture,
// and the unfixed ones by source package. What a source package's fix is
// stands in its ".src" entry, so one statement for each platform is enough
// (where a platform has no such entry, its binaries are taken);
// binaries said to be free of the flaw, such as kernel-headers, are stated by
// their own names.
func (rd csafReader) parse(doc []byte, o *out) error {
	o.read++
	var raw csafDocument
	if err := json.Unmarshal(doc, &raw); err != nil {
		return err
	}
	if !strings.HasPrefix(raw.Document.Category, "csaf_") {
		return fmt.Errorf("category %.40q: not a CSAF document", raw.Document.Category)
	}
	if raw.Document.Tracking.Status == "draft" {
		o.leave(leftDraft, 1)
		return nil
	}
	products, err := raw.products(rd)
	if err != nil {
		return err
	}
	modified, err := parseTime(raw.Document.Tracking.Current)
	if err != nil {
		return fmt.Errorf("current_release_date: %w", err)
	}
	for i := range raw.Vulnerabilities {
		v := &raw.Vulnerabilities[i]
		if v.CVE == "" {
			o.leave(leftNoCVE, 1)
			continue
		}
		if err := checkCVE(v.CVE); err != nil {
			return err
		}
		rec := vulndb.Record{ID: v.CVE, Source: rd.source, Modified: modified, Severity: severityWord(raw.Document.Severity.Text),
			Title: cmp.Or(v.Title, raw.Document.Title)}
		if rec.Published, err = parseTime(v.Released); err != nil {
			return fmt.Errorf("%s: release_date: %w", v.CVE, err)
		}
		for _, s := range v.Scores {
			for _, part := range []cveScore{s.V3, s.V2} {
				if c, ok := score(part.Vector); ok {
					c.Score = float64(part.Score)
					if !slices.Contains(rec.CVSS, c) {
						rec.CVSS = append(rec.CVSS, c)
					}
				}
			}
		}
		if err := v.affected(rd, products, &rec, o); err != nil {
			return fmt.Errorf("%s: %w", v.CVE, err)
		}
		if len(rec.Affected) > 0 {
			o.add(rec)
		}
	}
	return nil
}

// products resolves every product id of the document's tree.
func (d *csafDocument) products(rd csafReader) (map[string]csafProduct, error) {
	products := map[string]csafProduct{}
	var walk func([]csafBranch, int) error
	walk = func(branches []csafBranch, depth int) error {
		if depth > maxBranches {
			return fmt.Errorf("product tree: more than %d levels", maxBranches)
		}
		for _, b := range branches {
			if b.Product != nil {
				products[b.Product.ID] = rd.product(b.Product)
			}
			if err := walk(b.Branches, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	if err := walk(d.Tree.Branches, 0); err != nil {
		return nil, err
	}
	// A package of a module stands in two relationships: the module is one of
	// the platform, and the package one of that. The tree lists them in any
	// order, so those whose platform is not known yet get a second turn.
	for range 2 {
		for _, r := range d.Tree.Relationships {
			platform, ok := products[r.RelatesTo]
			product, ok2 := products[r.Product]
			if !ok || !ok2 {
				continue
			}
			product.on = platform.on
			product.module = cmp.Or(product.module, platform.module)
			products[r.Full.ID] = product
		}
	}
	return products, nil
}

// fromPURL takes a package out of "pkg:rpm/redhat/openssl@3.0.7-27.el9?arch=src&epoch=1"
// or a module out of "pkg:rpmmod/redhat/nodejs@18:8090020231108112434:a75119d5".
// Other types have no name.
func fromPURL(purl string) csafProduct {
	module := false
	rest, ok := strings.CutPrefix(purl, "pkg:rpm/")
	if !ok {
		if rest, module = strings.CutPrefix(purl, "pkg:rpmmod/"); !module {
			return csafProduct{}
		}
	}
	rest, _, _ = strings.Cut(rest, "?")
	rest, version, _ := strings.Cut(rest, "@")
	name := unescape(rest[strings.LastIndexByte(rest, '/')+1:])
	version = unescape(version)
	if module {
		stream, _, _ := strings.Cut(version, ":")
		return csafProduct{module: name + ":" + stream}
	}
	p := csafProduct{name: name, version: version, arch: qualifier(purl, "arch")}
	if p.version != "" {
		p.version = cmp.Or(qualifier(purl, "epoch"), "0") + ":" + p.version
	}
	if m := strings.SplitN(qualifier(purl, "rpmmod"), ":", 3); len(m) >= 2 {
		p.module = m[0] + ":" + m[1]
	}
	return p
}

// affected adds to rec what the vulnerability's product status says.
func (v *csafVulnerability) affected(rd csafReader, products map[string]csafProduct, rec *vulndb.Record, o *out) error {
	fix := v.fixStates()
	if n := len(v.Status["under_investigation"]); n > 0 {
		o.leave(leftInvestigating, n)
	}
	list := statements{rd: rd, rec: rec, severity: v.impacts(), at: map[statementKey]int{}}
	var fixed []string
	for _, status := range rd.fixed {
		fixed = append(fixed, v.Status[status]...)
	}
	sourced := map[string]bool{} // platforms whose fixes name source packages
	for _, id := range fixed {
		if p := products[id]; p.arch == "src" {
			sourced[p.on] = true
		}
	}
	for _, id := range fixed {
		p, ok := products[id]
		if ok && p.name != "" {
			p, ok = rd.release(p)
		}
		if !ok || p.name == "" {
			o.leave(leftNoRPM, 1)
			continue
		}
		if p.arch != "src" && sourced[p.on] {
			continue
		}
		a, err := list.about(id, p, o)
		if err != nil {
			return err
		}
		if r := (vulndb.Range{Fixed: p.version}); a != nil && !slices.Contains(a.Ranges, r) {
			a.Ranges = append(a.Ranges, r)
		}
	}
	for _, status := range []string{"known_affected", "known_not_affected"} {
		for _, id := range v.Status[status] {
			p, ok := products[id]
			if !ok || p.name == "" {
				o.leave(leftNoRPM, 1)
				continue
			}
			a, err := list.about(id, p, o)
			switch {
			case err != nil:
				return err
			case a == nil || len(a.Ranges) > 0:
			case status == "known_affected":
				a.Ranges, a.Fix = []vulndb.Range{{}}, cmp.Or(fix[id], finding.Affected)
			default:
				a.Fix = finding.NotAffected
			}
		}
	}
	for i := range rec.Affected {
		rec.Affected[i].Ranges = lastFixed(rec.Affected[i].Ecosystem, rec.Affected[i].Ranges)
	}
	return nil
}

// fixStates says of products without a fix whether one will come.
func (v *csafVulnerability) fixStates() map[string]finding.FixState {
	fix := map[string]finding.FixState{}
	for _, r := range v.Remedies {
		state := finding.FixState("")
		switch r.Category {
		case "no_fix_planned":
			state = finding.WontFix
		case "none_available":
			state = finding.Affected
			if strings.Contains(strings.ToLower(r.Details), "deferred") {
				state = finding.Deferred
			}
		}
		for _, id := range r.Products {
			if state != "" {
				fix[id] = state
			}
		}
	}
	return fix
}

// impacts are the severities of single products.
func (v *csafVulnerability) impacts() map[string]finding.Severity {
	severity := map[string]finding.Severity{}
	for _, t := range v.Threats {
		for _, id := range t.Products {
			if t.Category == "impact" {
				severity[id] = severityWord(t.Details)
			}
		}
	}
	return severity
}

// statements gathers what a document says of each package of each platform.
type statements struct {
	rd       csafReader
	rec      *vulndb.Record
	severity map[string]finding.Severity
	at       map[statementKey]int
}

type statementKey struct{ eco, repo, module, name string }

// about returns the statement on a product, nil for one on a platform that no
// image is. It is valid until the next call.
func (s *statements) about(id string, p csafProduct, o *out) (*vulndb.Affected, error) {
	if err := checkName(p.name); err != nil {
		return nil, err
	}
	if checkText(p.module) != nil || checkText(p.on) != nil || checkText(p.version) != nil {
		return nil, fmt.Errorf("product %.60q: has control characters", id)
	}
	eco, repo, ok := s.rd.place(p.on)
	if !ok {
		o.leave(leftPlatform, 1)
		return nil, nil
	}
	k := statementKey{eco, repo, p.module, p.name}
	i, ok := s.at[k]
	if !ok {
		i = len(s.rec.Affected)
		if i >= maxAffected {
			return nil, fmt.Errorf("more than %d statements", maxAffected)
		}
		s.at[k] = i
		a := vulndb.Affected{Ecosystem: eco, Name: p.name, Repo: repo, Module: p.module}
		if impact := s.severity[id]; impact != s.rec.Severity {
			a.Severity = impact
		}
		s.rec.Affected = append(s.rec.Affected, a)
	}
	return &s.rec.Affected[i], nil
}

// lastFixed keeps the last of several fixed versions of one channel: minor
// releases of a channel are one product to who follows it.
func lastFixed(eco string, ranges []vulndb.Range) []vulndb.Range {
	if len(ranges) < 2 {
		return ranges
	}
	var versions []string
	for _, r := range ranges {
		if r.Fixed == "" {
			return ranges
		}
		versions = append(versions, r.Fixed)
	}
	var last []vulndb.Range
	for _, v := range latest(eco, versions) {
		last = append(last, vulndb.Range{Fixed: v})
	}
	return last
}
