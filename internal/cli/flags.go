package cli

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/careen/careen/internal/catalog"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/match"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/scan"
	"github.com/careen/careen/internal/spelling"
	"github.com/careen/careen/internal/vex"
)

// maxPassword bounds what --password-stdin reads.
const maxPassword = 64 << 10

// sourceFlags say how an image is reached.
type sourceFlags struct {
	platform      string
	username      string
	passwordStdin bool
	insecure      bool
	caCert        string
	offline       bool

	describedBy bool     // take the SBOM that is attached to the image instead of its layers
	key         *vex.Key // that has to have signed it; nil: anyone's
}

func (f *sourceFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.platform, "platform", "", "which image of several: os/arch[/variant], or all (default this machine's)")
	flags.StringVar(&f.username, "username", "", "registry user; the password comes with --password-stdin")
	flags.BoolVar(&f.passwordStdin, "password-stdin", false, "read the registry password from standard input")
	flags.BoolVar(&f.insecure, "insecure", false, "accept plain HTTP and unverified certificates of the registry")
	flags.StringVar(&f.caCert, "cacert", "", "trust the certificates in this PEM file too")
	flags.BoolVar(&f.offline, "offline", false, "never ask a registry")
}

func (f sourceFlags) options(c *command, tempDir string) (image.Options, error) {
	opt := image.Options{
		Platform:  f.platform,
		Username:  f.username,
		Insecure:  f.insecure,
		CACert:    f.caCert,
		Offline:   f.offline,
		Stdin:     c.stdin,
		TempDir:   tempDir,
		UserAgent: "careen/" + version(),
	}
	if f.passwordStdin {
		if f.username == "" {
			return opt, errors.New("--password-stdin: whose? add --username")
		}
		data, err := io.ReadAll(io.LimitReader(c.stdin, maxPassword))
		if err != nil {
			return opt, fmt.Errorf("--password-stdin: %w", err)
		}
		opt.Password = strings.TrimRight(string(data), "\r\n")
	} else if f.username != "" {
		return opt, errors.New("--username: no password; pipe it in with --password-stdin")
	}
	return opt, nil
}

// outputFlags say what is printed, and where to.
type outputFlags struct {
	formatFlags
	by   string
	sort string
	all  bool

	listAllPkgs    bool
	showNotLinked  bool
	showSuppressed bool
}

func (f *outputFlags) register(flags *pflag.FlagSet) {
	f.formatFlags.register(flags, "scan", "table")
	flags.StringVar(&f.by, "by", "package", "what a row of the table is: package or vulnerability")
	flags.StringVar(&f.sort, "sort", "risk", "which rows of the table come first: by risk, severity or package")
	flags.BoolVar(&f.all, "all", false, "print every row of the table")
	flags.BoolVar(&f.listAllPkgs, "list-all-pkgs", false, "print every package, those without findings too")
	flags.BoolVar(&f.showNotLinked, "show-not-linked", false, "list and gate on Go findings too whose vulnerable code is not linked in")
	flags.BoolVar(&f.showSuppressed, "show-suppressed", false, "list what was suppressed too")
}

// scopeFlags say what of a target is looked at.
type scopeFlags struct {
	skipDirs  []string
	skipFiles []string
	pkgTypes  []string
	withDev   bool
}

// packageTypes are what --pkg-types takes.
var packageTypes = []string{"os", "library"}

func (f *scopeFlags) register(flags *pflag.FlagSet) {
	flags.StringSliceVar(&f.skipDirs, "skip-dirs", nil, "pass over these directories, e.g. usr/share/doc or **/node_modules")
	flags.StringSliceVar(&f.skipFiles, "skip-files", nil, "pass over these files, e.g. **/*.jar")
	flags.BoolVar(&f.withDev, "include-dev", false, "list and match what lock files name for development alone, too")
	flags.StringSliceVar(&f.pkgTypes, "pkg-types", packageTypes, "packages to list: os (of the distribution), library (of languages, and programs that no package manager installed)")
}

// apply adds the scope to the options of a scan.
func (f scopeFlags) apply(opt *scan.Options) (err error) {
	if opt.Limits.Skip, err = rootfs.NewSkip(f.skipDirs, f.skipFiles); err != nil {
		return fmt.Errorf("--skip-dirs, --skip-files: %w", err)
	}
	for _, kind := range f.pkgTypes {
		if !slices.Contains(packageTypes, kind) {
			return fmt.Errorf("--pkg-types %q: one of %s%s", kind, strings.Join(packageTypes, ", "), spelling.Meant(kind, packageTypes, "%s"))
		}
	}
	opt.Limits.Catalog.Development = f.withDev
	opt.Leave = scan.Kinds{OS: !slices.Contains(f.pkgTypes, "os"), Library: !slices.Contains(f.pkgTypes, "library")}
	if opt.Leave.OS && opt.Leave.Library {
		return errors.New("--pkg-types: no kind is left; one of os, library, or both")
	}
	return nil
}

// limitFlags bound what an image may make careen do.
type limitFlags struct {
	scan.Limits
	archiveBytes int64
}

// defaultArchiveBytes is as much as image.Options.MaxSpool allows by itself.
const defaultArchiveBytes = 64 << 30

func (f *limitFlags) register(flags *pflag.FlagSet) {
	flags.Int64Var(&f.archiveBytes, "max-archive-bytes", defaultArchiveBytes, "refuse a compressed or streamed archive that expands to more bytes")
	flags.Int64Var(&f.LayerBytes, "max-layer-bytes", rootfs.DefaultLayerBytes, "refuse a layer that expands to more bytes")
	flags.IntVar(&f.LayerEntries, "max-layer-entries", rootfs.DefaultLayerEntries, "refuse a layer, or layers together, with more entries")
	flags.IntVar(&f.PathBytes, "max-path-bytes", rootfs.DefaultPathBytes, "leave out entries with longer paths, with a warning")
	flags.IntVar(&f.PathDepth, "max-path-depth", rootfs.DefaultPathDepth, "leave out entries that are deeper, with a warning")
	flags.Int64Var(&f.UnpackBytes, "max-unpack-bytes", rootfs.DefaultUnpackBytes, "refuse an image whose archives and other packed files expand to more bytes together")
	flags.IntVar(&f.Catalog.Packages, "max-packages", catalog.DefaultPackages, "leave out what is beyond so many packages, with a warning")
	flags.IntVar(&f.Catalog.Locations, "max-locations", catalog.DefaultLocations, "leave out what is beyond so many places of packages, with a warning")
	flags.IntVar(&f.Findings, "max-findings", match.DefaultFindings, "leave out what is beyond so many vulnerabilities, or secrets of a layer, with a warning")
	flags.IntVar(&f.Nesting, "max-nesting", rootfs.DefaultNesting, "do not look into archives that are nested deeper in others, with a warning")
	flags.BoolVar(&f.VerifyDiffIDs, "verify-diff-ids", false, "compare each layer's tar with the digest that the configuration claims, and read local archives whole for that")
	flags.Int64Var(&f.FileBytes, "max-file-bytes", rootfs.DefaultFileBytes, "do not look into larger files, with a warning")
}

// of returns the limits, with large files spooled into the cache directory.
func (f limitFlags) of(cacheDir string) scan.Limits {
	limits := f.Limits
	limits.TempDir = cacheDir
	return limits
}
