package report

import (
	"fmt"
	"strings"

	"github.com/careen/careen/internal/finding"
)

// configuration writes what the image's configuration and files break: in one
// flow of sentences, or a row each with all. What came with the base image is
// counted, for this image's builder did not cause it.
func (t *table) configuration(r *Report, all bool) {
	if r.Misconfigurations == nil {
		return
	}
	var list []*finding.Misconfiguration
	fromBase, suppressed := 0, 0
	for i := range r.Misconfigurations {
		switch m := &r.Misconfigurations[i]; {
		case m.Suppressed != nil && !t.Suppressed:
			suppressed++
		case m.Base && !all:
			fromBase++
		default:
			list = append(list, m)
		}
	}
	const head = "CONFIGURATION"
	t.blank()
	var parts []line
	if !all {
		for _, m := range list {
			parts = append(parts, inked(m.Message, severityWord(m.Severity)[0].ink))
		}
	} else if len(list) > 0 {
		parts = append(parts, words(fmt.Sprint(len(list))))
	}
	if len(list)+fromBase+suppressed == 0 {
		parts = append(parts, words("no faults found"))
	}
	if fromBase > 0 {
		parts = append(parts, words(fmt.Sprintf("%d from the base image (--all)", fromBase)))
	}
	if suppressed > 0 {
		parts = append(parts, words(fmt.Sprintf("%d suppressed (--show-suppressed)", suppressed)))
	}
	parts[0] = inked(head, bold).add("   ").and(parts[0])
	t.flow(parts, " · ", len(head)+3)
	if all && len(list) > 0 {
		t.faults(list)
	}
}

// faults writes a row for each fault.
func (t *table) faults(list []*finding.Misconfiguration) {
	severity := column{head: "SEVERITY", min: 8}
	rule := column{head: "RULE", min: 5, whole: true}
	what := column{head: "WHAT", good: 40, min: 14}
	where := column{head: "WHERE", good: 24, min: 10, spare: true}
	for _, m := range list {
		severity.cells = append(severity.cells, words(symbol(m.Severity)+" ").and(severityWord(m.Severity)))
		rule.cells = append(rule.cells, words(m.Rule))
		what.cells = append(what.cells, words(m.Message))
		where.cells = append(where.cells, words(faultPlace(m)))
	}
	t.rows([]column{severity, rule, what, where})
}

// faultPlace is the Dockerfile line, the first file or the instruction that
// shows a fault.
func faultPlace(m *finding.Misconfiguration) string {
	switch {
	case m.Line != nil:
		return fmt.Sprintf("%s:%d", m.Line.File, m.Line.Line)
	case len(m.Locations) > 0:
		text := "/" + m.Locations[0].Path
		if n := max(m.Count, len(m.Locations)) - 1; n > 0 {
			text += fmt.Sprintf(" +%d", n)
		}
		return text
	}
	return tidyInstruction(m.Instruction)
}

// maxNames is how many tools of a kind a line names.
const maxNames = 6

// surface writes the index and what it is made of, in one flow; with all, a row
// for each tool and each file that gives rights.
func (t *table) surface(r *Report, all bool) {
	s := r.Surface
	if s == nil {
		return
	}
	var parts []line
	add := func(n int, one, many string) {
		if n > 0 {
			parts = append(parts, words(plural(n, one, many)))
		}
	}
	names := map[finding.ToolKind][]string{}
	for _, tool := range s.Tools {
		names[tool.Kind] = append(names[tool.Kind], tool.Name)
	}
	add(len(names[finding.Shell]), "shell", "shells")
	for _, kind := range []finding.ToolKind{finding.PackageManager, finding.Compiler, finding.Debugger, finding.NetworkTool, finding.Interpreter} {
		if list := names[kind]; len(list) > 0 {
			more := ""
			if n := len(list) - maxNames; n > 0 {
				list, more = list[:maxNames], fmt.Sprintf("+%d", n)
			}
			parts = append(parts, words(strings.Join(list, "+")+more))
		}
	}
	setID, capable := 0, 0
	for _, p := range s.Privileged {
		if len(p.Capabilities) > 0 {
			capable++
		} else {
			setID++
		}
	}
	add(setID, "setuid file", "setuid files")
	add(capable, "file with capabilities", "files with capabilities")
	add(openPlaces(s), "world-writable place", "world-writable places")
	add(len(s.Logins), "user with a shell", "users with a shell")
	add(len(s.ExposedPorts), "exposed port", "exposed ports")
	add(s.Executables, "executable", "executables")
	if parts == nil {
		parts = append(parts, words("nothing that helps an intruder"))
	}
	head := fmt.Sprintf("SURFACE %d   ", s.Index)
	parts[0] = inked(strings.TrimSpace(head), bold).add("   ").and(parts[0])
	t.blank()
	t.flow(parts, " · ", len(head))
	if all {
		t.tools(r)
	}
}

// openPlaces counts the places that every user may change, those left out where
// only owners may remove files.
func openPlaces(s *finding.Surface) int {
	n := s.Writables
	for _, w := range s.WorldWritable {
		if w.Sticky {
			n--
		}
	}
	return n
}

// tools writes a row for each tool and each privileged file.
func (t *table) tools(r *Report) {
	kind := column{head: "KIND", min: 8}
	name := column{head: "NAME", min: 8}
	path := column{head: "WHERE", good: 30, min: 12}
	came := column{head: "ADDED BY", min: 12, spare: true, first: true}
	row := func(k, n, p string, layer int, base bool) {
		kind.cells = append(kind.cells, words(k))
		name.cells = append(name.cells, words(n))
		path.cells = append(path.cells, words(p))
		instruction := ""
		if layer >= 0 && layer < len(r.Target.Layers) {
			instruction = r.Target.Layers[layer].Instruction
		}
		came.cells = append(came.cells, words(origin(layer, instruction, base)))
	}
	for _, tool := range r.Surface.Tools {
		if len(tool.Locations) == 0 {
			continue
		}
		where := "/" + tool.Locations[0].Path
		if n := len(tool.Locations) - 1; n > 0 {
			where += fmt.Sprintf(" +%d", n)
		}
		if len(tool.Applets) > 0 {
			where += " as " + strings.Join(tool.Applets, ", ")
		}
		row(string(tool.Kind), tool.Name, where, tool.Locations[0].Layer, tool.Base)
	}
	for _, p := range r.Surface.Privileged {
		rights := p.Mode
		if len(p.Capabilities) > 0 {
			rights = strings.Join(p.Capabilities, ", ")
		}
		row("privileged", rights, "/"+p.Path, p.Layer, p.Base)
	}
	if kind.cells == nil {
		return
	}
	columns := []column{kind, name, path}
	if len(r.Target.Layers) > 0 {
		columns = append(columns, came)
	}
	t.rows(columns)
}
