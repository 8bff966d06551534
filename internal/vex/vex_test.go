package vex

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"testing"
)

const digest = "9f2c41d0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c"

var shop = Image{Names: []string{"registry.example.com/team/shop:1.4"}, Digests: []string{digest}, Arch: "amd64"}

// The packages of the image.
var (
	minimist = Package{PURL: "pkg:npm/minimist@1.2.5", Paths: []string{"app/node_modules/minimist/package.json"}}
	babel    = Package{PURL: "pkg:npm/%40babel/core@7.1.0", Paths: []string{"app/node_modules/@babel/core/package.json"}}
	libssl   = Package{PURL: "pkg:deb/debian/libssl3@3.0.11-1?arch=amd64&distro=debian-12&upstream=openssl", SourceName: "openssl", Paths: []string{"var/lib/dpkg/status"}}
	worker   = Package{PURL: "pkg:golang/example.com/shop/worker", Paths: []string{"app/worker"}}
	stdlib   = Package{PURL: "pkg:golang/stdlib@1.19.8", Paths: []string{"app/worker"}}
	other    = Package{PURL: "pkg:golang/stdlib@1.19.8", Paths: []string{"usr/bin/other"}}
)

func on(t *testing.T, document string, p Package, ids ...string) *Statement {
	t.Helper()
	d, err := Parse("d.json", []byte(document))
	if err != nil {
		t.Fatalf("%v in %s", err, document)
	}
	var s Set
	s.Add(d)
	if ids == nil {
		ids = []string{"CVE-2021-44906", "GHSA-xvch-5gv4-984h"}
	}
	return s.On(Finding{IDs: ids, Package: p}, shop, []Package{minimist, babel, libssl, worker, stdlib, other})
}

func openvexDoc(products string) string {
	return `{"@context":"https://openvex.dev/ns/v0.2.0","author":"Shop","timestamp":"2026-01-02T03:04:05Z","statements":[
{"vulnerability":{"name":"GHSA-XVCH-5gv4-984h","aliases":["CVE-0000-1"]},"products":` + products + `,"status":"not_affected","justification":"vulnerable_code_not_present","impact_statement":"no such code"}]}`
}

