package secret

import (
	"strings"
	"testing"

	"github.com/careen/careen/internal/costs"
)

func TestParseRulesRefuses(t *testing.T) {
	tests := []struct{ file, want string }{
		{"x = [", "f.toml:1: "},
		{"colour = 1", `f.toml:1: unknown key "colour"`},
		{"[[rules]]\nregex = 'x'", `f.toml: rule "": has no id`},
		{"[[rules]]\nid = 'a'", `f.toml: rule "a": has neither regex nor path`},
		{"[[rules]]\nid = 'a'\nregex = '('", `f.toml: rule "a": error parsing regexp`},
		{"[[rules]]\nid = 'a'\npath = '('", `f.toml: rule "a": path: error parsing regexp`},
		{"[[rules]]\nid = 'a'\nregex = 'x{1001}'", `f.toml: rule "a": error parsing regexp`},
		{"[[rules]]\nid = 'a'\nregex = 'x'\nchecksum = 'md5'", `f.toml: rule "a": no checksum is called "md5"`},
		{"[[rules]]\nid = 'a'\nregex = 'x'\nseverity = 'awful'", `f.toml: rule "a": severity "awful"`},
		{"[[rules]]\nid = 'a'\nregex = 'x'\nwindow = -1", `f.toml: rule "a": window -1: not from 0 to 65536`},
		{"[[rules]]\nid = 'a'\nregex = 'x'\nanchored = true", `f.toml: rule "a": anchored, but to no keyword`},
		{"[[rules]]\nid = 'a'\nregex = 'x'\n[[rules.required]]\nid = 'b'", `f.toml: rule "a": rules that require others are not supported`},
		{"[[rules]]\nid = 'a'\nregex = 'x'\n[[rules]]\nid = 'a'\nregex = 'y'", `f.toml: rule "a": there are two`},
		{"[[allowlists]]\nregexes = ['(']", "f.toml: allowlist: error parsing regexp"},
		{"[[allowlists]]\ncondition = 'XOR'", `f.toml: allowlist: condition "XOR": OR or AND`},
		{"[[allowlists]]\nregexTarget = 'file'", `f.toml: allowlist: regexTarget "file": secret, match or line`},
		{"[[allowlists]]\ntargetRules = ['b']\nstopwords = ['x']", `f.toml: allowlist: no rule is called "b"`},
		{"[extend]\npath = 'other.toml'", "f.toml: extend.path and extend.url are not supported"},
		{strings.Repeat("#", maxRuleFile+1), "f.toml: larger than 4194304 bytes"},
	}
	for _, tt := range tests {
		_, err := ParseRules("f.toml", []byte(tt.file))
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%.60q: %v, want %s", tt.file, err, tt.want)
		}
	}
}

// gitleaks is a rule file as Gitleaks' users write them.
const gitleaks = `
title = "Shop"
minVersion = "v8.20.0"

[[allowlists]]
description = "samples"
paths = ['''^samples/''']

[[allowlists]]
targetRules = ["shop-key"]
stopwords = ["demo"]

[allowlist]
regexTarget = "line"
regexes = ['''# public$''']

[[rules]]
id = "shop-key"
description = "Shop key"
regex = '''shop_([a-z]+)_(\d{6})'''
secretGroup = 2
keywords = ["SHOP_"]
tags = ["key"]

[[rules]]
id = "near"
regex = '''aws[\s\S]*?id (\d{4})'''
keywords = ["aws"]

[[rules]]
id = "config"
path = '''\.secret$'''

[[rules]]
id = "both"
regex = '''pin=(\d+)'''
[[rules.allowlists]]
condition = "AND"
paths = ['''^test/''']
regexes = ['''^0''']
`

