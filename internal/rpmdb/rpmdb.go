// Package rpmdb reads the list of installed packages out of rpm's database in
// the three forms that rpm has written it: SQLite (rpm 4.16 and later), ndb
// (SUSE) and Berkeley DB hash files (all before). Only what lists packages is
// read, straight from the file, with every count and offset bounded: the
// database comes from an image. It writes the SQLite form. How headers are laid out is described in
// https://rpm-software-management.github.io/rpm/manual/format_header.html.
package rpmdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
)

// Package is one installed package, in rpm's own words.
type Package struct {
	Name, Version, Release string
	Epoch                  int // 0 when the package has none, as rpm compares it
	Arch                   string
	SourceRPM              string // "glibc-2.34-60.el9.src.rpm"
	Vendor, License        string
	Modularity             string   // MODULARITYLABEL, "nodejs:18:8090020231207…:rhel9"
	Files                  []string // without leading slash, folders left out
	Signer                 string   // whose key signed it, as the database has that key: "Fedora (epel9) <epel@fedoraproject.org>"; "" when it has not
	Requires, Provides     []string // names alone: of packages, "libc.so.6(GLIBC_2.34)(64bit)", "/bin/sh", "rpmlib(…)", "(a if b)"
}

// ErrFormat says that a file is none of the three forms.
var ErrFormat = errors.New("not an rpm database")

// Read returns the packages of a database. What cannot be read does not hide
// the rest: the error says what was left out. wal is the write-ahead log next to
// a SQLite database (its name with -wal), nil when there is none.
func Read(r io.ReaderAt, size int64, wal io.ReaderAt, walSize int64) ([]Package, error) {
	headers, err := Headers(r, size, wal, walSize)
	if err != nil {
		return nil, err
	}
	var packages []Package
	var errs []error
	var keys []key
	signed := map[int]string{} // id of the key, by the package's place
	n := 0
	for blob, err := range headers {
		n++
		if err == nil {
			var p Package
			var h header
			if p, h, err = parse(blob); err == nil {
				if p.isKey() {
					keys = append(keys, key{strings.ToLower(p.Version), h.owner()})
					continue
				}
				if id := h.signer(); id != "" {
					signed[len(packages)] = id
				}
				packages = append(packages, p)
				continue
			}
		}
		if len(errs) < maxErrors {
			errs = append(errs, fmt.Errorf("record %d: %w", n, err))
		}
	}
	nameSigners(packages, signed, keys)
	return packages, errors.Join(errs...)
}

// isKey reports whether it is a key that was imported, not software.
func (p *Package) isKey() bool { return p.Name == "gpg-pubkey" }

// EVR is the version as rpm writes it, the epoch only where there is one.
func (p *Package) EVR() string {
	version := p.Version
	if p.Release != "" {
		version += "-" + p.Release
	}
	if p.Epoch != 0 {
		version = strconv.Itoa(p.Epoch) + ":" + version
	}
	return version
}

// Headers iterates over the packages of a database in the form in which it has
// them: see ParseHeader. An error among them represents one that cannot be read.
// Its arguments are those of Read.
func Headers(r io.ReaderAt, size int64, wal io.ReaderAt, walSize int64) (iter.Seq2[[]byte, error], error) {
	blobs, err := open(r, size, wal, walSize)
	if err != nil {
		return nil, err
	}
	return func(yield func([]byte, error) bool) {
		n, total := 0, int64(0)
		for blob, err := range blobs {
			n++
			total += int64(len(blob))
			if n > maxPackages || total > size+walSize {
				// No two records share bytes, so they cannot be more than the file.
				yield(nil, fmt.Errorf("more records than fit: %d of %d bytes", n, total))
				return
			}
			if !yield(blob, err) {
				return
			}
		}
	}, nil
}

const (
	maxPackages = 1 << 17
	maxErrors   = 5
	maxHeader   = 64 << 20 // one package's record; rpm itself refuses more than 256 MB
)

