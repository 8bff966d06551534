package catalog

import (
	"encoding/json"
	"path"
	"strings"

	"github.com/careen/careen/internal/sbom"
)

// syftArtifact is a package in Syft's own JSON
// (https://github.com/anchore/syft/tree/main/schema/json).
type syftArtifact struct {
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Version   string          `json:"version"`
	Type      string          `json:"type"`
	PURL      string          `json:"purl"`
	Locations json.RawMessage `json:"locations"`
	Licenses  json.RawMessage `json:"licenses"`
	Metadata  struct {
		Source        string `json:"source"`        // dpkg
		SourceVersion string `json:"sourceVersion"` // dpkg
		Origin        string `json:"originPackage"` // apk
		SourceRPM     string `json:"sourceRpm"`
		Vendor        string `json:"vendor"` // rpm
		Modularity    string `json:"modularityLabel"`
	} `json:"metadata"`
}

// addSyft reads Syft's own JSON.
func (b *bom) addSyft(doc *bomDocument) {
	var os struct{ ID, Name, Version, VersionID, VersionCodename, PrettyName string }
	if len(doc.Distro) > 0 && json.Unmarshal(doc.Distro, &os) == nil {
		if os.ID == "" { // schemas before 3: the name is the ID, the version its number
			os.ID, os.VersionID = os.Name, os.Version
		}
		b.distro = ownID(sbom.Distro{ID: os.ID, VersionID: os.VersionID, Codename: os.VersionCodename, PrettyName: os.PrettyName})
	}
	b.refs = map[string]int{}
	each(b, doc.Artifacts, maxPackages, func(a *syftArtifact) {
		if a.PURL == "" {
			b.unnamed++
			return
		}
		b.refs[a.ID] = len(b.entries)
		b.addEntry(a.entry(b))
	})
	each(b, doc.ArtifactRelationships, maxRelations, func(r *struct{ Parent, Child, Type string }) {
		switch r.Type {
		case "dependency-of":
			b.depends(b.refs, r.Child, r.Parent)
		case "ownership-by-file-overlap":
			b.owns(b.refs, r.Parent, r.Child)
		}
	})
}

func (a *syftArtifact) entry(b *bom) bomEntry {
	e := bomEntry{purl: a.PURL, name: a.Name, version: a.Version, vendor: a.Metadata.Vendor, modularity: a.Metadata.Modularity}
	e.source.Name, e.source.Version = sourceRPM(a.Metadata.SourceRPM)
	if name := a.Metadata.Source + a.Metadata.Origin; name != "" {
		e.source = sbom.Source{Name: name, Version: a.Metadata.SourceVersion}
	}
	each(b, a.Locations, maxMembers, func(at *struct{ Path string }) { e.addPath(at.Path) })
	each(b, a.Licenses, maxMembers, func(raw *json.RawMessage) {
		text := jsonString(*raw) // before schema 8
		var l struct{ SPDXExpression, Value string }
		if text == "" && json.Unmarshal(*raw, &l) == nil {
			if text = l.SPDXExpression; text == "" {
				text = l.Value
			}
		}
		if text != "" {
			e.licenses = append(e.licenses, text)
		}
	})
	return e
}

// distributionFolders are where only a distribution's package manager puts
// packages of a language, and how it names what it puts there.
var distributionFolders = []struct{ folder, kind, prefix, suffix string }{
	{"usr/lib/python3/dist-packages/", "pypi", "python3-", ""},
	{"usr/lib/python2.7/dist-packages/", "pypi", "python-", ""},
	{"usr/share/nodejs/", "npm", "node-", ""},
	{"usr/lib/nodejs/", "npm", "node-", ""},
	{"usr/share/rubygems-integration/", "gem", "ruby-", ""},
	{"usr/share/java/", "maven", "lib", "-java"},
}

// ownByFolder marks packages of languages that lie where Debian's packages put
// them, if a document says so and names no owner.
func ownByFolder(packages []sbom.Package) {
	debs := map[string]string{}
	for i := range packages {
		if p := &packages[i]; p.Type == "deb" {
			debs[p.Name] = p.PURL
		}
	}
	if len(debs) == 0 {
		return
	}
	for i := range packages {
		p := &packages[i]
		if p.Owner != "" || len(p.Locations) == 0 {
			continue
		}
		for _, row := range distributionFolders {
			if p.Type != row.kind || !strings.HasPrefix(p.Locations[0].Path, row.folder) {
				continue
			}
			name := strings.ToLower(path.Base(strings.ReplaceAll(p.Name, ":", "/")))
			for _, spelled := range [...]string{name, strings.ReplaceAll(name, "_", "-"), strings.TrimPrefix(name, "python-")} {
				if owner := debs[row.prefix+spelled+row.suffix]; owner != "" {
					p.Owner = owner
				}
			}
		}
	}
}
