package spdx

import (
	"strings"

	"github.com/careen/careen/internal/lazy"
)

// maxDeclared bounds a declaration that is read: what is longer is the text of a
// licence, not its name.
const maxDeclared = 4096

// Name returns the identifier, with its exception if it has one, of a licence as
// packagers write it: SPDX's own identifiers, Debian's short names
// (https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/#license-short-name),
// Fedora's older ones ("GPLv2+", "ASL 2.0"), titles ("The Apache Software License,
// Version 2.0") and addresses of texts. "" for what is not recognised, or says too
// little ("BSD", "GPL"): nothing is guessed.
func Name(text string) string {
	if len(text) > maxDeclared {
		return ""
	}
	lower := strings.ToLower(strings.TrimSpace(text))
	if id, ok := names[lower]; ok { // Debian's "X11" and "Python" mean something else than they seem to
		return id
	}
	if id, ok := Identifier(lower); ok {
		return id
	}
	if base, exception, with := strings.Cut(lower, " with "); with {
		id, known := Name(base), exceptionNames[strings.TrimSuffix(strings.ReplaceAll(exception, " ", "-"), "-exception")]
		if _, own := identifiers(); known == "" {
			known = own[exception]
		}
		if id == "" || known == "" || strings.Contains(id, " ") {
			return ""
		}
		return id + " WITH " + known
	}
	if strings.Contains(lower, "://") || strings.HasPrefix(lower, "www.") {
		return ofAddress(lower)
	}
	return titles[plain(lower)]
}

// plain returns a title without the words that all have, its numbers in one form:
// "the apache software license, version 2.0" is "apache 2", "gplv2+" is "gpl 2+".
func plain(lower string) string {
	for _, long := range [...][2]string{
		{"gnu lesser general public", "lgpl"}, {"gnu library or lesser general public", "lgpl"}, {"gnu library general public", "lgpl"}, {"lesser general public", "lgpl"},
		{"gnu affero general public", "agpl"}, {"affero general public", "agpl"}, {"gnu general public", "gpl"}, {"gnu lesser public", "lgpl"}, {"general public", "gpl"},
		{"gnu free documentation", "gfdl"}, {"mozilla public", "mpl"}, {"eclipse public", "epl"}, {"common development and distribution", "cddl"}, {"common public", "cpl"},
		{"boost software", "bsl"}, {"or later version", "or later"}, {"or any later", "or later"}, {"or newer", "or later"}, {"or greater", "or later"}, {" or later", "+"},
	} {
		lower = strings.ReplaceAll(lower, long[0], long[1])
	}
	var words []string
	for word := range strings.FieldsFuncSeq(lower, func(r rune) bool {
		return r != '.' && r != '+' && (r < '0' || r > '9') && (r < 'a' || r > 'z')
	}) {
		word = strings.Trim(word, ".")
		switch word {
		case "", "the", "license", "licence", "licensed", "under", "licenses", "version", "v", "software", "gnu", "inc", "a":
			continue
		case "+":
			if len(words) > 0 {
				words[len(words)-1] += "+"
			}
			continue
		}
		// "gplv2" and "gpl2" are "gpl 2"; "v2.0" is "2".
		letters := strings.TrimRight(word, "0123456789.+")
		number := word[len(letters):]
		if letters = strings.TrimSuffix(letters, "v"); letters != "" && (number == "" || !isFamily(letters)) {
			words = append(words, word)
			continue
		}
		if letters != "" {
			words = append(words, letters)
		}
		later := strings.HasSuffix(number, "+") || strings.HasPrefix(number, "+")
		number = strings.Trim(number, "+")
		for strings.HasSuffix(number, ".0") {
			number = strings.TrimSuffix(number, ".0")
		}
		if later && number == "" && len(words) > 0 {
			words[len(words)-1] += "+"
			continue
		}
		if later {
			number += "+"
		}
		words = append(words, number)
	}
	return strings.Join(words, " ")
}

// isFamily reports whether a version may follow letters without a blank.
func isFamily(letters string) bool {
	switch letters {
	case "gpl", "lgpl", "agpl", "gfdl", "mpl", "epl", "asl", "apache", "cddl", "bsl", "psf", "zpl", "artistic", "eupl", "cpl":
		return true
	}
	return false
}

