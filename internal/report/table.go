package report

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/sbom"
)

// TableOptions says how a table is drawn. The zero value draws for a pipe.
type TableOptions struct {
	Width           int   // columns; 0 means 100, less than 40 is taken as 40
	Color           bool  // paint severity words and headings with the 16 ANSI colours
	Links           bool  // make ids hyperlinks (OSC 8)
	ByVulnerability bool  // one row a vulnerability instead of one an upgrade
	All             bool  // every row; otherwise the first 20
	Packages        bool  // a section with every package, those without findings too
	Order           Order // which rows come first
	Shown                 // what else is listed; what is not is counted
}

const (
	defaultWidth = 100
	minWidth     = 40
	maxWidth     = 2000
	shownRows    = 20 // rows before "… n more: --all"
	gap          = 2  // columns between two columns
	maxTitle     = 300
)

// exploited stands behind the severity of what is known to be exploited.
const exploited = ", exploited"

// WriteTable writes the reports for a person to read: what to upgrade, worst
// risk first. No line is wider than the width, nothing from the image reaches
// the terminal unescaped, and whatever is left out is counted.
func WriteTable(w io.Writer, reports []*Report, opt TableOptions) error {
	t := &table{width: effectiveWidth(opt.Width), color: opt.Color, links: opt.Links, order: opt.Order, Shown: opt.Shown}
	several := ofOneReference(reports)
	if several {
		t.platforms(reports)
	}
	for i, r := range reports {
		if i > 0 || several {
			t.blank()
		}
		t.report(r, opt, several)
	}
	_, err := w.Write(t.out.Bytes())
	return err
}

func effectiveWidth(width int) int {
	if width == 0 {
		width = defaultWidth
	}
	return min(max(width, minWidth), maxWidth)
}

// report writes the sections of one report; each is one function.
func (t *table) report(r *Report, opt TableOptions, several bool) {
	t.header(r, several)
	t.blank()
	t.counts(r)
	if opt.ByVulnerability {
		t.vulnerabilities(r, opt.All)
	} else {
		t.upgrades(r, opt.All)
	}
	t.hidden(r)
	t.suppressed(r, opt.All)
	t.unexplained(r)
	t.secrets(r, opt.All)
	t.configuration(r, opt.All)
	t.surface(r, opt.All)
	if opt.Packages {
		t.packages(r)
	}
	t.licenses(r, opt.Packages, opt.All)
	t.warnings(r)
	t.next(r)
}

// table gathers the lines of the output.
type table struct {
	out   bytes.Buffer
	width int
	color bool
	links bool
	order Order
	Shown
}

// put writes one line, cut to the width.
func (t *table) put(l line) {
	t.out.WriteString(strings.TrimRight(l.fit(t.width).paint(t.color, t.links), " "))
	t.out.WriteByte('\n')
}

func (t *table) blank() { t.out.WriteByte('\n') }

// flow writes parts with a separator between them, on as many lines as they
// need, the later ones indented.
func (t *table) flow(parts []line, separator string, indent int) {
	var current line
	for _, part := range parts {
		switch {
		case part.empty():
		case current == nil:
			current = part
		case current.width()+textWidth(separator)+part.width() <= t.width:
			current = current.add(separator).and(part)
		default:
			t.fold(current, indent+2)
			current = blanks(indent).and(part)
		}
	}
	if current != nil {
		t.fold(current, indent+2)
	}
}

// fold writes a line on as many lines as it needs, broken between words where
// it can be, the later ones indented.
func (t *table) fold(l line, indent int) {
	for l.width() > t.width {
		head, rest := l.split(t.width)
		t.put(head)
		l = blanks(indent).and(rest)
	}
	t.put(l)
}

// column is one column of a table: its heading and a cell for each row.
type column struct {
	head  string
	good  int  // columns to which it is narrowed before others suffer
	min   int  // columns below which it is not narrowed at all
	spare bool // may be left out on a terminal too narrow for all
	first bool // gives way before all others
	// whole: its cells identify the row and are never cut. One that is wider than
	// the column goes on alone, and the rest of its row on the next line.
	whole bool
	cells []line
	// narrow, where it is set, makes the cell of a row for w columns in a better
	// way than cutting its end off.
	narrow func(row, w int) line
}

