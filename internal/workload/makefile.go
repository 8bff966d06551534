package workload

import "strings"

// parseMakefile reads the docker run lines of recipes. Each logical line is a
// script of its own, as it is for make (GNU make, "Recipe Execution").
func (f *File) parseMakefile(data []byte) {
	source := string(data)
	var commands []Command
	line := 1
	for at := 0; at < len(source); {
		end := logicalLine(source, at)
		text := source[at:end]
		if strings.HasPrefix(text, "\t") {
			t := shellText{source: text, seen: blankCarriageReturns(maskRecipe(text)), base: at, line: line}
			t.read()
			commands = append(commands, t.commands...)
		}
		line += strings.Count(text, "\n")
		at = end
	}
	f.runLines(commands)
}

// maskRecipe makes shell of a recipe line without moving a byte: the prefixes
// @, - and + become blanks, what make expands becomes a shell variable, and $$
// becomes the dollar that the shell sees.
func maskRecipe(text string) string {
	b := []byte(text)
	i := 0
	for i < len(b) && strings.IndexByte("\t @-+", b[i]) >= 0 {
		b[i] = ' '
		i++
	}
	for ; i+1 < len(b); i++ {
		if b[i] != '$' {
			continue
		}
		switch next := b[i+1]; {
		case next == '$':
			b[i] = '_'
			i++
		case next == '(' || next == '{':
			end := closing(b, i+1)
			for k := i + 1; k < end; k++ {
				if b[k] != '\n' {
					b[k] = 'V'
				}
			}
			i = end - 1
		case next != '\n' && next != '"' && next != '\'' && next != ' ':
			b[i+1] = 'V'
			i++
		}
	}
	return string(b)
}

// closing returns the offset behind the bracket that closes the one at at, the
// end of the text when none does.
func closing(b []byte, at int) int {
	open, shut := b[at], byte(')')
	if open == '{' {
		shut = '}'
	}
	depth := 0
	for i := at; i < len(b); i++ {
		switch b[i] {
		case open:
			depth++
		case shut:
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(b)
}
