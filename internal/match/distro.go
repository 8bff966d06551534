package match

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/careen/careen/internal/sbom"
)

// release is a distribution's release in the words of the advisories.
type release struct {
	Release
	title   string  // "Debian 12", for messages
	warning Warning // says what is special about the match; Kind "" when nothing is
}

// nameRule says which names a distribution's advisories go by.
type nameRule uint8

const (
	bySource nameRule = iota // of the source package
	byBinary                 // of the installed package
	byBoth                   // either, depending on the feed
)

// releaseOf finds the advisories that belong to an image. Unless the comment
// at a case says otherwise, the names are those of the OSV schema's list of
// ecosystems (https://ossf.github.io/osv-schema/#defined-ecosystems). Where
// OSV has none (Oracle, Amazon, Fedora, Arch), they are ours: the
// distribution's name and the release.
func releaseOf(d sbom.Distro) (release, bool) {
	if !plainRelease(d.VersionID) {
		return release{}, false
	}
	major, minor := majorMinor(d.VersionID)
	deb := func(title string, ecosystems ...string) (release, bool) {
		return release{title: title, Release: Release{Ecosystems: ecosystems, PackageType: "deb"}}, true
	}
	apk := func(title string, names nameRule, ecosystems ...string) (release, bool) {
		return release{title: title, Release: Release{Ecosystems: ecosystems, PackageType: "apk", Names: names}}, true
	}
	rpm := func(title string, names nameRule, ecosystems ...string) (release, bool) {
		return release{title: title, Release: Release{Ecosystems: ecosystems, PackageType: "rpm", Names: names}}, true
	}

	switch d.ID {
	case "debian":
		return debian(d)
	case "raspbian":
		// Rebuilds Debian's sources for another baseline, with "+rpi1" added
		// to what it changes.
		r, ok := debian(d)
		return r.derived("Raspbian", "rebuilds Debian's sources"), ok
	case "devuan":
		// Takes Debian's own packages but for some hundred that it builds
		// without systemd. Its releases are numbered by themselves.
		n, ok := map[string]string{"1": "8", "2": "9", "3": "10", "4": "11", "5": "12", "6": "13"}[major]
		if !ok {
			return release{}, false
		}
		r, _ := deb("Devuan "+major, "Debian:"+n)
		return r.derived(r.title, "takes most of its packages from Debian "+n), true
	case "ubuntu":
		return ubuntu(d.VersionID)
	case "pop":
		// Ubuntu's archive under the same release number, and System76's own
		// packages next to it.
		r, ok := ubuntu(d.VersionID)
		return r.derived("Pop!_OS "+d.VersionID, "takes most of its packages from Ubuntu"), ok
	case "echo":
		return deb("Echo", "Echo")

	case "alpine":
		if isEdge(d) {
			// secdb has a folder "edge"; OSV has no name for it.
			return apk("Alpine edge", bySource, "Alpine:edge")
		}
		if minor == "" {
			return release{}, false
		}
		branch := "v" + major + "." + minor
		return apk("Alpine "+branch, bySource, "Alpine:"+branch)
	// Chainguard's records name subpackages too, its secdb origins.
	case "wolfi":
		return apk("Wolfi", byBoth, "Wolfi")
	case "chainguard":
		return apk("Chainguard OS", byBoth, "Chainguard")
	case "minimos":
		return apk("MinimOS", byBoth, "MinimOS")
	case "alpaquita":
		version := d.VersionID
		if version == "" {
			version = "stream"
		}
		return apk("Alpaquita "+version, bySource, "Alpaquita:"+version)

	case "almalinux":
		// The schema says "source package", but AlmaLinux/osv-database lists
		// each binary rpm, as its errata do.
		return rpm("AlmaLinux "+major, byBinary, "AlmaLinux:"+major)
	case "rocky":
		// OSV's records name sources, updateinfo.xml binaries.
		r, _ := rpm("Rocky Linux "+major, byBoth, "Rocky Linux:"+major)
		r.Repos = []string{} // the special interest groups' builds ("sig-cloud") are other packages
		return r, true
	case "rhel", "redhat":
		return redhat("Red Hat Enterprise Linux", major)
	case "centos":
		// CentOS published no advisories. CentOS Linux rebuilt each RHEL
		// erratum under RHEL's version; CentOS Stream is what the next minor
		// release of RHEL will be, and may be ahead of an erratum or behind it.
		r, ok := redhat("CentOS", major)
		why := "rebuilds Red Hat's sources"
		if strings.Contains(d.PrettyName, "Stream") {
			r.title, why = "CentOS Stream "+major, "runs ahead of Red Hat's errata"
		}
		return r.derived(r.title, why), ok
	case "scientific":
		r, ok := redhat("Scientific Linux", major)
		return r.derived(r.title, "rebuilds Red Hat's sources"), ok
	case "ol":
		r, ok := rpm("Oracle Linux "+major, byBinary, "Oracle Linux:"+major)
		r.Repos = []string{} // Ksplice and FIPS builds are other packages
		return r, ok
	case "amzn":
		if len(major) == 4 && major < "2020" {
			major = "1" // the AMIs 2010.11 to 2018.03 are one release
		}
		return rpm("Amazon Linux "+major, byBinary, "Amazon Linux:"+major)
	case "fedora":
		return rpm("Fedora "+d.VersionID, byBoth, "Fedora:"+d.VersionID)
	case "sles", "sles_sap", "sled", "sle-hpc", "sle_hpc":
		return suse(d, major, minor)
	case "sle-micro", "suse-microos", "sl-micro":
		return rpm("SUSE Linux Micro "+d.VersionID, byBoth,
			"SUSE:Linux Enterprise Micro "+d.VersionID, "SUSE:Linux Micro "+d.VersionID)
	case "opensuse-leap", "opensuse":
		return rpm("openSUSE Leap "+d.VersionID, byBoth, "openSUSE:Leap "+d.VersionID)
	case "opensuse-tumbleweed":
		return rpm("openSUSE Tumbleweed", byBoth, "openSUSE:Tumbleweed")
	case "azurelinux", "mariner":
		// One family under two names since the renaming in 2024.
		return rpm("Azure Linux "+major, bySource, "Azure Linux:"+major)
	case "photon":
		return rpm("Photon OS "+d.VersionID, byBoth, "Photon OS:"+d.VersionID)
	case "openeuler":
		return rpm("openEuler "+d.VersionID, byBoth, openEuler(d)...)
	case "mageia":
		return rpm("Mageia "+major, bySource, "Mageia:"+major)

	case "arch":
		return release{title: "Arch Linux", Release: Release{Ecosystems: []string{"Arch Linux"}, PackageType: "alpm", Names: byBinary}}, true
	}
	return release{}, false
}

