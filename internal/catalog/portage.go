package catalog

import (
	"path"
	"strings"

	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

const portageDir = "var/db/pkg/"

// isPortageContents wants the list of what each of Gentoo's packages installed:
// var/db/pkg/CATEGORY/NAME-VERSION/CONTENTS
// (https://wiki.gentoo.org/wiki//var/db/pkg).
func isPortageContents(h *rootfs.Header, _ []byte) bool {
	return strings.HasPrefix(h.Path, portageDir) && strings.HasSuffix(h.Path, "/CONTENTS") && strings.Count(h.Path, "/") == 5
}

func readPortageContents(h *rootfs.Header, body rootfs.Body) (found, error) {
	dir := path.Dir(h.Path)
	name, version := splitPortage(path.Base(dir))
	if version == "" {
		return found{Problems: problems{{0, "a package of Gentoo without a version"}}}, nil
	}
	data, err := body.Bytes(maxDatabase)
	if err != nil {
		return found{}, err
	}
	p := language("ebuild", path.Base(path.Dir(dir))+"/"+name, version)
	p.Files = parsePortageContents(data)
	return found{Packages: []sbom.Package{p}}, nil
}

// splitPortage splits "skopeo-1.5.1-r1" before the version, which begins with a
// digit and takes a revision behind it (PMS 3.2: no name ends in what could be
// one).
func splitPortage(pf string) (name, version string) {
	end := len(pf)
	if at := strings.LastIndex(pf, "-r"); at > 0 && at+2 < len(pf) && strings.Trim(pf[at+2:], "0123456789") == "" {
		end = at
	}
	at := strings.LastIndexByte(pf[:end], '-')
	if at <= 0 || !startsWithDigit(pf[at+1:]) {
		return pf, ""
	}
	return pf[:at], pf[at+1:]
}

// parsePortageContents reads "obj PATH DIGEST TIME" and "sym PATH -> TARGET TIME"
// lines; paths may hold blanks. Folders belong to nobody.
func parsePortageContents(data []byte) []string {
	var files []string
	for line := range strings.Lines(string(data)) {
		line = strings.TrimRight(line, "\r\n")
		file, ok := strings.CutPrefix(line, "obj /")
		if ok {
			for range 2 {
				file = file[:max(strings.LastIndexByte(file, ' '), 0)]
			}
		} else if file, ok = strings.CutPrefix(line, "sym /"); ok {
			file, _, _ = strings.Cut(file, " -> ")
		}
		if file != "" && ok && len(files) < maxFiles {
			files = append(files, file)
		}
	}
	return files
}
