package catalog

import (
	"cmp"
	"encoding/json"
	"strings"

	"github.com/careen/careen/internal/purl"
	"github.com/careen/careen/internal/sbom"
)

// bomComponent is a component of CycloneDX.
type bomComponent struct {
	Type        string                `json:"type"`
	Ref         string                `json:"bom-ref"`
	Group       string                `json:"group"`
	Name        string                `json:"name"`
	Version     string                `json:"version"`
	Description string                `json:"description"`
	PURL        string                `json:"purl"`
	Publisher   string                `json:"publisher"`
	Supplier    struct{ Name string } `json:"supplier"`
	Licenses    json.RawMessage       `json:"licenses"`
	Properties  json.RawMessage       `json:"properties"`
	Evidence    struct {
		Occurrences json.RawMessage
	} `json:"evidence"`
	Components json.RawMessage `json:"components"` // parts of it
}

type bomLicense struct {
	License    struct{ ID, Name string } `json:"license"`
	Expression string                    `json:"expression"`
}

// maxNested bounds how deep components are in components, of which each level
// holds a copy; an assembly of libraries is two deep.
const maxNested = 4

func (b *bom) addComponents(list json.RawMessage, depth int) {
	if depth == maxNested {
		b.wrong.add(0, "components are nested more than %d deep: the rest is left out", maxNested)
		return
	}
	each(b, list, maxPackages, func(c *bomComponent) {
		b.addComponents(c.Components, depth+1)
		b.addComponent(c)
	})
}

// addComponent adds a component without its parts.
func (b *bom) addComponent(c *bomComponent) {
	switch {
	case c.Type == "operating-system":
		if b.distro.ID == "" {
			props := b.properties(c)
			b.distro = ownID(sbom.Distro{ID: cmp.Or(props["syft:distro:id"], c.Name), VersionID: cmp.Or(props["syft:distro:versionID"], c.Version), Codename: cmp.Or(props["careen:codename"], props["syft:distro:versionCodename"]), PrettyName: c.Description})
		}
	case c.PURL != "":
		if c.Ref != "" {
			b.refs[c.Ref] = len(b.entries)
		}
		b.addEntry(c.entry(b))
	case c.Type == "library" || c.Type == "framework":
		b.unnamed++
	}
}

// addDependencies reads which components depend on which.
func (b *bom) addDependencies(list json.RawMessage) {
	left := maxRelations
	each(b, list, maxPackages, func(d *struct {
		Ref       string   `json:"ref"`
		DependsOn []string `json:"dependsOn"`
	}) {
		for _, ref := range d.DependsOn[:min(len(d.DependsOn), left)] {
			b.depends(b.refs, d.Ref, ref)
		}
		left -= min(len(d.DependsOn), left)
	})
}

// depends notes that one entry depends on another, by their names in the
// document; those of things that are no packages are passed over.
func (b *bom) depends(names map[string]int, from, on string) {
	i, known := names[from]
	k, also := names[on]
	if known && also && i < len(b.entries) && k < len(b.entries) {
		b.entries[i].dependsOn = append(b.entries[i].dependsOn, k)
	}
}

// owns notes that a package of the distribution brought another's files.
func (b *bom) owns(names map[string]int, owner, owned string) {
	i, known := names[owner]
	k, also := names[owned]
	if known && also && i < len(b.entries) && k < len(b.entries) && fromOS(b.entries[i].purl) && !fromOS(b.entries[k].purl) {
		b.entries[k].owner = b.entries[i].purl
	}
}

// addEntry adds a package; nested lists together may have more than one list.
func (b *bom) addEntry(e bomEntry) {
	if len(b.entries) == maxPackages {
		b.wrong.add(0, "%s", errTooMany.Message)
		return
	}
	b.entries = append(b.entries, e)
}

// properties returns the properties of a component by name.
func (b *bom) properties(c *bomComponent) map[string]string {
	all := map[string]string{}
	each(b, c.Properties, maxMembers, func(p *struct{ Name, Value string }) {
		if _, given := all[p.Name]; !given {
			all[p.Name] = p.Value
		}
	})
	return all
}

// entry reads a component. What CycloneDX has no field for stands in
// properties, by the names that we, Trivy and Syft give them.
func (c *bomComponent) entry(b *bom) bomEntry {
	props := b.properties(c)
	e := bomEntry{
		purl: c.PURL, name: c.Name, version: c.Version, vendor: cmp.Or(c.Supplier.Name, c.Publisher),
		owner: props["careen:owner"], builder: props["careen:builder"], modularity: cmp.Or(props["careen:modularity"], props["aquasecurity:trivy:Modularitylabel"], props["syft:metadata:modularityLabel"]),
		lockFile: props["careen:fromLockFile"] == "true", develop: props["careen:development"] == "true" || props["cdx:npm:package:development"] == "true",
		source: sbom.Source{
			Name:    cmp.Or(props["careen:sourceName"], props["aquasecurity:trivy:SrcName"], props["syft:metadata:source"], props["syft:metadata:originPackage"]),
			Version: cmp.Or(props["careen:sourceVersion"], trivySource(props), props["syft:metadata:sourceVersion"]),
		},
	}
	if e.source.Name == "" {
		e.source.Name, e.source.Version = sourceRPM(props["syft:metadata:sourceRpm"])
	}
	if c.Group != "" {
		e.name = c.Group + "/" + c.Name
	}
	each(b, c.Licenses, maxMembers, func(l *bomLicense) {
		if text := cmp.Or(l.Expression, l.License.ID, l.License.Name); text != "" {
			e.licenses = append(e.licenses, text)
		}
	})
	each(b, c.Evidence.Occurrences, maxMembers, func(o *struct{ Location string }) { e.addPath(o.Location) })
	e.paths = distinct(e.paths)
	if e.paths == nil {
		e.addPath(cmp.Or(props["aquasecurity:trivy:FilePath"], props["syft:location:0:path"]))
	}
	return e
}

