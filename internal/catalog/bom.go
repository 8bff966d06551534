package catalog

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/purl"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

// bomDocument is an SBOM in one of the JSON formats that are read, as far as
// packages go: CycloneDX (ECMA-424), SPDX 2
// (https://spdx.github.io/spdx-spec/v2.3/), SPDX 3 and Syft's own, bare or as what
// an in-toto statement is about
// (https://github.com/in-toto/attestation/tree/main/spec/v1). Lists are left as
// they are: each reads their members one by one.
type bomDocument struct {
	BOMFormat    string          `json:"bomFormat"`
	Components   json.RawMessage `json:"components"`
	Dependencies json.RawMessage `json:"dependencies"`

	SPDXVersion   string          `json:"spdxVersion"`
	Packages      json.RawMessage `json:"packages"`
	Relationships json.RawMessage `json:"relationships"`

	Context json.RawMessage `json:"@context"` // SPDX 3
	Graph   json.RawMessage `json:"@graph"`

	Artifacts             json.RawMessage `json:"artifacts"` // Syft
	ArtifactRelationships json.RawMessage `json:"artifactRelationships"`
	Distro                json.RawMessage `json:"distro"`

	// What a document may lie in: an in-toto statement, cosign's older predicate, a
	// signed envelope (https://github.com/secure-systems-lab/dsse), Sigstore's bundle,
	// GitHub's export.
	Predicate    json.RawMessage `json:"predicate"`
	Data         json.RawMessage `json:"Data"`
	Payload      json.RawMessage `json:"payload"`
	DSSEEnvelope json.RawMessage `json:"dsseEnvelope"`
	SBOM         json.RawMessage `json:"sbom"`

	// Of what is no SBOM, to say what it is.
	SchemaVersion json.RawMessage `json:"SchemaVersion"`
	Results       json.RawMessage `json:"Results"`
	Matches       json.RawMessage `json:"matches"`
	Runs          json.RawMessage `json:"runs"`
	Schema        json.RawMessage `json:"schema"`
	Detected      json.RawMessage `json:"detected"`
	Layers        json.RawMessage `json:"layers"`
	Statements    json.RawMessage `json:"statements"`
	Document      json.RawMessage `json:"document"`
	Detector      json.RawMessage `json:"detector"`
	LockVersion   json.RawMessage `json:"lockfileVersion"`
}

// bomEntry is a package as either format describes it.
type bomEntry struct {
	purl       string
	name       string // as the ecosystem writes it, which the purl may have in another spelling
	version    string // where the purl has none
	vendor     string // of an rpm; of others the maintainer
	builder    string
	licenses   []string
	paths      []string // the files that say it is there
	owner      string   // purl
	source     sbom.Source
	modularity string
	lockFile   bool
	develop    bool  // for development alone
	dependsOn  []int // entries
}

// bom is what an SBOM holds.
type bom struct {
	distro  sbom.Distro
	entries []bomEntry
	refs    map[string]int // CycloneDX's names of entries
	unnamed int            // packages without a package URL
	wrong   problems
}

// errNoBOM says that a file is no SBOM of a kind that is read.
var errNoBOM = errors.New("neither CycloneDX (JSON or XML), SPDX (2 in JSON or tag-value, 3 in JSON-LD) nor Syft's JSON")

// parseBOM reads an SBOM. A part that has another form than the format's
// definition says is left out, and named in the bom's problems.
func parseBOM(data []byte) (*bom, error) {
	b := &bom{}
	data = bytes.TrimLeft(plainText(data), " \t\r\n")
	switch {
	case len(data) > 0 && data[0] == '<':
		return b, b.addXML(data)
	case len(data) > 0 && data[0] != '{':
		return b, b.addText(data)
	}
	var doc bomDocument
	if err := b.decode(data, &doc); err != nil {
		return nil, err
	}
	for range maxEnvelopes {
		raw := doc.inner()
		if len(raw) == 0 {
			break
		}
		doc = bomDocument{}
		if err := b.decode(raw, &doc); err != nil {
			return nil, err
		}
	}
	switch {
	case doc.BOMFormat == "CycloneDX":
		b.refs = map[string]int{}
		b.addComponents(doc.Components, 0)
		b.addDependencies(doc.Dependencies)
	case strings.HasPrefix(doc.SPDXVersion, "SPDX-2."):
		b.addSPDX(&doc)
	case len(doc.Graph) > 0 && bytes.Contains(doc.Context, []byte("spdx.org/rdf/3.")):
		b.addSPDX3(doc.Graph)
	case len(doc.Artifacts) > 0:
		b.addSyft(&doc)
	default:
		if what := doc.otherwise(); what != "" {
			return nil, fmt.Errorf("%s is %w", what, errNoBOM)
		}
		return nil, errNoBOM
	}
	return b, nil
}

