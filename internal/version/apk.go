package version

import "strings"

// An Alpine version is digit{.digit}…{letter}{_suffix{number}}…{~hash}{-rN}
// (apk-package(5), apk-tools 3 src/version.c). The kinds of its tokens, in this
// order: where two versions differ in kind, the one with the smaller kind is
// newer, save that a pre-release suffix is older than anything.
type apkKind int

const (
	apkFirst    apkKind = iota // the leading number
	apkNumber                  // a number after a dot
	apkLetter                  // one lower-case letter
	apkSuffix                  // _alpha … _p
	apkSuffixNo                // the number behind a suffix
	apkHash                    // ~ and hexadecimal digits
	apkRevision                // -r and a number
	apkEnd
	apkInvalid
)

// apkNoSuffix divides the suffixes of pre-releases from those of later builds.
const apkNoSuffix = 5

func apkSuffixRank(s string) int {
	switch s {
	case "alpha":
		return 1
	case "beta":
		return 2
	case "pre":
		return 3
	case "rc":
		return 4
	case "cvs":
		return 6
	case "svn":
		return 7
	case "git":
		return 8
	case "hg":
		return 9
	case "p":
		return 10
	}
	return 0
}

// apkToken is one token and what is left behind it.
type apkToken struct {
	kind   apkKind
	text   string // digits, the letter, the hash
	suffix int    // rank, for apkSuffix
	rest   string
}

func firstAPKToken(v string) apkToken { return apkNumberToken(apkFirst, v) }

func apkNumberToken(kind apkKind, s string) apkToken {
	n := digits(s)
	if n == 0 {
		return apkToken{kind: apkInvalid}
	}
	return apkToken{kind: kind, text: s[:n], rest: s[n:]}
}

// next reads the token behind t; what t is decides what may follow.
func (t apkToken) next() apkToken {
	s := t.rest
	if s == "" {
		return apkToken{kind: apkEnd}
	}
	switch c := s[0]; {
	case isLower(c) && t.kind <= apkNumber:
		return apkToken{kind: apkLetter, text: s[:1], rest: s[1:]}
	case c == '.' && t.kind <= apkNumber:
		return apkNumberToken(apkNumber, s[1:])
	case isDigit(c) && t.kind == apkLetter:
		// apk-tools 2 read numbers behind a letter and Alpine shipped such
		// versions (opensmtpd 6.0.2p1-r7); 3 refuses them, so nothing is in
		// conflict when we go on reading.
		return apkNumberToken(apkNumber, s)
	case isDigit(c) && t.kind == apkSuffix:
		return apkNumberToken(apkSuffixNo, s)
	case c == '_' && t.kind <= apkSuffixNo:
		n := 1
		for n < len(s) && isLower(s[n]) {
			n++
		}
		if rank := apkSuffixRank(s[1:n]); rank != 0 {
			return apkToken{kind: apkSuffix, suffix: rank, rest: s[n:]}
		}
	case c == '~' && t.kind < apkHash:
		n := 1
		for n < len(s) && isHex(s[n]) {
			n++
		}
		if n > 1 {
			return apkToken{kind: apkHash, text: s[1:n], rest: s[n:]}
		}
	case strings.HasPrefix(s, "-r") && t.kind < apkRevision:
		return apkNumberToken(apkRevision, s[2:])
	}
	return apkToken{kind: apkInvalid}
}

func isHex(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

// compareAPKToken compares tokens of one kind.
func compareAPKToken(a, b apkToken) int {
	switch a.kind {
	case apkNumber:
		// A leading zero makes it a fraction, as in Gentoo: 1.05 < 1.1.
		if a.text[0] == '0' || b.text[0] == '0' {
			return strings.Compare(a.text, b.text)
		}
		return compareDigits(a.text, b.text)
	case apkFirst, apkSuffixNo, apkRevision:
		return compareDigits(a.text, b.text)
	case apkSuffix:
		return compareInts(a.suffix, b.suffix)
	}
	return strings.Compare(a.text, b.text) // letters, hashes
}

func compareInts(a, b int) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return +1
	}
	return 0
}

// compareAPK orders the versions of apk packages by the rules of apk-tools 3.
// Those of 2.x (Alpine before 3.23) differ for valid versions only in parts
// with leading zeros, in numbers beyond an int, and in knowing no hash. Like apk
// itself it compares an invalid version as far as it can be read, and errs only
// where what cannot be read decides: secdb has slips of the pen (10.2.24.r0,
// 4.8.0.-r1) whose readable beginning nearly always settles the order.
func compareAPK(a, b string) (int, error) {
	c, sure := compareAPKTokens(a, b)
	if !sure || a == b {
		if err := firstError(checkAPK, a, b); err != nil {
			return c, err
		}
	}
	return c, nil
}

// compareAPKTokens also says whether every token up to the first difference
// could be read.
func compareAPKTokens(a, b string) (c int, sure bool) {
	s, t := firstAPKToken(a), firstAPKToken(b)
	for s.kind == t.kind && s.kind < apkEnd {
		if c := compareAPKToken(s, t); c != 0 {
			return c, true
		}
		s, t = s.next(), t.next()
	}
	sure = s.kind != apkInvalid && t.kind != apkInvalid
	switch {
	case s.kind == t.kind:
		return 0, sure
	case s.kind == apkSuffix && s.suffix < apkNoSuffix:
		return -1, sure
	case t.kind == apkSuffix && t.suffix < apkNoSuffix:
		return +1, sure
	case s.kind > t.kind:
		return -1, sure
	}
	return +1, sure
}

func checkAPK(v string) error {
	t := firstAPKToken(v)
	for t.kind < apkEnd {
		t = t.next()
	}
	if t.kind == apkInvalid {
		return invalid(APK, v, "want digits{.digits}{letter}{_suffix}{~hash}{-rN}")
	}
	return nil
}
