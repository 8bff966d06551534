package reach

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
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

// maxPerlFacts bounds what is kept of one file.
const maxPerlFacts = 5000

var (
	perlUse      = regexp.MustCompile(`\b(?:use|no|require)\s+([A-Za-z_]\w*(?:(?:::|')\w+)*)`)
	perlRequire  = regexp.MustCompile(`\b(?:require|do)\s*\(?\s*(?:"([^"$@\n]+)"|'([^'\n]+)')`)
	perlComputed = regexp.MustCompile(`\brequire\s*\(?\s*(?:\$|"[^"\n]*[$@])|\beval\s*\(?\s*(?:qq\s*[{(]|")[^"\n]*\b(?:require|use)\b|\b(?:load_class|load_module|use_module|require_module)\b`)
	perlLib      = regexp.MustCompile(`\buse\s+lib\b([^;]*);`)
	perlName     = regexp.MustCompile(`["' (\[]([A-Za-z_]\w*(?:::\w+)+)["' )\],]`)
	perlParent   = regexp.MustCompile(`\buse\s+(?:parent|base|ok|aliased|if)\b([^;]*);`)
	perlWord     = regexp.MustCompile(`[A-Za-z_]\w*(?:::\w+)*`)
	perlString   = regexp.MustCompile(`"([^"\n]*)"|'([^'\n]*)'`)
	perlCommand  = regexp.MustCompile(`\b(?:system|exec)\s*\(?\s*(?:"([^"$@\n]+)"|'([^'\n]+)')|(?:\bqx\s*[({]|` + "`)([^`$@\n)}]+)[`)}]")
)

// readPerl finds what a Perl source loads.
func readPerl(src []byte) perlFacts {
	src = perlCode(src)
	var f perlFacts
	add := func(list *[]string, text string) {
		if text != "" && len(*list) < maxPerlFacts && !slices.Contains(*list, text) {
			*list = append(*list, text)
		}
	}
	either := func(m [][]byte) string { return string(slices.Concat(m[1:]...)) }
	for _, m := range perlUse.FindAllSubmatch(src, -1) {
		add(&f.Modules, strings.ReplaceAll(string(m[1]), "'", "::"))
	}
	for _, m := range perlRequire.FindAllSubmatch(src, -1) {
		add(&f.Files, either(m))
	}
	for _, m := range perlParent.FindAllSubmatch(src, -1) {
		for _, word := range perlWord.FindAll(m[1], -1) {
			add(&f.Modules, string(word))
		}
	}
	for _, m := range perlLib.FindAllSubmatch(src, -1) {
		for _, s := range perlString.FindAllSubmatch(m[1], -1) {
			dir := either(s)
			for _, own := range []string{"$FindBin::Bin", "$FindBin::RealBin", "${FindBin::Bin}", "$RealBin", "$Bin"} {
				dir = strings.Replace(dir, own, ".", 1)
			}
			if !strings.Contains(dir, "$") {
				add(&f.Dirs, dir)
			}
		}
	}
	for _, m := range perlName.FindAllSubmatch(src, -1) {
		add(&f.Names, string(m[1]))
	}
	for _, m := range perlCommand.FindAllSubmatch(src, -1) {
		add(&f.Commands, either(m))
	}
	if at := perlComputed.FindIndex(src); at != nil {
		f.Computed = bytes.Count(src[:at[0]], []byte("\n")) + 1
	}
	return f
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
