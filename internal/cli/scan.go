package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/careen/careen/internal/cli/wording"
	"github.com/careen/careen/internal/dockerfile"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/match"
	"github.com/careen/careen/internal/page"
	"github.com/careen/careen/internal/policy"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/scan"
	"github.com/careen/careen/internal/vulndb"
)

// scanFlags are the flags of careen scan.
type scanFlags struct {
	source   sourceFlags
	database advisoryFlags
	output   outputFlags
	limits   limitFlags
	accepted acceptedFlags
	scope    scopeFlags

	input         string
	imagesFrom    []string // instead of a target
	sources       string   // a directory whose Dockerfiles and manifests are looked at too
	dockerfile    string
	scanners      []string
	scannersNamed bool // by the user: then what they find in the configuration counts
	severity      string
	ignoreUnfixed bool
	onlyFixed     bool // the same, by Grype's name
	failOn        string
	licenseDeny   []string
	exitCode      int
	exitCodeNamed bool // by the user: without failOn, every finding trips the gate
	exitOnEOL     int
	kernelHeaders bool
	reach         bool
	reachable     bool

	requireCoverage bool
	allowIncomplete bool
}

// scanVerb is careen scan.
type scanVerb struct{ *command }

func (c scanVerb) define() *cobra.Command {
	var f scanFlags
	cmd := &cobra.Command{
		Use:     "scan TARGET",
		Aliases: []string{"image"},
		Short:   "Find what is vulnerable in an image, and say which instruction brought it",
		Long: `Scan lists the packages of an image and compares them with the advisories of
their publishers.

TARGET is an image reference, looked up in the local Docker or Podman daemon,
then in its registry; a path to an archive, an OCI layout or a root directory;
a CycloneDX or SPDX file; "-" for an archive or SBOM on standard input; or
explicit: docker:, podman:, registry:, docker-archive:, oci-archive:, oci-dir:,
dir:, sbom:.`,
		Example: `  careen scan alpine:3.20
  careen scan --fail-on high --ignore-unfixed registry.example.com/shop:1.4
  careen scan -f sarif=careen.sarif -f table app.tar
  careen scan --images-from compose.yaml,deploy/ --fail-on critical
  careen scan --severity HIGH,CRITICAL --exit-code 1 --input app.tar`,
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) > 1:
				return fmt.Errorf("%q and %q: one target at a time; careen --help lists the verbs", args[0], args[1])
			case f.imagesFrom != nil && (len(args) > 0 || f.input != ""):
				return errors.New("--images-from names the files that name the images; leave TARGET and --input out")
			case f.imagesFrom != nil:
				return nil
			case len(args) == 1 && f.input != "":
				return fmt.Errorf("both --input %s and %q name a target; leave one out", f.input, args[0])
			case len(args) == 0 && f.input == "" && c.env["CAREEN_INPUT"] == "":
				return errors.New("nothing to scan; name an image, an archive or a directory, e.g. careen scan alpine:3.20")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			target := f.input
			if len(args) == 1 {
				target = args[0]
			}
			f.scannersNamed = cmd.Flags().Changed("scanners")
			f.exitCodeNamed = cmd.Flags().Changed("exit-code")
			return c.scan(cmd.Context(), target, f)
		},
	}
	f.register(cmd.Flags(), scan.ScannerNames())
	cmd.Flags().StringVar(&f.input, "input", "", "the archive to scan, instead of TARGET")
	cmd.Flags().StringSliceVar(&f.imagesFrom, "images-from", nil, "scan every image that these Dockerfiles, compose files, manifests, values of charts and workflows name, once each; directories are searched")
	cmd.Flags().StringSliceVar(&f.accepted.sbomSources, "sbom-sources", nil, "oci: take the packages from the SBOM attached to the image in its registry, if there is one, and read no layer")
	cmd.Flags().StringVar(&f.dockerfile, "dockerfile", "", "the Dockerfile that the image was built from: findings name the line that brought them")
	return cmd
}

