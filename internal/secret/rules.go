package secret

import (
	"bytes"
	"errors"
	"fmt"
	"hash/fnv"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/pelletier/go-toml/v2"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/lazy"
)

// Bounds of a rule file.
const (
	maxRuleFile = 4 << 20
	maxRules    = 5000
	maxKeywords = 20_000
	maxWindow   = 64 << 10
)

// Rules are what secrets are recognised by. They do not change once made; any
// number of goroutines may share them.
type Rules struct {
	rules      []*rule // in the order of the file: the first of two that overlap wins
	always     []*rule // those without a keyword
	byPath     []*rule // those without a regular expression: the file itself is the secret
	allow      []*allowlist
	automaton  func() *automaton
	ofKeyword  [][]*rule // the rules of each keyword of the automaton
	scans      sync.Pool // of *scan
	inflaters  sync.Pool // of *inflate.Reader
	texts      sync.Pool // of *[]byte, for what is unpacked
	generation int       // changes with whatever changes a result
	builtin    *Rules    // careen's own next to these: what they know is not shown either; nil when these are those
}

// rule recognises one kind of secret.
type rule struct {
	id, title  string
	severity   finding.Severity
	order      int // place among all rules
	regex      func() *regexp.Regexp
	extent     func() *extent // of regex
	path       *pathPattern   // nil for every path
	group      int            // of regex that is the secret; 0 means the first that took part
	entropy    float64        // bits a byte; 0 asks for none
	keywords   []string
	window     int  // bytes on either side of a keyword that regex sees; 0 means all of the text
	anchored   bool // a match begins with the keyword
	wordStart  bool // and the keyword begins a word
	assigned   bool // soon after which stands "=" or ":"
	assignment bool // no regex: what is assigned to a name with a keyword in it, if it was drawn by lot
	checksum   func(secret []byte) bool
	checked    string // what checksum is called
	source     string // who says what the secret looks like
	password   bool   // chosen by people
	allow      []*allowlist
}

// DefaultRules returns the rules that careen comes with: rules.toml, as builtin.go
// has them. They are made once.
func DefaultRules() (*Rules, error) { return defaultRules() }

var defaultRules = sync.OnceValues(func() (*Rules, error) { return builtin.rules(whenUsed) })

// ParseRules reads a rule file, as --secret-rules names one: its rules alone,
// or with "[extend] useDefault = true" next to careen's own. name is what errors
// call it.
func ParseRules(name string, data []byte) (*Rules, error) {
	f, err := parseRuleFile(name, data)
	if err != nil {
		return nil, err
	}
	if f.Extend.UseDefault {
		f = f.over(&builtin)
	}
	r, err := f.rules(eager)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	r.builtin, err = DefaultRules()
	return r, err
}

// ruleFile is a rule file as written: Gitleaks' names, and ours.
type ruleFile struct {
	Title      string
	MinVersion string
	Extend     struct {
		UseDefault    bool
		DisabledRules []string
		Path, URL     string
	}
	Window     int // ours: for the rules of this file that set none
	Allowlist  *allowlistText
	Allowlists []allowlistText
	Rules      []ruleText

	generation uint32
}

type ruleText struct {
	ID          string
	Description string
	Regex       string
	Path        string
	SecretGroup int
	Entropy     float64
	Keywords    []string
	Tags        []string
	SkipReport  bool
	Required    []map[string]any
	Allowlist   *allowlistText
	Allowlists  []allowlistText

	// Ours.
	Severity   string
	Checksum   string
	Source     string
	Stopwords  []string
	Window     *int
	Anchored   bool
	Assigned   bool
	Assignment bool
	Password   bool

	window int // as the rule or else its file sets it
}

