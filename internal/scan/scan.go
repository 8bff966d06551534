// Package scan is the pipeline: an image goes in, a report comes out. It hands
// the visitors of the other rooms to the pass, stacks what the layers hold,
// catalogues it and holds it against the advisories.
package scan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/careen/careen/internal/catalog"
	"github.com/careen/careen/internal/dockerfile"
	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/match"
	"github.com/careen/careen/internal/reach"
	"github.com/careen/careen/internal/reach/readers"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/secret"
	"github.com/careen/careen/internal/surface"
	"github.com/careen/careen/internal/vulndb"
)

// Options of a scan. The zero value catalogues without a cache and matches
// nothing.
type Options struct {
	Scanners Scanners
	DB       *vulndb.DB    // advisories; nil leaves the vulnerabilities out
	Cache    *rootfs.Cache // layer facts; nil reads every layer
	Limits   Limits
	Jobs     int // layers read at once; 0 means GOMAXPROCS
	Match    match.Options
	Leave    Kinds                   // packages that the report is not about; none unless said
	Reach    bool                    // reach will be computed: scripts and configuration files are kept, but never in the cache
	Version  string                  // of careen, for the report
	Now      time.Time               // decides what is past its end of life
	Progress func(done, total int64) // stored bytes read so far; nil means none

	SecretRules *secret.Rules // by which secrets are recognised; nil means careen's own

	Dockerfile *dockerfile.File // that the image was built from: findings get its lines; nil means unknown
}

// Limits bound what an image may cost. The zero value is the defaults.
type Limits struct {
	rootfs.Limits
	Catalog  catalog.Limits
	Findings int // vulnerabilities, and secrets of a layer; the rest is left out, with a warning
}

// Scanners says what is looked for in addition to the packages, which always are.
// Vulnerabilities are looked for whenever Options.DB is set.
type Scanners struct {
	Vulnerabilities   bool
	Secrets           bool
	Misconfigurations bool
	Surface           bool
}

// Kinds are the two kinds of packages.
type Kinds struct {
	OS      bool // of a distribution
	Library bool // of a language, and programs that no package manager installed
}

// has reports whether a package is of one of the kinds.
func (k Kinds) has(p *sbom.Package) bool {
	if catalog.IsOSType(p.Type) {
		return k.OS
	}
	return k.Library
}

// Image scans one image. The error says what could not be read at all; what is
// wrong with single files is in the report's warnings.
func Image(ctx context.Context, img *image.Image, opt Options) (*report.Report, error) {
	in, err := Open(ctx, img, opt)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	if !opt.Reach {
		return in.Report(opt)
	}
	_, reachErr := in.Reach(nil)
	r, err := in.Report(opt)
	if err == nil && reachErr != nil {
		r.Warnings = append(r.Warnings, report.Warning{Kind: "reach", Layer: -1, Message: "what the entrypoint reaches is not known: " + reachErr.Error()})
	}
	return r, err
}

// Opened is an image whose layers have been read and whose packages are known.
type Opened struct {
	ctx      context.Context // what is asked of the image ends with that in which it was opened
	limits   Limits
	Image    *image.Image
	Tree     *rootfs.Tree
	Catalog  catalog.Result
	facts    []*rootfs.Facts
	looked   *rootfs.Tree // Tree without what is passed over
	skip     *rootfs.Skip
	shown    *image.Image // Image without the secrets of its configuration and history: what reports show
	redactor *secret.Redactor
	secrets  []finding.Secret // nil when not looked for
	unread   string           // what was not looked into for secrets, "" for nothing
	reached  *reach.Result    // nil when not computed
}

// Open reads the layers of an image and catalogues what is in it, for those who
// go on from there. Of the options those about reading count.
func Open(ctx context.Context, img *image.Image, opt Options) (*Opened, error) {
	opt, err := opt.withSecretRules()
	if err != nil {
		return nil, err
	}
	facts, err := readLayers(ctx, img, opt)
	if err != nil {
		return nil, err
	}
	tree := rootfs.Stack(facts, img.Layers)
	tree.Until(ctx)
	in := &Opened{ctx: ctx, limits: opt.Limits, Image: img, Tree: tree, looked: tree.Without(opt.Limits.Skip), skip: opt.Limits.Skip, facts: facts}
	if in.Catalog, err = catalog.Packages(ctx, in.looked, opt.Limits.Catalog); err != nil {
		return nil, errors.Join(err, tree.Close())
	}
	in.findSecrets(opt)
	describeOrigin(in.Catalog.Packages, in.shown)
	if err := context.Cause(ctx); err != nil {
		return nil, errors.Join(err, tree.Close())
	}
	return in, nil
}

