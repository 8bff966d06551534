package catalog

import (
	"cmp"
	"io"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/careen/careen/internal/lazy"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/rpmdb"
	"github.com/careen/careen/internal/sbom"
)

// dnf, yum and zypper remember from which repository each package came, by an id
// that a file of their configuration leads to an address (dnf.conf(5), "reposdir").
const (
	dnfHistory  = "var/lib/dnf/history.sqlite"           // of dnf 3 and 4
	dnf5Nevras  = "usr/lib/sysimage/libdnf5/nevras.toml" // of dnf 5: libdnf5/system/state.cpp
	yumdbDir    = "var/lib/yum/yumdb/"                   // of yum 3: letter, checksum and package, from_repo
	yumdbKey    = "/from_repo"                           //
	zyppHistory = "var/log/zypp/history"                 // https://en.opensuse.org/openSUSE:Libzypp_history
)

// repoDirs hold .repo files.
var repoDirs = []string{"etc/yum.repos.d/", "etc/yum/repos.d/", "etc/distro.repos.d/", "usr/share/dnf5/repos.d/", "etc/zypp/repos.d/"}

func isRepoFile(path string) bool {
	if !strings.HasSuffix(path, ".repo") {
		return path == "etc/yum.conf" || path == "etc/dnf/dnf.conf"
	}
	return slices.ContainsFunc(repoDirs, func(dir string) bool {
		name, ok := strings.CutPrefix(path, dir)
		return ok && !strings.Contains(name, "/")
	})
}

// parseRepoFile returns the addresses in an INI file, whole as they are written.
func parseRepoFile(text string) []repository {
	var list, section []repository
	id, key, kind := "", "", "rpm"
	end := func() {
		for _, r := range section {
			list = append(list, repository{kind, r.address, id})
		}
		section, key, kind = nil, "", "rpm"
	}
	for line := range strings.Lines(text) {
		value := strings.TrimSpace(line)
		switch {
		case value == "" || line[0] == '#' || line[0] == ';':
			continue
		case line[0] == '[':
			end()
			id, _, _ = strings.Cut(line[1:], "]")
			continue
		case line[0] != ' ' && line[0] != '\t':
			key, value, _ = strings.Cut(value, "=")
			key = strings.ToLower(strings.TrimSpace(key))
		}
		switch key {
		case "baseurl", "mirrorlist", "metalink":
			for uri := range strings.FieldsFuncSeq(value, func(r rune) bool { return r == ' ' || r == ',' || r == '\t' }) {
				if len(list)+len(section) < maxAddresses {
					section = append(section, repository{address: uri})
				}
			}
		case "enabled":
			if off := strings.ToLower(strings.TrimSpace(value)); off == "0" || off == "no" || off == "false" || off == "off" {
				kind = "rpm-off"
			}
		}
	}
	end()
	return list
}

const rpmOriginFacts = "rpm-origins"

func isRpmOrigin(h *rootfs.Header, _ []byte) bool {
	switch h.Path {
	case dnfHistory, dnf5Nevras, zyppHistory:
		return true
	}
	return strings.HasPrefix(h.Path, yumdbDir) && strings.HasSuffix(h.Path, yumdbKey)
}

// visitRpmOrigin keeps the name and version of each package and the id of its
// repository, "" for the package where the path says which it is.
func visitRpmOrigin(h *rootfs.Header, body rootfs.Body) ([]byte, error) {
	if h.Path == dnfHistory {
		origins, _ := rpmdb.History(body, body.Size(), nil, 0) // what cannot be read says nothing
		return encodeOrigins(origins), body.Charge(0)
	}
	data, err := body.Bytes(maxDatabase)
	if err != nil {
		return nil, err
	}
	text := string(plainText(data))
	switch h.Path {
	case dnf5Nevras:
		return encodeOrigins(parseNevras(text)), nil
	case zyppHistory:
		origins, repositories := parseZyppHistory(text)
		for _, r := range repositories {
			origins = append(origins, rpmdb.Origin{Version: r.address, Repository: r.tag})
		}
		return encodeOrigins(origins), nil
	}
	return encodeOrigins([]rpmdb.Origin{{Repository: strings.TrimSpace(text)}}), nil
}

func encodeOrigins(origins []rpmdb.Origin) []byte {
	var list []string
	for _, o := range origins[:min(len(origins), maxPackages)] {
		list = append(list, o.Name, o.Version, o.Repository)
	}
	return encodeStrings(list)
}