// cell is what stands in a row of a column of w columns; that of a whole column
// may be wider.
func (c *column) cell(row, w int) line {
	cell := c.cells[row]
	if cell.width() > w && c.narrow != nil {
		cell = c.narrow(row, w)
	}
	if c.whole {
		return cell
	}
	return cell.fit(w)
}

func (c *column) natural() int {
	w := textWidth(c.head)
	for _, cell := range c.cells {
		w = max(w, cell.width())
	}
	return w
}

// usual is the width that most cells of a column fit in: those of the others
// are no reason to take room from every row.
func (c *column) usual() int {
	widths := []int{textWidth(c.head)}
	for row := range c.cells {
		widths = append(widths, c.cell(row, 0).width())
	}
	slices.Sort(widths)
	return widths[len(widths)*4/5]
}

// rows writes columns side by side. The widest is narrowed until all fit; if
// their least widths do not fit, spare columns go, the last first, and a line
// names them. Below a row stands what there is to say of it in words.
func (t *table) rows(columns []column, below ...string) {
	for i := range columns {
		if c := &columns[i]; c.whole {
			c.good = max(c.usual(), c.min)
		}
	}
	var left []string
	widths := fitColumns(columns, t.width)
	for widths == nil {
		i := lastSpare(columns)
		left = append(left, columns[i].head)
		columns = slices.Delete(slices.Clone(columns), i, i+1)
		widths = fitColumns(columns, t.width)
	}
	heads := make([]line, len(columns))
	for i, c := range columns {
		heads[i] = inked(c.head, bold)
	}
	t.put(aligned(heads, widths))
	for row := range columns[0].cells {
		t.row(columns, widths, row)
		if row < len(below) && below[row] != "" {
			t.fold(blanks(4).add(below[row]), 4)
		}
	}
	if left != nil {
		slices.Reverse(left)
		t.put(words("… too narrow for " + strings.Join(left, ", ")))
	}
}

// row writes one row, on further lines behind each cell that is wider than its
// column.
func (t *table) row(columns []column, widths []int, row int) {
	var l line
	at := 0 // where the column begins
	for i := range columns {
		cell := columns[i].cell(row, widths[i])
		if l.width() < at {
			l = l.add(strings.Repeat(" ", at-l.width()))
		}
		l = l.and(cell)
		at += widths[i] + gap
		if cell.width() > widths[i] && i < len(columns)-1 {
			t.fold(l, 2)
			l = nil
		}
	}
	if !l.blank() {
		t.fold(l, 2)
	}
}

// fitColumns returns the width of each column, nil when they cannot fit.
func fitColumns(columns []column, width int) []int {
	widths := make([]int, len(columns))
	total := gap * (len(columns) - 1)
	for i, c := range columns {
		widths[i] = c.natural()
		total += widths[i]
	}
	for ; total > width; total-- {
		i := widest(columns, widths)
		if i < 0 && lastSpare(columns) >= 0 {
			return nil
		}
		if i < 0 {
			i = wholeBeyond(columns, widths)
		}
		if i < 0 {
			return widths // row folds the line
		}
		widths[i]--
	}
	return widths
}

// widest returns the column to narrow next, -1 when none can be: first one that
// gives way, then one that is still beyond its good width, then one beyond its
// least.
func widest(columns []column, widths []int) int {
	for _, floor := range []func(column) int{
		func(c column) int {
			if c.first {
				return c.min
			}
			return maxWidth
		},
		func(c column) int { return max(c.good, c.min) },
		func(c column) int {
			if c.whole {
				return maxWidth
			}
			return c.min
		},
	} {
		if i := widestBeyond(columns, widths, floor); i >= 0 {
			return i
		}
	}
	return -1
}

// wholeBeyond returns the whole column to narrow when nothing else is left: the
// longest of its cells then get lines of their own.
func wholeBeyond(columns []column, widths []int) int {
	return widestBeyond(columns, widths, func(c column) int { return c.min })
}

func widestBeyond(columns []column, widths []int, floor func(column) int) int {
	found := -1
	for i, c := range columns {
		if widths[i] > floor(c) && (found < 0 || widths[i] > widths[found]) {
			found = i
		}
	}
	return found
}

