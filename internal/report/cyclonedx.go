package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/purl"
	"github.com/careen/careen/internal/safetext"
	"github.com/careen/careen/internal/sbom"
)

// BOMOptions says what a bill of materials holds in addition to the report. The zero
// value leaves the time out, so that the same report gives the same bytes.
type BOMOptions struct {
	Timestamp    time.Time // when the document was made; zero leaves it out
	SerialNumber string    // "urn:uuid:…"; "" derives one from the content
}

// WriteCycloneDX writes CycloneDX 1.6 JSON (ECMA-424, 1st edition): what the
// image is made of and, where vulnerabilities were looked for, what is known of
// them. Several platforms share one document, each a container of its own.
func WriteCycloneDX(w io.Writer, reports []*Report, opt BOMOptions) error {
	b := bom{components: []cdx.Component{}, vulnerabilities: []cdx.Vulnerability{}, refs: map[string]bool{}}
	switch len(reports) {
	case 0:
		return fmt.Errorf("cyclonedx: no report to write")
	case 1:
		b.root = b.container(reports[0], "")
		b.platform(reports[0], "", b.root.BOMRef)
	default:
		b.root = cdx.Component{Type: cdx.ComponentTypeContainer, BOMRef: b.ref("image"), Name: reports[0].Target.Ref}
		var platforms []string
		for i, r := range reports {
			prefix := cmp.Or(r.Target.Platform, strconv.Itoa(i)) + "|"
			c := b.container(r, prefix)
			b.components = append(b.components, c)
			platforms = append(platforms, c.BOMRef)
			b.platform(r, prefix, c.BOMRef)
		}
		b.depends(b.root.BOMRef, platforms)
	}
	doc := cdx.NewBOM()
	// NewBOM is for the newest version; these name the one that is written.
	doc.SpecVersion, doc.JSONSchema = cdx.SpecVersion1_6, "http://cyclonedx.org/schema/bom-1.6.schema.json"
	doc.Metadata = &cdx.Metadata{
		Tools: &cdx.ToolsChoice{Components: &[]cdx.Component{{
			Type: cdx.ComponentTypeApplication, Name: "careen", Version: reports[0].Careen,
			ExternalReferences: &[]cdx.ExternalReference{{Type: cdx.ERTypeWebsite, URL: homePage}},
		}}},
		Component: &b.root,
	}
	if !opt.Timestamp.IsZero() {
		doc.Metadata.Timestamp = opt.Timestamp.UTC().Format(time.RFC3339)
	}
	doc.Components = &b.components
	doc.Dependencies = &b.dependencies
	doc.Compositions = &[]cdx.Composition{{Aggregate: aggregate(reports), Assemblies: &[]cdx.BOMReference{cdx.BOMReference(b.root.BOMRef)}}}
	if b.lookedFor {
		doc.Vulnerabilities = &b.vulnerabilities
	}
	if doc.SerialNumber = opt.SerialNumber; doc.SerialNumber == "" {
		content := sha256.New()
		if err := encodeBOM(content, doc); err != nil {
			return err
		}
		doc.SerialNumber = serialNumber(content.Sum(nil))
	}
	return encodeBOM(w, doc)
}

func encodeBOM(w io.Writer, doc *cdx.BOM) error {
	d := safetext.NewIndenter(w)
	// Not EncodeVersion: on its way to the version it loses lists that are empty.
	if err := cdx.NewBOMEncoder(d, cdx.BOMFileFormatJSON).SetEscapeHTML(false).Encode(doc); err != nil {
		return fmt.Errorf("cyclonedx: %w", err)
	}
	return d.Flush()
}

// serialNumber derives a UUID of version 8 (RFC 9562, 5.8) from a digest.
func serialNumber(sum []byte) string {
	sum[6] = sum[6]&0x0f | 0x80
	sum[8] = sum[8]&0x3f | 0x80
	s := hex.EncodeToString(sum[:16])
	return "urn:uuid:" + strings.Join([]string{s[:8], s[8:12], s[12:16], s[16:20], s[20:]}, "-")
}

