package catalog

import (
	"cmp"
	"slices"
	"strings"

	"github.com/careen/careen/internal/lazy"
	"github.com/careen/careen/internal/purl"
	"github.com/careen/careen/internal/sbom"
)

// A distribution's advisories speak of what the distribution built. Anyone else
// built a package of its type, under whatever name and version, is found here by
// what the package's own record, its files and its version say; where nothing
// says otherwise the distribution built it.

// unnamedBuilder is the builder of a package whose record names nobody although
// every package of the distribution names it.
const unnamedBuilder = "unknown"

// nameBuilders sets Builder of each package of a distribution's type that
// another than the distribution built. repositories are those that the image names.
func nameBuilders(d sbom.Distro, packages []sbom.Package, repositories ...repository) {
	known := builders(knownBuilders())
	others := known.others(repositories)
	for i := range packages {
		p := &packages[i]
		if !purl.OfDistribution(p.Type) {
			continue
		}
		switch {
		case p.Type == "rpm":
			others.nameRPM(p, known.ofRPM(d, p))
		case p.Builder == "":
			p.Builder = cmp.Or(known.of(d, p), others.of(p))
		}
		if p.Type != "rpm" {
			p.Vendor = "" // the maintainer: a person's name says nothing more
		}
	}
}

// of names who built a deb or an apk, "" for its distribution.
func (all builders) of(d sbom.Distro, p *sbom.Package) string {
	switch p.Type {
	case "deb":
		return cmp.Or(all.ofDeb(d, p), all.maintainer(p.Vendor))
	case "apk":
		return all.maintainer(p.Vendor)
	}
	return ""
}

// codenameRevision matches versions that name the release for which they were
// built by its codename: "1.24.0-1~bookworm", "8.0.35-27-1.jammy". Debian and Ubuntu
// write numbers: "~deb12u1", "+deb12u1", "~bpo12+1", "~22.04.1".
var codenameRevision = lazy.Regexp(`[~.+-](?:wheezy|jessie|stretch|buster|bullseye|bookworm|trixie|forky|trusty|xenial|bionic|focal|jammy|noble|plucky|questing)`)

// releaseRevision matches versions that name the release by its number, where Debian
// and Ubuntu write "deb12" and "22.04.1": "+debian12", "+ubuntu22.04".
var releaseRevision = lazy.Regexp(`[+](?:debian1[0-9]|ubuntu[12][0-9][.]04)`)

// namesRelease reports whether a version does either. Most have no word of five
// letters, which the shortest codename and "debian" have.
func namesRelease(version string) bool {
	letters := 0
	for i := 0; i < len(version) && letters < 5; i++ {
		if letters++; version[i] < 'a' || version[i] > 'z' {
			letters = 0
		}
	}
	return letters >= 5 && (codenameRevision().MatchString(version) || releaseRevision().MatchString(version))
}

// ofDeb goes by the version and by the place of the files: Debian's policy
// leaves /opt to others (section 9.1.1).
func (all builders) ofDeb(d sbom.Distro, p *sbom.Package) string {
	if mark := all.marked(p.Version); mark != "" {
		return mark
	}
	inOpt := slices.ContainsFunc(p.Files, func(f string) bool { return strings.HasPrefix(f, "opt/") })
	if inOpt || namesRelease(p.Version) {
		return cmp.Or(all.called(strings.ToLower(p.Vendor)), maintainerName(p.Vendor), unnamedBuilder)
	}
	if d.ID == "debian" && strings.Contains(p.Version, "ubuntu") {
		return "Ubuntu"
	}
	return ""
}

