package catalog

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"strings"
)

// xmlComponent is a component of CycloneDX in XML
// (https://cyclonedx.org/docs/1.6/xml/), whose parts are those of the JSON form.
type xmlComponent struct {
	Type        string `xml:"type,attr"`
	Ref         string `xml:"bom-ref,attr"`
	Publisher   string `xml:"publisher"`
	Group       string `xml:"group"`
	Name        string `xml:"name"`
	Version     string `xml:"version"`
	Description string `xml:"description"`
	PURL        string `xml:"purl"`
	Supplier    struct {
		Name string `xml:"name"`
	} `xml:"supplier"`
	Licenses struct {
		Licenses []struct {
			ID   string `xml:"id"`
			Name string `xml:"name"`
		} `xml:"license"`
		Expressions []string `xml:"expression"`
	} `xml:"licenses"`
	Properties []struct {
		Name  string `xml:"name,attr"`
		Value string `xml:",chardata"`
	} `xml:"properties>property"`
	Locations  []string       `xml:"evidence>occurrences>occurrence>location"`
	Components []xmlComponent `xml:"components>component"`
}

// plain gives a component the JSON form, without its parts.
func (x *xmlComponent) plain() bomComponent {
	c := bomComponent{
		Type: x.Type, Ref: x.Ref, Group: strings.TrimSpace(x.Group), Name: strings.TrimSpace(x.Name), Version: strings.TrimSpace(x.Version),
		Description: x.Description, PURL: strings.TrimSpace(x.PURL), Publisher: x.Publisher,
	}
	c.Supplier.Name = x.Supplier.Name
	licenses := make([]bomLicense, 0, len(x.Licenses.Licenses))
	for _, l := range x.Licenses.Licenses {
		one := bomLicense{}
		one.License.ID, one.License.Name = l.ID, l.Name
		licenses = append(licenses, one)
	}
	for _, text := range x.Licenses.Expressions {
		licenses = append(licenses, bomLicense{Expression: text})
	}
	occurrences := make([]struct{ Location string }, len(x.Locations))
	for i, at := range x.Locations {
		occurrences[i].Location = at
	}
	c.Licenses, c.Properties, c.Evidence.Occurrences = asList(licenses), asList(x.Properties), asList(occurrences)
	return c
}

func asList(list any) json.RawMessage {
	raw, _ := json.Marshal(list) // of strings alone: it cannot fail
	return raw
}

// addXMLComponents adds components and those in them.
func (b *bom) addXMLComponent(x *xmlComponent, depth int) {
	if depth == maxNested {
		b.wrong.add(0, "components are nested more than %d deep: the rest is left out", maxNested)
		return
	}
	for i := range x.Components {
		b.addXMLComponent(&x.Components[i], depth+1)
	}
	c := x.plain()
	b.addComponent(&c)
}

// maxXMLDepth bounds how deep elements are in elements.
const maxXMLDepth = 64

// addXML reads CycloneDX in XML, element by element.
func (b *bom) addXML(data []byte) error {
	b.refs = map[string]int{}
	dec := xml.NewDecoder(bytes.NewReader(data))
	dec.CharsetReader = latin1
	var path []string
	left := maxRelations
	from := ""
	for {
		token, err := dec.Token()
		if token == nil {
			if len(path) == 0 {
				return nil
			}
			return fmt.Errorf("CycloneDX XML: %w", err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			name := t.Name.Local
			at := strings.Join(path, "/")
			switch {
			case at == "" && (name != "bom" || !strings.Contains(t.Name.Space, "cyclonedx")):
				return fmt.Errorf("XML with the root element %q is %w", name, errNoBOM)
			case name == "component" && at == "bom/components":
				var x xmlComponent
				if err := dec.DecodeElement(&x, &t); err != nil {
					return fmt.Errorf("CycloneDX XML: %w", err)
				}
				b.addXMLComponent(&x, 0)
				continue
			case name == "dependency" && at == "bom/dependencies":
				from = refOf(t)
			case name == "dependency" && at == "bom/dependencies/dependency" && left > 0:
				left--
				b.depends(b.refs, from, refOf(t))
			}
			if path = append(path, name); len(path) > maxXMLDepth {
				return fmt.Errorf("CycloneDX XML: elements are nested more than %d deep", maxXMLDepth)
			}
		case xml.EndElement:
			path = path[:max(len(path)-1, 0)]
		}
	}
}

func refOf(t xml.StartElement) string {
	for _, a := range t.Attr {
		if a.Name.Local == "ref" {
			return a.Value
		}
	}
	return ""
}
