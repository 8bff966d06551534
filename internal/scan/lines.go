package scan

import (
	"path/filepath"
	"strings"

	"github.com/careen/careen/internal/dockerfile"
	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/report"
)

// lines names, for every finding, the line of the Dockerfile that brought it.
type lines struct {
	file    *dockerfile.File
	origins []dockerfile.Origin // of each entry of the history
	image   *image.Image
}

// addLines gives the findings of a report their lines. A file that does not fit
// the image is said in a warning, and changes nothing.
func addLines(r *report.Report, img *image.Image, f *dockerfile.File) {
	origins, ok := dockerfile.Align(f, img.Config.History)
	if !ok {
		r.Warnings = append(r.Warnings, report.Warning{Kind: "dockerfile", Layer: -1,
			Message: "the image's history does not fit " + f.Path + ": no finding is given a line of it"})
		return
	}
	l := lines{f, origins, img}
	for i := range r.Vulnerabilities {
		v := &r.Vulnerabilities[i]
		v.Line = l.ofLayer(v.Layer)
	}
	for i := range r.Secrets {
		for j := range r.Secrets[i].Places {
			p := &r.Secrets[i].Places[j]
			if p.Line = l.ofLayer(p.Layer); p.Line == nil {
				p.Line = l.ofSetting(p.Kind, p.Name, p.Instruction)
			}
		}
	}
	for i := range r.Misconfigurations {
		m := &r.Misconfigurations[i]
		if len(m.Locations) > 0 {
			m.Line = l.ofLayer(m.Locations[0].Layer)
		} else if m.Instruction != "" {
			m.Line = l.ofSetting("", "", m.Instruction)
		}
	}
}

// ofLayer returns the line of the instruction that made a layer, nil when it is
// not known.
func (l lines) ofLayer(layer int) *finding.Line {
	if layer < 0 || layer >= len(l.image.Layers) {
		return nil
	}
	return l.ofEntry(l.image.Layers[layer].History, "")
}

// ofEntry returns the line of an entry of the history; of the variable or label
// in it where a name is given, since ENV may have many lines.
func (l lines) ofEntry(i int, name string) *finding.Line {
	if i < 0 || i >= len(l.origins) || l.origins[i].Instruction == nil {
		return nil
	}
	in := l.origins[i].Instruction
	line := in.Line
	for _, pair := range in.Pairs {
		if pair.Name == name {
			line = l.file.Line(pair.Start)
		}
	}
	return &finding.Line{File: filepath.ToSlash(l.file.Path), Line: line}
}

// settings are the instructions that write what a place of the configuration
// holds.
var settings = map[string]string{
	"env": "ENV", "label": "LABEL", "entrypoint": "ENTRYPOINT", "cmd": "CMD", "healthcheck": "HEALTHCHECK", "onbuild": "ONBUILD",
}

// ofSetting returns the line of the last instruction that wrote a setting: that
// of its text where one is given, else that of its kind and name.
func (l lines) ofSetting(kind, name, instruction string) *finding.Line {
	for i := len(l.image.Config.History) - 1; i >= 0; i-- {
		text := l.image.Config.History[i].Instruction()
		if instruction != "" {
			if sameInstruction(instruction, text) {
				return l.ofEntry(i, name)
			}
			continue
		}
		rest, ok := strings.CutPrefix(text, settings[kind]+" ")
		if !ok || settings[kind] == "" {
			continue
		}
		if name == "" || strings.Contains(" "+rest, " "+name+"=") || strings.HasPrefix(rest, name+" ") {
			return l.ofEntry(i, name)
		}
	}
	return nil
}

// sameInstruction compares an instruction of a report with one of the history.
// Each "…" in the former represents a secret that is not shown.
func sameInstruction(shown, text string) bool {
	parts := strings.Split(shown, "…")
	first, last := parts[0], parts[len(parts)-1]
	if len(parts) == 1 {
		return shown == text
	}
	if !strings.HasPrefix(text, first) {
		return false
	}
	text = text[len(first):]
	if !strings.HasSuffix(text, last) {
		return false
	}
	text = text[:len(text)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(text, part)
		if i < 0 {
			return false
		}
		text = text[i+len(part):]
	}
	return true
}
