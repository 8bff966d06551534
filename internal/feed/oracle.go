package feed

import "strings"

// oracleOVALReader reads Oracle's file of all errata of all releases
// (https://linux.oracle.com/security/oval/). Each definition asks for the
// release, then the architecture, then the module if there is one, and then
// for each package for its version and for Oracle's signature.
func oracleOVALReader() ovalReader {
	return ovalReader{
		source: "oracle",
		id: func(d *ovalDefinition) string {
			for _, r := range d.Metadata.References {
				if r.Source == "elsa" {
					return r.ID
				}
			}
			return ""
		},
		ask: func(comment string, p *ovalPlace) bool {
			if rest, ok := strings.CutPrefix(comment, "Oracle Linux arch is "); ok {
				p.arch = rest
				return true
			}
			if module, ok := between(comment, "Module ", " is enabled"); ok {
				p.module = module
				return true
			}
			if release, ok := between(comment, "Oracle Linux ", " is installed"); ok {
				p.release = release
				return true
			}
			return strings.Contains(comment, " is signed with ")
		},
		ecosystem: func(p ovalPlace, _ string) string {
			if !digits(p.release) {
				return ""
			}
			return "Oracle Linux:" + p.release
		},
	}
}

func between(s, before, after string) (string, bool) {
	rest, ok := strings.CutPrefix(s, before)
	rest, ok2 := strings.CutSuffix(rest, after)
	return rest, ok && ok2
}

// oracleBuild names the channel of builds that only those who subscribed to it
// have: an ordinary glibc is not older than "2.34-60.0.2.ksplice1.el9" in any
// way that matters, nor is one outside FIPS mode than "3.0.7-18.el9_fips".
func oracleBuild(release string) string {
	switch {
	case strings.Contains(release, ".ksplice"):
		return "ksplice"
	case strings.HasSuffix(release, "_fips"):
		return "fips"
	}
	return ""
}
