package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/lazy"
	"github.com/careen/careen/internal/purl"
	"github.com/careen/careen/internal/sbom"
)

// ofOneReference reports whether there are several reports, which differ by their
// platforms: those of several images go by their references.
func ofOneReference(reports []*Report) bool {
	return len(reports) > 1 && !slices.ContainsFunc(reports, func(r *Report) bool { return r.Target.Ref != reports[0].Target.Ref })
}

// Name tells a report from others that it is printed with: by its platform, or by
// its reference where they are of several.
func (r *Report) Name(among []*Report) string {
	switch {
	case len(among) < 2:
		return ""
	case ofOneReference(among):
		return r.Target.Platform
	}
	return r.Target.Ref
}

// platforms writes the header that several reports on one reference share.
func (t *table) platforms(reports []*Report) {
	names := make([]string, len(reports))
	for i, r := range reports {
		names[i] = cmp.Or(r.Target.Platform, "platform unknown")
	}
	t.flow([]line{
		inked(reports[0].Target.Ref, bold),
		words(plural(len(reports), "platform", "platforms") + ": " + strings.Join(names, ", ")),
	}, " · ", 2)
}

// header says what was scanned and against what.
func (t *table) header(r *Report, several bool) {
	title := inked(r.Target.Ref, bold)
	platform := words(r.Target.Platform)
	if several && !platform.empty() {
		title, platform = inked(r.Target.Platform, bold), nil
	}
	size := bytesWord(r.Target.Size)
	if r.Target.Kind == "sbom" {
		size = "" // there are no layers
	}
	if n := len(r.Target.Layers); n > 0 {
		size += " in " + count(n, "layer")
	}
	if slices.ContainsFunc(r.Warnings, isUnverified) {
		size += ", not verified"
	}
	t.flow([]line{title, platform, words(shortDigest(r.Target.Digest)), words(size)}, " · ", 2)

	parts := []line{osLine(r), words(packageCounts(r.Packages))}
	if n := r.Target.Development; n > 0 {
		parts = append(parts, words(fmt.Sprintf("%d more for development (--include-dev)", n)))
	}
	if r.Database != nil && len(r.Database.Reach) == 0 && !r.Database.Newest.IsZero() {
		parts = append(parts, words("advisories of "+r.Database.Newest.UTC().Format(time.DateOnly)))
	}
	t.flow(parts, " · ", 2)
	t.reach(r)
}

// osLine names the distribution, and loudly what keeps its findings from being
// complete: an end of life, or no advisories for it.
func osLine(r *Report) line {
	os := r.Target.OS
	if os == nil {
		return words("no distribution")
	}
	name := os.Name
	if name == "" {
		name = strings.TrimSpace(os.ID + " " + os.Version + " " + os.Codename)
	}
	l := words(name)
	var notes []line
	switch {
	case os.PastEOL:
		since := ""
		if os.EOL != "" {
			since = " since " + os.EOL
		}
		notes = append(notes, inked("END OF LIFE"+since, boldRed))
	case len(os.EOL) >= len("2006-01"):
		notes = append(notes, words("supported until "+os.EOL[:len("2006-01")]))
	}
	if os.FixedOnly {
		notes = append(notes, words("only flaws with a fix are known"))
	}
	if len(notes) > 0 {
		l = l.add(" (").and(join(notes, ", ")).add(")")
	}
	if r.Vulnerabilities != nil && !os.Advisories {
		l = l.add(" ").and(inked("NO ADVISORY DATA", boldRed))
	}
	return l
}

