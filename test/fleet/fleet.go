// Package fleet makes fleets of images as registries have them, and measures careend
// with them: package databases of real distributions as bases, dependencies as lock
// files list them, builds that change a part of these, tags that move on. The same
// number of images is the same fleet each time.
package fleet

import (
	"crypto/sha256"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/sbom"
)

// How registries are, as far as the sizes go.
const (
	buildsOf    = 25   // images that a repository keeps
	daysOf      = 10   // states of a base image that builds are on
	changes     = 0.4  // of the builds change dependencies,
	changed     = 0.02 // this part of them
	leastNames  = 20   // dependencies of an application
	mostNames   = 1600 //
	newest      = 12   // versions that a dependency is in use in
	registryFor = "registry.example.com/"
)

// Base is a distribution's package database.
type Base struct {
	Distro   sbom.Distro
	Packages []sbom.Package
	Report   report.Report // the rest of what a scan of it says
}

// Names are the names that packages of a type have, those that advisories are about
// among them.
type Names struct {
	Type  string
	Names []string
}

// Fleet makes images.
type Fleet struct {
	bases []Base // each in several states
	names []Names
}

// New makes a fleet's parts.
func New(bases []Base, names []Names) *Fleet {
	f := &Fleet{names: names}
	for _, b := range bases {
		random := rand.New(rand.NewPCG(1, uint64(len(f.bases))))
		for day := range daysOf {
			next := b
			next.Packages = slices.Clone(b.Packages)
			for i := range next.Packages {
				if p := &next.Packages[i]; day > 0 && random.Float64() < 0.05 { // a distribution's update
					p.Version = fmt.Sprintf("%s+u%d", p.Version, day)
					p.PURL = fmt.Sprintf("%s+u%d", p.PURL, day)
					if p.Source.Version != "" {
						p.Source.Version = fmt.Sprintf("%s+u%d", p.Source.Version, day)
					}
				}
			}
			b = next
			f.bases = append(f.bases, next)
		}
	}
	return f
}

// Image is one image of a fleet.
type Image struct {
	Repo    string
	Tag     string
	Base    int // of the fleet's bases, which are layer 0
	Kind    int // of the fleet's names
	Version map[int]int
	order   []int
	Own     string // the application's own version
}

// Repository makes the builds of one repository, oldest first.
func (f *Fleet) Repository(n int) []Image {
	random := rand.New(rand.NewPCG(2, uint64(n)))
	family := int(float64(len(f.bases)/daysOf) * math.Pow(random.Float64(), 2)) // some are far more popular
	kind := random.IntN(len(f.names))
	all := f.names[kind].Names
	count := int(leastNames * math.Pow(mostNames/leastNames, random.Float64()))
	versions := map[int]int{}
	var order []int
	for len(order) < min(count, len(all)) {
		i := int(float64(len(all)) * math.Pow(random.Float64(), 3)) // a few are everywhere
		if _, twice := versions[i]; twice {
			i = random.IntN(len(all))
			if _, twice := versions[i]; twice {
				continue
			}
		}
		versions[i] = int(newest * math.Pow(random.Float64(), 2))
		order = append(order, i)
	}
	slices.Sort(order)
	var list []Image
	for b := range buildsOf {
		if b > 0 && random.Float64() < changes {
			next := make(map[int]int, len(versions))
			for i, v := range versions {
				next[i] = v
			}
			for range max(1, int(changed*float64(len(order)))) {
				next[order[random.IntN(len(order))]]++
			}
			versions = next
		}
		list = append(list, Image{Repo: fmt.Sprintf("%steam%d/app%d", registryFor, n%200, n), Tag: fmt.Sprintf("v1.%d", b),
			Base: family*daysOf + b*daysOf/buildsOf, Kind: kind, Version: versions, order: order, Own: fmt.Sprintf("1.%d.0", b)})
	}
	return list
}

// Dependencies are an image's packages of its language.
func (f *Fleet) Dependencies(img Image) []sbom.Package {
	list := make([]sbom.Package, 0, len(img.order)+1)
	of := f.names[img.Kind]
	for _, i := range img.order {
		list = append(list, dependency(of.Type, of.Names[i], img.Version[i]))
	}
	return list
}

func dependency(kind, name string, version int) sbom.Package {
	p := sbom.Package{Type: kind, Name: name, Version: fmt.Sprintf("1.%d.%d", version/4, version%4), Layer: 1}
	if kind == "golang" {
		p.Version = "v" + p.Version
	}
	p.PURL = "pkg:" + kind + "/" + name + "@" + p.Version
	return p
}

// OwnArtefact is what only this image has.
func (f *Fleet) OwnArtefact(img Image) sbom.Package {
	return sbom.Package{Type: "npm", Name: img.Repo[len(registryFor):], Version: img.Own, PURL: "pkg:npm/" + img.Repo[len(registryFor):] + "@" + img.Own, Layer: 2}
}

// Report is what a scan of an image says, but for findings.
func (f *Fleet) Report(img Image, digest string) (*report.Report, sbom.Distro) {
	base := f.bases[img.Base]
	r := base.Report
	r.Target.Ref, r.Target.Digest, r.Target.Platform = img.Repo+"@"+digest, digest, "linux/amd64"
	layer := func(size int64, instruction string, of ...any) report.Layer {
		sum := func(what string) string {
			return fmt.Sprintf("sha256:%x", sha256.Sum256(fmt.Append([]byte(what), of...)))
		}
		return report.Layer{DiffID: sum("diffID"), Digest: sum("layer"), Size: size, Instruction: instruction}
	}
	r.Target.Layers = []report.Layer{layer(30e6, "ADD rootfs.tar.xz /", img.Base), layer(60e6, "RUN install --frozen", img.Repo, img.Version), layer(2e6, "COPY . /app", img.Repo, img.Own)}
	r.Packages = slices.Concat(base.Packages, f.Dependencies(img), []sbom.Package{f.OwnArtefact(img)})
	return &r, base.Distro
}
