// Package spelling finds the word that was meant by a misspelt one: a verb, a flag, a
// path. It knows words only, and none of them.
package spelling

import (
	"fmt"
	"strings"
	"unicode"
)

// Nearest returns the word of a list that was meant by a misspelt one, "" when none
// is near: one slip of the fingers for each four letters, or else an end that is too
// much or missing.
func Nearest(word string, words []string) string {
	word = plain(word)
	best, least := "", min(3, max(1, len(word)/4))+1
	for _, w := range words {
		if n := Slips(word, plain(w), least); n < least {
			best, least = w, n
		}
	}
	if best == "" {
		return sameBegin(word, words)
	}
	return best
}

// Meant is the end of an error about a word: which of a list was meant, as write has
// it, such as "--%s"; "" when none is near.
func Meant(word string, words []string, write string) string {
	if near := Nearest(word, words); near != "" {
		return fmt.Sprintf("; did you mean "+write+"?", near)
	}
	return ""
}

// shortestBegin is how long a word's begin must be to tell what was meant; one letter
// less where it is of two words.
const shortestBegin = 7

func tells(begin string, words bool) bool {
	return len(begin) >= shortestBegin || words && len(begin) == shortestBegin-1
}

// sameBegin returns the longest word that a plain one begins with, or the first that
// begins with it.
func sameBegin(word string, words []string) (best string) {
	for _, w := range words {
		switch p := plain(w); {
		case strings.HasPrefix(word, p) && tells(p, p != strings.ToLower(w)) && len(p) > len(plain(best)):
			best = w
		case strings.HasPrefix(p, word) && tells(word, p != strings.ToLower(w)) && best == "":
			best = w
		}
	}
	return best
}

// plain takes out what people leave out or write another way: "failon", "fail_on"
// and "FAIL-ON" are one.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
}

// maxLength bounds what is compared.
const maxLength = 4096

// Slips counts the letters that are wrong, missing, too many or swapped with their
// neighbour (the optimal string alignment distance); most where there are as many
// or more.
func Slips(a, b string, most int) int {
	if len(a)-len(b) >= most || len(b)-len(a) >= most || len(a) > maxLength {
		return most
	}
	before, last, now := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		now[0] = i
		smallest := i
		for j := 1; j <= len(b); j++ {
			wrong := 1
			if a[i-1] == b[j-1] {
				wrong = 0
			}
			now[j] = min(last[j]+1, now[j-1]+1, last[j-1]+wrong)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				now[j] = min(now[j], before[j-2]+1)
			}
			smallest = min(smallest, now[j])
		}
		if smallest >= most {
			return most
		}
		before, last, now = last, now, before
	}
	return min(last[len(b)], most)
}
