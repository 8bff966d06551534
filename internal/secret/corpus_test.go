package secret

import (
	"bufio"
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// sample is one line of the corpus.
type sample struct {
	rule     string // the rule that it is about
	path     string
	text     string
	secret   bool
	template string
}

var placeholder = regexp.MustCompile(`\{(\w+)(?::(\w+))?\}`)

var alphabets = map[string]string{
	"alnum":  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
	"lower":  "abcdefghijklmnopqrstuvwxyz0123456789",
	"upper":  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
	"letter": "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
	"hex":    "0123456789abcdef",
	"HEX":    "0123456789ABCDEF",
	"digit":  "0123456789",
	"base32": "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
	"bech32": "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
	"b64":    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
	"b64url": "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
}

// expand makes the text of a template. The same seed makes the same text.
func expand(t testing.TB, template string, seed uint64) string {
	rng := rand.New(rand.NewPCG(seed, 1))
	chars := func(kind string, n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = alphabets[kind][rng.IntN(len(alphabets[kind]))]
		}
		// Where a name may end with a sign, a generated value that does is cut
		// off by its reader: not what is measured here.
		if kind == "b64url" || kind == "b64" {
			b[0], b[n-1] = 'k', 'Q'
		}
		return string(b)
	}
	random := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rng.IntN(256))
		}
		return b
	}
	wrapped := func(raw []byte) string {
		text := base64.StdEncoding.EncodeToString(raw)
		var lines []string
		for len(text) > 64 {
			lines, text = append(lines, text[:64]), text[64:]
		}
		return strings.Join(append(lines, text), "\n")
	}
	der := func(n int) []byte { return append([]byte{0x30, 0x82, byte(n >> 8), byte(n)}, random(n)...) }
	openssh := func(n int) []byte { return append([]byte("openssh-key-v1\x00"), random(n)...) }

	template = strings.ReplaceAll(template, "{}", "")
	template = strings.ReplaceAll(template, "|", "\n")
	return placeholder.ReplaceAllStringFunc(template, func(p string) string {
		part := placeholder.FindStringSubmatch(p)
		n, _ := strconv.Atoi(part[2])
		switch kind := part[1]; kind {
		case "pipe":
			return "|"
		case "uuid":
			return fmt.Sprintf("%s-%s-4%s-a%s-%s", chars("hex", 8), chars("hex", 4), chars("hex", 3), chars("hex", 3), chars("hex", 12))
		case "crc", "badcrc":
			body := chars("alnum", n)
			sum := crc32.ChecksumIEEE([]byte(body))
			if kind == "badcrc" {
				sum++
			}
			digits := make([]byte, 6)
			for i := 5; i >= 0; i-- {
				digits[i] = base62[sum%62]
				sum /= 62
			}
			return body + string(digits)
		case "awsid":
			account := uint64(rng.Int64N(1_000_000_000_000))
			raw := random(10)
			for i := range 6 {
				raw[i] = byte((account<<7 | 1<<47) >> (8 * (5 - i)))
			}
			return base32.StdEncoding.EncodeToString(raw)
		case "basic":
			return base64.StdEncoding.EncodeToString([]byte(part[2] + ":" + chars("alnum", 12)))
		case "jwt":
			part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
			return part(`{"alg":"HS256","typ":"JWT"}`) + "." + part(`{"sub":"`+chars("digit", 10)+`","scope":"all"}`) + "." + chars("b64url", 43)
		case "pem":
			return wrapped(der(n))
		case "der":
			return base64.StdEncoding.EncodeToString(der(n))
		case "openssh":
			return wrapped(openssh(n))
		case "openssh1":
			return base64.StdEncoding.EncodeToString(openssh(n))
		default:
			if alphabets[kind] == "" {
				if n > 0 {
					t.Fatalf("unknown placeholder %s", p)
				}
				return p
			}
			return chars(kind, n)
		}
	})
}

// surroundings are those in which a token stands in real files.
var surroundings = []struct{ path, before, after string }{
	{"srv/note", "", ""},
	{"srv/.env", "API_CREDENTIAL=", "\n"},
	{"srv/run.sh", "export X=\"", "\"\n"},
	{"srv/config.json", `{"a": {"value": "`, `"}, "b": 1}`},
	{"srv/config.yaml", "service:\n  value: ", "\n  other: 1\n"},
	{"srv/app.py", "client = Client('", "')\n"},
	{"srv/app.js", "const c={k:`", "`};"},
	{"srv/notes", "the key is <", ">, they say"},
}

// readCorpus reads testdata/corpus.txt, whose head says what its lines mean.
func readCorpus(t testing.TB) []sample {
	f, err := os.Open("testdata/corpus.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []sample
	rule, seed := "", uint64(0)
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := lines.Text()
		seed++
		mark, rest, _ := strings.Cut(line, " ")
		s := sample{rule: rule, path: "srv/file", template: rest, secret: !strings.HasSuffix(mark, "-")}
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case mark == "*":
			token := expand(t, rest, seed)
			for _, at := range surroundings {
				s.path, s.text = at.path, at.before+token+at.after
				all = append(all, s)
			}
		case mark == "+" || mark == "-":
			s.text = expand(t, rest, seed)
			all = append(all, s)
		case strings.HasPrefix(mark, "@"):
			s.path = strings.TrimSuffix(mark[1:], "-")
			s.text = expand(t, rest, seed)
			all = append(all, s)
		default:
			rule = line
		}
	}
	return all
}

func defaults(t testing.TB) *Rules {
	t.Helper()
	all, err := DefaultRules()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestCorpus measures precision and recall on the labelled corpus: a positive
// counts as found when its own rule finds it, and anything found in a negative
// is a false one.
func TestCorpus(t *testing.T) {
	all := defaults(t)
	found, positives, wrong, negatives := 0, 0, 0, 0
	covered, declined := map[string]bool{}, map[string]bool{}
	for _, s := range readCorpus(t) {
		var ids []string
		for _, r := range all.named(s.path) {
			ids = append(ids, r.id)
		}
		for _, m := range all.find([]byte(s.text), s.path, false) {
			ids = append(ids, m.rule.id)
		}
		got := strings.Join(ids, " ")
		if s.secret {
			positives++
			covered[s.rule] = true
			if got == s.rule {
				found++
			} else {
				t.Errorf("%s: found %q in %s %s", s.rule, got, s.path, s.template)
			}
			continue
		}
		negatives++
		declined[s.rule] = true
		if got != "" {
			wrong++
			t.Errorf("%s: found %q in %s %s", s.rule, got, s.path, s.template)
		}
	}
	precision, recall := float64(found)/float64(found+wrong), float64(found)/float64(positives)
	t.Logf("%d rules; %d of %d positives found, %d of %d negatives taken for secrets: precision %.3f, recall %.3f",
		len(all.rules), found, positives, wrong, negatives, precision, recall)
	if precision < 0.99 || recall < 0.99 {
		t.Errorf("precision %.3f or recall %.3f below 0.99", precision, recall)
	}
	for _, r := range all.rules {
		if !covered[r.id] || !declined[r.id] {
			t.Errorf("rule %s: positive %v, near miss %v", r.id, covered[r.id], declined[r.id])
		}
		delete(covered, r.id)
	}
	for id := range covered {
		t.Errorf("the corpus has %q, which is no rule", id)
	}
	if len(all.rules) < 120 {
		t.Errorf("%d rules", len(all.rules))
	}
}
