package catalog

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/costs"
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
warning no-ecosystem @-1 incomplete=true: 1 components without a package URL and a version: they can be matched against no advisories
`},
		{"Syft's SPDX in a statement", `{"_type": "https://in-toto.io/Statement/v0.1", "predicate": ` + syftBOM + `}`, `distro debian 12 
pkg:deb/debian/libssl3@3.0.11-1~deb12u1?arch=amd64&distro=debian-12&upstream=openssl source=openssl@3.0.11-1~deb12u1 layer=-1 touched=-1
pkg:pypi/six@1.16.0 layer=-1 touched=-1 owner=pkg:deb/debian/libssl3@3.0.11-1~deb12u1?arch=amd64&distro=debian-12&upstream=openssl
warning no-ecosystem @-1 incomplete=true: 1 components without a package URL and a version: they can be matched against no advisories
`},
		{"a field of another form", `{"bomFormat": "CycloneDX", "components": [{"type": 7, "purl": "pkg:npm/a@1"}, {"purl": "pkg:npm/b@2"}, {"purl": "no purl"}]}`, `distro   
pkg:npm/a@1 layer=-1 touched=-1
pkg:npm/b@2 layer=-1 touched=-1
warning packages @-1 incomplete=true: "type": a JSON number is not expected there
warning no-ecosystem @-1 incomplete=true: 1 components without a package URL and a version: they can be matched against no advisories
`},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, err := ReadSBOM([]byte(test.document), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, summary(r)); diff != "" {
				t.Errorf("(-want +got):\n%s\n%s", diff, summary(r))
			}
		})
	}
}

// oneBOM holds two packages of Debian's, of which one brought a Python package,
// in each form that is read; all say the same.
var oneBOM = map[string]string{
	"CycloneDX JSON": `{"bomFormat": "CycloneDX", "specVersion": "1.5", "components": [
 {"type": "operating-system", "name": "debian", "version": "12", "properties": [{"name": "syft:distro:id", "value": "debian"}, {"name": "syft:distro:versionID", "value": "12"}]},
 {"bom-ref": "a", "type": "library", "name": "libssl3", "version": "3.0.11-1", "purl": "pkg:deb/debian/libssl3@3.0.11-1?arch=amd64&distro=debian-12", "properties": [{"name": "syft:metadata:source", "value": "openssl"}]},
 {"bom-ref": "b", "type": "library", "name": "minimist", "version": "0.0.8", "purl": "pkg:npm/minimist@0.0.8", "licenses": [{"license": {"id": "MIT"}}], "properties": [{"name": "syft:location:0:path", "value": "/app/package.json"}]}],
 "dependencies": [{"ref": "b", "dependsOn": ["a"]}]}`,
	"CycloneDX XML": `<?xml version="1.0" encoding="ISO-8859-1"?>
<bom xmlns="http://cyclonedx.org/schema/bom/1.6" version="1">
 <metadata><component type="container"><name>x</name><purl>pkg:oci/x@sha256%3Aab</purl></component></metadata>
 <components>
  <component type="operating-system"><name>debian</name><version>12</version></component>
  <component bom-ref="a" type="library"><name>libssl3</name><version>3.0.11-1</version><purl>pkg:deb/debian/libssl3@3.0.11-1?arch=amd64&amp;distro=debian-12</purl>
   <properties><property name="aquasecurity:trivy:SrcName">openssl</property></properties></component>
  <component type="application"><name>part of</name>
   <components><component bom-ref="b" type="library"><name>minimist</name><version>0.0.8</version><licenses><license><id>MIT</id></license></licenses><purl>
     pkg:npm/minimist@0.0.8 </purl><evidence><occurrences><occurrence><location>/app/package.json</location></occurrence></occurrences></evidence></component></components></component>
 </components>
 <dependencies><dependency ref="b"><dependency ref="a"/></dependency></dependencies>
