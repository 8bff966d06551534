package pin

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// maxCandidates bounds how many tags are asked for to find the one that
// "latest" means. It is among the highest versions, or it is not there.
const maxCandidates = 30

// version is a tag that is a version and nothing else: "3.20.3", "v1.2".
type version struct {
	tag   string
	parts []int
}

// parseVersion reads a tag. Words ("alpine", "rc1", "slim") make another image
// or one that is not finished, for which "latest" does not stand.
func parseVersion(tag string) (version, bool) {
	v := version{tag: tag}
	for _, part := range strings.Split(strings.TrimPrefix(tag, "v"), ".") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 || part[0] == '+' || len(v.parts) == 5 {
			return version{}, false
		}
		v.parts = append(v.parts, n)
	}
	return v, true
}

// isDate says whether the version is one number as long as a date: "20240923".
// Those are builds between versions, or the only versions there are.
func (v version) isDate() bool { return len(v.parts) == 1 && v.parts[0] >= 1_000_000 }

// candidates returns the tags that may be the same as "latest", the likeliest
// first: versions before dates, higher ones before lower ones, and a version
// before what is shorter than it: 3.20.3, 3.20, 3.
func candidates(tags []string) []string {
	var versions []version
	for _, tag := range tags {
		if v, ok := parseVersion(tag); ok {
			versions = append(versions, v)
		}
	}
	slices.SortFunc(versions, func(a, b version) int {
		if a.isDate() != b.isDate() {
			if a.isDate() {
				return 1
			}
			return -1
		}
		if c := slices.Compare(b.parts, a.parts); c != 0 {
			return c
		}
		return cmp.Compare(a.tag, b.tag)
	})
	var list []string
	for _, v := range versions[:min(len(versions), maxCandidates)] {
		list = append(list, v.tag)
	}
	return list
}