// maxEnvelopes bounds how deep a document lies in others: a bundle has an envelope,
// which has a statement, which has cosign's predicate.
const maxEnvelopes = 4

// inner returns what a document holds that is around an SBOM, nil for others.
func (d *bomDocument) inner() json.RawMessage {
	if d.BOMFormat != "" || d.SPDXVersion != "" || len(d.Graph) > 0 || len(d.Artifacts) > 0 {
		return nil
	}
	for _, raw := range [...]json.RawMessage{d.Predicate, d.DSSEEnvelope, d.SBOM} {
		if len(raw) > 0 && raw[0] == '{' {
			return raw
		}
	}
	if len(d.Data) > 0 && d.Data[0] == '{' {
		return d.Data
	}
	if text := jsonString(d.Data); strings.HasPrefix(text, "{") {
		return json.RawMessage(text)
	}
	if text := jsonString(d.Payload); text != "" {
		for _, code := range [...]*base64.Encoding{base64.StdEncoding, base64.URLEncoding} { // DSSE allows both
			if data, err := code.DecodeString(text); err == nil {
				return data
			}
		}
	}
	return nil
}

// addText reads what is neither JSON nor XML.
func (b *bom) addText(data []byte) error {
	if len(data) > 1 && data[0] == 0x1f && data[1] == 0x8b {
		return fmt.Errorf("gzip is %w: unpack it first", errNoBOM)
	}
	head := string(data[:min(len(data), 64<<10)])
	switch version, yes := textField(head, "SPDXVersion:"); {
	case yes && strings.HasPrefix(version, "SPDX-2."):
		b.addTagValue(data)
		return nil
	case yes:
		return fmt.Errorf("%.20q in tag-value is %w", version, errNoBOM)
	}
	for _, field := range [...]struct{ key, what string }{{"spdxVersion:", "SPDX in YAML"}, {"bomFormat:", "CycloneDX in YAML"}} {
		if _, yes := textField(head, field.key); yes {
			return fmt.Errorf("%s is %w: convert it to JSON", field.what, errNoBOM)
		}
	}
	return errNoBOM
}

// textField returns what stands behind a key at the beginning of a line.
func textField(text, key string) (value string, ok bool) {
	for line := range strings.Lines(text) {
		if value, ok = strings.CutPrefix(line, key); ok {
			return strings.Trim(value, " \t\r\n\"'"), true
		}
	}
	return "", false
}

// otherwise names JSON documents that people take for SBOMs, "" for others.
func (d *bomDocument) otherwise() string {
	switch {
	case len(d.SchemaVersion) > 0 && len(d.Results) > 0:
		return "a report of Trivy's (write one with --format cyclonedx or spdx-json)"
	case len(d.Matches) > 0:
		return "a report of Grype's"
	case len(d.Runs) > 0:
		return "a SARIF log"
	case strings.HasPrefix(jsonString(d.Schema), "careen/"):
		return "a report of Careen's (write one with careen sbom)"
	case d.SPDXVersion != "":
		return fmt.Sprintf("%.20q", d.SPDXVersion)
	case len(d.Statements) > 0:
		return "an OpenVEX document (which --vex takes)"
	case len(d.Document) > 0:
		return "a CSAF document (which --vex takes)"
	case len(d.Detector) > 0:
		return "GitHub's dependency snapshot"
	case len(d.LockVersion) > 0:
		return "a lock file (scan its directory: dir:)"
	case len(d.Context) > 0:
		return "a JSON-LD document of another kind"
	case len(d.Layers) > 0:
		return "an image's manifest"
	}
	return ""
}

