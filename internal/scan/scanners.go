package scan

import (
	"fmt"
	"strings"
)

// scanners lists what --scanners takes, in the order of the help text.
var scanners = []struct {
	name string
	on   func(s *Scanners) *bool
}{
	{"vuln", func(s *Scanners) *bool { return &s.Vulnerabilities }},
	{"secret", func(s *Scanners) *bool { return &s.Secrets }},
	{"config", func(s *Scanners) *bool { return &s.Misconfigurations }},
	{"surface", func(s *Scanners) *bool { return &s.Surface }},
}

// ScannerNames lists the names of the scanners.
func ScannerNames() []string {
	var names []string
	for _, s := range scanners {
		names = append(names, s.name)
	}
	return names
}

// ParseScanners turns names into scanners.
func ParseScanners(names []string) (Scanners, error) {
	var on Scanners
	for _, name := range names {
		known := false
		for _, s := range scanners {
			if s.name == strings.TrimSpace(name) {
				*s.on(&on), known = true, true
			}
		}
		if !known {
			return on, fmt.Errorf("--scanners %s: one of %s", name, strings.Join(ScannerNames(), ", "))
		}
	}
	return on, nil
}
