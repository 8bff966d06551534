package match

import (
	"fmt"
	"slices"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/purl"
	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/vulndb"
)

// Key is a package as installed: everything that decides which advisories it is
// affected by, and nothing else. The rules of this room read a Key and no package,
// so what they look at is in it or they do not build. Two packages with one key
// have the same findings, whatever images they are in; where they lie and which
// layer brought them is added to the findings afterwards.
//
// Its fields are encoded as they are by the rooms that keep keys: renaming one, or a new
// meaning, makes new keys of all packages.
type Key struct {
	Type       string        `json:"type"`
	Name       string        `json:"name"`
	Version    string        `json:"version"`
	Arch       string        `json:"arch,omitempty"`
	Source     sbom.Source   `json:"source,omitzero"`
	Modularity string        `json:"modularity,omitempty"`
	Builder    string        `json:"builder,omitempty"`
	Symbols    *sbom.Symbols `json:"symbols,omitempty"`
	Roots      []string      `json:"roots,omitempty"`   // of a jar without a group
	Release    *Release      `json:"release,omitempty"` // of a distribution's package; nil for others

	// What the image around the package decides.
	Owned       bool   `json:"owned,omitempty"`       // a package of the distribution answers for it
	Subscribed  bool   `json:"subscribed,omitempty"`  // packages of Ubuntu Pro are installed
	SourceEpoch string `json:"sourceEpoch,omitempty"` // "4:": of an rpm's source, which its own number does not tell
	AnyEpoch    bool   `json:"anyEpoch,omitempty"`    // nor does any other package
}

// Release is what a distribution's release means for the judging of its packages.
type Release struct {
	Unknown     sbom.Reason `json:"unknown,omitempty"`    // set: no advisories are known to be for it
	Ecosystems  []string    `json:"ecosystems,omitempty"` // OSV's names; those that the database holds are used
	PackageType string      `json:"packageType,omitempty"`
	Names       nameRule    `json:"names,omitempty"`
	Repos       []string    `json:"repos"` // what Advisory.Repo may say to be about such an image; nil: anything
}

// around is what the image says that its packages are judged by.
type around struct {
	release      release
	others       map[string]bool        // purls of packages that another than the distribution built
	subscribed   bool                   // packages of Ubuntu Pro are installed
	sourceEpochs map[sbom.Source]string // of the rpms that are installed
}

func aroundOf(distro sbom.Distro, pkgs []sbom.Package) around {
	a := around{others: ofOthers(pkgs)}
	known := false
	if a.release, known = releaseOf(distro); !known {
		a.release = release{Release: Release{Unknown: sbom.NobodyPublish}}
		switch {
		case distro.ID == "":
			a.release.Unknown = sbom.NoDistribution
		case published(distro.ID):
			a.release.Unknown = sbom.NoData
		}
	}
	a.subscribed = slices.ContainsFunc(pkgs, func(p sbom.Package) bool { return p.Type == "deb" && fromESM(p.Version) })
	if a.release.PackageType == "rpm" && a.release.Names != byBinary {
		a.sourceEpochs = epochsOf(pkgs)
	}
	return a
}

// key fills in the key of a package.
func (a *around) key(k *Key, p *sbom.Package) {
	*k = Key{
		Type: p.Type, Name: p.Name, Version: p.Version, Arch: p.Arch, Source: p.Source,
		Modularity: p.Modularity, Builder: p.Builder, Symbols: p.Symbols, Roots: p.Roots,
	}
	if !purl.OfDistribution(p.Type) {
		// The distribution that installed it answers for it, under the name and
		// the version of its own package. For what is in a package of another
		// builder (NodeSource's npm) nobody answers but the language.
		k.Owned = p.Owner != "" && !a.others[p.Owner]
		return
	}
	k.Release, k.Subscribed = &a.release.Release, a.subscribed && p.Type == "deb"
	if a.sourceEpochs == nil || p.Type != "rpm" {
		return
	}
	if source, version := sourceOf(k); ownNumber(k) {
		epoch, ok := a.sourceEpochs[sbom.Source{Name: source, Version: version}]
		k.SourceEpoch, k.AnyEpoch = epoch, !ok
	}
}

// Keys returns the key of each package that was found in an image of a
// distribution, in the order of the packages.
func Keys(distro sbom.Distro, pkgs []sbom.Package) []Key {
	a := aroundOf(distro, pkgs)
	list := make([]Key, len(pkgs))
	for i := range pkgs {
		a.key(&list[i], &pkgs[i])
	}
	return list
}

// Names lists every name under which the key's advisories are looked up. What a
// database says of a key follows from what it says of these names and of their
// ecosystems.
func (k *Key) Names() []vulndb.PackageName {
	var list []vulndb.PackageName
	for _, l := range new(matcher).questions(k) {
		list = append(list, vulndb.PackageName{Ecosystem: l.ordered.name, Name: l.name})
	}
	return list
}

// Outcome is what the advisories say of a key. Its findings lack what a package
// adds: purl, places, layer, reach, fingerprint.
type Outcome struct {
	Judged          sbom.Judged
	UpgradeTo       string
	Vulnerabilities []finding.Vulnerability // sorted by id
}

// KeyMatcher compares keys with the advisories of one database, one after the
// other. It is not for use by several goroutines.
type KeyMatcher struct {
	m        *matcher
	releases map[string]*Release // one of each, by what it says
}

// NewKeyMatcher returns one for the advisories of db. The findings keep no memory of db.
func NewKeyMatcher(db Advisories, opt Options) *KeyMatcher {
	return &KeyMatcher{newMatcher(db, opt), map[string]*Release{}}
}

// Match compares one key.
func (km *KeyMatcher) Match(key *Key) Outcome {
	m, k := km.m, *key
	if k.Release != nil {
		k.Release = km.one(k.Release)
	}
	m.found, m.reach, m.tally, m.heard = nil, nil, tally{}, 0
	o := m.matchKey(&k)
	slices.SortStableFunc(m.found, compareFindings)
	out := Outcome{UpgradeTo: o.upgradeTo, Vulnerabilities: m.found}
	if o.judged != nil {
		out.Judged = *o.judged
	}
	return out
}

// one returns the first release that said the same.
func (km *KeyMatcher) one(r *Release) *Release {
	says := fmt.Sprintf("%q", *r)
	if km.releases[says] == nil {
		km.releases[says] = r
	}
	return km.releases[says]
}