// aggregate says how much of the image the document is known to hold.
// "complete" is never claimed: files that no package explains are not listed.
func aggregate(reports []*Report) cdx.CompositionAggregate {
	for _, r := range reports {
		if incomplete(r.Warnings) {
			return cdx.CompositionAggregateIncomplete
		}
	}
	return cdx.CompositionAggregateUnknown
}

// bom gathers the parts of a document.
type bom struct {
	root            cdx.Component
	components      []cdx.Component
	dependencies    []cdx.Dependency
	vulnerabilities []cdx.Vulnerability
	lookedFor       bool
	refs            map[string]bool
}

// ref returns a bom-ref that nothing else in the document has.
func (b *bom) ref(want string) string {
	want = strings.ToValidUTF8(want, "�")
	ref := want
	for n := 2; b.refs[ref]; n++ {
		ref = fmt.Sprintf("%s#%d", want, n)
	}
	b.refs[ref] = true
	return ref
}

func (b *bom) depends(ref string, on []string) {
	on = slices.Clone(on)
	slices.Sort(on)
	on = slices.Compact(on)
	d := cdx.Dependency{Ref: ref}
	if len(on) > 0 {
		d.Dependencies = &on
	}
	b.dependencies = append(b.dependencies, d)
}

// container is the image for one platform.
func (b *bom) container(r *Report, prefix string) cdx.Component {
	t := r.Target
	name, version := splitReference(t.Ref)
	c := cdx.Component{
		Type: cdx.ComponentTypeContainer, Name: cmp.Or(name, "image"), Version: cmp.Or(version, t.Digest),
		PackageURL: imagePURL(t),
	}
	c.BOMRef = b.ref(prefix + cmp.Or(c.PackageURL, t.Digest, c.Name))
	if sum, ok := strings.CutPrefix(t.Digest, "sha256:"); ok && len(sum) == 2*sha256.Size {
		c.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: sum}}
	}
	var p properties
	p.add("platform", t.Platform)
	p.add("kind", t.Kind)
	p.add("manifestDigest", t.Digest)
	p.add("configId", t.ConfigID)
	for _, tag := range t.Tags {
		p.add("tag", tag)
	}
	p.add("size", strconv.FormatInt(t.Size, 10))
	for _, l := range t.Layers {
		p.add("diffID", l.DiffID)
	}
	for _, f := range coverageFacts(r) {
		p.add(f.name, clean(f.text))
	}
	c.Properties = p.list()
	return c
}

// splitReference parts a reference into its repository and its tag or digest.
func splitReference(ref string) (name, version string) {
	if name, digest, ok := strings.Cut(ref, "@"); ok {
		name, _ = splitReference(name)
		return name, digest
	}
	if colon := strings.LastIndexByte(ref, ':'); colon > strings.LastIndexByte(ref, '/') {
		return ref[:colon], ref[colon+1:]
	}
	return ref, ""
}

// imagePURL is the purl of type oci (purl-spec, PURL-TYPES "oci"), known where
// the manifest's digest is. An archive's or directory's path names no repository.
func imagePURL(t Target) string {
	if t.Digest == "" || !slices.Contains([]string{"registry", "docker", "podman"}, t.Kind) {
		return ""
	}
	repository, tag := splitReference(t.Ref)
	name := strings.ToLower(repository[strings.LastIndexByte(repository, '/')+1:])
	if name == "" || !osName().MatchString(name) {
		return ""
	}
	var q []string
	if parts := strings.Split(t.Platform, "/"); len(parts) > 1 {
		q = append(q, "arch="+parts[1])
	}
	if at := repositoryURL(t, repository); at != "" {
		q = append(q, "repository_url="+relativeURI(strings.ToLower(at)))
	}
	if tag != "" && !strings.Contains(tag, ":") {
		q = append(q, "tag="+relativeURI(tag))
	}
	purl := "pkg:oci/" + name + "@" + strings.ReplaceAll(t.Digest, ":", "%3A")
	if q != nil {
		purl += "?" + strings.Join(q, "&")
	}
	return purl
}

