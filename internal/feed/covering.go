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
	"npm": {"npm", "nodejs"}, "node": {"nodejs"}, "node.js": {"nodejs"}, "golang": {"go"}, "python": {"pypi"}, "cargo": {"crates.io"}, "rust": {"crates.io"},
	"gem": {"rubygems"}, "ruby": {"rubygems"}, "composer": {"packagist"}, "php": {"packagist"}, "java": {"maven"}, "dotnet": {"nuget"},
	"swift": {"swifturl"}, "conan": {"conancenter"}, "dart": {"pub"}, "elixir": {"hex"}, "r": {"cran"},
}

// narrowing says which releases of what a feed is about were named, without a
// "v" before the number; whole is set when the feed was named without one, by any
// of its names, or not at all.
type narrowing map[string]*releases

type releases struct {
	whole bool
	names []string
	said  []string // the same as they were named
}

func narrow(named []string) narrowing {
	n := narrowing{}
	for _, name := range named {
		_, release, _ := strings.Cut(strings.ToLower(strings.TrimSpace(name)), ":")
		for _, feed := range covering([]string{name}) {
			r := n[feed]
			if r == nil {
				r = &releases{}
				n[feed] = r
			}
			if release == "" {
				r.whole = true
			}
			r.names, r.said = append(r.names, strings.TrimPrefix(release, "v")), append(r.said, name)
		}
	}
	return n
}

// wants reports whether a feed's file about one release is to be read. What is
// named may be finer than the release: "alpine:3.20.3".
func (n narrowing) wants(feed, release string) bool {
	r := n[feed]
	if r == nil || r.whole {
		return true
	}
	release = strings.TrimPrefix(strings.ToLower(release), "v")
	return slices.ContainsFunc(r.names, func(name string) bool { return name == release || strings.HasPrefix(name, release+".") })
}

// all reports whether a feed is to be read whole.
func (n narrowing) all(feed string) bool { return n[feed] == nil || n[feed].whole }

// known returns an error when a release was named that a feed has not.
func (n narrowing) known(feed string, have []string) error {
	r := n[feed]
	if n.all(feed) {
		return nil
	}
	for i, name := range r.names {
		one := narrowing{feed: {names: []string{name}}}
		if !slices.ContainsFunc(have, func(release string) bool { return one.wants(feed, release) }) {
			return &UnknownError{r.said[i], have}
		}
	}
	return nil
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
