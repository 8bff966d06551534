package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/careen/careen/internal/report"
)

// output is one format and where it goes.
type output struct {
	report.Format
	path     string // "" is standard output
	template *report.Template
}

// formatFlags say what is printed, and where to.
type formatFlags struct {
	formats []string
	file    string
}

func (f *formatFlags) register(flags *pflag.FlagSet, verb, usual string) {
	flags.StringArrayVarP(&f.formats, "format", "f", []string{usual}, "what to print, as FORMAT or FORMAT=FILE, may be repeated: "+report.FormatNames(verb))
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
		known, err := report.FormatOf(verb, name)
		if err != nil {
			return nil, err
		}
		o := output{Format: known, path: path}
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
func (c *command) write(ctx context.Context, outputs []output, d *report.Document) error {
	made, err := c.buildDate() // SOURCE_DATE_EPOCH makes documents repeatable
	if err != nil {
		return err
	}
	d.BOM = report.BOMOptions{Timestamp: made}
	for _, o := range outputs {
		if err := o.to(ctx, c.stdout, d); err != nil {
			return err
		}
	}
	return nil
}

func (o output) to(ctx context.Context, stdout io.Writer, d *report.Document) error {
	one := *d
	one.Template = o.template
	if o.path != "" { // no terminal
		one.Table.Width, one.Table.Color, one.Table.Links = 0, false, false
	}
	encode := func(w io.Writer) error { return o.Write(report.Until(ctx, w), &one) }
	if o.path == "" {
		b := bufio.NewWriterSize(stdout, 64<<10)
		err := encode(b)
		if err == nil {
			err = b.Flush()
		}
		if err != nil {
			return fmt.Errorf("writing %s to standard output: %w", o.Name, err)
		}
		return nil
	}
	var b bytes.Buffer
	err := encode(&b)
	if err == nil {
		err = os.WriteFile(o.path, b.Bytes(), 0o644)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", o.Name, err)
	}
	return nil
}
