//go:build linux

package main

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// dozen are the programs that CI tries: of every kind of reader and linker one that is
// small.
var dozen = []string{"s6", "socat", "cron", "sshd", "tcl", "lua", "php-twig", "perl-dbi", "busybox-httpd", "glibc-plugins", "zsh", "go-bare"}

func TestDozen(t *testing.T) {
	if os.Getenv("CAREEN_LONG") == "" {
		t.Skip("CAREEN_LONG is not set: building images of packages takes minutes")
	}
	if os.Getuid() != 0 {
		t.Skip("not root: cannot build and run images")
	}
	for _, name := range []string{"mmdebstrap", "busybox", "unshare", "runc"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("no %s here", name)
		}
	}
	t.Setenv("CAREEN_CACHE_DIR", t.TempDir())
	z, err := open(t.Context())
	if err != nil {
		t.Skip(err)
	}
	defer os.RemoveAll(z.dir)
	for _, r := range recipes() {
		if !slices.Contains(dozen, r.name) {
			continue
		}
		t.Run(r.name, func(t *testing.T) {
			began := time.Now()
			got, err := z.try(t.Context(), r, false)
			if errors.Is(err, errSkipped) || err != nil && strings.Contains(err.Error(), "unshare") {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			got.Took = time.Since(began)
			t.Logf("%s\n%s", got.line(), got.notes())
			if len(got.MissedFiles)+len(got.MissedPackages) > 0 {
				t.Errorf("called not reached, and opened: %q %q", got.MissedPackages, got.MissedFiles)
			}
			for i, level := range []string{"package", "file", "file, observed"} {
				if s := got.Levels[i].State; s != "" && (s != refusedState || i != 1) {
					t.Errorf("level %s: %s", level, s)
				}
			}
		})
	}
}

// TestRecipes: each program has a name of its own, a workload that uses it and a
// proof of it; there are as many as the zoo is to have.
func TestRecipes(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range recipes() {
		if seen[r.name] {
			t.Errorf("two recipes are called %s", r.name)
		}
		seen[r.name] = true
		if r.work == "" || r.says == "" || len(r.config.Entrypoint)+len(r.config.Cmd) == 0 {
			t.Errorf("%s: no work, nothing that it must say, or nothing to start", r.name)
		}
		if r.made != "" && r.needs == "" && strings.Contains(r.made, "npm ") {
			t.Errorf("%s: what it is made with is not said", r.name)
		}
	}
	if len(seen) < 60 {
		t.Errorf("%d recipes", len(seen))
	}
	for _, name := range dozen {
		if !seen[name] {
			t.Errorf("no recipe %s", name)
		}
	}
}

func TestTable(t *testing.T) {
	got := table([]row{
		{Name: "a", Before: 100e6, Levels: []outcome{{Bytes: 40e6}, {State: refusedState}, {Bytes: 20e6}}, Gaps: 3, Open: []string{"x"}, Took: 5 * time.Second},
		{Name: "b", Before: 50e6, Levels: []outcome{{State: differs}, {Bytes: 25e6}, {Bytes: 25e6}, {Bytes: 30e6}}, MissedFiles: []string{"/x"}, MissedPackages: []string{"pkg:deb/x"}},
	})
	for _, want := range []string{
		"| a | 100 MB | 40 MB (−60 %) | refused | 20 MB (−80 %) | 0 | 0 | 3 (1) | 5 |\n",
		"| b | 50 MB | **differs** | 25 MB (−50 %) | 25 MB (−50 %) | 1 | 1 | 0 (0) | 0 |\n",
		"2 programs: 1 run at level package, 1 at level file (1 refused), 2 observed; median −60 %; 1 files and 1 packages missed\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	notes := []string{"level file may drop what is needed, because this could not be followed: /a:3: x; /zoo/driver: y; /b: z; see what is used with --observe"}
	if open := openGaps(notes); !slices.Equal(open, []string{"/a:3: x", "/b: z"}) {
		t.Errorf("%q", open)
	}
}
