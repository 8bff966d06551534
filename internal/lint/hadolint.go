package lint

import (
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/careen/careen/internal/finding"
)

// maxHadolint bounds a configuration of Hadolint.
const maxHadolint = 1 << 20

// Hadolint is what Careen honours of a .hadolint.yaml
// (github.com/hadolint/hadolint, "Configure").
type Hadolint struct {
	Ignored           []string
	TrustedRegistries []string
	Override          map[string][]string // "error", "warning", "info", "style" to ids
	LabelSchema       map[string]string   // label to "text", "url", "semver", "hash", "rfc3339", "spdx", "email"
	StrictLabels      bool
	DisablePragmas    bool
}

// ParseHadolint reads a .hadolint.yaml. Keys that say how Hadolint prints or
// when it fails are not ours and are passed over.
func ParseHadolint(data []byte) (*Hadolint, error) {
	if len(data) > maxHadolint {
		return nil, fmt.Errorf("larger than %d bytes", maxHadolint)
	}
	var raw struct {
		Ignored           []string            `yaml:"ignored"`
		TrustedRegistries []string            `yaml:"trustedRegistries"`
		Override          map[string][]string `yaml:"override"`
		LabelSchema       map[string]string   `yaml:"label-schema"`
		StrictLabels      bool                `yaml:"strict-labels"`
		DisablePragmas    bool                `yaml:"disable-ignore-pragma"`
	}
	if err := yaml.Unmarshal(data, &raw); err != nil {
		return nil, err
	}
	return &Hadolint{raw.Ignored, raw.TrustedRegistries, raw.Override, raw.LabelSchema, raw.StrictLabels, raw.DisablePragmas}, nil
}

// hadolintSeverity maps Hadolint's words to ours.
var hadolintSeverity = map[string]finding.Severity{
	"error": finding.High, "warning": finding.Medium, "info": finding.Low, "style": finding.Negligible,
}

// severity is that of a rule after the overrides; the worst of several counts.
func (h *Hadolint) severity(r *Rule) finding.Severity {
	severity, overridden := finding.Unknown, false
	for word, ids := range h.Override {
		for _, id := range ids {
			if s, ok := hadolintSeverity[word]; ok && r.named(id) {
				severity, overridden = max(severity, s), true
			}
		}
	}
	if !overridden {
		return r.Severity
	}
	return severity
}