// counts writes the line that sums the findings up, or says why there is
// nothing to sum up.
func (t *table) counts(r *Report) {
	if r.Vulnerabilities == nil {
		t.fold(words("  vulnerabilities were not looked for"), 2)
		return
	}
	counts := map[finding.Severity]int{}
	fixable, exploited, reached, suppressed, total := 0, 0, 0, 0, 0
	for i := range r.Vulnerabilities {
		v := &r.Vulnerabilities[i]
		if !t.Lists(v) {
			continue
		}
		total++
		if v.Suppressed != nil && !notLinked(v) {
			suppressed++
			continue
		}
		counts[v.Severity]++
		if v.Fix.State == finding.Fixed {
			fixable++
		}
		if v.KEV {
			exploited++
		}
		if v.Reach != nil && v.Reach.State == finding.Reached {
			reached++
		}
	}
	if total == suppressed && suppressed > 0 {
		t.fold(words(fmt.Sprintf("  none that counts: %d suppressed", suppressed)), 2)
		return
	}
	if total == 0 {
		t.fold(words("  "+nothingFound(r)), 2)
		return
	}
	var severities []line
	for _, s := range finding.Severities() {
		if counts[s] > 0 || s >= finding.Low {
			severities = append(severities, words(fmt.Sprint(counts[s])+" ").and(severityWord(s)))
		}
	}
	facts := []line{words(fmt.Sprintf("%d can be fixed", fixable))}
	if exploited > 0 {
		facts = append(facts, words(fmt.Sprintf("%d known exploited", exploited)))
	}
	if suppressed > 0 {
		facts = append(facts, words(fmt.Sprintf("%d suppressed", suppressed)))
	}
	if reachKnown(r) {
		facts = append(facts, words(fmt.Sprintf("%d reached by the entrypoint", reached)))
	}
	l := blanks(2).and(join(severities, "   "))
	if whole := l.add("      ").and(join(facts, " · ")); whole.width() <= t.width {
		t.put(whole)
		return
	}
	severities[0] = blanks(2).and(severities[0])
	facts[0] = blanks(2).and(facts[0])
	t.flow(severities, "   ", 2)
	t.flow(facts, " · ", 2)
}

// nothingFound says in words what an empty list is worth. "0 vulnerabilities"
// is for an image whose packages were all compared with data.
func nothingFound(r *Report) string {
	os := r.Target.OS
	distribution := 0
	for _, p := range r.Packages {
		if purl.OfDistribution(p.Type) {
			distribution++
		}
	}
	noData := slices.ContainsFunc(r.Warnings, func(w Warning) bool { return w.Kind == "no-advisories" })
	switch {
	case r.Database == nil || len(r.Database.Sources) == 0:
		return "there was no advisory data: nothing can be said about vulnerabilities"
	case r.Packages != nil && len(r.Packages) == 0:
		return "no packages were found, so nothing could be compared with the advisories"
	case os == nil && distribution > 0:
		return fmt.Sprintf("none found, but nothing names the distribution of %s: nothing can be said about those", count(distribution, "package"))
	case os != nil && !os.Advisories && (distribution > 0 || r.Packages == nil):
		return fmt.Sprintf("none found, but there is no advisory data for %s: nothing can be said about its packages", cmp.Or(os.Name, os.ID))
	case noData:
		return "none found where there was advisory data; the warnings below say where there was none"
	case r.Hidden != nil:
		return "none left in the list by the flags"
	case slices.ContainsFunc(r.Vulnerabilities, func(v finding.Vulnerability) bool { return true }):
		return "none that counts"
	case os != nil && os.FixedOnly && distribution > 0 && !os.PastEOL:
		return "0 vulnerabilities that have a fix; those without one are not in this database"
	case os != nil && os.PastEOL:
		return "none known, but the distribution is past its end of life: flaws found since are not announced"
	case r.Judged != nil && r.Judged.text() != "":
		return "none found in the packages that were judged"
	}
	return "0 vulnerabilities"
}

// hidden says what the table leaves out and which flag is the reason, or shows it.
func (t *table) hidden(r *Report) {
	unlinked, suppressed := 0, 0
	for i := range r.Vulnerabilities {
		v := &r.Vulnerabilities[i]
		switch {
		case t.Lists(v):
		case notLinked(v):
			unlinked++
		default:
			suppressed++
		}
	}
	var parts []line
	add := func(n int, text string) {
		if n > 0 {
			parts = append(parts, words(fmt.Sprintf("%d %s", n, text)))
		}
	}
	add(unlinked, "whose code is not linked in (--show-not-linked)")
	add(suppressed, "suppressed (--show-suppressed)")
	if r.Hidden != nil {
		add(r.Hidden.BySeverity, "of other severities (hidden by --severity)")
		add(r.Hidden.Unfixed, "without a fix (hidden by --ignore-unfixed)")
	}
	if parts == nil {
		return
	}
	t.blank()
	parts[0] = words("not listed: ").and(parts[0])
	t.flow(parts, " · ", len("not listed: "))
}

