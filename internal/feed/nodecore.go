package feed

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/careen/careen/internal/vulndb"
)

// maxNodeCore bounds the index of Node's own vulnerabilities; it has 100 kB.
const maxNodeCore = 32 << 20

const leftNotLinux = "Node.js flaws on Windows and macOS only"

// nodeEcosystem is the ecosystem of the Node.js runtime, whose only package is
// "node". OSV has none for it.
const nodeEcosystem = "Node.js"

type nodeFlaw struct {
	CVE          []string  `json:"cve"`
	Vulnerable   string    `json:"vulnerable"`
	Patched      string    `json:"patched"`
	Severity     looseText `json:"severity"`
	CVSS         looseText `json:"cvss"`
	Published    looseText `json:"publish_date"`
	Environments []string  `json:"affectedEnvironments"`
}

// parseNodeCore reads the Node.js project's index of flaws of the runtime
// (https://github.com/nodejs/security-wg/tree/main/vuln/core): number → flaw,
// with npm ranges of the versions that are vulnerable and patched.
func parseNodeCore(r io.Reader, o *out) error {
	data, err := readAll(r, maxNodeCore)
	if err != nil {
		return err
	}
	var flaws map[string]json.RawMessage
	if err := json.Unmarshal(data, &flaws); err != nil {
		return err
	}
	for _, number := range sortedKeys(flaws) {
		o.read++
		if err := parseNodeFlaw(number, flaws[number], o); err != nil {
			o.skip(number, err)
		}
	}
	return o.stop
}

func parseNodeFlaw(number string, doc []byte, o *out) error {
	var flaw nodeFlaw
	if err := json.Unmarshal(doc, &flaw); err != nil {
		return err
	}
	rec := vulndb.Record{ID: "NSWG-COR-" + number, Source: "nodejs", Severity: severityWord(string(flaw.Severity))}
	if err := checkID(rec.ID); err != nil {
		return err
	}
	if e := flaw.Environments; len(e) > 0 && !slices.Contains(e, "all") && !slices.Contains(e, "linux") {
		o.leave(leftNotLinux, 1)
		return nil
	}
	for _, cve := range flaw.CVE {
		if err := checkCVE(cve); err != nil {
			return err
		}
	}
	if len(flaw.CVE) == 1 {
		rec.Aliases = flaw.CVE
	} else {
		rec.Upstream = flaw.CVE // several flaws with one fix
	}
	if c, ok := score(string(flaw.CVSS)); ok {
		rec.CVSS = []vulndb.CVSS{c}
	}
	rec.Published, _ = parseTime(string(flaw.Published)) // free text in some
	vulnerable, err := npmRange(flaw.Vulnerable, false)
	if err != nil {
		return fmt.Errorf("vulnerable: %w", err)
	}
	patched, err := npmRange(flaw.Patched, true)
	if err != nil {
		return fmt.Errorf("patched: %w", err)
	}
	ranges := subtract(vulnerable, patched)
	if len(ranges) == 0 {
		return fmt.Errorf("vulnerable %q: every version is patched by %q", flaw.Vulnerable, flaw.Patched)
	}
	rec.Affected = []vulndb.Affected{{Ecosystem: nodeEcosystem, Name: "node", Ranges: ranges}}
	o.add(rec)
	return nil
}

// triple is a release of Node.js.
type triple [3]int

func (t triple) compare(u triple) int { return slices.Compare(t[:], u[:]) }

func (t triple) String() string { return fmt.Sprintf("%d.%d.%d", t[0], t[1], t[2]) }

// span is the versions from lo up to but without hi.
type span struct{ lo, hi triple }

var noEnd = triple{1 << 30}