// register adds the flags that are about any target. on are the scanners unless
// others are named.
func (f *scanFlags) register(flags *pflag.FlagSet, on []string) {
	f.source.register(flags)
	f.database.register(flags)
	f.output.register(flags)
	f.limits.register(flags)
	f.accepted.register(flags)
	f.scope.register(flags)
	flags.StringSliceVar(&f.scanners, "scanners", on, "what to look for: "+strings.Join(scan.ScannerNames(), ", "))
	flags.StringVarP(&f.severity, "severity", "s", "", "list only these severities, e.g. HIGH,CRITICAL")
	flags.BoolVar(&f.ignoreUnfixed, "ignore-unfixed", false, "list only what a newer version fixes")
	flags.BoolVar(&f.onlyFixed, "only-fixed", false, "the same as --ignore-unfixed")
	flags.StringVar(&f.failOn, "fail-on", "", "fail on any of these: "+failOnWords+"; findings known to be exploited count as critical")
	flags.StringSliceVar(&f.licenseDeny, "license-deny", nil, "fail on packages that these SPDX licences leave no choice about, e.g. AGPL-*,GPL-3.0-only; unknown for packages of no known licence")
	flags.BoolVar(&f.reach, "reach", false, "say of each package whether the entrypoint reaches it; reads every layer again")
	flags.BoolVar(&f.reachable, "reachable", false, "let the gate pass over vulnerabilities of what is proved not reached; implies --reach")
	flags.IntVar(&f.exitCode, "exit-code", exitGate, "exit code when the gate trips, 0 to report only; without --fail-on, every listed finding trips it")
	flags.IntVar(&f.exitOnEOL, "exit-on-eol", 0, "exit with this code when the distribution release, or a runtime that no distribution installed, gets no more security fixes")
	flags.BoolVar(&f.requireCoverage, "require-coverage", false, "fail when any package was not judged, or executables that no package explains")
	flags.BoolVar(&f.allowIncomplete, "allow-incomplete", false, "do not fail because parts of the image were not read or not judged")
	flags.BoolVar(&f.kernelHeaders, "include-kernel-headers", false, "report the kernel's vulnerabilities for packages of kernel headers")
}

func (c scanVerb) scan(ctx context.Context, target string, f scanFlags) error {
	gate, filter, err := f.policy()
	if err != nil {
		return err
	}
	licenses, err := policy.ParseLicenses(f.licenseDeny)
	if err != nil {
		return fmt.Errorf("--license-deny: %w", err)
	}
	gate.Licenses = licenses.Closed()
	outputs, err := f.output.parse("scan")
	if err != nil {
		return err
	}
	accepted, err := f.accepted.accepted(time.Now())
	if err != nil {
		return err
	}
	var reports []*report.Report
	var unscanned error // of several images
	if f.imagesFrom != nil {
		target = strings.Join(f.imagesFrom, ", ")
		if reports, err = c.reportsOfNamed(ctx, f); len(reports) > 0 {
			unscanned, err = err, nil
		}
	} else {
		reports, err = c.reports(ctx, target, f)
	}
	if err == nil && f.sources != "" {
		err = c.addLint(ctx, f, reports)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", target, err)
	}
	if err := c.noteOld(reports, f.database.databaseFlags); err != nil {
		return err
	}
	if err := c.addAttachedVEX(ctx, f, &accepted, reports); err != nil {
		return fmt.Errorf("%s: %w", target, err)
	}
	for _, r := range reports {
		licenses.Apply(r)
		accepted.Apply(r)
		filter.Apply(r)
	}
	c.noteUnused(&accepted)
	because := gate.Verdict(reports)
	if err := c.write(ctx, outputs, f.output.document(c.command, reports)); err != nil {
		return err
	}
	if f.imagesFrom != nil && f.output.plainTable() {
		if err := report.WriteSummary(c.stdout, reports); err != nil {
			return err
		}
	}
	if unscanned != nil {
		if because == "" {
			return unscanned
		}
		c.note("%s", unscanned)
	}
	if because != "" {
		return gateFailed(f.exitCode, fmt.Errorf("gate failed: %s", because))
	}
	if past := policy.EndOfLife(reports); past != "" && f.exitOnEOL != 0 {
		return &exitError{f.exitOnEOL, fmt.Errorf("%s (--exit-on-eol)", past)}
	}
	return policy.Complete(reports, gate.Scope)
}

// noteUnused says which entries of ignore files and which VEX documents met no
// finding.
func (c scanVerb) noteUnused(accepted *policy.Accepted) {
	if unused := accepted.Unused(); len(unused) > 0 {
		c.note("nothing found is named %s, as the ignore file has it", escape(wording.SomeOf(unused, maxListed)))
	}
	notes := accepted.VEXNotes()
	c.warn(notes[:min(len(notes), maxListed)])
	if more := len(notes) - maxListed; more > 0 {
		c.note("warning: and %d more VEX documents", more)
	}
}

// maxListed bounds the names in a note.
const maxListed = 3

// gateFailed is the error of a tripped gate; --exit-code 0 asks for none.
func gateFailed(code int, err error) error {
	if code == exitDone {
		return nil
	}
	return &exitError{code, err}
}

