package secret

import (
	"bytes"
	"slices"
)

// Bounds of an assignment.
const (
	maxName      = 80  // of the name, to either side of its keyword
	maxGlue      = 160 // between the name and the value: types, calls, tags
	maxValue     = 512
	maxLiterals  = 3 // of an expression that is assigned, as in getenv("X", "v")
	minCandidate = 12
)

// What it costs to read one and to judge a byte of a value, see work.
const (
	perAssignment = 100
	perJudged     = 16
)

// lookAssigned finds what is assigned to the name in which a keyword stands, in
// whatever language: NAME=v, "name": "v", name := `v`, <name>v</name>,
// --name v, name: T = f("x", "v"), {name: NAME, value: v} and the like.
func (s *scan) lookAssigned(r *rule, start, end int) {
	if !s.applies(r) {
		return
	}
	n := nameAround(s.text, start, end)
	if n.to == len(s.text) || !afterName[s.text[n.to]] {
		return // most are of expressions
	}
	if n.to == s.lastName[r.order] { // another keyword of the same name
		return
	}
	s.lastName[r.order] = n.to
	if s.nested(r, n.from) || !s.work.may(r, start, perAssignment) {
		return
	}
	a := &s.assignments
	*a = assignments{text: s.text, name: n}
	if !a.read() {
		return
	}
	name := s.text[n.from:n.to]
	telling := tells(name)
	for _, v := range a.values {
		if !s.work.may(r, start, perJudged*(v.to-v.from)) {
			return
		}
		s.nests[r.order].end = v.to
		value := s.text[v.from:v.to]
		if r.regex != nil {
			if telling && r.regex().Match(value) && (looksDrawn(value) || len(value) < minDrawn || isUUID(value)) {
				s.add(r, 0, []int{v.from, v.to})
			}
			continue
		}
		if telling && looksDrawn(value) || isUUID(value) && tellsUUID(name) {
			s.add(r, 0, []int{v.from, v.to})
		}
	}
}

// What may stand behind a name that is given a value, may close it, and may begin
// an operator.
var (
	afterName     = bytesOf("\"'`\\ \t\r\n=:,])}>(<{[?!|&%.+-")
	closerBytes   = bytesOf("\"'`\\[])&!%?}")
	operatorBytes = bytesOf("=!|?<:.+-o,")
)

// nameAround returns the whole of the name that has a keyword in it.
func nameAround(text []byte, start, end int) span {
	from, to := start, end
	for from > 0 && start-from < maxName && (isWordByte(text[from-1]) || text[from-1] == '-' || text[from-1] == '.') {
		from--
	}
	for to < len(text) && to-end < maxName && (isWordByte(text[to]) || (text[to] == '-' || text[to] == '.') && to+1 < len(text) && isWordByte(text[to+1])) {
		to++
	}
	return span{from, to}
}

// assignments reads the values that are assigned to a name.
type assignments struct {
	text   []byte
	name   span
	i      int // where it reads
	limit  int // where glue ends at most
	flag   bool
	values []span
	room   [maxLiterals]span
}

func (a *assignments) read() bool {
	a.values = a.room[:0]
	a.i = a.name.to
	a.limit = min(a.i+maxGlue, len(a.text))
	a.flag = a.text[a.name.from] == '-' || a.name.from > 0 && a.text[a.name.from-1] == '/'
	closed := a.closers()
	blank := a.blanks()
	switch {
	case a.i >= a.limit:
	case a.flag && a.nextOfList(): // - --name / - v
		a.value()
	case a.named(): // {name: NAME, value: v}
	case a.nested(): // name: {default: v}
	case a.tag(): // <name>v</name>, <x name="…" value="v"/>
	case a.operator():
		a.value()
	case blank && closed == 0 && a.declared(): // name Type = v
	case (closed == 0 || a.at(a.i-2) == ')' || a.has("{")) && a.skip("(", "{"): // setName("v"), fetch("NAME") { "v" }
		a.blanks()
		a.literal()
	case blank && closed > 0: // (setenv "NAME" "v")
		a.literal()
	case blank && !closedByQuote(a.text, a.name.to):
		a.spaced() // NAME v
	}
	return len(a.values) > 0
}

func closedByQuote(text []byte, i int) bool {
	return i < len(text) && (text[i] == '"' || text[i] == '\'' || text[i] == '`' || text[i] == '\\')
}

func (a *assignments) at(i int) byte {
	if i < len(a.text) {
		return a.text[i]
	}
	return 0
}

