package catalog

import (
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/careen/careen/internal/lazy"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/rpmdb"
	"github.com/careen/careen/internal/sbom"
)

// isRpmDatabase wants rpm's database in each of its forms, where rpm keeps it
// now (usr/lib/sysimage/rpm), kept it before, and where rpm-ostree does.
func isRpmDatabase(h *rootfs.Header, _ []byte) bool {
	var name string
	switch {
	case strings.HasPrefix(h.Path, "var/lib/rpm/"):
		name = h.Path[len("var/lib/rpm/"):]
	case strings.HasPrefix(h.Path, "usr/lib/sysimage/rpm/"):
		name = h.Path[len("usr/lib/sysimage/rpm/"):]
	case strings.HasPrefix(h.Path, "usr/share/rpm/"):
		name = h.Path[len("usr/share/rpm/"):]
	}
	return name == "rpmdb.sqlite" || name == "Packages.db" || name == "Packages"
}

func readRpmDatabase(_ *rootfs.Header, body rootfs.Body) (found, error) {
	return rpmFound(rpmdb.Read(body, body.Size(), nil, 0))
}

func rpmFound(list []rpmdb.Package, err error) (found, error) {
	f := found{Packages: make([]sbom.Package, len(list))}
	needs, provides := make([][]string, len(list)), make([][]string, len(list))
	for i := range list {
		f.Packages[i] = rpmPackage(&list[i])
		// rpm's own features, "rpmlib(CompressedFileNames)", and conditions,
		// "(a if b)", name no package.
		needs[i] = slices.DeleteFunc(list[i].Requires, func(name string) bool {
			return strings.HasPrefix(name, "rpmlib(") || strings.HasPrefix(name, "(")
		})
		provides[i] = list[i].Provides
	}
	namePackages(f.Packages, needs, provides)
	nameVendorless(f.Packages)
	return f, err
}

// withRpmLog reads a SQLite database again together with the write-ahead log
// next to it, if there is one.
func withRpmLog(tree *rootfs.Tree, file string) (f found, ok bool) {
	ok, err := withSQLiteLog(tree, file, func(data io.ReaderAt, size int64, log io.ReaderAt, logSize int64) error {
		var err error
		f, err = rpmFound(rpmdb.Read(data, size, log, logSize))
		return err
	})
	f.Problems = asProblems(err)
	return f, ok
}

// withSQLiteLog passes a SQLite database and the write-ahead log next to it on, if
// there is one: what it holds may be newer than the database, and a visitor sees
// one file at a time. Logs are rarely left behind.
func withSQLiteLog(tree *rootfs.Tree, file string, read func(data io.ReaderAt, size int64, log io.ReaderAt, logSize int64) error) (found bool, err error) {
	if !strings.HasSuffix(file, ".sqlite") {
		return false, nil
	}
	if log, found := tree.Lookup(file + "-wal"); !found || log.Size == 0 {
		return false, nil
	}
	var size [2]int64
	var data [2]io.ReaderAt
	for i, name := range []string{file, file + "-wal"} {
		opened, err := tree.Open(name)
		if err != nil {
			return true, err
		}
		defer opened.Close()
		info, err := opened.Stat()
		at, random := opened.(io.ReaderAt)
		if err != nil || !random {
			return true, &fs.PathError{Op: "read", Path: name, Err: fs.ErrInvalid}
		}
		data[i], size[i] = at, info.Size()
	}
	return true, read(data[0], size[0], data[1], size[1])
}