// TestProducts: which products of OpenVEX are the package, and which are not.
func TestProducts(t *testing.T) {
	image := func(id string) string {
		return `[{"@id":"` + id + `","subcomponents":[{"@id":"pkg:npm/minimist@1.2.5"}]}]`
	}
	for _, test := range []struct {
		products string
		pkg      Package
		want     bool
	}{
		// The package itself.
		{`[{"@id":"pkg:npm/minimist@1.2.5"}]`, minimist, true},
		{`["pkg:npm/minimist"]`, minimist, true}, // of any version; a plain string, as before 0.2
		{`[{"@id":"pkg:npm/minimist@1.2.6"}]`, minimist, false},
		{`[{"@id":"https://example.com/x","identifiers":{"purl":"pkg:npm/minimist@1.2.5"}}]`, minimist, true},
		{`[{"@id":"pkg:npm/@babel/core"}]`, babel, true},
		{`[{"@id":"pkg:npm/core"}]`, babel, false},
		{`[{"@id":"pkg:deb/debian/libssl3@3.0.11-1"}]`, libssl, true},
		{`[{"@id":"pkg:deb/debian/libssl3@3.0.11-1?arch=amd64"}]`, libssl, true},
		{`[{"@id":"pkg:deb/debian/libssl3@3.0.11-1?arch=arm64"}]`, libssl, false},
		{`[{"@id":"pkg:deb/debian/libssl3?distro=debian-11"}]`, libssl, false},
		{`[{"@id":"pkg:deb/debian/openssl@3.0.11-1?arch=source"}]`, libssl, true}, // by its source
		{`[{"@id":"pkg:deb/debian/openssl@3.0.11-1"}]`, libssl, false},
		{`[{"@id":"pkg:deb/ubuntu/libssl3"}]`, libssl, false},
		// A part of the image.
		{image("pkg:oci/shop@sha256%3A" + digest), minimist, true},
		{image("pkg:oci/shop@sha256:" + strings.Repeat("0", 64)), minimist, false},
		{image("pkg:oci/shop"), minimist, true}, // the last word of the repository, all tags
		{image("pkg:oci/shop?repository_url=registry.example.com%2Fteam%2Fshop&tag=1.4"), minimist, true},
		{image("pkg:oci/shop?repository_url=registry.example.com/team"), minimist, true},
		{image("pkg:oci/shop?repository_url=registry.example.com/others/shop"), minimist, false},
		{image("pkg:oci/shop?tag=1.5"), minimist, false},
		{image("pkg:oci/shop?arch=arm64"), minimist, false},
		{image("pkg:oci/web"), minimist, false},
		{image("pkg:docker/team/shop@1.4?repository_url=registry.example.com"), minimist, false}, // Docker Hub's team/shop
		{image("registry.example.com/team/shop:1.4"), minimist, true},
		{image("registry.example.com/team/shop"), minimist, true},
		{image("registry.example.com/team/shop:1.5"), minimist, false},
		{image("registry.example.com/team/shop@sha256:" + digest), minimist, true},
		{image("file:registry.example.com/team/shop%3A1.4"), minimist, true}, // as Careen names archives and directories
		{image("file:other.tar"), minimist, false},
		{image("file:///shop.tar"), minimist, false},
		{image("pkg:oci/shop@sha256%3A" + digest), babel, false},
		{`[{"@id":"https://example.com/shop","hashes":{"sha-256":"` + digest + `"},"subcomponents":[{"@id":"pkg:npm/minimist"}]}]`, minimist, true},
		{`[{"@id":"pkg:oci/shop@sha256%3A` + digest + `"}]`, stdlib, true}, // all of it
		// A part of a program of the image.
		{`[{"@id":"pkg:golang/example.com/shop/worker","subcomponents":[{"@id":"pkg:golang/stdlib"}]}]`, stdlib, true},
		{`[{"@id":"pkg:golang/example.com/shop/worker","subcomponents":[{"@id":"pkg:golang/stdlib"}]}]`, other, false},
	} {
		got := on(t, openvexDoc(test.products), test.pkg) != nil
		if got != test.want {
			t.Errorf("%s on %s: %v", test.products, test.pkg.PURL, got)
		}
	}
	s := on(t, openvexDoc(`["pkg:npm/minimist"]`), minimist)
	if s.Author != "Shop" || s.Justification != "vulnerable_code_not_present" || s.Text != "no such code" || s.Time.Year() != 2026 || s.Document != "d.json" {
		t.Errorf("%+v", s)
	}
	if on(t, openvexDoc(`["pkg:npm/minimist"]`), minimist, "CVE-2020-7598") != nil {
		t.Error("a statement about another vulnerability")
	}
	if on(t, openvexDoc(`["pkg:npm/minimist"]`), minimist, "CVE-0000-1") == nil {
		t.Error("a vulnerability by its alias")
	}
	d, err := Parse("d", []byte(openvexDoc(`[{"@id":"https://example.com/the shop"}]`)))
	if err != nil || d.Unknown != 1 || len(d.Statements) != 0 {
		t.Errorf("a product in words alone: %+v, %v", d, err)
	}
}

func TestLatestStatementCounts(t *testing.T) {
	statement := func(status, day string) string {
		return `{"vulnerability":"CVE-2021-44906","products":["pkg:npm/minimist"],"status":"` + status + `","timestamp":"` + day + `T00:00:00Z"}`
	}
	doc := `{"@context":"https://openvex.dev/ns","statements":[` + statement("affected", "2026-03-01") + "," + statement("not_affected", "2026-01-01") + "," + statement("under_investigation", "2026-02-01") + `]}`
	if s := on(t, doc, minimist); s == nil || s.Status != Affected {
		t.Errorf("%+v", s)
	}
}