func (a *assignments) has(word string) bool {
	return len(a.text)-a.i >= len(word) && string(a.text[a.i:a.i+len(word)]) == word
}

func (a *assignments) skip(words ...string) bool {
	for _, w := range words {
		if a.has(w) {
			a.i += len(w)
			return true
		}
	}
	return false
}

// closers passes the quotes and brackets that end the name.
func (a *assignments) closers() int {
	from := a.i
	for a.i < a.limit && a.i-from < 8 && closerBytes[a.text[a.i]] {
		if a.has("}") && (a.name.from == 0 || a.text[a.name.from-1] != '{') { // $ENV{NAME} = v
			break
		}
		if !a.skip(`\"`, `\\`, `"`, `'`, "`", "[]", "]", ")", "}", "&quot;", "!", "%22") && !(a.has("?") && (a.at(a.i+1) == ':' || a.at(a.i+1) == '.') && a.skip("?")) {
			break
		}
	}
	return a.i - from
}

func (a *assignments) blanks() bool {
	from := a.i
	for a.i < a.limit && (a.text[a.i] == ' ' || a.text[a.i] == '\t') {
		a.i++
	}
	return a.i > from
}

// lines passes white space and the ends of lines.
func (a *assignments) lines() {
	for a.i < a.limit && isSpace(a.text[a.i]) {
		a.i++
	}
}

func isSpace(b byte) bool { return b == ' ' || b == '\t' || b == '\n' || b == '\r' }

// operators assign, the longer first; a comma stands between the arguments of a
// call, "||" and its like before what is taken in the place of nothing.
var operators = []string{"===", "!==", "||=", "??=", "<<<", "::=", ":=", "?=", ".=", "+=", "=>", "->", "<-", "==", "!=", "||", "??", "?:", ":-", "or ", ",", "=", ":"}

func (a *assignments) operator() bool {
	if !operatorBytes[a.at(a.i)] {
		return false
	}
	for _, op := range operators {
		if !a.has(op) {
			continue
		}
		// What a name is compared with is no assignment, but as good as one; of
		// what stands behind a comma only a literal is.
		a.i += len(op)
		a.blanks()
		if op == "," {
			a.lines()
			a.argumentName()
			return a.i < len(a.text) && bytes.IndexByte([]byte("\"'`\\@[<fbrunRN"), a.text[a.i]) >= 0
		}
		if op == ":" && a.has("=") {
			a.i++
			a.blanks()
		}
		return true
	}
	return false
}

// argumentName passes "default=", "defaultValue: " and the like.
func (a *assignments) argumentName() {
	i := a.i
	for i < a.limit && isWordByte(a.text[i]) {
		i++
	}
	if i > a.i && (a.at(i) == '=' || a.at(i) == ':' && bytes.HasPrefix(a.text[a.i:], []byte("default"))) {
		a.i = i + 1
		a.blanks()
	}
}

// declared passes a type that stands between a name and "=": Go, SQL, properties
// of C#.
func (a *assignments) declared() bool {
	i := a.i
	for i < a.limit && i-a.i < 40 && (isWordByte(a.text[i]) || bytes.IndexByte([]byte(" *[]<>.{};?()"), a.text[i]) >= 0) {
		i++
	}
	if a.at(i) == '=' && i > a.i && a.at(i+1) != '=' {
		a.i = i + 1
		a.blanks()
		a.value()
		return len(a.values) > 0
	}
	if at := bytes.Index(foldedTo(a.text[a.i:min(a.i+60, len(a.text))]), []byte("default ")); at >= 0 && !bytes.ContainsRune(a.text[a.i:a.i+at], '\n') {
		a.i += at + len("default ")
		a.value()
		return len(a.values) > 0
	}
	return false
}

func foldedTo(text []byte) []byte { return bytes.ToLower(text) }

// nextOfList passes to the next element of a list in YAML.
func (a *assignments) nextOfList() bool {
	from := a.i
	if a.at(a.i) == '\n' || a.at(a.i) == '\r' {
		a.lines()
		if a.skip("- ") {
			a.blanks()
			return true
		}
	}
	a.i = from
	return false
}

