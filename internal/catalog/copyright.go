package catalog

import (
	"bytes"
	"slices"
	"strings"

	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/spdx"
)

const docDir = "usr/share/doc/"

// maxCopyright bounds a copyright file; Chromium's has 3 MB.
const maxCopyright = 4 << 20

// maxProse bounds how much of a text for people is read: what follows is about
// single files, or texts of licences that were named before.
const maxProse = 64 << 10

// noAssertion stands next to what was recognised for what was not (SPDX 2.3, 7.15).
const noAssertion = "NOASSERTION"

// isCopyright wants the copyright files of Debian's packages (Debian Policy 12.5).
func isCopyright(h *rootfs.Header, _ []byte) bool {
	return strings.HasPrefix(h.Path, docDir) && strings.HasSuffix(h.Path, "/copyright") && h.Size <= maxCopyright
}

func visitCopyright(_ *rootfs.Header, body rootfs.Body) ([]byte, error) {
	data, err := body.Bytes(maxCopyright)
	if err != nil {
		return nil, err
	}
	return encodeStrings(parseCopyright(plainText(data))), nil
}

// addLicenses gives dpkg's packages the licences of their copyright files. The
// folder of one may be a link to that of another of the same source.
func (j *join) addLicenses() {
	facts := map[string][]byte{}
	for fact := range j.tree.Facts("dpkg-copyright") {
		facts[fact.Path] = fact.Data
	}
	if len(facts) == 0 {
		return
	}
	for i := range j.packages {
		p := &j.packages[i]
		if p.Type != "deb" {
			continue
		}
		at := docDir + p.Name + "/copyright"
		data, ok := facts[at]
		if !ok {
			if to, err := j.tree.Resolve(at); err == nil {
				data, ok = facts[to]
			}
		}
		if ok && len(p.Licenses) == 0 {
			p.Licenses, _ = decodeStrings(data)
		}
	}
}