func (b *bom) decode(data []byte, into any) error { return b.tolerate(json.Unmarshal(data, into)) }

// tolerate takes what has another form than expected for a problem, not an error.
func (b *bom) tolerate(err error) error {
	var form *json.UnmarshalTypeError
	if errors.As(err, &form) {
		b.wrong.add(0, "%q: a JSON %s is not expected there", form.Field, form.Value)
		return nil
	}
	return err
}

// maxMembers bounds the lists inside of one package.
const maxMembers = 1000

// each calls f for the members of a JSON list, at most limit. They are decoded
// one by one: a member of three bytes may take hundreds in memory.
func each[T any](b *bom, list json.RawMessage, limit int, f func(*T)) {
	if len(list) == 0 || list[0] != '[' {
		return
	}
	dec := json.NewDecoder(bytes.NewReader(list))
	if _, err := dec.Token(); err != nil {
		return
	}
	for n := 0; dec.More(); n++ {
		if n == limit {
			b.wrong.add(0, "a list has more than %d members: the rest is left out", limit)
			return
		}
		var member T
		if b.tolerate(dec.Decode(&member)) != nil {
			return
		}
		f(&member)
	}
}

// ReadSBOM reads an SBOM that represents an image: the packages as it describes
// them, in layer -1, and the distribution that it or its package URLs name. The
// error says why it is no SBOM; what is wrong with a part of it is a warning.
func ReadSBOM(data []byte, limits Limits) (Result, error) {
	b, err := parseBOM(data)
	if err != nil {
		return Result{}, err
	}
	r := Result{Distro: b.distro}
	warn := func(kind, message string) {
		r.Warnings = append(r.Warnings, Warning{Kind: kind, Layer: -1, Message: message, Incomplete: true})
	}
	if len(b.wrong) > 0 {
		warn("packages", b.wrong.Error())
	}
	sources := b.statesSources()
	bad, room := 0, newRoom(limits)
	purls := make([]string, len(b.entries)) // of the packages that entries are, "" for none
	var from []int                          // the entry of each package
	for i := range b.entries {
		p, ok := b.entries[i].describe()
		if !ok {
			bad++
			continue
		}
		switch {
		case p.Type == "github": // what Syft calls the actions of workflows
			p = language("githubactions", p.Name, p.Version)
		case purl.OfDistribution(p.Type) && p.Source.Name == "" && sources:
			p.Source = sbom.Source{Name: p.Name, Version: p.Version}
		}
		places := room.take(max(len(b.entries[i].paths), 1))
		if places == 0 {
			continue
		}
		for _, at := range b.entries[i].paths[:min(len(b.entries[i].paths), places)] {
			p.Locations = append(p.Locations, inLayer(at, -1))
		}
		if p.Locations == nil {
			p.Locations = append(p.Locations, inLayer("", -1)) // for merge
		}
		p.Owner = b.entries[i].owner
		p.Layer, p.TouchedLayer = -1, -1
		if purl.OfDistribution(p.Type) && r.Distro.ID == "" {
			r.Distro = distroOf(b.entries[i].purl)
		}
		purls[i] = p.PURL
		from = append(from, i)
		r.Packages = append(r.Packages, p)
	}
	ownByFolder(r.Packages)
	for k := range r.Packages {
		p := &r.Packages[k]
		for _, on := range b.entries[from[k]].dependsOn {
			// What a package owns hangs below it in CycloneDX: no need of its.
			if purl := purls[on]; purl != "" && purl != p.PURL && b.entries[on].owner != b.entries[from[k]].purl {
				p.DependsOn = append(p.DependsOn, purl)
			}
		}
		slices.Sort(p.DependsOn)
		p.DependsOn = slices.Compact(p.DependsOn)
	}
	nameBuilders(r.Distro, r.Packages)
	labelModules(r.Packages)
	r.Packages = merge(r.Packages, room)
	r.Warnings = append(r.Warnings, room.warnings()...)
	for i := range r.Packages {
		if p := &r.Packages[i]; p.Locations[0].Path == "" {
			p.Locations = p.Locations[1:]
		}
	}
	if n := bad + b.unnamed; n > 0 {
		warn("no-ecosystem", fmt.Sprintf("%d components without a package URL and a version: they can be matched against no advisories", n))
	}
	return r, nil
}