func TestCycloneDX(t *testing.T) {
	doc := func(state, affects string) string {
		return `{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"timestamp":"2026-01-01T00:00:00Z","supplier":{"name":"Shop"}},
"components":[{"bom-ref":"a","purl":"pkg:npm/minimist@1.2.5","components":[{"bom-ref":"b","purl":"pkg:npm/%40babel/core"}]}],
"vulnerabilities":[{"id":"CVE-1","references":[{"id":"GHSA-xvch-5gv4-984h"}],"analysis":{"state":"` + state + `","justification":"code_not_reachable","detail":"never called"},"affects":[` + affects + `]}]}`
	}
	for _, test := range []struct {
		state, affects string
		pkg            Package
		want           Status
	}{
		{"not_affected", `{"ref":"a"}`, minimist, NotAffected},
		{"false_positive", `{"ref":"a"}`, minimist, NotAffected},
		{"resolved", `{"ref":"b"}`, babel, Fixed},
		{"in_triage", `{"ref":"pkg:npm/minimist@1.2.5"}`, minimist, UnderInvestigation},
		{"exploitable", `{"ref":"urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#pkg%3Anpm%2Fminimist"}`, minimist, Affected},
		{"not_affected", `{"ref":"urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#a"}`, minimist, NotAffected},
		{"not_affected", `{"ref":"b","versions":[{"range":"vers:npm/>=7.0.0|<7.2.0"}]}`, babel, NotAffected},
		{"not_affected", `{"ref":"b","versions":[{"version":"7.2.0"}]}`, babel, ""},
		{"not_affected", `{"ref":"nothing"}`, minimist, ""},
	} {
		var got Status
		if s := on(t, doc(test.state, test.affects), test.pkg); s != nil {
			got = s.Status
			if s.Author != "Shop" || s.Justification != "code_not_reachable" || s.Text != "never called" {
				t.Errorf("%+v", s)
			}
		}
		if got != test.want {
			t.Errorf("%s %s on %s: %q, want %q", test.state, test.affects, test.pkg.PURL, got, test.want)
		}
	}
	// A document about one image is about that image.
	product := `{"bomFormat":"CycloneDX","metadata":{"component":{"type":"container","bom-ref":"i","purl":"pkg:oci/%s"}},"vulnerabilities":[{"id":"CVE-2021-44906","analysis":{"state":"not_affected"},"affects":[{"ref":"pkg:npm/minimist"}]}]}`
	if on(t, fmt.Sprintf(product, "shop"), minimist) == nil || on(t, fmt.Sprintf(product, "web"), minimist) != nil {
		t.Error("the image that a document is about")
	}
}

func TestCSAF(t *testing.T) {
	const doc = `{"document":{"category":"csaf_vex","publisher":{"name":"Vendor"},"tracking":{"current_release_date":"2026-02-03T00:00:00Z"}},
"product_tree":{"branches":[{"category":"vendor","name":"V","branches":[
 {"category":"product_version","name":"1.2.5","product":{"product_id":"M","product_identification_helper":{"purl":"pkg:npm/minimist@1.2.5"}}},
 {"category":"product_version_range","name":"vers:npm/<7.2.0","product":{"product_id":"R","product_identification_helper":{"purl":"pkg:npm/%40babel/core"}}},
 {"category":"product_name","name":"Shop","product":{"product_id":"S","product_identification_helper":{"purl":"pkg:oci/shop"}}},
 {"category":"product_name","name":"Platform","product":{"product_id":"P","product_identification_helper":{"cpe":"cpe:/o:v:p:9"}}}]}],
 "full_product_names":[{"product_id":"L","product_identification_helper":{"purl":"pkg:deb/debian/libssl3"}},{"product_id":"G","product_identification_helper":{"purl":"pkg:golang/stdlib"}}],
 "relationships":[{"category":"default_component_of","full_product_name":{"product_id":"S:G"},"product_reference":"G","relates_to_product_reference":"S"},
  {"category":"default_component_of","full_product_name":{"product_id":"P:L"},"product_reference":"L","relates_to_product_reference":"P"}],
 "product_groups":[{"group_id":"g","product_ids":["M"]}]},
"vulnerabilities":[{"cve":"CVE-2021-44906","product_status":{"known_not_affected":["M","S:G","P:L"],"under_investigation":["R"],"recommended":["L"]},
 "flags":[{"label":"vulnerable_code_not_present","group_ids":["g"]},{"label":"inline_mitigations_already_exist","product_ids":["S:G"]}],
 "threats":[{"category":"impact","details":"not in our build","product_ids":["M"]}]}]}`
	for _, test := range []struct {
		pkg  Package
		want Status
		why  string
	}{
		{minimist, NotAffected, "vulnerable_code_not_present not in our build Vendor"},
		{babel, UnderInvestigation, "  Vendor"},
		{stdlib, NotAffected, "inline_mitigations_already_exist  Vendor"},
		{libssl, "", ""}, // of a platform that only a CPE names
	} {
		s := on(t, doc, test.pkg)
		if s == nil {
			s = &Statement{}
		}
		if why := s.Justification + " " + s.Text + " " + s.Author; s.Status != test.want || test.want != "" && why != test.why {
			t.Errorf("%s: %q, %q", test.pkg.PURL, s.Status, why)
		}
	}
	if d, err := Parse("d", []byte(doc)); err != nil || d.Unknown != 1 {
		t.Errorf("%d statements without a product, %v", d.Unknown, err)
	}
}