func lastSpare(columns []column) int {
	for i := len(columns) - 1; i >= 0; i-- {
		if columns[i].spare {
			return i
		}
	}
	return -1
}

func aligned(cells []line, widths []int) line {
	var l line
	for i, cell := range cells {
		cell = cell.fit(widths[i])
		l = l.and(cell)
		if i < len(cells)-1 {
			l = l.add(strings.Repeat(" ", widths[i]-cell.width()+gap))
		}
	}
	return l
}

// upgrades writes one row for each upgrade.
func (t *table) upgrades(r *Report, all bool) {
	list := Upgrades(r, t.Shown)
	if len(list) == 0 {
		return
	}
	t.order.upgrades(list)
	rest := 0
	if !all && len(list) > shownRows {
		for _, u := range list[shownRows:] {
			rest += len(u.Packages)
		}
		list = list[:shownRows]
	}
	typeWidth := 0
	names := map[string]int{}
	for _, u := range list {
		typeWidth = max(typeWidth, len(typeWord(u.Packages[0].Type)))
		names[u.Packages[0].PURL]++
	}
	pkg := column{head: "PACKAGE", min: 14, whole: true}
	fix := column{head: "FIX", min: 8, whole: true}
	fixes := column{head: "FIXES", good: 36, min: 14}
	reached := column{head: "REACH", min: 8, spare: true}
	added := column{head: "ADDED BY", min: 10, spare: true, first: true}
	marked := false
	places := make([]string, len(list))
	pkg.narrow = func(row, w int) line { return packageCell(&list[row], typeWidth, places[row], w) }
	fixes.narrow = func(row, w int) line { return fixesCell(&list[row]).fitParts(w) }
	for i := range list {
		u := &list[i]
		p := u.Packages[0]
		if p.Type == "golang" || names[p.PURL] > 1 {
			places[i] = firstPath(p)
		}
		pkg.cells = append(pkg.cells, packageCell(u, typeWidth, places[i], maxWidth))
		fix.cells = append(fix.cells, words(fixWord(u)))
		fixes.cells = append(fixes.cells, fixesCell(u))
		fixes.min = max(fixes.min, idWidth(u, fixes.cells[i].width(), t.width-pkg.min-fix.min-2*gap))
		reached.cells = append(reached.cells, words(reachWord(u)))
		added.cells = append(added.cells, words(broughtBy(p)))
		marked = marked || p.Development
	}
	columns := []column{pkg, fix, fixes}
	if reachKnown(r) {
		columns = append(columns, reached)
	}
	if len(r.Target.Layers) > 0 || marked {
		columns = append(columns, added)
	}
	t.blank()
	t.rows(columns)
	if rest > 0 {
		t.put(words(fmt.Sprintf("… %s: --all", count(rest, "more package"))))
	}
}

// idWidth is what the worst id of a row takes, with its symbol before it and its
// severity behind; where there is room, also that it is exploited, and a sign that
// more follows. whole is what the whole cell takes.
func idWidth(u *Upgrade, whole, room int) int {
	least := textWidth(symbol(u.Worst().Severity)+" "+u.Worst().ID+" ") + severityWord(u.Worst().Severity).width()
	sign := textWidth(" …")
	for _, width := range []int{least + textWidth(exploited) + sign, least + sign} {
		if width = min(width, whole); width <= room && (u.Worst().KEV || width <= least+sign) {
			return width
		}
	}
	return least
}

// packageCell is "npm  minimist 0.0.8", with the number of further packages
// that the same upgrade moves, and the place where that tells copies apart,
// unless it does not fit in w columns.
func packageCell(u *Upgrade, typeWidth int, place string, w int) line {
	p := u.Packages[0]
	cell := words(fmt.Sprintf("%-*s  %s", typeWidth, typeWord(p.Type), p.Name))
	if n := len(u.Packages) - 1; n > 0 {
		cell = cell.add(fmt.Sprintf(" +%d", n))
	}
	cell = cell.add(" " + p.Version)
	if place == "" {
		return cell
	}
	if full := cell.add("  /" + place); full.width() <= w || w-cell.width() >= 8 {
		return full.fit(max(w, cell.width()))
	}
	return cell
}

