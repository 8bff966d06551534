package secret

import (
	"cmp"
	"slices"
)

// automaton finds every occurrence of a set of keywords in one walk over a
// text, ASCII letters in either case: the algorithm of Aho and Corasick
// ("Efficient string matching", CACM 18(6), 1975) with all failure links
// resolved into one table, so that a byte costs two loads and no branch but
// the one for a keyword found.
//
// Bytes that no keyword has share one column of the table, which keeps it small
// enough for a processor's cache.
type automaton struct {
	class     [256]uint8 // column of each byte; letters of both cases share one
	stride    uint32     // columns
	next      []uint32   // next[state+column] is the next state; states are multiples of stride
	accepting uint32     // the first state in which a keyword ends; all later ones are such
	ends      [][]int32  // the keywords that end in an accepting state
	length    []int      // of each keyword, in bytes
	longest   int        // of length
}

// each calls found for every keyword in text, with the offset after its end, in
// the order of the ends.
//
// A step waits for the one before it, so one walk leaves most of the processor
// idle: four walk at once, each over a quarter, and on into the next one for as
// long as a keyword that began in its own may go on.
func (a *automaton) each(text []byte, found func(keyword int32, end int)) {
	const worthwhile = 1 << 10
	if len(text) < worthwhile {
		a.walk(0, text, 0, found)
		return
	}
	n := len(text) / 4
	var later [4][]hit // of the second quarter on
	var states [4]uint32
	for i := 0; i < n; {
		i = a.walkQuarters(&states, text, n, i)
		if states[0] >= a.accepting {
			for _, k := range a.keywordsOf(states[0]) {
				found(k, i)
			}
		}
		for quarter, state := range states[1:] {
			if state >= a.accepting {
				for _, k := range a.keywordsOf(state) {
					later[quarter+1] = append(later[quarter+1], hit{k, (quarter+1)*n + i})
				}
			}
		}
	}
	for quarter, state := range states[:3] {
		// A keyword that began in this quarter ends among the first of the next.
		from := (quarter + 1) * n
		a.walk(state, text[from:min(from+a.longest, len(text))], from, func(k int32, end int) {
			if end-a.length[k] < from {
				list := later[quarter+1]
				at, _ := slices.BinarySearchFunc(list, end, func(h hit, end int) int { return cmp.Compare(h.end, end) })
				later[quarter+1] = slices.Insert(list, at, hit{k, end})
			}
		})
	}
	for _, list := range later {
		for _, h := range list {
			found(h.keyword, h.end)
		}
	}
	a.walk(states[3], text[4*n:], 4*n, found)
}

// walkQuarters takes all four walks on from the i-th byte of their quarters, n
// long, until one of them meets the end of a keyword; it returns how far it came.
// Nothing is called in here, so that all of it stays in registers.
func (a *automaton) walkQuarters(states *[4]uint32, text []byte, n, i int) int {
	next, class, accepting := a.next, &a.class, a.accepting
	one := text[i:n]
	two, three, four := text[n+i:][:len(one)], text[2*n+i:][:len(one)], text[3*n+i:][:len(one)]
	s1, s2, s3, s4 := states[0], states[1], states[2], states[3]
	for k := range one {
		s1 = next[s1+uint32(class[one[k]])]
		s2 = next[s2+uint32(class[two[k]])]
		s3 = next[s3+uint32(class[three[k]])]
		s4 = next[s4+uint32(class[four[k]])]
		if s1 >= accepting || s2 >= accepting || s3 >= accepting || s4 >= accepting {
			n = i + k + 1
			break
		}
	}
	*states = [...]uint32{s1, s2, s3, s4}
	return n
}

type hit struct {
	keyword int32
	end     int
}

// walk continues from a state over a text that begins at an offset.
func (a *automaton) walk(state uint32, text []byte, offset int, found func(keyword int32, end int)) {
	for i, b := range text {
		state = a.next[state+uint32(a.class[b])]
		if state >= a.accepting {
			for _, k := range a.keywordsOf(state) {
				found(k, offset+i+1)
			}
		}
	}
}

func (a *automaton) keywordsOf(state uint32) []int32 { return a.ends[(state-a.accepting)/a.stride] }

// newAutomaton builds the table. Empty keywords never match.
func newAutomaton(keywords []string) *automaton {
	a := &automaton{stride: 1}
	for _, k := range keywords {
		for _, b := range []byte(k) {
			b = lower(b)
			if a.class[b] == 0 {
				a.class[b] = uint8(a.stride) // at most 229 bytes are their own lower case
				a.stride++
			}
		}
		a.length = append(a.length, len(k))
		a.longest = max(a.longest, len(k))
	}
	for b := byte('A'); b <= 'Z'; b++ {
		a.class[b] = a.class[b|0x20]
	}
	t := a.trie(keywords)
	a.number(t, t.order())
	return a
}

// trie is the tree of all keywords; its first state is the root, to which nothing
// leads back. It takes a tenth of the memory that the table does.
type trie []trieState

type trieState struct {
	child, sibling uint32 // the first of its children; the next of its parent's; 0 for none
	fail           uint32 // the state of the longest proper suffix
	class          uint8  // the column of the byte that leads here
	ends           []int32
}

func (a *automaton) trie(keywords []string) trie {
	t := make(trie, 1, 4*len(keywords)+1)
	for id, k := range keywords {
		if k == "" {
			continue
		}
		state := uint32(0)
		for _, b := range []byte(k) {
			class := a.class[lower(b)]
			next := t.step(state, class)
			if next == 0 {
				next = uint32(len(t))
				t = append(t, trieState{sibling: t[state].child, class: class})
				t[state].child = next
			}
			state = next
		}
		t[state].ends = append(t[state].ends, int32(id))
	}
	return t
}

// step returns the child of a state for a column, 0 for none.
func (t trie) step(state uint32, class uint8) uint32 {
	child := t[state].child
	for child != 0 && t[child].class != class {
		child = t[child].sibling
	}
	return child
}

// order returns the states breadth first, and finds for each its longest proper
// suffix, which comes before it, with the keywords that end there.
func (t trie) order() []uint32 {
	queue := make([]uint32, 1, len(t)) // the root
	for i := 0; i < len(queue); i++ {
		state := queue[i]
		for child := t[state].child; child != 0; child = t[child].sibling {
			queue = append(queue, child)
			if state == 0 {
				continue
			}
			fail := t[state].fail
			for fail != 0 && t.step(fail, t[child].class) == 0 {
				fail = t[fail].fail
			}
			fail = t.step(fail, t[child].class)
			t[child].fail = fail
			t[child].ends = append(t[child].ends, t[fail].ends...)
		}
	}
	return queue
}

// number writes the table, with the accepting states last, so that one
// comparison tells them. A row is that of the longest proper suffix, which is
// complete by then, with what the state has of its own over it.
func (a *automaton) number(t trie, states []uint32) {
	place := make([]uint32, len(t))
	at := uint32(0)
	for _, accepting := range []bool{false, true} {
		a.accepting = at
		for _, state := range states {
			if (len(t[state].ends) > 0) == accepting {
				place[state] = at
				at += a.stride
				if accepting {
					a.ends = append(a.ends, t[state].ends)
				}
			}
		}
	}
	a.next = make([]uint32, at)
	for _, state := range states {
		row := a.next[place[state]:][:a.stride]
		if state != 0 {
			copy(row, a.next[place[t[state].fail]:])
		}
		for child := t[state].child; child != 0; child = t[child].sibling {
			row[t[child].class] = place[child]
		}
	}
}

// lower returns an ASCII letter in lower case, other bytes as they are.
func lower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b | 0x20
	}
	return b
}
