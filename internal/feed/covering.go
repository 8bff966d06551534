package feed

import (
	"slices"
	"strings"
)

// covers says by which feeds a distribution or an ecosystem is covered, by the
// names that os-release, package URLs and OSV.dev give it.
var covers = map[string][]string{
	"debian": {"debian", "debian-tracker"}, "ubuntu": {"ubuntu", "ubuntu-vex"},
	"alpine": {"alpine", "alpine-secdb"}, "wolfi": {"wolfi", "wolfi-secdb"}, "chainguard": {"chainguard", "chainguard-secdb"},
	"rhel": {"redhat"}, "redhat": {"redhat"}, "red-hat": {"redhat"}, "centos": {"redhat"},
	"rocky": {"rocky-linux"}, "alma": {"almalinux"}, "ol": {"oracle"}, "oracle-linux": {"oracle"},
	"amzn": {"amazon"}, "amazon-linux": {"amazon"}, "sles": {"suse-vex"}, "sle": {"suse-vex"}, "sle-micro": {"suse-vex"},
	"suse": {"suse-vex"}, "opensuse": {"suse-vex"}, "opensuse-leap": {"suse-vex"}, "opensuse-tumbleweed": {"suse-vex"},
	"azurelinux": {"azurelinux-oval"}, "azure-linux": {"azurelinux-oval"}, "mariner": {"azurelinux-oval"},
	"archlinux": {"arch"}, "arch-linux": {"arch"}, "photon-os": {"photon"},
	"npm": {"npm", "nodejs"}, "node": {"nodejs"}, "golang": {"go"}, "python": {"pypi"}, "cargo": {"crates.io"}, "rust": {"crates.io"},
	"gem": {"rubygems"}, "ruby": {"rubygems"}, "composer": {"packagist"}, "php": {"packagist"}, "java": {"maven"}, "dotnet": {"nuget"},
	"swift": {"swifturl"}, "conan": {"conancenter"}, "dart": {"pub"}, "elixir": {"hex"}, "r": {"cran"},
}

// covering returns the feeds that names mean: a release is covered by its
// distribution's feeds.
func covering(names []string) []string {
	var feeds []string
	for _, name := range names {
		family, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(name)), ":")
		family = strings.ReplaceAll(family, " ", "-")
		if of, ok := covers[family]; ok {
			feeds = append(feeds, of...)
		} else if family != "" {
			feeds = append(feeds, family)
		}
	}
	slices.Sort(feeds)
	return slices.Compact(feeds)
}
