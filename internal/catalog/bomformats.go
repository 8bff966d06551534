package catalog

import (
	"cmp"
	"slices"
	"strings"

	"github.com/careen/careen/internal/sbom"
)

// bomComponent is a component of CycloneDX.
type bomComponent struct {
	Type        string                `json:"type"`
	Group       string                `json:"group"`
	Name        string                `json:"name"`
	Version     string                `json:"version"`
	Description string                `json:"description"`
	PURL        string                `json:"purl"`
	Publisher   string                `json:"publisher"`
	Supplier    struct{ Name string } `json:"supplier"`
	Licenses    []bomLicense          `json:"licenses"`
	Properties  []bomProperty         `json:"properties"`
	Evidence    struct {
		Occurrences []struct{ Location string }
	} `json:"evidence"`
	Components []bomComponent `json:"components"` // parts of it
}

type bomLicense struct {
	License    struct{ ID, Name string } `json:"license"`
	Expression string                    `json:"expression"`
}

type bomProperty struct{ Name, Value string }

// maxNested bounds how deep components are in components.
const maxNested = 32

func readCycloneDX(doc *bomDocument) bom {
	var b bom
	b.addComponents(doc.Components, 0)
	return b
}

func (b *bom) addComponents(list []bomComponent, depth int) {
	if depth == maxNested {
		b.unnamed += len(list)
		return
	}
	for i := range list {
		c := &list[i]
		b.addComponents(c.Components, depth+1)
		switch {
		case c.Type == "operating-system":
			if b.distro.ID == "" {
				b.distro = ownID(sbom.Distro{ID: c.Name, VersionID: c.Version, Codename: c.property("careen:codename"), PrettyName: c.Description})
			}
		case c.PURL != "":
			b.entries = append(b.entries, c.entry())
		case c.Type == "library" || c.Type == "framework":
			b.unnamed++
		}
	}
}

func (c *bomComponent) property(name string) string {
	for _, p := range c.Properties {
		if p.Name == name {
			return p.Value
		}
	}
	return ""
}

// entry reads a component. What CycloneDX has no field for stands in
// properties, by the names that we, Trivy and Syft give them.
func (c *bomComponent) entry() bomEntry {
	e := bomEntry{
		purl: c.PURL, name: c.Name, version: c.Version, vendor: cmp.Or(c.Supplier.Name, c.Publisher),
		owner: c.property("careen:owner"), modularity: cmp.Or(c.property("careen:modularity"), c.property("aquasecurity:trivy:Modularitylabel")),
		lockFile: c.property("careen:fromLockFile") == "true",
		source: sbom.Source{
			Name:    cmp.Or(c.property("careen:sourceName"), c.property("aquasecurity:trivy:SrcName")),
			Version: cmp.Or(c.property("careen:sourceVersion"), trivySource(c)),
		},
	}
	if c.Group != "" {
		e.name = c.Group + "/" + c.Name
	}
	for _, l := range c.Licenses {
		if text := cmp.Or(l.Expression, l.License.ID, l.License.Name); text != "" {
			e.licenses = append(e.licenses, text)
		}
	}
	for _, o := range c.Evidence.Occurrences {
		e.addPath(o.Location)
	}
	if e.paths == nil {
		e.addPath(cmp.Or(c.property("aquasecurity:trivy:FilePath"), c.property("syft:location:0:path")))
	}
	return e
}

func (e *bomEntry) addPath(file string) {
	if file = strings.TrimLeft(file, "/"); file != "" && !slices.Contains(e.paths, file) {
		e.paths = append(e.paths, file)
	}
}

// trivySource puts the version of a source package together again.
func trivySource(c *bomComponent) string {
	version := c.property("aquasecurity:trivy:SrcVersion")
	if version == "" {
		return ""
	}
	if release := c.property("aquasecurity:trivy:SrcRelease"); release != "" {
		version += "-" + release
	}
	if epoch := c.property("aquasecurity:trivy:SrcEpoch"); epoch != "" && epoch != "0" {
		version = epoch + ":" + version
	}
	return version
}

