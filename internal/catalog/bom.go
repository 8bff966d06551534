package catalog

import (
	"bytes"
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

// bomDocument is an SBOM in either of the two formats that are read, as far as
// packages go: CycloneDX JSON (ECMA-424) and SPDX 2 JSON
// (https://spdx.github.io/spdx-spec/v2.3/), bare or as what an in-toto statement
// is about (https://github.com/in-toto/attestation/tree/main/spec/v1). Lists are
// left as they are: each reads their members one by one.
type bomDocument struct {
	BOMFormat    string          `json:"bomFormat"`
	Components   json.RawMessage `json:"components"`
	Dependencies json.RawMessage `json:"dependencies"`

	SPDXVersion   string          `json:"spdxVersion"`
	Packages      json.RawMessage `json:"packages"`
	Relationships json.RawMessage `json:"relationships"`

	Predicate json.RawMessage `json:"predicate"`
}

// bomEntry is a package as either format describes it.
type bomEntry struct {
	purl       string
	name       string // as the ecosystem writes it, which the purl may have in another spelling
	version    string // where the purl has none
	vendor     string
	licenses   []string
	paths      []string // the files that say it is there
	owner      string   // purl
	source     sbom.Source
	modularity string
	lockFile   bool
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
var errNoBOM = errors.New("neither CycloneDX JSON nor SPDX 2 JSON")

// parseBOM reads an SBOM. A part that has another form than the format's
// definition says is left out, and named in the bom's problems.
func parseBOM(data []byte) (*bom, error) {
	b := &bom{}
	var doc bomDocument
	if err := b.decode(plainText(data), &doc); err != nil {
		return nil, err
	}
	if len(doc.Predicate) > 0 {
		raw := doc.Predicate
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
	default:
		return nil, errNoBOM
	}
	return b, nil
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

// ReadSBOM reads an SBOM that stands for an image: the packages as it describes
// them, in layer -1, and the distribution that it or its package URLs name. The
// error says why it is no SBOM; what is wrong with a part of it is a warning.
func ReadSBOM(data []byte) (Result, error) {
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
	bad := 0
	purls := make([]string, len(b.entries)) // of the packages that entries are, "" for none
	var from []int                          // the entry of each package
	for i := range b.entries {
		p, ok := b.entries[i].describe()
		if !ok {
			bad++
			continue
		}
		for _, at := range b.entries[i].paths {
			p.Locations = append(p.Locations, inLayer(at, -1))
		}
		if p.Locations == nil {
			p.Locations = append(p.Locations, inLayer("", -1)) // for merge
		}
		p.Owner = b.entries[i].owner
		p.Layer, p.TouchedLayer = -1, -1
		if isOSType(p.Type) && r.Distro.ID == "" {
			r.Distro = distroOf(b.entries[i].purl)
		}
		purls[i] = p.PURL
		from = append(from, i)
		r.Packages = append(r.Packages, p)
	}
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
	r.Packages = merge(r.Packages)
	for i := range r.Packages {
		if p := &r.Packages[i]; p.Locations[0].Path == "" {
			p.Locations = p.Locations[1:]
		}
	}
	if n := bad + b.unnamed; n > 0 {
		warn("no-ecosystem", fmt.Sprintf("%d components without a package URL and a version: they can be held against no advisories", n))
	}
	return r, nil
}

// describe turns an entry into a package; false when its package URL is none or
// of something that is no package, or when there is no version.
func (e *bomEntry) describe() (sbom.Package, bool) {
	u, err := purl.Parse(e.purl)
	if err != nil || u.Name == "" || u.Type == "oci" || u.Type == "docker" {
		return sbom.Package{}, false
	}
	version := u.Version
	if version == "" {
		version = e.version
	}
	if version == "" {
		return sbom.Package{}, false
	}
	if isOSType(u.Type) {
		return e.osPackage(u, version), true
	}
	if u.Type == "bitnami" {
		version = withoutRevision(version)
	}
	name := u.PackageName()
	if as := purl.New(u.Type, e.name, ""); as.Namespace == u.Namespace && as.Name == u.Name {
		name = e.name
	}
	p := language(u.Type, name, version)
	p.Licenses, p.FromLockFile = e.licenses, e.lockFile
	return p, true
}

// osPackage describes a package of a distribution. Its source package is named
// by the purl's upstream qualifier, which Syft and we write, or beside the purl.
func (e *bomEntry) osPackage(u purl.PURL, version string) sbom.Package {
	p := sbom.Package{
		Type: u.Type, Name: u.Name, PURL: e.purl, Arch: u.Qualifier("arch"),
		Licenses: e.licenses, Modularity: e.modularity,
	}
	if u.Type == "rpm" {
		p.Vendor = e.vendor // of a deb it would be the maintainer
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
	if p.Source.Name == "" {
		p.Source.Name = p.Name
	}
	// The names of source rpms have no epoch: the binary's is used.
	if p.Source.Version == "" || p.Source.Version == bare {
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
// "distro=debian-12", or its name space and Trivy's "distro=12.5".
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
	d := sbom.Distro{ID: id, VersionID: release}
	if d.ID == "" {
		d.ID = u.Namespace
	}
	if name, codename, ok := strings.Cut(d.ID, "-"); ok && release == "" && (name == "debian" || name == "ubuntu") {
		d.ID, d.Codename = name, codename
	}
	return ownID(d)
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
	return len(head) == 0 || len(start) > 0 && start[0] == '{'
}

func namedAsBOM(file string) bool {
	base := file[strings.LastIndexByte(file, '/')+1:]
	switch {
	case base == "bom.json", base == "sbom.json":
	case strings.HasSuffix(base, ".cdx.json"), strings.HasSuffix(base, ".spdx.json"), strings.HasSuffix(base, ".spdx"), strings.HasSuffix(base, ".cdx"):
	case strings.HasSuffix(base, ".bom.json"), strings.HasSuffix(base, ".sbom.json"):
	case strings.HasSuffix(base, ".json") && (strings.HasPrefix(file, "usr/share/sbom/") || strings.HasPrefix(file, "var/lib/db/sbom/")):
	default:
		return false
	}
	dir := path.Dir(file)
	return !inTests(dir) && !inPackage(dir) && !besideBuild(dir)
}

// besideBuild reports whether a folder is that in which Microsoft's sbom-tool
// describes what it lies beside (_manifest/spdx_2.2), the tools of the build
// included, or is of a PowerShell module.
func besideBuild(dir string) bool {
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
		if _, advised := purl.Ecosystem(p.Type); !ok || !advised && !isOSType(p.Type) {
			continue
		}
		if packages = append(packages, p); len(packages) == maxPackages {
			return packages, problems{errTooMany}
		}
	}
	return packages, b.wrong.err()
}
