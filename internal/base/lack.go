package base

import (
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/reach"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/scan"
)

// Lack is something without which the program starts, and then does less than it
// did.
type Lack struct {
	What string `json:"what"`           // "certificates", "time zone", "locale", "health check"
	Name string `json:"name"`           // which one
	Path string `json:"path,omitempty"` // where the old base has it, in one file
}

// bundles are where programs look for the certificates of authorities
// (crypto/x509, root_linux.go; OpenSSL's cert.pem).
var bundles = [...]string{
	"etc/ssl/certs/ca-certificates.crt", "etc/pki/tls/certs/ca-bundle.crt", "etc/ssl/ca-bundle.pem",
	"etc/pki/tls/cacert.pem", "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "etc/ssl/cert.pem",
}

// lacks lists what the program had on the old base and has not on the new one.
func (i *Image) lacks(on *scan.Opened, reached *reach.Result) []Lack {
	var list []Lack
	has := func(tree *rootfs.Tree) func(string) bool {
		return func(file string) bool {
			at, err := tree.Resolve(file)
			if err != nil {
				return false
			}
			_, ok := tree.Lookup(at)
			return ok
		}
	}
	old, now := has(i.In.Tree), has(on.Tree)
	if !slices.ContainsFunc(bundles[:], now) {
		for _, file := range bundles {
			if old(file) && i.reached.State(file) == reach.Reached {
				list = append(list, Lack{"certificates", "/" + file, "/" + file})
				break
			}
		}
	}
	for _, kv := range i.In.Image.Config.Env {
		switch key, value, _ := strings.Cut(kv, "="); key {
		case "TZ":
			zone := path.Join("usr/share/zoneinfo", strings.TrimPrefix(value, ":"))
			if value != "" && old(zone) && !now(zone) {
				list = append(list, Lack{"time zone", value, "/" + zone})
			}
		case "LANG", "LC_ALL", "LC_CTYPE":
			if hasLocale(old, value) && !hasLocale(now, value) {
				list = append(list, Lack{"locale", value, ""})
			}
		}
	}
	for _, w := range i.newWants(reached) {
		if w.From == "" && !w.Sure {
			list = append(list, Lack{"health check", w.What, ""})
		}
	}
	return list
}

// hasLocale reports whether a system has a locale, in a directory of its own or
// in the archive (locale(7)). C and POSIX need no files.
func hasLocale(has func(string) bool, name string) bool {
	if name == "" || name == "C" || name == "POSIX" {
		return true
	}
	plain := strings.NewReplacer("UTF-8", "utf8", "utf-8", "utf8").Replace(name)
	return has("usr/lib/locale/"+plain) || has("usr/lib/locale/"+name) || !strings.HasPrefix(name, "C.") && has("usr/lib/locale/locale-archive")
}