func TestGitleaksFile(t *testing.T) {
	all, err := ParseRules("shop.toml", []byte(gitleaks))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ path, text, want string }{
		{"a", "x shop_eu_271828 y", "shop-key:1"},
		{"a", "x shop_eu_27182", ""},
		{"samples/a", "shop_eu_271828", ""},
		{"a", "shop_eu_271828 # public", ""},
		{"a", "shop_demo_271828", "shop-key:1"}, // the secret is the second group alone
		{"a", "the aws account\n" + strings.Repeat("line\n", 500) + "has id 2718", "near:502"},
		{"a.secret", "x", "config:0"},
		{"a", "pin=0815", "both:1"},
		{"test/a", "pin=0815", ""},
		{"test/a", "pin=2718", "both:1"},
		{"a", token(t, 1), ""},
	}
	for _, tt := range tests {
		if got := seenAt(t, all, tt.path, []byte(tt.text)); got != tt.want {
			t.Errorf("%s %.40q: got %q, want %q", tt.path, tt.text, got, tt.want)
		}
	}
	if r := all.rule("shop-key"); r.severityOf().String() != "HIGH" {
		t.Errorf("severity %s", r.severityOf())
	}
	if redactor := all.NewRedactor(imageWith(nil)); redactor.Text("x "+token(t, 1)) == "x "+token(t, 1) {
		t.Error("what careen's own rules know is shown because others are asked for")
	}
}

func TestExtend(t *testing.T) {
	all, err := ParseRules("more.toml", []byte(`
[extend]
useDefault = true
disabledRules = ["jwt"]
[[rules]]
id = "github-pat"
[[rules.allowlists]]
paths = ['''^known$''']
[[rules]]
id = "slack-webhook"
regex = '''webhook (\d+)'''
[[rules]]
id = "own"
regex = '''own (\d+)'''
`))
	if err != nil {
		t.Fatal(err)
	}
	jwt := expand(t, "{jwt}", 1)
	for _, tt := range []struct{ path, text, want string }{
		{"a", token(t, 1), "github-pat:1"},
		{"known", token(t, 1), ""},
		{"a", "webhook 1618", "slack-webhook:1"},
		{"a", "own 1618", "own:1"},
		{"a", jwt, ""},
	} {
		if got := seenAt(t, all, tt.path, []byte(tt.text)); got != tt.want {
			t.Errorf("%s %.30q: got %q, want %q", tt.path, tt.text, got, tt.want)
		}
	}
	own := defaults(t)
	if own.Visitor().Version == all.Visitor().Version {
		t.Error("facts of these rules would be taken for those of careen's own")
	}
	if again := defaults(t); own.Visitor().Version != again.Visitor().Version {
		t.Error("the same rules do not share facts")
	}
}

// TestEveryExpressionCompiles makes up for compiling the built-in rules late.
func TestEveryExpressionCompiles(t *testing.T) {
	f := &builtin
	if _, err := f.rules(eager); err != nil {
		t.Fatal(err)
	}
	for _, r := range f.Rules {
		if r.Severity == "" || r.Description == "" {
			t.Errorf("rule %s lacks a severity or a description", r.ID)
		}
		if r.Source == "" {
			t.Errorf("rule %s: who says what the secret looks like?", r.ID)
		}
		if len(r.Keywords) == 0 && r.Path == "" {
			t.Errorf("rule %s: neither keyword nor path: it runs over every byte", r.ID)
		}
		for _, k := range r.Keywords {
			if len(k) < 2 {
				t.Errorf("rule %s: keyword %q is everywhere", r.ID, k)
			}
		}
	}
}

func FuzzParseRules(f *testing.F) {
	f.Add(gitleaks)
	f.Add("[extend]\nuseDefault = true\n")
	f.Add("[[rules]]\nid='a'\nregex='a*'\nkeywords=['']\n")
	costs.Fuzz(f, func(t *testing.T, file string) {
		if len(file) > 10_000 {
			return
		}
		all, err := ParseRules("fuzz.toml", []byte(file))
		if err == nil {
			all.find([]byte("a token = 'b'\npassword: c\n"), "x", false)
		}
	})
}
