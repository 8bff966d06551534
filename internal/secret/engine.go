package secret

import (
	"bytes"
)

// maxMatches bounds what one text may hold; what is beyond adds nothing that a
// person would read.
const maxMatches = 1000

// maxPerWindow bounds the matches of one rule in one window.
const maxPerWindow = 100

// allowMarks are what a line says when its secret is meant to be there.
var allowMarks = [][]byte{[]byte("careen:allow"), []byte("gitleaks:allow")}

// scan is the work on one text. Its buffers are used again.
type scan struct {
	all     *Rules
	text    []byte
	path    string
	binary  bool
	applied []verdict // for each rule, whether it is for path
	open    []span    // for each rule, the window that its keywords have opened; to 0 for none
	// for each rule that reads assignments, where the last name ended
	lastName    []int
	nests       []nest // for each rule, what its matches hold of its keywords
	work        work
	assignments assignments // used again
	touched     []*rule
	matches     []match
}

type span struct{ from, to int }

// nest counts how many times in a row a rule's keyword stood in what the rule
// had matched at the one before.
type nest struct{ end, depth int }

// maxInRow is how many of those are looked at: a text that goes on about
// passwords without a blank has nothing more to say.
const maxInRow = 16

// maxGap is how far behind a match a keyword may stand and still go on with it: a
// match may end because it is as long as it can be.
const maxGap = 16

// nested reports whether a keyword is one too many.
func (s *scan) nested(r *rule, start int) bool {
	n := &s.nests[r.order]
	if start >= n.end {
		if start > n.end+maxGap {
			n.depth = 0
		}
		return false
	}
	n.depth++
	return n.depth > maxInRow
}

// Work is counted in about the time that a byte of an ordinary text takes. What a
// rule, and what all of them may do up to an offset is bounded, so that a text full of
// keywords takes a few times what another one does, not a thousand times; what stands
// behind such a part is looked into as ever. A text of which something was left out is
// said to be unread.
const (
	ruleWork = 1 << 20 // at the beginning
	ruleRate = 2       // more with each byte
	allWork  = 4 << 20
	allRate  = 6
)

// work is what was done in a text.
type work struct {
	all  int
	of   []int // each rule
	over bool  // more was asked than may be done
}

// may reports whether a rule may do some more work at an offset, and counts it.
func (w *work) may(r *rule, at, amount int) bool {
	if w.all > allWork+allRate*at || w.of[r.order] > ruleWork+ruleRate*at {
		w.over = true
		return false
	}
	w.all += amount
	w.of[r.order] += amount
	return true
}

type verdict uint8

const (
	unknown verdict = iota
	yes
	no
)

// find returns the secrets in a text, in the order of their places. Of binary
// data only what has a form of its own is looked for. path decides which rules
// and allowlists apply.
func (all *Rules) find(text []byte, path string, binary bool) []match {
	found, _ := all.findAt(text, path, binary, 0)
	return found
}

// findAt is find in a text that was decoded out of depth others; whole is false if
// something was left out.
func (all *Rules) findAt(text []byte, path string, binary bool, depth int) (found []match, whole bool) {
	s, _ := all.scans.Get().(*scan)
	if s == nil {
		s = &scan{all: all, open: make([]span, len(all.rules)), applied: make([]verdict, len(all.rules)), lastName: make([]int, len(all.rules)), nests: make([]nest, len(all.rules)), work: work{of: make([]int, len(all.rules))}}
	}
	defer all.scans.Put(s)
	s.text, s.path, s.binary = text, path, binary
	s.matches = nil
	clear(s.applied)
	clear(s.lastName)
	clear(s.nests)
	clear(s.work.of)
	s.work.all, s.work.over = 0, false

	all.automaton().each(text, s.keyword)
	for _, r := range s.touched {
		s.look(r, s.open[r.order])
		s.open[r.order] = span{}
	}
	s.touched = s.touched[:0]
	for _, r := range all.always {
		s.look(r, span{0, len(text)})
	}
	if !binary {
		in, whole := all.inEncoded(text, path, depth)
		s.matches = append(s.matches, in...)
		s.work.over = s.work.over || !whole
	}
	found = settle(s.matches)
	s.text, s.matches, s.assignments.text = nil, nil, nil
	countLines(found, text)
	return found, !s.work.over
}

// keyword opens or widens the windows of the rules that a keyword belongs to. A
// window that ends before this one begins is looked into first, so that no byte
// is looked at twice by a rule.
func (s *scan) keyword(k int32, end int) {
	start := end - s.all.automaton().length[k]
	for _, r := range s.all.ofKeyword[k] {
		if r.assignment {
			s.lookAssigned(r, start, end)
			continue
		}
		if r.anchored {
			s.lookAt(r, start, end)
			continue
		}
		w := span{0, len(s.text)}
		if r.window > 0 {
			w = span{max(start-r.window, 0), min(end+r.window, len(s.text))}
		}
		open := &s.open[r.order]
		switch {
		case open.to == 0:
			*open = w
			s.touched = append(s.touched, r)
		case w.from <= open.to:
			open.to = max(open.to, w.to)
		default:
			s.look(r, *open)
			*open = w
		}
	}
}

// assignedWithin is how far behind its keyword a rule for assignments wants "="
// or ":": the rest of the name, quotes, brackets and spaces are shorter.
const assignedWithin = 40

// longWindow is the window from which on a rule's next keyword ends it: of blocks
// such as PEM's (RFC 7468), whose beginnings may stand in a text by the million.
const longWindow = 10_000