// spaced reads the value that stands behind white space: of a flag, or the last
// word of a line (netrc, ENV NAME v, set $name v;).
func (a *assignments) spaced() {
	if a.at(a.i) == '\\' && isSpace(a.at(a.i+1)) {
		a.i++
		a.lines()
	}
	if a.at(a.i) == '\n' || a.at(a.i) == '\r' {
		return
	}
	before := len(a.values)
	a.word()
	if len(a.values) == before || a.flag {
		return
	}
	// In a sentence something follows.
	v := a.values[before]
	for i := v.to; i < len(a.text) && a.text[i] != '\n'; i++ {
		if bytes.IndexByte([]byte(" \t\r;\"'`)}\\"), a.text[i]) < 0 {
			a.values = a.values[:before]
			return
		}
	}
}

// nested reads the "default" or "value" of a name that has several settings, as of
// CloudFormation's parameters and Terraform's outputs.
func (a *assignments) nested() bool {
	i := a.i
	for i < a.limit && (isSpace(a.text[i]) || a.text[i] == ':' || a.text[i] == '=') {
		i++
	}
	if between := a.text[a.i:i]; !bytes.ContainsAny(between, ":=") || a.at(i) != '{' && !bytes.Contains(between, []byte{'\n'}) {
		return false
	}
	return a.setting(i)
}

// valueKeys are what the value of a name or its default is assigned to.
var valueKeys = byteLists("value", "default")

// setting reads the value of a key of valueKeys that stands not far behind an offset.
func (a *assignments) setting(from int) bool {
	window := foldedTo(a.text[from:min(from+maxGlue, len(a.text))])
	if end := bytes.IndexByte(window, '}'); end >= 0 {
		window = window[:end]
	}
	for at := range window {
		if at > 0 && isWordByte(window[at-1]) || !slices.ContainsFunc(valueKeys, func(k []byte) bool { return bytes.HasPrefix(window[at:], k) }) {
			continue
		}
		if bytes.Count(window[:at], []byte{'\n'}) > 3 || bytes.Contains(window[:at], []byte("name:")) {
			return false
		}
		if a.setTo(from + at) {
			return true
		}
	}
	return false
}

// setTo reads what the key at an offset is set to.
func (a *assignments) setTo(key int) bool {
	end := bytes.IndexAny(a.text[key:min(key+12, len(a.text))], " =:\"'\\")
	if end < 0 {
		return false
	}
	b := assignments{text: a.text, i: key + end, limit: min(key+maxGlue, len(a.text)), flag: true, values: a.values}
	b.closers()
	if blank := b.blanks(); b.operator() || blank {
		b.value()
	}
	a.values = b.values
	return len(a.values) > 0
}

// valueFirst reads "value" that stands before the name: {value: v, name: X}.
func (a *assignments) valueFirst() bool {
	from := max(a.name.from-maxGlue, 0)
	before := foldedTo(a.text[from:a.name.from])
	if i := bytes.LastIndexAny(before, "{}<>"); i >= 0 {
		before, from = before[i+1:], from+i+1
	}
	if i := bytes.LastIndex(before, []byte("- ")); i >= 0 {
		before, from = before[i+2:], from+i+2
	}
	at := bytes.LastIndex(before, []byte("value"))
	if at < 0 || at > 0 && isWordByte(before[at-1]) || bytes.Count(before[at:], []byte{'\n'}) > 1 {
		return false
	}
	return a.setTo(from + at)
}

// named reads "value" next to a name that is itself a value: - name: X / value: v,
// {"name": "X", "value": "v"}, -Name X -Value v.
func (a *assignments) named() bool {
	if a.name.from == 0 || bytes.IndexByte([]byte("\"'`:= $\\"), a.text[a.name.from-1]) < 0 || !isValueOfName(a.text[max(a.name.from-24, 0):a.name.from]) {
		return false
	}
	return a.setting(a.i) || a.valueFirst()
}

// nameKeys are what the name of a variable is assigned to.
var nameKeys = byteLists("name", "key", "-n", "variable")

func isValueOfName(before []byte) bool {
	before = bytes.TrimRight(before, " \t\"'`\\/$")
	before = bytes.TrimRight(bytes.TrimRight(before, ":="), " \t\"'`\\")
	return slices.ContainsFunc(nameKeys, func(k []byte) bool {
		return len(before) >= len(k) && bytes.EqualFold(before[len(before)-len(k):], k)
	})
}

