package lint

import (
	"maps"
	"net/mail"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/careen/careen/internal/dockerfile"
	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/lazy"
	"github.com/careen/careen/internal/spdx"
)

// The labels of the OCI image specification (annotations.md) have a form of
// their own; a label-schema of .hadolint.yaml gives others one.
var labelRules = []Rule{{
	ID: "CD601", Title: "ENV does not use a variable that it sets itself", Severity: finding.Medium,
	Fix:  "an ENV of its own for each",
	Why:  "All values of one ENV are worked out before it sets any: the variable still has its old value, or none.",
	Same: []string{"DL3044"},
	Bad:  "FROM alpine:3.22\nENV HOME_DIR=/app BIN=$HOME_DIR/bin\nUSER 1000\n", Good: "FROM alpine:3.22\nENV HOME_DIR=/app\nENV BIN=$HOME_DIR/bin\nUSER 1000\n",
	docker: selfReference,
}, {
	ID: "CD602", Title: "Labels have valid names", Severity: finding.Low,
	Fix:  "small letters, digits, dots and dashes, a letter first, in the form of a domain of your own",
	Why:  "Other names clash with those of tools, or cannot be asked for. com.docker.*, io.docker.* and org.dockerproject.* are reserved.",
	Same: []string{"DL3048"},
	Bad:  "FROM alpine:3.22\nLABEL com.docker.team=shop\nUSER 1000\n", Good: "FROM alpine:3.22\nLABEL com.example.team=shop\nUSER 1000\n",
	docker: labelNames,
}, {
	ID: "CD603", Title: "The labels of the schema are there", Severity: finding.Low,
	Fix:  "add the label",
	Why:  "An organisation that asks for labels in the label-schema of .hadolint.yaml relies on them. The rule looks only where there is one.",
	Same: []string{"DL3049"},
	Bad:  "FROM alpine:3.22\nUSER 1000\n", Good: "FROM alpine:3.22\nLABEL team=shop\nUSER 1000\n",
	docker: missingLabels,
}, {
	ID: "CD604", Title: "No labels but those of the schema", Severity: finding.Low,
	Fix:  "remove the label, or add it to the schema",
	Why:  "With strict-labels in .hadolint.yaml the label-schema is complete.",
	Same: []string{"DL3050"},
	Bad:  "FROM alpine:3.22\nLABEL team=shop colour=blue\nUSER 1000\n", Good: "FROM alpine:3.22\nLABEL team=shop\nUSER 1000\n",
	docker: superfluousLabels,
}, {
	ID: "CD605", Title: "Labels have values", Severity: finding.Low,
	Fix:  "give it a value, or remove it",
	Why:  "An empty label says nothing, and hides that of the base image.",
	Same: []string{"DL3051"},
	Bad:  "FROM alpine:3.22\nLABEL org.opencontainers.image.title=\"\"\nUSER 1000\n", Good: "FROM alpine:3.22\nLABEL org.opencontainers.image.title=\"shop\"\nUSER 1000\n",
	docker: emptyLabels,
}, {
	ID: "CD606", Title: "Labels that are URLs hold URLs", Severity: finding.Low,
	Fix:  "https://…",
	Why:  "Tools make links of them.",
	Same: []string{"DL3052"},
	Bad:  "FROM alpine:3.22\nLABEL org.opencontainers.image.source=shop\nUSER 1000\n", Good: "FROM alpine:3.22\nLABEL org.opencontainers.image.source=https://example.com/shop\nUSER 1000\n",
	docker: labelForm("url"),
}, {
	ID: "CD607", Title: "Labels that are times hold times", Severity: finding.Low,
	Fix:  "2026-01-31T12:00:00Z",
	Why:  "The specification asks for RFC 3339.",
	Same: []string{"DL3053"},
	Bad:  "FROM alpine:3.22\nLABEL org.opencontainers.image.created=yesterday\nUSER 1000\n", Good: "FROM alpine:3.22\nLABEL org.opencontainers.image.created=2026-01-31T12:00:00Z\nUSER 1000\n",
	docker: labelForm("rfc3339"),
}, {
	ID: "CD608", Title: "Labels that are licences hold SPDX expressions", Severity: finding.Low,
	Fix:  "Apache-2.0, or MIT OR BSD-3-Clause",
	Why:  "The specification asks for SPDX, which tools can tell apart.",
	Same: []string{"DL3054"},
	Bad:  "FROM alpine:3.22\nLABEL org.opencontainers.image.licenses=\"the usual licence\"\nUSER 1000\n", Good: "FROM alpine:3.22\nLABEL org.opencontainers.image.licenses=\"Apache-2.0\"\nUSER 1000\n",
	docker: labelForm("spdx"),
}, {
	ID: "CD609", Title: "Labels that are revisions hold hashes", Severity: finding.Low,
	Fix:  "the hash of the commit",
	Why:  "A branch moves on; a commit can be checked out again. The rule looks where a label-schema of .hadolint.yaml says hash: elsewhere a revision may be of any kind.",
	Same: []string{"DL3055"},
	Bad:  "FROM alpine:3.22\nLABEL revision=main\nUSER 1000\n", Good: "FROM alpine:3.22\nLABEL revision=8b6a2f0\nUSER 1000\n",
	docker: labelForm("hash"),
}, {
	ID: "CD610", Title: "Labels that are versions hold semantic versions", Severity: finding.Low,
	Fix:  "1.2.3",
	Why:  "Versions of that form can be put in order. The rule looks where a label-schema of .hadolint.yaml says semver.",
	Same: []string{"DL3056"},
	Bad:  "FROM alpine:3.22\nLABEL version=newest\nUSER 1000\n", Good: "FROM alpine:3.22\nLABEL version=1.2.3\nUSER 1000\n",
	docker: labelForm("semver"),
}, {
	ID: "CD611", Title: "Labels that are addresses hold addresses", Severity: finding.Low,
	Fix:  "jo@example.com",
	Why:  "Somebody may have to write to it. The rule looks where a label-schema of .hadolint.yaml says email.",
	Same: []string{"DL3058"},
	Bad:  "FROM alpine:3.22\nLABEL contact=jo\nUSER 1000\n", Good: "FROM alpine:3.22\nLABEL contact=jo@example.com\nUSER 1000\n",
	docker: labelForm("email"),
}, {
	ID: "CD612", Title: "ENV name=value", Severity: finding.Low,
	Fix: "write =", Fixable: true,
	Why:  "The form without = is deprecated: it cannot set two, and takes the rest of the line whatever it is.",
	Same: []string{"BuildKit:LegacyKeyValueFormat"},
	Bad:  "FROM alpine:3.22\nENV LANG C.UTF-8\nUSER 1000\n", Good: "FROM alpine:3.22\nENV LANG=C.UTF-8\nUSER 1000\n",
	docker: legacyPairs,
}}

