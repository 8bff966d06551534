package slim

import (
	"path"
	"strings"

	"github.com/careen/careen/internal/reach"
)

// always says why a file stays in every image. What only some programs need is
// among reach's rules.
func always(file string) (note string, ok bool) {
	switch file {
	case "etc/os-release", "usr/lib/os-release", "etc/debian_version", "etc/alpine-release", "etc/redhat-release",
		"etc/system-release", "etc/centos-release", "etc/fedora-release", "etc/rocky-release", "etc/almalinux-release",
		"etc/oracle-release", "etc/SuSE-release", "etc/lsb-release", "etc/photon-release", "etc/apk/arch":
		return "names the distribution", true
	case "etc/passwd", "etc/group":
		return "accounts", true
	case "etc/nsswitch.conf":
		return "how names are looked up", true
	case "etc/ssl/certs/ca-certificates.crt", "etc/pki/tls/certs/ca-bundle.crt", "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
		"etc/ssl/ca-bundle.pem", "etc/ssl/cert.pem", "var/lib/ca-certificates/ca-bundle.pem":
		return "the certificates that TLS trusts", true
	case "bin", "sbin", "lib", "lib32", "lib64", "libx32", "var/run", "var/lock", "etc/mtab", "etc/localtime",
		"var/lib/rpm": // for scanners, where the database is in usr/lib/sysimage/rpm
		return "a link that programs take for granted", true
	}
	return "", false
}

// alwaysDirectories stay, also empty.
var alwaysDirectories = map[string]string{
	"tmp": "for temporary files", "var/tmp": "for temporary files", "run": "for sockets and pids",
	"proc": "mounted at start", "sys": "mounted at start", "dev": "mounted at start",
	"etc": "Docker writes hosts and resolv.conf there", "root": "a home", "home": "homes", "var/log": "for logs", "var/cache": "for caches",
}

// isLicense reports whether a file of a package is its license, which anyone who
// ships the package has to ship.
func isLicense(file string) bool {
	return strings.HasPrefix(file, "usr/share/doc/") && path.Base(file) == "copyright" || strings.HasPrefix(file, "usr/share/licenses/")
}

// isSpare reports whether a file goes from packages that stay as a whole, unless it
// is reached: what is for people and their tools; what reach has a rule of its own
// for, which the package as such says nothing about (character sets for iconv(3)).
// Without its translations a program speaks English, as it does anyway where the
// image's language is none or English.
func (d *decision) isSpare(file string) bool {
	if reach.IsDocumentation(file) || d.english && strings.HasPrefix(file, "usr/share/locale/") || strings.Contains(file, "/gconv/") ||
		strings.HasPrefix(file, "usr/share/zoneinfo/right/") {
		return true
	}
	if !strings.Contains(file, "/node_modules/") && !strings.HasPrefix(file, "usr/share/nodejs/") {
		return false
	}
	for _, suffix := range [...]string{".d.ts", ".d.mts", ".d.cts", ".js.map", ".mjs.map", ".cjs.map", ".md", ".markdown"} {
		if strings.HasSuffix(file, suffix) {
			return true
		}
	}
	return false
}

// speaksEnglish reports whether an environment asks for no other language.
func speaksEnglish(env []string) bool {
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		switch {
		case name != "LANG" && name != "LANGUAGE" && !strings.HasPrefix(name, "LC_"):
		case value == "" || value == "C" || value == "POSIX" || strings.HasPrefix(value, "C.") || strings.HasPrefix(value, "en"):
		default:
			return false
		}
	}
	return true
}

// junk are the directories of which nothing is needed: caches that are filled
// again, the lists of package managers, what installers leave behind.
var junk = [...]string{"var/cache/", "var/lib/apt/", "var/log/apt/", "var/log/installer/", "var/backups/", "boot/",
	"root/.cache/", "root/.npm/", "root/.cargo/registry/", "root/.m2/repository/.cache/"}

// isJunk reports whether a file that no package owns goes for certain, unless it is
// reached: caches, lists of packages, documentation. Python's caches go where what
// they were made of is there.
func (d *decision) isJunk(file string) bool {
	if reach.IsDocumentation(file) {
		return true
	}
	for _, dir := range junk {
		if strings.HasPrefix(file, dir) {
			return true
		}
	}
	switch file {
	case "var/log/dpkg.log", "var/log/alternatives.log", "var/log/bootstrap.log", "var/log/fontconfig.log",
		"etc/passwd-", "etc/group-", "etc/shadow-", "etc/gshadow-", "etc/subuid-", "etc/subgid-":
		return true
	}
	dir, name := path.Split(file)
	if !strings.HasSuffix(dir, "/__pycache__/") {
		return false
	}
	module, _, _ := strings.Cut(name, ".")
	_, source := d.src.Tree.Lookup(strings.TrimSuffix(dir, "__pycache__/") + module + ".py")
	return source
}

// isSystems reports whether a path is where the system's packages live.
func isSystems(file string) bool {
	if strings.HasPrefix(file, "usr/local/") {
		return false
	}
	for _, dir := range [...]string{"usr/", "bin/", "sbin/", "lib/", "lib32/", "lib64/", "libx32/", "boot/", "etc/",
		"var/cache/", "var/lib/", "var/log/", "var/spool/", "var/backups/", "run/", "tmp/"} {
		if strings.HasPrefix(file, dir) {
			return true
		}
	}
	return false
}

// unitOf returns the directory or file that represents the language package to
// which a file belongs: what is directly below the directory where that
// language's packages are installed. "" where there is none.
func unitOf(file string) string {
	for _, dir := range [...]string{"/node_modules/", "/site-packages/", "/dist-packages/", "/gems/"} {
		i := strings.LastIndex(file, dir)
		if i < 0 {
			continue
		}
		end := i + len(dir)
		rest := file[end:]
		name, below, _ := strings.Cut(rest, "/")
		if strings.HasPrefix(name, "@") { // npm's scopes
			sub, _, _ := strings.Cut(below, "/")
			name += "/" + sub
		}
		return file[:end] + name
	}
	return ""
}