// ofAddress returns the licence whose text is known to be at an address.
func ofAddress(lower string) string {
	lower, _, _ = strings.Cut(lower, ";") // OSGi's Bundle-License has attributes
	_, lower, _ = strings.Cut(lower, "://")
	lower = strings.TrimPrefix(lower, "www.")
	for _, site := range [...]string{"opensource.org/licenses/", "opensource.org/license/", "spdx.org/licenses/", "gnu.org/licenses/old-licenses/", "gnu.org/licenses/", "choosealicense.com/licenses/"} {
		rest, ok := strings.CutPrefix(lower, site)
		if !ok {
			continue
		}
		rest = strings.Trim(rest, "/ ")
		for _, end := range [...]string{".html", ".php", ".txt", ".en", "-standalone", "-license"} {
			rest = strings.TrimSuffix(rest, end)
		}
		if id := names[rest]; id != "" {
			return id
		}
		id, _ := Identifier(rest)
		return id
	}
	for _, known := range addresses {
		if strings.HasPrefix(lower, known[0]) {
			return known[1]
		}
	}
	return ""
}

var addresses = [...][2]string{
	{"apache.org/licenses/license-2.0", "Apache-2.0"}, {"apache.org/licenses/license-1.1", "Apache-1.1"},
	{"eclipse.org/legal/epl-v10", "EPL-1.0"}, {"eclipse.org/legal/epl-1.0", "EPL-1.0"}, {"eclipse.org/legal/epl-v20", "EPL-2.0"}, {"eclipse.org/legal/epl-2.0", "EPL-2.0"}, {"eclipse.org/org/documents/edl-v10", "BSD-3-Clause"},
	{"mozilla.org/mpl/2.0", "MPL-2.0"}, {"mozilla.org/en-us/mpl/2.0", "MPL-2.0"}, {"mozilla.org/mpl/mpl-1.1", "MPL-1.1"},
	{"creativecommons.org/publicdomain/zero/1.0", "CC0-1.0"}, {"creativecommons.org/licenses/by/4.0", "CC-BY-4.0"}, {"creativecommons.org/licenses/by-sa/4.0", "CC-BY-SA-4.0"},
	{"boost.org/license_1_0", "BSL-1.0"}, {"unlicense.org", "Unlicense"}, {"bouncycastle.org/licen", "MIT"}, {"slf4j.org/license", "MIT"}, {"jsoup.org/license", "MIT"},
	{"repository.jboss.org/licenses/apache-2.0", "Apache-2.0"}, {"repository.jboss.org/licenses/lgpl-2.1", "LGPL-2.1-only"},
}

// Of reads what a package declares: an expression, or names with "and", "or", "/",
// "|" or commas between them, as rpm, Debian, CRAN and Cargo had them before they
// took SPDX's. What is not recognised has an identifier of its own, LicenseRef-…;
// complete says that there was none of that. The same is true of several
// declarations, all of which hold.
func Of(declared ...string) (e Expression, complete bool) {
	complete = true
	for _, text := range declared {
		if text = strings.TrimSpace(text); text == "" || text == "NOASSERTION" || text == "NONE" {
			complete = false
			continue
		}
		one, ok := of(text)
		complete = complete && ok
		e.All = append(e.All, one)
	}
	if len(e.All) == 1 {
		e = e.All[0]
	}
	return e, complete && (e.All != nil || e.ID != "")
}

// atLeast is how CRAN writes a later version: "GPL (>= 2)".
var atLeast = lazy.Regexp(`\s*\(>=\s*([0-9.]+)\)`)

// asProse writes out what CRAN and Debian say shortly; apart puts blanks around what
// stands between names. They are built once: every package of an image is read.
var (
	asProse = strings.NewReplacer(" + file LICENSE", "", " + file LICENCE", "", ", or ", " or ", ", and ", " and ", "and/or", "or")
	apart   = strings.NewReplacer("(", " ( ", ")", " ) ", ",", " , ", "|", " | ", ";", " , ")
)