// rpmVendors has the words of which the vendor of a distribution's own rpm has
// one.
var rpmVendors = map[string][]string{
	"almalinux": {"almalinux", "alma linux"},
	"rocky":     {"rocky"},
	"rhel":      {"red hat"}, "redhat": {"red hat"},
	"centos":     {"centos", "red hat"},
	"scientific": {"scientific", "fermi", "red hat"},
	"ol":         {"oracle america", "oracle linux"},
	"amzn":       {"amazon"},
	"fedora":     {"fedora"},
	"sles":       {"suse"}, "sles_sap": {"suse"}, "sled": {"suse"}, "sle-hpc": {"suse"}, "sle_hpc": {"suse"},
	"sle-micro": {"suse"}, "suse-microos": {"suse"}, "sl-micro": {"suse"},
	"opensuse": {"suse"}, "opensuse-leap": {"suse"}, "opensuse-tumbleweed": {"suse"},
	"azurelinux": {"microsoft"}, "mariner": {"microsoft"},
	"photon":    {"vmware", "broadcom"},
	"openeuler": {"openeuler"},
	"mageia":    {"mageia"},
}

// ofRPM goes by the key that signed it, as far as the database has that key, and
// by the vendor, which rpm's build systems set.
func (all builders) ofRPM(d sbom.Distro, p *sbom.Package) string {
	if mark := all.marked(p.Version); mark != "" {
		return mark
	}
	words := rpmVendors[d.ID]
	if words == nil {
		return ""
	}
	if p.Signer != "" {
		return all.signedBy(d, p.Signer, words)
	}
	vendor := strings.ToLower(p.Vendor)
	own := func(word string) bool { return strings.Contains(vendor, word) }
	switch {
	case vendor == "":
		return ""
	case vendor == "fedora project" && d.ID != "fedora":
		return "EPEL"
	case !slices.ContainsFunc(words, own),
		strings.Contains(vendor, "copr"),    // anybody's, on Fedora's machines
		strings.HasPrefix(vendor, "obs://"), // anybody's, on SUSE's
		words[0] == "microsoft" && !strings.Contains(p.Version, ".azl") && !strings.Contains(p.Version, ".cm"): // of packages.microsoft.com
		return cmp.Or(all.called(vendor), p.Vendor)
	}
	return ""
}

// keyWords are in the user ids of keys with which distributions sign, where those
// of vendors are not.
var keyWords = map[string][]string{
	"rhel": {"redhat"}, "redhat": {"redhat"},
	"ol":         {"oracle oss group", "secalert_us@oracle.com"},
	"azurelinux": {"azure linux", "mariner"}, "mariner": {"azure linux", "mariner"},
	"photon": {"photon"},
}

// signedBy names the owner of a key, "" for the distribution itself.
func (all builders) signedBy(d sbom.Distro, signer string, words []string) string {
	lower := strings.ToLower(signer)
	has := func(word string) bool { return strings.Contains(lower, word) }
	if words[0] == "microsoft" { // signs what it builds for others with another key
		words = nil
	}
	someone := has("copr") || has(" sig ") || has("special interest group") || has("(epel") ||
		has("obs project") && !strings.HasPrefix(lower, "suse:") && !strings.HasPrefix(lower, "opensuse:")
	if !someone && (slices.ContainsFunc(words, has) || slices.ContainsFunc(keyWords[d.ID], has)) {
		return ""
	}
	return cmp.Or(all.called(lower), maintainerName(signer), unnamedBuilder)
}

// nameVendorless marks the rpms of a database that name no vendor where most
// do, and that no key signed that it has: build systems set it, rpmbuild on
// somebody's machine does not.
func nameVendorless(packages []sbom.Package) {
	n := 0
	for i := range packages {
		if packages[i].Vendor == "" {
			n++
		}
	}
	if 2*n >= len(packages) {
		return
	}
	for i := range packages {
		if packages[i].Vendor == "" && packages[i].Signer == "" {
			packages[i].Builder = unnamedBuilder
		}
	}
}

// ownWords are in the names and addresses of those who maintain packages of
// Debian, Ubuntu, their derivatives and Alpine.
var ownWords = []string{"debian", "ubuntu", "canonical.com", "alpine", "devuan", "raspbian", "wolfi", "chainguard"}