// reports scans the target, once for each platform asked for.
func (c scanVerb) reports(ctx context.Context, target string, f scanFlags) ([]*report.Report, error) {
	began := time.Now()
	cacheDir, err := c.cache()
	if err != nil {
		return nil, err
	}
	opt := scan.Options{
		Limits: f.limits.of(cacheDir),
		Match:  match.Options{IncludeKernelHeaders: f.kernelHeaders},
	}
	if err := f.scope.apply(&opt); err != nil {
		return nil, err
	}
	opt.Reach = f.reach || f.reachable || f.output.asks("openvex") // whose statements rest on it
	if opt.Scanners, err = scan.ParseScanners(f.scanners); err != nil {
		return nil, err
	}
	if opt.SecretRules, err = f.accepted.rules(); err != nil {
		return nil, err
	}
	for _, from := range f.accepted.sbomSources {
		if f.source.describedBy = from == vexAttached; !f.source.describedBy {
			return nil, fmt.Errorf("--sbom-sources %s: only %s, the image's own registry", from, vexAttached)
		}
	}
	if f.source.key, err = f.accepted.publicKey(); err != nil {
		return nil, err
	}
	if f.dockerfile != "" {
		if opt.Dockerfile, err = dockerfile.ReadFile(f.dockerfile); err != nil {
			return nil, err
		}
	}
	if opt.Scanners.Vulnerabilities {
		a, err := c.openAdvisories(cacheDir, f.source, f.database)
		if err != nil {
			return nil, err
		}
		defer a.Close()
		c.debugf("database open after %s", time.Since(began).Round(time.Microsecond))
		return c.scanJudged(ctx, target, f.source, opt, f.limits.archiveBytes, a.judge)
	}
	return c.scanImages(ctx, target, f.source, opt, f.limits.archiveBytes)
}

// judging runs a scan with a database.
type judging func(ctx context.Context, scan func(*vulndb.DB) (*report.Report, error)) (*report.Report, error)

// scanImages opens the target and scans each of its images.
func (c *command) scanImages(ctx context.Context, target string, source sourceFlags, opt scan.Options, maxSpool int64) ([]*report.Report, error) {
	return c.scanJudged(ctx, target, source, opt, maxSpool, func(_ context.Context, scan func(*vulndb.DB) (*report.Report, error)) (*report.Report, error) {
		return scan(opt.DB)
	})
}

func (c *command) scanJudged(ctx context.Context, target string, source sourceFlags, opt scan.Options, maxSpool int64, judge judging) ([]*report.Report, error) {
	parsed, err := targetOf(target)
	if err != nil {
		return nil, err
	}
	if c.sbomTarget(parsed) {
		return c.scanSBOM(ctx, parsed, opt, judge)
	}
	began := time.Now()
	var reports []*report.Report
	err = c.eachImage(ctx, parsed, source, opt, maxSpool, func(img *image.Image, opt scan.Options) error {
		r, err := judge(ctx, func(db *vulndb.DB) (*report.Report, error) {
			opt.DB = db
			return c.scanOne(ctx, img, source, opt)
		})
		reports = append(reports, r)
		return err
	})
	if err != nil {
		return nil, err
	}
	c.debugf("scanned after %s", time.Since(began).Round(time.Microsecond))
	return reports, nil
}

// eachImage opens a target and calls use for each of its images, with options
// that know the cache, the time and the progress line.
func (c *command) eachImage(ctx context.Context, target image.Target, source sourceFlags, opt scan.Options, maxSpool int64,
	use func(*image.Image, scan.Options) error) error {
	return c.withImages(ctx, target, source, opt, maxSpool, func(images []*image.Image, opt scan.Options) error {
		for _, img := range images {
			if err := use(img, opt); err != nil {
				return err
			}
		}
		return nil
	})
}

// oneImage opens the image of a target and reads its layers, for the verbs that
// look at one image at a time.
func (c *command) oneImage(ctx context.Context, target string, source sourceFlags, opt scan.Options, maxSpool int64,
	use func(*scan.Opened, scan.Options) error) error {
	parsed, err := targetOf(target)
	if err != nil {
		return err
	}
	return c.withImages(ctx, parsed, source, opt, maxSpool, func(images []*image.Image, opt scan.Options) error {
		if len(images) != 1 {
			return errSeveralPlatforms
		}
		in, err := scan.Open(ctx, images[0], opt)
		if err != nil {
			return err
		}
		defer in.Close()
		return use(in, opt)
	})
}

var errSeveralPlatforms = errors.New("several platforms: one at a time, with --platform")

