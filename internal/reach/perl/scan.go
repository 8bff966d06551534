package perl

import (
	"bytes"
	"slices"
	"strings"

	"github.com/careen/careen/internal/lazy"
	"github.com/careen/careen/internal/reach/words"
)

// perlFacts is what a Perl file loads and runs. Perl can only be parsed by
// running it, so the reader looks for the shapes that loading has.
type perlFacts struct {
	Modules  []string `json:"m,omitempty"` // "A::B"
	Files    []string `json:"f,omitempty"` // require "x.pl", do "x.pl"
	Dirs     []string `json:"d,omitempty"` // use lib; $FindBin::Bin is "."
	Names    []string `json:"n,omitempty"` // strings that may be the name of a module
	Commands []string `json:"c,omitempty"` // lines for the shell
	Computed int      `json:"x,omitempty"` // line of a require of a computed name; 0 for none
}

// maxPerlFacts bounds what is kept of one file. What is beyond counts as computed.
const maxPerlFacts = 5000

// What follows one of the words that words.Matches finds.
var (
	perlUse      = lazy.Regexp(`^\w+\s+([A-Za-z_]\w*(?:(?:::|')\w+)*)`)
	perlRequire  = lazy.Regexp(`^\w+\s*\(?\s*(?:"([^"$@\n]+)"|'([^'\n]+)')`)
	perlComputed = lazy.Regexp(`^require\s*\(?\s*(?:\$|"[^"\n]*[$@])|^eval\s*\(?\s*(?:qq\s*[{(]|")[^"\n]*\b(?:require|use)\b|^(?:load_class|load_module|use_module|require_module)\b`)
	perlLib      = lazy.Regexp(`^use\s+lib\b([^;]*);`)
	perlParent   = lazy.Regexp(`^use\s+(?:parent|base|ok|aliased|if)\b([^;]*);`)
	perlCommand  = lazy.Regexp(`^\w+\s*\(?\s*(?:"([^"$@\n]+)"|'([^'\n]+)'|qw?\s*[({\[/|!]\s*([^\n)}\]/|!]+))`)
	perlQuoted   = lazy.Regexp(`^(?:qx\s*[({]|` + "`)([^`$@\n)}]+)[`)}]")
	perlWord     = lazy.Regexp(`[A-Za-z_]\w*(?:::\w+)*`)
	perlString   = lazy.Regexp(`"([^"\n]*)"|'([^'\n]*)'`)
)

func isPerlWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// perlNames calls found with the names of modules, "A::B", that stand as a word
// of a list or a string of their own.
func perlNames(src []byte, found func(name string)) {
	for i := 0; ; {
		j := bytes.Index(src[i:], []byte("::"))
		if j < 0 {
			return
		}
		colons := i + j
		start, end := colons, colons
		for start > 0 && isPerlWord(src[start-1]) {
			start--
		}
		for end+2 < len(src) && src[end] == ':' && src[end+1] == ':' && isPerlWord(src[end+2]) {
			for end += 2; end < len(src) && isPerlWord(src[end]); end++ {
			}
		}
		i = max(end, colons+2)
		if start < colons && start > 0 && end < len(src) && (src[start] < '0' || src[start] > '9') &&
			bytes.IndexByte([]byte(`"' ([`), src[start-1]) >= 0 && bytes.IndexByte([]byte(`"' )],`), src[end]) >= 0 && src[end-1] != ':' {
			found(string(src[start:end]))
		}
	}
}

// readPerl finds what a Perl source loads.
func readPerl(src []byte) perlFacts {
	src = perlCode(src)
	var f perlFacts
	add := func(list *[]string, text string) {
		switch {
		case text == "":
		case len(*list) == maxPerlFacts:
			f.Computed = 1
		case !slices.Contains(*list, text):
			*list = append(*list, text)
		}
	}
	either := func(m [][]byte) string { return string(slices.Concat(m[1:]...)) }
	words.Matches(src, perlUse(), func(_ int, m [][]byte) {
		add(&f.Modules, strings.ReplaceAll(string(m[1]), "'", "::"))
	}, "use", "no", "require")
	words.Matches(src, perlRequire(), func(_ int, m [][]byte) { add(&f.Files, either(m)) }, "require", "do")
	words.Matches(src, perlParent(), func(_ int, m [][]byte) {
		for _, word := range perlWord().FindAll(m[1], -1) {
			add(&f.Modules, string(word))
		}
	}, "use")
	words.Matches(src, perlLib(), func(_ int, m [][]byte) {
		for _, s := range perlString().FindAllSubmatch(m[1], -1) {
			dir := either(s)
			for _, own := range []string{"$FindBin::Bin", "$FindBin::RealBin", "${FindBin::Bin}", "$RealBin", "$Bin"} {
				dir = strings.Replace(dir, own, ".", 1)
			}
			if !strings.Contains(dir, "$") {
				add(&f.Dirs, dir)
			}
		}
	}, "use")
	perlNames(src, func(name string) { add(&f.Names, name) })
	run := func(_ int, m [][]byte) { add(&f.Commands, either(m)) }
	words.Matches(src, perlCommand(), run, "system", "exec")
	words.Matches(src, perlQuoted(), run, "qx", "`")
	first := -1
	for _, word := range [...]string{"require", "eval", "load_class", "load_module", "use_module", "require_module"} {
		if at := computedLoad(src, word); at >= 0 && (first < 0 || at < first) {
			first = at
		}
	}
	if first >= 0 && f.Computed == 0 {
		f.Computed = bytes.Count(src[:first], []byte("\n")) + 1
	}
	return f
}

// computedLoad returns where the first statement of a word loads what is computed; -1
// for nowhere. Most that begin so do not: the expression is tried where the first
// character says that it may fit.
func computedLoad(src []byte, word string) int {
	for i := 0; ; {
		j := bytes.Index(src[i:], []byte(word))
		if j < 0 {
			return -1
		}
		at := i + j
		i = at + len(word)
		if at > 0 && words.IsLetter(src[at-1]) || i < len(src) && words.IsLetter(src[i]) {
			continue
		}
		behind := src[at:min(at+words.Window, len(src))]
		value := bytes.TrimLeft(behind[len(word):], " \t\r\n\f(")
		switch word {
		case "require":
			if len(value) == 0 || value[0] != '$' && value[0] != '"' {
				continue
			}
		case "eval":
			if len(value) == 0 || value[0] != '"' && value[0] != 'q' {
				continue
			}
		}
		if perlComputed().Match(behind) {
			return at
		}
	}
}

// perlCode blanks out documentation (perlpod) and comments that have a line of
// their own, and ends where the code does.
func perlCode(src []byte) []byte {
	var out bytes.Buffer
	out.Grow(len(src))
	pod := false
	for line := range bytes.Lines(src) {
		switch {
		case line[0] == '=' && len(line) > 1 && (line[1] >= 'a' && line[1] <= 'z'):
			pod = !bytes.HasPrefix(line, []byte("=cut"))
			line = nil
		case pod || bytes.HasPrefix(bytes.TrimLeft(line, " \t"), []byte("#")):
			line = nil
		case bytes.HasPrefix(line, []byte("__END__")) || bytes.HasPrefix(line, []byte("__DATA__")):
			return out.Bytes()
		}
		if line == nil {
			out.WriteByte('\n')
		} else {
			out.Write(line)
		}
	}
	return out.Bytes()
}
