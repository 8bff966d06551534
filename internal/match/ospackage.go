package match

import (
	"slices"
	"strings"

	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/vulndb"
)

// lookups appends the questions to ask about a package of the distribution.
func (m *matcher) distributionLookups(list []lookup, eco ordered, k *Key) []lookup {
	source, sourceVersion := sourceOf(k)
	ask := func(name, version string, anyEpoch bool) {
		list = append(list, lookup{ordered: eco, name: name, version: version, distribution: true, anyEpoch: anyEpoch})
	}
	names := k.Release.Names
	if names != byBinary {
		sourceVersion = k.SourceEpoch + sourceVersion
		ask(source, sourceVersion, k.AnyEpoch)
		if name, version, ok := signedSource(source, sourceVersion); ok {
			ask(name, version, false)
		}
	}
	if names == byBinary || names == byBoth && k.Name != source {
		ask(k.Name, k.Version, false)
	}
	return list
}

// sourceOf returns the source package's name and its version in the terms of
// the distribution's order; that of an rpm with a number of its own lacks the
// epoch.
func sourceOf(k *Key) (name, version string) {
	name, version = k.Source.Name, k.Source.Version
	if name == "" {
		name = k.Name
	}
	if version == "" {
		version = k.Version
		if k.Type == "deb" {
			// A binary-only rebuild ("+b1") has the source of the version
			// before it; dpkg names that version in Source, but other readers
			// of the status file may not (Debian Policy 5.6.12; Developer's
			// Reference 5.10.2.1).
			version = withoutBinNMU(version)
		}
	}
	return name, version
}

// ownNumber reports whether an rpm has another version than its source, so that
// its epoch says nothing of the source's: perl-Getopt-Std 1.12-481 is built
// from perl 4:5.32.1-481. The file name of a source rpm leaves the epoch out.
func ownNumber(k *Key) bool {
	return k.Source.Version != "" && k.Source.Version != k.Version && !strings.Contains(k.Source.Version, ":")
}

// epochsOf returns the epochs of sources, "4:" or "", as the packages tell that
// were built from them and have their version.
func epochsOf(pkgs []sbom.Package) map[sbom.Source]string {
	epochs := map[sbom.Source]string{}
	for i := range pkgs {
		k := Key{Type: pkgs[i].Type, Version: pkgs[i].Version, Source: pkgs[i].Source}
		if k.Type != "rpm" || k.Source.Name == "" || ownNumber(&k) {
			continue
		}
		epoch, bare, ok := strings.Cut(k.Source.Version, ":")
		if !ok {
			epoch, bare = "", k.Source.Version
		} else {
			epoch += ":"
		}
		epochs[sbom.Source{Name: k.Source.Name, Version: bare}] = epoch
	}
	return epochs
}

// withoutBinNMU removes "+b" and the digits behind it at the end.
func withoutBinNMU(version string) string {
	i := strings.LastIndex(version, "+b")
	if i < 0 || i+2 == len(version) {
		return version
	}
	for _, c := range version[i+2:] {
		if c < '0' || c > '9' {
			return version
		}
	}
	return version[:i]
}

// signedSource finds the source that a signed kernel was built from, since only
// that has advisories: Debian's "linux-signed-amd64" 6.1.119+1 is signed from
// "linux" 6.1.119-1 (debian/rules.real of linux-signed), Ubuntu's "linux-signed"
// and "linux-signed-aws" from "linux" and "linux-aws" of their own version.
func signedSource(name, version string) (string, string, bool) {
	flavour, ok := strings.CutPrefix(name, "linux-signed")
	if !ok || flavour != "" && flavour[0] != '-' {
		return "", "", false
	}
	if strings.Contains(version, "-") {
		return "linux" + flavour, version, true
	}
	i := strings.Index(version, "+") // not the one of a backport, "6.1.119+1~bpo11+1"
	if i < 0 {
		return "", "", false
	}
	return "linux", version[:i] + "-" + version[i+1:], true
}

// applies reports whether a statement speaks of this package at all: its
// architecture, its module, its repository.
func (m *matcher) applies(adv *vulndb.Advisory, l *lookup, k *Key) bool {
	if !l.distribution {
		return true // Repo is then the registry that serves the package
	}
	return archApplies(adv.Arches, k.Arch) && moduleApplies(adv, k, l.version) && repoApplies(adv.Repo, k.Release.Repos)
}

// archApplies: a package that is the same on every architecture, or does not
// say which it is for, is covered by any.
func archApplies(arches []string, arch string) bool {
	switch {
	case len(arches) == 0, arch == "", arch == "noarch", arch == "all":
		return true
	}
	for _, a := range arches {
		if a == arch || a == "noarch" || a == "all" {
			return true
		}
	}
	return false
}