// withImages opens a target for as long as use runs.
func (c *command) withImages(ctx context.Context, target image.Target, source sourceFlags, opt scan.Options, maxSpool int64,
	use func([]*image.Image, scan.Options) error) error {
	began := time.Now()
	cacheDir, err := c.cache()
	if err != nil {
		return err
	}
	line := c.progressLine()
	defer line.clear()
	sourceOpt, err := source.options(c, cacheDir)
	if err != nil {
		return err
	}
	sourceOpt.Progress, sourceOpt.MaxSpool = line.show, maxSpool
	images, closeImages, err := image.Open(ctx, target, sourceOpt)
	if err != nil {
		return err
	}
	defer closeImages()
	c.debugf("target open after %s", time.Since(began).Round(time.Microsecond))

	opt.Cache = rootfs.OpenCache(filepath.Join(cacheDir, "layers"))
	opt.Version, opt.Now = version(), time.Now()
	opt.Progress = func(done, total int64) { line.show("reading layers", done, total) }
	if err := use(images, opt); err != nil {
		return err
	}
	return context.Cause(ctx) // what ended early found less
}

func (f scanFlags) policy() (policy.Gate, policy.Filter, error) {
	filter := policy.Filter{IgnoreUnfixed: f.ignoreUnfixed || f.onlyFixed}
	gate, err := policy.ParseGate(f.failOn)
	if err != nil {
		return gate, filter, fmt.Errorf("--fail-on: %w", err)
	}
	gate.ShowNotLinked, gate.Misconfigurations, gate.Reachable = f.output.showNotLinked, f.scannersNamed, f.reachable
	if filter.Severities, err = policy.ParseSeverities(f.severity); err != nil {
		return gate, filter, fmt.Errorf("--severity: %w", err)
	}
	for flag, code := range map[string]int{"exit-code": f.exitCode, "exit-on-eol": f.exitOnEOL} {
		if code < 0 || code > 255 {
			return gate, filter, fmt.Errorf("--%s %d: not from 0 to 255", flag, code)
		}
	}
	gate.AnyFinding = f.failOn == "" && f.exitCodeNamed && f.exitCode != exitDone
	switch {
	case f.allowIncomplete && f.requireCoverage:
		return gate, filter, errors.New("--allow-incomplete and --require-coverage contradict each other; leave one out")
	case f.allowIncomplete:
		gate.Scope = policy.None
	case f.requireCoverage:
		gate.Scope = policy.All
	case gate.Closed() && !(f.exitCodeNamed && f.exitCode == exitDone), f.exitOnEOL != 0:
		gate.Scope = policy.Gated
	}
	return gate, filter, nil
}

// failOnWords are what --fail-on takes.
const failOnWords = "critical, high, medium, low, negligible, unknown, kev, epss=0.1, eol; none for never"

func (c *command) tableOptions(f outputFlags) report.TableOptions {
	order, _ := report.ParseOrder(f.sort) // parse has refused any other word
	opt := report.TableOptions{
		ByVulnerability: f.by == "vulnerability",
		All:             f.all,
		Packages:        f.listAllPkgs,
		Order:           order,
		Shown:           report.Shown{NotLinked: f.showNotLinked, Suppressed: f.showSuppressed},
	}
	if width, ok := terminal(c.stdout); ok {
		opt.Width = width
		opt.Color = c.env["NO_COLOR"] == "" && c.env["TERM"] != "dumb"
	}
	opt.Links = c.takesLinks()
	if columns, err := strconv.Atoi(c.env["COLUMNS"]); err == nil && columns > 0 {
		opt.Width = columns
	}
	return opt
}

// takesLinks reports whether standard output is a terminal that makes something of
// links (OSC 8): those that do not, pass over them, but for Linux's own console and
// GNU screen. FORCE_HYPERLINK decides otherwise, as it does for other programs.
func (c *command) takesLinks() bool {
	if force := c.env["FORCE_HYPERLINK"]; force != "" {
		return force != "0"
	}
	kind := c.env["TERM"]
	_, ok := terminal(c.stdout)
	return ok && kind != "dumb" && kind != "linux" && !strings.HasPrefix(kind, "screen")
}

// parse checks what the table is asked for, and turns the formats into outputs.
func (f outputFlags) parse(verb string) ([]output, error) {
	if f.by != "package" && f.by != "vulnerability" {
		return nil, fmt.Errorf("--by %s: one of package, vulnerability", f.by)
	}
	if _, err := report.ParseOrder(f.sort); err != nil {
		return nil, fmt.Errorf("--sort %w", err)
	}
	return f.formatFlags.parse(verb)
}

// document is what scan and sbom have to say.
func (f outputFlags) document(c *command, reports []*report.Report) *report.Document {
	return &report.Document{Reports: reports, Table: c.tableOptions(f), Own: map[string]func(io.Writer) error{
		"html": func(w io.Writer) error { return page.Write(w, reports, page.Options{Checklists: checklists(reports)}) },
	}}
}
