package feed

import "strings"

// suseVEXReader reads SUSE's CSAF VEX files, one for each CVE
// (https://www.suse.com/support/security/csaf/). Their products are named
// rather than described: a platform by its title, a package by its name, and
// one that has the fix by name, version and release
// ("samba-client-libs-4.19.4+git.339.acf1ccaa02-1.22").
func suseVEXReader() csafReader {
	return csafReader{
		source: "suse-vex",
		product: func(leaf *csafLeaf) csafProduct {
			if strings.HasPrefix(leaf.Helper.CPE, "cpe:/o:") {
				return csafProduct{on: leaf.ID}
			}
			return csafProduct{name: leaf.ID}
		},
		fixed:   []string{"recommended", "first_fixed", "fixed"},
		release: suseRelease,
		place:   susePlatform,
	}
}

// suseRelease splits what an rpm's file is called into name and version. SUSE
// leaves the epoch out, since its packages have none.
func suseRelease(p csafProduct) (csafProduct, bool) {
	rest, release, ok := cutLast(p.name, "-")
	name, version, ok2 := cutLast(rest, "-")
	if !ok || !ok2 || name == "" || version == "" || release == "" || release[0] < '0' || release[0] > '9' {
		return p, false
	}
	p.name, p.version = name, version+"-"+release
	return p, true
}

// susePlatform turns a product's title into OSV's ecosystem: "SUSE Linux
// Enterprise Server 15 SP5" is "SUSE:Linux Enterprise Server 15 SP5", and
// "openSUSE Leap 15.6" is "openSUSE:Leap 15.6". What runs on top of a system
// ("SUSE Manager Server 4.3", "SUSE Enterprise Storage 7.1") is none.
func susePlatform(title string) (ecosystem, repo string, ok bool) {
	if rest, ok := strings.CutPrefix(title, "openSUSE "); ok {
		return "openSUSE:" + rest, "", strings.HasPrefix(rest, "Leap ") || rest == "Tumbleweed"
	}
	rest, ok := strings.CutPrefix(title, "SUSE ")
	return "SUSE:" + rest, "", ok && strings.HasPrefix(rest, "Linux ")
}