func TestRanges(t *testing.T) {
	for _, test := range []struct {
		typ, text, version string
		want               bool
	}{
		{"npm", "vers:npm/>=1.0.0|<2.0.0", "1.5.0", true}, {"npm", "vers:npm/>=1.0.0|<2.0.0", "2.0.0", false}, {"npm", "vers:npm/>=1.0.0|<2.0.0", "0.9.0", false},
		{"npm", "vers:npm/<=1.2.0|>=2.0.0|<3.0.0|>=4.0.0", "1.2.0", true}, {"npm", "vers:npm/<=1.2.0|>=2.0.0|<3.0.0|>=4.0.0", "1.9.0", false},
		{"npm", "vers:npm/<=1.2.0|>=2.0.0|<3.0.0|>=4.0.0", "2.5.0", true}, {"npm", "vers:npm/<=1.2.0|>=2.0.0|<3.0.0|>=4.0.0", "3.5.0", false},
		{"npm", "vers:npm/<=1.2.0|>=2.0.0|<3.0.0|>=4.0.0", "5.0.0", true},
		{"npm", "vers:npm/1.0.0|1.1.0", "1.1.0", true}, {"npm", "vers:npm/1.0.0|1.1.0", "1.2.0", false},
		{"npm", "vers:npm/!=1.1.0", "1.1.0", false}, {"npm", "vers:npm/!=1.1.0", "1.2.0", true}, {"npm", "vers:npm/>=1.0.0|!=1.1.0|<2.0.0", "1.1.0", false},
		{"deb", "vers:deb/<1:2.0-1", "1.9-1", true}, {"deb", "vers:deb/<1%3A2.0-1", "2:1.0-1", false}, // an epoch decides
		{"rpm", "<3.0.7-24.el9", "3.0.7-23.el9", true}, {"pypi", "< 2.0", "2.0rc1", true}, {"pypi", ">=1.0,<2.0", "2.0", false},
		{"npm", "vers:all/*", "1.0.0", true}, {"npm", "*", "", true}, {"npm", "<2", "", false}, {"npm", "vers:npm/~1.0", "1.0.0", false}, {"npm", "", "1.0.0", false}, {"npm", "<", "1.0.0", false},
	} {
		if got := inRange(test.typ, test.text, test.version); got != test.want {
			t.Errorf("%s %q of %s: %v", test.typ, test.version, test.text, got)
		}
	}
}

