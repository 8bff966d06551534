package report

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/careen/careen/internal/golden"
	"github.com/careen/careen/internal/sbom"
)

func cyclonedx(t *testing.T, opt BOMOptions, reports ...*Report) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := WriteCycloneDX(&b, reports, opt); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func decodeBOM(t *testing.T, doc []byte) *cdx.BOM {
	t.Helper()
	var bom cdx.BOM
	if err := cdx.NewBOMDecoder(bytes.NewReader(doc), cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatal(err)
	}
	return &bom
}

func TestCycloneDXGolden(t *testing.T) {
	golden.File(t, filepath.Join("testdata", "report.cdx.json"), cyclonedx(t, BOMOptions{}, shop()))
}

func TestCycloneDXIsStable(t *testing.T) {
	first := cyclonedx(t, BOMOptions{}, shop())
	if !bytes.Equal(first, cyclonedx(t, BOMOptions{}, shop())) {
		t.Error("the same report gives other bytes")
	}
	bom := decodeBOM(t, first)
	if !regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(bom.SerialNumber) {
		t.Errorf("serial number %q", bom.SerialNumber)
	}
	if other := decodeBOM(t, cyclonedx(t, BOMOptions{}, empty())); other.SerialNumber == bom.SerialNumber {
		t.Error("two documents share a serial number")
	}
	const given = "urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79"
	bom = decodeBOM(t, cyclonedx(t, BOMOptions{SerialNumber: given, Timestamp: time.Unix(1_700_000_000, 0)}, shop()))
	if bom.SerialNumber != given || bom.Metadata.Timestamp != "2023-11-14T22:13:20Z" {
		t.Errorf("%q %q", bom.SerialNumber, bom.Metadata.Timestamp)
	}
}

// checkRefs holds a document to what the schema cannot say: bom-refs are
// unique, and every reference leads somewhere.
func checkRefs(t *testing.T, bom *cdx.BOM) {
	t.Helper()
	refs := map[string]bool{bom.Metadata.Component.BOMRef: true}
	for _, c := range *bom.Components {
		if refs[c.BOMRef] || c.BOMRef == "" {
			t.Errorf("bom-ref %q twice or empty", c.BOMRef)
		}
		refs[c.BOMRef] = true
	}
	below := map[string]bool{}
	for _, d := range *bom.Dependencies {
		if !refs[d.Ref] || below[d.Ref] {
			t.Errorf("dependencies of %q: unknown, or listed twice", d.Ref)
		}
		below[d.Ref] = true
		if d.Dependencies == nil {
			continue
		}
		for _, on := range *d.Dependencies {
			if !refs[on] || on == d.Ref {
				t.Errorf("%q depends on %q", d.Ref, on)
			}
		}
	}
	for ref := range refs {
		if !below[ref] {
			t.Errorf("%q has no entry under dependencies", ref)
		}
	}
	if bom.Vulnerabilities == nil {
		return
	}
	for _, v := range *bom.Vulnerabilities {
		for _, a := range *v.Affects {
			if !refs[a.Ref] {
				t.Errorf("%s affects %q, which is not in the document", v.ID, a.Ref)
			}
		}
	}
}

func TestCycloneDXRoundTrip(t *testing.T) {
	twice := shop()
	twice.Packages = append(twice.Packages, twice.Packages[8], twice.Packages[8])
	arm := shop()
	arm.Target.Platform = "linux/arm64/v8"
	for _, reports := range [][]*Report{{shop()}, {empty()}, {hostileReport()}, {twice}, {shop(), arm}} {
		doc := cyclonedx(t, BOMOptions{}, reports...)
		bom := decodeBOM(t, doc)
		checkRefs(t, bom)
		var again bytes.Buffer
		if err := encodeBOM(&again, bom); err != nil {
			t.Fatal(err)
		}
		// encoding/json writes U+FFFD for bytes that are not UTF-8 as an escape.
		doc = bytes.ReplaceAll(doc, []byte(`\ufffd`), []byte("�"))
		if diff := cmp.Diff(string(doc), again.String()); diff != "" {
			t.Errorf("(-written +read and written)\n%s", diff)
		}
	}
}

