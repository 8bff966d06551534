package scan_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	diff "github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/scan"
)

// installed is a package of the image that the producers below describe, with the
// parts that they spell in ways of their own.
type installed struct {
	typ, name, version    string
	source, sourceVersion string // of a deb
	path                  string
	purl                  string // as Syft writes it, where the image's own form is another
	bySyft                bool   // Trivy and Scout do not list it
}

func describedPackages() []installed {
	const status = "/var/lib/dpkg/status"
	return []installed{
		{typ: "deb", name: "curl", version: "7.74.0-1.3+deb11u1", path: status},
		{typ: "deb", name: "libcurl4", version: "7.74.0-1.3+deb11u1", source: "curl", path: status},
		{typ: "deb", name: "libssl1.1", version: "1.1.1n-0+deb11u3", source: "openssl", path: status},
		{typ: "deb", name: "libgcc-s1", version: "10.2.1-6", source: "gcc-10", path: status},
		{typ: "deb", name: "perl-base", version: "5.32.1-4+deb11u1", source: "perl", path: status},
		{typ: "deb", name: "bash", version: "5.1-2+b3", source: "bash", sourceVersion: "5.1-2", path: status},
		{typ: "npm", name: "minimist", version: "0.0.8", path: "/app/node_modules/minimist/package.json"},
		{typ: "npm", name: "@babel/traverse", version: "7.20.0", path: "/app/node_modules/@babel/traverse/package.json"},
		{typ: "pypi", name: "Jinja2", version: "2.10", path: "/srv/python/Jinja2-2.10.dist-info/METADATA"},
		{typ: "gem", name: "nokogiri", version: "1.10.0", path: "/usr/local/bundle/specifications/nokogiri-1.10.0-x86_64-linux.gemspec", purl: "pkg:gem/nokogiri@1.10.0-x86_64-linux"},
		{typ: "golang", name: "github.com/golang-jwt/jwt/v4", version: "v4.4.0", path: "/go/go.mod", purl: "pkg:golang/github.com/golang-jwt/jwt@v4.4.0#v4"},
		{typ: "nuget", name: "Newtonsoft.Json", version: "12.0.2", path: "/net/app.deps.json", purl: "pkg:dotnet/Newtonsoft.Json@12.0.2"},
		{typ: "bitnami", name: "python", version: "3.9.1", path: "/usr/local/bin/python3.9", purl: "pkg:generic/python@3.9.1", bySyft: true},
		{typ: "bitnami", name: "nginx", version: "1.18.0", path: "/usr/local/sbin/nginx", purl: "pkg:generic/nginx@1.18.0", bySyft: true},
	}
}