// published reports whether there are advisories for some release of a distribution:
// if so, those of an image that does not say which it is are only not found.
func published(id string) bool {
	_, ok := releaseOf(sbom.Distro{ID: id, VersionID: "1.1"})
	return ok
}

// derived marks a release that is matched against its parent's advisories.
func (r release) derived(title, why string) release {
	r.title = title
	r.warning = Warning{
		Kind:       "derived-distribution",
		Message:    fmt.Sprintf("%s publishes no advisories of its own; it %s, so those were used: packages that it changed may be judged wrongly", title, why),
		Incomplete: true,
	}
	return r
}

// debianReleases are the codenames that an image may carry without a number:
// testing and unstable have no VERSION_ID until the release is frozen
// (distro-info-data, debian.csv).
var debianReleases = map[string]string{
	"squeeze": "6.0", "wheezy": "7", "jessie": "8", "stretch": "9", "buster": "10",
	"bullseye": "11", "bookworm": "12", "trixie": "13", "forky": "14", "duke": "15",
}

func debian(d sbom.Distro) (release, bool) {
	number, minor := majorMinor(d.VersionID)
	number = cmp.Or(debianReleases[number], number)
	if n, err := strconv.Atoi(number); err == nil && n <= 6 {
		// Up to squeeze the first two numbers were the release, and OSV keeps
		// them: "Debian:3.1", "Debian:6.0".
		if minor == "" {
			minor = "0"
		}
		number += "." + minor
	}
	r := release{Release: Release{PackageType: "deb"}}
	if number == "" {
		codename, _, _ := strings.Cut(d.Codename, "/")
		if codename == "" {
			// "Debian GNU/Linux trixie/sid"
			words := strings.Fields(d.PrettyName)
			if len(words) > 0 {
				codename, _, _ = strings.Cut(words[len(words)-1], "/")
			}
		}
		number = debianReleases[strings.Trim(codename, "()")]
		if number == "" {
			return release{}, false
		}
		if !strings.Contains(d.PrettyName, "/sid") {
			r.title = "Debian " + number
			r.Ecosystems = []string{"Debian:" + number}
			return r, true
		}
		// Unstable calls itself by the name of testing, and neither has a
		// security team's advisories: fixes are uploaded, not announced.
		r.warning = Warning{
			Kind:       "derived-distribution",
			Message:    fmt.Sprintf("Debian testing and unstable get no advisories of their own; those of Debian %s were used", number),
			Incomplete: true,
		}
	}
	r.title = "Debian " + number
	r.Ecosystems = []string{"Debian:" + number}
	return r, true
}

