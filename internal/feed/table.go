package feed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// feed is a row of the table: one thing that an upstream publishes.
type feed struct {
	name    string // of the feed, or of the family whose members `names` lists
	what    string // what it is for
	url     string // of its file; "{}" represents each name that names lists
	names   func(ctx context.Context, s *store) ([]string, error)
	about   []string // ecosystems, without their releases; a family's are its names
	family  bool     // each name is a feed of its own, not a file of one feed
	read    func(name string, all *planning) format
	rule    func(name string, all *planning) (replacedBy string) // the feed, if it is read, that says the same and more
	release func(name string) string                             // the ecosystem that the file of a name is about, where each is about one
	licence string
}

// format says how to take documents out of a feed's file, and how to read one.
type format struct {
	pick   func(name string) bool          // which files of an archive are documents; nil means that the file itself is the document
	doc    func(doc []byte, o *out) error  // reads a document of an archive; an error makes it a bad record
	stream func(r io.Reader, o *out) error // reads a file that is the document; an error ends the build
}

// everything means every ecosystem.
const everything = "*"

const osvBucket = "https://osv-vulnerabilities.storage.googleapis.com"

// table lists every feed. Deleting a row deletes the feed; docs/feeds.md has
// the same rows with what each was tested on.
func table() []feed {
	return []feed{
		{
			name: "osv", family: true, names: osvEcosystems, url: osvBucket + "/{}/all.zip",
			what:    "packages and versions that a vulnerability affects, for every ecosystem that OSV.dev exports",
			read:    readOSV,
			rule:    osvRule,
			licence: "each database's own, see https://google.github.io/osv.dev/data/",
		},
		{
			name: "debian-tracker", about: []string{"Debian"}, url: "https://security-tracker.debian.org/tracker/data/json",
			what:    "every vulnerability of Debian's packages: fixed, open, not to be fixed, postponed",
			read:    whole(parseDebianTracker),
			licence: "none stated, Debian security team",
		},
		{
			name: "alpine-secdb", about: []string{"Alpine"}, names: alpineReleases, release: alpineEcosystem, url: "https://secdb.alpinelinux.org/{}.json",
			what:    "versions of Alpine's packages that brought fixes",
			read:    readSecdb("alpine-secdb", "Alpine"),
			licence: "none stated, Alpine Linux",
		},
		{
			name: "wolfi-secdb", about: []string{"Wolfi"}, url: "https://packages.wolfi.dev/os/security.json",
			what:    "versions of Wolfi's packages that brought fixes",
			read:    readSecdb("wolfi-secdb", "Wolfi"),
			rule:    replacedBy("wolfi"),
			licence: "Apache-2.0, Chainguard (until May 2025; see docs/feeds.md)",
		},
		{
			name: "chainguard-secdb", about: []string{"Chainguard"}, url: "https://packages.cgr.dev/chainguard/security.json",
			what:    "versions of Chainguard's packages that brought fixes",
			read:    readSecdb("chainguard-secdb", "Chainguard"),
			rule:    replacedBy("chainguard"),
			licence: "Chainguard's terms",
		},
		{
			name: "redhat", about: []string{"Red Hat"}, names: redhatArchive, url: redhatVEX + "/{}",
			what:    "Red Hat's word on each CVE for each of its products: fixed, affected, not to be fixed, deferred",
			read:    documents(isJSON, redhatVEXReader().parse),
			licence: "CC BY 4.0, Red Hat",
		},
		{
			name: "suse-vex", about: []string{"SUSE", "openSUSE"}, url: "https://ftp.suse.com/pub/projects/security/csaf-vex.tar.bz2",
			what:    "SUSE's word on each CVE for each of its products: fixed, affected, not affected",
			read:    documents(isJSON, suseVEXReader().parse),
			licence: "CC BY 4.0, SUSE",
		},
		{
			name: "ubuntu-vex", about: []string{"Ubuntu"}, url: "https://github.com/canonical/ubuntu-security-notices/archive/refs/heads/main.tar.gz",
			what:    "Canonical's word on each CVE for each release: fixed, affected, not to be fixed, deferred, not affected",
			read:    documents(isUbuntuVEX, parseUbuntuVEX),
			licence: "CC BY-SA 4.0, Canonical",
		},
		{
			name: "oracle", about: []string{"Oracle Linux"}, url: "https://linux.oracle.com/security/oval/com.oracle.elsa-all.xml.bz2",
			what:    "errata of every repository of every release of Oracle Linux",
			read:    whole(oracleOVALReader().parse),
			licence: "none stated, Oracle",
		},
		{
			name: "amazon", about: []string{"Amazon Linux"}, names: updateinfos("amazon", amazonRepos), release: ecosystemOf(amazonRepos), url: "{}",
			what:    "errata of Amazon Linux",
			read:    readUpdateinfo("amazon", amazonRepos),
			licence: "none stated, Amazon Web Services",
		},
		{
			name: "fedora", about: []string{"Fedora"}, names: updateinfos("fedora", fedoraRepos), release: ecosystemOf(fedoraRepos), url: "{}",
			what:    "errata of Fedora",
			read:    readUpdateinfo("fedora", fedoraRepos),
			licence: "MIT, Fedora Project",
		},
		{
			name: "azurelinux-oval", about: []string{"Azure Linux"}, url: "https://github.com/microsoft/AzureLinuxVulnerabilityData/archive/refs/heads/main.tar.gz",
			what:    "vulnerabilities of Azure Linux's packages",
			read:    documents(isOVAL, azureOVALReader().document),
			licence: "MIT, Microsoft",
		},
		{
			name: "arch", about: []string{"Arch Linux"}, url: "https://security.archlinux.org/all.json",
			what:    "vulnerability groups of Arch Linux",
			read:    whole(parseArch),
			licence: "MIT, Arch Linux",
		},
		{
			name: "photon", about: []string{"Photon OS"}, names: photonReleases, release: func(name string) string { return "Photon OS:" + name }, url: photonRoot + "/cve_data_photon{}.json",
			what:    "vulnerabilities of Photon OS' packages",
			read:    func(release string, _ *planning) format { return format{stream: photonReader{release}.parse} },
			licence: "none stated, Broadcom",
		},
		{
			name: "ghsa", about: []string{everything}, url: "https://github.com/github/advisory-database/archive/refs/heads/main.tar.gz",
			what:    "GitHub-reviewed advisories, when OSV.dev's exports are not read",
			read:    documents(isReviewed, osvReader{source: "ghsa"}.parse),
			rule:    replacedBy("npm"),
			licence: "CC BY 4.0, GitHub",
		},
		{
			name: "nodejs", about: []string{"Node.js"}, url: "https://raw.githubusercontent.com/nodejs/security-wg/main/vuln/core/index.json",
			what:    "flaws of the Node.js runtime itself",
			read:    whole(parseNodeCore),
			licence: "MIT, Node.js Foundation",
		},
		{
			name: "cve", url: "https://github.com/CVEProject/cvelistV5/archive/refs/heads/main.zip",
			what:    "CVSS of the CNAs and of CISA, rejected CVEs",
			read:    documents(isCVEFile, parseCVE),
			licence: "CVE terms of use; CC0-1.0, CISA",
		},
		{
			name: "nvd", names: nvdYears, url: "https://nvd.nist.gov/feeds/json/cve/2.0/nvdcve-2.0-{}.json.gz",
			what:    "NVD's own CVSS and severities",
			read:    whole(parseNVD),
			licence: "public domain, NIST",
		},
		{
			name: "kev", url: "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json",
			what:    "which vulnerabilities are known to be exploited, by ransomware too, and until when US agencies must fix them",
			read:    whole(parseKEV),
			licence: "CC0-1.0, CISA",
		},
		{
			name: "epss", url: "https://epss.empiricalsecurity.com/epss_scores-current.csv.gz",
			what:    "how likely each CVE is to be exploited within 30 days",
			read:    whole(parseEPSS),
			licence: "free to use with attribution, FIRST.org",
		},
	}
}

