package purl

import "strings"

// OSPackage is a package of a distribution, in the distribution's own words.
type OSPackage struct {
	Type          string // "deb", "rpm", "apk" or "alpm"
	Distro        string // os-release's ID: "debian", "alpine", "rhel"
	Release       string // os-release's VERSION_ID, or a code name; "" for rolling releases
	Name          string
	Version       string // whole: [epoch:]version[-release]
	Arch          string // the package's own word: "amd64", "x86_64", "all", "noarch"
	SourceName    string // "" means Name
	SourceVersion string // "" means Version
	Modularity    string // rpm module label, "nodejs:18:…"
}

// OS returns the package URL of a distribution's package:
//
//	pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian-12&upstream=glibc
//	pkg:apk/alpine/libssl3@3.1.4-r5?arch=x86_64&distro=alpine-3.18.6&upstream=openssl
//	pkg:rpm/rhel/openssl-libs@3.0.7-24.el9?arch=x86_64&distro=rhel-9.2&epoch=1&upstream=openssl
//
// The qualifiers are the specification's ("arch", "distro", "epoch") and those
// on which Syft, Grype and Trivy agree. "upstream" names the source package
// where it differs: by name alone when both have one version, as name@version
// otherwise. An rpm's epoch is a qualifier and no part of the version
// (types-doc/rpm-definition); other types keep theirs in the version.
func OS(o OSPackage) PURL {
	p := PURL{Type: o.Type, Namespace: o.Distro, Name: o.Name, Version: o.Version}
	sourceVersion := o.SourceVersion
	if o.Type == "rpm" {
		var epoch string
		p.Version, epoch = cutEpoch(p.Version)
		sourceVersion, _ = cutEpoch(sourceVersion)
		if epoch != "0" {
			p = p.With("epoch", epoch)
		}
		p = p.With("rpmmod", o.Modularity)
	}
	p = p.With("arch", o.Arch)
	switch {
	case o.Distro != "" && o.Release != "":
		p = p.With("distro", o.Distro+"-"+o.Release)
	default:
		p = p.With("distro", o.Distro)
	}
	if sourceVersion == "" {
		sourceVersion = p.Version
	}
	switch {
	case sourceVersion != p.Version && o.SourceName == "":
		p = p.With("upstream", o.Name+"@"+sourceVersion)
	case sourceVersion != p.Version:
		p = p.With("upstream", o.SourceName+"@"+sourceVersion)
	case o.SourceName != o.Name:
		p = p.With("upstream", o.SourceName)
	}
	return p.normal()
}

// cutEpoch cuts "1:" off an rpm version.
func cutEpoch(v string) (rest, epoch string) {
	e, rest, ok := strings.Cut(v, ":")
	if !ok || e == "" || strings.Trim(e, "0123456789") != "" {
		return v, ""
	}
	return rest, e
}

// Upstream returns the source package that an "upstream" qualifier names, with
// its version if that differs. Syft writes the file name of the source rpm
// there, "bash-5.1.8-6.el9.src.rpm".
func (p PURL) Upstream() (name, version string) {
	u := p.Qualifier("upstream")
	if nvr, ok := strings.CutSuffix(u, ".src.rpm"); ok {
		release := strings.LastIndexByte(nvr, '-')
		if release < 0 {
			return nvr, ""
		}
		v := strings.LastIndexByte(nvr[:release], '-')
		if v < 0 {
			return nvr[:release], nvr[release+1:]
		}
		return nvr[:v], nvr[v+1:]
	}
	name, version, _ = strings.Cut(u, "@")
	return name, version
}

// OfDistribution reports whether packages of a type come from a distribution whose
// advisories are known, by its package manager.
func OfDistribution(typ string) bool {
	switch typ {
	case "deb", "rpm", "apk", "alpm":
		return true
	}
	return false
}
