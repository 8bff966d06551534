package catalog

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"strings"
	"unicode/utf8"
)

// latin1 reads XML that says that it is in one of the small sets of characters;
// package URLs are in the part that all share.
func latin1(_ string, in io.Reader) (io.Reader, error) {
	data, err := io.ReadAll(io.LimitReader(in, maxDatabase))
	if err != nil || utf8.Valid(data) {
		return bytes.NewReader(data), err
	}
	text := make([]byte, 0, len(data))
	for _, c := range data {
		text = utf8.AppendRune(text, rune(c))
	}
	return bytes.NewReader(text), nil
}

// tagValues yields the pairs of an SPDX document in the tag-value form
// (https://spdx.github.io/spdx-spec/v2.3/composition-of-an-SPDX-document/): "Tag: value", where a value
// of several lines is between <text> and </text>.
func tagValues(data []byte, yield func(tag, value string)) {
	rest := string(data)
	for rest != "" {
		line, more, _ := strings.Cut(rest, "\n")
		rest = more
		tag, value, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok || strings.HasPrefix(tag, "#") {
			continue
		}
		value = strings.TrimSpace(value)
		if text, begins := strings.CutPrefix(value, "<text>"); begins {
			value = text
			if _, ends := strings.CutSuffix(text, "</text>"); !ends {
				inner, after, closed := strings.Cut(rest, "</text>")
				if closed {
					rest = after
					value += "\n" + inner
				}
			}
			value = strings.TrimSuffix(value, "</text>")
		}
		yield(tag, value)
	}
}

// addTagValue reads SPDX 2 in the tag-value form, as what the same document
// says in JSON.
func (b *bom) addTagValue(data []byte) {
	var packages []spdxPackage
	var relations []spdxRelation
	var references []spdxReference
	inPackage := false
	end := func() {
		if inPackage && len(packages) > 0 {
			packages[len(packages)-1].ExternalRefs = asList(references)
		}
		references, inPackage = nil, false
	}
	tagValues(data, func(tag, value string) {
		if tag == "PackageName" {
			end()
			if inPackage = len(packages) < maxPackages; inPackage {
				packages = append(packages, spdxPackage{Name: value})
			} else if len(b.wrong) == 0 {
				b.wrong.add(0, "%s", errTooMany.Message)
			}
			return
		}
		switch tag {
		case "FileName", "SnippetSPDXID", "LicenseID", "Annotator":
			end()
		case "Relationship": // A DEPENDS_ON B
			if words := strings.Fields(value); len(words) == 3 && len(relations) < maxRelations {
				relations = append(relations, spdxRelation{From: words[0], Type: words[1], To: words[2]})
			}
			return
		case "RelationshipComment":
			if len(relations) > 0 {
				relations[len(relations)-1].Comment = value
			}
			return
		}
		if !inPackage {
			return
		}
		p := &packages[len(packages)-1]
		switch tag {
		case "SPDXID":
			p.SPDXID = value
		case "PackageVersion":
			p.Version = value
		case "PackageSupplier":
			p.Supplier = value
		case "PackageSourceInfo":
			p.SourceInfo = value
		case "PackageLicenseDeclared":
			p.License = value
		case "PrimaryPackagePurpose":
			p.Purpose = value
		case "ExternalRef": // PACKAGE-MANAGER purl pkg:…
			if words := strings.Fields(value); len(words) == 3 && len(references) < maxMembers {
				references = append(references, spdxReference{Type: words[1], Locator: words[2]})
			}
		}
	})
	end()
	b.addSPDX(&bomDocument{Packages: asList(packages), Relationships: asList(relations)})
}