func of(text string) (Expression, bool) {
	if len(text) > maxDeclared {
		return Expression{ID: "LicenseRef-text"}, false
	}
	if e, ok := Parse(text); ok {
		return e, true
	}
	text = atLeast().ReplaceAllString(text, "-$1+")
	if e, ok := named(text); ok {
		return e, true
	}
	text = asProse.Replace(text)
	words := strings.Fields(apart.Replace(text))
	d := declaration{parser{words: words}, true}
	if len(words) > maxWords {
		return unknown(text), false
	}
	e, ok := d.choice(0)
	if !ok || len(d.words) > 0 {
		return unknown(text), false
	}
	return e, d.complete
}

// named returns the expression that a name represents.
func named(name string) (Expression, bool) {
	if id := Name(name); id != "" {
		return Parse(id)
	}
	return Expression{}, false
}

// unknown is a licence that is not recognised, by an identifier made of its words.
func unknown(name string) Expression {
	return Expression{ID: "LicenseRef-" + Word(name)}
}

// maxWord bounds the readable part of an identifier.
const maxWord = 64

// Word keeps the letters, digits, dots and hyphens that an identifier may hold.
func Word(s string) string {
	word := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-':
			return r
		}
		return '-'
	}, s)
	return word[:min(len(word), maxWord)]
}

// declaration reads names with words between them.
type declaration struct {
	parser
	complete bool
}

func (d *declaration) choice(depth int) (Expression, bool) {
	return d.joined(true, []string{"or", "OR", "Or", "|"}, func() (Expression, bool) {
		return d.joined(false, []string{"and", "AND", "And", ",", "&"}, func() (Expression, bool) { return d.name(depth) })
	})
}

// name reads the words up to the next operator as a name.
func (d *declaration) name(depth int) (Expression, bool) {
	if depth > maxExpression {
		return Expression{}, false
	}
	if d.next("(") {
		e, ok := d.choice(depth + 1)
		return e, ok && d.next(")")
	}
	end := 0
	for end < len(d.words) && !isOperator(d.words[end]) {
		end++
	}
	if end == 0 {
		return Expression{}, false
	}
	words := d.words[:end]
	d.words = d.words[end:]
	text := strings.Join(words, " ")
	if e, ok := named(text); ok {
		return e, true
	}
	if e, ok := either(text); ok {
		return e, true
	}
	complete := d.complete
	d.complete = false
	all := Expression{}
	for _, word := range words { // Alpine's older "MIT BSD GPL2+", Fedora's "LGPLv2+ with exceptions"
		if one, ok := named(word); ok && len(words) > 1 && (strings.ContainsAny(word, "0123456789") || word == "MIT" || word == "ISC") {
			all.All = append(all.All, one)
		}
	}
	switch {
	case all.All == nil:
		return unknown(text), true
	case len(all.All) == len(words):
		d.complete = complete
		return all, true
	}
	all.All = append(all.All, unknown(text))
	return all, true
}

// either reads Cargo's older "MIT/Apache-2.0".
func either(text string) (Expression, bool) {
	e := Expression{Or: true}
	for part := range strings.SplitSeq(text, "/") {
		one, ok := named(part)
		if !ok {
			return e, false
		}
		e.All = append(e.All, one)
	}
	return e, len(e.All) > 1
}

func isOperator(word string) bool {
	switch strings.ToLower(word) {
	case "and", "or", "|", "&", ",", "(", ")":
		return true
	}
	return false
}

// exceptionNames are by Debian's words for them, in lower case with hyphens.
var exceptionNames = map[string]string{
	"autoconf": "Autoconf-exception-3.0", "autoconf-macro": "Autoconf-exception-macro", "bison": "Bison-exception-2.2", "classpath": "Classpath-exception-2.0",
	"font": "Font-exception-2.0", "gcc": "GCC-exception-3.1", "gcc-runtime": "GCC-exception-3.1", "gcc-runtime-library": "GCC-exception-3.1", "libtool": "Libtool-exception",
	"llvm": "LLVM-exception", "linux-syscall-note": "Linux-syscall-note", "cpe": "Classpath-exception-2.0", "the-classpath": "Classpath-exception-2.0",
}

