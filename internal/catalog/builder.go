package catalog

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

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
// another than the distribution built.
func nameBuilders(d sbom.Distro, packages []sbom.Package) {
	for i := range packages {
		p := &packages[i]
		if !purl.OfDistribution(p.Type) {
			continue
		}
		if p.Builder == "" {
			p.Builder = builderOf(d, p)
		}
		if p.Type != "rpm" {
			p.Vendor = "" // the maintainer: a person's name says nothing more
		}
	}
}

// builderOf names who built a package, "" for its distribution.
func builderOf(d sbom.Distro, p *sbom.Package) string {
	switch p.Type {
	case "rpm":
		return rpmBuilder(d, p)
	case "deb":
		return cmp.Or(debBuilder(d, p), maintainerBuilder(p.Vendor))
	case "apk":
		return maintainerBuilder(p.Vendor)
	}
	return ""
}

// versionMarks are what well-known repositories put into their versions.
var versionMarks = []struct{ mark, builder string }{
	{"nodesource", "NodeSource"},
	{".pgdg", "PostgreSQL (PGDG)"}, {"pgdg", "PostgreSQL (PGDG)"},
	{"deb.sury.org", "deb.sury.org"},
	{"+maria~", "MariaDB"}, {"+mariadb~", "MariaDB"},
	{"~debian.", "Docker"}, {"~ubuntu.", "Docker"}, {"~debian-", "Docker"}, {"~ubuntu-", "Docker"},
	{"+ppa", "a PPA"}, {"~ppa", "a PPA"},
	{".remi", "Remi"}, {".ngx", "nginx.org"}, {".elrepo", "ELRepo"}, {".ius", "IUS"}, {".rpmfusion", "RPM Fusion"}, {".copr", "COPR"},
}

func markedBuilder(version string) string {
	version = strings.ToLower(version)
	for _, m := range versionMarks {
		if strings.Contains(version, m.mark) {
			return m.builder
		}
	}
	return ""
}

// codenameRevision matches versions that name the release for which they were
// built by its codename: "1.24.0-1~bookworm", "8.0.35-27-1.jammy". Debian and Ubuntu
// write numbers: "~deb12u1", "+deb12u1", "~bpo12+1", "~22.04.1".
var codenameRevision = regexp.MustCompile(`[~.+-](?:wheezy|jessie|stretch|buster|bullseye|bookworm|trixie|forky|trusty|xenial|bionic|focal|jammy|noble|plucky|questing)`)

// debBuilder goes by the version and by the place of the files: Debian's policy
// leaves /opt to others (section 9.1.1).
func debBuilder(d sbom.Distro, p *sbom.Package) string {
	if mark := markedBuilder(p.Version); mark != "" {
		return cmp.Or(maintainerBuilder(p.Vendor), mark)
	}
	inOpt := slices.ContainsFunc(p.Files, func(f string) bool { return strings.HasPrefix(f, "opt/") })
	if inOpt || codenameRevision.MatchString(p.Version) {
		return cmp.Or(maintainerName(p.Vendor), unnamedBuilder)
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

// rpmBuilder goes by the vendor, which rpm's build systems set.
func rpmBuilder(d sbom.Distro, p *sbom.Package) string {
	if mark := markedBuilder(p.Version); mark != "" {
		return mark
	}
	vendor := strings.ToLower(p.Vendor)
	own := func(word string) bool { return strings.Contains(vendor, word) }
	words := rpmVendors[d.ID]
	switch {
	case vendor == "" || words == nil:
		return ""
	case !slices.ContainsFunc(words, own),
		strings.Contains(vendor, "copr"),    // anybody's, on Fedora's machines
		strings.HasPrefix(vendor, "obs://"), // anybody's, on SUSE's
		words[0] == "microsoft" && !strings.Contains(p.Version, ".azl") && !strings.Contains(p.Version, ".cm"): // of packages.microsoft.com
		return p.Vendor
	}
	return ""
}

// nameVendorless marks the rpms of a database that name no vendor where most
// do: build systems set it, rpmbuild on somebody's machine does not.
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
		if packages[i].Vendor == "" {
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

// maintainerBuilder names the organisation of which a maintainer field speaks, ""
// for a distribution's maintainer or a person: many who maintain packages of
// Debian and Alpine do so under addresses of their own.
func maintainerBuilder(maintainer string) string {
	lower := strings.ToLower(maintainer)
	name, address, ok := strings.Cut(lower, "<")
	address, _, _ = strings.Cut(address, ">")
	switch {
	case strings.TrimSpace(lower) == "", slices.ContainsFunc(ownWords, func(w string) bool { return strings.Contains(lower, w) }):
		return ""
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
