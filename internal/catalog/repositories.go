package catalog

import (
	"cmp"
	"slices"
	"strings"

	"github.com/careen/careen/internal/lazy"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

// What a package manager is told of repositories besides its distribution's stays
// in an image when the lists that it fetched from them are gone: apt's
// sources.list(5), apk's repositories and world (apk-repositories(5), apk-world(5)), and
// the .repo files of dnf, yum and zypper (rpmrepositories.go).
const (
	aptSources      = "etc/apt/sources.list"
	aptSourcesDir   = "etc/apt/sources.list.d/"
	apkRepositories = "etc/apk/repositories"
	apkMoreRepos    = "etc/apk/repositories.d/"
	apkWorld        = "etc/apk/world"
)

const (
	maxSources   = 1 << 20
	maxAddresses = 1000 // of all files of an image
)

const repositoryFacts = "repositories"

// repository is an address from which packages of a type are installed, or what
// apk was asked for by more than a name.
type repository struct {
	kind    string // "deb", "apk", "world", "rpm", "rpm-off" for one that is not enabled, "from"
	address string // host and path; of world the package's name; of from its name and version
	tag     string // apk's, "stable" of "@stable https://…"; of world that of the package, or localFile; of rpm and from the repository's id
}

// localFile represents the tag of a package that apk installed from a file: its
// world names it by its checksum.
const localFile = "><"

// fromFile is the builder of such a package.
const fromFile = "a local file"

func isRepositoryList(h *rootfs.Header, _ []byte) bool {
	switch h.Path {
	case aptSources, apkRepositories, apkWorld:
		return true
	}
	if isRepoFile(h.Path) {
		return true
	}
	name, ok := strings.CutPrefix(h.Path, aptSourcesDir)
	if ok {
		return strings.HasSuffix(name, ".list") || strings.HasSuffix(name, ".sources")
	}
	return strings.HasPrefix(h.Path, apkMoreRepos) && strings.HasSuffix(h.Path, ".list")
}

func visitRepositoryList(h *rootfs.Header, body rootfs.Body) ([]byte, error) {
	data, err := body.Bytes(maxSources)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, r := range parseRepositories(h.Path, string(plainText(data))) {
		list = append(list, r.kind, r.address, r.tag)
	}
	return encodeStrings(list), nil
}

// repositories returns those that the image names.
func repositories(tree *rootfs.Tree) []repository {
	var all []repository
	for fact := range tree.Facts(repositoryFacts) {
		list, _ := decodeStrings(fact.Data)
		for part := range slices.Chunk(list, 3) {
			if len(part) == 3 && len(all) < maxAddresses {
				all = append(all, repository{part[0], part[1], part[2]})
			}
		}
	}
	return append(all, rpmOrigins(tree)...)
}

// parseRepositories reads one of the files by its name.
func parseRepositories(path, text string) []repository {
	var list []repository
	add := func(kind, uri, tag string) {
		if address := addressOf(uri); address != "" && len(list) < maxAddresses {
			list = append(list, repository{kind, address, tag})
		}
	}
	switch {
	case strings.HasSuffix(path, ".sources"):
		for _, uri := range deb822Addresses(text) {
			add("deb", uri, "")
		}
		return list
	case isRepoFile(path):
		for _, r := range parseRepoFile(text) {
			add(r.kind, r.address, r.tag)
		}
		return list
	case path == apkWorld:
		for name := range strings.FieldsSeq(text) {
			if tag := ""; len(list) < maxAddresses {
				if at := strings.IndexAny(name, "<>=~"); at >= 0 {
					if strings.HasPrefix(name[at:], localFile) {
						tag = localFile
					}
					name = name[:at]
				} else {
					name, tag, _ = strings.Cut(name, "@")
				}
				if tag != "" {
					list = append(list, repository{"world", name, tag})
				}
			}
		}
		return list
	}
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0:
		case strings.HasPrefix(path, "etc/apk/"):
			if tag, ok := strings.CutPrefix(fields[0], "@"); ok && len(fields) > 1 {
				add("apk", fields[1], tag)
			} else {
				add("apk", fields[0], "")
			}
		case fields[0] == "deb":
			add("deb", oneLineAddress(fields[1:]), "")
		}
	}
	return list
}

// oneLineAddress passes over the options of a line, "[arch=amd64 signed-by=…] https://… stable main".
func oneLineAddress(fields []string) string {
	inside := false
	for _, f := range fields {
		inside = inside || strings.HasPrefix(f, "[")
		if !inside {
			return f
		}
		inside = !strings.HasSuffix(f, "]")
	}
	return ""
}

// deb822Addresses returns the URIs of stanzas of binary packages that are enabled.
func deb822Addresses(text string) []string {
	var list, uris []string
	binary, enabled, field := true, true, ""
	end := func() {
		if binary && enabled {
			list = append(list, uris...)
		}
		uris, binary, enabled, field = nil, true, true, ""
	}
	for line := range strings.Lines(text) {
		value := strings.TrimSpace(line)
		switch {
		case value == "":
			end()
			continue
		case line[0] == '#':
			continue
		case line[0] != ' ' && line[0] != '\t':
			field, value, _ = strings.Cut(value, ":")
			field, value = strings.ToLower(field), strings.TrimSpace(value)
		}
		switch field {
		case "types":
			binary = slices.Contains(strings.Fields(value), "deb")
		case "enabled":
			enabled = !strings.EqualFold(value, "no") && !strings.EqualFold(value, "false") && value != "0"
		case "uris":
			if len(uris) < maxAddresses {
				uris = append(uris, strings.Fields(value)...)
			}
		}
	}
	end()
	return list
}