// whole reads a file that is one document.
func whole(parse func(io.Reader, *out) error) func(string, *planning) format {
	return func(string, *planning) format { return format{stream: parse} }
}

// documents reads the documents of an archive.
func documents(pick func(string) bool, parse func([]byte, *out) error) func(string, *planning) format {
	return func(string, *planning) format { return format{pick: pick, doc: parse} }
}

// replacedBy names the feed that makes another one superfluous.
func replacedBy(other string) func(string, *planning) string {
	return func(string, *planning) string { return other }
}

func readSecdb(source, ecosystem string) func(string, *planning) format {
	return func(name string, _ *planning) format {
		release, _, _ := strings.Cut(name, "/")
		return format{stream: secdbReader{source, ecosystem, release}.parse}
	}
}

// alpineReleases lists the files of Alpine's secdb: "v3.20/main" and so on. A
// release has no community repository before 3.3.
func alpineReleases(ctx context.Context, s *store) ([]string, error) {
	const root = "https://secdb.alpinelinux.org"
	names, err := s.list(ctx, root)
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name != "edge" && !isAlpineRelease(name) })
	if err := s.only.known("alpine-secdb", names); err != nil {
		return nil, err
	}
	var files []string
	for _, release := range names {
		if !s.only.wants("alpine-secdb", release) {
			continue
		}
		repos, err := s.list(ctx, root+"/"+release)
		if err != nil {
			return nil, err
		}
		for _, repo := range repos {
			if base, ok := strings.CutSuffix(repo, ".json"); ok {
				files = append(files, release+"/"+base)
			}
		}
	}
	if len(files) == 0 {
		return nil, errors.New("lists no release")
	}
	return files, nil
}