// npmRange reads a set of npm ranges (https://github.com/npm/node-semver#ranges)
// as far as this index uses them: "8.x || ^6.14.3 || >=6.0.0 <6.2.0 || <= 10".
// A lone version under "patched" means that version and the later ones of its
// line, as elsewhere in the index: a line keeps its fixes.
func npmRange(text string, patched bool) ([]span, error) {
	if len(text) > 1000 {
		return nil, fmt.Errorf("%.40q…: longer than 1000 bytes", text)
	}
	var spans []span
	for _, alternative := range strings.Split(text, "||") {
		s := span{hi: noEnd}
		alternative = strings.NewReplacer(">= ", ">=", "<= ", "<=", "> ", ">", "< ", "<", "^ ", "^").Replace(strings.TrimSpace(alternative))
		for _, part := range strings.Fields(alternative) {
			p, err := npmComparator(part, patched)
			if err != nil {
				return nil, err
			}
			if p.lo.compare(s.lo) > 0 {
				s.lo = p.lo
			}
			if p.hi.compare(s.hi) < 0 {
				s.hi = p.hi
			}
		}
		if alternative != "" && s.lo.compare(s.hi) < 0 {
			spans = append(spans, s)
		}
	}
	if len(spans) == 0 && !patched {
		return nil, fmt.Errorf("%q: no range of versions", text)
	}
	return spans, nil
}

func npmComparator(part string, patched bool) (span, error) {
	op := part[:len(part)-len(strings.TrimLeft(part, "<>=^~"))]
	var lo triple
	given := 0 // how many numbers the version has
	for i, text := range strings.Split(strings.TrimPrefix(part[len(op):], "v"), ".") {
		if text == "x" || text == "*" || i > 2 {
			break
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > 1<<20 {
			return span{}, fmt.Errorf("%q: not an npm range", part)
		}
		lo[i] = n
		given++
	}
	next := func(place int) triple { // the first version after all that share the numbers up to place
		if place < 0 {
			return noEnd
		}
		var t triple
		copy(t[:], lo[:place+1])
		t[place]++
		return t
	}
	if op == "" && patched && given == 3 {
		op = "^"
	}
	switch op {
	case "", "=":
		return span{lo, next(given - 1)}, nil
	case "^": // keeps the first number that is not 0
		for place := range 3 {
			if lo[place] != 0 || place == given-1 {
				return span{lo, next(place)}, nil
			}
		}
		return span{lo, noEnd}, nil
	case "~":
		return span{lo, next(min(given-1, 1))}, nil
	case ">=":
		return span{lo, noEnd}, nil
	case ">":
		return span{next(given - 1), noEnd}, nil
	case "<":
		return span{hi: lo}, nil
	case "<=":
		return span{hi: next(given - 1)}, nil
	}
	return span{}, fmt.Errorf("%q: not an npm range", part)
}

// subtract returns the versions in a but not in b as intervals, neighbours
// united, so that a line without a fix names the next line's.
func subtract(a, b []span) []vulndb.Range {
	byStart := func(x, y span) int { return cmp.Or(x.lo.compare(y.lo), x.hi.compare(y.hi)) }
	slices.SortFunc(a, byStart)
	slices.SortFunc(b, byStart)
	var left []span
	for _, s := range a {
		if n := len(left); n > 0 && s.lo.compare(left[n-1].hi) <= 0 {
			if s.hi.compare(left[n-1].hi) > 0 {
				left[n-1].hi = s.hi
			}
			continue
		}
		left = append(left, s)
	}
	var ranges []vulndb.Range
	emit := func(lo, hi triple) {
		if lo.compare(hi) >= 0 {
			return
		}
		r := vulndb.Range{}
		if lo != (triple{}) {
			r.Introduced = lo.String()
		}
		if hi != noEnd {
			r.Fixed = hi.String()
		}
		ranges = append(ranges, r)
	}
	for _, s := range left {
		lo := s.lo
		for _, p := range b {
			if p.hi.compare(lo) <= 0 || p.lo.compare(s.hi) >= 0 {
				continue
			}
			emit(lo, p.lo)
			lo = p.hi
		}
		emit(lo, s.hi)
	}
	return ranges
}
