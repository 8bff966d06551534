package work

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/careen/careen/internal/fleet/key"
	"github.com/careen/careen/internal/fleet/store"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/match"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/scan"
)

// Request names an image to be read.
type Request struct {
	Repo     string // "registry.example.com/team/app"
	Digest   string // of its manifest
	CacheDir string // facts of layers
	Insecure bool
	Version  string // of careen

	Username, Password string // for the registry; "" for what files hold
}

// Facts are what an image says of itself, whatever the advisories say of that.
type Facts struct {
	Image     store.Image
	Keys      []key.Stored      // without match.Key, which Body holds
	Functions map[string][]byte // linked functions, by the hash in the keys
}

// stored is the part of a report that is an image's own.
type stored struct {
	Report   report.Report   `json:"report"` // without packages and findings about them
	Distro   sbom.Distro     `json:"distro"`
	Packages []storedPackage `json:"packages,omitempty"` // of layers that brought few
}

// few is up to how many packages of a layer are kept with the image. Others are kept
// apart, once for all images that have the layer.
const few = 4

// storedPackage is a package as reports have it, and what reports leave out of it.
type storedPackage struct {
	sbom.Package
	Functions string `json:"functions,omitempty"`
}

// Read reads an image from its registry.
func Read(ctx context.Context, req Request) (*Facts, error) {
	target := image.Target{Kind: "registry", Name: req.Repo + "@" + req.Digest}
	images, done, err := image.Open(ctx, target, image.Options{Platform: "all", Insecure: req.Insecure, Username: req.Username, Password: req.Password, UserAgent: "careend/" + req.Version})
	if err != nil {
		return nil, err
	}
	defer done()
	if len(images) != 1 {
		return nil, fmt.Errorf("%s: %d images where one was expected", req.Digest, len(images))
	}
	opt := scan.Options{Version: req.Version, Now: time.Now(), Scanners: scan.Scanners{Secrets: true, Misconfigurations: true, Surface: true}}
	if req.CacheDir != "" {
		opt.Cache = rootfs.OpenCache(req.CacheDir)
	}
	in, err := scan.Open(ctx, images[0], opt)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	symbols := make([]*sbom.Symbols, len(in.Catalog.Packages))
	for i, p := range in.Catalog.Packages {
		symbols[i] = p.Symbols
	}
	r, err := in.Report(opt)
	if err != nil {
		return nil, err
	}
	r.Target.Ref = req.Repo + "@" + req.Digest
	return FactsOf(r, in.Catalog.Distro, opt.Now)
}

// FactsOf cuts a report of one image into what is kept of it. Its packages still
// have their linked functions.
func FactsOf(r *report.Report, distro sbom.Distro, now time.Time) (*Facts, error) {
	f := &Facts{Functions: map[string][]byte{}, Image: store.Image{
		Digest: r.Target.Digest, Platform: r.Target.Platform, Scanned: now.Unix(), Size: r.Target.Size, Packages: len(r.Packages),
	}}
	if r.Target.OS != nil {
		f.Image.OS = cmp.Or(r.Target.OS.Name, r.Target.OS.ID+" "+r.Target.OS.Version)
	}
	if c := r.Target.Config; c != nil && c.Created.Unix() > 0 {
		f.Image.Created = c.Created.Unix()
	}
	pack, done, err := packer()
	if err != nil {
		return nil, err
	}
	defer done()
	own := stored{Report: *r, Distro: distro}
	if own.Packages, err = f.addPackages(pack, r.Packages, distro); err != nil {
		return nil, err
	}
	for _, found := range r.Secrets {
		i := slices.IndexFunc(f.Image.Secrets, func(s store.Secret) bool { return s.Rule == found.Rule })
		if i < 0 {
			i = len(f.Image.Secrets)
			f.Image.Secrets = append(f.Image.Secrets, store.Secret{Rule: found.Rule})
		}
		f.Image.Secrets[i].N++
	}
	own.Report.Packages, own.Report.Vulnerabilities, own.Report.Judged, own.Report.Database, own.Report.Gate = nil, nil, nil, nil, nil
	repo, _, _ := strings.Cut(r.Target.Ref, "@")
	f.Image.Body.Alike = alike([]string{"image", repo, r.Target.Platform})
	f.Image.Body.Body, err = pack(own)
	return f, err
}

// addPackages cuts the packages by the layer that brought them, and notes their keys,
// each once: in the set of the lowest layer that has it. Packages of layers that brought
// few are returned.
func (f *Facts) addPackages(pack func(any) ([]byte, error), pkgs []sbom.Package, distro sbom.Distro) (own []storedPackage, err error) {
	keys := match.Keys(distro, pkgs)
	order := make([]int, len(pkgs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(pkgs[a].Layer, pkgs[b].Layer) })
	seen := map[string]bool{}
	hashes := map[*sbom.Symbols]string{}
	var part []storedPackage
	var set []string
	end := func() error {
		if len(set) > 0 {
			f.Image.Sets = append(f.Image.Sets, set)
		}
		whole := part
		part, set = nil, nil
		if len(whole) <= few {
			own = append(own, whole...)
			return nil
		}
		body, err := pack(whole)
		f.Image.Parts = append(f.Image.Parts, store.Part{Body: body, Alike: alikeOf(whole)})
		return err
	}
	for n, i := range order {
		if n > 0 && pkgs[i].Layer != pkgs[order[n-1]].Layer {
			if err := end(); err != nil {
				return nil, err
			}
		}
		s, err := key.Encode(keys[i])
		if err != nil {
			return nil, err
		}
		if sym := keys[i].Symbols; sym != nil && hashes[sym] == "" {
			hashes[sym] = s.Symbols
			f.Functions[s.Symbols] = key.Functions(sym)
		}
		s.Key = match.Key{}
		p := storedPackage{Package: pkgs[i], Functions: s.Symbols}
		p.Judged, p.UpgradeTo = nil, ""
		part = append(part, p)
		if !seen[s.Hash] {
			seen[s.Hash] = true
			set = append(set, s.Hash)
			f.Keys = append(f.Keys, s)
		}
	}
	return own, end()
}
