package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/careen/careen/internal/safetext"
	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/spdx"
)

// WriteSPDX writes what the image is made of as SPDX 2.3 JSON. SPDX 2 has no
// vulnerabilities. Several platforms share one document. A document must say
// when it was made: without a time in the options it says 1970, so that the same
// report gives the same bytes.
func WriteSPDX(w io.Writer, reports []*Report, opt BOMOptions) error {
	if len(reports) == 0 {
		return fmt.Errorf("spdx: no report to write")
	}
	d := spdxDocument{
		SPDXVersion: "SPDX-2.3",
		DataLicense: "CC0-1.0",
		SPDXID:      "SPDXRef-DOCUMENT",
		Name:        cmp.Or(strings.ToValidUTF8(reports[0].Target.Ref, "�"), "image"),
		CreationInfo: spdxCreation{
			Created:  time.Unix(0, 0).UTC().Format(time.RFC3339),
			Creators: []string{"Tool: careen-" + cmp.Or(reports[0].Careen, "unknown")},
		},
		Packages:      []spdxPackage{},
		Relationships: []spdxRelation{},
	}
	if !opt.Timestamp.IsZero() {
		d.CreationInfo.Created = opt.Timestamp.UTC().Format(time.RFC3339)
	}
	for i, r := range reports {
		prefix := "SPDXRef-"
		if len(reports) > 1 {
			prefix += "Platform" + strconv.Itoa(i) + "-"
		}
		d.add(r, prefix)
	}
	content, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("spdx: %w", err)
	}
	sum := sha256.Sum256(content)
	id := strings.TrimPrefix(cmp.Or(opt.SerialNumber, serialNumber(sum[:])), "urn:uuid:")
	d.Namespace = homePage + "/spdx/" + id
	return safetext.WriteJSON(w, d)
}

// The parts of SPDX 2.3 that Careen writes, named as its JSON schema names them.
type (
	spdxDocument struct {
		SPDXVersion   string          `json:"spdxVersion"`
		DataLicense   string          `json:"dataLicense"`
		SPDXID        string          `json:"SPDXID"`
		Name          string          `json:"name"`
		Namespace     string          `json:"documentNamespace"`
		CreationInfo  spdxCreation    `json:"creationInfo"`
		Packages      []spdxPackage   `json:"packages"`
		Extracted     []spdxLicense   `json:"hasExtractedLicensingInfos,omitempty"`
		Relationships []spdxRelation  `json:"relationships"`
		explained     map[string]bool // ids of Extracted
	}
	spdxCreation struct {
		Created  string   `json:"created"`
		Creators []string `json:"creators"`
	}
	spdxPackage struct {
		SPDXID           string         `json:"SPDXID"`
		Name             string         `json:"name"`
		Version          string         `json:"versionInfo,omitempty"`
		Supplier         string         `json:"supplier"`
		DownloadLocation string         `json:"downloadLocation"`
		FilesAnalyzed    bool           `json:"filesAnalyzed"`
		Checksums        []spdxChecksum `json:"checksums,omitempty"`
		SourceInfo       string         `json:"sourceInfo,omitempty"`
		LicenseConcluded string         `json:"licenseConcluded"`
		LicenseDeclared  string         `json:"licenseDeclared"`
		Copyright        string         `json:"copyrightText"`
		ExternalRefs     []spdxExternal `json:"externalRefs,omitempty"`
		Purpose          string         `json:"primaryPackagePurpose,omitempty"`
		Comment          string         `json:"comment,omitempty"`
	}
	spdxChecksum struct {
		Algorithm string `json:"algorithm"`
		Value     string `json:"checksumValue"`
	}
	spdxExternal struct {
		Category string `json:"referenceCategory"`
		Type     string `json:"referenceType"`
		Locator  string `json:"referenceLocator"`
	}
	spdxLicense struct {
		ID   string `json:"licenseId"`
		Text string `json:"extractedText"`
		Name string `json:"name"`
	}
	spdxRelation struct {
		From string `json:"spdxElementId"`
		To   string `json:"relatedSpdxElement"`
		Type string `json:"relationshipType"`
	}
)

const noAssertion = "NOASSERTION" // SPDX 2.3, 3.1: nobody says

func (d *spdxDocument) relate(from, kind, to string) {
	d.Relationships = append(d.Relationships, spdxRelation{from, to, kind})
}