func alpineEcosystem(name string) string {
	release, _, _ := strings.Cut(name, "/")
	return "Alpine:" + release
}

func isAlpineRelease(name string) bool {
	rest, ok := strings.CutPrefix(name, "v")
	major, minor, dot := strings.Cut(rest, ".")
	return ok && dot && digits(major) && digits(minor)
}

// notForImages are exports of OSV.dev about things that no package of an image
// is: source repositories by commit, phones, fuzzers' findings of commits,
// workflows.
var notForImages = []string{"Android", "DWF", "GIT", "GSD", "GitHub Actions", "JavaScript", "Linux", "OSS-Fuzz", "UVI", "VSCode"}

// osvEcosystems lists the ecosystems that the bucket has an export of. Its
// list has releases too ("Debian:12"), whose records are in the whole's export.
func osvEcosystems(ctx context.Context, s *store) ([]string, error) {
	text, err := s.text(ctx, osvBucket+"/ecosystems.txt")
	if err != nil {
		return nil, err
	}
	var names []string
	for line := range strings.Lines(text) {
		name := strings.TrimSpace(line)
		if name == "" || strings.Contains(name, ":") || slices.Contains(notForImages, name) {
			continue
		}
		if checkText(name) != nil || strings.ContainsAny(name, "/\\<>") {
			return nil, fmt.Errorf("ecosystems.txt: %.60q: not the name of an ecosystem", name)
		}
		names = append(names, name)
	}
	slices.Sort(names)
	if names = slices.Compact(names); len(names) == 0 || len(names) > 500 {
		return nil, fmt.Errorf("ecosystems.txt: %d ecosystems", len(names))
	}
	return names, nil
}

// osvName is the feed of an ecosystem's export: "debian", "red-hat".
func osvName(ecosystem string) string {
	return strings.ReplaceAll(strings.ToLower(ecosystem), " ", "-")
}

func readOSV(ecosystem string, all *planning) format {
	rd := osvReader{
		source:    osvName(ecosystem),
		ecosystem: ecosystem,
		elsewhere: func(eco string) bool { return all.reads(osvName(eco)) },
	}
	if ecosystem == "Debian" && all.reads("debian-tracker") {
		// OSV.dev makes these of the tracker, without why a fix is not coming.
		rd.drop = []string{"DEBIAN-CVE-"}
	}
	return format{pick: isJSON, doc: rd.parse}
}

// osvRule says which exports are copies of a feed that says more. Alpine's is
// OSV.dev's conversion of the secdb, a day behind it and without what has no
// CVE (XSA, TALOS).
//
// It is the other way round for Wolfi and Chainguard: their exports are
// Chainguard's own, have every fix of security.json, and beyond it the
// vulnerabilities that are not fixed yet and which CVE and GHSA are one.
//
// Red Hat's has its errata only, and the VEX files have those and what is not
// fixed. Azure Linux's has Microsoft's files at second hand.
func osvRule(ecosystem string, _ *planning) string {
	switch ecosystem {
	case "Alpine":
		return "alpine-secdb"
	case "Red Hat":
		return "redhat"
	case "Azure Linux":
		return "azurelinux-oval"
	}
	return ""
}

func isJSON(name string) bool { return strings.HasSuffix(name, ".json") }
