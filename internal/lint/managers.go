package lint

import (
	"slices"
	"strings"

	"github.com/careen/careen/internal/workload"
)

// action is what a verb of a package manager does, as far as rules ask.
type action int

const (
	unknownAction  action = iota
	installs              // packages that its arguments name
	installsGroup         // what has no version of its own: groups, files, build dependencies
	installsModule        // streams of modules: name:stream
	fetches               // downloads packages, and names no new ones
	upgrades              // the packages that its arguments name, all without any
	upgradesAll           // the whole distribution
	refreshes             // the lists of packages
	removes               // packages
	cleans                // what was downloaded
	cleansLists           // that and the lists
)

// manager is the command line of package managers that share one, as their
// manuals describe it.
type manager struct {
	names  string            // programs, blanks between
	valued string            // options that take the next word, blanks between
	root   string            // options that name another tree to work on, blanks between
	yes    string            // options that answer its question, or make that there is none
	verbs  map[action]string // verbs with their aliases, blanks between; of two words with "+"
	caches []string          // where downloads stay
}

// managers are the package managers of distributions, a row each: apt-get(8),
// apk(8), yum(8), dnf(8), dnf5(8), zypper(8), pacman(8).
var managers = []manager{{
	names:  "apt-get apt aptitude",
	valued: "-o --option -c --config-file -t --target-release --default-release -a --host-architecture --solver -P --build-profiles -S --snapshot",
	yes:    "-y --yes --assume-yes --force-yes --assume-no --trivial-only -s --simulate --just-print --dry-run --recon --no-act --print-uris",
	verbs: map[action]string{
		installs: "install", installsGroup: "reinstall build-dep satisfy", fetches: "source download", upgrades: "upgrade safe-upgrade",
		upgradesAll: "dist-upgrade full-upgrade dselect-upgrade", refreshes: "update", removes: "remove purge autoremove autopurge",
		cleans: "clean autoclean auto-clean", cleansLists: "distclean dist-clean",
	},
	caches: []string{"/var/cache/apt", "/var/cache/apt/archives"},
}, {
	names:  "apk",
	valued: "-t --virtual -X --repository -p --root --keys-dir --arch --repositories-file --cache-dir --cache-max-age --wait --progress-fd --timeout",
	root:   "-p --root",
	verbs: map[action]string{
		installs: "add", fetches: "fetch fix", upgrades: "upgrade", refreshes: "update", removes: "del", cleans: "cache",
	},
	caches: []string{"/var/cache/apk", "/etc/apk/cache"},
}, {
	names: "yum dnf dnf-3 dnf4 dnf5 microdnf tdnf",
	valued: "-c --config -x --exclude --excludepkgs -d --debuglevel -e --errorlevel -R --randomwait --enablerepo --disablerepo --repo --repoid --enable-repo --disable-repo " +
		"--releasever --installroot --setopt --advisory --advisories --bz --bzs --cve --cves --sec-severity --advisory-severities --forcearch --arch --archlist --comment " +
		"--destdir --downloaddir --disableplugin --enableplugin --disable-plugin --enable-plugin --repofrompath --from-repo --color",
	root: "--installroot",
	yes:  "-y --assumeyes --assumeno --downloadonly",
	verbs: map[action]string{
		installs:       "install in install-n install-na install-nevra",
		installsGroup:  "groupinstall group-install grpinstall grp+install group+install groups+install localinstall builddep build-dep debuginfo-install",
		installsModule: "module+install module+enable module+switch-to",
		fetches:        "reinstall rei downgrade dg distro-sync distrosync dsync swap do group+upgrade groupupdate module+update module+upgrade localupdate download",
		upgrades:       "update upgrade up upgrade-to update-to",
		upgradesAll:    "upgrade-minimal update-minimal up-min",
		refreshes:      "makecache mc",
		removes:        "remove rm erase autoremove groupremove group+remove module+remove history",
		cleans:         "clean",
	},
	caches: []string{"/var/cache/yum", "/var/cache/dnf", "/var/cache/libdnf5", "/var/cache/tdnf"},
}, {
	names: "zypper",
	valued: "-R --root --installroot -c --config -C --cache-dir --raw-cache-dir --solv-cache-dir --pkg-cache-dir --reposd-dir -D -p --plus-repo -r --repo --from -t --type " +
		"--releasever --userdata --download --cve --bugzilla -b -g --category --severity",
	root: "-R --root --installroot",
	yes:  "-y -n --non-interactive --no-confirm --dry-run",
	verbs: map[action]string{
		installs: "install in", fetches: "source-install si install-new-recommends inr verify ve patch", upgrades: "update up", upgradesAll: "dist-upgrade dup",
		refreshes: "refresh ref", removes: "remove rm", cleans: "clean cc",
	},
	caches: []string{"/var/cache/zypp"},
}, {
	names:  "pacman",
	valued: "-b --dbpath -r --root --cachedir --config --gpgdir --hookdir --logfile --arch --color --ignore --ignoregroup --overwrite --assume-installed --print-format --sysroot",
	root:   "-r --root --sysroot",
	yes:    "--noconfirm -p --print",
	caches: []string{"/var/cache/pacman", "/var/cache/pacman/pkg"}, // its verbs are options: see operation
}}