// open tells the form and returns the records.
func open(r io.ReaderAt, size int64, wal io.ReaderAt, walSize int64) (iter.Seq2[[]byte, error], error) {
	var head [32]byte
	if n, err := r.ReadAt(head[:], 0); n < len(head) {
		return nil, fmt.Errorf("%w: %v", ErrFormat, err)
	}
	switch {
	case string(head[:16]) == "SQLite format 3\x00":
		return readSQLite(r, size, wal, walSize)
	case string(head[:4]) == "RpmP":
		return readNDB(r, size)
	case isBerkeley(head[:]):
		return readBerkeley(r, size)
	}
	return nil, ErrFormat
}

// Tags of a header (rpmtag.h).
const (
	tagName            = 1000
	tagVersion         = 1001
	tagRelease         = 1002
	tagEpoch           = 1003
	tagSummary         = 1004
	tagVendor          = 1011
	tagLicense         = 1014
	tagPackager        = 1015
	tagArch            = 1022
	tagOldFilenames    = 1027
	tagFileStates      = 1029
	tagFileModes       = 1030
	tagSourceRPM       = 1044
	tagProvideName     = 1047
	tagRequireName     = 1049
	tagDirIndexes      = 1116
	tagBasenames       = 1117
	tagDirNames        = 1118
	tagModularityLabel = 5096
)

// Types of a tag's value.
const (
	typeChar        = 1
	typeInt16       = 3
	typeInt32       = 4
	typeString      = 6
	typeBin         = 7
	typeStringArray = 8
	typeI18N        = 9
)

// entry is one row of a header's index.
type entry struct{ kind, offset, count uint32 }

// header is a record as it lies in the database.
type header struct {
	index map[uint32]entry
	data  []byte
	tail  []byte // behind the data
}

// maxTags bounds a header's index; rpm's own bound is the same.
const maxTags = 0xffff

// readHeader reads one record: the count of tags, the size of their data, an
// index of 16 bytes a tag, the data; all big-endian. Of the index it keeps the
// tags that are wanted.
func readHeader(blob []byte, want func(tag uint32) bool) (header, error) {
	if len(blob) < 8 {
		return header{}, fmt.Errorf("header of %d bytes", len(blob))
	}
	tags, size := binary.BigEndian.Uint32(blob), binary.BigEndian.Uint32(blob[4:])
	if tags == 0 || tags > maxTags || int64(len(blob)) < 8+16*int64(tags)+int64(size) {
		return header{}, fmt.Errorf("header of %d bytes names %d tags and %d bytes of data", len(blob), tags, size)
	}
	data := blob[8+16*tags:]
	h := header{index: make(map[uint32]entry, 16), data: data[:size], tail: data[size:]}
	for i := range tags {
		row := blob[8+16*i:]
		if tag := binary.BigEndian.Uint32(row); want(tag) {
			h.index[tag] = entry{binary.BigEndian.Uint32(row[4:]), binary.BigEndian.Uint32(row[8:]), binary.BigEndian.Uint32(row[12:])}
		}
	}
	return h, nil
}

// listsFiles reports whether a tag has part of the list of files.
func listsFiles(tag uint32) bool {
	switch tag {
	case tagOldFilenames, tagFileModes, tagDirIndexes, tagBasenames, tagDirNames:
		return true
	}
	return false
}

// ParseHeader reads what one record says of a package. Who signed it is not in the
// record: see Read.
func ParseHeader(blob []byte) (Package, error) {
	p, _, err := parse(blob)
	return p, err
}

func parse(blob []byte) (Package, header, error) {
	h, err := readHeader(blob, func(tag uint32) bool {
		switch tag {
		case tagName, tagVersion, tagRelease, tagEpoch, tagVendor, tagLicense, tagArch, tagSourceRPM,
			tagProvideName, tagRequireName, tagModularityLabel, tagSummary, tagPackager,
			tagSigPGP, tagSigGPG, tagDSAHeader, tagRSAHeader, tagOpenPGP:
			return true
		}
		return listsFiles(tag)
	})
	if err != nil {
		return Package{}, h, err
	}
	p := Package{
		Name: h.text(tagName), Version: h.text(tagVersion), Release: h.text(tagRelease), Arch: h.text(tagArch),
		SourceRPM: h.text(tagSourceRPM), Vendor: h.text(tagVendor), License: h.text(tagLicense), Modularity: h.text(tagModularityLabel),
	}
	if e := h.numbers(tagEpoch, typeInt32, 4); len(e) >= 4 {
		p.Epoch = int(binary.BigEndian.Uint32(e))
	}
	if p.Name == "" || p.Version == "" {
		return Package{}, h, fmt.Errorf("header of package %q without a name or a version", p.Name)
	}
	p.Files = h.files()
	p.Requires, p.Provides = h.texts(tagRequireName), h.texts(tagProvideName)
	return p, h, nil
}