// suppressed lists what is known and does not count, each with who said so and why.
func (t *table) suppressed(r *Report, all bool) {
	if !t.Suppressed {
		return
	}
	var list []*finding.Vulnerability
	for i := range r.Vulnerabilities {
		if v := &r.Vulnerabilities[i]; suppressed(v) {
			list = append(list, v)
		}
	}
	if len(list) == 0 {
		return
	}
	t.blank()
	t.put(inked("SUPPRESSED", bold).add(fmt.Sprintf("   %d", len(list))))
	packages := packageIndex(r.Packages)
	for i, v := range list {
		if i == shownRows && !all {
			t.put(words(fmt.Sprintf("… %d more: --all", len(list)-i)))
			break
		}
		p := packages.of(v)
		t.fold(idLink(v.ID).add(fmt.Sprintf(" in %s %s: %s", p.Name, p.Version, suppressionText(v.Suppressed))), 4)
	}
}

// maxWarning is how many bytes of a message a table shows; JSON has them all.
const maxWarning = 600

// packages writes every package of the image.
func (t *table) packages(r *Report) {
	if len(r.Packages) == 0 {
		return
	}
	name := column{head: "PACKAGE", min: 10, whole: true}
	version := column{head: "VERSION", min: 8, whole: true}
	owner := column{head: "OWNED BY", good: 12, min: 8, spare: true}
	came := column{head: "ADDED BY", min: 12, spare: true, first: true}
	owned, brought := false, false
	for i := range r.Packages {
		p := &r.Packages[i]
		from := broughtBy(p)
		name.cells = append(name.cells, words(typeWord(p.Type)+" "+p.Name))
		version.cells = append(version.cells, words(p.Version))
		owner.cells = append(owner.cells, words(p.Owner))
		came.cells = append(came.cells, words(from))
		owned, brought = owned || p.Owner != "", brought || from != ""
	}
	columns := []column{name, version}
	if owned {
		columns = append(columns, owner)
	}
	if brought {
		columns = append(columns, came)
	}
	t.blank()
	t.put(inked("PACKAGES", bold).add(fmt.Sprintf("   %d", len(r.Packages))))
	t.rows(columns)
}

// warnings writes what a reader must know to trust the report, one entry a kind.
func (t *table) warnings(r *Report) {
	byKind := map[string][]Warning{}
	var kinds []string
	for _, w := range r.Warnings {
		if w.Kind == SecretsUnread && r.Secrets != nil || isUnverified(w) {
			continue // said with the secrets, and in the head
		}
		if byKind[w.Kind] == nil {
			kinds = append(kinds, w.Kind)
		}
		byKind[w.Kind] = append(byKind[w.Kind], w)
	}
	if kinds == nil {
		return
	}
	slices.SortStableFunc(kinds, func(a, b string) int {
		return cmp.Or(-cmp.Compare(btoi(incomplete(byKind[a])), btoi(incomplete(byKind[b]))), strings.Compare(a, b))
	})
	t.blank()
	t.put(inked("WARNINGS", bold))
	for _, kind := range kinds {
		list := byKind[kind]
		text := list[0].WithRemedy()
		if path := list[0].Path; path != "" && !strings.Contains(text, path) {
			text = "/" + path + ": " + text
		}
		if len(text) > maxWarning {
			text = text[:maxWarning] + "…"
		}
		if n := len(list) - 1; n > 0 {
			text += fmt.Sprintf(" (and %d more: -f json lists them)", n)
		}
		if incomplete(list) {
			text += "; findings may be missing"
		}
		t.fold(words(fmt.Sprintf("  %d %s: %s", len(list), kind, text)), 4)
	}
}

func isUnverified(w Warning) bool { return w.Kind == Unverified }

func incomplete(list []Warning) bool {
	return slices.ContainsFunc(list, func(w Warning) bool { return w.Incomplete })
}

