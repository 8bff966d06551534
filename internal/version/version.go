// Package version knows the order of versions: for each packaging system, which
// of two versions is the newer one, by that system's own rules. One file holds
// one scheme and cites where its rules come from. It does not know packages,
// ranges or advisories; match and feed ask it which side of a bound a version
// lies on.
package version

import (
	"fmt"
	"strings"
)

// Scheme names an order of versions. Its text is what reports show as the rule
// of comparison ("scheme" of an advisory).
type Scheme string

// The schemes.
const (
	Deb      Scheme = "deb"      // Debian, Ubuntu and their derivatives
	RPM      Scheme = "rpm"      // every distribution with rpm
	APK      Scheme = "apk"      // Alpine, Wolfi, Chainguard
	Pacman   Scheme = "pacman"   // Arch Linux
	SemVer   Scheme = "semver"   // Semantic Versioning 2.0.0, leniently read
	NPM      Scheme = "npm"      // SemVer as node-semver reads it
	Cargo    Scheme = "cargo"    // SemVer as Rust reads it
	Hex      Scheme = "hex"      // SemVer as Elixir reads it
	Pub      Scheme = "pub"      // SemVer with build metadata in the order
	NuGet    Scheme = "nuget"    // SemVer with a fourth number, ignoring case
	Go       Scheme = "go"       // module versions and releases of the Go toolchain
	PEP440   Scheme = "pep440"   // Python
	Maven    Scheme = "maven"    // Java
	RubyGems Scheme = "rubygems" // Ruby
	Composer Scheme = "composer" // PHP
	Hackage  Scheme = "pvp"      // Haskell's Package Versioning Policy
	CRAN     Scheme = "cran"     // R
	Generic  Scheme = "generic"  // no rule is known: numbers by value, words by alphabet
)

// maxLength bounds a version; the longest that registries accept is npm's 256
// bytes. Longer ones come from broken or hostile files.
const maxLength = 1024

// Compare returns -1, 0 or +1 as a is older than, the same as or newer than b
// by the rules of s. An error says that s is unknown, or which of the two is no
// version in that scheme and why (for APK only if the part that cannot be read
// decides). The number is then still part of one
// order (a version that cannot be read is older than all that can), good for
// sorting a list but not for a verdict: a caller who decides whether a
// package is vulnerable must treat an error as "not known" and say so.
func Compare(s Scheme, a, b string) (int, error) {
	if len(a) > maxLength || len(b) > maxLength {
		return strings.Compare(a, b), fmt.Errorf("%s version %.40q… is longer than %d bytes", s, longer(a, b), maxLength)
	}
	switch s {
	case Deb:
		return compareDeb(a, b), firstError(checkDeb, a, b)
	case RPM:
		return compareRPM(a, b), firstError(checkRPM, a, b)
	case APK:
		return compareAPK(a, b)
	case Pacman:
		return comparePacman(a, b), firstError(checkPacman, a, b)
	case SemVer, NPM, Cargo, Hex, Pub, NuGet:
		return compareSemVer(s, a, b)
	case Go:
		return compareGo(a, b)
	case PEP440:
		return comparePEP440(a, b)
	case Maven:
		return compareMaven(a, b), firstError(checkMaven, a, b)
	case RubyGems:
		return compareRubyGems(a, b)
	case Composer:
		return compareComposer(a, b)
	case Hackage:
		return compareHackage(a, b)
	case CRAN:
		return compareCRAN(a, b)
	case Generic:
		return compareGeneric(a, b), firstError(checkGeneric, a, b)
	}
	return compareGeneric(a, b), fmt.Errorf("version scheme %q is not known", string(s))
}

func longer(a, b string) string {
	if len(a) > len(b) {
		return a
	}
	return b
}

func firstError(check func(string) error, a, b string) error {
	if err := check(a); err != nil {
		return err
	}
	return check(b)
}

// invalid is the error for a version that its scheme cannot read.
func invalid(s Scheme, v, why string) error {
	return fmt.Errorf("%q is not a version in the %s scheme: %s", v, s, why)
}

// compareUnread orders two versions of which at least one could not be read:
// unreadable before readable, two unreadable ones by the generic order.
func compareUnread(s Scheme, a, b string, okA, okB bool, why string) (int, error) {
	switch {
	case !okA && !okB:
		return compareGeneric(a, b), invalid(s, a, why)
	case !okA:
		return -1, invalid(s, a, why)
	}
	return +1, invalid(s, b, why)
}

// compareDigits compares runs of decimal digits of any length by value.
func compareDigits(a, b string) int {
	a, b = trimZeros(a), trimZeros(b)
	if len(a) != len(b) {
		if len(a) < len(b) {
			return -1
		}
		return +1
	}
	return strings.Compare(a, b)
}

// trimZeros drops zeros at the start; a loop is several times as fast as
// strings.TrimLeft for the one or two that there are.
func trimZeros(s string) string {
	for s != "" && s[0] == '0' {
		s = s[1:]
	}
	return s
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isLower(c byte) bool { return 'a' <= c && c <= 'z' }
func isAlpha(c byte) bool { return isLower(c | 0x20) }

// digits returns how many bytes at the start of s are digits.
func digits(s string) int {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

// letters returns how many bytes at the start of s are ASCII letters.
func letters(s string) int {
	n := 0
	for n < len(s) && isAlpha(s[n]) {
		n++
	}
	return n
}

func allDigits(s string) bool { return s != "" && digits(s) == len(s) }
