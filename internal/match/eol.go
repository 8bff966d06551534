package match

import (
	"strings"

	"github.com/careen/careen/internal/sbom"
)

// lifetime is when a release stops getting security fixes from those who made
// it, at no charge.
type lifetime struct {
	id      string // os-release's ID
	release string // as releaseKey gives it
	regular string // last day of fixes from the distribution's security team
	long    string // last day of fixes from its long-term team for everybody; "" when there is none
}

// lifetimes are restated from, in this order: Debian's distro-info-data
// (debian.csv, ubuntu.csv), alpinelinux.org/releases, Red Hat's life cycle page
// (end of maintenance), wiki.almalinux.org, wiki.rockylinux.org,
// docs.centos.org, Oracle's Lifetime Support Policy (Premier), the Amazon Linux
// FAQs, Fedora's schedule, suse.com/lifecycle (general support),
// en.opensuse.org/Lifetime, Broadcom's Photon OS wiki, Microsoft's Azure Linux
// life cycle. Debian and Ubuntu are held to distro-info-data by a test; the
// others were read from copies of 2026 and earlier, Alpine and Photon restated
// from memory of those pages, so a release that is missing here has no date rather
// than a guessed one. Paid extensions
// (ELTS, ESM, ELS, LTSS, Extended Support) are not counted: an image gets their
// fixes only with a subscription. Rolling releases have no dates.
var lifetimes = []lifetime{
	{"debian", "3.0", "2006-06-30", ""}, {"debian", "3.1", "2008-03-31", ""}, {"debian", "4.0", "2010-02-15", ""}, {"debian", "5.0", "2012-02-06", ""},
	{"debian", "6.0", "2014-05-31", "2016-02-29"},
	{"debian", "7", "2016-04-25", "2018-05-31"},
	{"debian", "8", "2018-06-17", "2020-06-30"},
	{"debian", "9", "2020-07-18", "2022-06-30"},
	{"debian", "10", "2022-09-10", "2024-06-30"},
	{"debian", "11", "2024-08-14", "2026-08-31"},
	{"debian", "12", "2026-07-11", "2028-06-30"},
	{"debian", "13", "2028-08-09", "2030-06-30"},

	{"ubuntu", "12.04", "2017-04-28", ""}, {"ubuntu", "14.04", "2019-04-25", ""}, {"ubuntu", "16.04", "2021-04-30", ""},
	{"ubuntu", "18.04", "2023-05-31", ""}, {"ubuntu", "18.10", "2019-07-18", ""}, {"ubuntu", "19.04", "2020-01-23", ""},
	{"ubuntu", "19.10", "2020-07-17", ""}, {"ubuntu", "20.04", "2025-05-29", ""}, {"ubuntu", "20.10", "2021-07-22", ""},
	{"ubuntu", "21.04", "2022-01-20", ""}, {"ubuntu", "21.10", "2022-07-14", ""}, {"ubuntu", "22.04", "2027-06-01", ""},
	{"ubuntu", "22.10", "2023-07-20", ""}, {"ubuntu", "23.04", "2024-01-25", ""}, {"ubuntu", "23.10", "2024-07-11", ""},
	{"ubuntu", "24.04", "2029-05-31", ""}, {"ubuntu", "24.10", "2025-07-10", ""}, {"ubuntu", "25.04", "2026-01-15", ""},
	{"ubuntu", "25.10", "2026-07-09", ""}, {"ubuntu", "26.04", "2031-05-29", ""}, {"ubuntu", "26.10", "2027-07-15", ""},

	{"alpine", "3.3", "2017-11-01", ""}, {"alpine", "3.4", "2018-05-01", ""}, {"alpine", "3.5", "2018-11-01", ""}, {"alpine", "3.6", "2019-05-01", ""},
	{"alpine", "3.7", "2019-11-01", ""}, {"alpine", "3.8", "2020-05-01", ""}, {"alpine", "3.9", "2020-11-01", ""}, {"alpine", "3.10", "2021-05-01", ""},
	{"alpine", "3.11", "2021-11-01", ""}, {"alpine", "3.12", "2022-05-01", ""}, {"alpine", "3.13", "2022-11-01", ""}, {"alpine", "3.14", "2023-05-01", ""},
	{"alpine", "3.15", "2023-11-01", ""}, {"alpine", "3.16", "2024-05-23", ""}, {"alpine", "3.17", "2024-11-22", ""}, {"alpine", "3.18", "2025-05-09", ""},
	{"alpine", "3.19", "2025-11-01", ""}, {"alpine", "3.20", "2026-04-01", ""}, {"alpine", "3.21", "2026-11-01", ""}, {"alpine", "3.22", "2027-05-01", ""},
	{"alpine", "3.23", "2027-11-01", ""},

	{"rhel", "5", "2017-03-31", ""}, {"rhel", "6", "2020-11-30", ""}, {"rhel", "7", "2024-06-30", ""}, {"rhel", "8", "2029-05-31", ""},
	{"rhel", "9", "2032-05-31", ""}, {"rhel", "10", "2035-05-31", ""},
	{"almalinux", "8", "2029-03-01", ""}, {"almalinux", "9", "2032-05-31", ""}, {"almalinux", "10", "2035-05-31", ""},
	{"rocky", "8", "2029-05-31", ""}, {"rocky", "9", "2032-05-31", ""}, {"rocky", "10", "2035-05-31", ""},
	{"centos", "6", "2020-11-30", ""}, {"centos", "7", "2024-06-30", ""}, {"centos", "8", "2021-12-31", ""},
	{"centos-stream", "8", "2024-05-31", ""}, {"centos-stream", "9", "2027-05-31", ""}, {"centos-stream", "10", "2030-01-01", ""},
	{"ol", "6", "2021-03-31", ""}, {"ol", "7", "2024-12-31", ""}, {"ol", "8", "2029-07-31", ""}, {"ol", "9", "2032-06-30", ""}, {"ol", "10", "2035-06-30", ""},
	{"amzn", "1", "2023-12-31", ""}, {"amzn", "2", "2026-06-30", ""}, {"amzn", "2023", "2029-06-30", ""},

	{"fedora", "33", "2021-11-30", ""}, {"fedora", "34", "2022-06-07", ""}, {"fedora", "35", "2022-12-13", ""}, {"fedora", "36", "2023-05-16", ""},
	{"fedora", "37", "2023-12-05", ""}, {"fedora", "38", "2024-05-21", ""}, {"fedora", "39", "2024-11-26", ""}, {"fedora", "40", "2025-05-13", ""},
	{"fedora", "41", "2025-12-15", ""}, {"fedora", "42", "2026-05-13", ""}, {"fedora", "43", "2026-12-09", ""},

	{"sles", "12.5", "2024-10-31", ""}, {"sles", "15", "2019-12-31", ""}, {"sles", "15.1", "2021-01-31", ""}, {"sles", "15.2", "2021-12-31", ""},
	{"sles", "15.3", "2022-12-31", ""}, {"sles", "15.4", "2023-12-31", ""}, {"sles", "15.5", "2024-12-31", ""}, {"sles", "15.6", "2025-12-31", ""},
	{"sles", "15.7", "2031-07-31", ""}, {"sles", "16.0", "2027-11-30", ""},
	{"opensuse-leap", "42.3", "2019-07-01", ""}, {"opensuse-leap", "15.0", "2019-12-03", ""}, {"opensuse-leap", "15.1", "2021-02-02", ""},
	{"opensuse-leap", "15.2", "2022-01-04", ""}, {"opensuse-leap", "15.3", "2022-12-31", ""}, {"opensuse-leap", "15.4", "2023-12-07", ""},
	{"opensuse-leap", "15.5", "2024-12-31", ""}, {"opensuse-leap", "15.6", "2026-04-30", ""}, {"opensuse-leap", "16.0", "2027-10-31", ""},

	{"photon", "1.0", "2022-02-28", ""}, {"photon", "2.0", "2022-12-31", ""}, {"photon", "3.0", "2024-03-01", ""},
	{"azurelinux", "1", "2023-08-31", ""}, {"azurelinux", "2", "2025-07-31", ""}, {"azurelinux", "3", "2027-08-31", ""},

	{"wolfi", "", "", ""}, {"chainguard", "", "", ""}, {"arch", "", "", ""}, {"opensuse-tumbleweed", "", "", ""}, {"minimos", "", "", ""},
	{"alpine", "edge", "", ""}, {"debian", "sid", "", ""},
}

