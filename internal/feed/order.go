package feed

import "github.com/careen/careen/internal/version"

// compareVersions orders two versions as the ecosystem does; ok is false when
// it cannot tell: the ecosystem has no known order, or one of the two is no
// version in it.
func compareVersions(eco, a, b string) (c int, ok bool) {
	scheme, known := version.ForEcosystem(eco)
	if !known {
		return 0, a == b
	}
	c, err := version.Compare(scheme, a, b)
	return c, err == nil
}
