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

	trie, ends := a.trie(keywords)
	a.number(trie, a.resolve(trie, ends), ends)
	return a
}

// trie returns the edges of the tree of all keywords, stride for each state, and the
// keywords that end in a state; 0 represents "no edge", since nothing leads back to
// the root.
func (a *automaton) trie(keywords []string) (edges []uint32, ends [][]int32) {
	states := 1
	for _, k := range keywords {
		states += len(k)
	}
	edges = make([]uint32, states*int(a.stride))
	ends = make([][]int32, 1, states)
	for id, k := range keywords {
		if k == "" {
			continue
		}
		state := uint32(0)
		for _, b := range []byte(k) {
			edge := &edges[state*a.stride+uint32(a.class[lower(b)])]
			if *edge == 0 {
				*edge = uint32(len(ends))
				ends = append(ends, nil)
			}
			state = *edge
		}
		ends[state] = append(ends[state], int32(id))
	}
	return edges[:len(ends)*int(a.stride)], ends
}

// resolve walks the trie breadth first and fills each missing edge with that of the
// longest proper suffix, which is complete by then. It returns the states in order.
func (a *automaton) resolve(edges []uint32, ends [][]int32) []uint32 {
	row := func(state uint32) []uint32 { return edges[state*a.stride:][:a.stride] }
	fail := make([]uint32, len(ends))
	queue := make([]uint32, 1, len(ends)) // the root
	own := make([]uint32, a.stride)
	for i := 0; i < len(queue); i++ {
		state := queue[i]
		copy(own, row(state))
		shorter := row(fail[state])
		if state != 0 {
			ends[state] = append(ends[state], ends[fail[state]]...)
			copy(row(state), shorter)
		}
		for c, child := range own {
			if child == 0 {
				continue
			}
			if state != 0 {
				fail[child] = shorter[c]
				row(state)[c] = child
			}
			queue = append(queue, child)
		}
	}
	return queue
}

// number writes the table, with the accepting states last, so that one
// comparison tells them.
func (a *automaton) number(edges, states []uint32, ends [][]int32) {
	order := make([]uint32, 0, len(states))
	for _, accepting := range []bool{false, true} {
		a.accepting = uint32(len(order)) * a.stride
		for _, state := range states {
			if (len(ends[state]) > 0) == accepting {
				order = append(order, state)
			}
		}
	}
	place := make([]uint32, len(states))
	for i, state := range order {
		place[state] = uint32(i) * a.stride
	}
	a.next = make([]uint32, len(edges))
	for i, state := range order {
		from, to := edges[state*a.stride:][:a.stride], a.next[uint32(i)*a.stride:]
		for c, next := range from {
			to[c] = place[next]
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