</bom>`,
	"SPDX 2 JSON": `{"spdxVersion": "SPDX-2.3", "packages": [
 {"SPDXID": "SPDXRef-os", "name": "debian", "versionInfo": "12", "primaryPackagePurpose": "OPERATING-SYSTEM"},
 {"SPDXID": "SPDXRef-a", "name": "libssl3", "versionInfo": "3.0.11-1", "sourceInfo": "built package from: openssl 3.0.11-1", "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:deb/debian/libssl3@3.0.11-1?arch=amd64&distro=debian-12"}]},
 {"SPDXID": "SPDXRef-b", "name": "minimist", "versionInfo": "0.0.8", "licenseDeclared": "MIT", "sourceInfo": "found in /app/package.json", "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:npm/minimist@0.0.8"}]}],
 "relationships": [{"spdxElementId": "SPDXRef-b", "relatedSpdxElement": "SPDXRef-a", "relationshipType": "DEPENDS_ON"}]}`,
	"SPDX 2 tag-value": "SPDXVersion: SPDX-2.3\nDataLicense: CC0-1.0\nSPDXID: SPDXRef-DOCUMENT\nDocumentName: x\nDocumentComment: <text>two\nlines</text>\n\n" +
		"PackageName: debian\nSPDXID: SPDXRef-os\nPackageVersion: 12\nPrimaryPackagePurpose: OPERATING-SYSTEM\n\n" +
		"PackageName: libssl3\nSPDXID: SPDXRef-a\nPackageVersion: 3.0.11-1\nPackageSourceInfo: <text>built package from: openssl 3.0.11-1</text>\nPackageCopyrightText: <text>PackageName: no\nPackageVersion: 9\n</text>\nExternalRef: SECURITY cpe23Type cpe:2.3:a\nExternalRef: PACKAGE-MANAGER purl pkg:deb/debian/libssl3@3.0.11-1?arch=amd64&distro=debian-12\n\n" +
		"PackageName: minimist\nSPDXID: SPDXRef-b\nPackageVersion: 0.0.8\nPackageLicenseDeclared: MIT\nPackageSourceInfo: found in /app/package.json\nExternalRef: PACKAGE-MANAGER purl pkg:npm/minimist@0.0.8\n\n" +
		"FileName: ./x\nSPDXID: SPDXRef-file\n\nRelationship: SPDXRef-b DEPENDS_ON SPDXRef-a\nRelationshipComment: <text>why</text>\n",
	"SPDX 3 JSON-LD": `{"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": [
 {"type": "CreationInfo", "@id": "_:c", "specVersion": "3.0.1"},
 {"type": "SpdxDocument", "spdxId": "https://x/doc", "rootElement": ["https://x/os"]},
 {"type": "software_Package", "spdxId": "https://x/os", "name": "debian", "software_packageVersion": "12", "software_primaryPurpose": "operatingSystem"},
 {"type": "software_Package", "spdxId": "https://x/a", "name": "libssl3", "software_packageVersion": "3.0.11-1", "software_packageUrl": "pkg:deb/debian/libssl3@3.0.11-1?arch=amd64&distro=debian-12", "software_sourceInfo": "built package from: openssl 3.0.11-1"},
 {"type": "software_Package", "spdxId": "https://x/b", "name": "minimist", "software_packageVersion": "0.0.8", "software_sourceInfo": "found in /app/package.json", "externalIdentifier": [{"type": "ExternalIdentifier", "externalIdentifierType": "packageUrl", "identifier": "pkg:npm/minimist@0.0.8"}]},
 {"type": "simplelicensing_LicenseExpression", "spdxId": "https://x/mit", "simplelicensing_licenseExpression": "MIT"},
 {"type": "Relationship", "from": "https://x/b", "to": ["https://x/a"], "relationshipType": "dependsOn"},
 {"type": "Relationship", "from": "https://x/b", "to": "https://x/mit", "relationshipType": "hasDeclaredLicense"}]}`,
	"Syft's JSON": `{"schema": {"version": "16.0.15"}, "descriptor": {"name": "syft"}, "distro": {"id": "debian", "versionID": "12", "prettyName": "Debian GNU/Linux 12 (bookworm)"},
 "artifacts": [{"id": "1", "name": "libssl3", "version": "3.0.11-1", "type": "deb", "purl": "pkg:deb/debian/libssl3@3.0.11-1?arch=amd64&distro=debian-12", "metadataType": "dpkg-db-entry", "metadata": {"source": "openssl", "sourceVersion": ""}},
  {"id": "2", "name": "minimist", "version": "0.0.8", "type": "npm", "locations": [{"path": "/app/package.json"}], "licenses": [{"value": "MIT", "spdxExpression": "MIT"}], "purl": "pkg:npm/minimist@0.0.8", "metadata": {"files": []}}],
 "artifactRelationships": [{"parent": "1", "child": "2", "type": "dependency-of"}]}`,
}

func TestEachFormOfSBOM(t *testing.T) {
	want := `distro debian 12 
