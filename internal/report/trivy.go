package report

import (
	"cmp"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/purl"
	"github.com/careen/careen/internal/safetext"
	"github.com/careen/careen/internal/sbom"
)

// The parts of Trivy's JSON, schema version 2, that Careen fills, named as Trivy
// names them (github.com/aquasecurity/trivy, pkg/types and pkg/fanal/types).
type (
	trivyReport struct {
		SchemaVersion int
		CreatedAt     *time.Time `json:",omitempty"`
		ArtifactName  string
		ArtifactType  string
		Metadata      trivyMetadata
		Results       []trivyResult `json:",omitempty"`
	}
	trivyMetadata struct {
		Size        int64     `json:",omitempty"`
		OS          *trivyOS  `json:",omitempty"`
		ImageID     string    `json:",omitempty"`
		DiffIDs     []string  `json:",omitempty"`
		RepoTags    []string  `json:",omitempty"`
		RepoDigests []string  `json:",omitempty"`
		ImageConfig *trivyImg `json:",omitempty"`
	}
	trivyOS struct {
		Family string
		Name   string
		EOSL   bool `json:",omitempty"`
	}
	// trivyImg is the image's own configuration, so its names are OCI's.
	trivyImg struct {
		Architecture string           `json:"architecture"`
		Created      *time.Time       `json:"created,omitempty"`
		OS           string           `json:"os"`
		RootFS       trivyRootFS      `json:"rootfs"`
		Config       trivyImageConfig `json:"config"`
	}
	trivyRootFS struct {
		Type    string   `json:"type"`
		DiffIDs []string `json:"diff_ids"`
	}
	trivyImageConfig struct {
		User         string              `json:",omitempty"`
		Entrypoint   []string            `json:",omitempty"`
		Cmd          []string            `json:",omitempty"`
		WorkingDir   string              `json:",omitempty"`
		ExposedPorts map[string]struct{} `json:",omitempty"`
		Labels       map[string]string   `json:",omitempty"`
	}
	trivyResult struct {
		Target            string
		Class             string
		Type              string               `json:",omitempty"`
		Packages          []trivyPackage       `json:",omitempty"`
		Vulnerabilities   []trivyVulnerability `json:",omitempty"`
		MisconfSummary    *trivySummary        `json:",omitempty"`
		Misconfigurations []trivyFault         `json:",omitempty"`
		Secrets           []trivySecret        `json:",omitempty"`
		Modified          []trivyModified      `json:"ExperimentalModifiedFindings,omitempty"`
	}
	trivyIdentifier struct {
		PURL string `json:",omitempty"`
		UID  string `json:",omitempty"`
	}
	trivyLayer struct {
		Digest string `json:",omitempty"`
		DiffID string `json:",omitempty"`
	}
	trivyPackage struct {
		ID         string
		Name       string
		Identifier trivyIdentifier
		Version    string
		Arch       string   `json:",omitempty"`
		SrcName    string   `json:",omitempty"`
		SrcVersion string   `json:",omitempty"`
		Licenses   []string `json:",omitempty"`
		DependsOn  []string `json:",omitempty"`
		Layer      trivyLayer
		FilePath   string `json:",omitempty"`
		Dev        bool   `json:",omitempty"`
	}
	trivyVulnerability struct {
		VulnerabilityID  string
		VendorIDs        []string `json:",omitempty"`
		PkgID            string
		PkgName          string
		PkgPath          string `json:",omitempty"`
		PkgIdentifier    trivyIdentifier
		InstalledVersion string
		FixedVersion     string `json:",omitempty"`
		Status           string
		Layer            trivyLayer
		SeveritySource   string           `json:",omitempty"`
		PrimaryURL       string           `json:",omitempty"`
		DataSource       *trivyDataSource `json:",omitempty"`
		Title            string           `json:",omitempty"`
		Description      string           `json:",omitempty"`
		Severity         string
		CVSS             map[string]*trivyCVSS `json:",omitempty"`
		References       []string              `json:",omitempty"`
	}
	trivyDataSource struct {
		ID   string
		Name string
		URL  string
	}
	trivyCVSS struct {
		V2Vector  string  `json:",omitempty"`
		V3Vector  string  `json:",omitempty"`
		V40Vector string  `json:",omitempty"`
		V2Score   float64 `json:",omitempty"`
		V3Score   float64 `json:",omitempty"`
		V40Score  float64 `json:",omitempty"`
	}
	trivySummary struct{ Successes, Failures int }
	trivyFault   struct {
		Type        string
		ID          string
		AVDID       string
		Title       string
		Description string
		Message     string
		Resolution  string
		Severity    string
		PrimaryURL  string
		References  []string
		Status      string
		Layer       struct{}
		Cause       trivyCause `json:"CauseMetadata"`
	}
	trivyCause struct {
		Provider  string
		Service   string
		StartLine int `json:",omitempty"`
		EndLine   int `json:",omitempty"`
		Code      trivyCode
	}
	trivyCode   struct{ Lines []string }
	trivySecret struct {
		RuleID    string
		Category  string
		Severity  string
		Title     string
		StartLine int
		EndLine   int
		Code      trivyCode
		Match     string
		Layer     trivyLayer
	}
	trivyModified struct {
		Type      string
		Status    string
		Statement string
		Source    string
		Finding   any
	}
)

