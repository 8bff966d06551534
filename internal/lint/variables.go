package lint

import (
	"slices"
	"strings"

	"github.com/careen/careen/internal/finding"
)

var variableRules = []Rule{{
	ID: "CD613", Title: "Variables are set before they are used", Severity: finding.Medium,
	Fix:  "correct the name, or set it with ARG or ENV before",
	Why:  "A variable that nothing sets is empty: a typing error in ENV PATH leaves the image without the directories that were there, and COPY takes another file. An ARG before FROM is seen by FROM alone, until the stage repeats it. What the base sets is known of the images of distributions and of the official ones of languages; of others only names that look like a typing error are reported.",
	Same: []string{"BuildKit:UndefinedVar"},
	Bad:  "FROM alpine:3.22\nENV PATH=$PAHT:/opt/bin\nUSER 1000\n", Good: "FROM alpine:3.22\nENV PATH=$PATH:/opt/bin\nUSER 1000\n",
	docker: undefinedVariables,
}}

// variableUse is a variable in a word of an instruction.
type variableUse struct {
	name     string
	at       int    // offset of the "$"
	operator string // what follows the name in braces: ":-word"
}

// variablesOf finds the variables that a builder replaces in a text: not those in
// single quotes or behind the escape character. In the content of a heredoc quotes
// mean nothing.
func variablesOf(text string, escape byte) []variableUse { return variablesIn(text, escape, true) }

func variablesIn(text string, escape byte, quotes bool) []variableUse {
	if !strings.Contains(text, "$") {
		return nil
	}
	var list []variableUse
	quote := byte(0)
	for i := 0; i < len(text); i++ {
		switch ch := text[i]; {
		case ch == escape:
			i++
		case quotes && ch == '\'' && quote != '"':
			quote ^= '\''
		case quotes && ch == '"' && quote != '\'':
			quote ^= '"'
		case ch == '$' && quote != '\'':
			start := i + 1
			braced := start < len(text) && text[start] == '{'
			if braced {
				start++
			}
			end := start
			for end < len(text) && nameByte(text[end]) {
				end++
			}
			if end == start {
				continue
			}
			use := variableUse{name: text[start:end], at: i}
			if braced {
				if closing := strings.IndexByte(text[end:], '}'); closing >= 0 {
					use.operator = text[end : end+closing]
				}
			}
			list = append(list, use)
			i = end - 1
		}
	}
	return list
}

func nameByte(b byte) bool {
	return b == '_' || '0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z'
}

// expanded are the instructions in which a builder replaces variables
// (Dockerfile reference, "Environment replacement"). Of RUN those are flags alone.
var expanded = []string{"ADD", "COPY", "ENV", "EXPOSE", "LABEL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR", "ARG", "RUN"}

// expandedFlags are the flags of COPY, ADD and RUN in which it does.
var expandedFlags = []string{"chown", "chmod", "checksum", "mount"}

// everywhere is the variable that every image has.
const everywhere = "PATH"

// proxies are ARGs that nobody has to declare: RUN sees them, no other instruction
// does (Dockerfile reference, "Predefined ARGs").
const proxies = "HTTP_PROXY http_proxy HTTPS_PROXY https_proxy FTP_PROXY ftp_proxy NO_PROXY no_proxy ALL_PROXY all_proxy"

// baseVariables are those that images set, of which the whole list is known:
// their Dockerfiles in docker-library and of the distributions.
var baseVariables = map[string]string{
	"alpine": "", "debian": "", "ubuntu": "", "fedora": "container DISTTAG FGC FBR", "busybox": "", "rockylinux": "", "almalinux": "", "amazonlinux": "", "archlinux": "LANG",
	"oraclelinux": "", "opensuse/leap": "", "buildpack-deps": "",
	"node":   "NODE_VERSION YARN_VERSION",
	"python": "LANG GPG_KEY PYTHON_VERSION PYTHON_SHA256 PYTHON_PIP_VERSION PYTHON_SETUPTOOLS_VERSION PYTHON_GET_PIP_URL PYTHON_GET_PIP_SHA256",
	"golang": "GOPATH GOLANG_VERSION GOTOOLCHAIN",
	"ruby":   "LANG RUBY_VERSION RUBY_MAJOR RUBY_DOWNLOAD_URL RUBY_DOWNLOAD_SHA256 GEM_HOME BUNDLE_SILENCE_ROOT_WARNING BUNDLE_APP_CONFIG",
	"rust":   "RUSTUP_HOME CARGO_HOME RUST_VERSION",
	"php":    "PHPIZE_DEPS PHP_INI_DIR PHP_CFLAGS PHP_CPPFLAGS PHP_LDFLAGS GPG_KEYS PHP_VERSION PHP_URL PHP_ASC_URL PHP_SHA256 PHP_EXTRA_CONFIGURE_ARGS APACHE_CONFDIR APACHE_ENVVARS",
}