// names are Debian's short names, in lower case, and others' that mean the same.
// They come before SPDX's own identifiers.
var names = map[string]string{
	"expat": "MIT", "mit": "MIT", "mit/x11": "MIT", "x11": "X11", "isc": "ISC", "zlib": "Zlib", "zlib/libpng": "Zlib", "apache-2.0": "Apache-2.0", "apache-2": "Apache-2.0", "apache-1.1": "Apache-1.1",
	"artistic": "Artistic-1.0-Perl", "artistic-1": "Artistic-1.0-Perl", "artistic-1.0": "Artistic-1.0", "artistic-2": "Artistic-2.0", "artistic-2.0": "Artistic-2.0",
	"bsd-2-clause": "BSD-2-Clause", "bsd-3-clause": "BSD-3-Clause", "bsd-4-clause": "BSD-4-Clause", "bsd-4-clause-uc": "BSD-4-Clause-UC", "bsd-1-clause": "BSD-1-Clause", "bsd-0-clause": "0BSD", "0bsd": "0BSD",
	"bsl-1": "BSL-1.0", "bsl-1.0": "BSL-1.0", "boost-1.0": "BSL-1.0", "cc0": "CC0-1.0", "cc0-1.0": "CC0-1.0", "cc-by-3.0": "CC-BY-3.0", "cc-by-4.0": "CC-BY-4.0", "cc-by-sa-3.0": "CC-BY-SA-3.0", "cc-by-sa-4.0": "CC-BY-SA-4.0",
	"cddl-1.0": "CDDL-1.0", "cddl-1.1": "CDDL-1.1", "cpl-1.0": "CPL-1.0", "epl-1.0": "EPL-1.0", "epl-2.0": "EPL-2.0", "eupl-1.1": "EUPL-1.1", "eupl-1.2": "EUPL-1.2", "ftl": "FTL", "hpnd": "HPND", "ijg": "IJG", "icu": "ICU",
	"mpl-1.0": "MPL-1.0", "mpl-1.1": "MPL-1.1", "mpl-2.0": "MPL-2.0", "ms-pl": "MS-PL", "ncsa": "NCSA", "ofl-1.1": "OFL-1.1", "sil-1.1": "OFL-1.1", "openssl": "OpenSSL", "php-3.01": "PHP-3.01", "postgresql": "PostgreSQL",
	"psf-2": "PSF-2.0", "psf-2.0": "PSF-2.0", "python-2.0": "Python-2.0", "python": "Python-2.0", "qpl-1.0": "QPL-1.0", "ruby": "Ruby", "sleepycat": "Sleepycat", "tcl": "TCL", "unicode": "Unicode-DFS-2016", "unicode-dfs-2016": "Unicode-DFS-2016",
	"unlicense": "Unlicense", "vim": "Vim", "w3c": "W3C", "wtfpl": "WTFPL", "wtfpl-2": "WTFPL", "zpl-2.1": "ZPL-2.1", "bzip2-1.0.6": "bzip2-1.0.6", "curl": "curl", "libpng": "Libpng", "blueoak-1.0.0": "BlueOak-1.0.0",
	"fsfap": "FSFAP", "fsful": "FSFUL", "fsfullr": "FSFULLR", "jsmn": "MIT", "afl-2.1": "AFL-2.1", "afl-3.0": "AFL-3.0",

	// Debian leaves out the zero.
	"agpl-1": "AGPL-1.0-only", "agpl-1+": "AGPL-1.0-or-later", "agpl-1-only": "AGPL-1.0-only", "agpl-1-or-later": "AGPL-1.0-or-later",
	"agpl-1.0": "AGPL-1.0-only", "agpl-1.0+": "AGPL-1.0-or-later", "agpl-1.0-only": "AGPL-1.0-only", "agpl-1.0-or-later": "AGPL-1.0-or-later",
	"agpl-3": "AGPL-3.0-only", "agpl-3+": "AGPL-3.0-or-later", "agpl-3-only": "AGPL-3.0-only", "agpl-3-or-later": "AGPL-3.0-or-later",
	"agpl-3.0": "AGPL-3.0-only", "agpl-3.0+": "AGPL-3.0-or-later", "agpl-3.0-only": "AGPL-3.0-only", "agpl-3.0-or-later": "AGPL-3.0-or-later",
	"gfdl-1.1": "GFDL-1.1-only", "gfdl-1.1+": "GFDL-1.1-or-later", "gfdl-1.1-only": "GFDL-1.1-only", "gfdl-1.1-or-later": "GFDL-1.1-or-later",
	"gfdl-1.2": "GFDL-1.2-only", "gfdl-1.2+": "GFDL-1.2-or-later", "gfdl-1.2-only": "GFDL-1.2-only", "gfdl-1.2-or-later": "GFDL-1.2-or-later",
	"gfdl-1.3": "GFDL-1.3-only", "gfdl-1.3+": "GFDL-1.3-or-later", "gfdl-1.3-only": "GFDL-1.3-only", "gfdl-1.3-or-later": "GFDL-1.3-or-later",
	"gpl-1": "GPL-1.0-only", "gpl-1+": "GPL-1.0-or-later", "gpl-1-only": "GPL-1.0-only", "gpl-1-or-later": "GPL-1.0-or-later",
	"gpl-1.0": "GPL-1.0-only", "gpl-1.0+": "GPL-1.0-or-later", "gpl-1.0-only": "GPL-1.0-only", "gpl-1.0-or-later": "GPL-1.0-or-later",
	"gpl-2": "GPL-2.0-only", "gpl-2+": "GPL-2.0-or-later", "gpl-2-only": "GPL-2.0-only", "gpl-2-or-later": "GPL-2.0-or-later",
	"gpl-2.0": "GPL-2.0-only", "gpl-2.0+": "GPL-2.0-or-later", "gpl-2.0-only": "GPL-2.0-only", "gpl-2.0-or-later": "GPL-2.0-or-later",
	"gpl-3": "GPL-3.0-only", "gpl-3+": "GPL-3.0-or-later", "gpl-3-only": "GPL-3.0-only", "gpl-3-or-later": "GPL-3.0-or-later",
	"gpl-3.0": "GPL-3.0-only", "gpl-3.0+": "GPL-3.0-or-later", "gpl-3.0-only": "GPL-3.0-only", "gpl-3.0-or-later": "GPL-3.0-or-later",
	"lgpl-2": "LGPL-2.0-only", "lgpl-2+": "LGPL-2.0-or-later", "lgpl-2-only": "LGPL-2.0-only", "lgpl-2-or-later": "LGPL-2.0-or-later",
	"lgpl-2.0": "LGPL-2.0-only", "lgpl-2.0+": "LGPL-2.0-or-later", "lgpl-2.0-only": "LGPL-2.0-only", "lgpl-2.0-or-later": "LGPL-2.0-or-later",
	"lgpl-2.1": "LGPL-2.1-only", "lgpl-2.1+": "LGPL-2.1-or-later", "lgpl-2.1-only": "LGPL-2.1-only", "lgpl-2.1-or-later": "LGPL-2.1-or-later",
	"lgpl-3": "LGPL-3.0-only", "lgpl-3+": "LGPL-3.0-or-later", "lgpl-3-only": "LGPL-3.0-only", "lgpl-3-or-later": "LGPL-3.0-or-later",
	"lgpl-3.0": "LGPL-3.0-only", "lgpl-3.0+": "LGPL-3.0-or-later", "lgpl-3.0-only": "LGPL-3.0-only", "lgpl-3.0-or-later": "LGPL-3.0-or-later",
}