func (e *bomEntry) addPath(file string) {
	if file = strings.TrimLeft(file, "/"); file != "" {
		e.paths = append(e.paths, file)
	}
}

// trivySource puts the version of a source package together again.
func trivySource(props map[string]string) string {
	version := props["aquasecurity:trivy:SrcVersion"]
	if version == "" {
		return ""
	}
	if release := props["aquasecurity:trivy:SrcRelease"]; release != "" {
		version += "-" + release
	}
	if epoch := props["aquasecurity:trivy:SrcEpoch"]; epoch != "" && epoch != "0" {
		version = epoch + ":" + version
	}
	return version
}

// spdxPackage is a package of SPDX 2.
type spdxPackage struct {
	SPDXID       string          `json:"SPDXID"`
	Name         string          `json:"name"`
	Version      string          `json:"versionInfo"`
	Supplier     string          `json:"supplier"`
	SourceInfo   string          `json:"sourceInfo"`
	License      string          `json:"licenseDeclared"`
	Purpose      string          `json:"primaryPackagePurpose"`
	ExternalRefs json.RawMessage `json:"externalRefs"`
}

type spdxReference struct {
	Type    string `json:"referenceType"`
	Locator string `json:"referenceLocator"`
}

type spdxRelation struct {
	From    string `json:"spdxElementId"`
	To      string `json:"relatedSpdxElement"`
	Type    string `json:"relationshipType"`
	Comment string `json:"comment"`
}

// maxRelations bounds the relationships of a document.
const maxRelations = 20 * maxPackages

func (b *bom) addSPDX(doc *bomDocument) {
	described := map[string]bool{}
	each(b, doc.Relationships, maxRelations, func(r *spdxRelation) {
		if r.Type == "DESCRIBES" && len(described) < maxMembers {
			described[r.To] = true
		}
	})
	ids := map[string]int{} // of entries
	sources := map[string]sbom.Source{}
	each(b, doc.Packages, maxPackages, func(p *spdxPackage) {
		switch e := p.entry(b); {
		case p.Purpose == "OPERATING_SYSTEM", p.Purpose == "OPERATING-SYSTEM": // the schema's word, and that of SPDX' text
			if b.distro.ID == "" {
				b.distro = ownID(sbom.Distro{ID: p.Name, VersionID: p.Version})
			}
		case p.Purpose == "SOURCE" && fromOS(e.purl):
			sources[p.SPDXID] = sbom.Source{Name: p.Name, Version: p.Version}
		case e.purl != "":
			ids[p.SPDXID] = len(b.entries)
			b.addEntry(e)
		case described[p.SPDXID], p.Version == "", p.Purpose == "CONTAINER", p.Purpose == "APPLICATION":
			// The image itself; Trivy's entries for lock files.
		default:
			b.unnamed++
		}
	})
	each(b, doc.Relationships, maxRelations, func(r *spdxRelation) {
		// An OS package that contains a language's is its owner; Syft says so in a comment.
		owns := r.Type == "CONTAINS" || r.Type == "OTHER" && strings.HasPrefix(r.Comment, "ownership-by-file-overlap")
		if owns {
			b.owns(ids, r.From, r.To)
		}
		switch r.Type {
		case "DEPENDS_ON":
			b.depends(ids, r.From, r.To)
		case "DEPENDENCY_OF":
			b.depends(ids, r.To, r.From)
		case "GENERATED_FROM":
			if i, ok := ids[r.From]; ok && i < len(b.entries) && b.entries[i].source.Name == "" {
				b.entries[i].source = sources[r.To]
			}
		case "DEV_DEPENDENCY_OF":
			if i, ok := ids[r.From]; ok && i < len(b.entries) {
				b.entries[i].develop = true
			}
		}
	})
}

func fromOS(packageURL string) bool {
	kind, _, _ := strings.Cut(strings.TrimPrefix(packageURL, "pkg:"), "/")
	return purl.OfDistribution(kind)
}

// spdxAddress turns SPDX' way to write an address into that of mails.
var spdxAddress = strings.NewReplacer(" (", " <", ")", ">")

// entry reads a package. SourceInfo is for people; its words are ours
// ("built from NAME VERSION; found in /PATH of layer 3") or Trivy's ("built
// package from: NAME VERSION").
func (p *spdxPackage) entry(b *bom) bomEntry {
	e := bomEntry{name: p.Name, version: p.Version}
	each(b, p.ExternalRefs, maxMembers, func(r *spdxReference) {
		if (r.Type == "purl" || strings.HasSuffix(r.Type, "/purl")) && e.purl == "" { // SPDX 2.2's own is an address
			e.purl = r.Locator
		}
	})
	if p.License != "" && p.License != "NOASSERTION" && p.License != "NONE" {
		e.licenses = []string{p.License}
	}
	if _, who, ok := strings.Cut(p.Supplier, ": "); ok { // "Organization: Docker (support@docker.com)", "Person: …"
		e.vendor = spdxAddress.Replace(who)
	}
	for part := range strings.SplitSeq(p.SourceInfo, "; ") {
		if file, ok := strings.CutPrefix(part, "found in /"); ok {
			if at := strings.LastIndex(file, " of layer "); at >= 0 {
				file = file[:at]
			}
			e.addPath(file)
		}
		if who, ok := strings.CutPrefix(part, "built by "); ok {
			e.builder = who
		}
		for _, words := range [...]string{"built from ", "built package from: "} {
			if source, ok := strings.CutPrefix(part, words); ok {
				e.source.Name, e.source.Version, _ = strings.Cut(source, " ")
			}
		}
	}
	return e
}
