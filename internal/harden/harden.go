// Package harden works out with how little a container of an image can live:
// which user, which capabilities, which places to write. It reads what reach
// found and what the programs import, runs nothing, and gives each piece of
// advice its reason and how sure it is of it. What starts the container, with
// Docker, compose or Kubernetes, is written in render.go.
package harden

import (
	"cmp"
	"slices"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/reach"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

// Source is the image as it was read.
type Source struct {
	Image    *image.Image
	Tree     *rootfs.Tree
	Packages []sbom.Package
	Reach    *reach.Result
}

// Confidence says how sure a piece of advice is.
type Confidence string

// The confidences.
const (
	Sure   Confidence = "sure"   // the image says so
	Likely Confidence = "likely" // its programs import or name it
	Guess  Confidence = "guess"  // a convention
)

// Advice is one thing to set, and why.
type Advice struct {
	What       string     `json:"what"` // the user, the capability or the path
	Why        string     `json:"why"`
	Confidence Confidence `json:"confidence"`
}

// Profile is what a container needs.
type Profile struct {
	Schema       string   `json:"schema"`
	User         Advice   `json:"user"` // UID:GID; What is "0:0" where root is needed
	Root         bool     `json:"root"` // it has to start as root
	Capabilities []Advice `json:"capabilities"`
	Tmpfs        []Advice `json:"tmpfs"`               // places it writes that may be forgotten
	Volumes      []Advice `json:"volumes"`             // places whose content should outlive the container
	Uncovered    []Advice `json:"uncovered,omitempty"` // it writes there too, where it cannot be let
	Ports        []int    `json:"ports,omitempty"`     // exposed ones below 1024
	Gains        []string `json:"gains,omitempty"`     // why no-new-privileges may break something

	Alien  string `json:"-"` // a place that it writes and that has to be given to the user; "" for none
	Opaque string `json:"-"` // a started program whose calls cannot be seen; "" for none
}

// Schema is the name and version of the JSON.
const Schema = "careen-harden/1"

// NonRoot is the user that images without one of their own are given, as
// distroless images have it.
const NonRoot = 65532

// Analyse works out the profile of an image.
func Analyse(src Source) *Profile {
	a := analysis{src: src, caps: map[string]Advice{}, writes: map[string]Advice{}, owners: map[int]bool{}}
	a.ports()
	a.programs()
	a.places()
	return a.profile()
}

type analysis struct {
	src       Source
	caps      map[string]Advice
	low       []int    // ports below 1024
	gains     []string // started programs that give rights to its caller
	opaque    string   // a started program whose calls cannot be seen
	writes    map[string]Advice
	volumes   map[string]bool // that the configuration declares; nil before it was asked for
	lived     map[string]bool // directories with something that is reached
	uncovered []Advice
	owners    map[int]bool // who owns the places, root left out
}

// profile puts the evidence together.
func (a *analysis) profile() *Profile {
	p := &Profile{Schema: Schema, Capabilities: []Advice{}, Tmpfs: []Advice{}, Volumes: []Advice{}, Ports: a.low, Gains: a.gains}
	a.chooseUser(p)
	for _, c := range a.caps {
		// A process of another user has no capabilities but those of files that
		// it runs, which are the sure ones, and of low ports.
		if p.Root || c.Confidence == Sure {
			p.Capabilities = append(p.Capabilities, c)
		}
	}
	slices.SortFunc(p.Capabilities, byWhat)
	for dir, advice := range a.writes {
		if a.covered(dir) {
			continue
		}
		if a.persists(dir) && !p.Root && a.closed(dir) {
			advice.Why += "; to keep it: a volume that belongs to the user"
			p.Tmpfs = append(p.Tmpfs, advice)
		} else if a.persists(dir) {
			p.Volumes = append(p.Volumes, advice)
		} else {
			p.Tmpfs = append(p.Tmpfs, advice)
		}
	}
	slices.SortFunc(a.uncovered, byWhat)
	p.Uncovered = slices.CompactFunc(a.uncovered, func(x, y Advice) bool { return x.What == y.What })
	slices.SortFunc(p.Tmpfs, byWhat)
	slices.SortFunc(p.Volumes, byWhat)
	if p.Root {
		a.readOthers(p)
	}
	return p
}

func byWhat(a, b Advice) int { return cmp.Compare(a.What, b.What) }