// statesSources reports whether the document's maker names the source package
// of what has another name than it: then what has none is named as its source.
func (b *bom) statesSources() bool {
	for i := range b.entries {
		e := &b.entries[i]
		if e.source.Name != "" || fromOS(e.purl) && strings.Contains(e.purl, "upstream=") {
			return true
		}
	}
	return false
}

// describe turns an entry into a package; false when its package URL is none or
// of something that is no package, or when there is no version.
func (e *bomEntry) describe() (sbom.Package, bool) {
	u, err := purl.Parse(e.purl)
	if err != nil || u.Name == "" || u.Type == "oci" || u.Type == "docker" {
		return sbom.Package{}, false
	}
	u = ownSpelling(u, e.name)
	version := u.Version
	if version == "" {
		version = e.version
	}
	if version == "" {
		return sbom.Package{}, false
	}
	if purl.OfDistribution(u.Type) {
		return e.osPackage(u, version), true
	}
	switch u.Type {
	case "bitnami":
		version = withoutRevision(version)
	case "gem":
		version, _, _ = strings.Cut(version, "-") // the platform that it was built for
	}
	name := u.PackageName()
	if as := purl.New(u.Type, e.name, ""); as.Namespace == u.Namespace && as.Name == u.Name {
		name = e.name
	}
	p := language(u.Type, name, version)
	p.Licenses, p.FromLockFile, p.Development = e.licenses, e.lockFile, e.develop
	return p, true
}

// osPackage describes a package of a distribution. Its source package is named
// by the purl's upstream qualifier, which Syft and we write, or next to the purl.
func (e *bomEntry) osPackage(u purl.PURL, version string) sbom.Package {
	p := sbom.Package{
		Type: u.Type, Name: u.Name, PURL: e.purl, Arch: u.Qualifier("arch"),
		Licenses: e.licenses, Modularity: e.modularity,
	}
	p.Builder = e.builder
	// Other tools leave the address of a maintainer out, and a first and a last
	// name may be anybody's.
	if u.Type == "rpm" || strings.Contains(e.vendor, "@") || isOrganisation(strings.ToLower(e.vendor)) || len(strings.Fields(e.vendor)) == 1 {
		p.Vendor = e.vendor
	}
	bare := version
	if epoch := u.Qualifier("epoch"); epoch != "" && epoch != "0" && u.Type == "rpm" {
		version = epoch + ":" + version
	}
	p.Version = version
	p.Source = e.source
	if p.Source.Name == "" {
		p.Source.Name, p.Source.Version = u.Upstream()
	}
	// The names of source rpms have no epoch: the binary's is used.
	if p.Source.Name != "" && (p.Source.Version == "" || p.Source.Version == bare) {
		p.Source.Version = version
	}
	if p.Modularity == "" {
		p.Modularity = u.Qualifier("rpmmod")
	}
	if parts := strings.SplitN(p.Modularity, ":", 3); len(parts) == 3 {
		p.Modularity = parts[0] + ":" + parts[1]
	}
	return p
}

// withoutRevision cuts off the number of Bitnami's own rebuilds ("7.2.4-0"),
// which their advisories, whose versions are upstream's, do not know.
func withoutRevision(version string) string {
	if at := strings.LastIndexByte(version, '-'); at > 0 && strings.Trim(version[at+1:], "0123456789") == "" {
		return version[:at]
	}
	return version
}

