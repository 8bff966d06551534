package base

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/careen/careen/internal/exe"
	"github.com/careen/careen/internal/lazy"
	"github.com/careen/careen/internal/reach"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

// Facts are what is known of a base without opening it.
type Facts struct {
	Libc         string   `json:"libc,omitempty"`         // "glibc", "musl"; "" for none
	Version      string   `json:"version,omitempty"`      // of the libc; "" where it is not known
	Programs     []string `json:"programs,omitempty"`     // names on the usual PATH, sorted
	Libraries    []string `json:"libraries,omitempty"`    // sonames, sorted; those of the libc left out
	Certificates bool     `json:"certificates,omitempty"` // of authorities
	Zones        bool     `json:"zones,omitempty"`        // time zones
}

// public is a minimal base that anybody can pull, with what its publisher or a
// package list of it says. What is not known of it is not here: it may have more.
type public struct {
	ref string
	Facts
	source string
	lacks  string // what is there in another place than people expect; "" for nothing
}

// tools are the small programs of POSIX and GNU that Debian's essential packages
// (coreutils, findutils, grep, gzip, hostname, sed, tar) and Alpine's BusyBox both
// have.
var tools = strings.Fields("basename cat chmod chown cp cut date dirname du env expr false find grep gzip head hostname id install ln ls mkdir mktemp mv " +
	"nproc printf readlink realpath rm rmdir sed seq sha256sum sleep sort stat tail tar tee test touch tr true tty uname uniq wc which whoami xargs")

const distroless = "GoogleContainerTools/distroless: README.md and BUILD of its folder, Debian 12's packages"

const distroless13 = "GoogleContainerTools/distroless: README.md and BUILD of its folder, Debian 13's packages"

var (
	pythonLibraries = []string{"libbz2.so.1.0", "libcrypt.so.1", "libcrypto.so.3", "libexpat.so.1", "libffi.so.8", "libgcc_s.so.1", "libgomp.so.1", "liblzma.so.5", "libncursesw.so.6",
		"libreadline.so.8", "libsqlite3.so.0", "libssl.so.3", "libstdc++.so.6", "libtinfo.so.6", "libuuid.so.1", "libz.so.1"}
	javaLibraries = []string{"libcrypt.so.1", "libexpat.so.1", "libfontconfig.so.1", "libfreetype.so.6", "libgcc_s.so.1", "libjpeg.so.62", "liblcms2.so.2", "libpng16.so.16", "libstdc++.so.6", "libuuid.so.1", "libz.so.1"}
)

