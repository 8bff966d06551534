// Package catalog lists the software in an image: one parser per package
// manager or file format, and one join that puts together what they found in
// the layers. Which file goes to which parser is in one table, catalogers.
// Reading layers is rootfs's work, judging versions match's.
package catalog

import (
	"fmt"
	"path"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

// Visitors returns what has to look at each layer's files for Packages to know
// them. A layer that names packages in more places than the limits allow is not read
// further for them.
func Visitors(limits Limits) []rootfs.Visitor {
	places := limits.withDefaults().Locations
	quota := &rootfs.Quota{Most: places, Count: countPackages, What: fmt.Sprintf("packages in more than %d places: raise --max-locations if they are meant", places)}
	visitors := []rootfs.Visitor{
		{Name: "dpkg-files", Version: factVersion<<16 | 1, Want: isDpkgFileList, Visit: visitFiles},
		{Name: "dpkg-copyright", Version: factVersion<<16 | 3, Want: isCopyright, Visit: visitCopyright},
		{Name: "pacman-files", Version: factVersion<<16 | 1, Want: isPacmanFiles, Visit: visitFiles},
		{Name: "python-files", Version: factVersion<<16 | 1, Want: isPythonRecord, Visit: visitPythonRecord},
		{Name: aptListsFacts, Version: factVersion<<16 | 1, Want: isAptList, Visit: visitAptList},
		{Name: repositoryFacts, Version: factVersion<<16 | 2, Want: isRepositoryList, Visit: visitRepositoryList},
		{Name: rpmOriginFacts, Version: factVersion<<16 | 1, Want: isRpmOrigin, Visit: visitRpmOrigin},
		{Name: "distro", Version: factVersion<<16 | 1, Want: isRelease, Visit: visitRelease},
	}
	for _, c := range catalogers() {
		visitors = append(visitors, rootfs.Visitor{Name: c.name, Version: factVersion<<16 | c.version, Want: c.want, Visit: c.visit, Quota: quota})
	}
	return visitors
}

// visit reads one file. What is wrong with it is kept in its fact, next to what
// could be read: only files that the finished image shows are complained about.
func (c cataloger) visit(h *rootfs.Header, body rootfs.Body) ([]byte, error) {
	var f found
	text, err := decodeText(body)
	if err == nil {
		f, err = c.read(h, text)
	}
	f.Problems = append(f.Problems, asProblems(err)...)
	return f.encode(), body.Charge(0) // where the budget is used up, that is no fault of the file
}

// Result is what an image holds.
type Result struct {
	Distro   sbom.Distro
	Packages []sbom.Package // sorted by purl, then owner
	Folders  []string       // paths that packages own with all below, next to their Files; sorted
	Warnings []Warning

	// Development counts the packages that lock files name for development alone and
	// that are not listed: Limits.Development was not set.
	Development int
}

// Warning is something that a reader of the result should know. Its kind is
// "packages" for a file that lists some, "distro" for what the image is.
type Warning = finding.Warning

// Bounds of one package database. Those of full desktops have a tenth.
const (
	maxDatabase = 64 << 20
	maxJSON     = 16 << 20  // of the formats that are JSON, which takes several times its size once read
	maxPackages = 50_000    // Debian has no more in all
	maxFiles    = 1_000_000 // paths that one file lists
)

// errTooMany ends the reading of a database: what came before it is kept.
var errTooMany = problem{0, fmt.Sprintf("more than %d packages in one file: the rest is left out", maxPackages)}

// whole adapts a parser of whole files.
func whole(parse func([]byte) ([]sbom.Package, error)) func(*rootfs.Header, rootfs.Body) (found, error) {
	return func(_ *rootfs.Header, body rootfs.Body) (found, error) {
		data, err := body.Bytes(maxDatabase)
		if err != nil {
			return found{}, err
		}
		if len(data) > maxJSON && strings.IndexByte("{[\xef \t\r\n", data[0]) >= 0 {
			return found{}, fmt.Errorf("%d bytes of JSON, more than %d", len(data), maxJSON)
		}
		packages, err := parse(data)
		return found{Packages: packages}, err
	}
}

func readDpkgStatus(h *rootfs.Header, body rootfs.Body) (found, error) {
	if path.Base(path.Dir(h.Path)) == "status.d" {
		return whole(parseDpkgStatusFile)(h, body)
	}
	return whole(parseDpkgStatus)(h, body)
}

// visitFiles keeps a list of the files that a package owns.
func visitFiles(h *rootfs.Header, body rootfs.Body) ([]byte, error) {
	data, err := body.Bytes(maxDatabase)
	if err != nil {
		return nil, err
	}
	data = plainText(data)
	switch {
	case strings.HasPrefix(h.Path, pacmanDir):
		return encodeStrings(parsePacmanFiles(data)), nil
	case strings.HasSuffix(h.Path, ".md5sums"):
		return encodeStrings(parseMD5Sums(data)), nil
	}
	return encodeStrings(parseDpkgList(data)), nil
}

func visitRelease(_ *rootfs.Header, body rootfs.Body) ([]byte, error) {
	data, err := body.Bytes(maxRelease)
	if err != nil {
		return nil, err
	}
	return append([]byte(nil), plainText(data)...), nil
}

func readPackageJSON(h *rootfs.Header, body rootfs.Body) (found, error) {
	if !inNodeModules(h.Path) && !mayBeUnpacked(h.Path) && !mayBeApplication(h.Path) {
		return found{}, nil
	}
	data, err := body.Bytes(maxPackageJSON)
	if err != nil {
		return found{}, err
	}
	packages, err := parsePackageJSON(h.Path, data)
	return found{Packages: packages}, err
}