// fixWord says what to go to, or why there is nothing to go to.
func fixWord(u *Upgrade) string {
	switch {
	case u.Several:
		return "see versions" // only without the matcher's word; --by vulnerability lists them
	case u.Fix != "":
		return u.Fix
	}
	states := map[finding.FixState]bool{}
	for _, v := range u.Leaves {
		states[v.Fix.State] = true
	}
	if len(states) > 1 || states[finding.Affected] {
		return "no fix yet"
	}
	for state := range states {
		return fixStateWord(state)
	}
	return "no fix yet"
}

func fixStateWord(state finding.FixState) string {
	switch state {
	case finding.Affected:
		return "no fix yet"
	case finding.WontFix:
		return "won't fix"
	case finding.Deferred:
		return "fix deferred"
	case finding.UnknownFix, "":
		return "fix unknown"
	}
	return string(state)
}

// fixesCell is "■ CVE-2021-44906 critical · 1 medium": the worst one, then how
// many others by severity, then what stays.
func fixesCell(u *Upgrade) line {
	worst := u.Worst()
	list := u.Fixes
	if len(list) == 0 {
		list = u.Leaves
	}
	l := words(symbol(worst.Severity)+" ").and(idLink(worst.ID), words(" "), severityWord(worst.Severity))
	if worst.KEV {
		l = l.add(exploited)
	}
	if suppressed(worst) {
		l = l.add(", suppressed")
	}
	if investigated(worst) {
		l = l.add(", under investigation")
	}
	if u.NotLinked > 0 {
		linked := len(u.Fixes) + len(u.Leaves)
		l = l.add(fmt.Sprintf(" · %d linked of %d", linked, linked+u.NotLinked))
	} else {
		l = l.and(severityCounts(list[1:], " · ", ""))
	}
	if len(u.Fixes) > 0 && len(u.Leaves) > 0 {
		l = l.and(severityCounts(u.Leaves, ", ", " · leaves "))
	}
	return l
}

// severityCounts is "2 high · 1 medium", each preceded by the separator, the
// first by head where that is given.
func severityCounts(list []*finding.Vulnerability, separator, head string) line {
	if head == "" {
		head = separator
	}
	counts := map[finding.Severity]int{}
	known := 0
	for _, v := range list {
		if suppressed(v) {
			known++
		} else {
			counts[v.Severity]++
		}
	}
	var l line
	for _, s := range finding.Severities() {
		if counts[s] == 0 {
			continue
		}
		l = l.add(head + fmt.Sprint(counts[s]) + " ").and(severityWord(s))
		head = separator
	}
	if known > 0 {
		l = l.add(fmt.Sprintf("%s%d suppressed", head, known))
	}
	return l
}

// symbol tells severities apart where there is no colour.
func symbol(s finding.Severity) string {
	switch s {
	case finding.Critical:
		return "■"
	case finding.High:
		return "▲"
	case finding.Medium:
		return "◆"
	case finding.Low:
		return "●"
	case finding.Negligible:
		return "○"
	}
	return "?"
}

func severityWord(s finding.Severity) line {
	word := strings.ToLower(s.String())
	switch s {
	case finding.Critical:
		return inked(word, boldRed)
	case finding.High:
		return inked(word, red)
	case finding.Medium:
		return inked(word, yellow)
	case finding.Low:
		return inked(word, cyan)
	}
	return words(word)
}

// reachKnown reports whether anything in the report says what the entrypoint
// reaches.
func reachKnown(r *Report) bool {
	return slices.ContainsFunc(r.Vulnerabilities, func(v finding.Vulnerability) bool { return v.Reach != nil }) ||
		slices.ContainsFunc(r.Packages, func(p sbom.Package) bool { return p.Reach != nil })
}

