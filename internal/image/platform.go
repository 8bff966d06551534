package image

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
)

// String is "os/arch" or "os/arch/variant"; "" for the zero value.
func (p Platform) String() string {
	s := p.OS
	for _, part := range []string{p.Architecture, p.Variant} {
		if part != "" {
			s += "/" + part
		}
	}
	return s
}

// ParsePlatform understands "os/arch[/variant]" as docker --platform takes it.
func ParsePlatform(s string) (Platform, error) {
	parts := strings.Split(s, "/")
	if len(parts) < 2 || len(parts) > 3 || slices.Contains(parts, "") {
		return Platform{}, fmt.Errorf("platform %q: write os/arch or os/arch/variant, such as linux/arm64", s)
	}
	p := Platform{OS: strings.ToLower(parts[0]), Architecture: strings.ToLower(parts[1])}
	if len(parts) == 3 {
		p.Variant = strings.ToLower(parts[2])
	}
	switch p.Architecture {
	case "x86_64", "x86-64":
		p.Architecture = "amd64"
	case "aarch64":
		p.Architecture = "arm64"
	}
	return p, nil
}

// hostPlatform is what a container on this machine runs as: Linux, even where a
// virtual machine runs it.
func hostPlatform() Platform {
	return Platform{OS: "linux", Architecture: runtime.GOARCH}
}

// variants lists for each architecture the variants that one would take when
// none is asked for, best first. containerd's platforms package orders them
// alike: 64-bit ARM is v8, 32-bit ARM runs its own version and those below.
var variants = map[string][]string{
	"arm":   {"v7", "", "v6", "v5"},
	"arm64": {"", "v8"},
}

// rank says how well a platform fits what is wanted: 0 is best, -1 not at all.
func (p Platform) rank(wanted Platform) int {
	if p.OS != wanted.OS || p.Architecture != wanted.Architecture {
		return -1
	}
	if wanted.Variant != "" {
		if p.Variant == wanted.Variant {
			return 0
		}
		// linux/arm64 and linux/arm64/v8 are the same thing.
		if p.Architecture == "arm64" && p.Variant == "" && wanted.Variant == "v8" {
			return 1
		}
		return -1
	}
	if i := slices.Index(variants[p.Architecture], p.Variant); i >= 0 {
		return i
	}
	if p.Variant == "" {
		return 0
	}
	return 10
}
