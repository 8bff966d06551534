package fix

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/careen/careen/internal/harden"
	"github.com/careen/careen/internal/rootfs"
)

// user takes root away, and gives the new user the places that the program
// writes.
func (f *fixer) user() {
	p := f.in.Profile
	switch {
	case !isRoot(f.in.Config.User):
		return
	case p == nil:
		f.hint(f.docker, "user", "USER and a number", "the entrypoint could not be followed: what needs root is not known")
		return
	case p.Root:
		f.hint(f.docker, "user", "root stays", strings.TrimPrefix(p.User.Why, "root: "))
		return
	}
	line := "USER " + p.User.What
	switch places, strange := f.places(); {
	case p.User.Confidence == harden.Guess && (p.Alien == "" || p.Opaque != ""):
		f.hint(f.docker, "user", line, p.User.Why)
	case len(p.Ports) > 0:
		f.hint(f.docker, "user", line, fmt.Sprintf("%s; but port %d is left to root outside of Docker: let the program listen above 1023", p.User.Why, p.Ports[0]))
	case len(p.Uncovered) > 0:
		u := p.Uncovered[0]
		f.hint(f.docker, "user", line, fmt.Sprintf("%s; but it writes %s: %s", p.User.Why, u.What, u.Why))
	case strange != "":
		f.hint(f.docker, "user", line, p.User.Why+"; but "+strange)
	default:
		f.giveTo(p, line, places)
	}
}

// places are the directories that have to belong to the new user; strange says
// why that cannot be written.
func (f *fixer) places() (list []string, strange string) {
	p := f.in.Profile
	uid, _, _ := strings.Cut(p.User.What, ":")
	for _, a := range slices.Concat(p.Tmpfs, p.Volumes) {
		if a.Confidence == harden.Guess || open(f.tree(), a.What, uid) {
			continue
		}
		if strings.ContainsAny(a.What, " \t\"'$\\;&|<>()*?[]#") {
			return nil, fmt.Sprintf("%q is no name that a command takes as it is", a.What)
		}
		if f.declared(a.What) {
			return nil, "what is given to a user below VOLUME " + a.What + " is lost in some builders: let the directory belong to it before"
		}
		list = append(list, a.What)
	}
	slices.Sort(list)
	if len(list) == 0 {
		return nil, ""
	}
	for _, program := range []string{"sh", "mkdir", "chown"} {
		if !f.has(program) {
			return nil, fmt.Sprintf("the last stage has no %s to give it %s", program, list[0])
		}
	}
	return list, ""
}

// open reports whether a user can write a directory as it is.
func open(tree *rootfs.Tree, dir, uid string) bool {
	at, err := tree.Resolve(strings.TrimPrefix(dir, "/"))
	if err != nil {
		return false
	}
	e, ok := tree.Lookup(at)
	return ok && e.Mode.IsDir() && (e.Mode.Perm()&0o002 != 0 || strconv.Itoa(e.UID) == uid && e.Mode.Perm()&0o200 != 0)
}

// declared reports whether a directory lies below a VOLUME.
func (f *fixer) declared(dir string) bool {
	return slices.ContainsFunc(f.in.Config.Volumes, func(v string) bool {
		return dir == path.Clean(v) || strings.HasPrefix(dir, path.Clean(v)+"/")
	})
}

func (f *fixer) giveTo(p *harden.Profile, line string, places []string) {
	var lines []string
	if len(places) > 0 {
		list := strings.Join(places, " ")
		lines = append(lines, "RUN mkdir -p "+list+" && chown -R "+p.User.What+" "+list)
	}
	if !f.insert(f.finish(), append(lines, line)...) {
		f.hint(f.docker, "user", line, p.User.Why+"; the file's layout is not one that can be added to")
		return
	}
	f.given = true
	f.done(f.docker, "user", line, p.User.Why, "harden: "+string(p.User.Confidence))
	for _, a := range slices.Concat(p.Tmpfs, p.Volumes) {
		if slices.Contains(places, a.What) {
			f.done(f.docker, "user", a.What+" belongs to "+p.User.What, a.Why, "harden: "+string(a.Confidence))
		}
	}
}

// tree is the image as the changed file would make it, as far as it is known.
func (f *fixer) tree() *rootfs.Tree {
	if f.moved() {
		return f.in.Move.Tree
	}
	return f.in.Tree
}

// has reports whether the last stage has a program on its PATH.
func (f *fixer) has(program string) bool { return f.program(program) != "" }

// program finds a program of the last stage on its PATH; "" where it has none.
func (f *fixer) program(name string) string {
	dirs := "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	for _, kv := range f.in.Config.Env {
		if value, ok := strings.CutPrefix(kv, "PATH="); ok {
			dirs = value
		}
	}
	tree := f.tree()
	for _, dir := range strings.Split(dirs, ":") {
		at, err := tree.Resolve(strings.TrimPrefix(path.Join(dir, name), "/"))
		if err != nil {
			continue
		}
		e, ok := tree.Lookup(at)
		if ok && e.Mode.IsRegular() && e.Mode.Perm()&0o111 != 0 && f.stays(e) {
			return "/" + at
		}
	}
	return ""
}

// stays reports whether a new last stage has a file of the image's own.
func (f *fixer) stays(e *rootfs.Entry) bool {
	m := f.in.Move
	return !f.moved() || !m.Split || e.Layer < m.Layers
}
