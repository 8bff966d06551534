package surface

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/careen/careen/internal/accounts"
	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/safetext"
)

func sudoInstalled(in *Inspection) []fault {
	var entries []*rootfs.Entry
	for _, t := range in.tools {
		if t.Name == "sudo" || t.Name == "doas" || t.Name == "pkexec" {
			if e, ok := in.subject.Tree.Lookup(t.Locations[0].Path); ok {
				entries = append(entries, e)
			}
		}
	}
	return in.byOrigin(entries, func(list []*rootfs.Entry) fault {
		return fault{message: baseOf(list[0].Path) + " is installed", subject: baseOf(list[0].Path)}
	})
}

// setIDFiles tells those that a distribution's package has brought, which its
// maintainers have weighed, from those that nobody answers for.
func setIDFiles(in *Inspection) []fault {
	var packaged, foreign []*rootfs.Entry
	for i, p := range in.privileged {
		e := in.findings.privileged[i]
		switch {
		case e.Mode&(fs.ModeSetuid|fs.ModeSetgid) == 0:
		case p.Package != "":
			packaged = append(packaged, e)
		default:
			foreign = append(foreign, e)
		}
	}
	faults := in.byOrigin(foreign, func(list []*rootfs.Entry) fault {
		return fault{message: safetext.Count(len(list), "setuid or setgid file") + " of no package", subject: "foreign", severity: finding.Medium}
	})
	return append(faults, in.byOrigin(packaged, func(list []*rootfs.Entry) fault {
		return fault{message: safetext.Count(len(list), "setuid or setgid file") + " of packages", subject: "packaged"}
	})...)
}

// smallCapabilities are those that the default container has anyway and that
// lead no further than a port or a socket.
var smallCapabilities = []string{"cap_net_bind_service", "cap_net_raw"}

func capableFiles(in *Inspection) []fault {
	var entries []*rootfs.Entry
	for i, p := range in.privileged {
		if slices.ContainsFunc(p.Capabilities, func(c string) bool { return !slices.Contains(smallCapabilities, c) }) {
			entries = append(entries, in.findings.privileged[i])
		}
	}
	return in.byOrigin(entries, func(list []*rootfs.Entry) fault {
		var names []string
		for _, e := range list {
			names = append(names, Capabilities(e.Caps)...)
		}
		slices.Sort(names)
		return fault{message: fmt.Sprintf("%s with %s", safetext.Count(len(list), "file"), strings.Join(slices.Compact(names), ", "))}
	})
}

// leftCaches ignores less than what an empty manager leaves.
func leftCaches(in *Inspection) []fault {
	const least = 100_000 // bytes of one cache
	var faults []fault
	for _, use := range in.findings.traces.caches {
		own := use.bytes
		for _, s := range use.sizes {
			if in.fromBase(s.layer) {
				own -= s.bytes
			}
		}
		base := own < least
		if use.bytes < least {
			continue
		}
		size := own
		if base {
			size = use.bytes
		}
		f := fault{
			message: fmt.Sprintf("%s left %s in /%s", use.row.manager, megabytes(size), use.at.Path),
			fix:     use.row.clear,
			entries: []*rootfs.Entry{use.at},
			base:    base,
			subject: use.at.Path,
			count:   use.files,
		}
		if base {
			f.message += ", from the base image"
		} else if len(use.sizes) > 0 {
			largest := slices.MaxFunc(use.sizes, func(a, b layerSize) int { return int(min(max(a.bytes-b.bytes, -1), 1)) })
			f.instruction = in.instruction(largest.layer)
		}
		faults = append(faults, f)
	}
	return faults
}

func writableFiles(in *Inspection) []fault {
	return in.writablePlaces(func(e *rootfs.Entry) bool { return !e.Mode.IsDir() }, "file")
}

func writableDirectories(in *Inspection) []fault {
	return in.writablePlaces(func(e *rootfs.Entry) bool {
		return e.Mode.IsDir() && e.Mode&fs.ModeSticky == 0 && !isSystemDir(e.Path)
	}, "directory")
}

// writablePlaces leaves out the places that are there to be written to by
// everybody.
func (in *Inspection) writablePlaces(is func(*rootfs.Entry) bool, what string) []fault {
	var entries []*rootfs.Entry
	for _, e := range in.findings.writable {
		if is(e) && !isShared(e.Path) {
			entries = append(entries, e)
		}
	}
	return in.byOrigin(entries, func(list []*rootfs.Entry) fault {
		return fault{message: safetext.Count(len(list), what) + " that every user may change", subject: what}
	})
}

func isShared(path string) bool {
	for _, dir := range [...]string{"tmp", "var/tmp", "dev", "proc", "sys", "run/lock", "var/lock"} {
		if path == dir || strings.HasPrefix(path, dir+"/") {
			return true
		}
	}
	return false
}

func systemDirectories(in *Inspection) []fault {
	var faults []fault
	for _, e := range in.findings.traces.system {
		f := fault{entries: []*rootfs.Entry{e}, base: in.fromBase(e.Layer), subject: e.Path}
		if e.Mode.Perm()&0o002 != 0 {
			f.message = fmt.Sprintf("/%s may be changed by every user", e.Path)
		} else {
			f.message = fmt.Sprintf("/%s belongs to the user %d", e.Path, e.UID)
			f.severity = finding.Medium
		}
		faults = append(faults, f)
	}
	return faults
}