// trivyKinds are Trivy's words for the kinds of packages, by the type of the
// purl, for what is installed and for what a lock file declares. Those that are
// installed come together below one target, as Trivy's do.
var trivyKinds = map[string]struct{ installed, target, locked string }{
	"npm": {"node-pkg", "Node.js", "npm"}, "pypi": {"python-pkg", "Python", "pip"}, "maven": {"jar", "Java", "pom"},
	"gem": {"gemspec", "Ruby", "bundler"}, "golang": {"gobinary", "", "gomod"}, "cargo": {"rustbinary", "", "cargo"},
	"composer": {"composer-vendor", "", "composer"}, "nuget": {"dotnet-core", "", "nuget"}, "conda": {"conda-pkg", "Conda", "conda-environment"},
	"pub": {"pub", "", "pub"}, "hex": {"hex", "", "hex"}, "swift": {"swift", "", "swift"}, "cocoapods": {"cocoapods", "", "cocoapods"},
	"julia": {"julia", "", "julia"}, "conan": {"conan", "", "conan"}, "bitnami": {"bitnami", "", "bitnami"},
}

// WriteTrivy writes a report as Trivy's JSON of schema version 2, for what reads
// Trivy's reports.
func WriteTrivy(w io.Writer, reports []*Report, opt BOMOptions) error {
	if len(reports) != 1 {
		return errors.New("this format is about one platform; choose one with --platform")
	}
	r := reports[0]
	doc := trivyReport{SchemaVersion: 2, ArtifactName: r.Target.Ref, ArtifactType: trivyArtifact(r.Target.Kind), Metadata: trivyMetadataOf(&r.Target)}
	if !opt.Timestamp.IsZero() {
		made := opt.Timestamp.UTC()
		doc.CreatedAt = &made
	}
	doc.Results = append(trivyPackages(r), trivyElse(r)...)
	return safetext.WriteJSON(w, doc)
}

func trivyArtifact(kind string) string {
	switch kind {
	case "dir":
		return "filesystem"
	case "sbom":
		return "cyclonedx"
	}
	return "container_image"
}

func trivyMetadataOf(t *Target) trivyMetadata {
	m := trivyMetadata{Size: t.Size, ImageID: t.ConfigID}
	if t.OS != nil {
		m.OS = &trivyOS{t.OS.ID, t.OS.Version, t.OS.PastEOL}
	}
	for _, l := range t.Layers {
		m.DiffIDs = append(m.DiffIDs, l.DiffID)
	}
	for _, tag := range t.Tags {
		if strings.Contains(tag, "@") {
			m.RepoDigests = append(m.RepoDigests, tag)
		} else {
			m.RepoTags = append(m.RepoTags, tag)
		}
	}
	if imagePURL(*t) != "" && m.RepoDigests == nil {
		name, _ := splitReference(t.Ref)
		m.RepoDigests = []string{name + "@" + t.Digest}
	}
	if c := t.Config; c != nil {
		os, rest, _ := strings.Cut(t.Platform, "/")
		architecture, _, _ := strings.Cut(rest, "/")
		m.ImageConfig = &trivyImg{Architecture: architecture, OS: os, RootFS: trivyRootFS{"layers", list(m.DiffIDs)}, Config: trivyImageConfig{
			User: c.User, Entrypoint: c.Entrypoint, Cmd: c.Cmd, WorkingDir: c.WorkingDir, Labels: c.Labels}}
		if !c.Created.IsZero() {
			created := c.Created.UTC()
			m.ImageConfig.Created = &created
		}
		for _, port := range c.ExposedPorts {
			if m.ImageConfig.Config.ExposedPorts == nil {
				m.ImageConfig.Config.ExposedPorts = map[string]struct{}{}
			}
			m.ImageConfig.Config.ExposedPorts[port] = struct{}{}
		}
	}
	return m
}