// spdx3Element is an element of an SPDX 3 document
// (https://spdx.github.io/spdx-spec/v3.0.1/): a package, a relationship, a licence.
type spdx3Element struct {
	Type        string          `json:"type"`
	OldType     string          `json:"@type"`
	OldID       string          `json:"@id"`
	ID          string          `json:"spdxId"`
	Name        string          `json:"name"`
	Version     string          `json:"software_packageVersion"`
	PURL        string          `json:"software_packageUrl"`
	SourceInfo  string          `json:"software_sourceInfo"`
	Purpose     string          `json:"software_primaryPurpose"`
	SuppliedBy  json.RawMessage `json:"suppliedBy"`
	Root        json.RawMessage `json:"rootElement"`
	Identifiers json.RawMessage `json:"externalIdentifier"`

	From    string          `json:"from"`
	To      json.RawMessage `json:"to"`
	Kind    string          `json:"relationshipType"`
	Comment string          `json:"comment"`

	License string `json:"simplelicensing_licenseExpression"`
}

func (e *spdx3Element) id() string {
	if e.ID != "" {
		return e.ID
	}
	return e.OldID
}

// spdx3Relations are the words of SPDX 2 for the relationships that are used.
var spdx3Relations = map[string]string{"dependsOn": "DEPENDS_ON", "contains": "CONTAINS", "describes": "DESCRIBES"}

// addSPDX3 reads the graph of an SPDX 3 document, as what SPDX 2 says of it.
func (b *bom) addSPDX3(graph json.RawMessage) {
	var packages []spdxPackage
	var relations []spdxRelation
	at := map[string]int{}           // of packages
	names := map[string]string{}     // of suppliers and licences
	licences := map[string]string{}  // of packages, to licences
	suppliers := map[string]string{} // the same
	each(b, graph, maxRelations, func(e *spdx3Element) {
		switch cmp.Or(e.Type, e.OldType) {
		case "software_Package":
			if len(packages) == maxPackages {
				b.wrong.add(0, "%s", errTooMany.Message)
				return
			}
			p := spdxPackage{SPDXID: e.id(), Name: e.Name, Version: e.Version, SourceInfo: e.SourceInfo, Purpose: spdx3Purpose(e.Purpose)}
			references := []spdxReference{}
			if e.PURL != "" {
				references = append(references, spdxReference{Type: "purl", Locator: e.PURL})
			}
			each(b, e.Identifiers, maxMembers, func(i *struct {
				Type       string `json:"externalIdentifierType"`
				Identifier string `json:"identifier"`
			}) {
				if strings.EqualFold(i.Type, "packageUrl") {
					references = append(references, spdxReference{Type: "purl", Locator: i.Identifier})
				}
			})
			p.ExternalRefs = asList(references)
			suppliers[e.id()] = firstString(e.SuppliedBy)
			at[e.id()] = len(packages)
			packages = append(packages, p)
		case "Relationship", "LifecycleScopedRelationship":
			for _, to := range stringList(e.To) {
				if e.Kind == "hasDeclaredLicense" {
					licences[e.From] = to
				}
				if kind := spdx3Relations[e.Kind]; kind != "" && len(relations) < maxRelations {
					relations = append(relations, spdxRelation{From: e.From, To: to, Type: kind, Comment: e.Comment})
				}
			}
		case "SpdxDocument", "software_Sbom":
			for _, to := range stringList(e.Root) {
				relations = append(relations, spdxRelation{From: e.id(), To: to, Type: "DESCRIBES"})
			}
		case "Organization":
			names[e.id()] = "Organization: " + e.Name
		case "simplelicensing_LicenseExpression":
			names[e.id()] = e.License
		}
	})
	for id, i := range at {
		packages[i].License, packages[i].Supplier = names[licences[id]], names[suppliers[id]]
	}
	b.addSPDX(&bomDocument{Packages: asList(packages), Relationships: asList(relations)})
}

// spdx3Purpose gives a purpose the word of SPDX 2: "operatingSystem" is OPERATING-SYSTEM.
func spdx3Purpose(word string) string {
	if word == "operatingSystem" {
		return "OPERATING-SYSTEM"
	}
	return strings.ToUpper(word)
}

// stringList reads a string or a list of strings.
func stringList(raw json.RawMessage) []string {
	var list []string
	if one := jsonString(raw); one != "" {
		return []string{one}
	}
	if len(raw) == 0 || json.Unmarshal(raw, &list) != nil {
		return nil
	}
	return list
}

func firstString(raw json.RawMessage) string {
	for _, s := range stringList(raw) {
		return s
	}
	return ""
}
