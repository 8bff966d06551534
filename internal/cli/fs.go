package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/careen/careen/internal/cli/wording"
	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/lint"
	"github.com/careen/careen/internal/lint/files"
	"github.com/careen/careen/internal/project"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/scan"
)

// fsVerb is careen fs.
type fsVerb struct{ *command }

// fsCommand scans a source tree: scan of a directory, and lint of what it builds.
func (c fsVerb) define() *cobra.Command {
	var f scanFlags
	cmd := &cobra.Command{
		Use:     "fs DIR",
		Aliases: []string{"filesystem", "rootfs"},
		Short:   "Find what is vulnerable, secret or misconfigured in a source tree",
		Long: `Fs looks at a directory that is no image: lock files and installed packages are
compared with the advisories, files are searched for secrets, and Dockerfiles,
manifests and workflows are looked at as careen lint does.`,
		Example: `  careen fs .
  careen fs --scanners vuln,secret --skip-dirs testdata --fail-on high .`,
		Args: wording.Takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			info, err := os.Stat(args[0])
			if err != nil {
				return err
			}
			if !info.IsDir() {
				return fmt.Errorf("%s: not a directory; archives and SBOMs are for careen scan %[1]s, Dockerfiles and manifests for careen lint %[1]s", args[0])
			}
			f.sources = args[0]
			f.scannersNamed = cmd.Flags().Changed("scanners")
			f.exitCodeNamed = cmd.Flags().Changed("exit-code")
			return scanVerb(c).scan(cmd.Context(), "dir:"+args[0], f)
		},
	}
	f.register(cmd.Flags(), slices.DeleteFunc(scan.ScannerNames(), func(name string) bool { return name == "surface" }))
	return cmd
}

// addLint adds to the report of a directory what lint finds in its files.
func (c scanVerb) addLint(ctx context.Context, f scanFlags, reports []*report.Report) error {
	if on, err := scan.ParseScanners(f.scanners); err != nil || !on.Misconfigurations {
		return err
	}
	dir := f.sources
	skip, err := rootfs.NewSkip(f.scope.skipDirs, f.scope.skipFiles)
	if err != nil {
		return err
	}
	found, err := project.Find(ctx, []string{dir})
	if err != nil {
		return err
	}
	passed := func(path string) bool {
		rel, err := filepath.Rel(dir, path)
		return err == nil && skip.Passes(filepath.ToSlash(rel))
	}
	found.Files = slices.DeleteFunc(found.Files, func(f *project.File) bool { return passed(f.Path) })
	found.Templates = slices.DeleteFunc(found.Templates, func(l project.Left) bool { return passed(l.Path) })
	c.noteTemplates(found)
	var opt lint.Options
	if opt.Hadolint, err = files.ReadHadolint(""); err != nil {
		return err
	}
	files, err := lintInTime(ctx, found.Files, opt, false)
	if err != nil {
		return err
	}
	var results []*lint.Result
	for _, file := range files {
		results = append(results, file.Result)
	}
	lint.SettleWorkflows(results)
	for _, r := range reports {
		for _, l := range found.Left {
			if !passed(l.Path) {
				r.Warnings = append(r.Warnings, finding.Warning{Kind: "unreadable", Path: l.Path, Layer: -1, Message: l.Err.Error(), Incomplete: true})
			}
		}
		if r.Misconfigurations == nil {
			r.Misconfigurations = []finding.Misconfiguration{}
		}
		for _, result := range results {
			for _, m := range result.Findings {
				if m.Line != nil {
					file := m.Line.File
					if rel, err := filepath.Rel(dir, file); err == nil {
						file = filepath.ToSlash(rel)
					}
					m.Message = fmt.Sprintf("%s:%d: %s", file, m.Line.Line, m.Message)
				}
				r.Misconfigurations = append(r.Misconfigurations, m.Misconfiguration)
			}
		}
	}
	return nil
}