// sharedHosts serve the addresses of anybody's projects: a team there may well be
// Debian's (XFS Development Team <linux-xfs@vger.kernel.org>).
var sharedHosts = []string{"kernel.org", "gnu.org", "nongnu.org", "launchpad.net", "sourceforge.net", "googlegroups.com", "groups.io", "freedesktop.org",
	"gnome.org", "kde.org", "gmail.com", "riseup.net"}

// maintainer names the organisation of which a maintainer field speaks, ""
// for a distribution's maintainer or a person: many who maintain packages of
// Debian and Alpine do so under addresses of their own.
func (all builders) maintainer(maintainer string) string {
	lower := strings.ToLower(maintainer)
	name, address, ok := strings.Cut(lower, "<")
	address, _, _ = strings.Cut(address, ">")
	switch {
	case strings.TrimSpace(lower) == "", slices.ContainsFunc(ownWords, func(w string) bool { return strings.Contains(lower, w) }):
		return ""
	case all.called(lower) != "":
		return all.called(lower)
	case strings.Contains(address, "noreply"): // a distribution wants one that is read (Debian Policy 3.3)
		return cmp.Or(maintainerName(maintainer), unnamedBuilder)
	case !ok && !strings.Contains(name, "@"):
		return maintainerName(maintainer) // the name of a company, where a maintainer has an address
	case !ok:
		address = name
	}
	local, host, _ := strings.Cut(strings.TrimSpace(address), "@")
	if strings.HasPrefix(host, "lists.") || slices.ContainsFunc(sharedHosts, func(h string) bool { return host == h || strings.HasSuffix(host, "."+h) }) {
		return ""
	}
	if !strings.Contains(host, ".") || isOrganisation(name) || isRole(local) && !isOwnHost(name, host) || isCompanyAddress(name, host) {
		return cmp.Or(maintainerName(maintainer), unnamedBuilder)
	}
	return ""
}

// maintainerName is what stands before the address, or the address.
func maintainerName(maintainer string) string {
	name, address, _ := strings.Cut(maintainer, "<")
	return cmp.Or(strings.Trim(strings.TrimSpace(name), `"`), strings.TrimRight(address, "> "))
}

func isOrganisation(name string) bool {
	for word := range strings.FieldsFuncSeq(name, func(r rune) bool { return r == ' ' || r == ',' || r == '.' || r == '(' || r == ')' }) {
		switch word {
		case "inc", "llc", "ltd", "gmbh", "corp", "corporation", "company", "labs", "team", "packaging", "packages", "packagers", "packager", "developers",
			"authors", "project", "foundation", "maintainers", "systems", "software", "technologies", "support", "engineering", "builds", "bot", "group", "contributors":
			return true
		}
	}
	return false
}

// isRole reports whether what stands before the @ is an office, not a person.
func isRole(local string) bool {
	for word := range strings.FieldsFuncSeq(local, func(r rune) bool { return r == '.' || r == '-' || r == '_' || r == '+' }) {
		switch word {
		case "support", "info", "contact", "packaging", "packages", "package", "packagers", "pkgs", "pkg", "team", "dev", "devel", "devs", "developers", "build", "builds",
			"builder", "noreply", "admin", "maintainers", "hello", "ops", "security", "releases", "release", "engineering", "repo", "bot", "root", "sales",
			"vagrant", "jenkins", "runner":
			return true
		}
	}
	return false
}

// isOwnHost recognises a person's own host, by the last name in it:
// Thomas Pierson <contact@thomaspierson.fr>.
func isOwnHost(name, host string) bool {
	words := strings.Fields(name)
	return len(words) > 1 && strings.Contains(host, strings.ReplaceAll(words[len(words)-1], "-", ""))
}

// isCompanyAddress recognises a name of one word that is also the name of the
// host: Docker <moby@docker.com>.
func isCompanyAddress(name, host string) bool {
	name = strings.TrimSpace(name)
	return len(name) > 2 && !strings.Contains(name, " ") && slices.Contains(strings.Split(host, "."), name)
}