// moduleApplies keeps the streams of an rpm module apart: nodejs:18 and
// nodejs:20 live in one repository, each with its own fixed versions
// (https://docs.fedoraproject.org/en-US/modularity/). The rpm's label and the
// statement's decide. Where one of them is missing, the build tag in the
// release ("1.module+el8.9.0+1418+f1b2", "….module_el8.5.0") still says whether
// each belongs to a module at all; of two that do, those of one upstream major
// are compared, and of a stream that is named by a word ("rhel8", "DL1") all,
// since such a stream goes on from one major to the next. The version is the one
// that is compared: npm 10 of nodejs:18 is compared with nodejs as 18.
func moduleApplies(adv *vulndb.Advisory, k *Key, version string) bool {
	if k.Type != "rpm" {
		return true
	}
	modular := k.Modularity != "" || modularRelease(version)
	fixed := fixedVersion(adv)
	switch {
	case adv.Module != "" && k.Modularity != "":
		return sameStream(adv.Module, k.Modularity)
	case adv.Module != "":
		return modular && (fixed == "" || !numberedStream(adv.Module) || sameStreamNumbers(adv.Module, fixed, version))
	case fixed == "":
		return true
	}
	return modularRelease(fixed) == modular && (!modular || sameMajor(fixed, version))
}

// fixedVersion returns the first version that a statement calls fixed, "" when
// it names none.
func fixedVersion(adv *vulndb.Advisory) string {
	for _, r := range adv.Ranges {
		if r.Fixed != "" && r.Fixed != "0" {
			return r.Fixed
		}
	}
	return ""
}

func modularRelease(version string) bool {
	return strings.Contains(version, ".module+") || strings.Contains(version, ".module_")
}

// sameStream reports whether one of a statement's labels is the package's,
// which may continue with version, context and architecture:
// "nodejs:18:8090020231108112434:a75119d5".
func sameStream(labels, label string) bool {
	own := stream(label)
	for named := range strings.SplitSeq(labels, " ") {
		if stream(named) == own {
			return true
		}
	}
	return false
}

func stream(label string) string {
	name, rest, ok := strings.Cut(label, ":")
	if !ok {
		return name
	}
	s, _, _ := strings.Cut(rest, ":")
	return label[:len(name)+1+len(s)]
}

// numberedStream reports whether a label's stream is a version: "nodejs:18".
func numberedStream(labels string) bool {
	_, s, _ := strings.Cut(labels, ":")
	return s != "" && s[0] >= '0' && s[0] <= '9'
}

// sameStreamNumbers compares two versions of which the first is of a stream that
// is named by numbers. Where it begins with those, as nginx 1.20.1 of nginx:1.20
// does, the other is of that stream only if it does too; of what a stream has
// next to (php-pear 1.10 of php:7.4) the upstream major has to be the same.
func sameStreamNumbers(labels, fixed, version string) bool {
	_, numbers, _ := strings.Cut(labels, ":")
	numbers, _, _ = strings.Cut(numbers, " ")
	numbers, _, _ = strings.Cut(numbers, ":")
	if begins(fixed, numbers) {
		return begins(version, numbers)
	}
	return sameMajor(fixed, version)
}

// begins reports whether an rpm version starts with these numbers, whole.
func begins(version, numbers string) bool {
	rest, ok := strings.CutPrefix(withoutEpoch(version), numbers)
	return ok && (rest == "" || rest[0] < '0' || rest[0] > '9')
}

// sameMajor compares the first number of two rpm versions without their epochs.
func sameMajor(a, b string) bool { return major(a) == major(b) }

func major(version string) string {
	version = withoutEpoch(version)
	end := strings.IndexFunc(version, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		return version
	}
	return version[:end]
}

// repoApplies leaves out statements about products that the image is not. A
// CPE is compared from the product on: "cpe:/a:redhat:enterprise_linux:8::appstream"
// and "enterprise_linux:8::appstream" both are "enterprise_linux:8".
func repoApplies(repo string, repos []string) bool {
	if repo == "" || repos == nil {
		return true
	}
	if _, product, ok := strings.Cut(repo, ":redhat:"); ok {
		repo = product
	}
	return slices.ContainsFunc(repos, func(r string) bool {
		rest, ok := strings.CutPrefix(repo, r)
		return ok && (rest == "" || rest[0] == ':' || rest[0] == '.')
	})
}

// isSubscription reports whether the fix of a statement is only delivered to
// subscribers of Ubuntu Pro.
func isSubscription(adv *vulndb.Advisory) bool {
	return strings.HasPrefix(adv.Ecosystem, "Ubuntu:") && adv.Repo != ""
}

// fromESM recognises versions that Expanded Security Maintenance built:
// "1.1.1-1ubuntu2.1~18.04.23+esm4".
func fromESM(version string) bool {
	return strings.Contains(version, "+esm") || strings.Contains(version, "~esm")
}

// isKernelHeaders recognises packages that hold headers of the kernel, or
// tools to build modules against it, and no kernel. Their source is the
// kernel's, so each of the kernel's thousands of CVEs is theirs by name.
func isKernelHeaders(k *Key) bool {
	source, _ := sourceOf(k)
	if !strings.HasPrefix(source, "linux") && !strings.HasPrefix(source, "kernel") {
		return false
	}
	if k.Type == "rpm" {
		// kernel-headers, kernel-rt-devel, kernel-devel-matched,
		// kernel6.12-headers, kernel-default-devel, kernel-macros…
		for part := range strings.SplitSeq(k.Name, "-") {
			if part == "headers" || part == "devel" || part == "macros" {
				return strings.HasPrefix(k.Name, "kernel")
			}
		}
		return false
	}
	for _, prefix := range []string{"linux-headers", "linux-libc-dev", "linux-kbuild-", "linux-compiler-"} {
		if strings.HasPrefix(k.Name, prefix) {
			return true
		}
	}
	return false
}