// selfReference finds values that count on another one of the same ENV. One
// that extends the variable itself means its old value, unless the same ENV sets
// it a second time.
func selfReference(c *dockerCheck) {
	c.each(func(s step) {
		if len(s.Pairs) < 2 {
			return
		}
		own, times := map[string]bool{}, map[string]int{}
		for _, p := range s.Pairs {
			own[p.Name] = true
		}
		for _, p := range s.Pairs {
			times[p.Name]++
			for _, use := range variablesOf(string(c.source[p.Start:p.End]), c.file.Escape) {
				switch _, known := s.stage.variable(use.name, s.index); {
				case use.name == p.Name && times[p.Name] > 1:
					c.report(c.file.Line(p.Start), nil, "%s has its value from before this ENV here too: the one given first is lost", p.Name)
				case own[use.name] && use.name != p.Name && !known:
					c.report(c.file.Line(p.Start), nil, "%s uses %s, which this ENV sets", p.Name, use.name)
				}
			}
		}
	}, "ENV")
}

// labelName is the form of a key (Docker documentation, "Docker object labels").
var labelName = lazy.Regexp(`^[a-z][a-z0-9]*([.-][a-z0-9]+)*$`)

func (c *dockerCheck) eachLabel(do func(s step, line int, p dockerfile.Pair)) {
	c.each(func(s step) {
		for _, p := range s.Pairs {
			p.Name = strings.Trim(p.Name, `"'`)
			do(s, c.file.Line(p.Start), p)
		}
	}, "LABEL")
}

// named reports whether a text is made with a variable that is set: what it
// comes to is for the builder to say.
func (c *dockerCheck) named(s step, text string) bool {
	for _, use := range variablesOf(text, c.file.Escape) {
		if _, ok := s.stage.variable(use.name, s.index); ok {
			return true
		}
	}
	return false
}

func labelNames(c *dockerCheck) {
	c.eachLabel(func(s step, line int, p dockerfile.Pair) {
		switch {
		case strings.HasPrefix(p.Name, "com.docker.") && !strings.HasPrefix(p.Name, "com.docker.extension.") && !strings.HasPrefix(p.Name, "com.docker.desktop."),
			strings.HasPrefix(p.Name, "io.docker."), strings.HasPrefix(p.Name, "org.dockerproject."):
			c.report(line, nil, "%s is reserved for Docker", p.Name)
		case !labelName().MatchString(p.Name) && !c.named(s, p.Name):
			c.report(line, nil, "%q is no name for a label", p.Name)
		}
	})
}