func parseRuleFile(name string, data []byte) (*ruleFile, error) {
	if len(data) > maxRuleFile {
		return nil, fmt.Errorf("%s: larger than %d bytes", name, maxRuleFile)
	}
	var f ruleFile
	dec := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		var strict *toml.StrictMissingError
		var at *toml.DecodeError
		switch {
		case errors.As(err, &strict) && len(strict.Errors) > 0:
			line, _ := strict.Errors[0].Position()
			return nil, fmt.Errorf("%s:%d: unknown key %q", name, line, strings.Join(strict.Errors[0].Key(), "."))
		case errors.As(err, &at):
			line, _ := at.Position()
			return nil, fmt.Errorf("%s:%d: %w", name, line, err)
		}
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	switch {
	case f.Extend.Path != "" || f.Extend.URL != "":
		return nil, fmt.Errorf("%s: extend.path and extend.url are not supported: put the rules into one file", name)
	case len(f.Rules) > maxRules:
		return nil, fmt.Errorf("%s: more than %d rules", name, maxRules)
	}
	for i := range f.Rules {
		r := &f.Rules[i]
		if r.window = f.Window; r.Window != nil {
			r.window = *r.Window
		}
	}
	sum := fnv.New32a()
	sum.Write(data)
	f.generation = sum.Sum32()
	return &f, nil
}

// over returns base with the rules of f: a rule of a known id takes the place
// of the one that has it, or only adds its allowlists when it has neither a
// regular expression nor a path.
func (f *ruleFile) over(base *ruleFile) *ruleFile {
	merged := *base
	merged.generation = f.generation ^ base.generation*16777619
	merged.Rules = slices.DeleteFunc(slices.Clone(base.Rules), func(r ruleText) bool { return slices.Contains(f.Extend.DisabledRules, r.ID) })
	var own []ruleText
	for _, r := range f.Rules {
		at := slices.IndexFunc(merged.Rules, func(b ruleText) bool { return b.ID == r.ID })
		switch {
		case at < 0:
			own = append(own, r)
		case r.Regex == "" && r.Path == "" && !r.Assignment:
			known := &merged.Rules[at]
			known.Allowlists = append(slices.Clone(known.Allowlists), r.allowlists()...)
		default:
			merged.Rules[at] = r
		}
	}
	merged.Rules = append(own, merged.Rules...)
	merged.Allowlists = append(slices.Clone(base.Allowlists), f.allowlists()...)
	return &merged
}

func (f *ruleFile) allowlists() []allowlistText { return joined(f.Allowlist, f.Allowlists) }
func (r *ruleText) allowlists() []allowlistText { return joined(r.Allowlist, r.Allowlists) }

func joined(one *allowlistText, several []allowlistText) []allowlistText {
	if one != nil {
		return append([]allowlistText{*one}, several...)
	}
	return several
}

// compiler turns a regular expression into what returns it compiled: at once,
// so that a user's mistake is an error, or when first used, because a scan that
// meets no secret needs none of ours.
type compiler func(expr string) (func() *regexp.Regexp, error)

func eager(expr string) (func() *regexp.Regexp, error) {
	re, err := regexp.Compile(expr)
	return func() *regexp.Regexp { return re }, err
}

func whenUsed(expr string) (func() *regexp.Regexp, error) { return lazy.Regexp(expr), nil }

// rules compiles a file.
func (f *ruleFile) rules(compile compiler) (*Rules, error) {
	all := &Rules{generation: int(f.generation & 0x3fffffff)}
	var err error
	if all.allow, err = compileAllowlists(f.allowlists(), compile); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for i := range f.Rules {
		r, err := f.Rules[i].rule(compile)
		if err != nil {
			return nil, fmt.Errorf("rule %q: %w", f.Rules[i].ID, err)
		}
		if seen[r.id] {
			return nil, fmt.Errorf("rule %q: there are two", r.id)
		}
		seen[r.id] = true
		r.order = i
		all.rules = append(all.rules, r)
	}
	if err := f.targeted(all, compile); err != nil {
		return nil, err
	}
	all.index()
	if n := len(all.ofKeyword); n > maxKeywords {
		return nil, fmt.Errorf("%d keywords, more than %d", n, maxKeywords)
	}
	all.automaton = sync.OnceValue(func() *automaton { return newAutomaton(all.keywords()) }) // verbs that look at no text need none
	return all, nil
}