// inherited are the variables that the image below a stage sets; false when that
// is not known.
func (s *stage) inherited() (names string, known bool) {
	if s.bottom.Base.Scratch {
		return "", true
	}
	ref := s.baseImage()
	if ref == nil {
		return "", false
	}
	n := parseName(ref.Value)
	if n.registry != "" {
		return "", false
	}
	names, known = baseVariables[n.repository]
	return names, known
}

func undefinedVariables(c *dockerCheck) {
	global := map[string]int{}
	for _, arg := range c.file.Args {
		global[arg.Name] = arg.Line
	}
	for _, s := range c.stages {
		inherited, known := s.inherited()
		for _, step := range s.steps {
			if step.trigger || !slices.Contains(expanded, step.Name) {
				continue
			}
			own := map[string]bool{}
			for _, p := range step.Pairs {
				own[p.Name] = true
			}
			seen := map[string]bool{}
			find := func(text string, start int, quotes bool) {
				for _, use := range variablesIn(text, c.file.Escape, quotes) {
					if use.operator != "" && strings.ContainsAny(use.operator[:min(2, len(use.operator))], "-+?") || own[use.name] || seen[use.name] || has(everywhere, use.name) || has(inherited, use.name) {
						continue
					}
					seen[use.name] = true
					if _, ok := s.variable(use.name, step.index); ok {
						continue
					}
					at := start
					if end := start + len(text); end <= len(c.source) && string(c.source[start:end]) == text {
						at += use.at
					}
					line, outside := global[use.name]
					meant := s.nearest(use.name, inherited)
					switch {
					case outside:
						c.report(c.file.Line(at), nil, "%s is the ARG of line %d, which the stage does not repeat", use.name, line)
					case known && has(proxies, use.name):
						c.report(c.file.Line(at), nil, "%s is for RUN alone until ARG %[1]s declares it", use.name)
					case has(proxies, use.name):
					case meant != "":
						c.report(c.file.Line(at), nil, "nothing sets %s; %s was meant?", use.name, meant)
					case known:
						c.report(c.file.Line(at), nil, "nothing sets %s", use.name)
					}
				}
			}
			look := func(text string, start int) { find(text, start, true) }
			switch {
			case step.Name == "RUN":
			case step.Pairs != nil:
				for _, p := range step.Pairs {
					look(string(c.source[p.Start:p.End]), p.Start)
				}
			default:
				for _, arg := range step.Args {
					look(arg.Text, arg.Start)
				}
				for _, h := range step.Heredocs {
					if h.Expand {
						find(h.Content, h.Start, false)
					}
				}
			}
			for _, flag := range step.Flags {
				if slices.Contains(expandedFlags, flag.Name) {
					look(flag.Value, flag.Start)
				}
			}
		}
	}
}

// expand replaces the variables of a word by what ENV and ARG of the file say before
// a step; false when one of them is not known.
func (s *stage) expand(text string, before int, escape byte) (string, bool) {
	for _, use := range slices.Backward(variablesOf(text, escape)) {
		value, ok := s.variable(use.name, before)
		word, otherwise := strings.CutPrefix(use.operator, ":-")
		switch {
		case ok && value.hasValue && value.value != "":
			word = value.value
		case !otherwise:
			return "", false
		}
		end := use.at + 1 + len(use.name)
		if strings.HasPrefix(text[use.at:], "${") {
			end += 2 + len(use.operator)
		}
		text = text[:use.at] + word + text[min(end, len(text)):]
	}
	return text, !strings.Contains(text, "$")
}

// nearest is the known variable of which a name is one typing error away, "" for
// none. Short names are near too many.
func (s *stage) nearest(name, inherited string) string {
	if len(name) < 4 {
		return ""
	}
	var near []string
	for _, other := range append(strings.Fields(everywhere+" "+proxies), strings.Fields(inherited)...) {
		if oneOff(name, other) {
			near = append(near, other)
		}
	}
	for depth := 0; s != nil && depth < maxLineage; s, depth = s.parent, depth+1 {
		for other := range s.sets {
			if oneOff(name, other) {
				near = append(near, other)
			}
		}
	}
	if near == nil {
		return ""
	}
	return slices.Min(near)
}

// oneOff says whether one inserted, removed, replaced or swapped letter makes a
// into b. A number at the end is another name, not an error.
func oneOff(a, b string) bool {
	if len(a) > len(b)+1 || len(b) > len(a)+1 || strings.TrimRight(a, "0123456789") == strings.TrimRight(b, "0123456789") {
		return false
	}
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return len(a) <= 1 && len(b) <= 1 || len(a) == 2 && len(b) == 2 && a[0] == b[1] && a[1] == b[0]
}