// next writes the commands that fix most.
func (t *table) next(r *Report) {
	const head = "NEXT   "
	steps := Steps(r, t.Shown, t.width-len(head))
	for i, s := range steps {
		if i == 0 {
			t.blank()
		}
		l := inked(strings.TrimSpace(head), bold).add("   ")
		if i > 0 {
			l = words(strings.Repeat(" ", len(head)))
		}
		t.flow([]line{l.add(s.Command), gains(s.Fixes)}, "     ", len(head))
	}
}

// typeWord is the name that people give a purl type.
func typeWord(purlType string) string {
	if purlType == "golang" {
		return "go"
	}
	return purlType
}

// packageCounts is "475 deb, 107 npm", the most frequent first.
func packageCounts(packages []sbom.Package) string {
	if packages == nil {
		return ""
	}
	if len(packages) == 0 {
		return "no packages"
	}
	counts := map[string]int{}
	var kinds []string
	for _, p := range packages {
		if counts[p.Type]++; counts[p.Type] == 1 {
			kinds = append(kinds, p.Type)
		}
	}
	slices.SortFunc(kinds, func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), strings.Compare(a, b))
	})
	for i, kind := range kinds {
		kinds[i] = fmt.Sprintf("%d %s", counts[kind], typeWord(kind))
	}
	return strings.Join(kinds, ", ")
}

// broughtBy is the origin of a package, and that only development needs it.
func broughtBy(p *sbom.Package) string {
	text := origin(p.Layer, p.Instruction, p.Base)
	if p.Development {
		return strings.TrimSpace(development + " " + text)
	}
	return text
}

// development marks a package that only the work on a program needs.
const development = "(development)"

// origin is the layer that brought a package, counted from 0 as in the JSON,
// and its instruction: "7  COPY node_modules/ /app".
func origin(layer int, instruction string, base bool) string {
	if layer < 0 {
		return ""
	}
	text := tidyInstruction(instruction)
	if base {
		text = strings.TrimSuffix("base: "+text, ": ")
	}
	return fmt.Sprintf("%-2d %s", layer, text)
}

// copied is what the classic builder writes for the sources of ADD and COPY: what
// their author called them is not kept.
var copied = lazy.Regexp(`^(ADD|COPY) (?:--\S+ )*(file|dir|multi):[0-9a-f]{32,} in `)

var copiedWords = map[string]string{"file": "(a file)", "dir": "(a directory)", "multi": "(several files)"}

// tidyInstruction takes the wrapping of the classic builder and of BuildKit off
// a history line: what is left reads like the Dockerfile.
func tidyInstruction(s string) string {
	s = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(s), "# buildkit"))
	const shell, nop = "/bin/sh -c ", "#(nop) "
	inner := strings.TrimPrefix(s, "RUN ")
	if strings.HasPrefix(inner, "|") { // "|2 A=1 B=2 /bin/sh -c make": build arguments, which may be secrets
		if _, command, found := strings.Cut(inner, shell); found {
			inner = shell + command
		}
	}
	if command, ok := strings.CutPrefix(inner, shell); ok {
		s = "RUN " + command
		if instruction, ok := strings.CutPrefix(command, nop); ok {
			s = instruction
		}
	}
	s = strings.Join(strings.Fields(s), " ")
	if m := copied().FindStringSubmatch(s); m != nil {
		s = m[1] + " " + copiedWords[m[2]] + " " + s[len(m[0]):]
	}
	return s
}

// shortDigest is "sha256:9f2c41d0…".
func shortDigest(digest string) string {
	const keep = len("sha256:") + 8
	if len(digest) <= keep+1 {
		return digest
	}
	return digest[:keep] + "…"
}

// bytesWord is a size in decimal units, as registries and docker give it.
func bytesWord(n int64) string {
	const unit = 1000
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	value := float64(n)
	for _, suffix := range []string{"kB", "MB", "GB", "TB"} {
		value /= unit
		switch {
		case value < 9.95:
			return fmt.Sprintf("%.1f %s", value, suffix)
		case value < 999.5 || suffix == "TB":
			return fmt.Sprintf("%.0f %s", value, suffix)
		}
	}
	return ""
}

func count(n int, noun string) string { return plural(n, noun, noun+"s") }

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