// text returns a string tag, "" when absent or malformed.
func (h header) text(tag uint32) string {
	e, ok := h.index[tag]
	if !ok || e.kind != typeString && e.kind != typeI18N && e.kind != typeStringArray || e.count == 0 {
		return ""
	}
	s, _ := cString(h.data, e.offset)
	return s
}

// cString returns the string at an offset and the offset behind it.
func cString(data []byte, at uint32) (string, uint32) {
	if uint64(at) >= uint64(len(data)) {
		return "", at
	}
	for i := at; i < uint32(len(data)); i++ {
		if data[i] == 0 {
			return string(data[at:i]), i + 1
		}
	}
	return "", at
}

// texts returns a tag that holds a list of strings.
func (h header) texts(tag uint32) []string {
	e, ok := h.index[tag]
	if !ok || e.kind != typeStringArray || uint64(e.offset)+uint64(e.count) > uint64(len(h.data)) {
		return nil
	}
	// One string of the whole list, so that its members cost nothing each.
	all := string(h.data[e.offset:])
	list := make([]string, 0, e.count)
	for range e.count {
		end := 0
		for end < len(all) && all[end] != 0 {
			end++
		}
		if end == len(all) {
			return nil
		}
		list = append(list, all[:end])
		all = all[end+1:]
	}
	return list
}

// numbers returns the bytes of a tag that holds numbers of a width.
func (h header) numbers(tag, kind, width uint32) []byte {
	e, ok := h.index[tag]
	if !ok || e.kind != kind || uint64(e.offset)+uint64(e.count)*uint64(width) > uint64(len(h.data)) {
		return nil
	}
	return h.data[e.offset:][:e.count*width]
}

// paths puts the owned paths together: a list of names, for each the index of
// its folder in a list of folders. Headers of long ago hold whole paths. A path
// that cannot be put together is "".
func (h header) paths() []string {
	names := h.texts(tagBasenames)
	if len(names) == 0 {
		old := h.texts(tagOldFilenames)
		for i, name := range old {
			old[i] = strings.TrimLeft(name, "/")
		}
		return old
	}
	dirs := h.texts(tagDirNames)
	indexes := h.numbers(tagDirIndexes, typeInt32, 4)
	paths := make([]string, len(names))
	for i, name := range names {
		if len(indexes) < 4*i+4 {
			break
		}
		if dir := binary.BigEndian.Uint32(indexes[4*i:]); uint64(dir) < uint64(len(dirs)) {
			paths[i] = strings.TrimLeft(dirs[dir]+name, "/")
		}
	}
	return paths
}

// files returns the owned paths without folders.
func (h header) files() []string {
	const kindMask, folder = 0o170000, 0o040000
	modes := h.numbers(tagFileModes, typeInt16, 2)
	paths := h.paths()
	files := paths[:0]
	for i, file := range paths {
		isFolder := len(modes) >= 2*i+2 && binary.BigEndian.Uint16(modes[2*i:])&kindMask == folder
		if file != "" && !isFolder {
			files = append(files, file)
		}
	}
	return files
}

// readFull reads n bytes at an offset into a new slice, once it has seen that
// the file is that long.
func readFull(r io.ReaderAt, size, offset, n int64) ([]byte, error) {
	if offset < 0 || n < 0 || offset > size-n {
		return nil, fmt.Errorf("%d bytes at %d of a file of %d", n, offset, size)
	}
	data := make([]byte, n)
	if got, err := r.ReadAt(data, offset); got < len(data) {
		return nil, fmt.Errorf("%d bytes at %d: %w", n, offset, err)
	}
	return data, nil
}
