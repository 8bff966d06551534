package surface

import (
	"cmp"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/rootfs"
)

// maxLocations bounds how many places one tool or fault names.
const maxLocations = 10

// program is one file, under whatever names.
type program struct {
	path    string // the file that all links lead to; of hard links, the one that the others name
	manyIn  string // "busybox" when it is that
	aliases []namedProgram
}

// findOwners finds the packages that the interesting files belong to.
func (in *Inspection) findOwners() map[string]string {
	owners := map[string]string{}
	for _, n := range in.findings.named {
		if path, ok := in.identity(n.entry); ok {
			owners[path] = ""
		}
	}
	for _, e := range in.findings.privileged {
		owners[e.Path] = ""
	}
	for _, e := range in.findings.writable {
		owners[e.Path] = ""
	}
	for _, t := range in.findings.traces.leftovers {
		owners[t.Path] = ""
	}
	unpacked := map[string]string{} // directories of npm packages
	for i := range in.subject.Packages {
		p := &in.subject.Packages[i]
		for _, file := range p.Files {
			if _, asked := owners[file]; asked {
				owners[file] = p.PURL
			}
		}
		if p.Files != nil {
			continue
		}
		for _, at := range p.Locations {
			if owner, asked := owners[at.Path]; asked && owner == "" {
				owners[at.Path] = p.PURL // a program that is its own record
			}
			if p.Type == "npm" {
				unpacked[dirOf(at.Path)] = p.PURL
			}
		}
	}
	for path, owner := range owners {
		for dir := dirOf(path); owner == "" && dir != "" && len(unpacked) > 0; dir = dirOf(dir) {
			owner = unpacked[dir]
			owners[path] = owner
		}
	}
	return owners
}

// identity returns the file that a name leads to, the same for all names of one
// file. ok is false for links that lead nowhere.
func (in *Inspection) identity(e *rootfs.Entry) (path string, ok bool) {
	path, err := in.subject.Tree.Resolve(e.Path)
	if err != nil {
		return "", false
	}
	target, ok := in.subject.Tree.Lookup(path)
	if !ok || !target.Mode.IsRegular() {
		return "", false
	}
	if target.Hardlink {
		if first, ok := in.subject.Tree.Lookup(target.Linkname); ok && first.Mode.IsRegular() && first.Layer == target.Layer {
			return first.Path, true
		}
	}
	return path, true
}

// nameTools makes one tool of all names of a program that are of one kind, and
// of all programs that have the same name in the table.
func (in *Inspection) nameTools() []finding.Tool {
	programs := map[string]*program{}
	var order []*program
	for _, n := range in.findings.named {
		path, ok := in.identity(n.entry)
		if !ok {
			continue
		}
		p := programs[path]
		if p == nil {
			p = &program{path: path}
			programs[path] = p
			order = append(order, p)
		}
		p.aliases = append(p.aliases, n)
		if slices.Contains(manyApplets[:], n.tool.name) {
			p.manyIn = n.tool.name
		}
	}
	type key struct {
		kind finding.ToolKind
		name string
	}
	tools := map[key]*finding.Tool{}
	var list []*finding.Tool
	for _, p := range order {
		for _, t := range p.tools() {
			k := key{t.Kind, t.Name}
			known := tools[k]
			if known == nil {
				at, _ := in.subject.Tree.Lookup(p.path)
				t.Package, t.Base = in.owners[p.path], in.fromBase(at.Layer)
				known = &t
				tools[k] = known
				list = append(list, known)
			}
			known.Applets = append(known.Applets, t.Applets...)
			if at, ok := in.subject.Tree.Lookup(p.path); ok && len(known.Locations) < maxLocations {
				known.Locations = append(known.Locations, in.location(at))
			}
		}
	}
	result := make([]finding.Tool, len(list))
	for i, t := range list {
		slices.Sort(t.Applets)
		t.Applets = slices.Compact(t.Applets)
		result[i] = *t
	}
	slices.SortStableFunc(result, func(a, b finding.Tool) int {
		return cmp.Or(cmp.Compare(kindOrder(a.Kind), kindOrder(b.Kind)), strings.Compare(a.Name, b.Name))
	})
	return result
}

// tools returns what a program is: one tool for each kind that its names have.
// The name is that of the file itself where the table knows it ("dash" for a
// file of that name with a link sh), else that of the first link.
func (p *program) tools() []finding.Tool {
	own := ""
	for _, n := range p.aliases {
		if n.entry.Path == p.path {
			own = n.tool.name
		}
	}
	var list []finding.Tool
	for _, n := range p.aliases {
		i := slices.IndexFunc(list, func(t finding.Tool) bool { return t.Kind == n.tool.kind })
		if i < 0 {
			list = append(list, finding.Tool{Kind: n.tool.kind, Name: cmp.Or(p.manyIn, n.tool.name), Why: n.tool.why})
			i = len(list) - 1
		}
		t := &list[i]
		switch {
		case p.manyIn != "":
			if applet := baseOf(n.entry.Path); n.tool.name != p.manyIn {
				t.Applets = append(t.Applets, applet)
			}
		case n.tool.name == own:
			t.Name, t.Why = n.tool.name, n.tool.why
		}
	}
	return list
}

// kindOrder is the order of the kinds in lists: the most useful first.
func kindOrder(k finding.ToolKind) int {
	return slices.Index([]finding.ToolKind{
		finding.Shell, finding.PackageManager, finding.Compiler, finding.Debugger,
		finding.NetworkTool, finding.Interpreter, finding.PrivilegeTool,
	}, k)
}

func (in *Inspection) namePrivileged() []finding.Privileged {
	var list []finding.Privileged
	for _, e := range in.findings.privileged {
		at := in.location(e)
		list = append(list, finding.Privileged{
			Path: at.Path, Layer: at.Layer, Mode: octal(e.Mode), UID: e.UID, GID: e.GID,
			Capabilities: Capabilities(e.Caps), Package: in.owners[e.Path], Base: in.fromBase(e.Layer),
		})
	}
	return list
}

func (in *Inspection) nameWritable() []finding.Writable {
	var list []finding.Writable
	for _, e := range in.findings.writable {
		at := in.location(e)
		list = append(list, finding.Writable{
			Path: at.Path, Layer: at.Layer, Directory: e.Mode.IsDir(), Sticky: e.Mode&fs.ModeSticky != 0,
			Package: in.owners[e.Path], Base: in.fromBase(e.Layer),
		})
	}
	return list
}

// octal writes a mode as chmod takes it.
func octal(m fs.FileMode) string {
	bits := uint32(m.Perm())
	for bit, value := range map[fs.FileMode]uint32{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000} {
		if m&bit != 0 {
			bits |= value
		}
	}
	return fmt.Sprintf("%04o", bits)
}
