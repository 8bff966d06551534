// Package catalog lists the software in an image: one parser per package
// manager or file format, and one join that puts together what they found in
// the layers. Which file goes to which parser is in one table, Visitors.
// Reading layers is rootfs's work, judging versions match's.
package catalog

import (
	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

// Visitors returns the table of catalogers. Deleting a line deletes the feature.
func Visitors() []rootfs.Visitor {
	return []rootfs.Visitor{
		packages("dpkg", 1, isDpkgStatus, dpkgStatus),
		packages("apk", 1, isApkDatabase, whole(parseApkInstalled)),
		packages("npm", 1, isPackageJSON, packageJSON),
	}
}

// Result is what an image holds.
type Result struct {
	Distro   sbom.Distro
	Packages []sbom.Package // sorted by purl, then owner
	Warnings []Warning
}

// Warning is something that the person who reads the result should know.
type Warning struct {
	Kind       string // "catalog", "distro"
	Path       string // the file it is about, "" for the image
	Layer      int    // -1 for the image
	Message    string
	Incomplete bool // packages may be missing from the result
}

// maxDatabase bounds a package database. The largest known, of a full desktop,
// is a tenth of it.
const maxDatabase = 128 << 20

// packages makes the visitor of a parser that yields packages. What is wrong
// with a file is kept in its fact, beside what could be read of it, so that
// only files that the finished image shows are complained about.
func packages(name string, version int, want func(*rootfs.Header, []byte) bool, parse func(*rootfs.Header, rootfs.Body) (found, error)) rootfs.Visitor {
	return rootfs.Visitor{
		Name: name, Version: factVersion<<16 | version, Want: want,
		Visit: func(h *rootfs.Header, body rootfs.Body) ([]byte, error) {
			f, err := parse(h, body)
			f.Problems = append(f.Problems, asProblems(err)...)
			return f.encode(), nil
		},
	}
}

// facts makes the visitor of anything else.
func facts(name string, version int, want func(*rootfs.Header, []byte) bool, visit func(*rootfs.Header, rootfs.Body) ([]byte, error)) rootfs.Visitor {
	return rootfs.Visitor{Name: name, Version: factVersion<<16 | version, Want: want, Visit: visit}
}

// whole adapts a parser of a whole file.
func whole(parse func([]byte) ([]sbom.Package, error)) func(*rootfs.Header, rootfs.Body) (found, error) {
	return func(_ *rootfs.Header, body rootfs.Body) (found, error) {
		data, err := body.Bytes(maxDatabase)
		if err != nil {
			return found{}, err
		}
		packages, err := parse(data)
		return found{Packages: packages}, err
	}
}

func dpkgStatus(h *rootfs.Header, body rootfs.Body) (found, error) {
	if h.Path == dpkgStatusPath {
		return whole(parseDpkgStatus)(h, body)
	}
	return whole(parseDpkgStatusFile)(h, body)
}

func packageJSON(h *rootfs.Header, body rootfs.Body) (found, error) {
	if !inNodeModules(h.Path) && !mayBeUnpacked(h.Path) {
		return found{}, nil
	}
	data, err := body.Bytes(maxPackageJSON)
	if err != nil {
		return found{}, err
	}
	packages, err := parsePackageJSON(h.Path, data)
	return found{Packages: packages}, err
}

var _ finding.Location
