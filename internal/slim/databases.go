package slim

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/sbom"
)

// newFile is a file that the source does not have, or not so.
type newFile struct {
	path string
	data []byte
}

// databases are the packages' databases, cut to what stays.
type databases struct {
	added []newFile // sorted by path
	Notes []string  // what could not be cut, for people
}

// AddFile adds a file to what is written, such as an SBOM.
func (p *Plan) AddFile(file string, data []byte) {
	p.added = append(p.added, newFile{file, data})
	slices.SortFunc(p.added, func(a, b newFile) int { return strings.Compare(a.path, b.path) })
}

const (
	dpkgDir      = "var/lib/dpkg/"
	dpkgStatus   = dpkgDir + "status"
	pacmanDir    = "var/lib/pacman/local/"
	rpmManifests = "var/lib/rpmmanifest/" // container-manifest-2
	maxRecords   = 64 << 20               // bytes of a database of packages
)

var (
	apkDatabases = []string{"lib/apk/db/installed", "usr/lib/apk/db/installed"}
	rpmDirs      = []string{"var/lib/rpm/", "usr/lib/sysimage/rpm/", "usr/share/rpm/", rpmManifests}
)

// isDatabase reports whether a file says what is installed: such files are never
// copied, but written anew.
func isDatabase(file string) bool {
	if strings.HasPrefix(file, dpkgDir) || slices.Contains(apkDatabases, file) || strings.HasPrefix(file, pacmanDir) {
		return true
	}
	for _, dir := range rpmDirs {
		if strings.HasPrefix(file, dir) {
			return true
		}
	}
	return false
}

// reduceDatabases writes the databases of what stays.
func (d *decision) reduceDatabases() databases {
	var out databases
	fates := d.fates()
	stays := map[string][]int{} // by type
	for i, f := range fates {
		if f.Stays {
			t := d.src.Packages[i].Type
			stays[t] = append(stays[t], i)
		}
	}
	out.reduceDpkg(d, stays["deb"], fates)
	out.reduceApk(d, stays["apk"], fates)
	out.reduceRpm(d, stays["rpm"])
	out.reducePacman(d, stays["alpm"])
	slices.SortFunc(out.added, func(a, b newFile) int { return strings.Compare(a.path, b.path) })
	return out
}

// read reads a database of the source; nil where it cannot be had.
func (d *decision) read(file string) []byte {
	f, err := d.src.Tree.Open(file)
	if err != nil {
		return nil
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxRecords))
	if err != nil {
		return nil
	}
	return data
}

// stays reports whether a file stays, by the name that its package gives it:
// with merged /usr, that may be another than the tree's.
func (d *decision) staysAs(file string, dirs map[string]string) bool {
	file = strings.Trim(file, "/")
	dir, base := path.Split(file)
	dir = strings.TrimSuffix(dir, "/")
	at, known := dirs[dir]
	if !known {
		at = dir
		if resolved, err := d.src.Tree.Resolve(dir); err == nil {
			at = resolved
		}
		dirs[dir] = at
	}
	_, ok := d.keep[path.Join(at, base)]
	return ok
}

// reduceDpkg writes dpkg's records in the form of distroless images: one file a
// package in status.d, and the sums of its files next to it. Where dpkg itself
// stays, its own database is cut instead.
func (o *databases) reduceDpkg(d *decision, stays []int, fates []Fate) {
	if len(stays) == 0 {
		return
	}
	records := dpkgRecords(d.read(dpkgStatus))
	dirs := map[string]string{}
	names := map[string]bool{}
	var whole bytes.Buffer
	dpkgStays := false
	for _, i := range stays {
		p := &d.src.Packages[i]
		dpkgStays = dpkgStays || p.Name == "dpkg"
		sums := d.read(dpkgDir + "info/" + p.Name + ".md5sums")
		if sums == nil {
			sums = d.read(dpkgDir + "info/" + p.Name + ":" + p.Arch + ".md5sums")
		}
		record, ok := records[dpkgKey(p)]
		if !ok && len(p.Locations) > 0 {
			at := p.Locations[0].Path // of a distroless image
			record, sums = d.read(at), d.read(at+".md5sums")
		}
		if len(record) == 0 {
			o.Notes = append(o.Notes, fmt.Sprintf("%s: dpkg's record of it was not found", p.Name))
			continue
		}
		record = append(bytes.TrimRight(record, "\n"), '\n')
		if f := fates[i]; f.partly() {
			record = fmt.Appendf(record, "X-Careen-Kept: %d of %d files\n", f.Kept, f.Files)
		}
		fmt.Fprintf(&whole, "%s\n", record)
		name := p.Name
		if names[name] {
			name += "_" + p.Arch
		}
		names[name] = true
		var left bytes.Buffer
		for line := range bytes.Lines(sums) {
			if _, file, ok := strings.Cut(strings.TrimRight(string(line), "\r\n"), "  "); ok && d.staysAs(file, dirs) {
				left.Write(line)
			}
		}
		o.added = append(o.added, newFile{dpkgDir + "status.d/" + name, record}, newFile{dpkgDir + "status.d/" + name + ".md5sums", left.Bytes()})
	}
	if dpkgStays {
		o.added = []newFile{{dpkgStatus, whole.Bytes()}}
		d.keepDpkgLists(stays)
	}
}