// publics are the bases that are suggested without being named; scratch is always
// a candidate. Those that roll have at least these versions.
var publics = []public{
	{"gcr.io/distroless/static-debian12", Facts{Certificates: true, Zones: true}, distroless, ""},
	{"gcr.io/distroless/base-nossl-debian12", Facts{Libc: "glibc", Version: "2.36", Certificates: true, Zones: true}, distroless, ""},
	{"gcr.io/distroless/base-debian12", Facts{Libc: "glibc", Version: "2.36", Libraries: []string{"libcrypto.so.3", "libssl.so.3"}, Certificates: true, Zones: true}, distroless, ""},
	{"gcr.io/distroless/cc-debian12", Facts{
		Libc: "glibc", Version: "2.36", Libraries: []string{"libcrypto.so.3", "libgcc_s.so.1", "libgomp.so.1", "libssl.so.3", "libstdc++.so.6"}, Certificates: true, Zones: true,
	}, distroless, ""},
	{"gcr.io/distroless/base-nossl-debian13", Facts{Libc: "glibc", Version: "2.41", Certificates: true, Zones: true}, distroless13, ""},
	{"gcr.io/distroless/base-debian13", Facts{Libc: "glibc", Version: "2.41", Libraries: []string{"libcrypto.so.3", "libssl.so.3"}, Certificates: true, Zones: true}, distroless13, ""},
	{"gcr.io/distroless/cc-debian13", Facts{
		Libc: "glibc", Version: "2.41", Libraries: []string{"libcrypto.so.3", "libgcc_s.so.1", "libgomp.so.1", "libssl.so.3", "libstdc++.so.6"}, Certificates: true, Zones: true,
	}, distroless13, ""},
	{"gcr.io/distroless/python3-debian12", Facts{
		Libc: "glibc", Version: "2.36", Programs: []string{"python", "python3", "python3.11"}, Libraries: pythonLibraries, Certificates: true, Zones: true,
	}, "GoogleContainerTools/distroless: python3/python.bzl", ""},
	{"gcr.io/distroless/python3-debian13", Facts{
		Libc: "glibc", Version: "2.41", Programs: []string{"python", "python3", "python3.13"}, Libraries: pythonLibraries, Certificates: true, Zones: true,
	}, "GoogleContainerTools/distroless: python3/BUILD, Debian 13's Python", ""},
	{"gcr.io/distroless/nodejs22-debian12", Facts{
		Libc: "glibc", Version: "2.36", Programs: []string{"node"}, Libraries: []string{"libcrypto.so.3", "libgcc_s.so.1", "libgomp.so.1", "libssl.so.3", "libstdc++.so.6"}, Certificates: true, Zones: true,
	}, "GoogleContainerTools/distroless: nodejs/nodejs.bzl", "node in PATH: it is /nodejs/bin/node, the entrypoint, of version 22"},
	{"gcr.io/distroless/java17-debian12", Facts{
		Libc: "glibc", Version: "2.36", Programs: []string{"java", "java 17"}, Libraries: javaLibraries, Certificates: true, Zones: true,
	}, "GoogleContainerTools/distroless: java/config.bzl", ""},
	{"gcr.io/distroless/java21-debian13", Facts{
		Libc: "glibc", Version: "2.41", Programs: []string{"java", "java 17", "java 21"}, Libraries: javaLibraries, Certificates: true, Zones: true,
	}, "GoogleContainerTools/distroless: java/config.bzl", ""},
	{"cgr.dev/chainguard/wolfi-base", Facts{
		Libc: "glibc", Version: "2.43", Programs: slices.Concat(tools, []string{"apk", "busybox", "sh"}),
		Libraries: []string{"libcrypto.so.3", "libgcc_s.so.1", "libssl.so.3", "libz.so.1"}, Certificates: true,
	}, "chainguard-images/images: images/wolfi-base/locked_config.json", ""},
	{"cgr.dev/chainguard/static", Facts{}, "chainguard-images/images: images/static", ""},
	{"cgr.dev/chainguard/glibc-dynamic", Facts{Libc: "glibc", Version: "2.44", Libraries: []string{"libgcc_s.so.1", "libstdc++.so.6"}, Certificates: true},
		"chainguard-images/images: images/glibc-dynamic", ""},
	{"cgr.dev/chainguard/musl-dynamic", Facts{Libc: "musl", Version: "1.2.3"}, "chainguard-images/images: images/musl-dynamic", ""},
	{"registry.access.redhat.com/ubi9/ubi-micro", Facts{Libc: "glibc", Version: "2.34"}, "Red Hat: UBI Micro has glibc-minimal-langpack of RHEL 9", ""},
	{"alpine:3", Facts{
		Libc: "musl", Version: "1.2.5", Programs: slices.Concat(tools, []string{"apk", "busybox", "sh"}), Libraries: []string{"libcrypto.so.3", "libssl.so.3", "libz.so.1"}, Certificates: true,
	}, "the package list of 3.20.3", ""},
	{"debian:12-slim", Facts{
		Libc: "glibc", Version: "2.36", Programs: slices.Concat(tools, []string{"apt-get", "bash", "dash", "dpkg", "sh"}),
		Libraries: []string{"libgcc_s.so.1", "libstdc++.so.6", "libz.so.1"}, Zones: true,
	}, "the package list of 2024-12-02", ""},
	{"debian:13-slim", Facts{
		Libc: "glibc", Version: "2.41", Programs: slices.Concat(tools, []string{"apt-get", "bash", "dash", "dpkg", "sh"}),
		Libraries: []string{"libcrypto.so.3", "libgcc_s.so.1", "libssl.so.3", "libstdc++.so.6", "libz.so.1"}, Zones: true,
	}, "Debian 13's required packages and apt 3.0", ""},
}

// Suggestion is a base that may do, by what is known of it. It was not opened: to
// measure it, name it as a candidate.
type Suggestion struct {
	Ref    string   `json:"ref"`
	Why    string   `json:"why"`
	Lacks  []string `json:"lacks,omitempty"`  // what the program has now and it is not known to have
	Source string   `json:"source,omitempty"` // of what is known; "" for the user's own index

	more int // programs and libraries that it has
}

// needs is what the image's own files ask of a base.
type needs struct {
	libc, version string
	programs      []string
	libraries     []string
	certificates  bool
	zone          string
	user          string // whom it runs as, by a name that the base's accounts have
}

