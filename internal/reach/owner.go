package reach

import (
	"strings"
)

// findOwners maps each path that a package lists to the package, under the name
// that the tree has for it: with merged /usr, Debian's lists may say lib/x where
// the file is usr/lib/x.
func (w *walk) findOwners() {
	w.owners = map[string]int32{}
	dirs := map[string]string{}
	for i := range w.packages {
		for _, listed := range w.packages[i].Files {
			listed = clean(listed)
			dir := parent(listed)
			resolved, known := dirs[dir]
			if !known {
				if at, ok := w.follow(dir, nil); ok {
					resolved = at
				} else {
					resolved = dir
				}
				dirs[dir] = resolved
			}
			at := join(resolved, listed[len(dir):][min(1, len(dir)):])
			if _, exists := w.at[at]; !exists {
				continue
			}
			if _, taken := w.owners[at]; !taken {
				w.owners[at] = int32(i)
			}
		}
	}
	w.owned = make([][]string, len(w.packages))
	for _, e := range w.entries {
		if i, ok := w.owners[e.Path]; ok && !e.Mode.IsDir() {
			w.owned[i] = append(w.owned[i], e.Path)
		}
	}
}

// owner returns the index of the operating system's package that owns a file.
func (w *walk) owner(file string) (int, bool) {
	i, ok := w.owners[clean(file)]
	return int(i), ok
}

// ownedFiles returns what the image has of a package but its documentation and
// what it gives to the system's service managers.
func (w *walk) ownedFiles(i int) []string {
	var files []string
	for _, f := range w.owned[i] {
		if !IsDocumentation(f) {
			files = append(files, f)
		}
	}
	return files
}

// IsDocumentation reports whether a file is for people to read: no program
// needs it.
func IsDocumentation(file string) bool {
	for _, dir := range [...]string{"usr/share/doc/", "usr/share/man/", "usr/share/info/", "usr/share/lintian/",
		"usr/share/doc-base/", "usr/share/bug/", "usr/share/licenses/", "usr/share/gtk-doc/", "usr/share/help/"} {
		if strings.HasPrefix(file, dir) {
			return true
		}
	}
	return false
}

// isSystemDir reports whether a directory belongs to everyone, so that a file
// in it says nothing about its neighbours.
func isSystemDir(dir string) bool {
	switch dir {
	case "", "usr", "usr/local", "etc", "var", "opt", "home", "srv", "root", "tmp", "run", "dev", "proc", "sys", "mnt",
		"usr/share", "usr/local/share", "usr/local/etc", "var/lib", "var/cache", "var/log", "var/run", "var/spool", "etc/default",
		"etc/init.d", "usr/src", "usr/include", "usr/games", "usr/libexec", "usr/local/libexec":
		return true
	}
	dir = strings.TrimPrefix(strings.TrimPrefix(dir, "usr/"), "local/")
	switch dir {
	case "bin", "sbin", "lib", "lib64", "lib32", "libx32", "games", "include", "src":
		return true
	}
	// Debian's multiarch directories.
	triplet, ok := strings.CutPrefix(dir, "lib/")
	return ok && !strings.Contains(triplet, "/") && strings.Contains(triplet, "-linux-")
}

// Owner returns the index of the operating system's package that owns a path.
func (r *Result) Owner(file string) (int, bool) { return r.walk.owner(file) }

// Owned returns what the image has of a package of the operating system, by its
// index, documentation left out.
func (r *Result) Owned(i int) []string { return r.walk.ownedFiles(i) }
