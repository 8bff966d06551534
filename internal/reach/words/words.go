// Package words reads words from texts: strings of sources that may name files or
// programs, commands, names of modules. It knows no image.
package words

import (
	"bytes"
	"path"
	"regexp"
	"strings"

	"github.com/careen/careen/internal/wrappers"
)

// Blank stands in a value for what is not known.
const Blank = "\x00"

// LineLength returns how long the first line of a text is.
func LineLength(src string) int {
	if n := strings.IndexByte(src, '\n'); n >= 0 {
		return n
	}
	return len(src)
}

// FirstLine returns the first line of a file's beginning, as far as it names an
// interpreter.
func FirstLine(head []byte) string {
	return string(head[:min(LineLength(string(head)), 200)])
}

// IsModuleName reports whether a string looks like "a.b" or "a.b:c", or, if
// plain, like "a".
func IsModuleName(text string, plain bool) bool {
	dots, begins := 0, true
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '.' || c == ':':
			if begins {
				return false
			}
			dots++
			begins = true
		case c == '-':
			// Names of distributions and entry points have these.
			if begins || !plain {
				return false
			}
		case !IsLetter(c) && c < 0x80 || begins && c >= '0' && c <= '9':
			return false
		default:
			begins = false
		}
	}
	return !begins && len(text) > 1 && (dots > 0 || plain)
}

// Window is how far behind a word Matches looks for its arguments.
const Window = 2048

// Matches calls found with what an anchored expression matches where one of
// some words begins. Searching for the words first is ten times as fast as an
// expression that begins with them.
func Matches(src []byte, re *regexp.Regexp, found func(at int, m [][]byte), words ...string) {
	for _, word := range words {
		for i := 0; ; {
			j := bytes.Index(src[i:], []byte(word))
			if j < 0 {
				break
			}
			at := i + j
			i = at + len(word)
			if IsLetter(word[0]) && (at > 0 && IsLetter(src[at-1]) || i < len(src) && IsLetter(src[i])) {
				continue
			}
			if m := re.FindSubmatch(src[at:min(at+Window, len(src))]); m != nil {
				found(at, m)
			}
		}
	}
}

// IsLetter reports whether a byte is one of a word's.
func IsLetter(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// MaxName bounds what may be the path of a file, in bytes.
const MaxName = 256

// maxCommand bounds what may be a command line.
const maxCommand = 400

// MaxCommand bounds the name of a program.
const MaxCommand = 32

// maxCommandLine bounds what may be a line of a shell in a compiled program.
const maxCommandLine = 1000

// Commands calls found with the names of the programs that a string may run: its
// first word, and in a line of a shell what stands behind wrappers and in its other
// commands: "/usr/bin/env -i run-parts /etc/x | sed -e x".
func Commands(s []byte, found func(name string)) {
	if name := Command(s); name != "" {
		found(name)
	}
	if len(s) > maxCommandLine || bytes.IndexByte(s, ' ') < 0 {
		return
	}
	first := true
	for part := range bytes.FieldsFuncSeq(s, endsCommand) {
		part = bytes.TrimSpace(part)
		later := !first
		first = false
		program, _, more := bytes.Cut(part, []byte(" "))
		if more && wrappers.Known(path.Base(string(program))) {
			words := strings.Fields(string(part))
			if n := wrappers.Length(words); n < len(words) {
				if name := Command([]byte(words[n])); name != "" {
					found(name)
				}
			}
		} else if later {
			if name := Command(part); name != "" {
				found(name)
			}
		}
	}
}

// endsCommand reports whether a character stands between commands of a line.
func endsCommand(r rune) bool {
	switch r {
	case '|', ';', '&', '`', '(', ')':
		return true
	}
	return false
}

// Command returns the name of the program that a string may run: the string
// itself, or the first word of what looks like a command line with an option, a
// path or a blank to fill in behind it.
func Command(s []byte) string {
	word, rest, more := bytes.Cut(s, []byte(" "))
	if len(word) < 2 || len(word) > MaxCommand || len(s) > maxCommand {
		return ""
	}
	if more && (len(rest) == 0 || strings.IndexByte("-/%$'\"", rest[0]) < 0) {
		return ""
	}
	if c := word[0]; (c < 'a' || c > 'z') && c != '[' {
		return ""
	}
	for _, c := range word {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && strings.IndexByte("._+-", c) < 0 {
			return ""
		}
	}
	return string(word)
}

// IsApplicationPath reports whether a file lies where people put programs of their
// own, and packages of a distribution do not.
func IsApplicationPath(file string) bool {
	first, rest, below := strings.Cut(file, "/")
	switch first {
	case "usr":
		return strings.HasPrefix(rest, "local/")
	case "bin", "sbin", "lib", "lib32", "lib64", "libx32", "var", "etc", "boot":
		return !below
	}
	return true
}