// trivyPackages groups packages and their vulnerabilities by target: the
// distribution first, then languages in the order of their names.
func trivyPackages(r *Report) []trivyResult {
	groups := map[string]*trivyResult{}
	var order []string
	group := func(p *sbom.Package) *trivyResult {
		g := trivyGroup(p, r)
		key := g.Class + "\x00" + g.Type + "\x00" + g.Target
		if groups[key] == nil {
			groups[key] = &g
			order = append(order, key)
		}
		return groups[key]
	}
	for i := range r.Packages {
		p := &r.Packages[i]
		g := group(p)
		g.Packages = append(g.Packages, trivyPackageOf(p, r))
	}
	packages := packageIndex(r.Packages)
	for i := range r.Vulnerabilities {
		v := &r.Vulnerabilities[i]
		p := packages.of(v)
		g := group(p)
		one := trivyVulnerabilityOf(v, p, r)
		switch {
		case notLinked(v):
			g.Modified = append(g.Modified, trivyModified{"vulnerability", "not_affected", "vulnerable_code_not_present", "careen", one})
		case v.Suppressed != nil:
			g.Modified = append(g.Modified, trivyModified{"vulnerability", "ignored", v.Suppressed.Why, v.Suppressed.By, one})
		default:
			g.Vulnerabilities = append(g.Vulnerabilities, one)
		}
	}
	var results []trivyResult
	for _, key := range order {
		results = append(results, *groups[key])
	}
	slices.SortStableFunc(results, func(a, b trivyResult) int {
		return cmp.Or(-strings.Compare(a.Class, b.Class), strings.Compare(a.Type, b.Type), strings.Compare(a.Target, b.Target))
	})
	return results
}

// trivyGroup is the empty result that a package belongs to.
func trivyGroup(p *sbom.Package, r *Report) trivyResult {
	if purl.OfDistribution(p.Type) {
		family, name := p.Type, ""
		if os := r.Target.OS; os != nil {
			family, name = os.ID, " ("+strings.TrimSpace(os.ID+" "+os.Version)+")"
		}
		return trivyResult{Target: r.Target.Ref + name, Class: "os-pkgs", Type: family}
	}
	kind, known := trivyKinds[p.Type]
	g := trivyResult{Class: "lang-pkgs", Type: cmp.Or(kind.installed, p.Type), Target: kind.target}
	if known && p.FromLockFile {
		g.Type, g.Target = kind.locked, ""
	}
	g.Target = cmp.Or(g.Target, firstPath(p), p.Type, "packages")
	return g
}

func trivyLayerOf(layer int, r *Report) trivyLayer {
	if layer < 0 || layer >= len(r.Target.Layers) {
		return trivyLayer{}
	}
	l := r.Target.Layers[layer]
	return trivyLayer{l.Digest, l.DiffID}
}

func trivyID(p *sbom.Package) string { return p.Name + "@" + p.Version }

func trivyUID(p *sbom.Package) string { return uuid(p.PURL, firstPath(p))[:16] }

func trivyPackageOf(p *sbom.Package, r *Report) trivyPackage {
	one := trivyPackage{
		ID: trivyID(p), Name: p.Name, Identifier: trivyIdentifier{p.PURL, trivyUID(p)}, Version: p.Version, Arch: p.Arch, SrcName: p.Source.Name,
		SrcVersion: p.Source.Version, Licenses: p.Licenses, Layer: trivyLayerOf(p.Layer, r), Dev: p.Development,
	}
	if !purl.OfDistribution(p.Type) {
		one.FilePath = firstPath(p)
	}
	for _, on := range p.DependsOn {
		needed := standIn(&finding.Vulnerability{Package: on})
		one.DependsOn = append(one.DependsOn, needed.Name[strings.LastIndexByte(needed.Name, '/')+1:]+"@"+needed.Version)
	}
	return one
}

// trivyStatuses are Trivy's words for the states of a fix.
var trivyStatuses = map[finding.FixState]string{finding.Fixed: "fixed", finding.Affected: "affected", finding.WontFix: "will_not_fix",
	finding.Deferred: "fix_deferred", finding.NotAffected: "not_affected"}

// trivySeverity is one of the five that Trivy knows.
func trivySeverity(s finding.Severity) string {
	if s == finding.Negligible {
		s = finding.Low
	}
	return s.String()
}

