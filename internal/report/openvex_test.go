package report

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/careen/careen/internal/finding"
)

// TestOpenVEXSaysOnlyWhatIsProved holds a document against the fields that
// OPENVEX-SPEC.md v0.2.0 requires, and its statements against the report.
func TestOpenVEXSaysOnlyWhatIsProved(t *testing.T) {
	r := shop()
	for i := range r.Vulnerabilities {
		v := &r.Vulnerabilities[i]
		v.Linked = nil
		switch i % 3 {
		case 0:
			v.Reach = &finding.Reach{State: "not-reached", Why: "nothing names it"}
		case 1:
			v.Reach = &finding.Reach{State: "unknown", Why: "eval"}
		case 2:
			v.Reach = nil
			v.Linked = &finding.Linked{State: finding.SymbolsNotLinked}
		}
	}
	var buf bytes.Buffer
	if err := WriteOpenVEX(&buf, []*Report{r}, BOMOptions{Timestamp: day("2026-08-21")}); err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(buf.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"@context", "@id", "author", "timestamp", "version", "statements"} {
		if doc[key] == nil {
			t.Errorf("the document lacks %q, which the specification requires", key)
		}
	}
	var got []string
	for _, s := range doc["statements"].([]any) {
		st := s.(map[string]any)
		if st["status"] != "not_affected" {
			t.Errorf("status %v", st["status"])
		}
		why, _ := st["justification"].(string)
		if why == "" || st["status_notes"] == nil {
			t.Errorf("a statement without its reason: %v", st)
		}
		got = append(got, st["vulnerability"].(map[string]any)["name"].(string)+" "+why)
	}
	var want []string
	for i, v := range r.Vulnerabilities {
		switch i % 3 {
		case 0:
			want = append(want, v.ID+" vulnerable_code_not_in_execute_path")
		case 2:
			want = append(want, v.ID+" vulnerable_code_not_present")
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("statements %q, want %q", got, want)
	}
}

// TestOpenVEXSchema: the document is valid by OpenVEX's schema, as far as our account
// of it goes and by its own where that is there. The schema wants one statement at
// least, of which an image without a proof has none.
func TestOpenVEXSchema(t *testing.T) {
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	schema, err := compiler.Compile("testdata/openvex.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	public := publicSpec(t, "openvex_json_schema.json")
	reached := shop()
	for i := range reached.Vulnerabilities {
		reached.Vulnerabilities[i].Reach = &finding.Reach{State: finding.NotReached}
	}
	for _, r := range []*Report{reached, shop(), empty(), hostile(), {}} {
		for _, target := range []Target{r.Target, {Ref: "a b/shop%.tar", Kind: "docker-archive", ConfigID: "sha256:" + strings.Repeat("ab", 32)}, {Ref: "x", Kind: "dir"}} {
			r := *r
			r.Target = target
			for i := range r.Vulnerabilities {
				r.Vulnerabilities[i].Aliases = append(r.Vulnerabilities[i].Aliases, "GHSA-1", "GHSA-1")
			}
			doc := encoded(t, func(w io.Writer) error {
				return WriteOpenVEX(w, []*Report{&r, &r}, BOMOptions{Timestamp: day("2026-08-21")})
			})
			validate(t, schema, doc)
			if public != "" && bytes.Contains(doc, []byte("not_affected")) {
				validate(t, schemaAt(t, public), doc)
			}
		}
	}
}

// TestOpenVEXProducts: a product is found by the digest that a registry knows.
func TestOpenVEXProducts(t *testing.T) {
	const digest = "sha256:9f2c41d0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c"
	const version = "@sha256%3A9f2c41d0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c"
	for _, test := range []struct {
		target Target
		want   string
	}{
		{Target{Ref: "registry.example.com/team/shop-api:1.4", Kind: "registry", Digest: digest, Platform: "linux/amd64"},
			"pkg:oci/shop-api" + version + "?arch=amd64&repository_url=registry.example.com/team/shop-api&tag=1.4"},
		{Target{Ref: "alpine:3.20", Kind: "registry", Digest: digest}, "pkg:oci/alpine" + version + "?repository_url=docker.io/library/alpine&tag=3.20"},
		{Target{Ref: "grafana/grafana@" + digest, Kind: "registry", Digest: digest}, "pkg:oci/grafana" + version + "?repository_url=docker.io/grafana/grafana"},
		{Target{Ref: "localhost:5000/shop:1", Kind: "registry", Digest: digest}, "pkg:oci/shop" + version + "?repository_url=localhost%3A5000/shop&tag=1"},
		{Target{Ref: "shop:1", Kind: "docker", Digest: digest}, "pkg:oci/shop" + version + "?tag=1"}, // built here, in no registry
		{Target{Ref: "alpine:3.20", Kind: "docker", Digest: digest, Tags: []string{"alpine:3.20", "alpine@" + digest}},
			"pkg:oci/alpine" + version + "?repository_url=docker.io/library/alpine&tag=3.20"},
		{Target{Ref: "out", Kind: "oci-dir", Digest: digest, Tags: []string{"example.com/shop:2"}}, "pkg:oci/shop" + version},
		{Target{Ref: "shop.tar", Kind: "docker-archive", ConfigID: digest}, "file:shop.tar 9f2c41d0"},
		{Target{Ref: "out/shop one.tar", Kind: "docker-archive"}, "file:out/shop%20one.tar"},
		{Target{Ref: "rootfs", Kind: "dir"}, "file:rootfs"},
		{Target{Ref: "shop:1", Kind: "docker", ConfigID: digest}, "shop:1 9f2c41d0"},
	} {
		product := vexProductOf(&test.target)
		got := product.ID
		if sum := product.Hashes["sha-256"]; sum != "" {
			got += " " + sum[:8]
		}
		if got != test.want {
			t.Errorf("%s %s:\n%s, want\n%s", test.target.Kind, test.target.Ref, got, test.want)
		}
	}
}
