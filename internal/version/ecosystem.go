package version

import "strings"

// schemes gives each ecosystem its order of versions: the names of the OSV
// schema 1.7.5 (https://ossf.github.io/osv-schema/#affectedpackage-field) and
// those of ours for distributions that OSV does not have.
//
// Not here, so that nobody decides on a guess: Android (patch levels), FreeBSD
// (its own order, no container image has its packages), OSS-Fuzz (commits only).
var schemes = map[string]Scheme{
	"AlmaLinux":                    RPM,
	"Alpaquita":                    APK,
	"Alpine":                       APK,
	"Azure Linux":                  RPM,
	"BellSoft Hardened Containers": APK,
	"Bioconductor":                 CRAN,
	"Bitnami":                      SemVer,
	"CRAN":                         CRAN,
	"Chainguard":                   APK,
	"CleanStart":                   APK,
	"ConanCenter":                  Generic, // each recipe numbers as its upstream does
	"Debian":                       Deb,
	"Echo":                         Deb, // images rebuilt from Debian
	"GHC":                          SemVer,
	"GitHub Actions":               SemVer,
	"Go":                           Go,
	"Hackage":                      Hackage,
	"Hex":                          Hex,
	"Julia":                        Pub, // VersionNumber orders build metadata too, and JLL packages are fixed in "1.2.3+1"
	"Kubernetes":                   SemVer,
	"Linux":                        Generic, // 6.1-rc3 before 6.1
	"Mageia":                       RPM,
	"Maven":                        Maven,
	"MinimOS":                      APK,
	"NuGet":                        NuGet,
	"Packagist":                    Composer,
	"Photon OS":                    RPM,
	"Pub":                          Pub,
	"PyPI":                         PEP440,
	"Red Hat":                      RPM,
	"Rocky Linux":                  RPM,
	"RubyGems":                     RubyGems,
	"SUSE":                         RPM,
	"SwiftURL":                     SemVer,
	"Ubuntu":                       Deb,
	"VSCode":                       SemVer,
	"Wolfi":                        APK,
	"crates.io":                    Cargo,
	"npm":                          NPM,
	"opam":                         Deb, // "the Debian order", opam manual, Version ordering
	"openEuler":                    RPM,
	"openSUSE":                     RPM,

	// Not in OSV.
	"Amazon Linux": RPM,
	"Arch Linux":   Pacman,
	"CentOS":       RPM,
	"Fedora":       RPM,
	"Node.js":      SemVer, // the runtime itself, from its own list of advisories
	"Oracle Linux": RPM,
}

// rebuilders publish fixed builds of other ecosystems' packages and name that
// ecosystem behind their own name: "Root:Alpine:3.18", "TuxCare:PyPI".
var rebuilders = map[string]bool{
	"Docker Hardened Images": true,
	"Root":                   true,
	"TuxCare":                true,
}

// ForEcosystem returns the order of versions of an OSV ecosystem, with or
// without its release ("Debian:12", "Rocky Linux:9"); false when its order is
// not known, and then no range of it can be decided.
func ForEcosystem(ecosystem string) (Scheme, bool) {
	name, release, _ := strings.Cut(ecosystem, ":")
	if rebuilders[name] && release != "" {
		name, _, _ = strings.Cut(release, ":")
	}
	s, ok := schemes[name]
	return s, ok
}
