package catalog

import (
	"path"
	"strings"

	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

// maxRelease bounds a file that describes the distribution.
const maxRelease = 64 << 10

// osReleasePaths are where os-release(5) puts the file, first one wins.
var osReleasePaths = [...]string{"etc/os-release", "usr/lib/os-release"}

// oldReleases are the files that older distributions have instead, and how
// each is read.
var oldReleases = [...]struct {
	path string
	read func(text string) sbom.Distro
}{
	{"etc/alpine-release", func(text string) sbom.Distro {
		return sbom.Distro{ID: "alpine", VersionID: text, PrettyName: "Alpine Linux v" + text}
	}},
	{"etc/redhat-release", parseRedhatRelease},
	{"etc/centos-release", parseRedhatRelease},
	{"etc/system-release", parseRedhatRelease},
	{"etc/debian_version", parseDebianVersion},
}

// isRelease wants whatever describes the distribution. etc/os-release is often
// a link to a file with a longer name (Fedora's usr/lib/os.release.d/…).
func isRelease(h *rootfs.Header, _ []byte) bool {
	if h.Size > maxRelease {
		return false
	}
	switch h.Path {
	case "etc/alpine-release", "etc/redhat-release", "etc/centos-release", "etc/system-release", "etc/debian_version":
		return true
	}
	return strings.Contains(path.Base(h.Path), "os-release") &&
		(strings.HasPrefix(h.Path, "etc/") || strings.HasPrefix(h.Path, "usr/") || strings.HasPrefix(h.Path, "nix/store/"))
}

// parseOSRelease reads os-release(5): shell assignments, one a line.
func parseOSRelease(data []byte) sbom.Distro {
	var d sbom.Distro
	for text := range strings.Lines(string(data)) {
		key, value, ok := strings.Cut(strings.TrimSpace(text), "=")
		if !ok || strings.HasPrefix(key, "#") {
			continue
		}
		value = unquote(strings.TrimSpace(value))
		switch strings.TrimSpace(key) {
		case "ID":
			d.ID = strings.ToLower(value)
		case "ID_LIKE":
			d.IDLike = strings.Fields(strings.ToLower(value))
		case "VERSION_ID":
			d.VersionID = value
		case "VERSION_CODENAME":
			d.Codename = value
		case "PRETTY_NAME":
			d.PrettyName = value
		case "CPE_NAME":
			d.CPE = value
		}
	}
	return d
}

// unquote undoes the shell's quotes and backslashes.
func unquote(s string) string {
	if n := len(s); n >= 2 && (s[0] == '"' || s[0] == '\'') && s[n-1] == s[0] {
		quote := s[0]
		s = s[1 : n-1]
		if quote == '\'' {
			return s
		}
	}
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// redhatNames are the distributions that had a redhat-release before they had
// an os-release, longest name first.
var redhatNames = [...]struct{ prefix, id string }{
	{"Red Hat Enterprise Linux", "rhel"},
	{"Oracle Linux", "ol"},
	{"Amazon Linux", "amzn"},
	{"CentOS", "centos"},
	{"Fedora", "fedora"},
	{"Rocky", "rocky"},
	{"AlmaLinux", "almalinux"},
	{"Scientific Linux", "scientific"},
}

// parseRedhatRelease reads "CentOS release 6.10 (Final)" and the like.
func parseRedhatRelease(text string) sbom.Distro {
	d := sbom.Distro{PrettyName: text}
	for _, name := range redhatNames {
		if strings.HasPrefix(text, name.prefix) {
			d.ID = name.id
			d.IDLike = []string{"rhel", "fedora"}
			break
		}
	}
	if _, rest, ok := strings.Cut(text, " release "); ok {
		if words := strings.Fields(rest); len(words) > 0 {
			d.VersionID = words[0]
		}
	}
	if d.ID == "" || d.VersionID == "" {
		return sbom.Distro{}
	}
	return d
}

// parseDebianVersion reads "12.8" or, before a release, "trixie/sid".
func parseDebianVersion(text string) sbom.Distro {
	d := sbom.Distro{ID: "debian", PrettyName: "Debian GNU/Linux " + text}
	if text != "" && text[0] >= '0' && text[0] <= '9' {
		d.VersionID, _, _ = strings.Cut(text, ".")
		return d
	}
	d.Codename, _, _ = strings.Cut(text, "/")
	return d
}
