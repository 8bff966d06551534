package purl

import (
	"maps"
	"slices"
	"strings"
)

// ecosystems says which ecosystem of the OSV schema the packages of a type
// belong to (https://ossf.github.io/osv-schema/#affectedpackage-field). The
// types of distributions are not here: their ecosystem depends on the
// distribution and its release, not on the type.
var ecosystems = map[string]string{
	"bioconductor":     "Bioconductor",
	"bitnami":          "Bitnami",
	"cargo":            "crates.io",
	"composer":         "Packagist",
	"conan":            "ConanCenter",
	"cran":             "CRAN",
	"gem":              "RubyGems",
	"githubactions":    "GitHub Actions",
	"golang":           "Go",
	"hackage":          "Hackage",
	"hex":              "Hex",
	"julia":            "Julia",
	"maven":            "Maven",
	"npm":              "npm",
	"nuget":            "NuGet",
	"opam":             "opam",
	"pear":             "Packagist",
	"pub":              "Pub",
	"pypi":             "PyPI",
	"swift":            "SwiftURL",
	"vscode-extension": "VSCode",
}

// Ecosystem returns the OSV ecosystem of a purl type; false for types without
// one, among them those of distributions.
func Ecosystem(purlType string) (osvEcosystem string, ok bool) {
	osvEcosystem, ok = ecosystems[purlType]
	return osvEcosystem, ok
}

// distributions gives the purl type of each distribution's packages.
var distributions = map[string]string{
	"AlmaLinux":                    "rpm",
	"Alpaquita":                    "apk",
	"Alpine":                       "apk",
	"Amazon Linux":                 "rpm",
	"Arch Linux":                   "alpm",
	"Azure Linux":                  "rpm",
	"BellSoft Hardened Containers": "apk",
	"CentOS":                       "rpm",
	"Chainguard":                   "apk",
	"CleanStart":                   "apk",
	"Debian":                       "deb",
	"Echo":                         "deb",
	"Fedora":                       "rpm",
	"Mageia":                       "rpm",
	"MinimOS":                      "apk",
	"Oracle Linux":                 "rpm",
	"Photon OS":                    "rpm",
	"Red Hat":                      "rpm",
	"Rocky Linux":                  "rpm",
	"SUSE":                         "rpm",
	"Ubuntu":                       "deb",
	"Wolfi":                        "apk",
	"openEuler":                    "rpm",
	"openSUSE":                     "rpm",
}

// Type returns the purl type of an OSV ecosystem's packages, with or without
// its release ("Debian:12" gives "deb").
func Type(osvEcosystem string) (purlType string, ok bool) {
	name, _, _ := strings.Cut(osvEcosystem, ":")
	if t, ok := distributions[name]; ok {
		return t, true
	}
	for _, t := range slices.Sorted(maps.Keys(ecosystems)) { // "composer" comes before "pear"
		if ecosystems[t] == name {
			return t, true
		}
	}
	return "", false
}
