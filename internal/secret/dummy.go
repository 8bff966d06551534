package secret

import (
	"bytes"
	"slices"
)

// placeholderParts stand in what is filled in later, or in nothing real.
var placeholderParts = byteLists("${", "$(", "{{", "}}", "<%", "%>", "#{", "...", "…", "****", "xxxxx", "00000000", "example", "changeme", "change_me", "change-me", "placeholder", "redacted", "your_", "your-", "-here", "_here", "insert_", "dummy", "sample", "notreal", "mytoken", "my_token", "my-token", "not-a-real", "fakekey", "fake_", "deadbeef", "1234567890", "abcdefghij", "0123456789", "todo", "lorem")

// dummyPasswords are no secrets when people write them for passwords. The
// list is of words that represent a password, not of bad passwords.
var dummyPasswords = byteLists("password", "passwd", "passw0rd", "p4ssw0rd", "p@ssw0rd", "pass", "pwd", "secret", "changeit", "notasecret", "notsosecret", "mysecret", "my-secret", "mypassword", "my_password", "yourpassword", "yoursecret", "secretkey", "secret_key", "token", "mytoken", "api_key", "apikey", "key", "test", "testing", "tests", "testpass", "testpassword", "test123", "user", "username", "admin", "foo", "foobar", "foobarbaz", "bar", "baz", "none", "null", "nil", "true", "false", "undefined", "empty", "unset", "string", "str", "default", "required", "optional", "value", "hidden", "masked", "encrypted", "plaintext", "text", "prompt", "ask", "yes", "no", "enabled", "disabled", "abc123", "123456", "12345678", "qwerty", "asdf", "asdfasdf", "xxx", "xxxx", "---", "foo:bar", "user:pass", "user:password", "username:password")

func byteLists(words ...string) [][]byte {
	var list [][]byte
	for _, w := range words {
		list = append(list, []byte(w))
	}
	return list
}

// isDummy reports whether a value is one that documentation, templates and
// tests use in a secret's place.
func isDummy(value []byte, password bool) bool {
	folded := bytes.ToLower(value)
	if len(value) < 256 && slices.ContainsFunc(placeholderParts, func(p []byte) bool { return bytes.Contains(folded, p) }) {
		return true
	}
	if distinct(value) < 4 && (password || len(value) > 8) || isSequence(folded) {
		return true
	}
	if !password {
		return false
	}
	return slices.ContainsFunc(dummyPasswords, func(p []byte) bool { return bytes.Equal(folded, p) }) || isReference(value)
}

// isReference reports whether a value names another one: a variable, a field, a
// call, an element of a template or a place where it is kept.
func isReference(value []byte) bool {
	first, last := value[0], value[len(value)-1]
	switch {
	case first == '$', first == '!', first == '&', first == '<' && last == '>', first == '%' && last == '%', first == '@' && last == '@', first == '[' && last == ']', first == '{' && last == '}':
		return true
	case bytes.HasPrefix(value, []byte("__")) && bytes.HasSuffix(value, []byte("__")):
		return true
	case first == '/' && isPath(value), bytes.HasPrefix(value, []byte("./")), bytes.HasPrefix(value, []byte("~/")):
		return true // a file
	case bytes.Contains(value, []byte("://")):
		return true // an address, such as vault://…
	case last == ')' && bytes.IndexByte(value, '(') > 0:
		return true // a call
	}
	return false
}

func distinct(text []byte) int {
	var seen [256]bool
	n := 0
	for _, b := range text {
		if !seen[b] {
			seen[b] = true
			n++
		}
	}
	return n
}

// isSequence reports whether most of a value just counts: "abcdefgh",
// "98765432", "qwertyuiop".
func isSequence(text []byte) bool {
	steps := 0
	for i := 1; i < len(text); i++ {
		if d := int(text[i]) - int(text[i-1]); d == 1 || d == -1 || d == 0 {
			steps++
		}
	}
	return len(text) >= 6 && steps*10 >= (len(text)-1)*7
}
