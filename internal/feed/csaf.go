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
	Product  *struct {
		ID     string `json:"product_id"`
		Helper struct {
			CPE  string `json:"cpe"`
			PURL string `json:"purl"`
		} `json:"product_identification_helper"`
	} `json:"product"`
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
	cpe     string // of the platform
}

// Reasons for leaving out part of a CSAF document.
const (
	leftNoRPM         = "statements on products that are no rpm packages, such as container images"
	leftInvestigating = "statements that an investigation is under way"
	leftDraft         = "documents that are drafts"
	leftNoCVE         = "vulnerabilities without a CVE"
)

// maxBranches bounds how deep a product tree may nest; Red Hat's has four levels.
const maxBranches = 32

// parseRedHat reads one CSAF document of Red Hat into o: a Record for each of
// its vulnerabilities (a VEX has one), with the platforms' source packages.
//
// A VEX states the fixed version of each binary package for each architecture,
// and the unfixed ones by source package. What a source package's fix is
// stands in its ".src" entry, so one statement for each platform is enough
// (where a platform has no such entry, its binaries are taken);
// binaries said to be free of the flaw, such as kernel-headers, are stated by
// their own names.
func parseRedHat(doc []byte, o *out) error {
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
	products, err := raw.products()
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
		rec := vulndb.Record{ID: v.CVE, Source: "redhat", Modified: modified, Severity: severityWord(raw.Document.Severity.Text)}
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
		if err := v.affected(products, &rec, o); err != nil {
			return fmt.Errorf("%s: %w", v.CVE, err)
		}
		if len(rec.Affected) > 0 {
			o.add(rec)
		}
	}
	return nil
}

// products resolves every product id of the document's tree.
func (d *csafDocument) products() (map[string]csafProduct, error) {
	products := map[string]csafProduct{}
	var walk func([]csafBranch, int) error
	walk = func(branches []csafBranch, depth int) error {
		if depth > maxBranches {
			return fmt.Errorf("product tree: more than %d levels", maxBranches)
		}
		for _, b := range branches {
			if p := b.Product; p != nil {
				product := fromPURL(p.Helper.PURL)
				product.cpe = p.Helper.CPE
				if module, _, ok := strings.Cut(p.ID, "/"); ok && product.module == "" && strings.Contains(module, ":") && product.name != "" {
					product.module = module // "nodejs:18/nodejs"
				}
				products[p.ID] = product
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
			product.cpe = platform.cpe
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
func (v *csafVulnerability) affected(products map[string]csafProduct, rec *vulndb.Record, o *out) error {
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
	severity := map[string]finding.Severity{}
	for _, t := range v.Threats {
		for _, id := range t.Products {
			if t.Category == "impact" {
				severity[id] = severityWord(t.Details)
			}
		}
	}
	if n := len(v.Status["under_investigation"]); n > 0 {
		o.leave(leftInvestigating, n)
	}
	type key struct{ eco, repo, module, name string }
	at := map[key]int{}
	state := func(id string, p csafProduct, change func(*vulndb.Affected)) error {
		if err := checkName(p.name); err != nil {
			return err
		}
		if checkText(p.module) != nil || checkText(p.cpe) != nil || checkText(p.version) != nil {
			return fmt.Errorf("product %.60q: has control characters", id)
		}
		eco, repo := redhatPlatform(p.cpe)
		k := key{eco, repo, p.module, p.name}
		i, ok := at[k]
		if !ok {
			i = len(rec.Affected)
			if i >= maxAffected {
				return fmt.Errorf("more than %d statements", maxAffected)
			}
			at[k] = i
			a := vulndb.Affected{Ecosystem: eco, Name: p.name, Repo: repo, Module: p.module}
			if s := severity[id]; s != rec.Severity {
				a.Severity = s
			}
			rec.Affected = append(rec.Affected, a)
		}
		change(&rec.Affected[i])
		return nil
	}
	sourced := map[string]bool{} // platforms whose fixes name source packages
	for _, id := range v.Status["fixed"] {
		if p := products[id]; p.arch == "src" {
			sourced[p.cpe] = true
		}
	}
	for _, id := range v.Status["fixed"] {
		p, ok := products[id]
		if !ok || p.name == "" {
			o.leave(leftNoRPM, 1)
			continue
		}
		if p.arch != "src" && sourced[p.cpe] {
			continue
		}
		err := state(id, p, func(a *vulndb.Affected) {
			if r := (vulndb.Range{Fixed: p.version}); !slices.Contains(a.Ranges, r) {
				a.Ranges = append(a.Ranges, r)
			}
		})
		if err != nil {
			return err
		}
	}
	for _, id := range v.Status["known_affected"] {
		p, ok := products[id]
		if !ok || p.name == "" {
			o.leave(leftNoRPM, 1)
			continue
		}
		err := state(id, p, func(a *vulndb.Affected) {
			if len(a.Ranges) == 0 {
				a.Ranges, a.Fix = []vulndb.Range{{}}, cmp.Or(fix[id], finding.Affected)
			}
		})
		if err != nil {
			return err
		}
	}
	for _, id := range v.Status["known_not_affected"] {
		p, ok := products[id]
		if !ok || p.name == "" {
			o.leave(leftNoRPM, 1)
			continue
		}
		err := state(id, p, func(a *vulndb.Affected) {
			if len(a.Ranges) == 0 {
				a.Fix = finding.NotAffected
			}
		})
		if err != nil {
			return err
		}
	}
	for i := range rec.Affected {
		rec.Affected[i].Ranges = lastFixed(rec.Affected[i].Ecosystem, rec.Affected[i].Ranges)
	}
	return nil
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

// redhatPlatform turns a CPE such as "cpe:/a:redhat:enterprise_linux:9::appstream"
// into the ecosystem and product that OSV's names come to as well.
func redhatPlatform(cpe string) (eco, repo string) {
	parts := strings.SplitN(cpe, ":", 4)
	if len(parts) < 4 {
		return "Red Hat", cpe
	}
	return redhatEcosystem(parts[3])
}
