package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/careen/careen/internal/policy"
	"github.com/careen/careen/internal/secret"
)

// Bounds of the files that say what a scan looks for and what it accepts.
const (
	maxIgnoreFile = 16 << 20
	maxBaseline   = 1 << 30
	maxRuleFile   = 4 << 20
)

// defaultIgnoreFiles are read from the working directory where they exist:
// careen's own, and those of Trivy's and Grype's users.
var defaultIgnoreFiles = []string{".careenignore", "careen-ignore.yaml", ".trivyignore", ".trivyignore.yaml", ".grype.yaml"}

// acceptedFlags name the findings that are known and accepted, and
// the rules for secrets.
type acceptedFlags struct {
	ignoreFile  string
	vex         []string
	sbomSources []string // what others say of the image's packages
	key         string
	baseline    string
	secretRules string
}

func (f *acceptedFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.ignoreFile, "ignorefile", "", "suppress the findings that this file names (default "+strings.Join(defaultIgnoreFiles, ", ")+")")
	flags.StringArrayVar(&f.vex, "vex", nil, "suppress what this VEX document, or each in this directory, says is not affected or fixed (OpenVEX, CycloneDX, CSAF); oci: those attached to the image in its registry; may be repeated")
	flags.StringVar(&f.key, "key", "", "take only VEX documents and SBOMs that the private half of this public key (PEM) signed")
	flags.StringVar(&f.baseline, "baseline", "", "suppress the findings of this earlier report (careen scan -f json)")
	flags.StringVar(&f.secretRules, "secret-rules", "", "recognise secrets by the rules of this file, in Gitleaks' form")
}

// accepted reads the files that the flags name.
func (f acceptedFlags) accepted(now time.Time) (policy.Accepted, error) {
	var a policy.Accepted
	names := defaultIgnoreFiles
	if f.ignoreFile != "" {
		names = []string{f.ignoreFile}
	}
	for _, name := range names {
		data, err := readSmallFile(name, maxIgnoreFile)
		switch {
		case err == nil:
			if err := a.Ignore(name, data, now); err != nil {
				return a, err
			}
		case f.ignoreFile != "" || !errors.Is(err, fs.ErrNotExist):
			return a, fmt.Errorf("--ignorefile: %w", err)
		}
	}
	if err := f.addVEX(&a); err != nil {
		return a, fmt.Errorf("--vex: %w", err)
	}
	if f.baseline != "" {
		data, err := readSmallFile(f.baseline, maxBaseline)
		if err != nil {
			return a, fmt.Errorf("--baseline: %w", err)
		}
		if err := a.Baseline(f.baseline, data); err != nil {
			return a, fmt.Errorf("--baseline: %w", err)
		}
	}
	return a, nil
}

// rules returns the rules for secrets that the flags ask for, nil for careen's
// own.
func (f acceptedFlags) rules() (*secret.Rules, error) {
	if f.secretRules == "" {
		return nil, nil
	}
	data, err := readSmallFile(f.secretRules, maxRuleFile)
	if err != nil {
		return nil, fmt.Errorf("--secret-rules: %w", err)
	}
	rules, err := secret.ParseRules(f.secretRules, data)
	if err != nil {
		return nil, fmt.Errorf("--secret-rules: %w", err)
	}
	return rules, nil
}

// readSmallFile reads a whole file of at most max bytes.
func readSmallFile(name string, max int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, max+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > max {
		return nil, fmt.Errorf("%s: larger than %d bytes", name, max)
	}
	return data, nil
}
