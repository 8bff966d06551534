package catalog

import "fmt"

// Defaults of Limits. The largest images that people ship have some ten thousand
// packages.
const (
	DefaultPackages  = 200_000
	DefaultLocations = 300_000
)

// Limits bound what an image may name and what of it is listed. The zero value is
// the defaults.
type Limits struct {
	Development bool // list what only the development of a program needs, too, where a lock file says so

	Packages  int // different packages; the rest is left out, with a warning
	Locations int // places where they are: a package counts once for each; the rest is left out, with a warning
}

// room is what is left of Limits. Places are taken before what needs them is
// read.
type room struct {
	Limits
	places, packages int // left
	noPlace          int // places that were asked for and not there
	full             bool
}

func (l Limits) withDefaults() Limits {
	if l.Packages <= 0 {
		l.Packages = DefaultPackages
	}
	if l.Locations <= 0 {
		l.Locations = DefaultLocations
	}
	return l
}

func newRoom(l Limits) *room {
	l = l.withDefaults()
	return &room{Limits: l, places: l.Locations, packages: l.Packages}
}

// take returns how many of n places there are.
func (r *room) take(n int) int {
	got := min(n, r.places)
	r.places -= got
	r.noPlace += n - got
	return got
}

// add reports whether there is room for one more package.
func (r *room) add() bool {
	r.full = r.full || r.packages == 0
	r.packages--
	return !r.full
}

// warnings say what was left out.
func (r *room) warnings() []Warning {
	var list []Warning
	add := func(format string, args ...any) {
		list = append(list, Warning{Kind: "packages", Layer: -1, Message: fmt.Sprintf(format, args...), Incomplete: true})
	}
	if r.noPlace > 0 {
		add("its packages are in more than %d places, %d of them left out: raise --max-locations if they are meant", r.Locations, r.noPlace)
	}
	if r.full {
		add("more than %d packages, the rest left out: raise --max-packages if they are meant", r.Packages)
	}
	return list
}
