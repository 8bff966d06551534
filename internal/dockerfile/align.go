package dockerfile

import (
	"path"
	"slices"
	"strings"
	"unicode"

	"github.com/careen/careen/internal/image"
)

// Bounds of the comparison of a file with a history.
const (
	maxCells  = 4 << 20 // instructions times entries, of all stages that are tried
	maxTokens = 300     // of one instruction
)

// Origin says which instruction of a Dockerfile made an entry of an image's
// history. The zero value says that it is not known.
type Origin struct {
	Instruction *Instruction // the FROM for what the base image brought
	Stage       *Stage       // in which it stands
	From        *Stage       // that a COPY --from took its files from; nil for none or an image
}

// Align returns the origin of each entry of a history. The stage that was built
// is the one that fits best, the last of equals; false means that none fits: the
// image was built from another file.
//
// Builders write an entry for each instruction but not its text: variables are
// replaced, files may be named by their digest. So names, words and order are
// compared, as in a longest common subsequence.
func Align(f *File, history []image.History) ([]Origin, bool) {
	entries := make([]entry, len(history))
	for i, h := range history {
		entries[i] = newEntry(h.Instruction())
	}
	var best alignment
	cells := 0
	for i := len(f.Stages) - 1; i >= 0; i-- {
		base, chain := f.chain(f.Stages[i])
		if cells += (len(chain) + 1) * (len(entries) + 1); cells > maxCells {
			break
		}
		if a := align(chain, entries); best.base == nil || a.better(best) {
			best = a
			best.base = base
		}
		if best.matched == len(best.chain) {
			break
		}
	}
	if best.base == nil || 2*best.matched < len(best.chain) {
		return nil, false
	}
	return best.origins(f, entries), true
}

// link is one instruction on the way from a base image to a stage.
type link struct {
	in    *Instruction
	stage *Stage
	entry entry
}

// chain returns the instructions that made a stage: those of the stages that it
// is based on, and its own; and the first of these stages.
func (f *File) chain(s *Stage) (*Stage, []link) {
	var stages []*Stage
	for stages = append(stages, s); s.Base.Stage >= 0; stages = append(stages, s) {
		s = f.Stages[s.Base.Stage] // an earlier one
	}
	slices.Reverse(stages)
	var chain []link
	for _, s := range stages {
		for _, in := range s.Instructions {
			chain = append(chain, link{in, s, instructionEntry(in)})
		}
	}
	return stages[0], chain
}

// alignment pairs a chain with a history.
type alignment struct {
	chain   []link
	base    *Stage // the first of the chain
	partner []int  // of each link: index of its entry, -1 for none
	matched int
}

func (a alignment) better(than alignment) bool {
	// More of the chain, compared as fractions; an empty chain proves nothing.
	return a.matched*max(1, len(than.chain)) > than.matched*max(1, len(a.chain))
}

func align(chain []link, entries []entry) alignment {
	n, m := len(chain), len(entries)
	table := make([]int, (n+1)*(m+1))
	scores := make([]int, n*m)
	for i := range n {
		for j := range m {
			s := likeness(chain[i].entry, entries[j])
			scores[i*m+j] = s
			best := max(table[i*(m+1)+j+1], table[(i+1)*(m+1)+j])
			if s > 0 {
				best = max(best, table[i*(m+1)+j]+s)
			}
			table[(i+1)*(m+1)+j+1] = best
		}
	}
	a := alignment{chain: chain, partner: make([]int, n)}
	for i := range a.partner {
		a.partner[i] = -1
	}
	// Backwards, so that of equal ways the latest entries are taken: the file
	// made the end of the history, the base image its beginning.
	for i, j := n, m; i > 0 && j > 0; {
		s := scores[(i-1)*m+j-1]
		switch {
		case s > 0 && table[i*(m+1)+j] == table[(i-1)*(m+1)+j-1]+s:
			a.partner[i-1] = j - 1
			i, j = i-1, j-1
		case table[i*(m+1)+j] == table[(i-1)*(m+1)+j]:
			i--
		default:
			j--
		}
	}
	a.fill(entries)
	for _, p := range a.partner {
		if p >= 0 {
			a.matched++
		}
	}
	return a
}