// repositoryURL is where a registry has the image: the repository with its
// registry, Docker Hub's for a name that says none. A name that only a daemon has
// is in no registry.
func repositoryURL(t Target, repository string) string {
	host, rest, found := strings.Cut(repository, "/")
	switch {
	case found && (strings.ContainsAny(host, ".:") || host == "localhost"):
		return repository
	case t.Kind != "registry" && !slices.ContainsFunc(t.Tags, func(tag string) bool { return strings.Contains(tag, "@") }):
		return ""
	case found:
		return "docker.io/" + host + "/" + rest
	}
	return "docker.io/library/" + repository
}

// platform adds what one report holds: the distribution, the packages, how they
// hang together, and the vulnerabilities.
func (b *bom) platform(r *Report, prefix, container string) {
	refs := map[*sbom.Package]string{}
	byPURL := map[string]string{}
	for i := range r.Packages {
		p := &r.Packages[i]
		want := prefix + cmp.Or(p.PURL, p.Name)
		if b.refs[want] && firstPath(p) != "" {
			want += "#" + firstPath(p)
		}
		refs[p] = b.ref(want)
		if byPURL[p.PURL] == "" {
			byPURL[p.PURL] = refs[p]
		}
	}
	// The distribution stands between the image and what its package manager
	// installed; what a package owns hangs below that package.
	var below, installed []string
	owned := map[string][]string{}
	for i := range r.Packages {
		p := &r.Packages[i]
		owner := byPURL[p.Owner]
		switch {
		case p.Owner != "" && owner != "":
			owned[owner] = append(owned[owner], refs[p])
		case r.Target.OS != nil && purl.OfDistribution(p.Type):
			installed = append(installed, refs[p])
		default:
			below = append(below, refs[p])
		}
	}
	if os := r.Target.OS; os != nil {
		c := operatingSystem(os)
		c.BOMRef = b.ref(prefix + "os:" + os.ID + "@" + os.Version)
		b.components = append(b.components, c)
		below = append(below, c.BOMRef)
		b.depends(c.BOMRef, installed)
	}
	b.depends(container, below)
	for i := range r.Packages {
		p := &r.Packages[i]
		b.components = append(b.components, component(p, refs[p], r))
		on := owned[refs[p]]
		for _, purl := range p.DependsOn {
			if ref := byPURL[purl]; ref != "" && ref != refs[p] {
				on = append(on, ref)
			}
		}
		b.depends(refs[p], on)
	}
	if r.Vulnerabilities != nil {
		b.lookedFor = true
		b.known(r, refs, prefix)
	}
}

func operatingSystem(os *OS) cdx.Component {
	c := cdx.Component{Type: cdx.ComponentTypeOS, Name: os.ID, Version: os.Version, Description: os.Name}
	var p properties
	p.add("codename", os.Codename)
	p.add("endOfLife", os.EOL)
	p.add("pastEndOfLife", strconv.FormatBool(os.PastEOL))
	c.Properties = p.list()
	return c
}

func component(p *sbom.Package, ref string, r *Report) cdx.Component {
	c := cdx.Component{
		Type: cdx.ComponentTypeLibrary, BOMRef: ref, Name: cmp.Or(p.Name, p.PURL), Version: p.Version, PackageURL: p.PURL,
		Licenses: licenses(p.Licenses),
	}
	if p.Type == "npm" {
		if scope, name, ok := strings.Cut(p.Name, "/"); ok && strings.HasPrefix(scope, "@") && name != "" {
			c.Group, c.Name = scope, name
		}
	}
	if vendor := cmp.Or(p.Vendor, p.Builder); vendor != "" {
		c.Supplier = &cdx.OrganizationalEntity{Name: vendor}
	}
	var occurrences []cdx.EvidenceOccurrence
	for _, l := range p.Locations {
		occurrences = append(occurrences, cdx.EvidenceOccurrence{Location: l.Path, AdditionalContext: layerContext(l.Layer)})
	}
	if occurrences != nil {
		c.Evidence = &cdx.Evidence{Occurrences: &occurrences}
	}
	var props properties
	props.add("type", p.Type)
	props.add("arch", p.Arch)
	props.add("sourceName", p.Source.Name)
	props.add("sourceVersion", p.Source.Version)
	if p.Layer >= 0 {
		props.add("layer", strconv.Itoa(p.Layer))
		if p.Layer < len(r.Target.Layers) {
			props.add("layerDiffID", r.Target.Layers[p.Layer].DiffID)
		}
		props.add("base", strconv.FormatBool(p.Base))
	}
	props.add("instruction", p.Instruction)
	props.add("owner", p.Owner)
	props.add("modularity", p.Modularity)
	props.add("builder", p.Builder)
	if p.FromLockFile {
		props.add("fromLockFile", "true")
	}
	if p.Development {
		c.Scope = cdx.ScopeExcluded // "for test and other non-runtime purposes"
		props.add("development", "true")
	}
	if p.Reach != nil {
		props.add("reach", string(p.Reach.State))
	}
	props.add("upgradeTo", p.UpgradeTo)
	if p.Judged != nil {
		props.add("judgedBy", p.Judged.By)
		props.add("judgedTo", p.Judged.To)
		props.add("notJudged", string(p.Judged.Not))
	}
	c.Properties = props.list()
	return c
}