// ubuntu: the importer puts LTS and Pro, which OSV has in the ecosystem's name
// ("Ubuntu:Pro:22.04:LTS"), aside. Fixes of Pro (Expanded Security Maintenance)
// stay apart by their Repo; those of FIPS, real-time or vendors' builds are
// other packages, and are not used.
func ubuntu(id string) (release, bool) {
	year, month := majorMinor(id)
	if year == "" || month == "" {
		return release{}, false
	}
	id = year + "." + month
	return release{title: "Ubuntu " + id, Release: Release{PackageType: "deb", Ecosystems: []string{"Ubuntu:" + id},
		Repos: []string{"pro", "esm", "esm-infra", "esm-infra-legacy", "esm-apps", "esm-apps-legacy"}}}, true
}

// redhat: the importer sorts OSV's CPEs ("Red Hat:enterprise_linux:9::baseos")
// under the release, with the rest in Repo. An image of RHEL or UBI has
// packages of the main product only: extended update support (rhel_eus,
// rhel_aus, …) fixes in older minor releases under lower versions, and layered
// products rebuild packages of the same name.
func redhat(name, major string) (release, bool) {
	return release{title: name + " " + major, Release: Release{
		Ecosystems:  []string{"Red Hat:" + major},
		PackageType: "rpm",
		Names:       byBoth,
		Repos:       []string{"enterprise_linux:" + major, "rhel_software_collections:3", "rhel_extras:" + major},
	}}, major != ""
}

// suse names the products that a SUSE Linux Enterprise image has packages
// from: since 15, the base container image is put together from modules, each
// with advisories of its own.
func suse(d sbom.Distro, major, minor string) (release, bool) {
	if major == "" {
		return release{}, false
	}
	id := major
	switch {
	case major >= "16" && len(major) == 2 && minor != "":
		id = major + "." + minor // no service packs any more
	case minor != "" && minor != "0":
		id = major + " SP" + minor
	}
	r := release{title: "SUSE Linux Enterprise Server " + id, Release: Release{PackageType: "rpm", Names: byBoth}}
	for _, product := range []string{"Server %s", "Server %s-LTSS", "Server for SAP Applications %s", "Desktop %s", "High Performance Computing %s",
		"Module for Basesystem %s", "Module for Server Applications %s", "Module for Development Tools %s", "Module for Web and Scripting %s",
		"Module for Python 3 %s", "Module for Containers %s", "Module for Desktop Applications %s", "Module for Legacy %s", "Module for Public Cloud %s",
		"Module for Package Hub %s", "Software Development Kit %s"} {
		r.Ecosystems = append(r.Ecosystems, "SUSE:Linux Enterprise "+fmt.Sprintf(product, id))
	}
	return r, true
}

// openEuler writes "22.03 (LTS-SP4)" in its pretty name where OSV writes
// "openEuler:22.03-LTS-SP4".
func openEuler(d sbom.Distro) []string {
	if _, inner, ok := strings.Cut(d.PrettyName, "("); ok {
		if stage, _, ok := strings.Cut(inner, ")"); ok {
			return []string{"openEuler:" + d.VersionID + "-" + stage}
		}
	}
	return []string{"openEuler:" + d.VersionID}
}

// isEdge recognises Alpine's rolling branch: its version is that of the next
// release with a date, "3.21.0_alpha20240807".
func isEdge(d sbom.Distro) bool {
	return strings.Contains(d.VersionID, "_alpha") || strings.Contains(d.VersionID, "_git") ||
		d.VersionID == "edge" || strings.HasSuffix(d.PrettyName, " edge")
}

// plainRelease: anything else in a release's number is no release, and would
// only travel on into names of ecosystems and messages.
func plainRelease(id string) bool {
	const maxRelease = 64
	return len(id) <= maxRelease && !strings.ContainsFunc(id, func(r rune) bool {
		return !(r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune("._-+~", r))
	})
}

// majorMinor splits "3.20.3" into "3" and "20".
func majorMinor(id string) (major, minor string) {
	major, rest, _ := strings.Cut(id, ".")
	minor, _, _ = strings.Cut(rest, ".")
	return major, minor
}
