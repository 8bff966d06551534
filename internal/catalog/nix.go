package catalog

import "strings"

const nixStore = "nix/store"

// addNix lists the packages of Nix by the folders in its store,
// HASH-NAME-VERSION with the name of an output behind it where there are
// several. Nix has no other record that is in every image: its database is
// missing from those that Nix builds.
func (j *join) addNix() {
	entries, err := j.tree.ReadDir(nixStore)
	if err != nil {
		return
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue // derivations, patches, sources in one file
		}
		name, version := splitNix(e.Name())
		at := nixStore + "/" + e.Name()
		entry, ok := j.tree.Lookup(at)
		if version == "" || !ok || j.room.take(1) == 0 {
			continue
		}
		p := language("nix", name, version)
		p.Locations = append(p.Locations, inLayer(at, entry.Layer))
		p.Layer, p.TouchedLayer = entry.Layer, entry.Layer
		j.packages = append(j.packages, p)
	}
}

// nixHash is the length of the digest before a name, in Nix' base 32.
const nixHash = 32

// splitNix returns the name and version in the name of a store path: the version
// begins behind the first dash that no letter follows
// (https://nix.dev/manual/nix/latest/language/builtins.html#builtins-parseDrvName).
func splitNix(base string) (name, version string) {
	if len(base) <= nixHash+1 || base[nixHash] != '-' || strings.Trim(base[:nixHash], "0123456789abcdfghijklmnpqrsvwxyz") != "" {
		return "", ""
	}
	rest := base[nixHash+1:]
	for i := 1; i+1 < len(rest); i++ {
		if rest[i] != '-' || !startsWithDigit(rest[i+1:]) {
			continue
		}
		name, version = rest[:i], rest[i+1:]
		for _, output := range [...]string{"-bin", "-dev", "-doc", "-man", "-info", "-lib", "-libgcc", "-data", "-debug", "-static"} {
			version = strings.TrimSuffix(version, output)
		}
		return name, version
	}
	return "", ""
}