// parseNevras reads dnf 5's table of packages: nevras."vim-2:9.1-1.fc41.x86_64".from_repo.
func parseNevras(text string) []rpmdb.Origin {
	var state struct {
		Nevras map[string]struct {
			FromRepo string `toml:"from_repo"`
		} `toml:"nevras"`
	}
	if len(text) > maxJSON || toml.Unmarshal([]byte(text), &state) != nil {
		return nil
	}
	var origins []rpmdb.Origin
	for nevra, of := range state.Nevras {
		if at := strings.LastIndexByte(nevra, '.'); at > 0 {
			if name, version := nameAndVersion(nevra[:at]); name != "" {
				origins = append(origins, rpmdb.Origin{Name: name, Version: version, Repository: of.FromRepo})
			}
		}
	}
	slices.SortFunc(origins, func(a, b rpmdb.Origin) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version))
	})
	return origins
}

// parseZyppHistory returns what was installed last of each package, and the
// addresses of repositories that were added.
func parseZyppHistory(text string) (origins []rpmdb.Origin, repositories []repository) {
	for line := range strings.Lines(text) {
		f := strings.SplitN(strings.TrimSpace(line), "|", 9)
		if strings.HasPrefix(line, "#") || len(f) < 4 {
			continue
		}
		switch action := strings.TrimSpace(f[1]); {
		case action == "install" && len(f) >= 7 && len(origins) < maxPackages:
			origins = append(origins, rpmdb.Origin{Name: f[2], Version: withoutEpoch(f[3]), Repository: f[6]})
		case action == "radd" && len(repositories) < maxAddresses:
			repositories = append(repositories, repository{"rpm", f[3], f[2]})
		}
	}
	return origins, repositories
}

// yumdbPackage takes the path of one of yum's answers apart: a letter, then
// checksum, name, version, release and architecture.
func yumdbPackage(path string) (name, version string) {
	path = strings.TrimSuffix(strings.TrimPrefix(path, yumdbDir), yumdbKey)
	_, path, _ = strings.Cut(path, "/")
	_, path, _ = strings.Cut(path, "-")
	if at := strings.LastIndexAny(path, "-."); at > 0 {
		return nameAndVersion(path[:at])
	}
	return "", ""
}

// nameAndVersion parts "vim-2:9.1-1.fc41", the epoch left out.
func nameAndVersion(nevr string) (name, version string) {
	release := strings.LastIndexByte(nevr, '-')
	at := strings.LastIndexByte(nevr[:max(release, 0)], '-')
	if at <= 0 {
		return "", ""
	}
	return nevr[:at], withoutEpoch(nevr[at+1:])
}

func withoutEpoch(version string) string {
	if epoch, rest, ok := strings.Cut(version, ":"); ok && strings.Trim(epoch, "0123456789") == "" {
		return rest
	}
	return version
}

// rpmOrigins returns where the packages of the image came from, as "from", and the
// addresses of repositories that only a history names.
func rpmOrigins(tree *rootfs.Tree) []repository {
	var all []repository
	for fact := range tree.Facts(rpmOriginFacts) {
		list, _ := decodeStrings(fact.Data)
		if fact.Path == dnfHistory {
			withSQLiteLog(tree, fact.Path, func(data io.ReaderAt, size int64, log io.ReaderAt, logSize int64) error {
				origins, err := rpmdb.History(data, size, log, logSize)
				list, _ = decodeStrings(encodeOrigins(origins))
				return err
			})
		}
		for part := range slices.Chunk(list, 3) {
			if len(part) < 3 || len(all) == maxPackages {
				break
			}
			name, version, id := part[0], part[1], part[2]
			if strings.HasPrefix(fact.Path, yumdbDir) {
				name, version = yumdbPackage(fact.Path)
			}
			if name == "" {
				if address := addressOf(version); address != "" {
					all = append(all, repository{"rpm", address, id})
				}
				continue
			}
			all = append(all, repository{"from", name + " " + version, id})
		}
	}
	return all
}

// rpmOwner says whose repository a package came from.
type rpmOwner struct {
	builder string // "" for the distribution
	known   bool   // one of the table, whatever the package's vendor is
}

// repositoryIDs begin the ids that the packages and instructions of known builders
// give to their repositories: they are remembered when the .repo file is gone.
var repositoryIDs = map[string]string{
	"epel": "EPEL", "elrepo": "ELRepo", "ius": "IUS", "rpmfusion": "RPM Fusion", "copr:": "COPR", "remi": "Remi",
	"docker-ce": "Docker", "pgdg": "PostgreSQL (PGDG)", "nodesource": "NodeSource", "hashicorp": "HashiCorp", "grafana": "Grafana",
	"mongodb-org": "MongoDB", "packages-microsoft-com": "Microsoft", "google-cloud-sdk": "Google", "google-chrome": "Google",
	"gh-cli": "GitHub", "gitlab": "GitLab", "influxdata": "InfluxData", "percona": "Percona", "mysql": "MySQL", "nginx-stable": "nginx.org",
	"nginx-mainline": "nginx.org", "kubernetes": "Kubernetes", "elasticsearch": "Elastic", "jenkins": "Jenkins", "clickhouse": "ClickHouse",
	"datadog": "Datadog", "newrelic": "New Relic", "zabbix": "Zabbix", "openresty": "OpenResty", "yarn": "Yarn", "adoptium": "Adoptium",
}

