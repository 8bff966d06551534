package version

import "strings"

// compareMaven orders Maven versions as ComparableVersion of maven-artifact 3.8.7
// (https://maven.apache.org/pom.html#version-order-specification): numbers and
// words, with or without a dot between them; a hyphen or a change between digits
// and letters opens an inner list; zeros and "final" at the end of a list do
// not count. It takes any string: to Maven every string is a version. Where words
// stand between dots it is no total order (1.a.a < 1.rc < 1 < 1.a.a), as Maven's
// is none; real versions keep clear of that.
//
// ComparableVersion builds nested lists. Each list can hold one inner list, as
// its last item, so that the whole is a flat row of items in which an opening
// mark represents "the rest is an inner list"; comparing rows item by item is
// comparing the lists.
func compareMaven(a, b string) int {
	var bufA, bufB [24]mavenItem // on the stack; more items cost an allocation
	s, t := mavenItems(bufA[:0], a), mavenItems(bufB[:0], b)
	for i := 0; i < len(s) || i < len(t); i++ {
		var c int
		switch {
		case i >= len(s):
			c = -t[i].compareEnd()
		case i >= len(t):
			c = s[i].compareEnd()
		default:
			c = s[i].compare(t[i])
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

// mavenKind ranks the kinds of items where they meet: a number is newer than an
// inner list, an inner list newer than a word.
type mavenKind int

const (
	mavenWord mavenKind = iota
	mavenList
	mavenNumber
)

type mavenItem struct {
	kind mavenKind
	rank int    // of a word
	text string // digits of a number, letters of a word
}

// Ranks of words: those before a release, the release itself (no word at all,
// "ga", "final", "release"), "sp", and all other words by alphabet.
const (
	mavenAlpha = iota
	mavenBeta
	mavenMilestone
	mavenRC
	mavenSnapshot
	mavenRelease
	mavenServicePack
	mavenOther
)

var mavenWords = [...]struct {
	word string
	rank int
}{
	{"alpha", mavenAlpha}, {"beta", mavenBeta}, {"milestone", mavenMilestone}, {"rc", mavenRC}, {"cr", mavenRC},
	{"snapshot", mavenSnapshot}, {"ga", mavenRelease}, {"final", mavenRelease}, {"release", mavenRelease}, {"sp", mavenServicePack},
}

// newMavenWord makes a word; a, b and m are short for alpha, beta and milestone
// if a digit follows at once.
func newMavenWord(s string, digitFollows bool) mavenItem {
	if digitFollows && len(s) == 1 {
		switch lower(s[0]) {
		case 'a':
			return mavenItem{mavenWord, mavenAlpha, s}
		case 'b':
			return mavenItem{mavenWord, mavenBeta, s}
		case 'm':
			return mavenItem{mavenWord, mavenMilestone, s}
		}
	}
	for _, w := range mavenWords {
		if strings.EqualFold(w.word, s) {
			return mavenItem{mavenWord, w.rank, s}
		}
	}
	return mavenItem{mavenWord, mavenOther, s}
}

func newMavenItem(s string) mavenItem {
	if s == "" || isDigit(s[0]) {
		return mavenItem{kind: mavenNumber, text: trimZeros(s)}
	}
	return newMavenWord(s, false)
}

// null reports whether an item does not count at the end of a list.
func (x mavenItem) null() bool {
	return x.kind == mavenNumber && x.text == "" || x.kind == mavenWord && x.rank == mavenRelease
}

func (x mavenItem) compare(y mavenItem) int {
	switch {
	case x.kind != y.kind:
		return compareInts(int(x.kind), int(y.kind))
	case x.kind == mavenNumber:
		return compareDigits(x.text, y.text)
	case x.rank != y.rank:
		return compareInts(x.rank, y.rank)
	case x.rank == mavenOther:
		return compareFold(x.text, y.text)
	}
	return 0
}

// compareEnd compares with there being nothing.
func (x mavenItem) compareEnd() int {
	switch x.kind {
	case mavenNumber:
		if x.text != "" {
			return +1
		}
	case mavenWord:
		return compareInts(x.rank, mavenRelease)
	}
	return 0 // the items of an inner list follow in the row
}

// mavenItems appends the items of v.
func mavenItems(items []mavenItem, v string) []mavenItem {
	open := 0 // where the innermost list begins
	openList := func() {
		items = trimMavenList(items, open)
		items = append(items, mavenItem{kind: mavenList})
		open = len(items)
	}
	start := 0
	for i := 0; i < len(v); i++ {
		inNumber := i > start && isDigit(v[i-1])
		switch c := v[i]; {
		case c == '.' || c == '-':
			items = append(items, newMavenItem(v[start:i]))
			start = i + 1
			if c == '-' {
				openList()
			}
		case isDigit(c) && i > start && !inNumber:
			// A word that meets a number stands in a list of its own: 1.0.x1 is 1.0-x1.
			if len(items) > open {
				openList()
			}
			items = append(items, newMavenWord(v[start:i], true))
			start = i
			openList()
		case !isDigit(c) && inNumber:
			items = append(items, newMavenItem(v[start:i]))
			start = i
			openList()
		}
	}
	if start < len(v) {
		if !isDigit(v[start]) && len(items) > open {
			openList()
		}
		items = append(items, newMavenItem(v[start:]))
	}
	// An inner list with nothing in it is nothing, too.
	for {
		items = trimMavenList(items, open)
		if len(items) == 0 || items[len(items)-1].kind != mavenList {
			return items
		}
		items = items[:len(items)-1]
		for open = len(items); open > 0 && items[open-1].kind != mavenList; {
			open--
		}
	}
}

// trimMavenList drops what does not count at the end of the list at open.
func trimMavenList(items []mavenItem, open int) []mavenItem {
	for len(items) > open && items[len(items)-1].null() {
		items = items[:len(items)-1]
	}
	return items
}

// checkMaven accepts what Maven does, which is everything that is there at all.
func checkMaven(v string) error {
	if strings.TrimSpace(v) == "" {
		return invalid(Maven, v, "it is empty")
	}
	return nil
}