// parseCopyright returns the licences that a copyright file names, as SPDX
// writes them: of the machine-readable form
// (https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/) each
// License field, of prose what it quotes or refers to. What is not recognised is
// noAssertion; nothing is guessed.
func parseCopyright(data []byte) []string {
	var found []string
	if isDEP5(data) {
		seen := map[string]bool{} // the same few are named again and again
		for _, field := range [...]string{"\nLicense:", "\nlicense:"} {
			for rest := data; len(seen) < maxMembers; {
				at := bytes.Index(rest, []byte(field))
				if at < 0 {
					break
				}
				rest = rest[at+len(field):]
				line, after, _ := bytes.Cut(rest, []byte("\n"))
				if line = bytes.TrimSpace(line); len(line) == 0 { // the name was put below
					line, _, _ = bytes.Cut(after, []byte("\n"))
					line = bytes.TrimSpace(line)
				}
				if len(line) > 0 && !seen[string(line)] {
					seen[string(line)] = true
					found = append(found, debianLicense(string(line))...)
				}
			}
		}
	} else {
		found = proseLicenses(data[:min(len(data), maxProse)])
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// isDEP5 reports whether the first field is that of the machine-readable form.
func isDEP5(data []byte) bool {
	head := bytes.TrimLeft(data[:min(len(data), 1<<10)], " \t\r\n")
	return bytes.HasPrefix(head, []byte("Format:")) || bytes.HasPrefix(head, []byte("Format-Specification:")) ||
		bytes.Contains(head, []byte("\nFormat:")) && bytes.Contains(head, []byte("copyright-format"))
}

// choices leaves the words of a choice of licences.
var choices = strings.NewReplacer(", ", " ", "and/or", "or", "(", " ", ")", " ")

// debianLicense turns a short name, or several with "or" and "and" between,
// into an SPDX expression, or into what was recognised of them.
func debianLicense(text string) []string {
	var expression []string
	var known []string
	complete := true
	text = choices.Replace(text)
	name := ""
	operators := map[string]bool{}
	end := func() {
		if name == "" {
			return
		}
		id := spdx.Name(name)
		if id == "" {
			complete = false
			if base, _, with := strings.Cut(name, " with "); with { // the exception is not SPDX's, the licence is
				if id = spdx.Name(base); id != "" {
					known = append(known, id)
				}
			}
			name = ""
			return
		}
		name = ""
		expression = append(expression, id)
		known = append(known, id)
	}
	for word := range strings.FieldsSeq(text) {
		switch lower := strings.ToLower(word); lower {
		case "or", "and":
			end()
			if len(expression) > 0 {
				operators[strings.ToUpper(lower)] = true
				expression = append(expression, strings.ToUpper(lower))
			}
		default:
			if name != "" {
				name += " "
			}
			name += word
		}
	}
	end()
	switch {
	case !complete:
		return append(known, noAssertion)
	case len(operators) > 1:
		return known // which binds more strongly is said by commas, or not at all
	}
	return []string{strings.Join(expression, " ")}
}

// commonLicenses is where Debian keeps texts that many packages refer to.
const commonLicenses = "/usr/share/common-licenses/"

// proseTexts are pieces of licences that are quoted whole, in lower case with
// single blanks. They are shorter than 64 bytes, which are searched fast.
var proseTexts = []struct{ text, id string }{
	{"free of charge, to any person obtaining a copy", "MIT"},
	{"distribute this software for any purpose with or without fee", "ISC"},
	{"must not be misrepresented as being the original software", "Zlib"},
	{"boost software license - version 1.0", "BSL-1.0"},
	{"apache license, version 2.0", "Apache-2.0"},
	{"apache.org/licenses/license-2.0", "Apache-2.0"},
	{"modify, distribute, and sell this software and its", "HPND-sell-variant"},
	{"mozilla public license, v. 2.0", "MPL-2.0"},
	{"mozilla public license version 2.0", "MPL-2.0"},
	{"eclipse public license v1.0", "EPL-1.0"},
	{"eclipse public license v2.0", "EPL-2.0"},
	{"sil open font license, version 1.1", "OFL-1.1"},
	{"under the same terms as perl itself", "Artistic-1.0-Perl OR GPL-1.0-or-later"},
}

// proseLicenses finds licences in a text for people.
func proseLicenses(data []byte) []string {
	text := plainProse(data)
	var found []string
	add := func(id string) {
		if !slices.Contains(found, id) {
			found = append(found, id)
		}
	}
	later := bytes.Contains(text, []byte("any later version")) || bytes.Contains(text, []byte("or later"))
	for rest := text; ; {
		_, after, ok := bytes.Cut(rest, []byte(commonLicenses))
		if !ok {
			break
		}
		rest = after
		end := bytes.IndexFunc(after, func(r rune) bool {
			return r != '-' && r != '.' && (r < '0' || r > '9') && (r < 'a' || r > 'z')
		})
		if end < 0 {
			end = len(after)
		}
		name := strings.TrimRight(string(after[:end]), ".-")
		id := spdx.Name(name)
		if name == "bsd" {
			id = "BSD-3-Clause"
		}
		switch {
		case id == "" && (name == "gpl" || name == "lgpl"): // whichever is the newest: the text says
			add(gnuLicense(text, strings.ToUpper(name)))
		case id == "":
			add(noAssertion)
		case later && strings.HasSuffix(id, "-only"):
			add(strings.TrimSuffix(id, "-only") + "-or-later")
		default:
			add(id)
		}
	}
	if _, tag, ok := bytes.Cut(text, []byte("spdx-license-identifier: ")); ok {
		tag, _, _ = bytes.Cut(tag, []byte(" "))
		if id, ok := spdx.Identifier(string(tag)); ok {
			add(id)
		}
	}
	for _, known := range proseTexts {
		if bytes.Contains(text, []byte(known.text)) {
			add(known.id)
		}
	}
	if bytes.Contains(text, []byte("redistribution and use in source and binary forms")) {
		switch {
		case bytes.Contains(text, []byte("all advertising materials mentioning features")):
			add("BSD-4-Clause")
		case bytes.Contains(text, []byte("to endorse or promote products derived from this software")), bytes.Contains(text, []byte("used to endorse")):
			add("BSD-3-Clause")
		default:
			add("BSD-2-Clause")
		}
	}
	if len(found) == 0 || len(found) == 1 && found[0] == noAssertion {
		gpl, lgpl := bytes.Contains(text, []byte("gnu general public license")), bytes.Contains(text, []byte("lesser general public license"))
		switch {
		case gpl && !lgpl:
			return []string{gnuLicense(text, "GPL")}
		case lgpl && !gpl:
			return []string{gnuLicense(text, "LGPL")}
		}
		add(noAssertion)
	}
	return found
}

// gnuLicense returns the version of the GPL or LGPL that a text names, if it
// names one alone.
func gnuLicense(text []byte, family string) string {
	version := ""
	for _, number := range [...]string{"1", "2", "2.1", "3"} {
		for _, word := range [...]string{"version " + number, "v" + number, "v." + number, "gpl-" + number} {
			at := bytes.Index(text, []byte(word))
			if at < 0 || at+len(word) < len(text) && (text[at+len(word)] == '.' && at+len(word)+1 < len(text) && startsWithDigit(string(text[at+len(word)+1:at+len(word)+2])) || startsWithDigit(string(text[at+len(word):at+len(word)+1]))) {
				continue
			}
			if version != "" && version != number {
				return noAssertion
			}
			version = number
		}
	}
	if version == "" {
		return noAssertion
	}
	if bytes.Contains(text, []byte("any later version")) || bytes.Contains(text, []byte("or later")) {
		version += "+"
	}
	if id := spdx.Name(family + "-" + version); id != "" {
		return id
	}
	return noAssertion
}

// plainProse returns a text in lower case, with single blanks for blanks and
// for the marks that stand at the beginning of a comment's lines.
func plainProse(data []byte) []byte {
	text := make([]byte, 0, len(data))
	blank, begin := true, true
	for _, c := range data {
		switch {
		case c == '\n':
			begin = true
			fallthrough
		case c == ' ' || c == '\t' || c == '\r':
			if !blank {
				text = append(text, ' ')
			}
			blank = true
			continue
		case begin && (c == '*' || c == '#' || c == '>' || c == '|'):
			continue
		}
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		text = append(text, c)
		blank, begin = false, false
	}
	return text
}