// Close ends the reading of the image's files.
func (in *Opened) Close() error { return in.Tree.Close() }

// Report says what was found.
func (in *Opened) Report(opt Options) (*report.Report, error) {
	img, tree, cat, facts := in.shown, in.looked, in.Catalog, in.facts
	r := &report.Report{
		Schema:   report.Schema,
		Careen:   opt.Version,
		Target:   target(img, in.Tree, facts),
		Packages: nonNil(cat.Packages),
		Warnings: in.warnings(),
	}
	r.Target.Coverage, r.Target.Development = coverage(tree, cat), cat.Development
	if img.Kind == image.KindDir {
		withoutLayer(r.Target.Coverage)
	}
	if !opt.Leave.OS {
		r.Warnings = append(r.Warnings, withoutDatabase(cat, r.Target.Coverage)...)
	}
	r.Secrets = in.secrets
	if in.unread != "" {
		r.Warnings = append(r.Warnings, report.Warning{Kind: report.SecretsUnread, Layer: -1, Message: in.unread})
	}
	in.inspect(r, opt.Scanners)
	if err := judge(in.ctx, r, cat, opt); err != nil {
		return r, err
	}
	in.addReach(r)
	if opt.Dockerfile != nil {
		addLines(r, in.Image, opt.Dockerfile)
	}
	in.redact(r)
	return r, context.Cause(in.ctx)
}

// redact hides the tokens in a report. The packages of the catalogue are so
// already, and what was added to them is of advisories and of the redacted image,
// but for the paths that reach names.
func (in *Opened) redact(r *report.Report) {
	packages := r.Packages
	if in.reached == nil {
		r.Packages = nil
	}
	in.redactor.Strings(r)
	r.Packages = packages
}

// judge compares the packages of a report with the advisories.
func judge(ctx context.Context, r *report.Report, cat catalog.Result, opt Options) error {
	matched := match.Result{}
	if opt.DB != nil {
		opt.Match.MaxFindings = opt.Limits.Findings
		opt.Match.Leave = opt.Leave.has
		matched = match.Packages(ctx, cat.Distro, cat.Packages, opt.DB, opt.Match)
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if err := opt.DB.Err(); err != nil {
			return fmt.Errorf("advisory database: %w; build or fetch it again", err)
		}
		r.Vulnerabilities = nonNil(matched.Vulnerabilities)
		r.Database = database(opt.DB.Info(), matched)
		r.Warnings = append(r.Warnings, fromTomorrow(r.Database.Newest, opt.Now)...)
		for _, w := range matched.Warnings {
			r.Warnings = append(r.Warnings, w.At(-1))
		}
	}
	opt.leaveOut(r)
	if opt.DB != nil {
		r.Judged = report.CountJudged(r.Packages)
	}
	for _, w := range match.RuntimesPastEOL(cat.Packages, opt.Now) {
		r.Warnings = append(r.Warnings, w.At(-1))
	}
	r.Target.OS = operatingSystem(cat.Distro, matched, opt.Now)
	return nil
}

// fromTomorrow warns of advisories from after now: how old they are is not known, and
// what is old would not be said. They are used all the same, and fail no gate: that the
// clock is wrong is more likely than that they are.
func fromTomorrow(newest, now time.Time) []report.Warning {
	const zones = 48 * time.Hour // and clocks that are a little off
	if now.IsZero() || !newest.After(now.Add(zones)) {
		return nil
	}
	return []report.Warning{{Kind: "database-date", Layer: -1,
		Message: fmt.Sprintf("the newest advisory is of %s, and today is %s by this machine's clock: one of them is wrong, so that the age of the advisories is not known",
			newest.UTC().Format(time.DateOnly), now.UTC().Format(time.DateOnly)),
		Remedy: "set the clock, or get another database: careen db update"}}
}

// leaveOut takes away the packages that the report is not about.
func (opt Options) leaveOut(r *report.Report) {
	if opt.Leave == (Kinds{}) {
		return
	}
	left := map[string]bool{}
	r.Packages = slices.DeleteFunc(slices.Clone(r.Packages), func(p sbom.Package) bool {
		if opt.Leave.has(&p) {
			left[p.PURL] = true
			return true
		}
		return false
	})
	for i := range r.Packages {
		p := &r.Packages[i]
		p.DependsOn = slices.DeleteFunc(slices.Clone(p.DependsOn), func(on string) bool { return left[on] })
	}
}

