package report

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/golden"
	"github.com/careen/careen/internal/safetext"
	"github.com/careen/careen/internal/sbom"
)

const (
	schemaFile = "../../docs/schema/careen-1.json"
	docsFile   = "../../docs/json.md"
)

func writeTo(t *testing.T, reports ...*Report) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := WriteJSON(&b, reports); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// validate holds a document to a compiled schema.
func validate(t *testing.T, schema *jsonschema.Schema, doc []byte) {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(value); err != nil {
		t.Errorf("%#v", err)
	}
}

func ownSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	schema, err := c.Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func TestJSONGolden(t *testing.T) {
	golden.File(t, filepath.Join("testdata", "report.json"), writeTo(t, shop()))
}

func TestJSONFollowsItsSchema(t *testing.T) {
	schema := ownSchema(t)
	bare := &Report{Schema: Schema, Database: &Database{}, Packages: []sbom.Package{{PURL: "pkg:npm/a", Type: "npm"}},
		Vulnerabilities: []finding.Vulnerability{{ID: "CVE-1", Package: "pkg:npm/a", Fix: finding.Fix{State: finding.UnknownFix}}}}
	for _, reports := range [][]*Report{{shop()}, {empty()}, {bare}, {shop(), empty()}, {}} {
		validate(t, schema, writeTo(t, reports...))
	}
	// The schema is strict: a key that nobody documented does not pass.
	doc := bytes.Replace(writeTo(t, shop()), []byte(`"warnings"`), []byte(`"extra": 1, "warnings"`), 1)
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
	if err != nil {
		t.Fatal(err)
	}
	if schema.Validate(value) == nil {
		t.Error("an undocumented key passes")
	}
}

func TestJSONRoundTrip(t *testing.T) {
	want := shop()
	var got Report
	dec := json.NewDecoder(bytes.NewReader(writeTo(t, want)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&got); err != nil {
		t.Fatal(err)
	}
	for i := range want.Packages {
		if len(want.Packages[i].DependsOn) == 0 {
			want.Packages[i].DependsOn = nil
		}
	}
	if diff := cmp.Diff(want, &got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestAbsentMeansNotLookedAt(t *testing.T) {
	keys := func(r *Report) map[string]json.RawMessage {
		var m map[string]json.RawMessage
		if err := json.Unmarshal(writeTo(t, r), &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	r := &Report{Schema: Schema}
	for _, key := range []string{"packages", "vulnerabilities", "secrets", "misconfigurations", "surface", "database", "gate", "hidden"} {
		if _, there := keys(r)[key]; there {
			t.Errorf("%s is there though nobody looked", key)
		}
	}
	if got := string(keys(r)["warnings"]); got != "[]" {
		t.Errorf("warnings: %s", got)
	}
	r.Packages, r.Vulnerabilities, r.Secrets = []sbom.Package{}, []finding.Vulnerability{}, []finding.Secret{}
	r.Misconfigurations = []finding.Misconfiguration{}
	for _, key := range []string{"packages", "vulnerabilities", "secrets", "misconfigurations"} {
		if got := string(keys(r)[key]); got != "[]" {
			t.Errorf("%s: %q, want an empty list", key, got)
		}
	}
	var several []json.RawMessage
	if err := json.Unmarshal(writeTo(t, r, r), &several); err != nil || len(several) != 2 {
		t.Errorf("two reports: %v, %d", err, len(several))
	}
}

func TestJSONShowsNoControls(t *testing.T) {
	r := shop()
	name := "a\u202eb\u009b31mc\u2028d<e>&\U000e0041é"
	r.Packages[0].Name = name
	doc := writeTo(t, r)
	if i := bytes.IndexFunc(doc, safetext.Misleading); i >= 0 {
		t.Errorf("unescaped rune at %d: %q", i, doc[max(0, i-20):i+20])
	}
	if want := `"a\u202eb\u009b31mc\u2028d<e>&\udb40\udc41é"`; !bytes.Contains(doc, []byte(want)) {
		t.Errorf("no %s in the output", want)
	}
	var back Report
	if err := json.Unmarshal(doc, &back); err != nil || back.Packages[0].Name != name {
		t.Errorf("read back: %v %q", err, back.Packages[0].Name)
	}
}

// field is a JSON key of a Go struct.
type field struct {
	Name   string
	Always bool // neither omitempty nor omitzero
}

// contract walks the Go types below Report and returns the keys of each struct,
// by the name that the schema and the page give it.
func contract(t *testing.T) map[string][]field {
	types := map[string][]field{}
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			walk(typ.Elem())
			return
		case reflect.Struct:
		default:
			return
		}
		if !strings.Contains(typ.PkgPath(), "/internal/") {
			return
		}
		name := typ.Name()
		if typ == reflect.TypeFor[sbom.Source]() {
			name = "SourcePackage"
		}
		if types[name] != nil {
			return
		}
		types[name] = []field{}
		for i := range typ.NumField() {
			f := typ.Field(i)
			tag := f.Tag.Get("json")
			if tag == "-" {
				continue
			}
			key, options, _ := strings.Cut(tag, ",")
			if key == "" {
				t.Errorf("%s.%s has no JSON name", name, f.Name)
			}
			types[name] = append(types[name], field{key, options == ""})
			walk(f.Type)
		}
		slices.SortFunc(types[name], byName)
	}
	walk(reflect.TypeFor[Report]())
	return types
}

func byName(a, b field) int { return strings.Compare(a.Name, b.Name) }

func TestSchemaHasEveryField(t *testing.T) {
	data, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Defs map[string]struct {
			Type                 string
			Required             []string
			Properties           map[string]any
			AdditionalProperties *bool
		} `json:"$defs"`
	}
	if err := json.Unmarshal(data, &schema); err != nil {
		t.Fatal(err)
	}
	types := contract(t)
	if len(types) < 15 {
		t.Fatalf("only %d types: the walk is broken", len(types))
	}
	for name, want := range types {
		def, ok := schema.Defs[name]
		if !ok {
			t.Errorf("%s is not in the schema", name)
			continue
		}
		if def.AdditionalProperties == nil || *def.AdditionalProperties {
			t.Errorf("%s: the schema is not strict", name)
		}
		got := []field{}
		for key := range def.Properties {
			got = append(got, field{key, slices.Contains(def.Required, key)})
		}
		slices.SortFunc(got, byName)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-Go +schema)\n%s", name, diff)
		}
	}
	for name, def := range schema.Defs {
		if _, ok := types[name]; !ok && def.Type == "object" {
			t.Errorf("the schema has %s, which no Go type is behind", name)
		}
	}
}

var (
	docHeading = regexp.MustCompile(`(?m)^## (\w+)$`)
	docRow     = regexp.MustCompile("(?m)^\\| `(\\w+)` \\| (yes)? ?\\| \\S")
)

func TestPageHasEveryField(t *testing.T) {
	data, err := os.ReadFile(filepath.FromSlash(docsFile))
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	sections := map[string][]field{}
	heads := docHeading.FindAllStringSubmatchIndex(page, -1)
	for i, h := range heads {
		end := len(page)
		if i+1 < len(heads) {
			end = heads[i+1][0]
		}
		name := page[h[2]:h[3]]
		for _, row := range docRow.FindAllStringSubmatch(page[h[1]:end], -1) {
			sections[name] = append(sections[name], field{row[1], row[2] == "yes"})
		}
		slices.SortFunc(sections[name], byName)
	}
	if diff := cmp.Diff(contract(t), sections); diff != "" {
		t.Errorf("docs/json.md (-Go +page)\n%s", diff)
	}
}