// describedImage is an image that holds them.
func describedImage(t *testing.T) *report.Report {
	t.Helper()
	const elf = "\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x3e\x00"
	var dpkg strings.Builder
	for _, p := range describedPackages() {
		if p.typ != "deb" {
			continue
		}
		fmt.Fprintf(&dpkg, "Package: %s\nStatus: install ok installed\nMaintainer: Debian <x@lists.debian.org>\nArchitecture: amd64\nVersion: %s\n", p.name, p.version)
		switch {
		case p.sourceVersion != "":
			fmt.Fprintf(&dpkg, "Source: %s (%s)\n", p.source, p.sourceVersion)
		case p.source != "":
			fmt.Fprintf(&dpkg, "Source: %s\n", p.source)
		}
		dpkg.WriteString("\n")
	}
	img := imagetest.Memory(t, imagetest.Image{Layers: []imagetest.Layer{{Entries: []imagetest.Entry{
		imagetest.File("etc/os-release", "ID=debian\nVERSION_ID=\"11\"\nVERSION_CODENAME=bullseye\nPRETTY_NAME=\"Debian GNU/Linux 11 (bullseye)\"\n"),
		imagetest.File("var/lib/dpkg/status", dpkg.String()),
		imagetest.File("app/node_modules/minimist/package.json", `{"name": "minimist", "version": "0.0.8"}`),
		imagetest.File("app/node_modules/@babel/traverse/package.json", `{"name": "@babel/traverse", "version": "7.20.0"}`),
		imagetest.File("srv/python/Jinja2-2.10.dist-info/METADATA", "Name: Jinja2\nVersion: 2.10\n\n"),
		imagetest.File("usr/local/bundle/specifications/nokogiri-1.10.0-x86_64-linux.gemspec", "Gem::Specification.new do |s|\n  s.name = \"nokogiri\"\n  s.version = \"1.10.0\"\n  s.platform = \"x86_64-linux\"\nend\n"),
		imagetest.File("go/go.mod", "module example.com/x\n\nrequire github.com/golang-jwt/jwt/v4 v4.4.0\n"),
		imagetest.File("net/app.deps.json", `{"targets": {"n": {"Newtonsoft.Json/12.0.2": {"runtime": {"lib/x.dll": {}}}}}, "libraries": {"Newtonsoft.Json/12.0.2": {"type": "package"}}}`),
		imagetest.Exec("usr/local/bin/python3.9", elf+strings.Repeat("\x00", 60)+"3.9.1\x00"),
		imagetest.Exec("usr/local/sbin/nginx", elf+strings.Repeat("\x00", 60)+"nginx version: nginx/1.18.0\x00"),
	}}}})
	of, err := scan.Image(t.Context(), img, producerOptions(t))
	if err != nil {
		t.Fatal(err)
	}
	return of
}

func producerOptions(t *testing.T) scan.Options {
	return scan.Options{DB: openSnapshot(t), Now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
}

// object is JSON.
type object = map[string]any

// purlOf writes a package URL with the qualifiers given, in order.
func purlOf(p installed, qualifiers ...string) string {
	text := p.purl
	if text == "" {
		namespace := ""
		if p.typ == "deb" {
			namespace = "debian/"
		}
		text = "pkg:" + p.typ + "/" + namespace + strings.Replace(p.name, "@", "%40", 1) + "@" + strings.ReplaceAll(p.version, "+", "%2B")
	}
	if p.typ == "deb" && len(qualifiers) > 0 {
		text += "?" + strings.Join(qualifiers, "&")
	}
	return text
}

func properties(pairs ...string) []object {
	var list []object
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			list = append(list, object{"name": pairs[i], "value": pairs[i+1]})
		}
	}
	return list
}

func syftPURL(p installed) string {
	q := []string{"arch=amd64", "distro=debian-11"}
	if p.source != "" {
		upstream := p.source
		if p.sourceVersion != "" {
			upstream += "@" + p.sourceVersion
		}
		q = append(q, "upstream="+url.QueryEscape(upstream))
	}
	return purlOf(p, q...)
}

func spdxPackage(i int, p installed, purl, sourceInfo string) object {
	return object{"name": p.name, "SPDXID": fmt.Sprintf("SPDXRef-Package-%s-%d", p.typ, i), "versionInfo": p.version, "downloadLocation": "NOASSERTION", "sourceInfo": sourceInfo,
		"licenseConcluded": "NOASSERTION", "licenseDeclared": "NOASSERTION", "externalRefs": []object{
			{"referenceCategory": "SECURITY", "referenceType": "cpe23Type", "referenceLocator": "cpe:2.3:a:x:x:1:*:*:*:*:*:*:*"},
			{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}}}
}

func spdxOf(packages []object) object {
	return object{"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": "image", "documentNamespace": "https://example.com/x", "packages": packages}
}

