package reach

import (
	"strings"

	"github.com/careen/careen/internal/sbom"
)

// owners knows which package of the operating system owns a file.
type owners struct {
	packages []sbom.Package
	at       map[string]int32 // package that owns a path, links in directories resolved
	owned    [][]string       // by package, what the image has of its files
}

// newOwners maps each path that a package lists to the package, under the name
// that the tree has for it: with merged /usr, Debian's lists may say lib/x where
// the file is usr/lib/x.
func newOwners(f *Files, packages []sbom.Package) owners {
	o := owners{packages: packages, at: map[string]int32{}, owned: make([][]string, len(packages))}
	dirs := map[string]string{}
	for i := range packages {
		for _, listed := range packages[i].Files {
			listed = Clean(listed)
			dir := Parent(listed)
			resolved, known := dirs[dir]
			if !known {
				if at, ok := f.Follow(dir, nil); ok {
					resolved = at
				} else {
					resolved = dir
				}
				dirs[dir] = resolved
			}
			at := Join(resolved, listed[len(dir):][min(1, len(dir)):])
			if _, exists := f.at[at]; !exists {
				continue
			}
			if _, taken := o.at[at]; !taken {
				o.at[at] = int32(i)
			}
		}
	}
	for _, e := range f.entries {
		if i, ok := o.at[e.Path]; ok && !e.Mode.IsDir() {
			o.owned[i] = append(o.owned[i], e.Path)
		}
	}
	return o
}

// of returns the index of the operating system's package that owns a file.
func (o *owners) of(file string) (int, bool) {
	i, ok := o.at[Clean(file)]
	return int(i), ok
}

// files returns what the image has of a package but its documentation.
func (o *owners) files(i int) []string {
	var files []string
	for _, f := range o.owned[i] {
		if !IsDocumentation(f) {
			files = append(files, f)
		}
	}
	return files
}

// Owned reports whether a package of the operating system owns a file.
func (w *Walk) Owned(file string) bool {
	_, ok := w.owners.of(file)
	return ok
}

// isApart reports whether a file of a package is not kept because the package may use
// it: what a manager of services is given, and what a rule keeps where it is asked for,
// translated messages and character sets (bindtextdomain(3), iconv_open(3)).
func isApart(file string) bool {
	return isForManagers(file) || strings.HasPrefix(file, "usr/share/locale/") && strings.HasSuffix(file, ".mo") || strings.Contains(file, "/gconv/")
}

// isForManagers reports whether a package gives a file to a manager of services,
// jobs, logs or accounts, and does not use it itself.
func isForManagers(file string) bool {
	for _, dir := range [...]string{"etc/init.d/", "etc/init/", "etc/cron.", "etc/logrotate.d/", "etc/systemd/", "lib/systemd/", "usr/lib/systemd/", "usr/lib/tmpfiles.d/",
		"usr/lib/sysusers.d/", "etc/rc", "etc/apparmor.d/", "etc/ufw/", "usr/share/bash-completion/", "etc/bash_completion.d/", "etc/network/if-", "etc/ppp/", "etc/dhcp/",
		"usr/share/initramfs-tools/", "etc/insserv", "usr/share/bug/", "usr/share/reportbug/", "var/lib/dpkg/", "lib/apk/"} {
		if strings.HasPrefix(file, dir) {
			return true
		}
	}
	return false
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

// IsSystemDir reports whether a directory belongs to everyone, so that a file
// in it says nothing about its neighbours.
func IsSystemDir(dir string) bool {
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
func (r *Result) Owner(file string) (int, bool) { return r.walk.owners.of(file) }

// Owned returns what the image has of a package of the operating system, by its
// index, documentation left out.
func (r *Result) Owned(i int) []string { return r.walk.owners.files(i) }