// Supported returns the last day ("2028-06-30") on which a distribution's
// release gets security fixes, for Debian those of its LTS team included; "" for
// a rolling release. known is false when nothing is known of the release.
func Supported(distro sbom.Distro) (eol string, known bool) {
	l, ok := lifetimeOf(distro)
	if l.long != "" {
		return l.long, ok
	}
	return l.regular, ok
}

func lifetimeOf(distro sbom.Distro) (lifetime, bool) {
	id, release := releaseKey(distro)
	for _, l := range lifetimes {
		if l.id == id && l.release == release {
			return l, true
		}
	}
	return lifetime{}, false
}

// releaseKey reduces a distribution to the key of the table.
func releaseKey(d sbom.Distro) (id, release string) {
	major, minor := majorMinor(d.VersionID)
	switch d.ID {
	case "debian":
		r, ok := debian(d)
		if !ok || r.warning.Kind != "" {
			return "debian", "sid"
		}
		return "debian", strings.TrimPrefix(r.title, "Debian ")
	case "alpine":
		if isEdge(d) {
			return "alpine", "edge"
		}
		return "alpine", major + "." + minor
	case "rhel", "redhat":
		return "rhel", major
	case "centos":
		if strings.Contains(d.PrettyName, "Stream") {
			return "centos-stream", major
		}
		return "centos", major
	case "almalinux", "rocky", "ol":
		return d.ID, major
	case "amzn":
		if len(major) == 4 && major < "2020" {
			major = "1"
		}
		return "amzn", major
	case "azurelinux", "mariner":
		return "azurelinux", major
	case "sled", "sles_sap", "sle-hpc", "sle_hpc":
		return "sles", d.VersionID
	case "wolfi", "chainguard", "arch", "opensuse-tumbleweed", "minimos":
		return d.ID, "" // what they write as a version is the day of a snapshot
	}
	return d.ID, d.VersionID
}
