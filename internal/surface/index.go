package surface

import (
	"cmp"
	"math"
	"slices"

	"github.com/careen/careen/internal/finding"
)

// What one of each costs (docs/surface.md). A shell turns a flaw that runs one
// command into a foothold, and a package manager turns the foothold into
// whatever the intruder likes; the others save work. Counts that run into the
// hundreds weigh by their logarithm: twice as many are one point more.
const (
	shellPoints       = 8
	managerPoints     = 6
	compilerPoints    = 4
	debuggerPoints    = 4
	interpreterPoints = 4
	networkPoints     = 3
	privilegePoints   = 2
	setIDPoints       = 2 // a setuid or setgid file, or one with capabilities
	writablePoints    = 1 // a file, or a directory that is not sticky
	maxWritablePoints = 10
	openLoginPoints   = 4 // a user with a shell whose password is empty or set
	lockedLoginPoints = 1 // a user with a shell otherwise
	portPoints        = 1
	rootPoints        = 5
)

// parts works out the summands of the index that are not zero; bytes are those
// of all visible files.
func parts(s *finding.Surface, bytes int64, root bool) []finding.SurfacePart {
	list := []finding.SurfacePart{}
	add := func(name string, count int64, points float64) {
		if points = math.Round(points*10) / 10; points > 0 {
			list = append(list, finding.SurfacePart{Name: name, Count: count, Points: points})
		}
	}
	each := func(name string, count int, points float64) { add(name, int64(count), float64(count)*points) }
	logarithm := func(name string, count int64) { add(name, count, math.Log2(1+float64(count))) }

	kinds := map[finding.ToolKind]int{}
	for _, t := range s.Tools {
		kinds[t.Kind]++
	}
	each("shells", kinds[finding.Shell], shellPoints)
	each("package managers", kinds[finding.PackageManager], managerPoints)
	each("compilers and build tools", kinds[finding.Compiler], compilerPoints)
	each("debuggers", kinds[finding.Debugger], debuggerPoints)
	each("interpreters", kinds[finding.Interpreter], interpreterPoints)
	each("network tools", kinds[finding.NetworkTool], networkPoints)
	each("privilege tools", kinds[finding.PrivilegeTool], privilegePoints)
	each("privileged files", len(s.Privileged), setIDPoints)

	open := s.Writables
	for _, w := range s.WorldWritable {
		if w.Sticky {
			open--
		}
	}
	add("world-writable places", int64(open), min(float64(open)*writablePoints, maxWritablePoints))

	openLogins, lockedLogins := 0, 0
	for _, l := range s.Logins {
		if l.Password == passwordEmpty || l.Password == passwordSet {
			openLogins++
		} else {
			lockedLogins++
		}
	}
	each("users with a password and a shell", openLogins, openLoginPoints)
	each("users with a shell", lockedLogins, lockedLoginPoints)
	each("exposed ports", len(s.ExposedPorts), portPoints)
	if root && s.Executables > 0 {
		add("runs as root", 1, rootPoints)
	}
	logarithm("executables", int64(s.Executables))
	logarithm("libraries", int64(s.Libraries))
	logarithm("megabytes", bytes/1e6)

	slices.SortStableFunc(list, func(a, b finding.SurfacePart) int { return cmp.Compare(b.Points, a.Points) })
	return list
}

func index(parts []finding.SurfacePart) int {
	sum := 0.0
	for _, p := range parts {
		sum += p.Points
	}
	return int(math.Round(sum))
}