// producers write the image's packages in the published shape of each tool's
// documents; they are made by hand, none was run.
var producers = map[string]struct {
	syft  bool // lists programs recognised by their bytes
	write func(list []installed) object
}{
	"Syft CycloneDX": {true, func(list []installed) object {
		var components []object
		for i, p := range list {
			purl := syftPURL(p)
			components = append(components, object{"bom-ref": fmt.Sprintf("%s&package-id=%d", purl, i), "type": "library", "name": p.name, "version": p.version, "purl": purl,
				"properties": properties("syft:package:foundBy", "x-cataloger", "syft:package:type", p.typ, "syft:location:0:path", p.path, "syft:location:0:layerID", "sha256:0",
					"syft:metadata:source", p.source, "syft:metadata:sourceVersion", p.sourceVersion)})
		}
		components = append(components, object{"bom-ref": "os:debian@11", "type": "operating-system", "name": "debian", "version": "11", "description": "Debian GNU/Linux 11 (bullseye)",
			"properties": properties("syft:distro:id", "debian", "syft:distro:prettyName", "Debian GNU/Linux 11 (bullseye)", "syft:distro:versionCodename", "bullseye", "syft:distro:versionID", "11")})
		return object{"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": object{"component": object{"type": "container", "name": "image"}}, "components": components}
	}},
	"Syft SPDX": {true, func(list []installed) object {
		packages := []object{{"name": "image", "SPDXID": "SPDXRef-DocumentRoot-Image-image", "versionInfo": "1", "primaryPackagePurpose": "CONTAINER", "downloadLocation": "NOASSERTION",
			"externalRefs": []object{{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": "pkg:oci/image@sha256:0"}}}}
		for i, p := range list {
			packages = append(packages, spdxPackage(i, p, syftPURL(p), "acquired package info from the following paths: "+p.path))
		}
		return spdxOf(packages)
	}},
	"Syft's JSON": {true, func(list []installed) object {
		var artifacts []object
		for i, p := range list {
			a := object{"id": fmt.Sprint(i), "name": p.name, "version": p.version, "type": p.typ, "locations": []object{{"path": p.path, "layerID": "sha256:0"}}, "purl": syftPURL(p), "metadata": object{}}
			if p.typ == "deb" {
				a["metadata"] = object{"package": p.name, "source": p.source, "sourceVersion": p.sourceVersion, "architecture": "amd64"}
			}
			artifacts = append(artifacts, a)
		}
		return object{"artifacts": artifacts, "artifactRelationships": []object{}, "distro": object{"id": "debian", "versionID": "11", "versionCodename": "bullseye"}, "descriptor": object{"name": "syft"},
			"schema": object{"version": "16.0.0"}}
	}},
	"Trivy CycloneDX": {false, func(list []installed) object {
		components := []object{{"bom-ref": "1", "type": "operating-system", "name": "debian", "version": "11.5", "properties": properties("aquasecurity:trivy:Class", "os-pkgs", "aquasecurity:trivy:Type", "debian")}}
		for _, p := range list {
			p.purl = strings.NewReplacer("-x86_64-linux", "", "pkg:dotnet", "pkg:nuget").Replace(p.purl)
			purl := purlOf(p, "arch=amd64", "distro=debian-11.5")
			version, release, _ := strings.Cut(cmp.Or(p.sourceVersion, p.version), "-")
			c := object{"bom-ref": purl, "type": "library", "name": p.name, "version": p.version, "purl": purl, "properties": properties("aquasecurity:trivy:FilePath", strings.TrimPrefix(p.path, "/"), "aquasecurity:trivy:PkgType", p.typ)}
			if p.typ == "deb" {
				c["properties"] = properties("aquasecurity:trivy:PkgType", "debian", "aquasecurity:trivy:SrcName", cmp.Or(p.source, p.name), "aquasecurity:trivy:SrcVersion", version, "aquasecurity:trivy:SrcRelease", release)
			}
			components = append(components, c)
		}
		return object{"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": object{"component": object{"type": "container", "name": "image"}}, "components": components}
	}},
	"Trivy SPDX": {false, func(list []installed) object {
		packages := []object{{"name": "debian", "SPDXID": "SPDXRef-OperatingSystem-1", "versionInfo": "11.5", "primaryPackagePurpose": "OPERATING-SYSTEM", "downloadLocation": "NONE"}}
		for i, p := range list {
			p.purl = strings.NewReplacer("-x86_64-linux", "", "pkg:dotnet", "pkg:nuget").Replace(p.purl)
			info := ""
			if p.typ == "deb" {
				info = "built package from: " + cmp.Or(p.source, p.name) + " " + cmp.Or(p.sourceVersion, p.version)
			}
			packages = append(packages, spdxPackage(i, p, purlOf(p, "arch=amd64", "distro=debian-11.5"), info))
		}
		return spdxOf(packages)
	}},
	"Scout CycloneDX": {false, func(list []installed) object {
		var components []object
		for _, p := range bySource(list) {
			components = append(components, object{"type": "library", "name": p.name, "version": p.version, "purl": purlOf(p, "os_distro=bullseye", "os_name=debian", "os_version=11")})
		}
		return object{"bomFormat": "CycloneDX", "specVersion": "1.5", "components": components}
	}},
	"Scout SPDX": {false, func(list []installed) object {
		var packages []object
		for i, p := range bySource(list) {
			packages = append(packages, spdxPackage(i, p, purlOf(p, "os_distro=bullseye", "os_name=debian", "os_version=11"), ""))
		}
		return spdxOf(packages)
	}},
}

// bySource names debs by their sources, each once, as Docker's indexer does.
func bySource(list []installed) []installed {
	var out []installed
	for _, p := range list {
		p.purl = strings.NewReplacer("-x86_64-linux", "", "pkg:dotnet", "pkg:nuget").Replace(p.purl)
		if p.typ == "deb" {
			p.name, p.version, p.source, p.sourceVersion = cmp.Or(p.source, p.name), cmp.Or(p.sourceVersion, p.version), "", ""
		}
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

// TestProducersFindWhatTheImageDoes: the same image, described by Syft, Trivy or
// Docker Scout in each of their formats, has the findings of the image. A deb is
// named by its source: Scout's documents have no others.
func TestProducersFindWhatTheImageDoes(t *testing.T) {
	of := describedImage(t)
	if len(of.Vulnerabilities) < 50 {
		t.Fatalf("only %d findings to compare", len(of.Vulnerabilities))
	}
	opt := producerOptions(t)
	for name, producer := range producers {
		t.Run(name, func(t *testing.T) {
			list := describedPackages()
			if !producer.syft {
				list = slices.DeleteFunc(list, func(p installed) bool { return p.bySyft })
			}
			document, err := json.Marshal(producer.write(list))
			if err != nil {
				t.Fatal(err)
			}
			from, err := scan.SBOM(t.Context(), "sbom.json", document, opt)
			if err != nil {
				t.Fatal(err)
			}
			if d := diff.Diff(bySourceFindings(of, producer.syft), bySourceFindings(from, true)); d != "" {
				t.Errorf("(-image +sbom):\n%s", d)
			}
			if os := from.Target.OS; os == nil || os.ID != "debian" || !strings.HasPrefix(os.Version, "11") {
				t.Errorf("distribution %+v", os)
			}
		})
	}
}

// bySourceFindings writes each finding as a line, debs by their source, each once.
func bySourceFindings(r *report.Report, programs bool) []string {
	sources := map[string]string{}
	for i := range r.Packages {
		if p := &r.Packages[i]; programs || p.Type != "bitnami" {
			sources[p.PURL] = p.Type + " " + cmp.Or(p.Source.Name, p.Name) + " " + cmp.Or(p.Source.Version, p.Version)
		}
	}
	var lines []string
	for _, v := range r.Vulnerabilities {
		if of := sources[v.Package]; of != "" {
			lines = append(lines, strings.Join([]string{of, v.ID, v.Severity.String(), string(v.Fix.State), v.Fix.Version}, " "))
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}
