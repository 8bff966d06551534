package surface

import (
	"io/fs"
	"strings"

	"github.com/careen/careen/internal/rootfs"
)

// maxTraces bounds each list of traces; they are counted on.
const maxTraces = 1000

// traces are files and directories that a build should not have left, and
// places that should not be as they are: what the rules on files judge.
type traces struct {
	caches      []cacheUse
	histories   []*rootfs.Entry // .git, .svn, .hg directories
	leftovers   []*rootfs.Entry // editors' and backup files
	leftoverAll int
	hostKeys    []*rootfs.Entry
	authorized  []*rootfs.Entry // authorized_keys
	system      []*rootfs.Entry // system directories that another user than root owns or may change
}

// cacheUse is what one cache of a package manager takes up.
type cacheUse struct {
	row   cacheRow
	at    *rootfs.Entry // the directory
	files int
	bytes int64
	sizes []layerSize // of bytes, by layer
}

type layerSize struct {
	layer int
	bytes int64
}

// cacheRow is a directory that a package manager fills to save itself
// downloads.
type cacheRow struct {
	dir     string // a whole path, or the last two elements of one when it begins with "*/"
	manager string
	clear   string   // how a RUN gets rid of it, or does not fill it
	keep    []string // base names that are there without any cache
}

// cacheRows returns the caches by path, or by the last two elements of one. The
// paths are the defaults of each manager.
func cacheRows() map[string]cacheRow {
	rows := []cacheRow{
		{"var/lib/apt/lists", "apt", "rm -rf /var/lib/apt/lists/* in the same RUN, or RUN --mount=type=cache,target=/var/lib/apt/lists", []string{"lock"}},
		{"var/cache/apt", "apt", "apt-get clean in the same RUN, or RUN --mount=type=cache,target=/var/cache/apt", []string{"lock"}},
		{"var/cache/apk", "apk", "apk add --no-cache", nil},
		{"etc/apk/cache", "apk", "apk add --no-cache", nil},
		{"var/cache/yum", "yum", "yum clean all in the same RUN", nil},
		{"var/cache/dnf", "dnf", "dnf clean all in the same RUN", nil},
		{"var/cache/libdnf5", "dnf", "dnf clean all in the same RUN", nil},
		{"var/cache/tdnf", "tdnf", "tdnf clean all in the same RUN", nil},
		{"var/cache/zypp", "zypper", "zypper clean --all in the same RUN", nil},
		{"var/cache/pacman/pkg", "pacman", "pacman -Scc --noconfirm in the same RUN", nil},
		{"*/.cache/pip", "pip", "pip install --no-cache-dir", nil},
		{"*/.cache/uv", "uv", "uv --no-cache", nil},
		{"*/.cache/pypoetry", "poetry", "RUN --mount=type=cache,target=/root/.cache/pypoetry", nil},
		{"*/.cache/yarn", "yarn", "yarn cache clean in the same RUN", nil},
		{"*/.cache/go-build", "go", "RUN --mount=type=cache,target=/root/.cache/go-build, or build in an earlier stage", nil},
		{"*/mod/cache", "go", "RUN --mount=type=cache,target=/go/pkg/mod, or build in an earlier stage", nil},
		{"*/.npm/_cacache", "npm", "npm cache clean --force in the same RUN, or RUN --mount=type=cache,target=/root/.npm", nil},
		{"*/.composer/cache", "composer", "composer --no-cache", nil},
		{"*/.cache/composer", "composer", "composer --no-cache", nil},
		{"*/.gradle/caches", "gradle", "build in an earlier stage", nil},
		{"*/.m2/repository", "mvn", "build in an earlier stage", nil},
		{"*/.cargo/registry", "cargo", "build in an earlier stage", nil},
		{"*/cargo/registry", "cargo", "build in an earlier stage", nil},
		{"*/.bundle/cache", "bundler", "bundle install with BUNDLE_CACHE_ALL unset, or an earlier stage", nil},
	}
	byDir := make(map[string]cacheRow, len(rows))
	for _, row := range rows {
		byDir[strings.TrimPrefix(row.dir, "*/")] = row
	}
	return byDir
}

// tracer gathers traces while the walk goes on.
type tracer struct {
	traces
	rows  map[string]cacheRow
	cache string // the cache directory that the walk is in, with a slash; "" outside
}