// reachWord is the strongest that is known of the row: one reached package
// makes it reached, and only all unreached ones make it "not seen".
func reachWord(u *Upgrade) string {
	states := map[finding.ReachState]bool{}
	for _, p := range u.Packages {
		if p.Reach != nil {
			states[p.Reach.State] = true
		}
	}
	for _, v := range append(slices.Clone(u.Fixes), u.Leaves...) {
		if v.Reach != nil {
			states[v.Reach.State] = true
		}
	}
	switch {
	case states[finding.Reached]:
		return "reached"
	case states[finding.ReachUnknown]:
		return "unknown"
	case states[finding.NotReached]:
		return "not seen"
	}
	return ""
}

// vulnerabilities writes the classic table: one row a vulnerability and package.
func (t *table) vulnerabilities(r *Report, all bool) {
	var list []*finding.Vulnerability
	for i := range r.Vulnerabilities {
		if v := &r.Vulnerabilities[i]; t.Lists(v) {
			list = append(list, v)
		}
	}
	if len(list) == 0 {
		return
	}
	packages := packageIndex(r.Packages)
	t.order.vulnerabilities(list, packages)
	rest := 0
	if !all && len(list) > shownRows {
		rest = len(list) - shownRows
		list = list[:shownRows]
	}
	pkg := column{head: "PACKAGE", min: 10, whole: true}
	id := column{head: "VULNERABILITY", min: 13, whole: true}
	severity := column{head: "SEVERITY", min: 8}
	status := column{head: "STATUS", min: 12, good: 12, spare: true}
	installed := column{head: "INSTALLED", min: 9, whole: true}
	fixed := column{head: "FIXED", min: 8, whole: true}
	where := column{head: "WHERE", min: 10, spare: true, first: true}
	var titles []string
	for _, v := range list {
		p := packages.of(v)
		titles = append(titles, cut(v.Title, maxTitle))
		pkg.cells = append(pkg.cells, words(typeWord(p.Type)+" "+p.Name))
		id.cells = append(id.cells, idLink(v.ID))
		word := words(symbol(v.Severity) + " ").and(severityWord(v.Severity))
		if v.KEV {
			word = word.add(exploited)
		}
		severity.min = max(severity.min, word.width())
		severity.cells = append(severity.cells, word)
		status.cells = append(status.cells, words(statusWord(v)))
		installed.cells = append(installed.cells, words(p.Version))
		fixed.cells = append(fixed.cells, words(v.Fix.Version))
		where.cells = append(where.cells, words(place(v, p.Base)))
	}
	t.blank()
	t.rows([]column{pkg, id, severity, status, installed, fixed, where}, titles...)
	if rest > 0 {
		t.put(words(fmt.Sprintf("… %s: --all", plural(rest, "more vulnerability", "more vulnerabilities"))))
	}
}

// idLink is an id that leads to the page about it.
func idLink(id string) line { return linked(id, pageOf(id)) }

// suppressed reports whether a finding is known and does not count; one that is
// not linked in has words of its own.
func suppressed(v *finding.Vulnerability) bool { return v.Suppressed != nil && !notLinked(v) }

// investigated reports whether somebody says in a VEX document that it is being
// looked into.
func investigated(v *finding.Vulnerability) bool {
	return v.VEX != nil && v.VEX.Status == "under_investigation"
}

// statusWord is the fix state, or why a listed vulnerability does not count.
func statusWord(v *finding.Vulnerability) string {
	switch {
	case notLinked(v):
		return "not linked"
	case v.Suppressed != nil:
		return "suppressed"
	case investigated(v):
		return "investigating"
	}
	return string(v.Fix.State)
}

// place is where a vulnerability sits: for what a distribution's package
// manager installed the layer says more than the path of its database.
func place(v *finding.Vulnerability, base bool) string {
	layer := ""
	if v.Layer >= 0 {
		layer = fmt.Sprintf("layer %d", v.Layer)
		if base {
			layer += " (base)"
		}
	}
	if len(v.Locations) == 0 || strings.HasPrefix(v.Package, "pkg:deb/") || strings.HasPrefix(v.Package, "pkg:apk/") || strings.HasPrefix(v.Package, "pkg:rpm/") {
		return layer
	}
	path := "/" + v.Locations[0].Path
	if n := len(v.Locations) - 1; n > 0 {
		path += fmt.Sprintf(" +%d", n)
	}
	if layer != "" {
		layer += " "
	}
	return layer + path
}