// ownRepositoryID matches the ids that distributions give to their repositories.
var ownRepositoryID = lazy.Regexp(`(?i)^(?:(?:baseos|appstream|extras|crb|powertools|plus|base|updates|update|fedora|os|everything|highavailability|resilientstorage|` +
	`repo-oss|repo-update|repo-backports-update|repo-sle-update|amazonlinux|amzn2?-(?:core|main|updates)|amzn2extra-[a-z0-9.-]+|photon|photon-[a-z]+|azurelinux-[a-z-]+|mariner-[a-z-]+)` +
	`|ol[0-9]+_[a-z0-9_]+|(?:ubi|rhel)-[a-z0-9.-]+-rpms|(?:rhui|codeready)-[a-z0-9.-]+|sle_[a-z]+|sle-[a-z0-9-]+)$`)

// What distributions built is on ownRPMHosts, what others did there is below
// otherPaths; Azure Linux and Amazon have their own names on hosts of many.
var (
	ownRPMHosts = []string{"rockylinux.org", "almalinux.org", "centos.org", "redhat.com", "yum.oracle.com", "amazonlinux.com", "fedoraproject.org", "opensuse.org",
		"suse.com", "openeuler.org", "mageia.org", "packages.vmware.com", "packages.broadcom.com"}
	otherPaths = lazy.Regexp(`opensuse\.org/repositories/|/epel|[?&]repo=epel`)
	azureLinux = lazy.Regexp(`^packages\.microsoft\.com/(?:azurelinux|cbl-mariner)(?:/|$)`)
	amazonRepo = lazy.Regexp(`^(?:amazonlinux-|al2023-repos-|packages\.[a-z0-9-]+\.amazonaws|repo\.[a-z0-9-]+\.amazonaws)`)
)

func isOwnRPMHost(address string) bool {
	host, _, _ := strings.Cut(address, "/")
	return azureLinux().MatchString(address) || amazonRepo().MatchString(address) || !otherPaths().MatchString(address) &&
		slices.ContainsFunc(ownRPMHosts, func(own string) bool { return host == own || strings.HasSuffix(host, "."+own) })
}

// fromRepositories says of each package whose repository is known whose it is.
func (all builders) fromRepositories(repositories []repository) map[string]rpmOwner {
	addresses, owners, from := map[string]string{}, map[string]rpmOwner{}, map[string]rpmOwner{}
	for _, r := range repositories {
		if strings.HasPrefix(r.kind, "rpm") && addresses[r.tag] == "" {
			addresses[r.tag] = r.address
		}
	}
	for _, r := range repositories {
		if r.kind != "from" {
			continue
		}
		owner, asked := owners[r.tag]
		if !asked {
			owner = all.ownerOf(r.tag, addresses[r.tag])
			owners[r.tag] = owner
		}
		from[r.address] = owner // the last that a history names
	}
	for p, owner := range from {
		if owner.builder == unnamedBuilder {
			delete(from, p)
		}
	}
	return from
}

// ownerOf says whose a repository is by its id and its address, unnamedBuilder
// where they do not say it.
func (all builders) ownerOf(id, address string) rpmOwner {
	lower := strings.ToLower(id)
	host, _, _ := strings.Cut(address, "/")
	if strings.HasPrefix(id, "/") || lower == "@commandline" || lower == "_tmprpmcache_" {
		return rpmOwner{builder: fromFile}
	}
	if isOwnRPMHost(address) {
		return rpmOwner{}
	}
	if b := all.serving(address); b != nil {
		return rpmOwner{b.name, true}
	}
	for i := range lower {
		if builder := repositoryIDs[lower[:i+1]]; builder != "" && (i+1 == len(lower) || lower[i] == ':' || strings.IndexByte("-._0123456789", lower[i+1]) >= 0) {
			return rpmOwner{builder, true}
		}
	}
	if ownRepositoryID().MatchString(id) {
		return rpmOwner{}
	}
	return rpmOwner{builder: cmp.Or(host, unnamedBuilder)}
}

// nameRPM sets who built an rpm. record is what its own record and its key say,
// "" for the distribution. A key says more than a repository, and the repository of
// a known builder more than a vendor, which one who builds again may leave as it was.
func (c claims) nameRPM(p *sbom.Package, record string) {
	owner, remembered := c.from[p.Name+" "+withoutEpoch(p.Version)]
	switch {
	case p.Builder != "" && p.Builder != unnamedBuilder:
	case record != "":
		p.Builder = record
	case p.Signer != "":
	case remembered && (owner.known || p.Vendor == ""):
		p.Builder = owner.builder
	case p.Vendor == "":
		p.Builder = cmp.Or(c.rpm.of(p), p.Builder)
	}
}
