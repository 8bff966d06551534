package cli

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/careen/careen/internal/report"
)

// document is what a verb has to say, in the forms that the encoders take.
type document struct {
	reports []*report.Report
	lint    *report.Lint // faults of files, and what a verb has to say about them in that form
	own     map[string]func(io.Writer) error
	table   func(o output) report.TableOptions
	bom     report.BOMOptions
}

// format is one of what -f takes.
type format struct {
	name  string
	what  string // who reads it
	verbs string // that have it
	write func(w io.Writer, d *document, o output) error
}

// formats is the table of all formats, in the order of the help texts. What a
// document has of its own is written in place of the encoder; a row without an
// encoder is for those alone.
func formats() []format {
	return []format{
		{"table", "people; the default of scan", "scan sbom db", func(w io.Writer, d *document, o output) error {
			return report.WriteTable(w, d.reports, d.table(o))
		}},
		{"text", "people; the default of the other verbs", "secret lint check pin reach slim base plan diff", nil},
		{"json", "programs: the contract, with a JSON Schema for every verb", "scan sbom secret lint check pin reach slim base harden plan diff db", func(w io.Writer, d *document, _ output) error {
			return either(w, d, report.WriteJSON, report.WriteLintJSON)
		}},
		{"markdown", "a job's summary, a comment on a pull request", "scan secret lint check", func(w io.Writer, d *document, _ output) error {
			if d.lint != nil {
				return report.WriteLintMarkdown(w, d.lint)
			}
			return report.WriteMarkdown(w, d.reports)
		}},
		{"csv", "spreadsheets", "scan secret lint check", func(w io.Writer, d *document, _ output) error {
			if d.lint != nil {
				return report.WriteLintCSV(w, d.lint)
			}
			return report.WriteCSV(w, d.reports)
		}},
		{"sarif", "GitHub code scanning, editors", "scan secret lint check pin", func(w io.Writer, d *document, _ output) error {
			return either(w, d, report.WriteSARIF, report.WriteLintSARIF)
		}},
		{"github", "annotations next to the lines of a pull request", "secret lint check pin", func(w io.Writer, d *document, _ output) error {
			return report.WriteAnnotations(w, d.lint.Misconfigurations)
		}},
		{"gitlab", "GitLab: container scanning (scan), secret detection (secret)", "scan secret", func(w io.Writer, d *document, _ output) error {
			if d.lint != nil {
				return report.WriteGitLabSecrets(w, d.reports, d.bom)
			}
			return report.WriteGitLab(w, d.reports, d.bom)
		}},
		{"gitlab-secrets", "GitLab: secret detection", "scan secret", func(w io.Writer, d *document, _ output) error {
			return report.WriteGitLabSecrets(w, d.reports, d.bom)
		}},
		{"junit", "what shows results of tests", "scan secret lint check", func(w io.Writer, d *document, _ output) error {
			if d.lint != nil {
				return report.WriteLintJUnit(w, d.lint)
			}
			return report.WriteJUnit(w, d.reports)
		}},
		{"checkstyle", "Jenkins (warnings-ng), Bitbucket, reviewdog", "secret lint check pin", func(w io.Writer, d *document, _ output) error {
			return report.WriteCheckstyle(w, d.lint)
		}},
		{"codeclimate", "GitLab's code quality, Code Climate", "secret lint check pin", func(w io.Writer, d *document, _ output) error {
			return report.WriteCodeClimate(w, d.lint)
		}},
		{"sonarqube", "SonarQube's import of issues", "secret lint check pin", func(w io.Writer, d *document, _ output) error {
			return report.WriteSonarQube(w, d.lint)
		}},
		{"cyclonedx", "bills of materials, Dependency-Track; the default of sbom", "scan sbom", func(w io.Writer, d *document, _ output) error {
			return report.WriteCycloneDX(w, d.reports, d.bom)
		}},
		{"spdx", "bills of materials", "scan sbom", func(w io.Writer, d *document, _ output) error {
			return report.WriteSPDX(w, d.reports, d.bom)
		}},
		{"openvex", "other scanners, and anyone who asks why a finding is none", "scan", func(w io.Writer, d *document, _ output) error {
			return report.WriteOpenVEX(w, d.reports, d.bom)
		}},
		{"trivy-json", "what reads Trivy's reports: DefectDojo, Harbor's adapters, plugins", "scan sbom", func(w io.Writer, d *document, _ output) error {
			return report.WriteTrivy(w, d.reports, d.bom)
		}},
		{"template", "anything else: template=@FILE writes by a Go template", "scan sbom secret lint check", func(w io.Writer, d *document, o output) error {
			if d.reports != nil {
				return o.template.Write(w, d.reports)
			}
			return o.template.WriteLint(w, d.lint)
		}},
		{"docker", "the flags of docker run; the default of harden", "harden", nil},
		{"compose", "keys of a compose file", "harden", nil},
		{"kubernetes", "a securityContext", "harden", nil},
		{"badge", "a README", "check", nil},
	}
}

