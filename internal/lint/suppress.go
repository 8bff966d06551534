package lint

import (
	"bytes"
	"sort"
	"strings"

	"github.com/careen/careen/internal/dockerfile"
)

// pragma is a comment that sets findings aside.
type pragma struct {
	ids         []string
	first, last int // lines that it covers
	by, why     string
}

func (p pragma) covers(line int) bool { return p.first <= line && line <= p.last }

// maxPragmas bounds those of one file.
const maxPragmas = 1000

// wholeFile is a last line that no file reaches.
const wholeFile = 1 << 30

// The comments that count. Hadolint's: "hadolint ignore=DL3008,DL3009", also
// with "global"; behind a second "#" stands the reason. Trivy's:
// "trivy:ignore:AVD-DS-0031". Ours: "careen:ignore=CD303 reason", and
// "careen:ignore-file=…" for all of it.
var (
	hadolintPragma = lazily(`^hadolint\s+(global\s+)?ignore\s*=\s*([A-Za-z0-9, \t]+)(?:#\s*(.*))?`)
	careenPragma   = lazily(`careen:ignore(-file)?=([A-Za-z0-9,/-]+)\s*(.*)`)
	trivyPragma    = lazily(`^trivy:ignore:([A-Za-z0-9-]+)`)
)

// readPragma reads the text of a comment; file says that it covers all lines.
func readPragma(comment string) (p pragma, file, ok bool) {
	if m := hadolintPragma().FindStringSubmatch(comment); m != nil {
		return pragma{ids: idList(m[2]), by: "hadolint ignore", why: m[3]}, m[1] != "", true
	}
	if m := careenPragma().FindStringSubmatch(comment); m != nil {
		return pragma{ids: idList(m[2]), by: "careen:ignore", why: strings.TrimLeft(m[3], "-: ")}, m[1] != "", true
	}
	if m := trivyPragma().FindStringSubmatch(comment); m != nil {
		return pragma{ids: []string{m[1]}, by: "trivy:ignore"}, false, true
	}
	return pragma{}, false, false
}

func idList(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
}

// dockerPragmas reads those of a Dockerfile. One covers the instruction below
// it, whatever comments stand in between, or the one that it stands in. BuildKit's
// "# check=skip=…" covers the file.
func dockerPragmas(file *dockerfile.File, opt Options) []pragma {
	var list []pragma
	for _, check := range strings.Split(file.Checks, ";") {
		if names, ok := strings.CutPrefix(strings.TrimSpace(check), "skip="); ok {
			p := pragma{first: 1, last: wholeFile, by: "check=skip"}
			for _, name := range strings.Split(names, ",") {
				p.ids = append(p.ids, "BuildKit:"+strings.TrimSpace(name))
			}
			list = append(list, p)
		}
	}
	if opt.Hadolint != nil && opt.Hadolint.DisablePragmas {
		return list
	}
	instructions := allInstructions(file)
	for _, comment := range file.Comments {
		p, whole, ok := readPragma(comment.Text)
		if !ok {
			continue
		}
		p.first, p.last = comment.Line, comment.Line
		if whole {
			p.first, p.last = 1, wholeFile
		}
		if i := sort.Search(len(instructions), func(i int) bool { return instructions[i].EndLine > comment.Line }); i < len(instructions) {
			p.first, p.last = min(p.first, instructions[i].Line), max(p.last, instructions[i].EndLine)
		}
		if list = append(list, p); len(list) == maxPragmas {
			break
		}
	}
	return list
}

// allInstructions lists those of the whole file in order.
func allInstructions(file *dockerfile.File) []*dockerfile.Instruction {
	var all []*dockerfile.Instruction
	for _, arg := range file.Args {
		if len(all) == 0 || all[len(all)-1] != arg.Instruction {
			all = append(all, arg.Instruction)
		}
	}
	for _, stage := range file.Stages {
		all = append(all, stage.From)
		all = append(all, stage.Instructions...)
	}
	return all
}

// linePragmas reads those of any file with "#" comments. One covers its own
// line, and when it stands alone the next line that is no comment.
func linePragmas(data []byte) []pragma {
	if !bytes.Contains(data, []byte("ignore")) {
		return nil
	}
	var list []pragma
	lines := strings.Split(string(data), "\n")
	for i, line := range lines {
		before, comment, found := strings.Cut(line, "#")
		if !found {
			continue
		}
		p, whole, ok := readPragma(strings.TrimSpace(comment))
		if !ok {
			continue
		}
		p.first, p.last = i+1, i+1
		if strings.TrimSpace(before) == "" {
			next := i + 1
			for next+1 < len(lines) && strings.HasPrefix(strings.TrimSpace(lines[next]), "#") {
				next++
			}
			p.last = next + 1
		}
		if whole {
			p.first, p.last = 1, wholeFile
		}
		if list = append(list, p); len(list) == maxPragmas {
			break
		}
	}
	return list
}