// spdxPackage is a package of SPDX 2.
type spdxPackage struct {
	SPDXID       string `json:"SPDXID"`
	Name         string `json:"name"`
	Version      string `json:"versionInfo"`
	Supplier     string `json:"supplier"`
	SourceInfo   string `json:"sourceInfo"`
	License      string `json:"licenseDeclared"`
	Purpose      string `json:"primaryPackagePurpose"`
	ExternalRefs []struct {
		Type    string `json:"referenceType"`
		Locator string `json:"referenceLocator"`
	} `json:"externalRefs"`
}

type spdxRelation struct {
	From    string `json:"spdxElementId"`
	To      string `json:"relatedSpdxElement"`
	Type    string `json:"relationshipType"`
	Comment string `json:"comment"`
}

func readSPDX(doc *bomDocument) bom {
	var b bom
	ids := map[string]int{} // of entries
	described := map[string]bool{}
	for _, r := range doc.Relationships {
		if r.Type == "DESCRIBES" {
			described[r.To] = true
		}
	}
	for i := range doc.Packages {
		p := &doc.Packages[i]
		switch e := p.entry(); {
		case p.Purpose == "OPERATING-SYSTEM":
			if b.distro.ID == "" {
				b.distro = ownID(sbom.Distro{ID: p.Name, VersionID: p.Version})
			}
		case e.purl != "":
			ids[p.SPDXID] = len(b.entries)
			b.entries = append(b.entries, e)
		case described[p.SPDXID], p.Version == "", p.Purpose == "CONTAINER", p.Purpose == "APPLICATION":
			// The image itself; Trivy's entries for lock files.
		default:
			b.unnamed++
		}
	}
	for _, r := range doc.Relationships {
		owner, ok1 := ids[r.From]
		owned, ok2 := ids[r.To]
		// An OS package that contains a language's is its owner; Syft says so in a comment.
		owns := r.Type == "CONTAINS" || r.Type == "OTHER" && strings.HasPrefix(r.Comment, "ownership-by-file-overlap")
		if ok1 && ok2 && owns && fromOS(b.entries[owner].purl) && !fromOS(b.entries[owned].purl) {
			b.entries[owned].owner = b.entries[owner].purl
		}
	}
	return b
}

func fromOS(packageURL string) bool {
	kind, _, _ := strings.Cut(strings.TrimPrefix(packageURL, "pkg:"), "/")
	return isOSType(kind)
}

// entry reads a package. SourceInfo is for people; its words are ours
// ("built from NAME VERSION; found in /PATH of layer 3") or Trivy's ("built
// package from: NAME VERSION").
func (p *spdxPackage) entry() bomEntry {
	e := bomEntry{name: p.Name, version: p.Version}
	for _, r := range p.ExternalRefs {
		if r.Type == "purl" && e.purl == "" {
			e.purl = r.Locator
		}
	}
	if p.License != "" && p.License != "NOASSERTION" && p.License != "NONE" {
		e.licenses = []string{p.License}
	}
	e.vendor, _ = strings.CutPrefix(p.Supplier, "Organization: ")
	if e.vendor == "NOASSERTION" || strings.HasPrefix(e.vendor, "Person: ") {
		e.vendor = ""
	}
	for part := range strings.SplitSeq(p.SourceInfo, "; ") {
		if file, ok := strings.CutPrefix(part, "found in /"); ok {
			if at := strings.LastIndex(file, " of layer "); at >= 0 {
				file = file[:at]
			}
			e.addPath(file)
		}
		for _, words := range [...]string{"built from ", "built package from: "} {
			if source, ok := strings.CutPrefix(part, words); ok {
				e.source.Name, e.source.Version, _ = strings.Cut(source, " ")
			}
		}
	}
	return e
}
