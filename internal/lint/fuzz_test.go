package lint

import (
	"testing"

	"github.com/careen/careen/internal/costs"
)

// FuzzDockerfile checks every text for what lint and --fix promise: no
// panic, lines that exist, and a fix that changes nothing but what it says.
func FuzzDockerfile(f *testing.F) {
	for _, s := range corpus(f) {
		f.Add(s.data)
	}
	for _, r := range rules {
		if r.docker != nil {
			f.Add([]byte(r.Bad))
		}
	}
	costs.Fuzz(f, func(t *testing.T, data []byte) {
		result := CheckDockerfile("Dockerfile", data, Options{})
		lines := len(lineStarts(data))
		for _, finding := range result.Findings {
			if finding.Line.Line < 1 || finding.Line.Line > lines {
				t.Errorf("%s in line %d of %d", finding.Rule, finding.Line.Line, lines)
			}
		}
		checkFix(t, "Dockerfile", data)
	})
}

func FuzzWorkload(f *testing.F) {
	names := []string{"compose.yaml", "pod.yaml", ".github/workflows/ci.yml", "run.sh", "Makefile", ".gitlab-ci.yml", ".circleci/config.yml"}
	for i, name := range names {
		f.Add(i, []byte("# careen:ignore=CS101\nservices: {a: {image: x, privileged: true}}\n"+name))
	}
	for _, r := range rules {
		for i, name := range names {
			if r.File == name {
				f.Add(i, []byte(r.Bad))
			}
		}
	}
	costs.Fuzz(f, func(t *testing.T, which int, data []byte) {
		if which < 0 || which >= len(names) {
			return
		}
		result, err := Check(names[which], data, Options{})
		if err != nil {
			return
		}
		for _, finding := range result.Findings {
			if finding.Line.Line < 1 || finding.Line.Line > len(lineStarts(data)) {
				t.Errorf("%s in line %d", finding.Rule, finding.Line.Line)
			}
		}
	})
}