func layerContext(layer int) string {
	if layer < 0 {
		return ""
	}
	return "layer " + strconv.Itoa(layer)
}

// properties are name and value pairs below the "careen:" name space.
type properties []cdx.Property

func (p *properties) add(name, value string) {
	if value != "" {
		*p = append(*p, cdx.Property{Name: "careen:" + name, Value: value})
	}
}

func (p *properties) list() *[]cdx.Property {
	if len(*p) == 0 {
		return nil
	}
	return (*[]cdx.Property)(p)
}

// licenses writes declared licences: an SPDX id or expression where the words
// are ids that everyone knows, else the name as declared.
func licenses(declared []string) *cdx.Licenses {
	if len(declared) == 0 || len(declared) == 1 && declared[0] == noAssertion {
		return nil
	}
	if len(declared) == 1 && spdxExpression(declared[0]) {
		return &cdx.Licenses{{Expression: declared[0]}}
	}
	var all cdx.Licenses
	for _, name := range declared {
		switch {
		case name == "":
		case slices.Contains(spdxIDs, name):
			all = append(all, cdx.LicenseChoice{License: &cdx.License{ID: name}})
		default:
			all = append(all, cdx.LicenseChoice{License: &cdx.License{Name: name}})
		}
	}
	if all == nil {
		return nil
	}
	return &all
}

// spdxExpression reports whether a text is several known ids joined by AND and OR.
func spdxExpression(text string) bool {
	fields := strings.Fields(strings.NewReplacer("(", " ", ")", " ").Replace(text))
	if len(fields) < 3 || len(fields)%2 == 0 || strings.Count(text, "(") != strings.Count(text, ")") {
		return false
	}
	for i, f := range fields {
		if i%2 == 1 && f != "AND" && f != "OR" || i%2 == 0 && !slices.Contains(spdxIDs, f) {
			return false
		}
	}
	return true
}

// spdxIDs are the ids of the SPDX licence list that packages declare most. A
// licence that is not here is written by its name, which is valid as well.
var spdxIDs = []string{
	"0BSD", "AFL-2.1", "AFL-3.0", "AGPL-3.0-only", "AGPL-3.0-or-later", "Apache-1.1", "Apache-2.0", "Artistic-1.0", "Artistic-2.0",
	"BSD-1-Clause", "BSD-2-Clause", "BSD-3-Clause", "BSD-4-Clause", "BSL-1.0", "BlueOak-1.0.0", "CC-BY-3.0", "CC-BY-4.0", "CC-BY-SA-4.0",
	"CC0-1.0", "CDDL-1.0", "CDDL-1.1", "EPL-1.0", "EPL-2.0", "EUPL-1.2", "FTL", "GFDL-1.3-only", "GFDL-1.3-or-later", "GPL-1.0-or-later",
	"GPL-2.0-only", "GPL-2.0-or-later", "GPL-3.0-only", "GPL-3.0-or-later", "HPND", "ICU", "IJG", "ISC", "LGPL-2.0-only", "LGPL-2.0-or-later",
	"LGPL-2.1-only", "LGPL-2.1-or-later", "LGPL-3.0-only", "LGPL-3.0-or-later", "Libpng", "MIT", "MIT-0", "MPL-1.1", "MPL-2.0", "NCSA",
	"OFL-1.1", "OpenSSL", "PHP-3.01", "PostgreSQL", "PSF-2.0", "Python-2.0", "Ruby", "SSPL-1.0", "Unicode-DFS-2016",
	"Unlicense", "UPL-1.0", "Vim", "W3C", "WTFPL", "X11", "Zlib", "ZPL-2.1", "blessing", "bzip2-1.0.6", "curl",
	"Artistic-1.0-Perl", "BSD-4-Clause-UC", "CC-BY-SA-3.0", "CPL-1.0", "EUPL-1.1", "FSFAP", "FSFUL", "FSFULLR", "GFDL-1.1-only", "GFDL-1.1-or-later",
	"GFDL-1.2-only", "GFDL-1.2-or-later", "GPL-1.0-only", "HPND-sell-variant", "MPL-1.0", "MS-PL", "QPL-1.0", "Sleepycat", "TCL",
}

