package feed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// feed is a row of the table: one thing that an upstream publishes.
type feed struct {
	name    string // of the feed, or of the family whose members `names` lists
	what    string // what it is for
	url     string // of its file; "{}" stands for each name that names lists
	names   func(ctx context.Context, s *store) ([]string, error)
	family  bool // each name is a feed of its own, not a file of one feed
	read    func(name string, all *planning) format
	rule    func(name string, all *planning) (replacedBy string) // the feed, if it is read, that says the same and more
	licence string
}

// format says how to take documents out of a feed's file, and how to read one.
type format struct {
	pick   func(name string) bool          // which files of an archive are documents; nil means that the file itself is the document
	doc    func(doc []byte, o *out) error  // reads a document of an archive; an error makes it a bad record
	stream func(r io.Reader, o *out) error // reads a file that is the document; an error ends the build
}

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
			name: "debian-tracker", url: "https://security-tracker.debian.org/tracker/data/json",
			what:    "every vulnerability of Debian's packages: fixed, open, not to be fixed, postponed",
			read:    whole(parseDebianTracker),
			licence: "none stated, Debian security team",
		},
		{
			name: "alpine-secdb", names: alpineReleases, url: "https://secdb.alpinelinux.org/{}.json",
			what:    "versions of Alpine's packages that brought fixes",
			read:    readSecdb("alpine-secdb", "Alpine"),
			licence: "none stated, Alpine Linux",
		},
		{
			name: "wolfi-secdb", url: "https://packages.wolfi.dev/os/security.json",
			what:    "versions of Wolfi's packages that brought fixes",
			read:    readSecdb("wolfi-secdb", "Wolfi"),
			rule:    replacedBy("wolfi"),
			licence: "Apache-2.0, Chainguard (until May 2025; see docs/feeds.md)",
		},
		{
			name: "chainguard-secdb", url: "https://packages.cgr.dev/chainguard/security.json",
			what:    "versions of Chainguard's packages that brought fixes",
			read:    readSecdb("chainguard-secdb", "Chainguard"),
			rule:    replacedBy("chainguard"),
			licence: "Chainguard's terms",
		},
		{
			name: "redhat", names: redhatArchive, url: redhatVEX + "/{}",
			what:    "Red Hat's word on each CVE for each of its products: fixed, affected, not to be fixed, deferred",
			read:    documents(isJSON, redhatVEXReader().parse),
			licence: "CC BY 4.0, Red Hat",
		},
		{
			name: "suse-vex", url: "https://ftp.suse.com/pub/projects/security/csaf-vex.tar.bz2",
			what:    "SUSE's word on each CVE for each of its products: fixed, affected, not affected",
			read:    documents(isJSON, suseVEXReader().parse),
			licence: "CC BY 4.0, SUSE",
		},
		{
			name: "ubuntu-vex", url: "https://github.com/canonical/ubuntu-security-notices/archive/refs/heads/main.tar.gz",
			what:    "Canonical's word on each CVE for each release: fixed, affected, not to be fixed, deferred, not affected",
			read:    documents(isUbuntuVEX, parseUbuntuVEX),
			licence: "CC BY-SA 4.0, Canonical",
		},
		{
			name: "oracle", url: "https://linux.oracle.com/security/oval/com.oracle.elsa-all.xml.bz2",
			what:    "errata of every repository of every release of Oracle Linux",
			read:    whole(oracleOVALReader().parse),
			licence: "none stated, Oracle",
		},
		{
			name: "amazon", names: updateinfos(amazonRepos), url: "{}",
			what:    "errata of Amazon Linux",
			read:    readUpdateinfo("amazon", amazonRepos),
			licence: "none stated, Amazon Web Services",
		},
		{
			name: "fedora", names: updateinfos(fedoraRepos), url: "{}",
			what:    "errata of Fedora",
			read:    readUpdateinfo("fedora", fedoraRepos),
			licence: "MIT, Fedora Project",
		},
		{
			name: "azurelinux-oval", url: "https://github.com/microsoft/AzureLinuxVulnerabilityData/archive/refs/heads/main.tar.gz",
			what:    "vulnerabilities of Azure Linux's packages",
			read:    documents(isOVAL, azureOVALReader().document),
			licence: "MIT, Microsoft",
		},
		{
			name: "arch", url: "https://security.archlinux.org/all.json",
			what:    "vulnerability groups of Arch Linux",
			read:    whole(parseArch),
			licence: "MIT, Arch Linux",
		},
		{
			name: "photon", names: photonReleases, url: photonRoot + "/cve_data_photon{}.json",
			what:    "vulnerabilities of Photon OS' packages",
			read:    func(release string, _ *planning) format { return format{stream: photonReader{release}.parse} },
			licence: "none stated, Broadcom",
		},
		{
			name: "ghsa", url: "https://github.com/github/advisory-database/archive/refs/heads/main.tar.gz",
			what:    "GitHub-reviewed advisories, when OSV.dev's exports are not read",
			read:    documents(isReviewed, osvReader{source: "ghsa"}.parse),
			rule:    replacedBy("npm"),
			licence: "CC BY 4.0, GitHub",
		},
		{
			name: "nodejs", url: "https://raw.githubusercontent.com/nodejs/security-wg/main/vuln/core/index.json",
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
			what:    "which vulnerabilities are known to be exploited, by ransomware too, and until when US agencies must mend them",
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
	var files []string
	for _, release := range names {
		if release != "edge" && !isAlpineRelease(release) {
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
// vulnerabilities that are not mended yet and which CVE and GHSA are one.
//
// Red Hat's has its errata only, and the VEX files have those and what is not
// mended. Azure Linux's has Microsoft's files at second hand.
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

// planning is what a row may ask about the others.
type planning struct{ feeds []*planned }

// reads reports whether a feed is among those that are read.
func (p *planning) reads(name string) bool {
	return slices.ContainsFunc(p.feeds, func(f *planned) bool { return f.name == name && len(f.files) > 0 })
}

// planned is a feed that is read, with the files that it has.
type planned struct {
	name      string
	source    string // of the Source that counts its bad records
	files     []input
	stats     FeedStats
	perSource map[string]*tally // what came of it, by the records' Source
	started   time.Time
}

type tally struct {
	records int
	newest  time.Time
}

// input is one file of a feed.
type input struct {
	url    string
	name   string // in place of "{}"
	format func() format
}

// plan makes the list of feeds to read, in the order of the table.
func plan(ctx context.Context, s *store, rows []feed, opt Options) ([]*planned, error) {
	all := &planning{}
	known := map[string]bool{}
	rules := map[*planned]string{}
	for _, row := range rows {
		known[row.name] = true
		named := func(name string) bool { return strings.EqualFold(name, row.name) }
		if slices.ContainsFunc(opt.Skip, named) || len(opt.Only) > 0 && !row.family && !slices.ContainsFunc(opt.Only, named) {
			continue
		}
		names := []string{""}
		missing := false
		if row.names != nil {
			var err error
			names, err = row.names(ctx, s)
			switch {
			case errors.Is(err, errMissing):
				names, missing = nil, true
			case err != nil:
				return nil, &Error{row.name, err}
			}
		}
		var whole *planned
		for _, name := range names {
			f := whole
			if row.family || f == nil {
				f = &planned{name: row.name, perSource: map[string]*tally{}}
				if row.family {
					f.name = osvName(name)
				}
				f.source, f.stats.Name = f.name, f.name
				known[f.name] = true
			}
			f.files = append(f.files, input{
				url:    strings.ReplaceAll(row.url, "{}", pathEscape(name)),
				name:   name,
				format: func() format { return row.read(name, all) },
			})
			if whole == f {
				continue
			}
			if !row.family {
				whole = f
			} else if !wanted(f.name, row.name, opt) {
				continue
			}
			all.feeds = append(all.feeds, f)
			if row.rule != nil && !slices.ContainsFunc(opt.Only, func(o string) bool { return strings.EqualFold(o, f.name) }) {
				rules[f] = row.rule(name, all)
			}
		}
		if missing {
			f := &planned{name: row.name, source: row.name}
			f.stats.Name, f.stats.Missing = row.name, true
			all.feeds = append(all.feeds, f)
		}
	}
	for _, name := range slices.Concat(opt.Only, opt.Skip) {
		if !known[name] && !known[strings.ToLower(name)] {
			return nil, fmt.Errorf("feed %q: no such feed; docs/feeds.md lists them", name)
		}
	}
	if len(all.feeds) == 0 {
		return nil, errors.New("no feed is left to read")
	}
	// Files are downloaded before they are read, but not those of a feed that
	// a better one replaces, if there is the better one.
	var first, second []*planned
	for _, f := range all.feeds {
		if better := rules[f]; better != "" && all.reads(better) {
			second = append(second, f)
		} else {
			first = append(first, f)
		}
	}
	if err := s.present(ctx, first); err != nil {
		return nil, err
	}
	var needed []*planned
	for _, f := range second {
		if all.reads(rules[f]) {
			f.files, f.stats.Replaced = nil, rules[f]
		} else {
			needed = append(needed, f)
		}
	}
	return all.feeds, s.present(ctx, needed)
}

// wanted reports whether Only and Skip leave a member of a family.
func wanted(name, family string, opt Options) bool {
	named := func(o string) bool { return strings.EqualFold(o, name) }
	inFamily := func(o string) bool { return named(o) || strings.EqualFold(o, family) }
	return !slices.ContainsFunc(opt.Skip, named) && (len(opt.Only) == 0 || slices.ContainsFunc(opt.Only, inFamily))
}

// pathEscape escapes the spaces of ecosystem names, leaves the slashes of
// "v3.20/main", and takes the URL of "0|https://…".
func pathEscape(name string) string {
	if _, url, ok := strings.Cut(name, "|"); ok {
		name = url
	}
	return strings.ReplaceAll(name, " ", "%20")
}