// visitors are those of every room that looks at bodies.
func visitors(opt Options) []rootfs.Visitor {
	all := withoutTokens(append(catalog.Visitors(opt.Limits.Catalog), surface.Visitors()...), opt.SecretRules)
	if opt.Scanners.Secrets {
		most := cmp.Or(opt.Limits.Findings, match.DefaultFindings)
		v := opt.SecretRules.Visitor()
		v.Quota = &rootfs.Quota{Most: most, Count: secret.Count, What: fmt.Sprintf("more than %d secrets: raise --max-findings if they are meant", most)}
		all = append(all, v)
	}
	if opt.Reach {
		all = append(all, reach.Visitors(readers.Languages())...)
	}
	return all
}

// readLayers returns the facts of each layer, lowest first, from the cache
// where it has them.
func readLayers(ctx context.Context, img *image.Image, opt Options) ([]*rootfs.Facts, error) {
	visitors := oneLargeFileAtATime(visitors(opt))
	if opt.Reach {
		opt.Cache = nil
	}
	if img.Kind == image.KindDir {
		f, err := rootfs.PassDir(ctx, img.Dir, visitors, opt.Limits.Limits, counter(opt.Progress, 0))
		if err != nil {
			return nil, err
		}
		return []*rootfs.Facts{f}, nil
	}
	facts := make([]*rootfs.Facts, len(img.Layers))
	var missing []int
	var total int64
	// Each entry is some hundred bytes of memory until the report is written: the
	// layers together are held to what one may have.
	opt.Limits.Spent = new(rootfs.Spent)
	for i, layer := range img.Layers {
		if opt.Cache != nil {
			if f, ok := opt.Cache.Get(layer, visitors, opt.Limits.Limits); ok {
				facts[i] = f
				opt.Limits.Spent.Entries.Add(int64(f.Entries()))
				opt.Limits.Spent.Facts.Add(f.Bytes())
				continue
			}
		}
		missing = append(missing, i)
		total += max(layer.Size, 0)
	}
	if most := cmp.Or(opt.Limits.LayerEntries, rootfs.DefaultLayerEntries); opt.Limits.Spent.Entries.Load() > int64(most) {
		return nil, fmt.Errorf("its layers have more than %d entries: raise --max-layer-entries if they are meant", most)
	}
	jobs := opt.Jobs
	if jobs <= 0 {
		jobs = runtime.GOMAXPROCS(0)
	}
	progress := counter(opt.Progress, total)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(jobs)
	for _, i := range missing {
		group.Go(func() error {
			f, err := rootfs.Pass(ctx, img.Layers[i], visitors, opt.Limits.Limits, progress)
			if err != nil {
				return err
			}
			facts[i] = f
			if opt.Cache != nil {
				// A cache that cannot be written costs time, not findings.
				_ = opt.Cache.Put(f, img.Layers[i], visitors, opt.Limits.Limits)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return facts, nil
}

// largeFile is the size from which files are looked at one after the other.
const largeFile = 4 << 20

// oneLargeFileAtATime keeps layers that are read at once from holding their
// largest files in memory at once: what a parser takes is bounded by the file's
// size, and so what all of them take by that of one.
func oneLargeFileAtATime(visitors []rootfs.Visitor) []rootfs.Visitor {
	var turn sync.Mutex
	for i := range visitors {
		visit := visitors[i].Visit
		visitors[i].Visit = func(h *rootfs.Header, body rootfs.Body) ([]byte, error) {
			if h.Size > largeFile {
				turn.Lock()
				defer turn.Unlock()
			}
			return visit(h, body)
		}
	}
	return visitors
}

// counter turns a progress function over totals into one over increments that
// several layers may call at once.
func counter(progress func(done, total int64), total int64) func(n int64) {
	if progress == nil {
		return nil
	}
	var done atomic.Int64
	return func(n int64) { progress(done.Add(n), total) }
}

func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// describeOrigin writes down which instruction brought each package and
// whether it came with the base image.
func describeOrigin(packages []sbom.Package, img *image.Image) {
	base := baseLayers(img)
	for i := range packages {
		p := &packages[i]
		if img.Kind == image.KindDir {
			withoutLayers(p)
			continue
		}
		if p.Layer >= 0 && p.Layer < len(img.Layers) {
			p.Instruction = img.Layers[p.Layer].Instruction
			p.Base = p.Layer < base
		}
	}
}

// withoutLayers says that a package of a directory came with no layer.
func withoutLayers(p *sbom.Package) {
	p.Layer, p.TouchedLayer = -1, -1
	for i := range p.Locations {
		p.Locations[i].Layer = -1
	}
}
