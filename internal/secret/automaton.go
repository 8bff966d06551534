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

	// The trie; 0 represents "no edge", since nothing leads back to the root.
	trie := [][]uint32{make([]uint32, a.stride)}
	ends := [][]int32{nil}
	for id, k := range keywords {
		if k == "" {
			continue
		}
		state := uint32(0)
		for _, b := range []byte(k) {
			c := a.class[b]
			if trie[state][c] == 0 {
				trie[state][c] = uint32(len(trie))
				trie = append(trie, make([]uint32, a.stride))
				ends = append(ends, nil)
			}
			state = trie[state][c]
		}
		ends[state] = append(ends[state], int32(id))
	}
	resolve(trie, ends)
	a.number(trie, ends)
	return a
}

// resolve walks the trie breadth first and fills each missing edge with that of
// the longest proper suffix, which is complete by then.
func resolve(trie [][]uint32, ends [][]int32) {
	fail := make([]uint32, len(trie))
	queue := make([]uint32, 0, len(trie))
	for _, child := range trie[0] {
		if child != 0 {
			queue = append(queue, child)
		}
	}
	for i := 0; i < len(queue); i++ {
		state := queue[i]
		ends[state] = append(ends[state], ends[fail[state]]...)
		for c, child := range trie[state] {
			shorter := trie[fail[state]][c]
			if child == 0 {
				trie[state][c] = shorter
				continue
			}
			fail[child] = shorter
			queue = append(queue, child)
		}
	}
}

// number writes the table, with the accepting states last, so that one
// comparison tells them.
func (a *automaton) number(trie [][]uint32, ends [][]int32) {
	var order []int
	for _, accepting := range []bool{false, true} {
		a.accepting = uint32(len(order)) * a.stride
		for state := range trie {
			if (len(ends[state]) > 0) == accepting {
				order = append(order, state)
			}
		}
	}
	place := make([]uint32, len(trie))
	for i, state := range order {
		place[state] = uint32(i) * a.stride
	}
	a.next = make([]uint32, 0, len(trie)*int(a.stride))
	for _, state := range order {
		for _, to := range trie[state] {
			a.next = append(a.next, place[to])
		}
		if place[state] >= a.accepting {
			a.ends = append(a.ends, ends[state])
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