// distroOf reads the distribution off a package URL: its qualifier
// "distro=debian-12" or "distro=jessie", its name space and Trivy's
// "distro=12.5", or Docker Scout's os_name, os_version and os_distro.
func distroOf(packageURL string) sbom.Distro {
	u, err := purl.Parse(packageURL)
	if err != nil {
		return sbom.Distro{}
	}
	id, release := u.Qualifier("distro"), ""
	if at := strings.LastIndexByte(id, '-'); at > 0 && startsWithDigit(id[at+1:]) {
		id, release = id[:at], id[at+1:]
	}
	if startsWithDigit(id) {
		id, release = "", id
	}
	if release == "" {
		release = u.Qualifier("os_version")
	}
	d := sbom.Distro{ID: cmp.Or(id, u.Qualifier("os_name"), u.Namespace), VersionID: release, Codename: u.Qualifier("os_distro")}
	if name, codename, ok := strings.Cut(d.ID, "-"); ok && release == "" && (name == "debian" || name == "ubuntu") {
		d.ID, d.Codename = name, codename
	}
	// A codename alone, as the specification's own examples have it.
	if distro, _ := releaseNamed(d.ID); distro != "" {
		d.ID, d.Codename = distro, strings.ToLower(d.ID)
	}
	if distro, number := releaseNamed(d.Codename); d.VersionID == "" && distro == d.ID {
		d.VersionID = number
	}
	return ownID(d)
}

// releaseNamed returns the distribution and the release that a codename represents
// (distro-info-data: debian.csv, ubuntu.csv); "" for other words.
func releaseNamed(codename string) (distro, release string) {
	codename = strings.ToLower(codename)
	if n, ok := map[string]string{
		"squeeze": "6.0", "wheezy": "7", "jessie": "8", "stretch": "9", "buster": "10", "bullseye": "11", "bookworm": "12", "trixie": "13", "forky": "14", "duke": "15",
	}[codename]; ok {
		return "debian", n
	}
	if n, ok := map[string]string{
		"precise": "12.04", "trusty": "14.04", "xenial": "16.04", "bionic": "18.04", "focal": "20.04", "groovy": "20.10", "hirsute": "21.04", "impish": "21.10",
		"jammy": "22.04", "kinetic": "22.10", "lunar": "23.04", "mantic": "23.10", "noble": "24.04", "oracular": "24.10", "plucky": "25.04", "questing": "25.10",
	}[codename]; ok {
		return "ubuntu", n
	}
	return "", ""
}

// ownSpelling gives a package URL the type and name that a scan of the image
// gives the package: Syft's older types, programs that it knows by their bytes,
// Go modules whose path's end stands in the subpath.
func ownSpelling(u purl.PURL, name string) purl.PURL {
	switch u.Type {
	case "dotnet":
		u.Type = "nuget"
	case "r":
		u.Type = "cran"
	case "generic":
		return programSpelling(u)
	case "golang":
		first, _, _ := strings.Cut(u.Subpath, "/")
		major := len(first) > 1 && first[0] == 'v' && strings.Trim(first[1:], "0123456789") == ""
		if whole := u.PackageName() + "/" + u.Subpath; u.Subpath != "" && (major || whole == name) {
			return purl.New("golang", whole, u.Version)
		}
	}
	return u
}

// programSpelling gives a program the name and type of its row in programs.
func programSpelling(u purl.PURL) purl.PURL {
	name := strings.ToLower(u.Name)
	switch name {
	case "httpd":
		name = "apache"
	case "nodejs":
		name = "node"
	case "php-cli", "php-fpm", "libphp", "php-apache":
		name = "php"
	case "mariadb-server":
		name = "mariadb"
	case "postgres":
		name = "postgresql"
	case "jdk", "jre", "java", "oracle-jdk", "openjdk":
		name = "openjdk"
		if strings.Contains(strings.ToLower(u.Namespace), "oracle") || u.Name == "oracle-jdk" {
			name = "oracle-jdk"
		}
		return purl.New("generic", name, u.Version)
	}
	if name == "go" || name == "golang" { // what its standard library is to advisories
		return purl.New("golang", "stdlib", u.Version)
	}
	for _, row := range programs() {
		if row.name == name && row.advised {
			return purl.New("bitnami", name, u.Version)
		}
	}
	return u
}

func startsWithDigit(s string) bool { return s != "" && s[0] >= '0' && s[0] <= '9' }