// schema is the label-schema of .hadolint.yaml, nil without one.
func (c *dockerCheck) schema() map[string]string {
	if c.options.Hadolint == nil {
		return nil
	}
	return c.options.Hadolint.LabelSchema
}

// missingLabels asks every stage that holds one's own layers or another's, as
// Hadolint does: any of them can be built and pushed by --target.
func missingLabels(c *dockerCheck) {
	labels := slices.Sorted(maps.Keys(c.schema()))
	if len(labels) == 0 {
		return
	}
	have := make([]map[string]bool, len(c.stages))
	for i, s := range c.stages {
		have[i] = map[string]bool{}
		if s.parent != nil {
			maps.Copy(have[i], have[s.parent.Index])
		}
		for _, step := range s.steps {
			for _, p := range step.Pairs {
				if step.Name == "LABEL" {
					have[i][strings.Trim(p.Name, `"'`)] = true
				}
			}
		}
		for _, label := range labels {
			if !have[i][label] {
				c.report(s.Line, nil, "the label %s is missing", label)
			}
		}
	}
}

func superfluousLabels(c *dockerCheck) {
	if c.options.Hadolint == nil || !c.options.Hadolint.StrictLabels {
		return
	}
	c.eachLabel(func(s step, line int, p dockerfile.Pair) {
		if _, ok := c.schema()[p.Name]; !ok {
			c.report(line, nil, "the label %s is not in the schema", p.Name)
		}
	})
}

func emptyLabels(c *dockerCheck) {
	c.eachLabel(func(s step, line int, p dockerfile.Pair) {
		if p.Value == "" && (c.schema()[p.Name] != "" || strings.HasPrefix(p.Name, "org.opencontainers.image.")) {
			c.report(line, nil, "the label %s is empty", p.Name)
		}
	})
}

// ociForms are the forms of the specification's own labels.
var ociForms = map[string]string{
	"org.opencontainers.image.created":       "rfc3339",
	"org.opencontainers.image.url":           "url",
	"org.opencontainers.image.documentation": "url",
	"org.opencontainers.image.source":        "url",
	"org.opencontainers.image.licenses":      "spdx",
}

var (
	hashForm   = lazy.Regexp(`^([0-9a-f]{7}|[0-9a-f]{40}|[0-9a-f]{64})$`)
	semverForm = lazy.Regexp(`^[0-9]+\.[0-9]+\.[0-9]+([-+][0-9A-Za-z.+-]+)?$`)
)

// labelForm is the rule for labels of one form. A value with a variable in it is
// known only to the builder.
func labelForm(form string) func(*dockerCheck) {
	return func(c *dockerCheck) {
		c.eachLabel(func(s step, line int, p dockerfile.Pair) {
			want := c.schema()[p.Name]
			if want == "" {
				want = ociForms[p.Name]
			}
			if want == form && p.Value != "" && !strings.Contains(p.Value, "$") && !hasForm(form, p.Value) {
				c.report(line, nil, "%s of %s", p.Value, p.Name)
			}
		})
	}
}

func hasForm(form, value string) bool {
	switch form {
	case "url":
		u, err := url.Parse(value)
		return err == nil && u.Scheme != "" && u.Host != "" || strings.HasPrefix(value, "git@")
	case "rfc3339":
		_, err := time.Parse(time.RFC3339, value)
		return err == nil
	case "spdx":
		_, ok := spdx.Parse(value)
		return ok
	case "hash":
		return hashForm().MatchString(value)
	case "semver":
		return semverForm().MatchString(value)
	case "email":
		a, err := mail.ParseAddress(value)
		return err == nil && a.Address == value
	}
	return true
}

func legacyPairs(c *dockerCheck) {
	c.each(func(s step) {
		if len(s.Pairs) != 1 || len(s.Args) != 1 || s.trigger {
			return
		}
		p, written := s.Pairs[0], s.Args[0]
		gap := written.Start + len(p.Name)
		if !p.HasValue || gap >= p.Start || p.Start > len(c.source) || c.source[gap] != ' ' && c.source[gap] != '\t' {
			return
		}
		between := string(c.source[gap:p.Start])
		var edits []Edit
		if value := string(c.source[p.Start:p.End]); strings.TrimSpace(between) == "" && !strings.ContainsAny(between, "\n") && value != "" && !strings.ContainsAny(value, " \t\r\n\"'\\`=") {
			edits = []Edit{{gap, p.Start, "="}}
		}
		c.report(s.Line, edits, "%s %s without =", s.Name, p.Name)
	}, "ENV", "LABEL")
}