// add adds the image, its distribution and its packages of one report.
func (d *spdxDocument) add(r *Report, prefix string) {
	t := r.Target
	name, version := splitReference(t.Ref)
	image := spdxPackage{
		SPDXID: prefix + "Image", Name: cmp.Or(name, "image"), Version: cmp.Or(version, t.Digest), Supplier: noAssertion,
		DownloadLocation: noAssertion, LicenseConcluded: noAssertion, LicenseDeclared: noAssertion, Copyright: noAssertion,
		ExternalRefs: purlReference(imagePURL(t)), Purpose: "CONTAINER", Comment: coverageText(r),
	}
	if sum, ok := strings.CutPrefix(t.Digest, "sha256:"); ok && len(sum) == 2*sha256.Size {
		image.Checksums = []spdxChecksum{{"SHA256", sum}}
	}
	d.Packages = append(d.Packages, image)
	d.relate(d.SPDXID, "DESCRIBES", image.SPDXID)
	if os := t.OS; os != nil {
		c := spdxPackage{
			SPDXID: prefix + "OperatingSystem", Name: os.ID, Version: os.Version, Supplier: noAssertion, DownloadLocation: noAssertion,
			LicenseConcluded: noAssertion, LicenseDeclared: noAssertion, Copyright: noAssertion, Purpose: "OPERATING_SYSTEM",
		}
		d.Packages = append(d.Packages, c)
		d.relate(image.SPDXID, "CONTAINS", c.SPDXID)
	}
	byPURL := map[string]string{}
	ids := make([]string, len(r.Packages))
	for i := range r.Packages {
		p := &r.Packages[i]
		ids[i] = fmt.Sprintf("%sPackage-%s-%d", prefix, spdx.Word(p.Type+"-"+p.Name), i)
		if byPURL[p.PURL] == "" {
			byPURL[p.PURL] = ids[i]
		}
	}
	for i := range r.Packages {
		p := &r.Packages[i]
		d.Packages = append(d.Packages, d.describe(p, ids[i]))
		if p.Development {
			d.relate(ids[i], "DEV_DEPENDENCY_OF", image.SPDXID)
		} else {
			d.relate(image.SPDXID, "CONTAINS", ids[i])
		}
		if owner := byPURL[p.Owner]; p.Owner != "" && owner != "" && owner != ids[i] {
			d.relate(owner, "CONTAINS", ids[i])
		}
		for _, purl := range p.DependsOn {
			if on := byPURL[purl]; on != "" && on != ids[i] {
				d.relate(ids[i], "DEPENDS_ON", on)
			}
		}
	}
}

func (d *spdxDocument) describe(p *sbom.Package, id string) spdxPackage {
	out := spdxPackage{
		SPDXID: id, Name: cmp.Or(p.Name, p.PURL, "unknown"), Version: p.Version, Supplier: noAssertion, DownloadLocation: noAssertion,
		LicenseConcluded: noAssertion, LicenseDeclared: d.license(p.Licenses), Copyright: noAssertion, ExternalRefs: purlReference(p.PURL),
	}
	if vendor := strings.Join(strings.Fields(clean(cmp.Or(p.Vendor, p.Builder))), " "); vendor != "" {
		out.Supplier = "Organization: " + vendor
	}
	var info []string
	if p.Source.Name != "" {
		info = append(info, "built from "+strings.TrimSpace(p.Source.Name+" "+p.Source.Version))
	}
	if p.Builder != "" {
		info = append(info, "built by "+p.Builder)
	}
	for _, l := range p.Locations {
		place := "found in /" + l.Path
		if l.Layer >= 0 {
			place += fmt.Sprintf(" of layer %d", l.Layer)
		}
		info = append(info, place)
	}
	out.SourceInfo = strings.Join(info, "; ")
	if p.Judged != nil && p.Judged.Not != "" {
		out.Comment = "not judged by any advisories: " + string(p.Judged.Not)
	}
	return out
}

func purlReference(purl string) []spdxExternal {
	if purl == "" {
		return nil
	}
	return []spdxExternal{{"PACKAGE-MANAGER", "purl", purl}}
}

// license writes declared licences as an expression (SPDX 2.3, annex D): known
// ids as they are, anything else as a LicenseRef that the document explains.
func (d *spdxDocument) license(declared []string) string {
	if len(declared) == 1 && declared[0] == noAssertion {
		return noAssertion
	}
	var terms []string
	known := map[string]bool{}
	for _, name := range declared {
		switch {
		case strings.TrimSpace(name) == "":
			continue
		case slices.Contains(spdxIDs, name):
		case spdxExpression(name):
			if len(declared) > 1 {
				name = "(" + name + ")"
			}
		default:
			name = d.extracted(name)
		}
		if !known[name] {
			known[name] = true
			terms = append(terms, name)
		}
	}
	if terms == nil {
		return noAssertion
	}
	return strings.Join(terms, " AND ")
}

// extracted explains a licence that is not on the list and returns its id. The
// hash keeps names apart that read the same once their odd runes are gone.
func (d *spdxDocument) extracted(name string) string {
	word := spdx.Word(name)
	if word != name {
		sum := sha256.Sum256([]byte(name))
		word = fmt.Sprintf("%s-%x", word, sum[:4])
	}
	id := "LicenseRef-" + word
	if !d.explained[id] {
		if d.explained == nil {
			d.explained = map[string]bool{}
		}
		d.explained[id] = true
		d.Extracted = append(d.Extracted, spdxLicense{id, name, name})
	}
	return id
}
