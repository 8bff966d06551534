package secret

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/careen/careen/internal/costs"
	"github.com/careen/careen/internal/rootfs"
)

// token is one that the rule github-pat knows; no file here has it.
func token(t testing.TB, seed uint64) string { return expand(t, "g{}hp_{crc:30}", seed) }

// seenAt runs the visitor over a file and returns "rule:line" of what it keeps.
func seenAt(t testing.TB, all *Rules, path string, data []byte) string {
	t.Helper()
	v := all.Visitor()
	h := &rootfs.Header{Path: path, Size: int64(len(data))}
	if !v.Want(h, data[:min(len(data), 512)]) {
		return "not wanted"
	}
	fact, err := v.Visit(h, memory(data))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, s := range decode(fact).Found {
		list = append(list, fmt.Sprintf("%s:%d", s.Rule, s.Line))
	}
	return strings.Join(list, " ")
}

func TestFiles(t *testing.T) {
	all := defaults(t)
	pat := token(t, 1)
	wide := func(s string, high, low int) []byte {
		var b []byte
		for _, u := range append([]uint16{0xfeff}, utf16.Encode([]rune(s))...) {
			pair := [2]byte{}
			pair[high], pair[low] = byte(u>>8), byte(u)
			b = append(b, pair[:]...)
		}
		return b
	}
	lines := strings.Repeat("some line of text\n", 5)
	many := strings.Repeat("some line of text\n", 300_000) // more than a chunk
	tests := []struct {
		name, path string
		data       []byte
		want       string
	}{
		{"a line", "srv/x", []byte(lines + "token " + pat + "\n"), "github-pat:6"},
		{"CRLF", "srv/x", []byte("a\r\nb\r\n" + pat + "\r\n"), "github-pat:3"},
		{"a mark", "srv/x", []byte("\ufeff" + pat), "github-pat:1"},
		{"UTF-16, little", "srv/x", wide("a\nTOKEN="+pat+"\n", 1, 0), "github-pat:2"},
		{"UTF-16, big", "srv/x", wide("a\n\U0001f511 "+pat+"\n", 0, 1), "github-pat:2"},
		{"UTF-16, half", "srv/x", append(wide(pat, 1, 0), 'x'), "github-pat:1"},
		{"an allowed line", "srv/x", []byte(pat + " # careen:allow\n" + pat + " # gitleaks:allow\n"), ""},
		{"the line after", "srv/x", []byte("# careen:allow\n" + pat + "\n"), "github-pat:2"},
		{"a small binary", "srv/x", []byte("\x7fELF\x00\x00\x00" + pat + "\x00"), "github-pat:0"},
		{"a password in a binary", "srv/.env", []byte("\x7fELF\x00\nDB_PASSWORD=hunter2hunter2\n"), ""},
		{"a large binary", "srv/x", append([]byte("\x7fELF\x00"), bytes.Repeat([]byte{0}, maxBinary)...), "not wanted"},
		{"a picture", "srv/x.png", []byte("\x89PNG" + pat), "not wanted"},
		{"an empty file", "srv/x", nil, "not wanted"},
		{"a large text", "srv/x", []byte(many + pat + "\n" + many), "github-pat:300001"},
		{"twice in a large text", "srv/x", []byte(pat + "\n" + many + pat), "github-pat:1 github-pat:300002"},
		{"one line of megabytes", "srv/x", []byte(strings.Repeat("x ", chunkSize) + pat + strings.Repeat(" y", chunkSize)), "github-pat:1"},
		{"inside a word", "srv/x", []byte("x" + pat), ""},
		{"longer", "srv/x", []byte(pat + "x"), ""},
		{"a key store", "srv/id.p12", []byte("\x30\x82\x00\x00"), "keystore-file:0"},
		{"a lock file", "srv/app/package-lock.json", []byte(pat), ""},
		{"a test of a package", "srv/app/node_modules/x/test/a.js", []byte(pat), ""},
		{"a package", "srv/app/node_modules/x/index.js", []byte(pat), "github-pat:1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := seenAt(t, all, tt.path, tt.data); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestChunksSeeWhatOnePieceSees cuts texts at every place that matters: a key
// around the border of two chunks is found once, with its line.
func TestChunksSeeWhatOnePieceSees(t *testing.T) {
	all := defaults(t)
	key := expand(t, "-----BEGIN {}RSA PRIVATE KEY-----|{pem:1200}|-----END RSA PRIVATE KEY-----", 7)
	for _, border := range []int{chunkSize, chunkSize - overlap, chunkSize - 2*overlap} {
		for _, shift := range []int{-1, 0, 2000} {
			before := strings.Repeat("line\n", (border+shift)/5)
			text := before + key + "\n" + strings.Repeat("line\n", 200_000)
			want := fmt.Sprintf("private-key-rsa:%d", strings.Count(before, "\n")+1)
			if got := seenAt(t, all, "srv/x", []byte(text)); got != want {
				t.Errorf("border %d%+d: got %q, want %q", border, shift, got, want)
			}
		}
	}
}

// TestFactsHoldNoSecret looks for the values in what goes to the cache.
func TestFactsHoldNoSecret(t *testing.T) {
	all := defaults(t)
	for _, s := range readCorpus(t) {
		if !s.secret {
			continue
		}
		fact, err := all.visit(&rootfs.Header{Path: s.path, Size: int64(len(s.text))}, memory(s.text))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range all.find([]byte(s.text), s.path, false) {
			value := s.text[m.start:m.end]
			if len(value) > 10 {
				value = value[5 : len(value)-4]
			}
			if strings.Contains(string(fact), value) {
				t.Errorf("%s: the fact %s shows the secret", s.rule, fact)
			}
		}
	}
}

// FuzzFind holds the engine to its bounds on any bytes, and to finding the same
// whether windows are merged or not: a text after itself holds what it held.
func FuzzFind(f *testing.F) {
	all := defaults(f)
	for _, s := range readCorpus(f)[:200] {
		f.Add([]byte(s.text), s.path)
	}
	f.Add([]byte("\x00\xff-----BEGIN RSA PRIVATE KEY-----\\"), "x")
	costs.Fuzz(f, func(t *testing.T, text []byte, path string) {
		found := all.find(text, path, false)
		if len(found) > maxMatches {
			t.Errorf("%d matches", len(found))
		}
		end := 0
		for _, m := range found {
			if m.start < end || m.end <= m.start || m.end > len(text) {
				t.Fatalf("%s at %d to %d after %d in %d bytes", m.rule.id, m.start, m.end, end, len(text))
			}
			end = m.end
			if want := 1 + bytes.Count(text[:m.start], []byte{'\n'}); m.line != want {
				t.Errorf("%s on line %d, not %d", m.rule.id, want, m.line)
			}
			if shown := m.redacted(text); m.end-m.start >= 10 && strings.Contains(shown, string(text[m.start:m.end])) {
				t.Errorf("%s shows its secret", m.rule.id)
			}
		}
		seenAt(t, all, path, text)
	})
}

// TestBeginningsOfBlocks: a text of nothing but beginnings, as nobody writes one,
// finds the one block that has an end.
func TestBeginningsOfBlocks(t *testing.T) {
	all := defaults(t)
	for _, kind := range []string{"RSA PRIVATE KEY", "PRIVATE KEY", "OPENSSH PRIVATE KEY"} {
		begin, body := "-----BEGIN "+kind+"-----\n", "{pem:600}"
		if strings.HasPrefix(kind, "OPENSSH") {
			body = "{openssh:600}"
		}
		text := strings.Repeat(begin, 5000) + expand(t, body, 9) + "\n-----END " + kind + "-----\n" + strings.Repeat(begin, 5000)
		found := all.find([]byte(text), "srv/keys.txt", false)
		if len(found) != 1 || found[0].line != 5000 {
			t.Errorf("%s: %d found", kind, len(found))
		}
	}
}