// either writes the reports, or the faults of files where there are no reports.
func either(w io.Writer, d *document, reports func(io.Writer, []*report.Report) error, lint func(io.Writer, *report.Lint) error) error {
	if d.reports != nil {
		return reports(w, d.reports)
	}
	return lint(w, d.lint)
}

// formatsOf lists the formats of a verb.
func formatsOf(verb string) []format {
	return slices.DeleteFunc(formats(), func(f format) bool { return !slices.Contains(strings.Fields(f.verbs), verb) })
}

// formatNames names the formats of a verb: "table, json".
func formatNames(verb string) string {
	var names []string
	for _, f := range formatsOf(verb) {
		names = append(names, f.name)
	}
	return strings.Join(names, ", ")
}

// formatOf finds a format of a verb by its name.
func formatOf(verb, name string) (format, error) {
	for _, f := range formatsOf(verb) {
		if f.name == name {
			return f, nil
		}
	}
	return format{}, fmt.Errorf("--format %s: one of %s", name, formatNames(verb))
}

// output is one format and where it goes.
type output struct {
	format
	path     string // "" is standard output
	template *report.Template
}

// formatFlags say what is printed, and where to.
type formatFlags struct {
	formats []string
	file    string
}

func (f *formatFlags) register(flags *pflag.FlagSet, verb, usual string) {
	flags.StringArrayVarP(&f.formats, "format", "f", []string{usual}, "what to print, as FORMAT or FORMAT=FILE, may be repeated: "+formatNames(verb))
	flags.StringVarP(&f.file, "output", "o", "", "write to this file instead of standard output")
}

// maxTemplate bounds a template file.
const maxTemplate = 4 << 20

// parse turns "-f sarif=out.sarif -f table -o report.txt" into outputs.
func (f formatFlags) parse(verb string) ([]output, error) {
	var outputs []output
	plain := 0
	for _, spec := range f.formats {
		name, path, _ := strings.Cut(spec, "=")
		known, err := formatOf(verb, name)
		if err != nil {
			return nil, err
		}
		o := output{format: known, path: path}
		if name == "template" {
			if o.template, err = readTemplate(path); err != nil {
				return nil, fmt.Errorf("--format %s: %w", spec, err)
			}
			o.path = ""
		}
		if o.path == "" {
			plain++
			o.path = f.file
		}
		outputs = append(outputs, o)
	}
	if plain > 1 {
		return nil, errors.New("--format: only one may go to the same place; write the others as FORMAT=FILE")
	}
	if plain == 0 && f.file != "" {
		return nil, errors.New("--output: every format already names its file")
	}
	return outputs, nil
}

// readTemplate reads the template that "@FILE" names.
func readTemplate(spec string) (*report.Template, error) {
	name, ok := strings.CutPrefix(spec, "@")
	if !ok || name == "" {
		return nil, errors.New("name the file of the template: template=@FILE")
	}
	data, err := readSmallFile(name, maxTemplate)
	if err != nil {
		return nil, err
	}
	return report.ParseTemplate(name, string(data))
}

// asks reports whether a format is among those asked for.
func (f formatFlags) asks(name string) bool {
	return slices.ContainsFunc(f.formats, func(spec string) bool {
		asked, _, _ := strings.Cut(spec, "=")
		return asked == name
	})
}

// write renders what goes to a file whole before it touches the file, so that an
// encoder's error never costs an earlier report; standard output gets its report
// piece by piece.
func (c *command) write(outputs []output, d *document) error {
	made, err := c.buildDate() // SOURCE_DATE_EPOCH makes documents repeatable
	if err != nil {
		return err
	}
	d.bom = report.BOMOptions{Timestamp: made}
	for _, o := range outputs {
		if err := o.to(c.stdout, d); err != nil {
			return err
		}
	}
	return nil
}

func (o output) to(stdout io.Writer, d *document) error {
	encode := func(w io.Writer) error { return o.write(w, d, o) }
	if own := d.own[o.name]; own != nil {
		encode = own
	}
	if o.path == "" {
		b := bufio.NewWriterSize(stdout, 64<<10)
		err := encode(b)
		if err == nil {
			err = b.Flush()
		}
		if err != nil {
			return fmt.Errorf("writing %s to standard output: %w", o.name, err)
		}
		return nil
	}
	var b bytes.Buffer
	err := encode(&b)
	if err == nil {
		err = os.WriteFile(o.path, b.Bytes(), 0o644)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", o.name, err)
	}
	return nil
}