// targeted gives the global allowlists that name rules to those.
func (f *ruleFile) targeted(all *Rules, compile compiler) error {
	for _, text := range f.allowlists() {
		for _, id := range text.TargetRules {
			at := slices.IndexFunc(all.rules, func(r *rule) bool { return r.id == id })
			if at < 0 {
				return fmt.Errorf("allowlist: no rule is called %q", id)
			}
			text.TargetRules = nil
			list, err := compileAllowlists([]allowlistText{text}, compile)
			if err != nil {
				return err
			}
			all.rules[at].allow = append(all.rules[at].allow, list...)
		}
	}
	return nil
}

// index sorts the rules by how they are found.
func (all *Rules) index() {
	place := map[string]int{}
	for _, r := range all.rules {
		switch {
		case r.assignment:
		case r.regex == nil:
			all.byPath = append(all.byPath, r)
		case len(r.keywords) == 0:
			all.always = append(all.always, r)
		}
		for _, k := range r.keywords {
			at, known := place[k]
			if !known {
				at = len(all.ofKeyword)
				place[k] = at
				all.ofKeyword = append(all.ofKeyword, nil)
			}
			all.ofKeyword[at] = append(all.ofKeyword[at], r)
		}
	}
}

// keywords returns the distinct keywords in the order of ofKeyword.
func (all *Rules) keywords() []string {
	var list []string
	seen := map[string]bool{}
	for _, r := range all.rules {
		for _, k := range r.keywords {
			if !seen[k] {
				seen[k] = true
				list = append(list, k)
			}
		}
	}
	return list
}

func (t *ruleText) rule(compile compiler) (*rule, error) {
	r := &rule{id: t.ID, title: t.Description, group: t.SecretGroup, entropy: t.Entropy, password: t.Password, window: t.window, anchored: t.Anchored, assigned: t.Assigned, assignment: t.Assignment, source: t.Source}
	switch {
	case t.ID == "":
		return nil, errors.New("has no id")
	case r.assignment && (r.anchored || len(t.Keywords) == 0):
		return nil, errors.New("assignment, but anchored or without a keyword")
	case t.Regex == "" && t.Path == "" && !r.assignment:
		return nil, errors.New("has neither regex nor path")
	case len(t.Required) > 0:
		return nil, errors.New("rules that require others are not supported")
	case r.assigned && !r.anchored:
		return nil, errors.New("assigned, but not anchored")
	case r.anchored && len(t.Keywords) == 0:
		return nil, errors.New("anchored, but to no keyword")
	case r.window < 0 || r.window > maxWindow:
		return nil, fmt.Errorf("window %d: not from 0 to %d", r.window, maxWindow)
	}
	if r.title == "" {
		r.title = t.ID
	}
	for _, k := range t.Keywords {
		if k != "" && (t.Regex != "" || r.assignment) {
			r.keywords = append(r.keywords, strings.ToLower(k))
		}
	}
	var err error
	if t.Severity != "" {
		if r.severity, err = finding.ParseSeverity(t.Severity); err != nil {
			return nil, err
		}
	}
	if t.Checksum != "" {
		r.checked = t.Checksum
		if r.checksum = checksums[t.Checksum]; r.checksum == nil {
			return nil, fmt.Errorf("no checksum is called %q", t.Checksum)
		}
	}
	if t.Regex != "" {
		expr := t.Regex
		if r.assignment {
			expr = `\A(?i:` + expr + `)\z`
		}
		if r.anchored {
			r.wordStart = strings.HasPrefix(expr, `\b`)
			expr = `\A(?:` + expr + `)`
		}
		r.extent = sync.OnceValue(func() *extent { return extentOf(expr) })
		if r.regex, err = compile(expr); err != nil {
			return nil, err
		}
	}
	if t.Path != "" {
		if r.path, err = newPathPattern(t.Path, compile); err != nil {
			return nil, fmt.Errorf("path: %w", err)
		}
	}
	lists := t.allowlists()
	if len(t.Stopwords) > 0 {
		lists = append(slices.Clone(lists), allowlistText{Stopwords: t.Stopwords})
	}
	r.allow, err = compileAllowlists(lists, compile)
	return r, err
}
