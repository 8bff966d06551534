package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/careen/careen/internal/cli/wording"
	"github.com/careen/careen/internal/diff"
	"github.com/careen/careen/internal/policy"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/scan"
)

// diffFlags are the flags of careen diff.
type diffFlags struct {
	source   sourceFlags
	database advisoryFlags
	limits   limitFlags

	format string
	failOn string

	allowIncomplete bool
}

// diffVerb is careen diff.
type diffVerb struct{ *command }

func (c diffVerb) define() *cobra.Command {
	var f diffFlags
	cmd := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Say what a change of an image brought and what it removed",
		Long: `Diff scans two images and compares what was found: packages, vulnerabilities,
secrets, faults of the configuration, size and attack surface. OLD and NEW are
targets as careen scan takes them, or reports that careen scan -f json wrote.`,
		Example: `  careen diff shop:1.3 shop:1.4
  careen diff main.json shop:pr --fail-on high`,
		Args: wording.Takes(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.diff(cmd.Context(), args[0], args[1], f)
		},
	}
	flags := cmd.Flags()
	f.source.register(flags)
	f.database.register(flags)
	f.limits.register(flags)
	flags.StringVarP(&f.format, "format", "f", "text", "what to print: "+report.FormatNames("diff"))
	flags.StringVar(&f.failOn, "fail-on", "", "fail when the new image brings any of these: "+failOnWords)
	flags.BoolVar(&f.allowIncomplete, "allow-incomplete", false, "do not fail because parts of an image were not read or not judged")
	return cmd
}

func (c diffVerb) diff(ctx context.Context, old, new string, f diffFlags) error {
	if _, err := report.FormatOf("diff", f.format); err != nil {
		return err
	}
	gate, _, err := scanFlags{failOn: f.failOn, allowIncomplete: f.allowIncomplete}.policy()
	if err != nil {
		return err
	}
	cacheDir, err := c.cache()
	if err != nil {
		return err
	}
	opt := scan.Options{Limits: f.limits.of(cacheDir), Scanners: scan.Scanners{Vulnerabilities: true, Secrets: true, Misconfigurations: true, Surface: true}}
	var images []string
	for _, target := range []string{old, new} {
		if saved, _ := savedReports(target); saved == nil {
			images = append(images, target)
		}
	}
	if err := c.refresh(ctx, cacheDir, f.source, f.limits, f.database, images); err != nil {
		return err
	}
	if opt.DB, err = c.openDatabase(cacheDir, f.database.databaseFlags); err != nil {
		return err
	}
	defer opt.DB.Close()
	from, err := c.reportOf(ctx, old, f, opt)
	if err != nil {
		return fmt.Errorf("%s: %w", old, err)
	}
	to, err := c.reportOf(ctx, new, f, opt)
	if err != nil {
		return fmt.Errorf("%s: %w", new, err)
	}
	d := diff.Compare(from, to)
	if d.Old.Ref == d.New.Ref { // an archive's tag, say: what was typed tells them apart
		d.Old.Ref, d.New.Ref = old, new
	}
	if f.format == "json" {
		err = c.printJSON(d)
	} else {
		err = d.WriteText(c.stdout)
	}
	if err != nil {
		return err
	}
	brought := &report.Report{}
	if d.Vulnerabilities != nil {
		brought.Vulnerabilities = d.Vulnerabilities.Added
	}
	if d.Secrets != nil {
		brought.Secrets = d.Secrets.Added
	}
	if because := gate.Verdict([]*report.Report{brought}); because != "" {
		return &exitError{exitGate, fmt.Errorf("gate failed: the change brings %s", because)}
	}
	return policy.Complete([]*report.Report{from, to}, gate.Scope)
}

// reportOf returns what is known of a target: the report in the file of that
// name, where it is one, else that of a scan.
func (c diffVerb) reportOf(ctx context.Context, target string, f diffFlags, opt scan.Options) (*report.Report, error) {
	reports, err := savedReports(target)
	if reports == nil && err == nil {
		reports, err = c.scanImages(ctx, target, f.source, opt, f.limits.archiveBytes)
	}
	if err != nil {
		return nil, err
	}
	if len(reports) != 1 {
		return nil, errSeveralPlatforms
	}
	return reports[0], nil
}

// savedReports reads a report of careen scan -f json; nil when the file holds
// something else or there is none.
func savedReports(name string) ([]*report.Report, error) {
	info, err := os.Stat(name)
	if err != nil || !info.Mode().IsRegular() {
		return nil, nil
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	start := make([]byte, 256)
	n, _ := io.ReadFull(file, start)
	if !bytes.Contains(start[:n], []byte(`"schema": "`+report.Schema+`"`)) {
		return nil, nil
	}
	data, err := readSmallFile(name, maxBaseline)
	if err != nil {
		return nil, err
	}
	return report.ReadJSON(data)
}