// tag reads what XML and HTML assign: the text of an element, or the attribute
// "value" next to one that holds the name.
func (a *assignments) tag() bool {
	from := a.i
	for tags := 0; a.i < a.limit && tags < 4; {
		a.lines()
		switch {
		case a.skip("/>"):
			return false
		case a.skip("<![CDATA["), a.has("<"):
			if a.has("<") {
				end := bytes.IndexByte(a.text[a.i:a.limit], '>')
				if end < 0 || a.at(a.i+1) == '<' {
					a.i = from
					return false
				}
				a.i += end
				tags++
				continue
			}
			tags++
		case a.skip(">"):
			tags++
		case tags > 0:
			a.text1()
			return true
		case a.attribute():
			if len(a.values) > 0 {
				return true
			}
		default:
			a.i = from
			return false
		}
		if tags > 0 && !a.has("<") && !isSpace(a.at(a.i)) {
			a.text1()
			return true
		}
	}
	a.i = from
	return false
}

// attribute passes NAME="…" and takes the value of one that is called value.
func (a *assignments) attribute() bool {
	i := a.i
	for i < a.limit && (isWordByte(a.text[i]) || a.text[i] == '-' || a.text[i] == ':') {
		i++
	}
	if i == a.i || a.at(i) != '=' || a.at(i+1) != '"' && a.at(i+1) != '\'' || !isSpace(a.at(a.i-1)) {
		return false
	}
	name := foldedTo(a.text[a.i:i])
	end := bytes.IndexByte(a.text[i+2:min(i+2+maxValue, len(a.text))], a.text[i+1])
	if end < 0 {
		return false
	}
	if string(name) == "value" || string(name) == "content" || string(name) == "default" {
		a.take(i+2, i+2+end)
	}
	a.i = i + 2 + end + 1
	a.limit = max(a.limit, min(a.i+40, len(a.text)))
	return true
}

// text1 takes the text of an element.
func (a *assignments) text1() {
	i := a.i
	for i < len(a.text) && i-a.i < maxValue && a.text[i] != '<' && a.text[i] != ']' && !isSpace(a.text[i]) {
		i++
	}
	a.take(a.i, i)
}

// value reads what stands behind an operator: a literal, a word, a block or an
// expression with literals in it.
func (a *assignments) value() {
	for range 3 { // lists and blocks
		switch {
		case a.has("[") || a.has("{") || a.has("("):
			a.i++
			a.lines()
		case (a.has("|") || a.has(">")) && a.blockScalar():
		case a.has("!") || a.has("&"): // tags and anchors of YAML
			for a.i < a.limit && !isSpace(a.text[a.i]) && a.text[a.i] != '"' {
				a.i++
			}
			a.blanks()
		case a.nextOfList():
		case a.nextQuoted():
		case a.has("\\\n"), a.has("\\\r\n"), a.has("`\n"): // the line goes on
			a.i++
			a.lines()
		case a.has(`<<"`): // a binary of Erlang
			a.i += 2
		case a.has("<<"): // here-document
			if end := bytes.IndexByte(a.text[a.i:a.limit], '\n'); end >= 0 {
				a.i += end
				a.lines()
			}
		}
	}
	if a.literal() {
		a.otherwise()
		return
	}
	if a.bracketed() {
		return
	}
	a.word()
	if len(a.values) == 0 {
		a.expression()
	}
}

// bracketed takes a literal that stands in brackets: q(v) and %q{v} of Perl and Ruby.
func (a *assignments) bracketed() bool {
	i := a.i
	for i < len(a.text) && i-a.i < 3 && bytes.IndexByte([]byte("%qQwW"), a.text[i]) >= 0 {
		i++
	}
	open := bytes.IndexByte([]byte("({[<"), a.at(i))
	if i == a.i || open < 0 || a.text[i-1]|0x20 != 'q' {
		return false
	}
	end := bytes.IndexByte(a.text[i+1:min(i+1+maxValue, len(a.text))], ")}]>"[open])
	if end >= 0 {
		a.take(i+1, i+1+end)
	}
	return end >= 0
}

// nextQuoted passes to a literal on the next line.
func (a *assignments) nextQuoted() bool {
	from := a.i
	a.lines()
	if a.i > from && (a.has(`"`) || a.has("'")) {
		return true
	}
	a.i = from
	return false
}

// blockScalar passes the head of a block of YAML: |, >-, |2 and the like.
func (a *assignments) blockScalar() bool {
	i := a.i + 1
	for i < len(a.text) && (a.text[i] == '-' || a.text[i] == '+' || '1' <= a.text[i] && a.text[i] <= '9' || a.text[i] == ' ' || a.text[i] == '\r') {
		i++
	}
	if a.at(i) != '\n' {
		return false
	}
	a.i = i
	a.lines()
	return true
}

// quotes begin literals, the longer first, and end them.
var quotes = []string{`\\\"`, `"\"`, `\"`, `"""`, `'''`, `"'`, `'"`, `"`, `'`, "`", "&quot;", "&#34;"}