func (t *tracer) directory(e *rootfs.Entry) {
	if t.cache == "" || !strings.HasPrefix(e.Path, t.cache) {
		t.cache = ""
		row, ok := t.rows[e.Path]
		if !ok {
			row, ok = t.rows[lastTwo(e.Path)]
		}
		if ok {
			t.caches = append(t.caches, cacheUse{row: row, at: kept(e)})
			t.cache = e.Path + "/"
		}
	}
	switch base := baseOf(e.Path); base {
	case ".git", ".svn", ".hg":
		if len(t.histories) < maxTraces {
			t.histories = append(t.histories, kept(e))
		}
	case ".idea", ".vscode":
		t.leftover(e)
	}
	if isSystemDir(e.Path) && e.Mode&fs.ModeSymlink == 0 && (e.UID != 0 || e.Mode.Perm()&0o002 != 0 && e.Mode&fs.ModeSticky == 0) {
		t.system = append(t.system, kept(e))
	}
}

func (t *tracer) file(e *rootfs.Entry) {
	if t.cache != "" && strings.HasPrefix(e.Path, t.cache) {
		t.cached(e)
		return
	}
	base := baseOf(e.Path)
	if isLeftover(base) && !isPackageState(e.Path) {
		t.leftover(e)
	}
	switch {
	case strings.HasPrefix(base, "ssh_host_") && strings.HasSuffix(base, "_key") && e.Size > 0:
		t.hostKeys = append(t.hostKeys, kept(e))
	case (base == "authorized_keys" || base == "authorized_keys2") && strings.HasSuffix(dirOf(e.Path), ".ssh") && e.Size > 0:
		if len(t.authorized) < maxTraces {
			t.authorized = append(t.authorized, kept(e))
		}
	}
}

func (t *tracer) cached(e *rootfs.Entry) {
	use := &t.caches[len(t.caches)-1]
	for _, name := range use.row.keep {
		if baseOf(e.Path) == name {
			return
		}
	}
	use.files++
	use.bytes += e.Size
	for i := range use.sizes {
		if use.sizes[i].layer == e.Layer {
			use.sizes[i].bytes += e.Size
			return
		}
	}
	use.sizes = append(use.sizes, layerSize{e.Layer, e.Size})
}

func (t *tracer) leftover(e *rootfs.Entry) {
	t.leftoverAll++
	if len(t.leftovers) < maxTraces {
		t.leftovers = append(t.leftovers, kept(e))
	}
}

// lastTwo is the last two elements of a path, the whole of a shorter one.
func lastTwo(path string) string {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return path
	}
	return path[strings.LastIndexByte(path[:i], '/')+1:]
}

// isLeftover recognises what editors, desktops and people leave next to files
// that they change.
func isLeftover(base string) bool {
	if len(base) < 2 {
		return false
	}
	switch base[len(base)-1] {
	case '~':
		return true // Emacs, gedit…
	case '#':
		return base[0] == '#' // Emacs' auto-save
	case 'p', 'o':
		return base[0] == '.' && (strings.HasSuffix(base, ".swp") || strings.HasSuffix(base, ".swo")) // Vim
	case 'k':
		return strings.HasSuffix(base, ".bak")
	case 'g':
		return strings.HasSuffix(base, ".orig")
	case 'e':
		return base == ".DS_Store"
	case 'b':
		return base == "Thumbs.db"
	}
	return false
}

// isPackageState tells the directories in which package managers and their
// tools keep backups of their own.
func isPackageState(path string) bool {
	for _, dir := range [...]string{"usr/", "var/backups/", "var/lib/", "var/cache/", "etc/ssl/", "lib/"} {
		if strings.HasPrefix(path, dir) && !strings.HasPrefix(path, "usr/local/") && !strings.HasPrefix(path, "usr/src/") {
			return true
		}
	}
	return strings.Contains(path, "/node_modules/") || strings.Contains(path, "/site-packages/") || strings.Contains(path, "/dist-packages/")
}

// isSystemDir tells the directories whose programs, libraries and settings
// everybody trusts (FHS 3.0).
func isSystemDir(path string) bool {
	switch path {
	case "bin", "sbin", "lib", "lib32", "lib64", "libx32", "etc", "boot", "usr",
		"usr/bin", "usr/sbin", "usr/lib", "usr/lib32", "usr/lib64", "usr/libexec", "usr/local", "usr/local/bin", "usr/local/sbin", "usr/local/lib",
		"etc/cron.d", "etc/cron.daily", "etc/cron.hourly", "etc/profile.d", "etc/ld.so.conf.d", "etc/pam.d", "etc/sudoers.d", "etc/ssh", "etc/ssl", "etc/ssl/certs":
		return true
	}
	return false
}
