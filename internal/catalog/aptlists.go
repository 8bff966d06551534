package catalog

import (
	"cmp"
	"strings"

	"github.com/careen/careen/internal/rootfs"
)

// What apt remembers of the repositories that it asked: for each a Release file,
// signed or not, which says whose it is, and an index of its packages
// (apt-get(8), "Files").
const aptListsDir = "var/lib/apt/lists/"

// maxAptIndex bounds an index that is read. Those of vendors are smaller; that of
// Debian's main archive is larger, and would say nothing new.
const maxAptIndex = 8 << 20

const aptListsFacts = "apt-lists"

func isAptList(h *rootfs.Header, _ []byte) bool {
	name, ok := strings.CutPrefix(h.Path, aptListsDir)
	return ok && h.Size <= maxAptIndex && !strings.Contains(name, "/") && (strings.HasSuffix(name, "_Packages") || strings.HasSuffix(name, "Release"))
}

// visitAptList keeps the origin that a Release file states, or the names and
// versions of an index.
func visitAptList(h *rootfs.Header, body rootfs.Body) ([]byte, error) {
	data, err := body.Bytes(maxAptIndex)
	if err != nil {
		return nil, err
	}
	if strings.HasSuffix(h.Path, "_Packages") {
		return encodeStrings(parseAptIndex(string(data))), nil
	}
	return encodeStrings(parseAptRelease(string(data))), nil
}

// parseAptRelease returns the origin, or nothing.
func parseAptRelease(text string) []string {
	for line := range strings.Lines(text) {
		if origin, ok := strings.CutPrefix(line, "Origin:"); ok && strings.TrimSpace(origin) != "" {
			return []string{strings.TrimSpace(origin)}
		}
	}
	return nil
}

// parseAptIndex returns "name version" of each package.
func parseAptIndex(text string) []string {
	var list []string
	name := ""
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, "Package:"); ok {
			name = strings.TrimSpace(value)
		} else if value, ok := strings.CutPrefix(line, "Version:"); ok && name != "" && len(list) < maxPackages {
			list = append(list, name+" "+strings.TrimSpace(value))
			name = ""
		}
	}
	return list
}

// fromOtherRepositories sets Builder of the packages that only the index of
// another repository than the distribution's has in their version. What no
// Release file says the origin of is left alone.
func (j *join) fromOtherRepositories() {
	origins, indexes := map[string]string{}, map[string][]string{}
	for fact := range j.tree.Facts(aptListsFacts) {
		list, ok := decodeStrings(fact.Data)
		if !ok || len(list) == 0 {
			continue
		}
		name := strings.TrimPrefix(fact.Path, aptListsDir)
		if repository, isIndex := aptRepository(name); isIndex {
			indexes[repository] = append(indexes[repository], list...)
		} else {
			origins[repository] = list[0]
		}
	}
	others, known := map[string]string{}, builders(knownBuilders())
	for repository, list := range indexes {
		if origin := known.maintainer(origins[repository]); origin != "" {
			for _, p := range list {
				others[p] = cmp.Or(others[p], origin)
			}
		}
	}
	for i := range j.packages {
		if p := &j.packages[i]; p.Type == "deb" && p.Builder == "" {
			p.Builder = others[p.Name+" "+p.Version]
		}
	}
}

// aptRepository cuts the name of a list down to its repository and suite:
// "nginx.org_packages_debian_dists_bookworm" of both "…_InRelease" and
// "…_nginx_binary-amd64_Packages".
func aptRepository(name string) (repository string, isIndex bool) {
	isIndex = strings.HasSuffix(name, "_Packages")
	at := strings.Index(name, "_dists_")
	if at < 0 { // a flat repository
		end := strings.LastIndexByte(name, '_')
		return name[:max(end, 0)], isIndex
	}
	suite := name[at+len("_dists_"):]
	if end := strings.IndexByte(suite, '_'); end >= 0 {
		suite = suite[:end]
	}
	return name[:at+len("_dists_")] + suite, isIndex
}
