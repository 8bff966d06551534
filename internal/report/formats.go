package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Document is what a verb has to say, in the forms that the encoders take.
type Document struct {
	Reports  []*Report
	Lint     *Lint                            // faults of files, and what a verb has to say about them in that form
	Own      map[string]func(io.Writer) error // written in place of the encoder, by name
	Table    TableOptions
	BOM      BOMOptions
	Template *Template
}

// Format is one of what -f takes.
type Format struct {
	Name  string
	What  string // who reads it
	Verbs string // that have it
	write func(w io.Writer, d *Document) error
}

// Formats is the table of all formats, in the order of the help texts. What a
// document has of its own is written in place of the encoder; a row without an
// encoder is for those alone.
func Formats() []Format {
	return []Format{
		{"table", "people; the default of scan", "scan sbom db", func(w io.Writer, d *Document) error {
			return WriteTable(w, d.Reports, d.Table)
		}},
		{"text", "people; the default of the other verbs", "secret lint check pin reach slim base plan diff", nil},
		{"json", "programs: the contract, with a JSON Schema for every verb", "scan sbom secret lint check pin reach slim base harden plan diff db", func(w io.Writer, d *Document) error {
			return either(w, d, WriteJSON, WriteLintJSON)
		}},
		{"markdown", "a job's summary, a comment on a pull request", "scan secret lint check", func(w io.Writer, d *Document) error {
			if d.Lint != nil {
				return WriteLintMarkdown(w, d.Lint)
			}
			return WriteMarkdown(w, d.Reports)
		}},
		{"html", "people: one page that needs no network, with filters and a picture", "scan", nil},
		{"csv", "spreadsheets", "scan secret lint check", func(w io.Writer, d *Document) error {
			if d.Lint != nil {
				return WriteLintCSV(w, d.Lint)
			}
			return WriteCSV(w, d.Reports)
		}},
		{"sarif", "GitHub code scanning, editors", "scan secret lint check pin", func(w io.Writer, d *Document) error {
			return either(w, d, WriteSARIF, WriteLintSARIF)
		}},
		{"github", "annotations next to the lines of a pull request", "secret lint check pin", func(w io.Writer, d *Document) error {
			return WriteAnnotations(w, d.Lint.Misconfigurations)
		}},
		{"gitlab", "GitLab: container scanning (scan), secret detection (secret)", "scan secret", func(w io.Writer, d *Document) error {
			if d.Lint != nil {
				return WriteGitLabSecrets(w, d.Reports, d.BOM)
			}
			return WriteGitLab(w, d.Reports, d.BOM)
		}},
		{"gitlab-secrets", "GitLab: secret detection", "scan secret", func(w io.Writer, d *Document) error {
			return WriteGitLabSecrets(w, d.Reports, d.BOM)
		}},
		{"junit", "what shows results of tests", "scan secret lint check", func(w io.Writer, d *Document) error {
			if d.Lint != nil {
				return WriteLintJUnit(w, d.Lint, d.BOM)
			}
			return WriteJUnit(w, d.Reports, d.BOM)
		}},
		{"checkstyle", "Jenkins (warnings-ng), Bitbucket, reviewdog", "secret lint check pin", func(w io.Writer, d *Document) error {
			return WriteCheckstyle(w, d.Lint)
		}},
		{"codeclimate", "GitLab's code quality, Code Climate", "secret lint check pin", func(w io.Writer, d *Document) error {
			return WriteCodeClimate(w, d.Lint)
		}},
		{"sonarqube", "SonarQube's import of issues", "secret lint check pin", func(w io.Writer, d *Document) error {
			return WriteSonarQube(w, d.Lint)
		}},
		{"cyclonedx", "bills of materials, Dependency-Track; the default of sbom", "scan sbom", func(w io.Writer, d *Document) error {
			return WriteCycloneDX(w, d.Reports, d.BOM)
		}},
		{"spdx", "bills of materials", "scan sbom", func(w io.Writer, d *Document) error {
			return WriteSPDX(w, d.Reports, d.BOM)
		}},
		{"openvex", "other scanners, and anyone who asks why a finding is none", "scan", func(w io.Writer, d *Document) error {
			return WriteOpenVEX(w, d.Reports, d.BOM)
		}},
		{"trivy-json", "what reads Trivy's reports: DefectDojo, Harbor's adapters, plugins", "scan sbom", func(w io.Writer, d *Document) error {
			return WriteTrivy(w, d.Reports, d.BOM)
		}},
		{"template", "anything else: template=@FILE writes by a Go template", "scan sbom secret lint check", func(w io.Writer, d *Document) error {
			if d.Reports != nil {
				return d.Template.Write(w, d.Reports)
			}
			return d.Template.WriteLint(w, d.Lint)
		}},
		{"docker", "the flags of docker run; the default of harden", "harden", nil},
		{"compose", "keys of a compose file", "harden", nil},
		{"kubernetes", "a securityContext", "harden", nil},
		{"badge", "a README", "check", nil},
	}
}

// either writes the reports, or the faults of files where there are no reports.
func either(w io.Writer, d *Document, reports func(io.Writer, []*Report) error, lint func(io.Writer, *Lint) error) error {
	if d.Reports != nil {
		return reports(w, d.Reports)
	}
	return lint(w, d.Lint)
}

// FormatsOf lists the formats of a verb.
func FormatsOf(verb string) []Format {
	return slices.DeleteFunc(Formats(), func(f Format) bool { return !slices.Contains(strings.Fields(f.Verbs), verb) })
}

// FormatNames names the formats of a verb: "table, json".
func FormatNames(verb string) string {
	var names []string
	for _, f := range FormatsOf(verb) {
		names = append(names, f.Name)
	}
	return strings.Join(names, ", ")
}

// FormatOf finds a format of a verb by its name.
func FormatOf(verb, name string) (Format, error) {
	for _, f := range FormatsOf(verb) {
		if f.Name == name {
			return f, nil
		}
	}
	return Format{}, fmt.Errorf("--format %s: one of %s", name, FormatNames(verb))
}

// Write writes a document in the format.
func (f Format) Write(w io.Writer, d *Document) error {
	if own := d.Own[f.Name]; own != nil {
		return own(w)
	}
	return f.write(w, d)
}