// titles are what plain makes of titles and of Fedora's short names.
var titles = map[string]string{
	"apache 2": "Apache-2.0", "asl 2": "Apache-2.0", "apache 2 only": "Apache-2.0", "al 2": "Apache-2.0", "apache foundation 2": "Apache-2.0", "apache 1.1": "Apache-1.1", "asl 1.1": "Apache-1.1", "apache 1": "Apache-1.0",
	"mit": "MIT", "mit x11": "MIT", "mit expat": "MIT", "expat": "MIT", "mit mit": "MIT", "isc": "ISC", "iscl": "ISC", "isc iscl": "ISC", "zlib libpng": "Zlib", "zlib": "Zlib", "unlicense": "Unlicense", "unlicense unlicense": "Unlicense",
	"bsd 2 clause": "BSD-2-Clause", "2 clause bsd": "BSD-2-Clause", "simplified bsd": "BSD-2-Clause", "bsd simplified": "BSD-2-Clause", "bsd 2 clause simplified": "BSD-2-Clause", "freebsd": "BSD-2-Clause",
	"bsd 3 clause": "BSD-3-Clause", "3 clause bsd": "BSD-3-Clause", "new bsd": "BSD-3-Clause", "modified bsd": "BSD-3-Clause", "revised bsd": "BSD-3-Clause", "bsd new": "BSD-3-Clause", "bsd 3 clause new": "BSD-3-Clause", "bsd 3": "BSD-3-Clause", "bsd 2": "BSD-2-Clause",
	"eclipse distribution 1": "BSD-3-Clause", "edl 1": "BSD-3-Clause", "new revised bsd": "BSD-3-Clause", "bsd with advertising": "BSD-4-Clause",
	"epl 1": "EPL-1.0", "epl 2": "EPL-2.0", "mpl 1": "MPL-1.0", "mpl 1.1": "MPL-1.1", "mpl 2": "MPL-2.0", "mpl 2 mpl 2": "MPL-2.0", "cddl 1": "CDDL-1.0", "cddl 1.1": "CDDL-1.1", "cddl cddl 1": "CDDL-1.0", "cddl cddl 1.1": "CDDL-1.1",
	"gpl 1": "GPL-1.0-only", "gpl 1+": "GPL-1.0-or-later", "gpl+": "GPL-1.0-or-later", "gpl 2": "GPL-2.0-only", "gpl 2+": "GPL-2.0-or-later", "gpl 2 only": "GPL-2.0-only", "gpl 3": "GPL-3.0-only", "gpl 3+": "GPL-3.0-or-later", "gpl 3 only": "GPL-3.0-only",
	"gpl 2 gpl 2": "GPL-2.0-only", "gpl 2+ gpl 2+": "GPL-2.0-or-later", "gpl 3 gpl 3": "GPL-3.0-only", "gpl 3+ gpl 3+": "GPL-3.0-or-later",
	"lgpl 2": "LGPL-2.0-only", "lgpl 2+": "LGPL-2.0-or-later", "lgpl+": "LGPL-2.0-or-later", "lgpl 2.1": "LGPL-2.1-only", "lgpl 2.1+": "LGPL-2.1-or-later", "lgpl 3": "LGPL-3.0-only", "lgpl 3+": "LGPL-3.0-or-later", "lgpl 3 lgpl 3": "LGPL-3.0-only", "lgpl 3+ lgpl 3+": "LGPL-3.0-or-later",
	"agpl 3": "AGPL-3.0-only", "agpl 3+": "AGPL-3.0-or-later", "agpl 3 agpl 3": "AGPL-3.0-only", "agpl 3+ agpl 3+": "AGPL-3.0-or-later", "gfdl 1.1": "GFDL-1.1-only", "gfdl 1.1+": "GFDL-1.1-or-later", "gfdl 1.2": "GFDL-1.2-only", "gfdl 1.2+": "GFDL-1.2-or-later", "gfdl 1.3": "GFDL-1.3-only", "gfdl 1.3+": "GFDL-1.3-or-later",
	"gpl 2 with classpath exception": "GPL-2.0-only WITH Classpath-exception-2.0", "gpl 2 ce": "GPL-2.0-only WITH Classpath-exception-2.0", "gpl 2 w cpe": "GPL-2.0-only WITH Classpath-exception-2.0",
	"artistic 2": "Artistic-2.0", "artistic": "Artistic-1.0-Perl", "bsl 1": "BSL-1.0", "boost": "BSL-1.0", "cc0": "CC0-1.0", "cc0 1": "CC0-1.0", "cc0 1 universal": "CC0-1.0", "public domain cc0 1": "CC0-1.0", "python": "Python-2.0", "psf": "PSF-2.0", "python foundation": "PSF-2.0", "psf 2": "PSF-2.0",
	"postgresql": "PostgreSQL", "openssl": "OpenSSL", "ofl": "OFL-1.1", "sil open font 1.1": "OFL-1.1", "ofl 1.1": "OFL-1.1", "zpl 2.1": "ZPL-2.1", "ruby": "Ruby", "ruby s": "Ruby", "bouncy castle": "MIT", "wtfpl": "WTFPL", "eupl 1.2": "EUPL-1.2", "cpl 1": "CPL-1.0", "ncsa": "NCSA", "php 3.01": "PHP-3.01", "0bsd": "0BSD", "mit 0": "MIT-0", "upl 1": "UPL-1.0", "universal permissive 1": "UPL-1.0",
}
