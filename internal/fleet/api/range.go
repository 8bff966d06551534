package api

import (
	"errors"
	"fmt"
	"strings"

	"github.com/careen/careen/internal/fleet/store"
	"github.com/careen/careen/internal/version"
)

// Range is a range of versions, ">=3.0,<3.0.12": each part must hold.
type Range []bound

type bound struct {
	sign    string
	version string
}

const maxBounds = 16

// ParseRange reads a range.
func ParseRange(text string) (Range, error) {
	var r Range
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		b := bound{}
		for _, sign := range []string{"<=", ">=", "<", ">", "="} {
			if v, ok := strings.CutPrefix(part, sign); ok {
				b = bound{sign, strings.TrimSpace(v)}
				break
			}
		}
		if b.version == "" {
			return nil, fmt.Errorf("%q: a sign and a version, such as <3.0.12", part)
		}
		if r = append(r, b); len(r) > maxBounds {
			return nil, errors.New("too many parts")
		}
	}
	return r, nil
}

// schemes are the ecosystems by whose order versions of a type are compared, where
// no distribution's release says one.
var schemes = map[string]string{
	"npm": "npm", "pypi": "PyPI", "golang": "Go", "maven": "Maven", "gem": "RubyGems", "cargo": "crates.io", "nuget": "NuGet", "composer": "Packagist",
	"deb": "Debian", "apk": "Alpine", "rpm": "Red Hat", "hex": "Hex", "pub": "Pub",
}

// keys are those of the versions that lie in the range by the order of their own
// ecosystem. What has no order lies in none.
func (r Range) keys(all []store.Version) []int64 {
	list := []int64{}
	for _, v := range all {
		eco := v.Release
		if eco == "" {
			eco = schemes[v.Type]
		}
		scheme, ok := version.ForEcosystem(eco)
		if ok && r.holds(scheme, v.Version) {
			list = append(list, v.Key)
		}
	}
	return list
}

func (r Range) holds(scheme version.Scheme, v string) bool {
	for _, b := range r {
		c, err := version.Compare(scheme, v, b.version)
		if err != nil || !map[string]bool{"<": c < 0, "<=": c <= 0, "=": c == 0, ">=": c >= 0, ">": c > 0}[b.sign] {
			return false
		}
	}
	return true
}