// literal takes a literal, with a letter before it where a language has such.
func (a *assignments) literal() bool {
	i := a.i
	for i < len(a.text) && i-a.i < 3 && bytes.IndexByte([]byte("fFbBrRuULNn@$q"), a.text[i]) >= 0 {
		i++
	}
	for _, q := range quotes {
		if !bytes.HasPrefix(a.text[min(i, len(a.text)):], []byte(q)) {
			continue
		}
		i += len(q)
		if len(q) == 3 && q[0] == q[1] || q == "`" {
			for i < len(a.text) && isSpace(a.text[i]) {
				i++
			}
		}
		closing := q[0]
		if len(q) == 2 {
			closing = q[1] // of "'v'" the inner one
		}
		if bytes.IndexByte([]byte(q), '\\') >= 0 {
			closing = '\\'
		}
		end := bytes.IndexByte(a.text[i:min(i+maxValue, len(a.text))], closing)
		if end < 0 {
			return false
		}
		a.take(i, i+end)
		a.i = i + end
		a.skip(q)
		return true
	}
	return false
}

// otherwise goes on behind a literal that something else is taken instead of, or
// that is the first argument of more.
func (a *assignments) otherwise() {
	a.blanks()
	for range maxLiterals {
		if !a.skip("||", "??", "?:", "or ", "+", ".") && (len(a.values) > 0 || !a.second() || !a.skip(",")) { // a, b := "x", "v"
			return
		}
		a.lines()
		if !a.literal() {
			return
		}
		a.blanks()
	}
}

// second reports whether the name is the second of several that are given values.
func (a *assignments) second() bool { return bytes.HasSuffix(a.text[:a.name.from], []byte(", ")) }

// word takes a value without quotes.
func (a *assignments) word() {
	a.skip("Bearer ", "bearer ", "Token ", "token ")
	if a.literal() {
		return
	}
	i := a.i
	for i < len(a.text) && i-a.i < maxValue && !isSpace(a.text[i]) && bytes.IndexByte([]byte("\"'`,;<>(){}[]|&\\"), a.text[i]) < 0 {
		i++
	}
	switch next := a.at(i); {
	case next == '(' || next == '[' || next == '{' || next == '`' && (isWordByte(a.at(i+1)) || a.at(i+1) == '$'):
		return // a call or an element
	}
	// ${NAME:v} of Spring, NAME:-v of the shell end with a brace; NAME?v of none.
	a.take(a.i, i)
}

// expression takes the literals of the rest of a statement: process.env.X || "v",
// os.getenv("X", "v"), new Token("v").
func (a *assignments) expression() {
	for a.i < a.limit && len(a.values) < maxLiterals {
		switch a.text[a.i] {
		case '\n', ';':
			return
		case '"', '\'', '`':
			if !a.literal() {
				return
			}
		default:
			a.i++
		}
	}
}

// take notes a value, without the word that says how it is used.
func (a *assignments) take(from, to int) {
	value := a.text[from:to]
	for _, scheme := range []string{"Bearer ", "bearer ", "Token ", "token ", "ApiKey ", "Apikey "} {
		if bytes.HasPrefix(value, []byte(scheme)) {
			from += len(scheme)
			value = a.text[from:to]
		}
	}
	trimmed := bytes.TrimLeft(value, " \t\r\n")
	from = to - len(trimmed)
	trimmed = bytes.TrimRight(trimmed, " \t\r\n")
	to = from + len(trimmed)
	if isOID(trimmed) || a.isNamedAfter(trimmed) {
		return
	}
	if len(trimmed) < minCandidate || len(a.values) >= maxLiterals || bytes.ContainsAny(trimmed, " \t\r\n()[]{}<>\\|\"'`,;") || !isPlain(trimmed) {
		return
	}
	a.values = append(a.values, span{from, to})
}

// isOID knows the numbers of ITU-T X.660: digits between dots.
func isOID(value []byte) bool {
	return bytes.Count(value, []byte{'.'}) > 2 && len(bytes.Trim(value, ".0123456789")) == 0
}

// isNamedAfter reports whether a value is a name itself, made with the one that it is
// given: ENCRYPT_KEY = T_ENCRYPT_KEY.
func (a *assignments) isNamedAfter(value []byte) bool {
	name := a.text[a.name.from:a.name.to]
	c := countClasses(value)
	return c.digits == 0 && len(name) > 6 && bytes.Contains(value, name)
}
