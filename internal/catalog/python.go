package catalog

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/careen/careen/internal/purl"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/spdx"
)

// maxMetadata bounds a package's metadata, the long description included.
const maxMetadata = 16 << 20

// isPythonMetadata wants what Python's installers leave of a distribution:
// NAME-VERSION.dist-info/METADATA, NAME-VERSION.egg-info/PKG-INFO, or a file of
// that name where distutils installed it, EGG-INFO/PKG-INFO of an unpacked egg,
// and eggs that are zip files.
// https://packaging.python.org/en/latest/specifications/recording-installed-packages/
func isPythonMetadata(h *rootfs.Header, _ []byte) bool {
	p := h.Path
	if isPythonFixture(p) || isPythonLeftover(p) {
		return false
	}
	switch {
	case strings.HasSuffix(p, ".dist-info/METADATA"),
		strings.HasSuffix(p, ".egg-info/PKG-INFO"),
		strings.HasSuffix(p, "/EGG-INFO/PKG-INFO"),
		strings.HasSuffix(p, ".egg-info"),
		strings.HasSuffix(p, ".egg"):
		return true
	}
	return false
}

// isPythonFixture reports whether a file is material of a package's or of
// Python's own tests, or says of the standard library what the program itself
// says (lib-dynload/Python-2.7.18.egg-info).
func isPythonFixture(file string) bool {
	inside := false
	for part := range strings.SplitSeq(path.Dir(file), "/") {
		switch {
		case part == "site-packages", part == "dist-packages", strings.HasPrefix(part, "python") && strings.Contains(part, "."):
			inside = true
		case inside && (part == "test" || part == "tests" || part == "testdata" || part == "lib-dynload"):
			return true
		}
	}
	return false
}

// isPythonLeftover reports whether a record is of a distribution that pip was
// interrupted in removing or replacing: it renames what it takes away to names
// that begin with "~", before with "-", and lists none of them.
func isPythonLeftover(file string) bool {
	return strings.Contains(file, "/~") || strings.Contains(file, "/-")
}

func readPython(h *rootfs.Header, body rootfs.Body) (found, error) {
	if strings.HasSuffix(h.Path, ".egg") {
		return readEgg(body)
	}
	data, err := body.Bytes(maxMetadata)
	if err != nil {
		return found{}, err
	}
	packages, err := parsePythonMetadata(data)
	return found{Packages: packages}, err
}

// readEgg reads the metadata of an egg that was left zipped.
func readEgg(body rootfs.Body) (found, error) {
	z, err := rootfs.OpenZip(body, body.Size(), maxJarIndex)
	if err != nil {
		return found{}, nil // a file that happens to end in .egg
	}
	for _, f := range z.File {
		if f.Name != "EGG-INFO/PKG-INFO" {
			continue
		}
		data, err := unzip(f, maxMetadata)
		if err != nil {
			return found{}, err
		}
		packages, err := parsePythonMetadata(data)
		return found{Packages: packages}, err
	}
	return found{}, nil
}

// maxDeflate is how many bytes deflate makes of one at most (RFC 1951: 258 of two bits).
const maxDeflate = 1032

// unzip returns a member of a zip file, at most limit bytes.
func unzip(f *zip.File, limit int64) ([]byte, error) {
	if f.UncompressedSize64 > uint64(limit) {
		return nil, fmt.Errorf("%q: more than %d bytes", f.Name, limit)
	}
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("%q: %w", f.Name, err)
	}
	defer r.Close()
	// The stated size may be a lie, but deflate makes no more of what is stored.
	data := bytes.NewBuffer(make([]byte, 0, min(f.UncompressedSize64, maxDeflate*f.CompressedSize64)+bytes.MinRead))
	if _, err := data.ReadFrom(io.LimitReader(r, limit+1)); err != nil {
		return nil, fmt.Errorf("%q: %w", f.Name, err)
	}
	if int64(data.Len()) > limit {
		return nil, fmt.Errorf("%q: more than %d bytes", f.Name, limit)
	}
	return data.Bytes(), nil
}