// keepDpkgLists keeps the lists and scripts of packages that stay.
func (d *decision) keepDpkgLists(stays []int) {
	names := map[string]bool{}
	for _, i := range stays {
		names[d.src.Packages[i].Name] = true
	}
	for e := range d.src.Tree.All() {
		name, ok := strings.CutPrefix(e.Path, dpkgDir+"info/")
		if !ok || !e.Mode.IsRegular() {
			continue
		}
		name, _, _ = strings.Cut(strings.TrimSuffix(name, path.Ext(name)), ":")
		if names[name] || name == "format" {
			d.keep[e.Path] = Kept{e, Rule, "dpkg stays"}
		}
	}
}

func dpkgKey(p *sbom.Package) string { return p.Name + " " + p.Version + " " + p.Arch }

// dpkgRecords splits a status file into its paragraphs (deb822(5)).
func dpkgRecords(status []byte) map[string][]byte {
	records := map[string][]byte{}
	for _, record := range bytes.Split(status, []byte("\n\n")) {
		fields := map[string]string{}
		for line := range bytes.Lines(record) {
			key, value, ok := strings.Cut(string(line), ":")
			if ok && line[0] != ' ' && line[0] != '\t' {
				fields[strings.ToLower(key)] = strings.TrimSpace(value)
			}
		}
		if name := fields["package"]; name != "" {
			records[name+" "+fields["version"]+" "+fields["architecture"]] = record
		}
	}
	return records
}

// reduceApk cuts apk's database to the records and files that stay
// (apk-package(5)).
func (o *databases) reduceApk(d *decision, stays []int, fates []Fate) {
	if len(stays) == 0 {
		return
	}
	keep := map[string]int{}
	for _, i := range stays {
		p := &d.src.Packages[i]
		keep[p.Name+" "+p.Version] = i
	}
	for _, file := range apkDatabases {
		data := d.read(file)
		if data == nil {
			continue
		}
		var out bytes.Buffer
		for record := range strings.SplitSeq(string(data), "\n\n") {
			if i, ok := keep[apkField(record, 'P')+" "+apkField(record, 'V')]; ok {
				d.reduceApkRecord(&out, record, fates[i].partly())
			}
		}
		o.added = append(o.added, newFile{file, out.Bytes()})
	}
}

func apkField(record string, letter byte) string {
	for line := range strings.SplitSeq(record, "\n") {
		if len(line) > 2 && line[0] == letter && line[1] == ':' {
			return line[2:]
		}
	}
	return ""
}

// reduceApkRecord writes a record without the files that go: their lines are R
// below the directory's F, with a and Z behind them. A package that stays in part
// is marked as one of which files are missing, so that apk would install it anew
// (apk-tools: apk_db_fdb_read, broken_files).
func (d *decision) reduceApkRecord(out *bytes.Buffer, record string, partly bool) {
	dirs := map[string]string{}
	dir, skip := "", false
	for line := range strings.SplitSeq(strings.Trim(record, "\n"), "\n") {
		if len(line) > 2 && line[1] == ':' {
			switch line[0] {
			case 'F':
				dir, skip = line[2:], false
				_, there := d.src.Tree.Lookup(dir)
				skip = !there
			case 'R':
				skip = !d.staysAs(dir+"/"+line[2:], dirs)
			}
		}
		if !skip {
			out.WriteString(line + "\n")
		}
	}
	if partly {
		out.WriteString("f:f\n")
	}
	out.WriteString("\n")
}

// reducePacman keeps the directories of the packages that stay: pacman's
// database has one for each.
func (o *databases) reducePacman(d *decision, stays []int) {
	keep := map[string]bool{}
	for _, i := range stays {
		for _, l := range d.src.Packages[i].Locations {
			if dir := path.Dir(l.Path); strings.HasPrefix(dir+"/", pacmanDir) {
				keep[dir] = true
			}
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(keep)) {
		entries, err := fs.ReadDir(d.src.Tree, dir)
		if err != nil {
			o.Notes = append(o.Notes, err.Error())
			continue
		}
		for _, e := range entries {
			if e.Type().IsRegular() {
				o.added = append(o.added, newFile{dir + "/" + e.Name(), d.read(dir + "/" + e.Name())})
			}
		}
	}
}