// What it costs to run an expression, see work.
const (
	perLook = 16
	perByte = 4
)

// lookAt runs the regular expression of an anchored rule at its keyword.
func (s *scan) lookAt(r *rule, start, end int) {
	if r.wordStart && start > 0 && isWordByte(s.text[start-1]) || !s.applies(r) {
		return
	}
	if r.assigned && !bytes.ContainsAny(s.text[end:min(end+assignedWithin, len(s.text))], "=:") {
		return
	}
	to := len(s.text)
	if r.window > 0 {
		to = min(end+r.window, to)
	}
	// A long keyword begins one thing: no second one is inside.
	if begin := s.text[start:end]; r.window > longWindow {
		if next := bytes.Index(s.text[end:to], begin); next >= 0 {
			to = end + next
		}
	}
	if s.nested(r, start) || !s.work.may(r, start, perLook) {
		return
	}
	span := r.extent().span(s.text[start:to])
	text := r.extent().cut(s.text[start:to], span)
	if !s.work.may(r, start, span+perByte*len(text)) || text == nil {
		return
	}
	if at := r.regex().FindSubmatchIndex(text); at != nil && !(at[1] == len(text) && to < len(s.text)) {
		s.nests[r.order].end = start + at[1]
		s.add(r, start, at)
	}
}

func isWordByte(b byte) bool {
	return b == '_' || '0' <= b && b <= '9' || 'a' <= b|0x20 && b|0x20 <= 'z'
}

// applies reports whether a rule is for the given text, and for more matches.
func (s *scan) applies(r *rule) bool {
	if s.applied[r.order] == unknown {
		s.applied[r.order] = no
		if !(s.binary && r.password) && (r.path == nil || r.path.matches(s.path)) {
			s.applied[r.order] = yes
		}
	}
	return s.applied[r.order] == yes && len(s.matches) < maxMatches
}

// look runs a rule's regular expression over a window.
func (s *scan) look(r *rule, w span) {
	if !s.applies(r) {
		return
	}
	text := s.text[w.from:w.to]
	if !r.extent().mayMatch(text) {
		return
	}
	if r.window > 0 && !s.work.may(r, w.from, perByte*len(text)) {
		return
	}
	for _, at := range r.regex().FindAllSubmatchIndex(text, maxPerWindow) {
		// What touches an edge that we cut is a part of something longer.
		if at[0] == 0 && w.from > 0 || at[1] == len(text) && w.to < len(s.text) {
			continue
		}
		s.add(r, w.from, at)
	}
}

// add takes a match of a rule in, if it counts. base is where the text of the
// indexes begins.
func (s *scan) add(r *rule, base int, at []int) {
	from, to := secretOf(r, at)
	if from >= to {
		return
	}
	m := match{rule: r, start: base + from, end: base + to, token: r.formed() && from-at[0] <= 1}
	if s.counts(m, s.text[base+at[0]:base+at[1]]) {
		s.matches = append(s.matches, m)
	}
}

// formed reports whether a rule goes by the form of the secret alone, not by
// names or files.
func (r *rule) formed() bool { return r.regex != nil && !r.assignment && !r.password && r.path == nil }

// secretOf returns which part of a regular expression's match is the secret:
// the group that the rule names, else the first group that took part, else all.
func secretOf(r *rule, at []int) (from, to int) {
	if g := r.group; g > 0 && 2*g+1 < len(at) {
		return at[2*g], at[2*g+1]
	}
	for i := 2; i+1 < len(at); i += 2 {
		if at[i] >= 0 && at[i] < at[i+1] {
			return at[i], at[i+1]
		}
	}
	return at[0], at[1]
}

// counts weeds out what only looks like a secret.
func (s *scan) counts(m match, whole []byte) bool {
	secret := s.text[m.start:m.end]
	if m.rule.checksum != nil && !m.rule.checksum(secret) {
		return false
	}
	if m.rule.entropy > 0 && entropy(secret) <= m.rule.entropy {
		return false
	}
	if isDummy(secret, m.rule.password) {
		return false
	}
	line := lineAround(s.text, m.start)
	for _, mark := range allowMarks {
		if bytes.Contains(line, mark) {
			return false
		}
	}
	for _, lists := range [][]*allowlist{m.rule.allow, s.all.allow} {
		for _, a := range lists {
			if a.allows(s.path, secret, whole, line) {
				return false
			}
		}
	}
	return true
}

// maxLine bounds what counts as the line around a secret: minified files are
// one line of megabytes.
const maxLine = 4 << 10

// lineAround returns the line in which an offset lies, at most maxLine bytes to
// either side.
func lineAround(text []byte, at int) []byte {
	from, to := max(at-maxLine, 0), min(at+maxLine, len(text))
	if i := bytes.LastIndexByte(text[from:at], '\n'); i >= 0 {
		from += i + 1
	}
	if i := bytes.IndexByte(text[at:to], '\n'); i >= 0 {
		to = at + i
	}
	return text[from:to]
}

// countLines sets the line of each match; they are in order.
func countLines(matches []match, text []byte) {
	line, at := 1, 0
	for i := range matches {
		line += bytes.Count(text[at:matches[i].start], []byte{'\n'})
		at = matches[i].start
		matches[i].line = line
	}
}

// named returns the rules for which the file itself is the secret.
func (all *Rules) named(path string) []*rule {
	var list []*rule
	for _, r := range all.byPath {
		if r.path.matches(path) {
			list = append(list, r)
		}
	}
	return list
}
