package lint

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/careen/careen/internal/golden"
)

// corpusDay is the day on which the corpus is looked at: releases end.
var corpusDay = time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)

// sample is one file of the corpus.
type sample struct {
	name string // "node/express.Dockerfile"
	data []byte
}

// corpus reads testdata/corpus: archives of Dockerfiles. One whose name begins
// with crlf has such line ends, one with bom a byte order mark: an archive
// cannot hold either.
func corpus(t testing.TB) []sample {
	t.Helper()
	archives, err := filepath.Glob(filepath.Join("testdata", "corpus", "*.txtar"))
	if err != nil || len(archives) == 0 {
		t.Fatal("no corpus", err)
	}
	var list []sample
	for _, path := range archives {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			text := string(f.Data)
			if strings.HasPrefix(f.Name, "crlf") {
				text = strings.ReplaceAll(text, "\n", "\r\n")
			}
			if strings.HasPrefix(f.Name, "bom") {
				text = "\ufeff" + text
			}
			list = append(list, sample{strings.TrimSuffix(filepath.Base(path), ".txtar") + "/" + f.Name, []byte(text)})
		}
	}
	return list
}

// TestCorpus compares what is found in each Dockerfile with the golden list:
// RULE@LINE, with a tilde where a comment suppresses the finding.
func TestCorpus(t *testing.T) {
	var got strings.Builder
	samples := corpus(t)
	if len(samples) < 80 {
		t.Errorf("%d Dockerfiles", len(samples))
	}
	for _, s := range samples {
		fmt.Fprintf(&got, "%s:", s.name)
		for _, f := range CheckDockerfile(s.name, s.data, Options{Now: corpusDay}).Findings {
			tilde := ""
			if f.Suppressed != nil {
				tilde = "~"
			}
			fmt.Fprintf(&got, " %s%s@%d", tilde, f.Rule, f.Line.Line)
		}
		got.WriteByte('\n')
	}
	golden.File(t, filepath.Join("testdata", "corpus", "expected.txt"), got.String())
}

// TestFixesOfTheCorpus checks every file for what --fix promises.
func TestFixesOfTheCorpus(t *testing.T) {
	for _, s := range corpus(t) {
		checkFix(t, s.name, s.data)
	}
}

// TestNoSecretIsShown greps the findings and the diffs for the secrets that the
// corpus holds.
func TestNoSecretIsShown(t *testing.T) {
	secrets := []string{
		"AKIAZ7QRT2LMWX4NPB6K", "k9Jf0+sLq2Zx7Vb1Nc8Mm4Pp3Rr6Tt5Yy0Ww2Qq1", "abcdefgh12345678", "hunter2hunter2", "letmein99", "qwerty99",
		"eyJabcdefghijk", "ghp_0123456789abcdefghijABCDEFGHIJ012345", "toor12345", "s3cr3tpw99", "wp-pass-123", "Adm1nAdm1n", "django-insecure-8sd7f6s8d7f6sd87f",
	}
	found := map[string]bool{}
	for _, s := range corpus(t) {
		fixed, _ := FixDockerfile(s.name, s.data, Options{})
		result := CheckDockerfile(s.name, s.data, Options{})
		shown := result.Diff(s.data, fixed) + result.Diff(nil, s.data)
		for _, f := range result.Findings {
			shown += fmt.Sprintf("%+v\n", f)
		}
		for _, secret := range secrets {
			found[secret] = found[secret] || strings.Contains(string(s.data), secret)
			if strings.Contains(shown, secret) {
				t.Errorf("%s shows %s", s.name, secret)
			}
		}
	}
	for _, secret := range secrets {
		if !found[secret] {
			t.Errorf("no file holds %s: the test checks nothing", secret)
		}
	}
}

// BenchmarkThousandDockerfiles measures what docs/lint.md promises: half a second of processor.
func BenchmarkThousandDockerfiles(b *testing.B) {
	samples := corpus(b)
	for b.Loop() {
		for i := range 1000 {
			s := samples[i%len(samples)]
			CheckDockerfile(s.name, s.data, Options{})
		}
	}
}
