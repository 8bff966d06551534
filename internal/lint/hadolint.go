package lint

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/lazy"
)

// maxHadolint bounds a configuration of Hadolint.
const maxHadolint = 1 << 20

// Hadolint is a .hadolint.yaml (github.com/hadolint/hadolint, "Configure").
type Hadolint struct {
	Ignored           []string            `yaml:"ignored"`
	TrustedRegistries []string            `yaml:"trustedRegistries"`
	Override          map[string][]string `yaml:"override"`     // "error", "warning", "info", "style", "none" to ids
	LabelSchema       map[string]string   `yaml:"label-schema"` // label to one of labelForms
	StrictLabels      bool                `yaml:"strict-labels"`
	DisablePragmas    bool                `yaml:"disable-ignore-pragma"`
	FailureThreshold  string              `yaml:"failure-threshold"` // as in Override, or "ignore"; "" without
	NoFail            bool                `yaml:"no-fail"`

	// How Hadolint prints is not ours; that the keys are known is.
	Format  string `yaml:"format"`
	NoColor bool   `yaml:"no-color"`
	Verbose bool   `yaml:"verbose"`
}

// labelForms are the types of a label-schema.
const labelForms = "text rawtext url semver hash rfc3339 spdx email"

// ParseHadolint reads a .hadolint.yaml. A key or a word that Hadolint does not know
// is an error: what is silently ignored is believed to work.
func ParseHadolint(data []byte) (*Hadolint, error) {
	if len(data) > maxHadolint {
		return nil, fmt.Errorf("larger than %d bytes", maxHadolint)
	}
	var h Hadolint
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	if err := decoder.Decode(&h); err != nil && !errors.Is(err, io.EOF) {
		return nil, worded(err)
	}
	for word := range h.Override {
		if _, ok := hadolintSeverity[word]; !ok && word != "none" {
			return nil, fmt.Errorf("override: %q is not one of error, warning, info, style", word)
		}
	}
	for label, form := range h.LabelSchema {
		if !has(labelForms, form) {
			return nil, fmt.Errorf("label-schema: %s: %q is not one of %s", label, form, strings.ReplaceAll(labelForms, " ", ", "))
		}
	}
	if _, _, err := h.Threshold(); err != nil {
		return nil, err
	}
	return &h, nil
}

// decoderWords are what the decoder says of a file, and the same for somebody who
// knows the file only.
var decoderWords = []struct {
	form func() *regexp.Regexp
	text string
}{
	{lazy.Regexp(`field (\S+) not found in type \S+`), "Hadolint has no key $1"},
	{lazy.Regexp("cannot unmarshal \\S+(?: `[^`]*`)? into \\[\\]\\S+"), "a list is wanted"},
	{lazy.Regexp("cannot unmarshal \\S+(?: `[^`]*`)? into bool"), "true or false is wanted"},
	{lazy.Regexp("cannot unmarshal \\S+(?: `[^`]*`)? into \\S+"), "keys with values are wanted"},
}

// worded words the decoder's error.
func worded(err error) error {
	var types *yaml.TypeError
	if !errors.As(err, &types) {
		return err
	}
	list := slices.Clone(types.Errors)
	for i := range list {
		for _, words := range decoderWords {
			list[i] = words.form().ReplaceAllString(list[i], words.text)
		}
	}
	return errors.New(strings.Join(list, "; "))
}

// Threshold is the severity from which on findings fail by the configuration; set
// is false when that says nothing, and the severity is nil when none fails.
func (h *Hadolint) Threshold() (severity *finding.Severity, set bool, err error) {
	if h.NoFail {
		return nil, true, nil
	}
	switch h.FailureThreshold {
	case "":
		return nil, false, nil
	case "none", "ignore":
		return nil, true, nil
	}
	s, ok := hadolintSeverity[h.FailureThreshold]
	if !ok {
		return nil, false, fmt.Errorf("failure-threshold: %q is not one of error, warning, info, style, ignore, none", h.FailureThreshold)
	}
	return &s, true, nil
}

// hadolintSeverity maps Hadolint's words to ours.
var hadolintSeverity = map[string]finding.Severity{
	"error": finding.High, "warning": finding.Medium, "info": finding.Low, "style": finding.Negligible,
}

// severity is that of a rule after the overrides; the worst of several counts.
func (h *Hadolint) severity(r *Rule, own finding.Severity) finding.Severity {
	severity, overridden := finding.Unknown, false
	for word, ids := range h.Override {
		for _, id := range ids {
			if s, ok := hadolintSeverity[word]; ok && r.named(id) {
				severity, overridden = max(severity, s), true
			}
		}
	}
	if !overridden {
		return own
	}
	return severity
}
