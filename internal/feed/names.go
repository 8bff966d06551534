package feed

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/careen/careen/internal/cvss"
	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/lazy"
	"github.com/careen/careen/internal/purl"
	"github.com/careen/careen/internal/vulndb"
)

// checkID refuses what cannot be an id: SUSE's export once held a
// "SUSE-SU-403 Forbidden-1", an HTTP error taken for one.
func checkID(id string) error {
	if id == "" {
		return errors.New("no id")
	}
	if err := checkText(id); err != nil {
		return fmt.Errorf("id %s", err)
	}
	if strings.ContainsAny(id, " \t") {
		return fmt.Errorf("id %q: has a space in it", id)
	}
	return nil
}

// checkCVE refuses what is no CVE id: "CVE-", a year, four or more digits.
func checkCVE(id string) error {
	rest, ok := strings.CutPrefix(id, "CVE-")
	if !ok || len(rest) < 9 || len(rest) > 24 || rest[4] != '-' || !digits(rest[:4]) || !digits(rest[5:]) {
		return fmt.Errorf("id %.40q: not a CVE id", id)
	}
	return nil
}

func checkName(name string) error {
	if name == "" {
		return errors.New("a package without a name")
	}
	if err := checkText(name); err != nil {
		return fmt.Errorf("package %s", err)
	}
	return nil
}

func checkVersion(v string) error {
	if v == "" {
		return errors.New("an empty version")
	}
	if err := checkText(v); err != nil {
		return fmt.Errorf("version %s", err)
	}
	return nil
}

// maxID bounds an id, a package's name, a version and the like, in bytes.
const maxID = 200

// checkText refuses text that is no name of anything: too long, not UTF-8, or
// with control characters in it.
func checkText(s string) error {
	switch {
	case len(s) > maxID:
		return fmt.Errorf("%.40q…: longer than %d bytes", s, maxID)
	case !utf8.ValidString(s):
		return fmt.Errorf("%q: not UTF-8", s)
	case strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return fmt.Errorf("%q: has control characters", s)
	}
	return nil
}

// baseEcosystem returns "Debian" of "Debian:12".
func baseEcosystem(eco string) string {
	base, _, _ := strings.Cut(eco, ":")
	return base
}

// ecosystemName returns the ecosystem under which a package is looked up, and
// the repository, product or subscription if OSV's name has one in it:
//
//	Ubuntu:20.04:LTS, Ubuntu:Pro:18.04:LTS → Ubuntu:20.04, Ubuntu:18.04 + "esm-infra"
//	Red Hat:rhel_eus:8.8::baseos           → Red Hat:8 + "rhel_eus:8.8::baseos"
//	Rocky Linux:8 of SIG Cloud             → Rocky Linux:8 + "sig-cloud"
//	Maven:https://maven.google.com         → Maven + "https://maven.google.com"
//
// Every other name stays as it is.
func ecosystemName(eco, purl string) (name, repo string, err error) {
	if eco == "" {
		return "", "", errors.New("a package without an ecosystem")
	}
	if err := checkText(eco); err != nil {
		return "", "", fmt.Errorf("ecosystem %s", err)
	}
	base, rest, _ := strings.Cut(eco, ":")
	switch base {
	case "Ubuntu":
		name, repo = ubuntuEcosystem(rest, purl)
	case "Red Hat":
		name, repo = redhatEcosystem(rest)
	case "Rocky Linux":
		name = eco
		if _, sig, ok := strings.Cut(qualifier(purl, "distro"), "-sig-"); ok {
			repo = "sig-" + sig
		}
	case "Maven":
		name, repo = base, rest
	default:
		name = eco
	}
	return name, repo, nil
}