// familyNames are Trivy's and Syft's words for distributions whose own ID in
// os-release is another.
var familyNames = map[string]string{
	"alma": "almalinux", "amazon": "amzn", "cbl-mariner": "mariner", "opensuse.leap": "opensuse-leap", "opensuse.tumbleweed": "opensuse-tumbleweed",
	"oracle": "ol", "redhat": "rhel", "suse linux enterprise server": "sles",
}

// ownID gives a distribution the ID that its os-release has.
func ownID(d sbom.Distro) sbom.Distro {
	d.ID = strings.ToLower(d.ID)
	if id, ok := familyNames[d.ID]; ok {
		d.ID = id
	}
	return d
}

// isBOM wants SBOMs that an image brings along: files that are named as SBOMs
// are (CycloneDX 1.6, "Recognized file patterns"; SPDX 2.3, annex on file names),
// those of apko and melange under var/lib/db/sbom, Bitnami's
// opt/bitnami/*/.spdx-*.spdx. Test material of programs is none.
func isBOM(h *rootfs.Header, head []byte) bool {
	if !namedAsBOM(h.Path) || h.Size > maxJSON {
		return false
	}
	start := bytes.TrimLeft(plainText(head), " \t\r\n")
	return len(head) == 0 || len(start) > 0 && (start[0] == '{' || start[0] == '<' || bytes.Contains(start, []byte("SPDXVersion:")))
}

func namedAsBOM(file string) bool {
	base := file[strings.LastIndexByte(file, '/')+1:]
	switch {
	case base == "bom.json", base == "sbom.json", base == "bom.xml", strings.HasSuffix(base, ".cdx.xml"):
	case strings.HasSuffix(base, ".cdx.json"), strings.HasSuffix(base, ".spdx.json"), strings.HasSuffix(base, ".spdx"), strings.HasSuffix(base, ".cdx"):
	case strings.HasSuffix(base, ".bom.json"), strings.HasSuffix(base, ".sbom.json"):
	case strings.HasSuffix(base, ".json") && (strings.HasPrefix(file, "usr/share/sbom/") || strings.HasPrefix(file, "var/lib/db/sbom/")):
	default:
		return false
	}
	dir := path.Dir(file)
	return !inTests(dir) && !inPackage(dir) && !nextToBuild(dir)
}

// nextToBuild reports whether a folder is that in which Microsoft's sbom-tool
// describes what it lies next to (_manifest/spdx_2.2), the tools of the build
// included, or is of a PowerShell module.
func nextToBuild(dir string) bool {
	return strings.Contains("/"+dir+"/", "/_manifest/spdx_") || strings.Contains(dir+"/", "powershell/Modules/") || strings.Contains(dir+"/", "PowerShell/Modules/")
}

// inTests reports whether a folder holds material for somebody's tests.
func inTests(dir string) bool {
	for part := range strings.SplitSeq(dir, "/") {
		switch part {
		case "test", "tests", "__tests__", "fixture", "fixtures", "__fixtures__", "testdata", "test-fixtures", "test_data", "examples":
			return true
		}
	}
	return false
}

// parseImageBOM reads an SBOM in an image: the packages of ecosystems that
// somebody publishes advisories for, without the places where its maker saw
// them. Sources that were built from and such are no packages of the image.
func parseImageBOM(data []byte) ([]sbom.Package, error) {
	b, err := parseBOM(data)
	switch {
	case errors.Is(err, errNoBOM):
		return nil, nil
	case err != nil:
		return nil, err
	}
	var packages []sbom.Package
	for i := range b.entries {
		p, ok := b.entries[i].describe()
		if _, advised := purl.Ecosystem(p.Type); !ok || !advised && !purl.OfDistribution(p.Type) {
			continue
		}
		if purl.OfDistribution(p.Type) && p.Source.Name == "" {
			p.Source = sbom.Source{Name: p.Name, Version: p.Version}
		}
		if packages = append(packages, p); len(packages) == maxPackages {
			return packages, problems{errTooMany}
		}
	}
	return packages, b.wrong.err()
}
