package match

import (
	"slices"
	"strings"
)

// errata are the kinds of advisories that a distribution issues for an update
// of a package, which may fix several vulnerabilities at once. Anything else
// that a distribution publishes is about one vulnerability.
var errata = []string{
	"DSA", "DLA", "DTSA", "ELA", // Debian, its LTS team, Freexian
	"USN", "LSN", // Ubuntu
	"RHSA", "RHBA", "RHEA", "CESA", // Red Hat, CentOS
	"ALSA", "ALBA", "ALEA", // AlmaLinux
	"RLSA", "RLBA", "RLEA", "RXSA", "RXBA", "RXEA", // Rocky Linux
	"ELSA", "ELBA", "ELEA", // Oracle
	"ALAS", "ALAS2", "ALAS2023", "ALAS2LIVEPATCH", "ALAS2023LIVEPATCH", // Amazon
	"SUSE", "openSUSE", // SUSE-SU-…, SUSE-RU-…
	"FEDORA", "MGASA", "MGAA", "OESA", "PHSA", "ASA",
}

func isErratum(id string) bool {
	return slices.Contains(errata, publisherOf(id))
}

// publisherOf returns what stands before the first dash of an id.
func publisherOf(id string) string {
	prefix, _, _ := strings.Cut(id, "-")
	return prefix
}

// isBugFix recognises errata that fix bugs or add features. They are only of
// interest for the vulnerabilities that they name.
func isBugFix(id string) bool {
	switch publisherOf(id) {
	case "RHBA", "RHEA", "ALBA", "ALEA", "RLBA", "RLEA", "RXBA", "RXEA", "ELBA", "ELEA", "MGAA":
		return true
	case "SUSE", "openSUSE":
		return strings.Contains(id, "SUSE-RU-") || strings.Contains(id, "SUSE-FU-") || strings.Contains(id, "SUSE-OU-")
	}
	return false
}

// advisoryURL returns a page about an advisory, "" when none is known. The
// addresses are those that the publishers' own pages and feeds link to.
func advisoryURL(id, ecosystem string) string {
	switch prefix := publisherOf(id); prefix {
	case "DSA", "DLA", "DTSA", "TEMP":
		return "https://security-tracker.debian.org/tracker/" + id
	case "DEBIAN":
		return "https://security-tracker.debian.org/tracker/" + strings.TrimPrefix(id, "DEBIAN-")
	case "USN", "LSN":
		return "https://ubuntu.com/security/notices/" + id
	case "UBUNTU":
		return "https://ubuntu.com/security/" + strings.TrimPrefix(id, "UBUNTU-")
	case "ALPINE":
		return "https://security.alpinelinux.org/vuln/" + strings.TrimPrefix(id, "ALPINE-")
	case "CGA":
		return "https://images.chainguard.dev/security/" + id
	case "RHSA", "RHBA", "RHEA":
		return "https://access.redhat.com/errata/" + id
	case "ALSA", "ALBA", "ALEA":
		// The page is in the folder of the release: ALSA-2022:1234 of
		// AlmaLinux:8 is errata.almalinux.org/8/ALSA-2022-1234.html.
		_, major, _ := strings.Cut(ecosystem, ":")
		return "https://errata.almalinux.org/" + major + "/" + strings.ReplaceAll(id, ":", "-") + ".html"
	case "RLSA", "RLBA", "RLEA", "RXSA":
		return "https://errata.rockylinux.org/" + id
	case "ELSA", "ELBA", "ELEA":
		return "https://linux.oracle.com/errata/" + id + ".html"
	case "ALAS", "ALAS2", "ALAS2023":
		_, release, _ := strings.Cut(ecosystem, ":")
		if release == "1" || release == "" {
			return "https://alas.aws.amazon.com/" + id + ".html"
		}
		return "https://alas.aws.amazon.com/AL" + release + "/" + strings.Replace(id, prefix, "ALAS", 1) + ".html"
	case "SUSE":
		// SUSE-SU-2024:1234-1 → …/2024/suse-su-20241234-1/
		_, rest, _ := strings.Cut(strings.TrimPrefix(id, "SUSE-"), "-")
		year, number, ok := strings.Cut(rest, ":")
		if !ok {
			return ""
		}
		kind, _, _ := strings.Cut(strings.TrimPrefix(id, "SUSE-"), "-")
		return "https://www.suse.com/support/update/announcement/" + year + "/suse-" + strings.ToLower(kind) + "-" + year + number + "/"
	case "FEDORA":
		return "https://bodhi.fedoraproject.org/updates/" + id
	case "MGASA", "MGAA":
		return "https://advisories.mageia.org/" + id + ".html"
	case "OESA":
		return "https://www.openeuler.org/en/security/security-bulletins/detail/?id=openEuler-SA-" + strings.TrimPrefix(id, "OESA-")
	case "ECHO":
		return "https://advisory.echohq.com/cve/" + id
	case "AVG", "ASA":
		return "https://security.archlinux.org/" + id

	case "GHSA":
		return "https://github.com/advisories/" + id
	case "GO":
		return "https://pkg.go.dev/vuln/" + id
	case "RUSTSEC":
		return "https://rustsec.org/advisories/" + id + ".html"
	case "CVE":
		return cveURL(id, ecosystem)
	case "NSWG":
		return "https://github.com/nodejs/security-wg/tree/main/vuln"
	case "PYSEC", "BIT", "MAL", "OSV", "HSEC", "RSEC", "AZL", "MINI", "EEF":
		return "https://osv.dev/vulnerability/" + id
	}
	return ""
}

// cveURL prefers the page of the distribution whose word it is.
func cveURL(id, ecosystem string) string {
	switch base, _, _ := strings.Cut(ecosystem, ":"); base {
	case "Debian":
		return "https://security-tracker.debian.org/tracker/" + id
	case "Ubuntu":
		return "https://ubuntu.com/security/" + id
	case "Alpine":
		return "https://security.alpinelinux.org/vuln/" + id
	case "Red Hat":
		return "https://access.redhat.com/security/cve/" + id
	case "SUSE", "openSUSE":
		return "https://www.suse.com/security/cve/" + id + ".html"
	case "Amazon Linux":
		return "https://explore.alas.aws.amazon.com/" + id + ".html"
	case "Wolfi", "Chainguard":
		return "https://images.chainguard.dev/security/" + id
	}
	return "https://www.cve.org/CVERecord?id=" + id
}