pkg:deb/debian/libssl3@3.0.11-1?arch=amd64&distro=debian-12 source=openssl@3.0.11-1 layer=-1 touched=-1
pkg:npm/minimist@0.0.8 layer=-1 touched=-1 app/package.json@-1
`
	for form, text := range oneBOM {
		for _, document := range []string{text, "\ufeff" + text, string(encodings["UTF-16, little end first"](text))} {
			r, err := ReadSBOM([]byte(document), Limits{})
			if err != nil {
				t.Errorf("%s: %v", form, err)
				continue
			}
			if diff := cmp.Diff(want, summary(r)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", form, diff)
				continue
			}
			p := r.Packages[1]
			if !slices.Equal(p.Licenses, []string{"MIT"}) || !slices.Equal(p.DependsOn, []string{r.Packages[0].PURL}) {
				t.Errorf("%s: licences %q, needs %q", form, p.Licenses, p.DependsOn)
			}
		}
	}
	if r, err := ReadSBOM([]byte(`{"_type": "https://in-toto.io/Statement/v1", "predicate": `+oneBOM["SPDX 3 JSON-LD"]+`}`), Limits{}); err != nil || len(r.Packages) != 2 {
		t.Errorf("in a statement: %v", err)
	}
}

// TestSBOMInEnvelopes: what others put around an SBOM is taken off.
func TestSBOMInEnvelopes(t *testing.T) {
	document := `{"spdxVersion": "SPDX-2.3", "packages": [{"SPDXID": "SPDXRef-a", "name": "lodash", "versionInfo": "4.17.15", "externalRefs": [{"referenceType": "http://spdx.org/rdf/references/purl", "referenceLocator": "pkg:npm/lodash@4.17.15"}]}]}`
	statement := `{"_type": "https://in-toto.io/Statement/v1", "predicate": ` + document + `}`
	envelope := `{"payloadType": "application/vnd.in-toto+json", "payload": "` + base64.StdEncoding.EncodeToString([]byte(statement)) + `", "signatures": [{"sig": "x"}]}`
	text, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	for name, in := range map[string]string{
		"bare": document, "statement": statement, "signed envelope": envelope,
		"Sigstore's bundle":          `{"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "dsseEnvelope": ` + envelope + `}`,
		"GitHub's export":            `{"sbom": ` + document + `}`,
		"cosign's predicate, text":   `{"predicate": {"Data": ` + string(text) + `, "Timestamp": ""}}`,
		"cosign's predicate, object": `{"predicate": {"Data": ` + document + `}}`,
	} {
		if r, err := ReadSBOM([]byte(in), Limits{}); err != nil || len(r.Packages) != 1 || r.Packages[0].PURL != "pkg:npm/lodash@4.17.15" {
			t.Errorf("%s: %+v, %v", name, r.Packages, err)
		}
	}
	for _, in := range []string{`{"payload": "!"}`, `{"payload": ""}`, `{"predicate": 1}`, `{"sbom": "x"}`, strings.Repeat(`{"sbom": `, 10) + document + strings.Repeat("}", 10)} {
		if r, err := ReadSBOM([]byte(in), Limits{}); err == nil {
			t.Errorf("%.60s: %+v", in, r)
		}
	}
}