// Suggest returns the bases that have what the image's own files ask for, as far
// as that is known, smallest demand first; tried ones left out.
func (i *Image) Suggest(index *Index, tried []string) []Suggestion {
	n := i.needs()
	list := []Suggestion{}
	add := func(ref, source, lacks string, f Facts) {
		if slices.Contains(tried, ref) || slices.ContainsFunc(list, func(s Suggestion) bool { return s.Ref == ref }) {
			return
		}
		if s, ok := n.met(f); ok {
			if lacks != "" {
				s.Lacks = append(s.Lacks, lacks)
			}
			if !hasUser(ref, n.user) {
				s.Lacks = append(s.Lacks, "user "+n.user)
			}
			s.Ref, s.Source, s.more = ref, source, min(len(f.Libc), 1)+len(f.Programs)+len(f.Libraries)
			list = append(list, s)
		}
	}
	for _, k := range index.Images {
		if k.Facts != nil && k.Platform == platformOf(i.In.Image) {
			add(k.Ref, "", "", *k.Facts)
		}
	}
	for _, p := range publics {
		add(p.ref, p.source, p.lacks, p.Facts)
	}
	slices.SortStableFunc(list, func(a, b Suggestion) int {
		return cmp.Or(cmp.Compare(len(a.Lacks), len(b.Lacks)), cmp.Compare(a.more, b.more))
	})
	return list[:min(len(list), maxSuggestions)]
}

// maxSuggestions is how many bases are suggested: the smallest.
const maxSuggestions = 3

// needs looks through what is reached: programs and libraries of the base that
// the image's own files ask for.
func (i *Image) needs() needs {
	var n needs
	own := map[string]bool{} // libraries that come with the image's own layers
	asked := map[string]bool{}
	programs := map[string]bool{}
	for e, state := range i.reached.Files() {
		if state == reach.NotReached || !e.Mode.IsRegular() {
			continue
		}
		d, isELF := i.reached.ELF(e.Path)
		switch {
		case e.Layer >= i.Base && isELF:
			own[path.Base(e.Path)] = true
			own[d.Soname] = true
			n.link(d)
			for _, name := range d.Needed {
				asked[name] = true
			}
		case e.Layer < i.Base && state == reach.Reached && e.Mode.Perm()&0o111 != 0 && i.reached.Started(e.Path) && !strings.Contains(path.Base(e.Path), ".so"):
			programs[i.asked(e.Path)] = true
		case e.Layer < i.Base && slices.Contains(bundles[:], e.Path) && state == reach.Reached:
			n.certificates = true
		}
	}
	for name := range asked {
		if !own[name] && !ofLibc(name) {
			n.libraries = append(n.libraries, name)
		}
	}
	n.programs = slices.Sorted(maps.Keys(programs))
	slices.Sort(n.libraries)
	for _, kv := range i.In.Image.Config.Env {
		if zone, ok := strings.CutPrefix(kv, "TZ="); ok && zone != "" && zone != "UTC" {
			n.zone = zone
		}
	}
	user, _, _ := strings.Cut(i.In.Image.Config.User, ":")
	if e, ok := i.In.Tree.Lookup("etc/passwd"); ok && e.Layer < i.Base && strings.Trim(user, "0123456789") != "" {
		n.user = user
	}
	return n
}

// hasUser reports whether every base has an account; Debian's are those of base-passwd.
func hasUser(ref, name string) bool {
	if strings.HasPrefix(ref, "debian:") && slices.Contains(strings.Fields("daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc"), name) {
		return true
	}
	return name == "" || name == "root" || name == "nobody" && !strings.HasPrefix(ref, "cgr.dev/") || name == "nonroot" && strings.Contains(ref, "/distroless/")
}

// asked is the name by which a program of the base is asked for: the shell of the
// system has another on each.
func (i *Image) asked(file string) string {
	if at, err := i.In.Tree.Resolve("bin/sh"); err == nil && at == file {
		return "sh"
	}
	return versioned(file)
}

var javaHome = lazy.Regexp(`(?:java|jdk|jre|temurin|zulu|corretto|openjdk)-?(\d+)[^/]*/`)

// versioned is the name of a program, with its version where its name does not tell and
// its folder does: "java 17".
func versioned(file string) string {
	name := path.Base(file)
	if name == "java" {
		if m := javaHome().FindStringSubmatch(file); m != nil {
			return name + " " + m[1]
		}
	}
	return name
}

// link notes which libc a file is linked with, and the newest version of it.
func (n *needs) link(d exe.Dynamic) {
	for _, name := range append([]string{path.Base(d.Interpreter)}, d.Needed...) {
		switch {
		case strings.HasPrefix(name, "ld-musl-") || strings.HasPrefix(name, "libc.musl-") || name == "libc.so":
			n.libc = "musl"
		case strings.HasPrefix(name, "ld-linux") || name == "libc.so.6":
			n.libc = "glibc"
		}
	}
	for _, r := range d.Requires {
		for _, name := range r.Names {
			if v, ok := strings.CutPrefix(name, "GLIBC_"); ok && older(n.version, v) {
				n.version = v
			}
		}
	}
}

// ofLibc reports whether a library comes with every libc, whichever it is
// (glibc, manual: libm, libpthread and so on; musl has them in one).
func ofLibc(soname string) bool {
	stem, _, _ := strings.Cut(soname, ".")
	switch stem {
	case "libc", "libm", "libpthread", "libdl", "librt", "libresolv", "libutil", "libanl":
		return true
	}
	return strings.HasPrefix(stem, "ld-")
}