// ubuntuEcosystem finds the release ("20.04") among the parts of OSV's name;
// the others say for which subscribers a fix is ("Pro", "FIPS"). The purl's
// distro is finer: "esm-apps/xenial".
func ubuntuEcosystem(rest, purl string) (name, repo string) {
	release := ""
	var others []string
	for _, part := range strings.Split(rest, ":") {
		switch {
		case len(part) == 5 && part[2] == '.':
			release = part
		case part != "" && part != "LTS":
			others = append(others, strings.ToLower(part))
		}
	}
	if release == "" {
		return "Ubuntu:" + rest, ""
	}
	repo = strings.Join(others, "-")
	if service, _, ok := strings.Cut(qualifier(purl, "distro"), "/"); ok {
		repo = service
	}
	return "Ubuntu:" + release, repo
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// qualifier returns a qualifier of a purl, "" when it has none. Feeds write
// purls by hand ("purl:rpm/suse/libqt4&distro=…"), so this looks for the name
// and parses nothing else.
func qualifier(purl, key string) string {
	for _, part := range strings.FieldsFunc(purl, func(r rune) bool { return r == '?' || r == '&' }) {
		if value, ok := strings.CutPrefix(part, key+"="); ok {
			return unescape(value)
		}
	}
	return ""
}

// unescape undoes percent-encoding where it is right.
func unescape(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		return plain
	}
	return s
}

// cutLast cuts at the last separator; before is all of s where there is none.
func cutLast(s, separator string) (before, after string, ok bool) {
	i := strings.LastIndex(s, separator)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(separator):], true
}

// packageName is the key of a package's name in an ecosystem.
func packageName(eco, name string) string {
	kind, _ := purl.Type(baseEcosystem(eco))
	return purl.Key(kind, name)
}

// severityWord reads a publisher's word. Words outside everybody's scale say
// nothing: Debian's "not yet assigned" and "end-of-life", Ubuntu's "untriaged".
// Debian's tracker marks a guess with "**" behind the word.
func severityWord(word string) finding.Severity {
	s, err := finding.ParseSeverity(strings.TrimRight(word, "*"))
	if err != nil {
		return finding.Unknown
	}
	return s
}

// score reads a CVSS vector, or a bare base score, of any version.
func score(s string) (vulndb.CVSS, bool) {
	s = strings.TrimSpace(s)
	if len(s) > maxID || checkText(s) != nil {
		return vulndb.CVSS{}, false
	}
	if isVector(s) {
		return scored(strings.TrimSuffix(s, "/")), true
	}
	var n looseNumber
	if n.UnmarshalJSON([]byte(s)); n > 0 {
		return vulndb.CVSS{Score: float64(n)}, true
	}
	return vulndb.CVSS{}, false
}

// scored returns a vector with the base score that it works out to; 0 where it
// is none that CVSS defines.
func scored(vector string) vulndb.CVSS {
	value, _, err := cvss.Score(vector)
	if err != nil {
		value = 0
	}
	return vulndb.CVSS{Vector: vector, Score: value}
}

// isVector tells a vector from other text: "CVSS:3.1/AV:…", or version 2's
// "AV:N/AC:L/Au:N/…", also in parentheses.
func isVector(s string) bool {
	return strings.HasPrefix(s, "CVSS:") || strings.HasPrefix(s, "AV:") || strings.HasPrefix(s, "(AV:")
}

var (
	cvePattern = lazy.Regexp(`CVE[-_ ](\d{4})-(\d{4,19})`)
	idPattern  = lazy.Regexp(`^[A-Za-z]+(-[A-Za-z0-9]+)*-[A-Za-z0-9]*[0-9][A-Za-z0-9]*(-[A-Za-z0-9]+)*$`)
)

// idsIn returns the vulnerabilities that a piece of free text names.
// Maintainers write "CVE-2016-9932 XSA-200", "CVE-2018-14468 (FrameRelay)",
// "CVE-2017-8073.patch", "CVE_2019-2426", "CVE-????-?????  XSA-295". Where
// there is a CVE the rest is a remark (an XSA covers several CVEs, so it is no
// alias of one); where there is none, the first word that looks like an id is it.
func idsIn(text string) []string {
	var ids []string
	if len(text) > 4096 {
		return nil
	}
	for _, m := range cvePattern().FindAllStringSubmatch(text, -1) {
		if id := "CVE-" + m[1] + "-" + m[2]; !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if len(ids) > 0 {
		return ids
	}
	for word := range strings.FieldsSeq(text) {
		if checkID(word) == nil && idPattern().MatchString(word) {
			return []string{word}
		}
	}
	return nil
}