// parsePythonMetadata reads the core metadata of one distribution, headers as
// in mail up to the first empty line
// (https://packaging.python.org/en/latest/specifications/core-metadata/).
func parsePythonMetadata(data []byte) ([]sbom.Package, error) {
	var name, version, license, expression, last string
	var requires, classified []string
	for text := range strings.Lines(string(data)) {
		text = strings.TrimRight(text, "\r\n")
		if text == "" {
			break
		}
		if text[0] == ' ' || text[0] == '\t' {
			if last == "license" { // a text, not a name, unless its first line is one
				license = spdx.Name(license)
			}
			continue
		}
		key, value, ok := strings.Cut(text, ":")
		if !ok {
			continue
		}
		value = strings.TrimSpace(value)
		last = strings.ToLower(key)
		switch last {
		case "name":
			name = value
		case "version":
			version = value
		case "license":
			license = value
		case "license-expression":
			expression = value
		case "classifier":
			if id := classifierLicense(value); id != "" {
				classified = append(classified, id)
			}
		case "requires-dist":
			if on := requirement(value); on != "" {
				requires = append(requires, on)
			}
		}
	}
	if name == "" || version == "" {
		return nil, problems{{0, "metadata without a name or a version"}}
	}
	p := language("pypi", name, version)
	p.DependsOn = requires
	switch {
	case expression != "":
		p.Licenses = []string{expression}
	case license != "" && license != "UNKNOWN" && len(license) <= 100: // some hold the whole text
		p.Licenses = []string{license}
	case len(classified) > 0:
		p.Licenses = classified
	}
	return []sbom.Package{p}, nil
}

// classifierLicense returns the licence that a classifier names, as SPDX writes
// it where one is meant; "" for other classifiers
// (https://pypi.org/classifiers/).
func classifierLicense(value string) string {
	rest, ok := strings.CutPrefix(value, "License :: ")
	if !ok {
		return ""
	}
	name := rest[strings.LastIndex(rest, ":")+1:]
	name = strings.TrimSpace(name)
	if id, ok := map[string]string{
		"MIT License": "MIT", "ISC License (ISCL)": "ISC", "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0", "Python Software Foundation License": "PSF-2.0", "zlib/libpng License": "Zlib", "Boost Software License 1.0 (BSL-1.0)": "BSL-1.0",
		"The Unlicense (Unlicense)": "Unlicense", "GNU General Public License v2 (GPLv2)": "GPL-2.0-only", "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
		"GNU General Public License v3 (GPLv3)": "GPL-3.0-only", "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later", "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
		"GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later", "GNU Affero General Public License v3": "AGPL-3.0-only", "GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
		"MIT No Attribution License (MIT-0)": "MIT-0", "Zope Public License": "ZPL-2.1", "CC0 1.0 Universal (CC0 1.0) Public Domain Dedication": "CC0-1.0", "European Union Public Licence 1.2 (EUPL 1.2)": "EUPL-1.2",
	}[name]; ok {
		return id
	}
	if name == "OSI Approved" || name == "" {
		return ""
	}
	return name
}

// requirement returns what a dependency specifier names,
// "requests[socks] (>=2.8) ; python_version < '3'", as a purl without version,
// whose name has its normal form; "" for what only an extra needs
// (https://packaging.python.org/en/latest/specifications/dependency-specifiers/).
func requirement(specifier string) string {
	name, marker, _ := strings.Cut(specifier, ";")
	if end := strings.IndexFunc(name, func(r rune) bool { return strings.ContainsRune(" [(<>=!~@", r) }); end >= 0 {
		name = name[:end]
	}
	if name == "" || strings.Contains(marker, "extra ") || strings.Contains(marker, "extra=") {
		return ""
	}
	return purl.New("pypi", name, "").String()
}

// isCondaMeta wants conda's records of installed packages.
func isCondaMeta(h *rootfs.Header, _ []byte) bool {
	return strings.HasSuffix(h.Path, ".json") && path.Base(path.Dir(h.Path)) == "conda-meta"
}

// parseCondaMeta reads conda-meta/NAME-VERSION-BUILD.json.
func parseCondaMeta(data []byte) ([]sbom.Package, error) {
	var doc struct {
		Name, Version, License string
		Depends                []string
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	if doc.Name == "" || doc.Version == "" {
		return nil, nil // conda-meta/history and the like
	}
	p := language("conda", doc.Name, doc.Version)
	if doc.License != "" {
		p.Licenses = []string{doc.License}
	}
	for _, need := range doc.Depends { // "python >=3.11,<3.12.0a0"
		name, _, _ := strings.Cut(need, " ")
		p.DependsOn = append(p.DependsOn, name)
	}
	return []sbom.Package{p}, nil
}