func TestWhatIsNoSBOMIsNamed(t *testing.T) {
	for text, want := range map[string]string{
		`<?xml version="1.0"?><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"></rdf:RDF>`: "XML", "spdxVersion: \"SPDX-2.3\"\nname: x\n": "YAML", "bomFormat: CycloneDX\n": "YAML",
		"SPDXVersion: SPDX-1.2\n": "SPDX-1.2", `{"SchemaVersion": 2, "Results": [1]}`: "Trivy", `{"matches": [1]}`: "Grype", `{"runs": [1]}`: "SARIF", `{"schema": "careen/1"}`: "Careen",
		`{"@context": "https://openvex.dev/ns/v0.2.0", "statements": []}`: "OpenVEX", `{"document": {"category": "csaf_vex"}}`: "CSAF", `{"detector": {}, "manifests": {}}`: "snapshot", `{"lockfileVersion": 3}`: "lock file", "\x1f\x8b\x08": "gzip",
		`{"spdxVersion": "SPDX-3.9"}`: "SPDX-3.9", `{"@context": "https://example.com", "@graph": [1]}`: "JSON-LD", "some text": "neither CycloneDX", "{}": "neither CycloneDX", `<bom xmlns="http://cyclonedx.org/schema/bom/1.5"><components>`: "CycloneDX XML",
	} {
		if _, err := ReadSBOM([]byte(text), Limits{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// TestSpellingsOfProducers: what others write in their way is the package that
// a scan of the image names.
func TestSpellingsOfProducers(t *testing.T) {
	for _, test := range []struct{ component, want string }{
		{`{"name": "python", "purl": "pkg:generic/python@3.8.0"}`, "pkg:bitnami/python@3.8.0"},
		{`{"name": "redis", "purl": "pkg:generic/redis@6.0.0"}`, "pkg:bitnami/redis@6.0.0"},
		{`{"name": "httpd", "purl": "pkg:generic/httpd@2.4.57"}`, "pkg:bitnami/apache@2.4.57"},
		{`{"name": "php-fpm", "purl": "pkg:generic/php-fpm@8.2.1"}`, "pkg:bitnami/php@8.2.1"},
		{`{"name": "openssl", "purl": "pkg:generic/openssl@1.1.1w"}`, "pkg:generic/openssl@1.1.1w"},
		{`{"name": "jdk", "purl": "pkg:generic/oracle/jdk@17.0.11"}`, "pkg:generic/oracle-jdk@17.0.11"},
		{`{"name": "jre", "purl": "pkg:generic/eclipse/jre@17.0.9"}`, "pkg:generic/openjdk@17.0.9"},
		{`{"name": "go", "purl": "pkg:generic/go@1.21.3"}`, "pkg:golang/stdlib@1.21.3"},
		{`{"name": "Newtonsoft.Json", "purl": "pkg:dotnet/Newtonsoft.Json@12.0.2"}`, "pkg:nuget/Newtonsoft.Json@12.0.2"},
		{`{"name": "jsonlite", "purl": "pkg:r/jsonlite@1.8.4"}`, "pkg:cran/jsonlite@1.8.4"},
		{`{"name": "checkout", "purl": "pkg:github/actions/checkout@v4"}`, "pkg:githubactions/actions/checkout@v4"},
		{`{"name": "nokogiri", "purl": "pkg:gem/nokogiri@1.13.2-x86_64-linux"}`, "pkg:gem/nokogiri@1.13.2"},
		{`{"name": "nokogiri", "version": "1.13.2-java", "purl": "pkg:gem/nokogiri"}`, "pkg:gem/nokogiri@1.13.2"},
		{`{"name": "github.com/golang-jwt/jwt/v4", "purl": "pkg:golang/github.com/golang-jwt/jwt@v4.4.0#v4"}`, "pkg:golang/github.com/golang-jwt/jwt/v4@v4.4.0"},
		{`{"name": "jwt", "purl": "pkg:golang/github.com/golang-jwt/jwt@v4.4.0#v4"}`, "pkg:golang/github.com/golang-jwt/jwt/v4@v4.4.0"},
		{`{"name": "github.com/aws/aws-sdk-go-v2/service/s3", "purl": "pkg:golang/github.com/aws/aws-sdk-go-v2@v1.40.0#service/s3"}`, "pkg:golang/github.com/aws/aws-sdk-go-v2/service/s3@v1.40.0"},
		{`{"name": "google.golang.org/genproto", "purl": "pkg:golang/google.golang.org/genproto@v0.1.0#googleapis/api"}`, "pkg:golang/google.golang.org/genproto@v0.1.0"},
	} {
		r, err := ReadSBOM([]byte(`{"bomFormat": "CycloneDX", "components": [`+test.component+`]}`), Limits{})
		if err != nil || len(r.Packages) != 1 || r.Packages[0].PURL != test.want {
			t.Errorf("%s: %+v %v, want %s", test.component, r.Packages, err, test.want)
		}
	}
	// The stream of a module, and the source, as Syft has them.
	r, _ := ReadSBOM([]byte(`{"bomFormat": "CycloneDX", "components": [{"name": "nginx-core", "purl": "pkg:rpm/almalinux/nginx-core@1.16.1-2.module_el8.4.0?epoch=1&distro=almalinux-8.10",
 "properties": [{"name": "syft:metadata:modularityLabel", "value": "nginx:1.16:8040020210101000000:9f9e2e7e"}, {"name": "syft:metadata:sourceRpm", "value": "nginx-1.16.1-2.module_el8.4.0.src.rpm"}]}]}`), Limits{})
	if p := r.Packages[0]; p.Modularity != "nginx:1.16" || p.Source != (sbom.Source{Name: "nginx", Version: "1:1.16.1-2.module_el8.4.0"}) {
		t.Errorf("%+v", p)
	}
	// SPDX' own words for what a package was built from, and for elements' types.
	r, _ = ReadSBOM([]byte(`{"spdxVersion": "SPDX-2.3", "packages": [
 {"name": "libssl1.1", "SPDXID": "SPDXRef-a", "versionInfo": "1.1.1n-0", "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:deb/debian/libssl1.1@1.1.1n-0?distro=debian-11"}]},
 {"name": "openssl", "SPDXID": "SPDXRef-s", "versionInfo": "1.1.1n-0", "primaryPackagePurpose": "SOURCE", "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:deb/debian/openssl@1.1.1n-0?arch=source"}]}],
 "relationships": [{"spdxElementId": "SPDXRef-a", "relationshipType": "GENERATED_FROM", "relatedSpdxElement": "SPDXRef-s"}]}`), Limits{})
	if len(r.Packages) != 1 || r.Packages[0].Source != (sbom.Source{Name: "openssl", Version: "1.1.1n-0"}) {
		t.Errorf("%+v", r.Packages)
	}
	r, _ = ReadSBOM([]byte(`{"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": [{"@type": "software_Package", "@id": "urn:1", "name": "lodash", "software_packageUrl": "pkg:npm/lodash@4.17.20"}]}`), Limits{})
	if len(r.Packages) != 1 || r.Packages[0].PURL != "pkg:npm/lodash@4.17.20" {
		t.Errorf("%+v", r.Packages)
	}
	// A deb whose source nobody names is not taken for a source; where the
	// document names those of others, it is one.
	lone, others := `{"name": "libssl1.1", "purl": "pkg:deb/debian/libssl1.1@1.1.1n?distro=debian-11"}`, `{"name": "libc6", "purl": "pkg:deb/debian/libc6@2.31?distro=debian-11&upstream=glibc"}`
	for document, want := range map[string]string{lone: "", lone + "," + others: "libssl1.1"} {
		r, _ := ReadSBOM([]byte(`{"bomFormat": "CycloneDX", "components": [`+document+`]}`), Limits{})
		if got := r.Packages[len(r.Packages)-1]; got.Source.Name != want {
			t.Errorf("source %q, want %q", got.Source.Name, want)
		}
	}
}

// TestOwnersOfOthersSBOMs: Syft's relationships and the places that it names.
func TestOwnersOfOthersSBOMs(t *testing.T) {
	const deb = "pkg:deb/debian/python3-six@1.16.0-4?arch=all&distro=debian-12"
	for form, document := range map[string]string{
		"Syft's JSON": `{"artifacts": [{"id": "1", "name": "python3-six", "purl": "` + deb + `"}, {"id": "2", "name": "six", "purl": "pkg:pypi/six@1.16.0"}], "artifactRelationships": [{"parent": "1", "child": "2", "type": "ownership-by-file-overlap"}]}`,
		"CycloneDX": `{"bomFormat": "CycloneDX", "components": [{"name": "python3-six", "purl": "` + deb + `"},
 {"name": "six", "purl": "pkg:pypi/six@1.16.0", "properties": [{"name": "syft:location:0:path", "value": "/usr/lib/python3/dist-packages/six-1.16.0.egg-info"}]}]}`,
	} {
		r, err := ReadSBOM([]byte(document), Limits{})
		if err != nil || len(r.Packages) != 2 || r.Packages[1].Owner != deb {
			t.Errorf("%s: %+v %v", form, r.Packages, err)
		}
	}
	r, _ := ReadSBOM([]byte(`{"bomFormat": "CycloneDX", "components": [{"name": "python3-six", "purl": "`+deb+`"},
 {"name": "six", "purl": "pkg:pypi/six@1.16.0", "properties": [{"name": "syft:location:0:path", "value": "/usr/local/lib/python3.11/dist-packages/six-1.16.0.dist-info/METADATA"}]}]}`), Limits{})
	if r.Packages[1].Owner != "" {
		t.Errorf("what pip installed has the owner %q", r.Packages[1].Owner)
	}
}

func TestDistroOfPURL(t *testing.T) {
	for in, want := range map[string]string{
		"pkg:deb/debian/a@1?distro=debian-12":                             "debian 12 ",
		"pkg:deb/debian/a@1?distro=debian-bookworm":                       "debian 12 bookworm",
		"pkg:apk/alpine/a@1?distro=3.15.0":                                "alpine 3.15.0 ",
		"pkg:apk/wolfi/a@1?distro=wolfi-20230201":                         "wolfi 20230201 ",
		"pkg:alpm/arch/a@1?distro=arch":                                   "arch  ",
		"pkg:rpm/opensuse/a@1?distro=opensuse-leap-15.5":                  "opensuse-leap 15.5 ",
		"pkg:rpm/redhat/a@1":                                              "rhel  ",
		"pkg:rpm/alma/a@1?distro=alma-9.2":                                "almalinux 9.2 ",
		"no":                                                              "  ",
		"pkg:deb/ubuntu/a@1?arch=amd64&distro=ubuntu-24.04":               "ubuntu 24.04 ",
		"pkg:deb/debian/a@1?distro=jessie":                                "debian 8 jessie",
		"pkg:deb/debian/a@1?arch=i386&distro=Bullseye":                    "debian 11 bullseye",
		"pkg:deb/ubuntu/a@1?distro=jammy":                                 "ubuntu 22.04 jammy",
		"pkg:deb/debian/a@1?os_distro=jessie&os_name=debian&os_version=8": "debian 8 jessie",
		"pkg:apk/alpine/a@1?os_name=alpine&os_version=3.18":               "alpine 3.18 ",
		"pkg:deb/ubuntu/a@1?os_name=ubuntu&os_distro=focal":               "ubuntu 20.04 focal",
		"pkg:rpm/redhat/a@1?os_name=redhat&os_version=9":                  "rhel 9 ",
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
	r := inTree(stack(t,
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
	for at, around := range map[string][]imagetest.Entry{
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
		for _, p := range inTree(stack(t, append(around, file(at, bom)))).Packages {
			if p.Name == "part" {
				t.Errorf("%s: its parts are taken for installed", at)
			}
		}
	}
	for at, around := range map[string][]imagetest.Entry{
		"app/bom.json":             nil,
		"app/dist/sbom.json":       {file("app/package.json", `{"name":"c","version":"1.0.0","repository":"github:c/c"}`)},
		"usr/share/sbom/x.json":    {pip},
		"opt/x/.spdx-x.spdx":       nil,
		"opt/app/modules/bom.json": {pip, file(site+"pip-26.2.dist-info/RECORD", "pip/__init__.py,,\n")},
	} {
		if r := inTree(stack(t, append(around, file(at, bom)))); !slices.ContainsFunc(r.Packages, func(p sbom.Package) bool { return p.Name == "part" }) {
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
	for text, want := range map[string]bool{"SPDXVersion: SPDX-2.2\n": true, "<?xml version='1.0'?>": true, "some text": false, "[1]": false} {
		if isBOM(&rootfs.Header{Path: "x.spdx"}, []byte(text)) != want {
			t.Errorf("%q", text)
		}
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
	for _, text := range oneBOM {
		f.Add([]byte(text))
	}
	f.Add([]byte(`{"predicate": {"bomFormat": "CycloneDX", "components": [` + strings.Repeat(`{"purl": "pkg:npm/a@1", "components": [`, 50) + strings.Repeat("]}", 50) + "]}}"))
	costs.Fuzz(f, func(t *testing.T, data []byte) {
		r, err := ReadSBOM(data, Limits{})
		if err == nil {
			named(t, r.Packages)
		}
		list, _ := parseImageBOM(data)
		named(t, list)
	})
}
