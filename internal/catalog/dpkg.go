package catalog

import (
	"bytes"
	"cmp"
	"path"
	"strings"

	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

const (
	dpkgStatusPath = "var/lib/dpkg/status"
	dpkgStatusDir  = "var/lib/dpkg/status.d/" // distroless: a file per package, and its .md5sums
	dpkgInfoDir    = "var/lib/dpkg/info/"
)

// isDpkgStatus wants dpkg's database, and the one that distroless images keep
// in pieces (Bazel's rules_distroless and the like write them). Where a folder
// on the way is a link the files lie elsewhere: dpkgPlaces tells which count.
// Maintainer scripts and lists next to the pieces are no records.
func isDpkgStatus(h *rootfs.Header, head []byte) bool {
	if h.Path == dpkgStatusPath {
		return true
	}
	dir, base := path.Split(h.Path)
	switch {
	case strings.HasPrefix(h.Path, dpkgStatusDir):
		return dir == dpkgStatusDir && base != "" && (!isControlFile(base) || isDpkgRecord(head))
	case base == "status" && !isOpkgStatus(h, nil), strings.HasSuffix(dir, "/status.d/"):
		return isDpkgRecord(head)
	}
	return false
}

// isControlFile reports whether a file is named as those that dpkg keeps next to
// a package's record (deb-control(7)); a package's own name may end so as well.
func isControlFile(base string) bool {
	switch path.Ext(base) {
	case ".preinst", ".postinst", ".prerm", ".postrm", ".config", ".conffiles", ".list", ".md5sums", ".shlibs", ".symbols", ".templates", ".triggers":
		return true
	}
	return false
}

// isDpkgRecord reports whether a file begins with the record of a package:
// fields, among them its name.
func isDpkgRecord(head []byte) bool {
	for line := range bytes.Lines(plainText(head)) {
		if len(line) >= 8 && bytes.EqualFold(line[:8], []byte("Package:")) {
			return true
		}
		if field := bytes.IndexByte(line, ':'); line[0] != ' ' && line[0] != '#' && (field <= 0 || !isFieldName(string(line[:field]))) {
			return false
		}
	}
	return false
}

// isDpkgFileList wants the lists of the files that each package owns.
func isDpkgFileList(h *rootfs.Header, _ []byte) bool {
	if !strings.HasSuffix(h.Path, ".list") && !strings.HasSuffix(h.Path, ".md5sums") {
		return false
	}
	dir := h.Path[:strings.LastIndexByte(h.Path, '/')+1]
	return dir == dpkgInfoDir || dir == dpkgStatusDir || strings.Contains(dir, "dpkg") && strings.HasSuffix(dir, "/info/") || strings.HasSuffix(dir, "/status.d/")
}

// dpkgPlaces says where dpkg's database really is: what dpkg calls
// var/lib/dpkg, or a folder above or below it, may be a link.
type dpkgPlaces struct{ status, statusDir, infoDir string }

func (j *join) dpkgPlaces() dpkgPlaces {
	real := func(name string) string {
		if to, err := j.tree.Resolve(strings.TrimSuffix(name, "/")); err == nil {
			if strings.HasSuffix(name, "/") {
				return to + "/"
			}
			return to
		}
		return name
	}
	return dpkgPlaces{real(dpkgStatusPath), real(dpkgStatusDir), real(dpkgInfoDir)}
}

// keeps reports whether a file of dpkg's form is in use.
func (at dpkgPlaces) keeps(file string) bool {
	return file == at.status || strings.HasPrefix(file, at.statusDir)
}

// parseDpkgStatus reads dpkg's database of installed packages.
func parseDpkgStatus(data []byte) ([]sbom.Package, error) {
	var db dpkgDatabase
	err := db.read(data)
	namePackages(db.packages, db.needs, db.provides)
	return db.packages, err
}

// parseDpkgStatusFile reads the paragraph that a distroless image keeps of one
// package. Its last line may lack the newline.
func parseDpkgStatusFile(data []byte) ([]sbom.Package, error) {
	if n := len(data); n > 0 && data[n-1] != '\n' {
		data = append(data[:n:n], '\n')
	}
	var db dpkgDatabase
	err := db.read(data)
	for i := range db.packages {
		// The others are in files of their own.
		for _, need := range db.needs[i] {
			db.packages[i].DependsOn = append(db.packages[i].DependsOn, strings.Split(need, "|")...)
		}
	}
	return db.packages, err
}

// dpkgDatabase is what dpkg's records say of its packages, and what each needs
// and provides.
type dpkgDatabase struct {
	packages        []sbom.Package
	needs, provides [][]string
	names           nameCount
}

// read reads paragraphs in deb822(5) whose fields are described in
// deb-control(5) and dpkg(1).
func (db *dpkgDatabase) read(data []byte) error {
	var (
		wrong  problems
		record dpkgRecord
	)
	rest := string(data)
	line := 0
	for rest != "" {
		text, more, complete := strings.Cut(rest, "\n")
		rest = more
		line++
		if !complete {
			wrong.add(line, "the file ends in the middle of a line")
		}
		text = strings.TrimSuffix(text, "\r")
		if strings.TrimSpace(text) == "" {
			record.end(db, &wrong)
			if len(db.packages) == maxPackages {
				return append(wrong, errTooMany).err()
			}
			continue
		}
		if record.start == 0 {
			record.start = line
		}
		if text[0] == ' ' || text[0] == '\t' || text[0] == '#' {
			continue // more of a field that is not needed, or a comment
		}
		key, value, ok := strings.Cut(text, ":")
		if !ok || !isFieldName(key) {
			wrong.add(line, "not a field: %.60q", text)
			continue
		}
		record.set(key, strings.TrimSpace(value), line, &wrong)
	}
	record.end(db, &wrong)
	return wrong.err()
}

// isFieldName reports whether s may name a field of a control file.
func isFieldName(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return s != ""
}

// dpkgRecord is a paragraph while it is read.
type dpkgRecord struct {
	start                               int // its first line, 0 before one was read
	name, version, arch, source, status string
	depends, preDepends, provides       string
	maintainer, origin, vendor, section string
}

func (r *dpkgRecord) set(key, value string, line int, wrong *problems) {
	var field *string
	// Field names are not case-sensitive (deb822(5)).
	switch {
	case strings.EqualFold(key, "Package"):
		field = &r.name
	case strings.EqualFold(key, "Version"):
		field = &r.version
	case strings.EqualFold(key, "Architecture"):
		field = &r.arch
	case strings.EqualFold(key, "Source"):
		field = &r.source
	case strings.EqualFold(key, "Status"):
		field = &r.status
	case strings.EqualFold(key, "Depends"):
		field = &r.depends
	case strings.EqualFold(key, "Pre-Depends"):
		field = &r.preDepends
	case strings.EqualFold(key, "Provides"):
		field = &r.provides
	case strings.EqualFold(key, "Maintainer"):
		field = &r.maintainer
	case strings.EqualFold(key, "Origin"):
		field = &r.origin
	case strings.EqualFold(key, "Vendor"):
		field = &r.vendor
	case strings.EqualFold(key, "Section"):
		field = &r.section
	default:
		return
	}
	if *field != "" {
		wrong.add(line, "second field %q in one record", key)
		return
	}
	*field = value
}

// end closes a paragraph and keeps its package if it is installed.
func (r *dpkgRecord) end(db *dpkgDatabase, wrong *problems) {
	done := *r
	*r = dpkgRecord{}
	if done.start == 0 || !dpkgInstalled(done.status) {
		return
	}
	if done.name == "" || done.version == "" {
		wrong.add(done.start, "record of package %q without a name or a version", done.name)
		return
	}
	p := sbom.Package{Type: "deb", Name: done.name, Version: done.version, Arch: done.arch, Vendor: done.maintainer, Builder: done.builder()}
	p.Source = sbom.Source{Name: done.name, Version: done.version}
	if done.source != "" {
		// "glibc", or "glibc (2.36-9)" where the versions differ, as they do
		// after a rebuild without a new upload (2.36-9+b1).
		name, version, ok := strings.Cut(done.source, "(")
		p.Source.Name = strings.TrimSpace(name)
		if version, _, closed := strings.Cut(version, ")"); ok && closed {
			p.Source.Version = strings.TrimSpace(version)
		}
	}
	db.packages = append(db.packages, p)
	db.needs = append(db.needs, db.names.take(dpkgNames(dpkgNames(nil, done.preDepends), done.depends)))
	db.provides = append(db.provides, db.names.take(dpkgNames(nil, done.provides)))
}

// builder is who says of himself that he built the package, in fields that
// Debian's and Ubuntu's own records do not have, or have with their name: Origin,
// and fpm's Vendor and its section "default".
func (r *dpkgRecord) builder() string {
	said := cmp.Or(r.origin, r.vendor)
	if said == "" && r.section != "default" {
		return ""
	}
	known := builders(knownBuilders())
	if known.maintainer(said) == "" && said != "" {
		return ""
	}
	return cmp.Or(known.called(strings.ToLower(said)), said, maintainerName(r.maintainer), unnamedBuilder)
}

// dpkgNames takes the names out of a list of relations, "a (>= 1), b:any | c",
// those of alternatives with "|" between (deb-control(5), "Depends"). Versions
// need no look: dpkg saw to them.
func dpkgNames(names []string, relations string) []string {
	for need := range strings.SplitSeq(relations, ",") {
		if len(names) == maxNamesOfOne {
			break
		}
		name, alternatives := "", 0
		for one := range strings.SplitSeq(need, "|") {
			if alternatives++; alternatives > maxAlternatives {
				break
			}
			one = strings.TrimSpace(one)
			if i := strings.IndexAny(one, " (:<"); i >= 0 {
				one = one[:i]
			}
			if name != "" && one != "" {
				name += "|"
			}
			name += one
		}
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

// dpkgInstalled reports whether a Status field says that the package's files
// are there. Its third word is the state (dpkg(1), "Package states"); what is
// wanted of the package, the first word, says nothing about that. Packages
// that wait for their configuration or a trigger are unpacked, and those half
// installed have left files. Records without the field come from distroless
// images, which list only what they hold.
func dpkgInstalled(status string) bool {
	if status == "" {
		return true
	}
	switch status[strings.LastIndexByte(status, ' ')+1:] {
	case "installed", "half-installed", "unpacked", "half-configured", "triggers-awaited", "triggers-pending":
		return true
	}
	return false
}

// parseDpkgList reads a list of owned files: a path per line, directories
// included. The directories that other paths are in are left out.
func parseDpkgList(data []byte) []string {
	var paths []string
	parents := map[string]bool{}
	for text := range strings.Lines(string(data)) {
		p := strings.Trim(strings.TrimRight(text, "\r\n"), "/")
		if p == "" || p == "." {
			continue
		}
		if paths = append(paths, p); len(paths) == maxFiles {
			break
		}
		for dir := p; ; {
			i := strings.LastIndexByte(dir, '/')
			if i < 0 || parents[dir[:i]] {
				break
			}
			dir = dir[:i]
			parents[dir] = true
		}
	}
	files := paths[:0]
	for _, p := range paths {
		if !parents[p] {
			files = append(files, p)
		}
	}
	return files
}

// parseMD5Sums reads a list of owned files with their digests, which names
// neither directories, links nor configuration files.
func parseMD5Sums(data []byte) []string {
	var files []string
	for text := range strings.Lines(string(data)) {
		_, p, ok := strings.Cut(strings.TrimRight(text, "\r\n"), " ")
		p = strings.TrimLeft(p, " *")
		p = strings.Trim(strings.TrimPrefix(p, "./"), "/")
		if ok && p != "" && len(files) < maxFiles {
			files = append(files, p)
		}
	}
	return files
}

// dpkgListOf returns the package that a list of owned files belongs to: "libc6"
// of libc6:amd64.list, and its architecture where the name has one.
func dpkgListOf(path string) (name, arch, kind string) {
	base := path[strings.LastIndexByte(path, '/')+1:]
	if dot := strings.LastIndexByte(base, '.'); dot >= 0 {
		base, kind = base[:dot], base[dot+1:]
	}
	name, arch, _ = strings.Cut(base, ":")
	return name, arch, kind
}