func histories(in *Inspection) []fault {
	var entries []*rootfs.Entry
	for _, e := range in.findings.traces.histories {
		// A directory of the name alone is none: Git has HEAD, Mercurial store,
		// Subversion wc.db.
		for _, mark := range [...]string{"HEAD", "store", "wc.db"} {
			if _, ok := in.subject.Tree.Lookup(e.Path + "/" + mark); ok {
				entries = append(entries, e)
				break
			}
		}
	}
	return in.byOrigin(entries, func(list []*rootfs.Entry) fault {
		return fault{message: fmt.Sprintf("/%s holds the history of the sources", list[0].Path) + more(len(list)-1), subject: list[0].Path}
	})
}

// leftovers leaves out what packages brought, and the copies that tools of
// accounts keep ("/etc/passwd-" is none of an editor's).
func leftovers(in *Inspection) []fault {
	var entries []*rootfs.Entry
	for _, e := range in.findings.traces.leftovers {
		if in.owners[e.Path] == "" {
			entries = append(entries, e)
		}
	}
	return in.byOrigin(entries, func(list []*rootfs.Entry) fault {
		return fault{message: safetext.Count(len(list), "editor or backup file"), subject: "leftovers", count: in.findings.traces.leftoverAll - len(in.findings.traces.leftovers) + len(list)}
	})
}

func hostKeys(in *Inspection) []fault {
	return in.byOrigin(in.findings.traces.hostKeys, func(list []*rootfs.Entry) fault {
		return fault{message: safetext.Count(len(list), "SSH host key") + ": every container proves itself with the same"}
	})
}

func authorizedKeys(in *Inspection) []fault {
	return in.byOrigin(in.findings.traces.authorized, func(list []*rootfs.Entry) fault {
		return fault{message: fmt.Sprintf("/%s lets its owner into every container", list[0].Path) + more(len(list)-1), subject: list[0].Path}
	})
}

func sshServer(in *Inspection) []fault {
	for _, t := range in.tools {
		if t.Name == "sshd" {
			if e, ok := in.subject.Tree.Lookup(t.Locations[0].Path); ok {
				return []fault{{message: baseOf(e.Path) + " is installed", entries: []*rootfs.Entry{e}, base: t.Base}}
			}
		}
	}
	return nil
}

func emptyPasswords(in *Inspection) []fault {
	var faults []fault
	at := func(path string) []*rootfs.Entry {
		if e := in.accounts.where[path]; e != nil {
			return []*rootfs.Entry{e}
		}
		return nil
	}
	canLogIn := map[string]bool{}
	for _, l := range in.logins() {
		canLogIn[l.Name] = true
	}
	for _, user := range in.accounts.users {
		if in.accounts.passwordOf(user) != passwordEmpty {
			continue
		}
		file := shadowPath
		if user.Password == passwordEmpty {
			file = passwdPath
		}
		f := fault{message: fmt.Sprintf("the user %q has an empty password", user.Name), subject: "user " + user.Name, entries: at(file)}
		if canLogIn[user.Name] {
			f.severity = finding.Critical
		}
		f.base = len(f.entries) > 0 && in.fromBase(f.entries[0].Layer)
		faults = append(faults, f)
	}
	return faults
}

func duplicateAccounts(in *Inspection) []fault {
	var faults []fault
	for path, list := range map[string][]accounts.Account{groupPath: in.accounts.groups, passwdPath: in.accounts.users} {
		what := map[string]string{groupPath: "group", passwdPath: "user"}[path]
		at := in.accounts.where[path]
		if at == nil {
			continue
		}
		add := func(message, subject string) {
			faults = append(faults, fault{message: message, subject: what + " " + subject, entries: []*rootfs.Entry{at}, base: in.fromBase(at.Layer)})
		}
		names, ids := map[string]int{}, map[string][]string{}
		known := map[[2]string]bool{}
		for _, a := range list {
			names[a.Name]++
			if key := [2]string{a.ID, a.Name}; !known[key] {
				known[key] = true
				ids[a.ID] = append(ids[a.ID], a.Name)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(names)) {
			if names[name] > 1 {
				add(fmt.Sprintf("the %s %q stands %d times in /%s", what, name, names[name], path), name)
			}
		}
		for _, id := range slices.Sorted(maps.Keys(ids)) {
			if len(ids[id]) > 1 && !(what == "user" && isZero(id)) { // a second root is a rule of its own
				add(fmt.Sprintf("the %ss %q have the number %s in common", what, ids[id], excerpt(id)), id)
			}
		}
	}
	slices.SortFunc(faults, func(a, b fault) int { return strings.Compare(a.subject, b.subject) })
	return faults
}

func secondRoot(in *Inspection) []fault {
	var faults []fault
	for _, user := range in.accounts.users {
		if isZero(user.ID) && user.Name != "root" {
			at := in.accounts.where[passwdPath]
			faults = append(faults, fault{message: fmt.Sprintf("the user %q has the number 0, as root", user.Name), subject: user.Name,
				entries: []*rootfs.Entry{at}, base: in.fromBase(at.Layer)})
		}
	}
	return faults
}

// sudoWithoutPassword is about rules only; without sudo they do nothing.
func sudoWithoutPassword(in *Inspection) []fault {
	if !slices.ContainsFunc(in.tools, func(t finding.Tool) bool { return t.Name == "sudo" }) {
		return nil
	}
	var faults []fault
	for _, path := range slices.Sorted(maps.Keys(in.accounts.noPassword)) {
		at := in.accounts.where[path]
		faults = append(faults, fault{message: fmt.Sprintf("%q in /%s", excerpt(in.accounts.noPassword[path][0]), path), subject: path,
			entries: []*rootfs.Entry{at}, base: in.fromBase(at.Layer)})
	}
	return faults
}

func more(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" (and %d more)", n)
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