func trivyVulnerabilityOf(v *finding.Vulnerability, p *sbom.Package, r *Report) trivyVulnerability {
	one := trivyVulnerability{
		VulnerabilityID: v.ID, PkgID: trivyID(p), PkgName: p.Name, PkgIdentifier: trivyIdentifier{v.Package, trivyUID(p)}, InstalledVersion: p.Version,
		FixedVersion: v.Fix.Version, Status: cmp.Or(trivyStatuses[v.Fix.State], "unknown"), Layer: trivyLayerOf(v.Layer, r), SeveritySource: v.SeveritySource,
		PrimaryURL: helpURI(v), Severity: trivySeverity(v.Severity), Title: v.Title,
		Description: resultMessage(v, p.Name, p.Version, typeWord(p.Type), p.UpgradeTo),
	}
	if !purl.OfDistribution(p.Type) {
		one.PkgPath = firstPath(p)
	}
	for _, id := range append([]string{v.Advisory.ID}, v.Advisory.Also...) {
		if id != "" && id != v.ID && !slices.Contains(v.Aliases, id) {
			one.VendorIDs = append(one.VendorIDs, id)
		}
	}
	for _, uri := range append([]string{one.PrimaryURL}, pagesOf(append([]string{v.ID}, v.Aliases...))...) {
		if uri != "" && !slices.Contains(one.References, uri) {
			one.References = append(one.References, uri)
		}
	}
	if v.Advisory.Source != "" {
		one.DataSource = &trivyDataSource{v.Advisory.Source, v.Advisory.Source, one.PrimaryURL}
	}
	for _, c := range v.CVSS {
		if one.CVSS == nil {
			one.CVSS = map[string]*trivyCVSS{}
		}
		of := one.CVSS[c.Source]
		if of == nil {
			of = &trivyCVSS{}
			one.CVSS[c.Source] = of
		}
		switch {
		case strings.HasPrefix(c.Vector, "CVSS:4"):
			of.V40Vector, of.V40Score = c.Vector, c.Score
		case strings.HasPrefix(c.Vector, "CVSS:3"), c.Vector == "":
			of.V3Vector, of.V3Score = c.Vector, c.Score
		default:
			of.V2Vector, of.V2Score = c.Vector, c.Score
		}
	}
	return one
}

func pagesOf(ids []string) []string {
	var list []string
	for _, id := range ids {
		list = append(list, pageOf(id))
	}
	return list
}

// trivyElse are the results about the configuration and about secrets, a target
// for each file.
func trivyElse(r *Report) []trivyResult {
	var results []trivyResult
	config := trivyResult{Target: r.Target.Ref, Class: "config", Type: "dockerfile", MisconfSummary: &trivySummary{}}
	for i := range r.Misconfigurations {
		m := &r.Misconfigurations[i]
		one := trivyFault{Type: "Careen image check", ID: m.Rule, AVDID: m.Rule, Title: m.Title, Description: m.Title, Message: m.Message, Resolution: m.Fix,
			Severity: trivySeverity(m.Severity), PrimaryURL: lintPage(m.Rule), References: []string{lintPage(m.Rule)}, Status: "FAIL"}
		one.Cause = trivyCause{Provider: "Dockerfile", Service: "general", Code: trivyCode{[]string{}}}
		if m.Line != nil {
			one.Cause.StartLine, one.Cause.EndLine = m.Line.Line, m.Line.Line
		}
		if m.Suppressed != nil {
			config.Modified = append(config.Modified, trivyModified{"misconfiguration", "ignored", m.Suppressed.Why, m.Suppressed.By, one})
			continue
		}
		config.MisconfSummary.Failures++
		config.Misconfigurations = append(config.Misconfigurations, one)
	}
	if len(config.Misconfigurations)+len(config.Modified) > 0 {
		results = append(results, config)
	}
	byFile := map[string]*trivyResult{}
	var files []string
	for i := range r.Secrets {
		s := &r.Secrets[i]
		for j := range s.Places {
			p := &s.Places[j]
			target := "/" + p.Path
			if p.Path == "" {
				target = cmp.Or(strings.TrimSpace(p.Kind+" "+p.Name), r.Target.Ref)
			}
			g := byFile[target]
			if g == nil {
				g = &trivyResult{Target: target, Class: "secret"}
				byFile[target] = g
				files = append(files, target)
			}
			one := trivySecret{s.Rule, "careen", trivySeverity(s.Severity), s.Title, max(p.InFile, 1), max(p.InFile, 1), trivyCode{[]string{}}, s.Redacted, trivyLayerOf(p.Layer, r)}
			if s.Suppressed != nil {
				g.Modified = append(g.Modified, trivyModified{"secret", "ignored", s.Suppressed.Why, s.Suppressed.By, one})
				continue
			}
			g.Secrets = append(g.Secrets, one)
		}
	}
	for _, target := range files {
		results = append(results, *byFile[target])
	}
	return results
}
