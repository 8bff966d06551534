package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/plan"
	"github.com/careen/careen/internal/report"
)

// TestPlannedNumbersAreWhatAScanShows does each step that a plan proposes, and
// scans: the numbers are those that were predicted.
func TestPlannedNumbersAreWhatAScanShows(t *testing.T) {
	cache := t.TempDir()
	in := imageOf{crypto: "3.2.0-r0"}
	archive, candidate := in.write(t), imageOf{crypto: "3.3.2-r0", bare: true}.write(t)
	dockerfile := filepath.Join(t.TempDir(), "Dockerfile")
	if err := os.WriteFile(dockerfile, []byte("FROM wolfi:1\nCOPY . /app\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		flags []string
		kinds string // of the steps, in order
	}{
		{"as it is", nil, "slim upgrade user"},
		{"on another base", []string{"--candidate", candidate, "--dockerfile", dockerfile}, "base slim upgrade pin user"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p plan.Plan
			args := append([]string{"plan", "--base-layers", "1", "-f", "json", archive}, c.flags...)
			if err := json.Unmarshal(careen(t, cache, args...), &p); err != nil {
				t.Fatal(err)
			}
			now, slimmed := in, false
			check := func(step string, want report.Numbers) {
				t.Helper()
				target := now.write(t)
				if slimmed {
					out := filepath.Join(t.TempDir(), "slim.tar")
					careen(t, cache, "slim", target, "-o", "docker-archive:"+out)
					target = out
				}
				got := scanned(t, cache, target)
				if slimmed {
					// Slim writes the package database anew and an SBOM, and says so.
					if more := got.Bytes - want.Bytes; more <= 0 || more > 10<<10 {
						t.Errorf("%s: %d bytes more than was predicted", step, more)
					}
					got.Bytes = want.Bytes
				}
				if d := cmp.Diff(want, got); d != "" {
					t.Errorf("%s: predicted (-), scanned (+):\n%s", step, d)
				}
			}
			check("before", p.Now)
			var kinds []string
			for _, s := range p.Steps {
				kinds = append(kinds, s.Kind)
				switch s.Kind {
				case "base":
					now.crypto = "3.3.2-r0"
				case "slim":
					slimmed = true
				case "upgrade":
					if !strings.Contains(s.Do, "libcrypto3") {
						t.Errorf("%s: not what there is to upgrade", s.Do)
					}
					now.crypto = "3.99.0-r0"
				case "user":
					now.user = strings.TrimPrefix(s.Do, "USER ")
				}
				check(s.Do, *s.After)
			}
			if got := strings.Join(kinds, " "); got != c.kinds {
				t.Errorf("steps %q, want %q", got, c.kinds)
			}
			if after := p.Steps[len(p.Steps)-1].After; after.Packages >= p.Now.Packages || after.Bytes >= p.Now.Bytes || len(p.Now.Vulnerabilities) == 0 {
				t.Errorf("nothing came of it: %+v, then %+v", p.Now, after)
			}
		})
	}
}

// imageOf is a Wolfi with a program that needs one of its packages, and another
// package that it does not need.
type imageOf struct {
	crypto string // version of libcrypto3
	user   string
	bare   bool // the base alone
}

func (i imageOf) write(t *testing.T) string {
	t.Helper()
	const loader = "/lib/ld-musl-x86_64.so.1"
	apk := func(name, origin, version string, files ...string) string {
		text := "P:" + name + "\nV:" + version + "\nA:x86_64\no:" + origin + "\n"
		for _, f := range files {
			text += "F:" + filepath.Dir(f) + "\nR:" + filepath.Base(f) + "\n"
		}
		return text + "\n"
	}
	base := imagetest.Layer{Instruction: "ADD rootfs.tar /", Entries: []imagetest.Entry{
		imagetest.File("etc/os-release", "ID=wolfi\nVERSION_ID=20230201\n"),
		imagetest.File("lib/apk/db/installed", apk("musl", "musl", "1.2.5-r9", loader[1:])+apk("libcrypto3", "openssl", i.crypto, "lib/libcrypto.so.3")+
			apk("curl", "curl", "8.5.0-r0", "usr/bin/curl")),
		imagetest.Exec(loader[1:], imagetest.ELF{Soname: "libc.so"}.Build()),
		imagetest.Exec("lib/libcrypto.so.3", imagetest.ELF{Soname: "libcrypto.so.3"}.Build()),
		imagetest.Exec("usr/bin/curl", imagetest.ELF{Interpreter: loader, Needed: []string{"libcrypto.so.3"}, Strings: []string{strings.Repeat("x", 1<<16)}}.Build()),
	}}
	img := imagetest.Image{Tags: []string{"shop:1"}, Layers: []imagetest.Layer{base}, Config: image.Config{Entrypoint: []string{"/app/server"}, User: i.user}}
	if !i.bare {
		img.Layers = append(img.Layers, imagetest.Layer{Instruction: "COPY app /app", Entries: []imagetest.Entry{
			imagetest.Exec("app/server", imagetest.ELF{Interpreter: loader, Needed: []string{"libcrypto.so.3"}}.Build()),
		}})
	}
	return imagetest.Archive(t, img)
}

func careen(t *testing.T, cache string, args ...string) []byte {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := runCareen(context.Background(), append(args, "--quiet", "--cache-dir", cache), os.Environ(), &bytes.Buffer{}, &stdout, &stderr); code != 0 {
		t.Fatalf("%q: exit %d: %s", args, code, stderr.String())
	}
	return stdout.Bytes()
}

// scanned returns the numbers that a scan shows.
func scanned(t *testing.T, cache, target string) report.Numbers {
	t.Helper()
	var r report.Report
	if err := json.Unmarshal(careen(t, cache, "scan", "-f", "json", target), &r); err != nil {
		t.Fatal(err)
	}
	n := report.Numbers{Vulnerabilities: map[string]int{}, Packages: len(r.Packages), Bytes: r.Target.Expanded}
	for _, v := range r.Vulnerabilities {
		if v.Suppressed == nil {
			n.Vulnerabilities[v.Severity.String()]++
		}
	}
	return n
}