// signed wraps a document as cosign attest does.
func signed(t *testing.T, payload string, sign func(message []byte) []byte) string {
	t.Helper()
	const kind = "application/vnd.in-toto+json"
	body := `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"shop","digest":{"sha256":"` + digest + `"}}],"predicateType":"https://openvex.dev/ns/v0.2.0","predicate":` + payload + `}`
	message := fmt.Sprintf("DSSEv1 %d %s %d %s", len(kind), kind, len(body), body)
	doc, err := json.Marshal(map[string]any{"payloadType": kind, "payload": base64.StdEncoding.EncodeToString([]byte(body)),
		"signatures": []any{map[string]string{"sig": base64.StdEncoding.EncodeToString(sign([]byte(message)))}}})
	if err != nil {
		t.Fatal(err)
	}
	return string(doc)
}

func publicPEM(t *testing.T, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func TestSignatures(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	doc := openvexDoc(`["pkg:npm/minimist"]`)
	byECDSA := signed(t, doc, func(m []byte) []byte {
		sum := sha256.Sum256(m)
		sig, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		return sig
	})
	byEd25519 := signed(t, doc, func(m []byte) []byte { return ed25519.Sign(private, m) })
	bundle := `{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","dsseEnvelope":` + byECDSA + `}`
	for _, test := range []struct {
		name, doc string
		key       any
		want      bool
	}{
		{"ECDSA", byECDSA, &key.PublicKey, true}, {"Ed25519", byEd25519, public, true}, {"another key", byECDSA, public, false}, {"a bundle", bundle, &key.PublicKey, true},
		{"changed", strings.Replace(byECDSA, `"payload":"ey`, `"payload":"ew`, 1), &key.PublicKey, false}, {"not signed", doc, &key.PublicKey, false},
	} {
		k, err := ParseKey(publicPEM(t, test.key))
		if err != nil {
			t.Fatal(err)
		}
		d, err := Parse("d", []byte(test.doc))
		if err != nil {
			if test.want {
				t.Errorf("%s: %v", test.name, err)
			}
			continue
		}
		if got := k.Signed(d.Signed); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
		if test.want && (len(d.Subjects) != 1 || d.Subjects[0] != digest || len(d.Statements) != 1) {
			t.Errorf("%s: %+v", test.name, d)
		}
	}
	for _, bad := range []string{"", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "ssh-ed25519 AAAA"} {
		if _, err := ParseKey([]byte(bad)); err == nil {
			t.Errorf("a key: %q", bad)
		}
	}
}

func TestWhatIsNoDocument(t *testing.T) {
	for _, bad := range []string{"", "{}", "[]", `"x"`, `{"document":{}}`, `{"vulnerabilities":[]}`} {
		if _, err := Parse("d", []byte(bad)); !errors.Is(err, ErrNotVEX) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, bad := range []string{`{"@context":"https://openvex.dev/ns","statements":[{"status":"nonsense"}]}`,
		`{"bomFormat":"CycloneDX","vulnerabilities":[{"analysis":{"state":"fine"}}]}`, `{"payloadType":"x","payload":"%%%"}`} {
		if _, err := Parse("d", []byte(bad)); err == nil || errors.Is(err, ErrNotVEX) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(openvexDoc(`[{"@id":"pkg:oci/shop","subcomponents":["pkg:npm/minimist"]}]`)))
	f.Add([]byte(`{"bomFormat":"CycloneDX","vulnerabilities":[{"id":"C","analysis":{"state":"resolved"},"affects":[{"ref":"pkg:npm/minimist","versions":[{"range":"vers:npm/<1|>2"}]}]}]}`))
	f.Add([]byte(`{"document":{"category":"csaf_vex"},"product_tree":{"branches":[{"product":{"product_id":"a"}}]},"vulnerabilities":[{"cve":"C","product_status":{"fixed":["a"]}}]}`))
	f.Add([]byte(`{"payloadType":"x","payload":"e30="}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := Parse("d", data)
		if err != nil {
			return
		}
		var s Set
		s.Add(d)
		s.On(Finding{IDs: []string{"CVE-2021-44906", "C"}, Package: minimist}, shop, []Package{minimist, stdlib, worker})
	})
}