// addressOf cuts a URI down to its host and path, without what opens it: "" for what
// is none.
func addressOf(uri string) string {
	_, rest, ok := strings.Cut(uri, "://")
	if !ok {
		return ""
	}
	host, path, _ := strings.Cut(rest, "/")
	host = host[strings.LastIndexByte(host, '@')+1:]
	host, _, _ = strings.Cut(strings.ToLower(host), ":")
	if !isHost(host) {
		return ""
	}
	return strings.TrimRight(host+"/"+path, "/")
}

const maxHost = 253

func isHost(s string) bool {
	return s != "" && len(s) <= maxHost && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '-')
	})
}

// served says whose a package is by what its name begins with: the first
// repository that claims a beginning has it.
type served map[string]string

func (s served) add(builder string, names []string) {
	for _, name := range names {
		if s[name] == "" {
			s[name] = builder
		}
	}
}

// claims are what the repositories of an image say of who built its packages.
type claims struct {
	deb, apk, rpm served
	tagged        map[string]string   // of apk's packages: the builder
	from          map[string]rpmOwner // of rpm's: by name and version
}

// others looks through the repositories for those that are not the distribution's.
func (all builders) others(repositories []repository) claims {
	c := claims{served{}, served{}, served{}, map[string]string{}, all.fromRepositories(repositories)}
	tags := map[string]string{localFile: fromFile}
	for _, r := range repositories {
		switch r.kind {
		case "deb":
			c.deb.add(all.servedBy(r.address))
		case "rpm":
			if !isOwnRPMHost(r.address) {
				c.rpm.add(all.servedBy(r.address))
			}
		case "apk":
			builder, names := all.servedBy(r.address)
			if r.tag == "" {
				c.apk.add(builder, names)
			} else if host, _, _ := strings.Cut(r.address, "/"); builder != "" || !alpineBranch().MatchString(r.address) {
				tags[r.tag] = cmp.Or(builder, host)
			}
		}
	}
	for _, r := range repositories {
		if builder := tags[r.tag]; r.kind == "world" && builder != "" {
			c.tagged[r.address] = builder
		}
	}
	return c
}

// alpineBranch matches the repositories of Alpine itself, wherever they are mirrored.
var alpineBranch = lazy.Regexp(`/(?:v[0-9]+\.[0-9]+|edge|latest-stable)/(?:main|community|testing)$`)

// servedBy says whose repository is at an address, that of a known builder, or of
// one whose name is the host's, and what the names of its packages begin with.
func (all builders) servedBy(address string) (builder string, names []string) {
	if b := all.serving(address); b != nil {
		return b.name, b.names
	}
	host, path, _ := strings.Cut(address, "/")
	if label := ownerOfHost(host, path); len(label) >= minLabel && !slices.ContainsFunc(ownWords, func(w string) bool { return strings.Contains(host, w) }) {
		return host, []string{label}
	}
	return "", nil
}

// minLabel is how long the name of a host is that is taken for that of who
// builds packages.
const minLabel = 4

// ownerOfHost is "acme" of apt.acme.example, of packagecloud.io/acme/… and of
// acme.github.io; "" where the name is that of a service for everybody.
func ownerOfHost(host, path string) string {
	labels := strings.Split(host, ".")
	if len(labels) < 2 {
		return ""
	}
	label := labels[len(labels)-2]
	switch label {
	case "github", "gitlab":
		if len(labels) == 3 {
			return labels[0]
		}
		return ""
	case "packagecloud":
		owner, _, _ := strings.Cut(path, "/")
		return owner
	case "cloudsmith":
		owner, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(path, "public/"), "basic/"), "/")
		return owner
	case "com", "org", "net", "gov", "launchpad", "launchpadcontent", "amazonaws", "cloudfront", "googleapis", "windows", "azureedge", "jfrog", "sourceforge", "fastly":
		return ""
	}
	return label
}

// ofDistribution matches revisions as Debian and Ubuntu give them, and hardly
// anybody else.
var ofDistribution = lazy.Regexp(`deb[0-9]+u[0-9]|[0-9]ubuntu[0-9]|\+b[0-9]+$|\+dfsg|~bpo[0-9]|\+nmu[0-9]|build[0-9]+$`)

// of names who built a package, as far as the repositories show; "" for its
// distribution. Its record has been asked before.
func (c claims) of(p *sbom.Package) string {
	own := slices.ContainsFunc(ownWords, func(w string) bool { return strings.Contains(strings.ToLower(p.Vendor), w) })
	switch {
	case own:
		return ""
	case p.Type == "apk" && c.tagged[p.Name] != "":
		return c.tagged[p.Name]
	case p.Type == "apk" && p.Vendor == "": // persons maintain Alpine's own, under the same names
		return c.apk.of(p)
	case p.Type == "deb" && !ofDistribution().MatchString(p.Version):
		return c.deb.of(p)
	}
	return ""
}

// of names whose repository serves a package of such a name, or from such a source.
func (s served) of(p *sbom.Package) string {
	return cmp.Or(s.named(p.Name), s.named(p.Source.Name))
}

// named looks for the longest beginning of a name that stands whole in it: "php" in
// "php8.2-fpm", but not in "phpmyadmin".
func (s served) named(name string) string {
	for i := min(len(name), maxHost); i > 0; i-- {
		if i == len(name) || name[i-1] == '-' || strings.IndexByte("-._0123456789", name[i]) >= 0 {
			if builder := s[name[:i]]; builder != "" {
				return builder
			}
		}
	}
	return ""
}