// older reports whether a version of a libc, "2.36", is before another; "" is
// before all.
func older(a, b string) bool {
	for a != "" || b != "" {
		var x, y string
		x, a, _ = strings.Cut(a, ".")
		y, b, _ = strings.Cut(b, ".")
		i, _ := strconv.Atoi(x)
		j, _ := strconv.Atoi(y)
		if i != j {
			return i < j
		}
	}
	return false
}

// met compares what is asked for with what is known of a base.
func (n *needs) met(f Facts) (Suggestion, bool) {
	var s Suggestion
	var why []string
	switch {
	case n.libc == "":
		why = append(why, "its programs are static")
	case n.libc != f.Libc || f.Version == "" && n.version != "" || n.libc == "glibc" && older(f.Version, n.version):
		return s, false
	case n.version != "":
		why = append(why, fmt.Sprintf("%s %s has GLIBC_%s", f.Libc, f.Version, n.version))
	default:
		why = append(why, f.Libc)
	}
	for _, list := range []struct{ asked, has []string }{{n.libraries, f.Libraries}, {n.programs, f.Programs}} {
		for _, name := range list.asked {
			if !slices.Contains(list.has, name) {
				return s, false
			}
			why = append(why, name)
		}
	}
	if n.certificates && !f.Certificates {
		s.Lacks = append(s.Lacks, "certificates")
	}
	if n.zone != "" && !f.Zones {
		s.Lacks = append(s.Lacks, "time zone "+n.zone)
	}
	s.Why = strings.Join(why, ", ")
	return s, true
}

// maxFacts is how many names of one kind are kept of a base.
const maxFacts = 20_000

// FactsOf reads what is to be known of a base in its files and packages.
func FactsOf(tree *rootfs.Tree, packages []sbom.Package) *Facts {
	f := &Facts{}
	for e := range tree.All() {
		dir, name := path.Split(e.Path)
		switch dir = strings.TrimSuffix(dir, "/"); {
		case e.Mode.IsDir() || !onDisk(tree, e):
		case isBin(dir) && len(f.Programs) < maxFacts:
			f.Programs = append(f.Programs, name)
			if at, err := tree.Resolve(e.Path); err == nil && name == "java" {
				f.Programs = append(f.Programs, versioned(at))
			}
		case isLib(dir) && strings.Contains(name, ".so"):
			f.library(name)
		case slices.Contains(bundles[:], e.Path):
			f.Certificates = true
		case e.Path == "usr/share/zoneinfo/UTC" || e.Path == "usr/share/zoneinfo/Etc/UTC":
			f.Zones = true
		}
	}
	slices.Sort(f.Programs)
	f.Programs = slices.Compact(f.Programs)
	slices.Sort(f.Libraries)
	f.Libraries = slices.Compact(f.Libraries)
	f.setVersion(packages)
	return f
}

// onDisk reports whether an entry is a file, or a link to one.
func onDisk(tree *rootfs.Tree, e *rootfs.Entry) bool {
	at, err := tree.Resolve(e.Path)
	if err != nil {
		return false
	}
	target, ok := tree.Lookup(at)
	return ok && target.Mode.IsRegular()
}

func isBin(dir string) bool {
	switch dir {
	case "bin", "sbin", "usr/bin", "usr/sbin", "usr/local/bin", "usr/local/sbin":
		return true
	}
	return false
}

// isLib reports whether a directory is one of the linker's, with or without the
// name of a machine below (Debian's multiarch).
func isLib(dir string) bool {
	dir = strings.TrimPrefix(strings.TrimPrefix(dir, "usr/"), "local/")
	above, below, _ := strings.Cut(dir, "/")
	return (above == "lib" || above == "lib64") && !strings.Contains(below, "/") && (below == "" || strings.Contains(below, "-linux-"))
}

// library notes a library, and which libc it is of.
func (f *Facts) library(name string) {
	switch {
	case strings.HasPrefix(name, "ld-musl-"):
		f.Libc = "musl"
	case strings.HasPrefix(name, "ld-linux"):
		f.Libc = "glibc"
	case !ofLibc(name) && len(f.Libraries) < maxFacts:
		f.Libraries = append(f.Libraries, name)
	}
}

// setVersion takes the version of the libc from its package: "2.36-9+deb12u9" is
// 2.36.
func (f *Facts) setVersion(packages []sbom.Package) {
	for _, p := range packages {
		of := map[string]string{"libc6": "glibc", "glibc": "glibc", "musl": "musl"}[p.Name]
		if of == f.Libc && of != "" && (p.Type == "deb" || p.Type == "apk" || p.Type == "rpm") {
			f.Version = p.Version[:len(p.Version)-len(strings.TrimLeft(p.Version, "0123456789."))]
			return
		}
	}
}
