package harden

import (
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/careen/careen/internal/reach"
)

// places collects where the container writes.
func (a *analysis) places() {
	cfg := &a.src.Image.Config
	for _, v := range cfg.Volumes {
		a.write(strings.Trim(path.Clean("/"+v), "/"), "VOLUME", Sure)
	}
	a.write("tmp", "temporary files", Guess)
	var settings []string // where those of started servers stand
	for e, state := range a.src.Reach.Files() {
		if !e.Mode.IsRegular() || state == reach.NotReached {
			continue
		}
		a.sources(e.Path)
		if a.src.Reach.Configures(e.Path) {
			a.namedBy(e.Path)
			a.settings(e.Path)
		}
		if !a.src.Reach.Started(e.Path) {
			continue
		}
		base := path.Base(e.Path)
		a.conventions(base)
		settings = append(settings, servers[base]...)
		if _, tool := run[base]; !tool && !a.src.Reach.IsInterpreter(e.Path) && !slices.Contains(incidental, base) {
			a.namedBy(e.Path)
		}
	}
	for e, state := range a.src.Reach.Files() {
		below := func(dir string) bool { return strings.HasPrefix(e.Path, dir) }
		if state != reach.NotReached && slices.ContainsFunc(settings, below) {
			a.settings(e.Path)
		}
	}
	a.named()
	a.givenAway()
}

// namedBy notes the places of changing data that a program, a script or a
// configuration file names.
func (a *analysis) namedBy(file string) {
	for _, name := range a.src.Reach.Named(file) {
		if dir, ok := a.placeOf(name); ok {
			a.write(dir, "named by /"+file, Likely)
		}
	}
}

// placeOf returns the directory in which something is written under a name:
// the name's own where it is a directory, else the one above. What is linked to
// a device, as logs are to /dev/stdout, needs no place.
func (a *analysis) placeOf(name string) (string, bool) {
	if i := strings.IndexAny(name, "%*$"); i >= 0 {
		name = name[:strings.LastIndexByte(name[:i], '/')+1]
	}
	file := strings.Trim(path.Clean("/"+name), "/")
	if e, ok := a.src.Tree.Lookup(file); ok && e.Mode&fs.ModeSymlink != 0 && (strings.HasPrefix(e.Linkname, "/dev/") || strings.HasPrefix(e.Linkname, "/proc/")) {
		return "", false
	}
	if at, err := a.src.Tree.Resolve(file); err == nil {
		e, ok := a.src.Tree.Lookup(at)
		switch {
		case !ok:
			return "", false
		case e.Mode.IsDir():
			return at, at == "run" || isPlace(at)
		case !e.Mode.IsRegular():
			return "", false
		}
		file = at
	}
	dir := path.Dir(file)
	if at, err := a.src.Tree.Resolve(dir); err == nil {
		return at, at == "run" || at == "var/log" || isPlace(at)
	}
	// A directory of /run is made at the start of a machine (tmpfiles.d(5)), not
	// in images: who writes there expects it.
	below, ok := strings.CutPrefix(dir, "var/run/")
	if ok {
		dir = "run/" + below
	}
	return dir, path.Dir(dir) == "run" && isPlace(dir)
}

// isPlace reports whether a directory is one for changing data (FHS 3.0,
// chapter 5), and not the system's own.
func isPlace(dir string) bool {
	for _, above := range [...]string{"var/log/", "var/cache/", "var/lib/", "var/spool/", "var/opt/", "run/"} {
		below, ok := strings.CutPrefix(dir, above)
		if !ok {
			continue
		}
		own, _, _ := strings.Cut(below, "/")
		switch above + own {
		case "var/lib/dpkg", "var/lib/apt", "var/cache/apt", "var/cache/debconf", "var/cache/ldconfig", "var/log/apt", "var/lib/rpm",
			"var/lib/misc", "var/lib/pam", "var/lib/systemd", "var/lib/ucf", "run/lock", "var/lib/ca-certificates", "var/lib/private",
			"var/cache/private", "var/log/private", "var/log/journal", "run/systemd", "run/udev", "run/dbus", "run/log", "run/utmp",
			"var/lib/apk", "var/cache/apk", "var/cache/man", "var/lib/python", "var/cache/fontconfig", "var/lib/locales":
			return false
		}
		return true
	}
	return dir == "data" || strings.HasPrefix(dir, "data/")
}

// givenAway notes empty directories of the working directory that belong to
// another user than root: a Dockerfile gives them away to be written in.
func (a *analysis) givenAway() {
	below := strings.Trim(path.Clean("/"+a.src.Image.Config.WorkingDir), "/") + "/"
	if below == "/" {
		return
	}
	full := map[string]bool{}
	for e := range a.src.Tree.All() {
		full[path.Dir(e.Path)] = true
	}
	for e := range a.src.Tree.All() {
		if e.Mode.IsDir() && e.UID != 0 && !full[e.Path] && strings.HasPrefix(e.Path, below) && !strings.Contains(e.Path, "/node_modules/") {
			a.write(e.Path, "empty, and belongs to user "+strconv.Itoa(e.UID), Likely)
		}
	}
}

// write notes a place; the surest reason stays, and of such the first.
func (a *analysis) write(dir, why string, how Confidence) {
	if at, err := a.src.Tree.Resolve(dir); err == nil {
		dir = at
	}
	if e, ok := a.src.Tree.Lookup(dir); ok && e.Mode.IsDir() && e.UID != 0 {
		a.owners[e.UID] = true
	}
	dir = "/" + dir
	if known, ok := a.writes[dir]; !ok || rank(how) < rank(known.Confidence) {
		a.writes[dir] = Advice{dir, why, how}
	}
}

// covered reports whether a volume above this place has it already. A tmpfs
// above it would be empty.
func (a *analysis) covered(dir string) bool {
	for up := path.Dir(dir); up != "/"; up = path.Dir(up) {
		if _, ok := a.writes[up]; ok && a.persists(up) {
			return true
		}
	}
	return false
}

// closed reports whether an engine would make a place for root alone: one that is
// no declared volume and not there, or empty and root's. A new volume has the
// owner that the image's directory has.
func (a *analysis) closed(dir string) bool {
	if a.declared(dir) {
		return false
	}
	e, ok := a.src.Tree.Lookup(dir[1:])
	if !ok {
		return true
	}
	if list, err := a.src.Tree.ReadDir(dir[1:]); err == nil && len(list) > 0 {
		return false
	}
	return e.UID == 0 && e.Mode.Perm()&0o002 == 0
}

func (a *analysis) declared(dir string) bool {
	if a.volumes == nil {
		a.volumes = map[string]bool{}
		for _, v := range a.src.Image.Config.Volumes {
			a.volumes[path.Clean("/"+v)] = true
		}
	}
	return a.volumes[dir]
}

// persists reports whether a place is for data that should outlive a container:
// a declared volume, or not one of those for logs, caches and the like (FHS 3.0,
// 5.5 to 5.15).
func (a *analysis) persists(dir string) bool {
	if a.declared(dir) {
		return true
	}
	for _, forgotten := range [...]string{"/tmp", "/run", "/var/log", "/var/cache", "/var/tmp", "/var/spool"} {
		if dir == forgotten || strings.HasPrefix(dir, forgotten+"/") {
			return false
		}
	}
	return true
}
