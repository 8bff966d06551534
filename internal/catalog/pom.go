package catalog

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"

	"github.com/careen/careen/internal/spdx"
)

// pomProject is what is used of a pom.xml
// (https://maven.apache.org/ref/current/maven-model/maven.html).
type pomProject struct {
	Group      string        `xml:"groupId"`
	Artifact   string        `xml:"artifactId"`
	Version    string        `xml:"version"`
	Parent     pomParent     `xml:"parent"`
	Properties pomProperties `xml:"properties"`
	Needs      []pomNeed     `xml:"dependencies>dependency"`
	Managed    []pomNeed     `xml:"dependencyManagement>dependencies>dependency"`
}

type pomParent struct {
	Group    string  `xml:"groupId"`
	Artifact string  `xml:"artifactId"`
	Version  string  `xml:"version"`
	Path     *string `xml:"relativePath"`
}

// pomNeed is a dependency.
type pomNeed struct {
	Group    string `xml:"groupId"`
	Artifact string `xml:"artifactId"`
	Version  string `xml:"version"`
	Scope    string `xml:"scope"`
	Type     string `xml:"type"`
}

// pomProperties holds elements of any name.
type pomProperties map[string]string

// UnmarshalXML reads the elements below properties.
func (p *pomProperties) UnmarshalXML(d *xml.Decoder, _ xml.StartElement) error {
	*p = pomProperties{}
	for {
		token, err := d.Token()
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.StartElement:
			var value string
			if err := d.DecodeElement(&value, &t); err != nil {
				return err
			}
			if len(*p) < maxMembers {
				(*p)[t.Name.Local] = strings.TrimSpace(value)
			}
		case xml.EndElement:
			return nil
		}
	}
}

// parsePom reads a pom.xml; what it does not say of itself is its parent's.
func parsePom(data []byte) (*pomProject, error) {
	if deep := bytes.Count(data, []byte("<")); deep > 4*maxPackages {
		return nil, fmt.Errorf("pom.xml: %d elements", deep)
	}
	var p pomProject
	dec := xml.NewDecoder(bytes.NewReader(plainText(data)))
	dec.CharsetReader = latin1
	dec.Strict = false // entities of HTML in descriptions
	if err := dec.Decode(&p); err != nil {
		return nil, fmt.Errorf("pom.xml: %w", err)
	}
	for _, part := range []*string{&p.Group, &p.Artifact, &p.Version, &p.Parent.Group, &p.Parent.Artifact, &p.Parent.Version} {
		*part = strings.TrimSpace(*part)
	}
	if p.Group == "" {
		p.Group = p.Parent.Group
	}
	if p.Version == "" {
		p.Version = p.Parent.Version
	}
	return &p, nil
}

// coordinates returns what the project is.
func (p *pomProject) coordinates() coordinates {
	return coordinates{group: p.fill(p.Group), artifact: p.fill(p.Artifact), version: p.fill(p.Version)}
}

// fill puts values in the place of properties, as far as they are known here.
func (p *pomProject) fill(text string) string {
	for range 8 { // properties may name others
		begin := strings.Index(text, "${")
		if begin < 0 {
			return text
		}
		end := strings.IndexByte(text[begin:], '}')
		if end < 0 {
			return text
		}
		value, ok := p.property(text[begin+2 : begin+end])
		if !ok || len(value) > 200 {
			return text
		}
		text = text[:begin] + value + text[begin+end+1:]
	}
	return text
}

func (p *pomProject) property(name string) (string, bool) {
	switch name {
	case "project.version", "pom.version", "version":
		return p.Version, p.Version != "" && !strings.Contains(p.Version, "${"+name)
	case "project.groupId", "pom.groupId", "groupId":
		return p.Group, p.Group != "" && !strings.Contains(p.Group, "${"+name)
	case "project.artifactId", "pom.artifactId", "artifactId":
		return p.Artifact, p.Artifact != "" && !strings.Contains(p.Artifact, "${"+name)
	case "project.parent.version", "parent.version":
		return p.Parent.Version, p.Parent.Version != ""
	case "project.parent.groupId", "parent.groupId":
		return p.Parent.Group, p.Parent.Group != ""
	}
	value, ok := p.Properties[name]
	return value, ok
}

// pomLicenses takes the names of the licences out of a pom.xml, without reading
// the rest of it. Of several the user may choose one
// (https://maven.apache.org/pom.html#licenses), which is said where all are known.
func pomLicenses(data []byte) []string {
	_, rest, ok := bytes.Cut(data, []byte("<licenses>"))
	if !ok {
		return nil
	}
	list, _, _ := bytes.Cut(rest, []byte("</licenses>"))
	var names []string
	for len(names) < 10 {
		var name []byte
		if _, list, ok = bytes.Cut(list, []byte("<name>")); !ok {
			break
		}
		name, list, _ = bytes.Cut(list, []byte("</name>"))
		if text := strings.Join(strings.Fields(string(name)), " "); text != "" && len(text) <= 100 {
			names = append(names, text)
		}
	}
	ids := make([]string, len(names))
	for i, name := range names {
		if ids[i] = spdx.Name(name); ids[i] == "" {
			return names
		}
	}
	if len(ids) > 1 {
		return []string{strings.Join(ids, " OR ")}
	}
	return names
}
