package main

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// others are the programs that are measured where they are installed. What they do
// is not the same as what careen does; the names say what they are asked for.
func others(path, form string) []program {
	var list []program
	add := func(name, executable string, arguments ...string) {
		if found, err := exec.LookPath(executable); err == nil {
			list = append(list, program{name, nil, append([]string{found}, arguments...)})
		}
	}
	scheme := "oci-dir:"
	switch form {
	case "gzip":
		if _, err := exec.LookPath("sha256sum"); err == nil {
			if gunzip, err := exec.LookPath("libdeflate-gunzip"); err == nil {
				add("libdeflate-gunzip and sha256sum, of the stored bytes and the tar", "sh", "-c",
					`for b in "$1"/blobs/sha256/*; do sha256sum "$b" && case $(head -c2 "$b" | od -An -tx1) in " 1f 8b") "$2" -c < "$b" | sha256sum;; esac || exit 1; done > /dev/null`, "sh", path, gunzip)
			}
		}
	case "plain":
		scheme = "docker-archive:"
	}
	add("Trivy, packages alone", "trivy", "image", "--quiet", "--cache-backend", "memory", "--format", "cyclonedx", "--output", os.DevNull, "--input", path)
	add("Trivy, packages and secrets", "trivy", "image", "--quiet", "--cache-backend", "memory", "--scanners", "secret", "--list-all-pkgs", "--format", "json", "--output", os.DevNull, "--input", path)
	add("Syft, packages alone", "syft", "scan", scheme+path, "--quiet", "--output", "json="+os.DevNull)
	return list
}

// cpuInfo is what the table says of the processor.
type cpuInfo struct {
	name   string
	hasSHA bool
	known  bool // whether it has
}

func (c cpuInfo) sha() string {
	switch {
	case !c.known:
		return "whether it has SHA instructions is not known here"
	case c.hasSHA:
		return "with SHA instructions"
	}
	return "without SHA instructions"
}

// processor asks Linux for the processor's name.
func processor() cpuInfo {
	c := cpuInfo{name: runtime.GOARCH + " processors"}
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return c
	}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(key) {
		case "model name":
			c.name = value
		case "cpu MHz":
			if mhz, _, ok := strings.Cut(value, "."); ok && !strings.Contains(c.name, "Hz") {
				c.name += " at " + mhz + " MHz"
			}
		case "flags", "Features":
			fields := " " + value + " "
			c.known, c.hasSHA = true, strings.Contains(fields, " sha_ni ") || strings.Contains(fields, " sha2 ")
		}
	}
	return c
}