// known adds the vulnerabilities. Findings that say the same of several packages
// are one entry; one that was suppressed is never merged with one that was not.
func (b *bom) known(r *Report, refs map[*sbom.Package]string, prefix string) {
	packages := packageIndex(r.Packages)
	type entry struct {
		first *finding.Vulnerability
		list  []*finding.Vulnerability
	}
	entries := map[string]*entry{}
	var keys []string
	for i := range r.Vulnerabilities {
		v := &r.Vulnerabilities[i]
		key := strings.Join([]string{v.ID, v.Advisory.Source, v.Advisory.ID, string(v.Fix.State), v.Fix.Version, v.Severity.String()}, "\x00")
		if v.Suppressed != nil {
			key += "\x00suppressed\x00" + v.Suppressed.By + "\x00" + v.Suppressed.Why
		}
		if entries[key] == nil {
			entries[key] = &entry{first: v}
			keys = append(keys, key)
		}
		entries[key].list = append(entries[key].list, v)
	}
	slices.SortStableFunc(keys, func(x, y string) int {
		return cmp.Or(strings.Compare(entries[x].first.ID, entries[y].first.ID), strings.Compare(x, y))
	})
	for _, key := range keys {
		e := entries[key]
		out := vulnerability(e.first)
		var affects []cdx.Affects
		seen := map[string]bool{}
		for _, v := range e.list {
			p := packages.of(v)
			ref := refs[p]
			if ref == "" { // a report without its packages
				ref = strings.ToValidUTF8(prefix+v.Package, "�")
			}
			if seen[ref] {
				continue
			}
			seen[ref] = true
			affects = append(affects, affected(ref, p.Version, v))
		}
		out.Affects = &affects
		b.vulnerabilities = append(b.vulnerabilities, out)
	}
}

func affected(ref, version string, v *finding.Vulnerability) cdx.Affects {
	status := cdx.VulnerabilityStatusAffected
	if notLinked(v) {
		status = cdx.VulnerabilityStatusNotAffected
	}
	var versions []cdx.AffectedVersions
	if version != "" {
		versions = append(versions, cdx.AffectedVersions{Version: version, Status: status})
	}
	if v.Fix.Version != "" && v.Fix.Version != version {
		versions = append(versions, cdx.AffectedVersions{Version: v.Fix.Version, Status: cdx.VulnerabilityStatusNotAffected})
	}
	a := cdx.Affects{Ref: ref}
	if versions != nil {
		a.Range = &versions
	}
	return a
}

