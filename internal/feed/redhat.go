package feed

import "strings"

// redhatVEXReader reads Red Hat's documents
// (https://redhatproductsecurity.github.io/security-data-guidelines/csaf-vex/).
func redhatVEXReader() csafReader {
	return csafReader{
		source: "redhat",
		product: func(leaf *csafLeaf) csafProduct {
			p := fromPURL(leaf.Helper.PURL)
			p.on = leaf.Helper.CPE
			if module, _, ok := strings.Cut(leaf.ID, "/"); ok && p.module == "" && strings.Contains(module, ":") && p.name != "" {
				p.module = module // "nodejs:18/nodejs"
			}
			return p
		},
		fixed:   []string{"fixed"},
		release: func(p csafProduct) (csafProduct, bool) { return p, true },
		place: func(cpe string) (string, string, bool) {
			eco, repo := redhatPlatform(cpe)
			return eco, repo, true
		},
	}
}

// redhatPlatform turns a CPE such as "cpe:/a:redhat:enterprise_linux:9::appstream"
// into the ecosystem and product that OSV's names come to as well.
func redhatPlatform(cpe string) (eco, repo string) {
	parts := strings.SplitN(cpe, ":", 4)
	if len(parts) < 4 {
		return "Red Hat", cpe
	}
	return redhatEcosystem(parts[3])
}

// redhatEcosystem finds the major release of RHEL that a product's packages
// are for. OSV writes the CPE's product, version and channel:
// "enterprise_linux:9::appstream", "rhel_eus:8.8::baseos",
// "ocp_tools:4.15::el9".
func redhatEcosystem(rest string) (name, repo string) {
	parts := strings.Split(rest, ":")
	release := ""
	if len(parts) > 1 && (parts[0] == "enterprise_linux" || strings.HasPrefix(parts[0], "rhel_")) {
		release, _, _ = strings.Cut(parts[1], ".")
	}
	if el, ok := strings.CutPrefix(parts[len(parts)-1], "el"); ok && len(parts) > 1 {
		release = el
	}
	if !digits(release) {
		return "Red Hat", rest
	}
	return "Red Hat:" + release, rest
}
