// Package files is what careen lint says of several files together: their findings
// as one report and as text, and what an image that was built from one of them adds.
package files

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/lint"
	"github.com/careen/careen/internal/project"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/safetext"
)

// File is one file with what was found in it.
type File struct {
	Path   string
	Data   []byte // as read
	Fixed  []byte // as Data when nothing is fixed
	Result *lint.Result
}

// List is all files, in order.
type List []*File

// Check looks at the files, and fixes them if that is asked for.
func Check(ctx context.Context, found []*project.File, opt lint.Options, fix bool) (List, error) {
	var list List
	for _, f := range found {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		file := &File{Path: f.Path, Data: f.Data, Fixed: f.Data}
		if opt.DockerIgnore = nil; f.Workload == nil {
			opt.DockerIgnore = dockerIgnore(f.Path)
		}
		if fix {
			file.Fixed, file.Result = lint.FixFile(f, opt)
		} else {
			file.Result = lint.CheckFile(f, opt)
		}
		list = append(list, file)
	}
	return list, nil
}

// dockerIgnore reads the file that leaves paths out of a Dockerfile's context, as
// BuildKit looks for it; nil without one. The context is taken to be the directory
// of the Dockerfile.
func dockerIgnore(dockerfile string) []byte {
	for _, path := range []string{dockerfile + ".dockerignore", filepath.Join(filepath.Dir(dockerfile), ".dockerignore")} {
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() || info.Size() > project.MaxFile {
			continue
		}
		if data, err := os.ReadFile(path); err == nil {
			return data
		}
	}
	return nil
}

// Gate is the severity from which on findings fail; nil when none does.
type Gate struct {
	Threshold *finding.Severity
	Flag      string // as the user wrote it
}

// Report joins the files.
func (l List) Report(careen string, gate Gate) *report.Lint {
	var results []*lint.Result
	for _, file := range l {
		results = append(results, file.Result)
	}
	lint.SettleWorkflows(results)
	r := &report.Lint{Schema: report.LintSchema, Careen: careen}
	counts := map[finding.Severity]int{}
	for _, file := range l {
		r.Files = append(r.Files, file.Path)
		for _, found := range file.Result.Findings {
			r.Misconfigurations = append(r.Misconfigurations, found.Misconfiguration)
			if found.Suppressed == nil {
				counts[found.Severity]++
			}
			if len(found.Edits) > 0 {
				r.Fixable++
			}
		}
	}
	if gate.Threshold == nil {
		return r
	}
	var reasons []string
	for _, s := range finding.Severities() {
		if n := counts[s]; n > 0 && s >= *gate.Threshold {
			reasons = append(reasons, fmt.Sprintf("%d %s", n, strings.ToLower(s.String())))
		}
	}
	r.Gate = &report.Gate{Tripped: reasons != nil}
	if reasons != nil {
		r.Gate.Because = fmt.Sprintf("%s (--fail-on %s)", strings.Join(reasons, ", "), gate.Flag)
	}
	return r
}

// WriteText writes each finding with its line, and what to do.
func (l List) WriteText(out io.Writer) error {
	var b strings.Builder
	open, suppressed, fixable := 0, 0, 0
	for _, file := range l {
		for _, found := range file.Result.Findings {
			if len(found.Edits) > 0 {
				fixable++
			}
			if found.Suppressed != nil {
				suppressed++
				continue
			}
			open++
			fmt.Fprintf(&b, "%s:%d: %s %s: %s\n", safetext.Line(file.Path), found.Line.Line, found.Severity, found.Rule, safetext.Line(found.Message))
			if found.Text != "" {
				fmt.Fprintf(&b, "    %s\n", safetext.Line(found.Text))
			}
			fix := found.Fix
			if len(found.Edits) > 0 {
				fix += " (--fix)"
			}
			fmt.Fprintf(&b, "    fix: %s\n", safetext.Line(fix))
		}
	}
	fmt.Fprintf(&b, "%s, %s", safetext.Count(len(l), "file"), safetext.Count(open, "finding"))
	if fixable > 0 {
		fmt.Fprintf(&b, ", %d of them fixed by --fix", fixable)
	}
	if suppressed > 0 {
		fmt.Fprintf(&b, "; %d suppressed by comments", suppressed)
	}
	b.WriteByte('\n')
	_, err := io.WriteString(out, b.String())
	return err
}
