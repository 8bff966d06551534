package version

import "strings"

// compareDeb orders Debian versions, [epoch:]upstream[-revision], as deb-version(7)
// and dpkg's lib/dpkg/version.c do. It takes any string and does not allocate:
// an epoch that is not a number counts as part of the upstream version.
func compareDeb(a, b string) int {
	epochA, upstreamA, revisionA := splitDeb(a)
	epochB, upstreamB, revisionB := splitDeb(b)
	if c := compareDigits(epochA, epochB); c != 0 {
		return c
	}
	if c := compareDebPart(upstreamA, upstreamB); c != 0 {
		return c
	}
	return compareDebPart(revisionA, revisionB)
}

// splitDeb cuts at the first colon and the last hyphen. A missing revision is
// the empty one, which compares like "0".
func splitDeb(v string) (epoch, upstream, revision string) {
	v = strings.TrimSpace(v)
	if i := strings.IndexByte(v, ':'); i > 0 && allDigits(v[:i]) {
		epoch, v = v[:i], v[i+1:]
	}
	if i := strings.LastIndexByte(v, '-'); i >= 0 {
		return epoch, v[:i], v[i+1:]
	}
	return epoch, v, ""
}

// compareDebPart alternates between stretches without digits, compared byte by
// byte in debOrder, and stretches of digits, compared by value.
func compareDebPart(a, b string) int {
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		for i < len(a) && !isDigit(a[i]) || j < len(b) && !isDigit(b[j]) {
			if ca, cb := debOrder(a, i), debOrder(b, j); ca != cb {
				if ca < cb {
					return -1
				}
				return +1
			}
			i++
			j++
		}
		n, m := digits(a[i:]), digits(b[j:])
		if c := compareDigits(a[i:i+n], b[j:j+m]); c != 0 {
			return c
		}
		i += n
		j += m
	}
	return 0
}

// debOrder ranks the byte at s[i]: a tilde before the end, the end (or a digit)
// before letters, letters before everything else.
func debOrder(s string, i int) int {
	if i >= len(s) || isDigit(s[i]) {
		return 0
	}
	switch c := s[i]; {
	case c == '~':
		return -1
	case isAlpha(c):
		return int(c)
	default:
		return int(c) + 256
	}
}

// maxDebEpoch is dpkg's: an int.
const maxDebEpoch = "2147483647"

// checkDeb refuses what dpkg --compare-versions refuses. What dpkg only warns
// of (odd characters, no leading digit) is in real packages and accepted.
func checkDeb(v string) error {
	v = strings.TrimSpace(v)
	if v == "" {
		return invalid(Deb, v, "it is empty")
	}
	if strings.ContainsAny(v, " \t\n\v\f\r") {
		return invalid(Deb, v, "it has a space inside")
	}
	if i := strings.IndexByte(v, ':'); i >= 0 {
		if !allDigits(v[:i]) {
			return invalid(Deb, v, "the epoch is not a number")
		}
		if compareDigits(v[:i], maxDebEpoch) > 0 {
			return invalid(Deb, v, "the epoch is too large")
		}
		if i == len(v)-1 {
			return invalid(Deb, v, "nothing follows the epoch")
		}
	}
	if strings.HasSuffix(v, "-") {
		return invalid(Deb, v, "the revision is empty")
	}
	return nil
}