// managerOf returns the row of a program, nil for one that is no package manager.
func managerOf(name string) *manager {
	for i := range managers {
		if has(managers[i].names, name) {
			return &managers[i]
		}
	}
	return nil
}

// has reports whether a list with blanks between holds a word.
func has(list, word string) bool {
	for rest := list; word != ""; {
		at := strings.Index(rest, word)
		if at < 0 {
			return false
		}
		end := at + len(word)
		if (at == 0 || rest[at-1] == ' ') && (end == len(rest) || rest[end] == ' ') {
			return true
		}
		rest = rest[end:]
	}
	return false
}

// verb returns what a verb does.
func (m *manager) verb(name string) action {
	for a, verbs := range m.verbs {
		if has(verbs, name) {
			return a
		}
	}
	return unknownAction
}

// use is a command of a package manager as that reads it.
type use struct {
	*manager                // nil for any other command
	action    action        //
	verb      workload.Word // pacman's, which is an option, is the program itself
	args      []workload.Word
	flags     []string
	elsewhere bool // it works on another tree than the image's own
}

// readUse works out what a command does to packages.
func readUse(c *command) use {
	m := managerOf(c.name)
	if m == nil {
		return use{}
	}
	u := use{manager: m}
	u.args, u.flags = c.options(m.valued)
	u.elsewhere = hasFlag(u.flags, strings.Fields(m.root)...) || m.caches[0] == "/var/cache/apt" && slices.ContainsFunc(u.flags, func(f string) bool {
		return strings.HasPrefix(f, "-o=Dir") || strings.HasPrefix(f, "-o=RootDir") || strings.HasPrefix(f, "--option=Dir")
	})
	if m.verbs == nil {
		u.verb, u.action = c.words[0], operation(u.flags, len(u.args))
		return u
	}
	if len(u.args) == 0 {
		return u
	}
	u.verb, u.args = u.args[0], u.args[1:]
	if len(u.args) > 0 {
		if u.action = m.verb(u.verb.Value + "+" + u.args[0].Value); u.action != unknownAction {
			u.verb, u.args = u.args[0], u.args[1:]
			return u
		}
	}
	u.action = m.verb(u.verb.Value)
	return u
}

// operation reads pacman's.
func operation(flags []string, args int) action {
	switch sync := hasFlag(flags, "-S", "--sync"); {
	case hasFlag(flags, "-R", "--remove"):
		return removes
	case hasFlag(flags, "-U", "--upgrade"):
		return installsGroup
	case !sync || hasFlag(flags, "-s", "--search", "-i", "--info", "-l", "--list", "-g", "--groups"):
		return unknownAction
	case hasFlag(flags, "-c", "--clean"):
		return cleans
	case args > 0:
		return installs
	case hasFlag(flags, "-u", "--sysupgrade"):
		return upgrades
	case hasFlag(flags, "-y", "--refresh"):
		return refreshes
	}
	return unknownAction
}

// asks reports whether the command would wait for an answer.
func (u use) asks() bool {
	switch u.action {
	case installs, installsGroup, installsModule, upgrades, upgradesAll:
		return !hasFlag(u.flags, strings.Fields(u.yes)...)
	case removes:
		// What is no longer needed may well be nothing, about which none asks.
		return !has("autoremove autopurge history", u.verb.Value) && !hasFlag(u.flags, strings.Fields(u.yes)...)
	case fetches:
		return !has("source download fetch", u.verb.Value) && !hasFlag(u.flags, strings.Fields(u.yes)...)
	}
	return false
}

// downloads reports whether the command leaves packages in the cache.
func (u use) downloads() bool {
	switch u.action {
	case installs, installsGroup, installsModule, upgrades, upgradesAll:
		return true
	case fetches:
		return u.verb.Value != "download" && u.verb.Value != "fetch"
	}
	return false
}

// apt reports whether the command is of apt's family.
func (u use) apt() bool { return u.manager != nil && u.caches[0] == "/var/cache/apt" }

// rpm reports whether the command is of a manager that CD321 to CD324 are about.
func (u use) rpm() bool { return u.manager != nil && !u.apt() && u.names != "apk" }

// options reads the words behind the program as getopt does: short options may
// be written together, and an option's value behind it, with or without "=".
// Flags come back one by one, with their value as "-t=value". Valued lists those
// that take one, blanks between.
func (c *command) options(valued string) (args []workload.Word, flags []string) {
	for i := 1; i < len(c.words); i++ {
		w := c.words[i]
		next := func() string {
			if i++; i < len(c.words) {
				return "=" + c.words[i].Value
			}
			return ""
		}
		switch v := w.Value; {
		case v == "--":
			return append(args, c.words[i+1:]...), flags
		case strings.HasPrefix(v, "--"):
			if has(valued, v) {
				v += next()
			}
			flags = append(flags, v)
		case strings.HasPrefix(v, "-") && len(v) > 1:
			for at := 1; at < len(v); at++ {
				flag, rest := "-"+v[at:at+1], v[at+1:]
				switch {
				case strings.HasPrefix(rest, "="):
					flag, rest = flag+rest, ""
				case has(valued, flag) && rest != "":
					flag, rest = flag+"="+rest, ""
				case has(valued, flag):
					flag += next()
				}
				flags = append(flags, flag)
				if rest == "" {
					break
				}
			}
		default:
			args = append(args, w)
		}
	}
	return args, flags
}