func vulnerability(v *finding.Vulnerability) cdx.Vulnerability {
	out := cdx.Vulnerability{ID: v.ID, Source: &cdx.Source{Name: publisher(v.ID), URL: pageOf(v.ID)}, Description: clean(v.Title)}
	if len(v.Aliases) > 0 {
		var references []cdx.VulnerabilityReference
		for _, alias := range v.Aliases {
			references = append(references, cdx.VulnerabilityReference{ID: alias, Source: &cdx.Source{Name: publisher(alias), URL: pageOf(alias)}})
		}
		out.References = &references
	}
	ratings := []cdx.VulnerabilityRating{{Severity: bomSeverity(v.Severity)}}
	if v.SeveritySource != "" {
		ratings[0].Source = &cdx.Source{Name: v.SeveritySource}
	}
	for _, c := range v.CVSS {
		score := c.Score
		ratings = append(ratings, cdx.VulnerabilityRating{
			Source: &cdx.Source{Name: c.Source}, Score: &score, Severity: cvssSeverity(c), Method: cvssMethod(c.Vector), Vector: c.Vector,
		})
	}
	out.Ratings = &ratings
	switch v.Fix.State {
	case finding.Fixed:
		out.Recommendation = "Upgrade to " + v.Fix.Version + " or later."
	case finding.WontFix:
		out.Analysis = &cdx.VulnerabilityAnalysis{Response: &[]cdx.ImpactAnalysisResponse{cdx.IARWillNotFix}}
	}
	if v.Suppressed != nil {
		out.Analysis = analysis(v)
	}
	var advisories []cdx.Advisory
	if v.Advisory.ID != "" {
		page := v.Advisory.URL
		if page == "" {
			page = pageOf(v.Advisory.ID)
		}
		advisories = append(advisories, cdx.Advisory{Title: v.Advisory.ID, URL: page})
	}
	for _, id := range v.Advisory.Also {
		advisories = append(advisories, cdx.Advisory{Title: id, URL: pageOf(id)})
	}
	if advisories != nil {
		out.Advisories = &advisories
	}
	var p properties
	p.add("risk", strconv.FormatFloat(v.Risk, 'g', -1, 64))
	p.add("fixState", string(v.Fix.State))
	p.add("range", v.Advisory.Range)
	p.add("scheme", v.Advisory.Scheme)
	if v.KEV {
		p.add("knownExploited", "true")
	}
	if v.EPSS != nil {
		p.add("epssScore", strconv.FormatFloat(v.EPSS.Score, 'g', -1, 64))
		p.add("epssPercentile", strconv.FormatFloat(v.EPSS.Percentile, 'g', -1, 64))
	}
	if v.Linked != nil {
		p.add("linked", string(v.Linked.State))
	}
	out.Properties = p.list()
	return out
}

// analysis says why a finding does not count. Only missing code is a proof that
// the package is not affected; what someone's rule suppressed stays in triage.
func analysis(v *finding.Vulnerability) *cdx.VulnerabilityAnalysis {
	detail := "suppressed by " + v.Suppressed.By
	if v.Suppressed.Why != "" {
		detail += ": " + v.Suppressed.Why
	}
	if notLinked(v) {
		return &cdx.VulnerabilityAnalysis{State: cdx.IASNotAffected, Justification: cdx.IAJCodeNotPresent, Detail: detail}
	}
	return &cdx.VulnerabilityAnalysis{State: cdx.IASInTriage, Detail: detail}
}

func bomSeverity(s finding.Severity) cdx.Severity {
	switch s {
	case finding.Critical:
		return cdx.SeverityCritical
	case finding.High:
		return cdx.SeverityHigh
	case finding.Medium:
		return cdx.SeverityMedium
	case finding.Low:
		return cdx.SeverityLow
	case finding.Negligible:
		return cdx.SeverityInfo
	}
	return cdx.SeverityUnknown
}

func cvssSeverity(c finding.CVSS) cdx.Severity {
	if c.Score == 0 {
		return cdx.SeverityNone
	}
	return bomSeverity(finding.FromScore(c.Score))
}

// cvssMethod tells the version from the vector's prefix; version 2 has none.
func cvssMethod(vector string) cdx.ScoringMethod {
	switch {
	case strings.HasPrefix(vector, "CVSS:4."):
		return cdx.ScoringMethodCVSSv4
	case strings.HasPrefix(vector, "CVSS:3.1/"):
		return cdx.ScoringMethodCVSSv31
	case strings.HasPrefix(vector, "CVSS:3.0/"):
		return cdx.ScoringMethodCVSSv3
	case strings.HasPrefix(vector, "AV:"):
		return cdx.ScoringMethodCVSSv2
	}
	return cdx.ScoringMethodOther
}

// publisher is who gives out ids of this form.
func publisher(id string) string {
	prefix, _, _ := strings.Cut(id, "-")
	switch prefix {
	case "CVE":
		return "CVE Program"
	case "GHSA":
		return "GitHub Advisory Database"
	}
	return "OSV"
}