func TestCycloneDXSaysWhatWasLookedFor(t *testing.T) {
	keys := func(r *Report) map[string]json.RawMessage {
		var m map[string]json.RawMessage
		if err := json.Unmarshal(cyclonedx(t, BOMOptions{}, r), &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	r := empty()
	if got := string(keys(r)["vulnerabilities"]); got != "[]" {
		t.Errorf("looked, found none: %q", got)
	}
	r.Vulnerabilities = nil
	if _, there := keys(r)["vulnerabilities"]; there {
		t.Error("vulnerabilities are there though nobody looked")
	}
	if err := WriteCycloneDX(&bytes.Buffer{}, nil, BOMOptions{}); err == nil {
		t.Error("no report: no error")
	}
}

func TestCycloneDXKeepsSuppressedApart(t *testing.T) {
	bom := decodeBOM(t, cyclonedx(t, BOMOptions{}, shop()))
	states := map[string]string{}
	for _, v := range *bom.Vulnerabilities {
		if v.Analysis != nil {
			states[v.ID] += string(v.Analysis.State) + "/" + string(v.Analysis.Justification) + " "
		}
	}
	want := map[string]string{
		"CVE-2023-29403": "not_affected/code_not_present ",
		"CVE-2022-99999": "in_triage/ ",
		"CVE-2026-1234":  "/ ", // the maintainer's "will not fix", for one of the two packages
	}
	if diff := cmp.Diff(want, states); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestImagePURL(t *testing.T) {
	for _, test := range []struct {
		target Target
		want   string
	}{
		{Target{Kind: "registry", Ref: "localhost:5000/a/Shop:1.4", Digest: "sha256:ab", Platform: "linux/arm64/v8"}, "pkg:oci/shop@sha256%3Aab?arch=arm64&repository_url=localhost%3A5000/a/shop&tag=1.4"},
		{Target{Kind: "registry", Ref: "alpine", Digest: "sha256:ab"}, "pkg:oci/alpine@sha256%3Aab?repository_url=docker.io/library/alpine"},
		{Target{Kind: "registry", Ref: "alpine@sha256:ab", Digest: "sha256:ab"}, "pkg:oci/alpine@sha256%3Aab?repository_url=docker.io/library/alpine"},
		{Target{Kind: "docker-archive", Ref: "x.tar", Digest: "sha256:ab"}, ""},
		{Target{Kind: "registry", Ref: "alpine"}, ""},
	} {
		if got := imagePURL(test.target); got != test.want {
			t.Errorf("%+v: %q, want %q", test.target, got, test.want)
		}
	}
}

func TestSPDXLicenses(t *testing.T) {
	for _, test := range []struct {
		declared []string
		want     string
	}{
		{nil, "NOASSERTION"}, {[]string{"NOASSERTION"}, "NOASSERTION"}, {[]string{"Zlib"}, "Zlib"},
		{[]string{"GPL-2.0-or-later OR Artistic-1.0-Perl", "MIT"}, "(GPL-2.0-or-later OR Artistic-1.0-Perl) AND MIT"},
		{[]string{"MIT", "NOASSERTION"}, "MIT AND LicenseRef-NOASSERTION"}, // valid, and says that there is more
	} {
		d := spdxDocument{}
		if got := d.license(test.declared); got != test.want {
			t.Errorf("%q: %s, want %s", test.declared, got, test.want)
		}
	}
}

func TestLicenses(t *testing.T) {
	for _, test := range []struct {
		declared []string
		want     string
	}{
		{nil, "null"},
		{[]string{""}, "null"},
		{[]string{"NOASSERTION"}, "null"},
		{[]string{"MIT", "NOASSERTION"}, `[{"license":{"id":"MIT"}},{"license":{"name":"NOASSERTION"}}]`},
		{[]string{"MIT"}, `[{"license":{"id":"MIT"}}]`},
		{[]string{"GPL-2+", "ISC"}, `[{"license":{"name":"GPL-2+"}},{"license":{"id":"ISC"}}]`},
		{[]string{"(MIT OR Apache-2.0)"}, `[{"expression":"(MIT OR Apache-2.0)"}]`},
		{[]string{"MIT OR Custom"}, `[{"license":{"name":"MIT OR Custom"}}]`},
		{[]string{"MIT OR"}, `[{"license":{"name":"MIT OR"}}]`},
	} {
		got, err := json.Marshal(licenses(test.declared))
		if err != nil || string(got) != test.want {
			t.Errorf("%q: %s %v, want %s", test.declared, got, err, test.want)
		}
	}
}

// TestCycloneDXFollowsItsSchema validates against the official schema, which
// the module cyclonedx-go carries.
func TestCycloneDXFollowsItsSchema(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/CycloneDX/cyclonedx-go").Output()
	dir := filepath.Join(strings.TrimSpace(string(out)), "schema")
	if err != nil || !exists(filepath.Join(dir, "bom-1.6.schema.json")) {
		t.Skipf("the module cache does not hold the schema: %v", err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	for id, file := range map[string]string{
		"http://cyclonedx.org/schema/bom-1.6.schema.json":  "bom-1.6.schema.json",
		"http://cyclonedx.org/schema/spdx.schema.json":     "spdx.schema.json",
		"http://cyclonedx.org/schema/jsf-0.82.schema.json": "jsf-0.82.schemax.json",
	} {
		data, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.AddResource(id, doc); err != nil {
			t.Fatal(err)
		}
	}
	schema, err := c.Compile("http://cyclonedx.org/schema/bom-1.6.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	licensed := shop()
	for _, id := range spdxIDs {
		licensed.Packages = append(licensed.Packages, sbom.Package{Name: id, PURL: "pkg:npm/" + id, Licenses: []string{id}})
	}
	arm := shop()
	arm.Target.Platform = "linux/arm64/v8"
	for _, reports := range [][]*Report{{shop()}, {empty()}, {hostileReport()}, {licensed}, {shop(), arm}, {{}}} {
		validate(t, schema, cyclonedx(t, BOMOptions{Timestamp: day("2026-08-21")}, reports...))
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(bytes.Replace(cyclonedx(t, BOMOptions{}, shop()), []byte(`"purl"`), []byte(`"purrl"`), 1)))
	if err != nil {
		t.Fatal(err)
	}
	if schema.Validate(value) == nil {
		t.Error("the schema takes a component with a misspelt key: it checks nothing")
	}
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}
