package catalog

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

// The shapes that Trivy and Syft write, shortened.
const (
	trivyBOM = `{"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": {"component": {"type": "container", "name": "x", "purl": "pkg:oci/x@sha256%3Aab"}},
"components": [
 {"type": "operating-system", "name": "redhat", "version": "9.4"},
 {"type": "library", "name": "bash", "version": "5.1.8-9.el9", "purl": "pkg:rpm/redhat/bash@5.1.8-9.el9?arch=x86_64&distro=redhat-9.4&epoch=1",
  "supplier": {"name": "Red Hat, Inc."}, "licenses": [{"license": {"name": "GPLv3+"}}],
  "properties": [{"name": "aquasecurity:trivy:SrcName", "value": "bash"}, {"name": "aquasecurity:trivy:SrcVersion", "value": "5.1.8"}, {"name": "aquasecurity:trivy:SrcRelease", "value": "9.el9"}, {"name": "aquasecurity:trivy:SrcEpoch", "value": "1"}]},
 {"type": "application", "name": "app/package-lock.json"},
 {"type": "library", "name": "nameless", "version": "1"},
 {"type": "library", "group": "@babel", "name": "core", "version": "7.1.0", "purl": "pkg:npm/%40babel/core@7.1.0", "properties": [{"name": "aquasecurity:trivy:FilePath", "value": "app/node_modules/@babel/core/package.json"}]}
]}`
	syftBOM = `{"spdxVersion": "SPDX-2.3", "packages": [
 {"SPDXID": "SPDXRef-image", "name": "x", "versionInfo": "sha256:ab", "primaryPackagePurpose": "CONTAINER", "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:oci/x@sha256%3Aab"}]},
 {"SPDXID": "SPDXRef-a", "name": "libssl3", "versionInfo": "3.0.11-1~deb12u1", "supplier": "Person: Debian <x@y>", "licenseDeclared": "NOASSERTION",
  "externalRefs": [{"referenceType": "cpe23Type", "referenceLocator": "cpe:2.3:a"}, {"referenceType": "purl", "referenceLocator": "pkg:deb/debian/libssl3@3.0.11-1~deb12u1?arch=amd64&distro=debian-12&upstream=openssl"}]},
 {"SPDXID": "SPDXRef-b", "name": "six", "versionInfo": "1.16.0", "licenseDeclared": "MIT", "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:pypi/six@1.16.0"}]}],
"relationships": [{"spdxElementId": "SPDXRef-DOCUMENT", "relatedSpdxElement": "SPDXRef-image", "relationshipType": "DESCRIBES"},
 {"spdxElementId": "SPDXRef-a", "relatedSpdxElement": "SPDXRef-b", "relationshipType": "OTHER", "comment": "ownership-by-file-overlap: indicates that…"}]}`
)

func TestReadSBOM(t *testing.T) {
	for _, test := range []struct{ name, document, want string }{
		{"Trivy's CycloneDX", trivyBOM, `distro rhel 9.4 
pkg:npm/%40babel/core@7.1.0 layer=-1 touched=-1 app/node_modules/@babel/core/package.json@-1
pkg:rpm/redhat/bash@5.1.8-9.el9?arch=x86_64&distro=redhat-9.4&epoch=1 source=bash@1:5.1.8-9.el9 layer=-1 touched=-1
warning no-ecosystem @-1 incomplete=true: 1 components without a package URL and a version: they can be held against no advisories
`},
		{"Syft's SPDX in a statement", `{"_type": "https://in-toto.io/Statement/v0.1", "predicate": ` + syftBOM + `}`, `distro debian 12 
pkg:deb/debian/libssl3@3.0.11-1~deb12u1?arch=amd64&distro=debian-12&upstream=openssl source=openssl@3.0.11-1~deb12u1 layer=-1 touched=-1
pkg:pypi/six@1.16.0 layer=-1 touched=-1 owner=pkg:deb/debian/libssl3@3.0.11-1~deb12u1?arch=amd64&distro=debian-12&upstream=openssl
warning no-ecosystem @-1 incomplete=true: 1 components without a package URL and a version: they can be held against no advisories
`},
		{"a field of another form", `{"bomFormat": "CycloneDX", "components": [{"type": 7, "purl": "pkg:npm/a@1"}, {"purl": "pkg:npm/b@2"}, {"purl": "no purl"}]}`, `distro   
pkg:npm/a@1 layer=-1 touched=-1
pkg:npm/b@2 layer=-1 touched=-1
warning packages @-1 incomplete=true: "type": a JSON number is not expected there
warning no-ecosystem @-1 incomplete=true: 1 components without a package URL and a version: they can be held against no advisories
`},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, err := ReadSBOM([]byte(test.document))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, summary(r)); diff != "" {
				t.Errorf("(-want +got):\n%s\n%s", diff, summary(r))
			}
		})
	}
}