func rpmPackage(r *rpmdb.Package) sbom.Package {
	p := sbom.Package{Type: "rpm", Name: r.Name, Version: r.EVR(), Arch: r.Arch, Vendor: r.Vendor, Signer: r.Signer, Files: r.Files}
	if r.License != "" {
		p.Licenses = []string{r.License}
	}
	withoutEpoch := *r
	withoutEpoch.Epoch = 0
	p.Source.Name, p.Source.Version = sourceRPM(r.SourceRPM)
	switch p.Source.Version {
	case "":
		p.Source = sbom.Source{Name: r.Name, Version: p.Version}
	case withoutEpoch.EVR():
		p.Source.Version = p.Version // the file name leaves the epoch out
	}
	// "nodejs:18:8090020231207:rhel9" is module nodejs, stream 18.
	if name, rest, ok := strings.Cut(r.Modularity, ":"); ok {
		stream, _, _ := strings.Cut(rest, ":")
		p.Modularity = name + ":" + stream
	}
	return p
}

// sourceRPM takes the file name of a source package apart:
// "glibc-2.34-60.el9.src.rpm".
func sourceRPM(file string) (name, version string) {
	s, ok := strings.CutSuffix(file, ".src.rpm")
	if !ok {
		if s, ok = strings.CutSuffix(file, ".nosrc.rpm"); !ok {
			return "", ""
		}
	}
	release := strings.LastIndexByte(s, '-')
	if release <= 0 {
		return "", ""
	}
	at := strings.LastIndexByte(s[:release], '-')
	if at <= 0 {
		return "", ""
	}
	return s[:at], s[at+1:]
}

// isRpmManifest wants the list that Azure Linux's distroless images keep
// instead of a database.
func isRpmManifest(h *rootfs.Header, _ []byte) bool {
	return h.Path == "var/lib/rpmmanifest/container-manifest-2"
}

// parseRpmManifest reads what rpm -qa was asked for when the image was built:
// NAME, VERSION-RELEASE, INSTALLTIME, BUILDTIME, VENDOR, EPOCH, SIZE, ARCH,
// EPOCHNUM, SOURCERPM, with tabs between
// (toolkit/tools/imagegen/installutils in microsoft/azurelinux).
func parseRpmManifest(data []byte) ([]sbom.Package, error) {
	var packages []sbom.Package
	var wrong problems
	line := 0
	for text := range strings.Lines(string(data)) {
		line++
		text = strings.TrimRight(text, "\r\n")
		if text == "" {
			continue
		}
		f := strings.Split(text, "\t")
		if len(f) != 10 || f[0] == "" || f[1] == "" {
			wrong.add(line, "not ten fields: %.60q", text)
			continue
		}
		if f[0] == "gpg-pubkey" {
			continue
		}
		if len(packages) == maxPackages {
			return packages, append(wrong, errTooMany).err()
		}
		epoch, _ := strconv.Atoi(f[8])
		r := rpmdb.Package{Name: f[0], Version: f[1], Epoch: epoch, Arch: f[7], SourceRPM: f[9]}
		if f[4] != "(none)" {
			r.Vendor = f[4]
		}
		packages = append(packages, rpmPackage(&r))
	}
	return packages, wrong.err()
}

// moduleBuild is the mark of one build of a module in the releases of all its
// packages: "module+el8.9.0+1418+f1b2c3d4".
var moduleBuild = lazy.Regexp(`module[_+]el\d+(?:\.\d+)*\+\d+\+[0-9a-f]+`)

// labelModules gives the rpms of a module whose label was lost (by rebuilding
// the database, or by an SBOM that has no place for it) that of another from the
// same build.
func labelModules(packages []sbom.Package) {
	labels := map[string]string{}
	lost := false
	for i := range packages {
		if p := &packages[i]; p.Type == "rpm" && strings.Contains(p.Version, "module") {
			if build := moduleBuild().FindString(p.Version); build != "" && p.Modularity != "" {
				labels[build] = p.Modularity
			} else if build != "" {
				lost = true
			}
		}
	}
	if !lost || len(labels) == 0 {
		return
	}
	for i := range packages {
		if p := &packages[i]; p.Type == "rpm" && p.Modularity == "" {
			p.Modularity = labels[moduleBuild().FindString(p.Version)]
		}
	}
}