// fill pairs the neighbours of pairs that have the same name, although their
// words are too different: a heredoc, a command made of variables.
func (a *alignment) fill(entries []entry) {
	taken := make([]bool, len(entries))
	for _, p := range a.partner {
		if p >= 0 {
			taken[p] = true
		}
	}
	try := func(i, j int) {
		if i >= 0 && i < len(a.partner) && a.partner[i] < 0 && j >= 0 && j < len(entries) && !taken[j] && a.chain[i].entry.name == entries[j].name {
			a.partner[i], taken[j] = j, true
		}
	}
	for i := range a.partner {
		if a.partner[i] >= 0 {
			try(i+1, a.partner[i]+1)
		}
	}
	for i := len(a.partner) - 1; i > 0; i-- {
		if a.partner[i] >= 0 {
			try(i-1, a.partner[i]-1)
		}
	}
}

// origins turns pairs into origins. What stands before the first pair is of the
// base image, for which its FROM answers.
func (a alignment) origins(f *File, entries []entry) []Origin {
	origins := make([]Origin, len(entries))
	first := len(entries)
	for i, p := range a.partner {
		if p < 0 {
			continue
		}
		first = min(first, p)
		l := a.chain[i]
		origins[p] = Origin{Instruction: l.in, Stage: l.stage, From: f.source(l.stage, l.in)}
	}
	for i := range first {
		origins[i] = Origin{Instruction: a.base.From, Stage: a.base}
	}
	return origins
}

// source returns the stage that COPY --from names.
func (f *File) source(s *Stage, in *Instruction) *Stage {
	for _, r := range s.References {
		if r.Instruction == in && r.Kind == KindCopy && r.Stage >= 0 {
			return f.Stages[r.Stage]
		}
	}
	return nil
}

// entry is an instruction reduced to what can be compared.
type entry struct {
	name   string
	tokens []string
	dest   string // last word of COPY and ADD
	hashed bool   // COPY and ADD of the classic builder, which names no sources
}

// newEntry reads a line of history that has been cleaned: "COPY a b /c".
func newEntry(line string) entry {
	name, rest, _ := strings.Cut(line, " ")
	e := entry{name: strings.ToUpper(name)}
	if e.name == "COPY" || e.name == "ADD" {
		words := strings.Fields(rest)
		if len(words) > 0 {
			e.dest = words[len(words)-1]
		}
		// "COPY file:1234… in /app" and "dir:", "multi:".
		e.hashed = len(words) >= 3 && words[len(words)-2] == "in" && strings.Contains(words[len(words)-3], ":")
	}
	e.tokens = tokens(rest)
	return e
}

func instructionEntry(in *Instruction) entry {
	e := entry{name: in.Name}
	text := in.Text
	switch in.Name {
	case "COPY", "ADD":
		if n := len(in.Args); n > 0 {
			e.dest = in.Args[n-1].Text
		}
		text = ""
		for _, w := range in.Args {
			if !strings.Contains(w.Text, "$") {
				text += w.Text + " "
			}
		}
	case "RUN":
		for _, h := range in.Heredocs {
			text = strings.ReplaceAll(text, "<<"+h.Name, "") + "\n" + h.Content
		}
	case "ENV", "LABEL", "ARG":
		text = ""
		for _, p := range in.Pairs {
			text += p.Name + " "
		}
	}
	e.tokens = tokens(text)
	return e
}

// tokens splits a text at whatever builders may write differently, and sorts
// what it holds.
func tokens(text string) []string {
	list := strings.FieldsFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_-./:@+%", r)
	})
	if len(list) > maxTokens {
		list = list[:maxTokens]
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// likeness says how well an entry fits an instruction, 0 for not at all.
func likeness(a, b entry) int {
	if a.name != b.name {
		return 0
	}
	common := 0
	for i, j := 0, 0; i < len(a.tokens) && j < len(b.tokens); {
		switch order := strings.Compare(a.tokens[i], b.tokens[j]); {
		case order < 0:
			i++
		case order > 0:
			j++
		default:
			common++
			i++
			j++
		}
	}
	share := 20 // of 20
	if len(a.tokens) > 0 {
		share = 20 * common / len(a.tokens)
	}
	least := 0
	switch a.name {
	case "RUN":
		least = 12
	case "COPY", "ADD":
		if b.hashed {
			if !sameDestination(a.dest, b.dest) {
				return 0
			}
			return 20
		}
		least = 8
	case "ENV", "LABEL", "ARG":
		least = 10
	}
	if share < least {
		return 0
	}
	return 10 + share
}

// sameDestination compares where COPY puts files: the classic builder makes the
// path absolute.
func sameDestination(written, recorded string) bool {
	if strings.Contains(written, "$") {
		return true
	}
	if path.IsAbs(written) {
		return path.Clean(written) == path.Clean(recorded)
	}
	return strings.HasSuffix(path.Clean("/"+recorded), path.Clean("/"+written))
}
