package lint

import (
	"bytes"
	"sort"
	"strings"

	"github.com/careen/careen/internal/dockerfile"
	"github.com/careen/careen/internal/lazy"
)

// pragma is a comment that suppresses findings.
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
// with "global" or "stage"; behind a second "#" stands the reason. Trivy's:
// "trivy:ignore:AVD-DS-0031". Ours: "careen:ignore=CD303 reason", and
// "careen:ignore-file=…" for all of it.
var (
	hadolintPragma = lazy.Regexp(`^hadolint\s+(global\s+|stage\s+)?ignore\s*=\s*([A-Za-z0-9, \t]+)(?:#\s*(.*))?`)
	shellPragma    = lazy.Regexp(`^hadolint\s+(?:global\s+|stage\s+)?shell\s*=\s*(\S+)`)
	careenPragma   = lazy.Regexp(`careen:ignore(-file)?=([A-Za-z0-9,/-]+)\s*(.*)`)
	trivyPragma    = lazy.Regexp(`^trivy:ignore:([A-Za-z0-9-]+)`)
)

// reach is what a comment covers.
type reach int

const (
	nextInstruction reach = iota
	wholeStage            // that it stands in, or that follows when it stands above FROM
	everyLine
)

// readPragma reads the text of a comment.
func readPragma(comment string) (p pragma, of reach, ok bool) {
	if m := hadolintPragma().FindStringSubmatch(comment); m != nil {
		switch strings.TrimSpace(m[1]) {
		case "global":
			of = everyLine
		case "stage":
			of = wholeStage
		}
		return pragma{ids: idList(m[2]), by: "hadolint ignore", why: m[3]}, of, true
	}
	if m := careenPragma().FindStringSubmatch(comment); m != nil {
		if m[1] != "" {
			of = everyLine
		}
		return pragma{ids: idList(m[2]), by: "careen:ignore", why: strings.TrimLeft(m[3], "-: ")}, of, true
	}
	if m := trivyPragma().FindStringSubmatch(comment); m != nil {
		return pragma{ids: []string{m[1]}, by: "trivy:ignore"}, of, true
	}
	return pragma{}, of, false
}

// checksOfBuildKit are the ids of BuildKit's checks that a rule has.
func checksOfBuildKit() []string {
	var ids []string
	for i := range rules {
		for _, same := range rules[i].Same {
			if strings.HasPrefix(same, "BuildKit:") {
				ids = append(ids, same)
			}
		}
	}
	return ids
}

// experimental reports whether "# check=experimental=…" asks for a rule that is
// optional.
func experimental(file *dockerfile.File, r *Rule) bool {
	for _, check := range strings.Split(file.Checks, ";") {
		names, ok := strings.CutPrefix(strings.TrimSpace(check), "experimental=")
		for _, name := range strings.Split(names, ",") {
			if name = strings.TrimSpace(name); ok && (name == "all" && r.named("BuildKit:InvalidDefinitionDescription") || r.named("BuildKit:"+name)) {
				return true
			}
		}
	}
	return false
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
				if name = strings.TrimSpace(name); name == "all" {
					p.ids = append(p.ids, checksOfBuildKit()...)
				}
				p.ids = append(p.ids, "BuildKit:"+name)
			}
			list = append(list, p)
		}
	}
	if opt.Hadolint != nil && opt.Hadolint.DisablePragmas {
		return list
	}
	instructions := allInstructions(file)
	for _, comment := range file.Comments {
		p, of, ok := readPragma(comment.Text)
		if !ok {
			continue
		}
		p.first, p.last = comment.Line, comment.Line
		switch of {
		case everyLine:
			p.first, p.last = 1, wholeFile
		case wholeStage:
			p.first, p.last = stageLines(file, comment.Line)
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

// stageLines are the lines of the stage that a comment is about: the one that
// follows when only comments stand between it and the next FROM, else the one that
// it stands in.
func stageLines(file *dockerfile.File, line int) (first, last int) {
	next := sort.Search(len(file.Stages), func(i int) bool { return file.Stages[i].Line > line })
	at := next
	if next > 0 {
		stage := file.Stages[next-1]
		end := stage.From.EndLine
		if n := len(stage.Instructions); n > 0 {
			end = stage.Instructions[n-1].EndLine
		}
		if end > line || next == len(file.Stages) {
			at = next - 1
		}
	}
	if at == len(file.Stages) {
		return line, line
	}
	last = wholeFile
	if at+1 < len(file.Stages) {
		last = file.Stages[at+1].Line - 1
	}
	return file.Stages[at].Line, last
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
		p, of, ok := readPragma(strings.TrimSpace(comment))
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
		if of == everyLine {
			p.first, p.last = 1, wholeFile
		}
		if list = append(list, p); len(list) == maxPragmas {
			break
		}
	}
	return list
}