func TestDistroOfPURL(t *testing.T) {
	for in, want := range map[string]string{
		"pkg:deb/debian/a@1?distro=debian-12":               "debian 12 ",
		"pkg:deb/debian/a@1?distro=debian-bookworm":         "debian  bookworm",
		"pkg:apk/alpine/a@1?distro=3.15.0":                  "alpine 3.15.0 ",
		"pkg:apk/wolfi/a@1?distro=wolfi-20230201":           "wolfi 20230201 ",
		"pkg:alpm/arch/a@1?distro=arch":                     "arch  ",
		"pkg:rpm/opensuse/a@1?distro=opensuse-leap-15.5":    "opensuse-leap 15.5 ",
		"pkg:rpm/redhat/a@1":                                "rhel  ",
		"pkg:rpm/alma/a@1?distro=alma-9.2":                  "almalinux 9.2 ",
		"no":                                                "  ",
		"pkg:deb/ubuntu/a@1?arch=amd64&distro=ubuntu-24.04": "ubuntu 24.04 ",
	} {
		d := distroOf(in)
		if got := d.ID + " " + d.VersionID + " " + d.Codename; got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

func TestBOMInImage(t *testing.T) {
	file := imagetest.File
	redis := `{"spdxVersion": "SPDX-2.3", "packages": [
 {"SPDXID": "SPDXRef-redis", "name": "redis", "versionInfo": "7.2.4-0", "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:bitnami/redis@7.2.4-0?arch=amd64&distro=debian-12"}]},
 {"SPDXID": "SPDXRef-x", "name": "x", "versionInfo": "1.0.0", "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:npm/x@1.0.0"}]},
 {"SPDXID": "SPDXRef-y", "name": "y", "versionInfo": "1.0.0", "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:npm/y@1.0.0"}]},
 {"SPDXID": "SPDXRef-src", "name": "src", "versionInfo": "1", "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:github/redis/redis@7.2.4"}]},
 {"SPDXID": "SPDXRef-deb", "name": "a", "versionInfo": "1", "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:deb/debian/gone@1?distro=debian-12"}]}]}`
	r := Packages(stack(t,
		[]imagetest.Entry{
			file("etc/os-release", bookworm), file(dpkgStatusPath, status("a 1")), file("app/node_modules/x/package.json", packageJSONText("x", "1.0.0")),
			file("var/lib/dpkg/info/a.list", "/usr/share/sbom/a.json\n"),
			file("usr/share/sbom/a.json", `{"bomFormat": "CycloneDX", "components": [{"purl": "pkg:pypi/Owned@1"}]}`),
		},
		[]imagetest.Entry{
			file("opt/bitnami/redis/.spdx-redis.spdx", redis), file("srv/bom.json", redis), file("srv/tests/bom.json", redis),
			file("srv/other/bom.json", `{"parts": [1, 2]}`), file("srv/broken.cdx.json", `{"bomFormat": "CycloneDX", "components": [`), file("doc/x.spdx", "SPDXVersion: SPDX-2.2\n"),
		}))
	want := `distro debian 12 etc/os-release
pkg:bitnami/redis@7.2.4 layer=1 touched=1 opt/bitnami/redis/.spdx-redis.spdx@1 srv/bom.json@1
pkg:deb/debian/a@1?arch=amd64&distro=debian-12 source=a@1 layer=0 touched=0 var/lib/dpkg/status@0 files=usr/share/sbom/a.json
pkg:npm/x@1.0.0 layer=0 touched=0 app/node_modules/x/package.json@0
pkg:npm/y@1.0.0 layer=1 touched=1 opt/bitnami/redis/.spdx-redis.spdx@1 srv/bom.json@1
pkg:pypi/owned@1 layer=0 touched=0 usr/share/sbom/a.json@0 owner=pkg:deb/debian/a@1?arch=amd64&distro=debian-12
warning packages srv/broken.cdx.json@1 incomplete=false: sbom: unexpected end of JSON input
`
	if diff := cmp.Diff(want, summary(r)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestBOMOfAPackage: what a package brings along says how it was built.
func TestBOMOfAPackage(t *testing.T) {
	file := imagetest.File
	bom := `{"bomFormat": "CycloneDX", "components": [{"purl": "pkg:npm/part@1.0.0"}]}`
	site := "usr/local/lib/python3.12/site-packages/"
	pip := file(site+"pip-26.2.dist-info/METADATA", "Name: pip\nVersion: 26.2\n")
	for at, beside := range map[string][]imagetest.Entry{
		site + "pip/_vendor/bom.cdx.json":                                                     {pip, file(site+"pip-26.2.dist-info/RECORD", "pip/__init__.py,,\npip/_vendor/bom.cdx.json,,\n")},
		site + "pip-26.2.dist-info/sboms/pip.cdx.json":                                        {pip},
		"usr/local/share/pip/sbom.json":                                                       {pip, file(site+"pip-26.2.dist-info/RECORD", "../../../share/pip/sbom.json,,\n")},
		"app/node_modules/x/dist/bom.json":                                                    {file("app/node_modules/x/package.json", packageJSONText("x", "1.0.0"))},
		"app/node_modules/.x-Ab1/bom.json":                                                    nil,
		"usr/lib/ruby/gems/3.1.0/gems/rack-2.2.4/bom.json":                                    {file("usr/lib/ruby/gems/3.1.0/specifications/rack-2.2.4.gemspec", "# stub: rack 2.2.4 ruby lib\n")},
		"app/vendor/a/b/sbom.json":                                                            nil,
		"opt/microsoft/powershell/7/Modules/Shop/7.9.0/_manifest/spdx_2.2/manifest.spdx.json": nil,
		"app/_manifest/spdx_2.2/manifest.spdx.json":                                           nil,
		"opt/java/openjdk/legal/sbom.json":                                                    {file("opt/java/openjdk/release", "JAVA_VERSION=\"17.0.9\"\n")},
	} {
		for _, p := range Packages(stack(t, append(beside, file(at, bom)))).Packages {
			if p.Name == "part" {
				t.Errorf("%s: its parts are taken for installed", at)
			}
		}
	}
	for at, beside := range map[string][]imagetest.Entry{
		"app/bom.json":             nil,
		"app/dist/sbom.json":       {file("app/package.json", `{"name":"c","version":"1.0.0","repository":"github:c/c"}`)},
		"usr/share/sbom/x.json":    {pip},
		"opt/x/.spdx-x.spdx":       nil,
		"opt/app/modules/bom.json": {pip, file(site+"pip-26.2.dist-info/RECORD", "pip/__init__.py,,\n")},
	} {
		if r := Packages(stack(t, append(beside, file(at, bom)))); !slices.ContainsFunc(r.Packages, func(p sbom.Package) bool { return p.Name == "part" }) {
			t.Errorf("%s: its packages are not listed", at)
		}
	}
}

func TestIsBOM(t *testing.T) {
	for file, want := range map[string]bool{
		"bom.json": true, "app/x.cdx.json": true, "opt/bitnami/redis/.spdx-redis.spdx": true, "var/lib/db/sbom/zlib-1.3-r0.spdx.json": true,
		"usr/share/sbom/any.json": true, "app/tests/bom.json": false, "app/package.json": false, "app/x.json": false,
	} {
		if got := isBOM(&rootfs.Header{Path: file}, []byte("\ufeff {\n")); got != want {
			t.Errorf("%s: %v", file, got)
		}
	}
	if isBOM(&rootfs.Header{Path: "bom.json"}, []byte("SPDXVersion: 2.2")) {
		t.Error("text is wanted")
	}
}

func TestHostileBOM(t *testing.T) {
	for name, document := range map[string]string{
		"many components":  `{"bomFormat": "CycloneDX", "components": [` + strings.Repeat("{},", maxPackages) + "{}]}",
		"many properties":  `{"bomFormat": "CycloneDX", "components": [{"purl": "pkg:npm/a@1", "properties": [` + strings.Repeat("{},", maxMembers) + "{}]}]}",
		"many in many":     `{"bomFormat": "CycloneDX", "components": [` + strings.Repeat(`{"components": [`+strings.Repeat(`{"purl": "p"},`, 1000)+"{}]},", 60) + "{}]}",
		"deep":             `{"bomFormat": "CycloneDX", "components": ` + strings.Repeat(`[{"components": `, 100) + "[{}]" + strings.Repeat("}]", 100) + "}",
		"lists of numbers": `{"spdxVersion": "SPDX-2.3", "packages": [1, 2], "relationships": {"a": 1}}`,
	} {
		b, err := parseBOM([]byte(document))
		if err != nil || len(b.wrong) == 0 || len(b.entries) > maxPackages {
			t.Errorf("%s: %v, %d entries, problems %v", name, err, len(b.entries), b.wrong)
		}
	}
}

func FuzzBOM(f *testing.F) {
	f.Add([]byte(trivyBOM))
	f.Add([]byte(syftBOM))
	f.Add([]byte(`{"predicate": {"bomFormat": "CycloneDX", "components": [` + strings.Repeat(`{"purl": "pkg:npm/a@1", "components": [`, 50) + strings.Repeat("]}", 50) + "]}}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ReadSBOM(data)
		if err == nil {
			named(t, r.Packages)
		}
		list, _ := parseImageBOM(data)
		named(t, list)
	})
}
