package version

import "strings"

// compareGo orders module versions (https://go.dev/ref/mod#versions) and the
// releases of the Go toolchain, whose standard library is a module of its own
// to advisories. Module versions are semantic versions with or without the "v";
// +incompatible is build metadata and pseudo-versions are pre-releases, so
// neither needs a rule here.
//
// Toolchain releases come as go1.21rc2 (runtime.Version), 1.21rc2 or
// v1.21.0-rc.2 (advisories); all three are the same version.
func compareGo(a, b string) (int, error) {
	s, okA := cutGo(a)
	t, okB := cutGo(b)
	if !okA || !okB {
		return compareUnread(Go, a, b, okA, okB, "want v1.2.3, a pseudo-version or go1.2.3")
	}
	if c := compareNumbers(s.core, t.core); c != 0 {
		return c, nil
	}
	return compareGoRelease(s, t), nil
}

// goVersion is a semver whose pre-release may be the toolchain's short form, a
// word and a number that stand together: rc2.
type goVersion struct {
	semver
	word, number string
}

func cutGo(v string) (goVersion, bool) {
	v = strings.TrimSpace(v)
	if release, ok := strings.CutPrefix(v, "go"); ok {
		// Behind a blank stand experiments ("go1.22.1 X:boringcrypto"), behind a
		// hyphen what a vendor added ("go1.22.5-1.el9"); go/version drops both.
		release, _, _ = strings.Cut(release, " ")
		release, _, _ = strings.Cut(release, "-")
		release, _, _ = strings.Cut(release, "+")
		return cutGoRelease(release)
	}
	if s, ok := cutGoRelease(strings.TrimPrefix(v, "v")); ok {
		return s, true
	}
	s, _, ok := cutSemVer(v)
	return goVersion{semver: s}, ok
}

// cutGoRelease reads 1.21, 1.21.3, 1.21rc2, 1.21beta1 and 1.9.2rc2 (the last
// once existed).
func cutGoRelease(v string) (goVersion, bool) {
	n := 0
	for n < len(v) && (isDigit(v[n]) || v[n] == '.') {
		n++
	}
	s := goVersion{semver: semver{core: v[:n]}}
	if !joined(s.core, ".") {
		return s, false
	}
	if n == len(v) {
		return s, true
	}
	for _, word := range [...]string{"beta", "rc"} {
		if number, ok := strings.CutPrefix(v[n:], word); ok && allDigits(number) {
			s.word, s.number = word, number
			s.pre = v[n:]
			return s, true
		}
	}
	return s, false
}

// compareGoRelease compares pre-releases, reading rc2 as rc.2.
func compareGoRelease(a, b goVersion) int {
	switch {
	case a.word == "" && b.word == "":
		return compareRelease(a.pre, b.pre, false)
	case a.word == "":
		return -compareGoRelease(b, a)
	case b.word != "":
		if c := strings.Compare(a.word, b.word); c != 0 {
			return c
		}
		return compareDigits(a.number, b.number)
	}
	// a is rc2, b any semantic pre-release.
	if b.pre == "" {
		return -1
	}
	first, rest, _ := strings.Cut(b.pre, ".")
	if c := compareIdentifiers(a.word, first, false); c != 0 {
		return c
	}
	if rest == "" {
		return +1 // rc.2 is longer than rc
	}
	return compareIdentifiers(a.number, rest, false)
}
