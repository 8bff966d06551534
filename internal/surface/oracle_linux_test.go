package surface

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
)

// TestARealDebian holds what is found in a real system against find(1), and what
// is made of an attribute against getcap(8).
func TestARealDebian(t *testing.T) {
	if os.Getenv("CAREEN_LONG") == "" || os.Getuid() != 0 {
		t.Skip("CAREEN_LONG is not set, or not root: a root of packages is unpacked")
	}
	dir := t.TempDir()
	root := filepath.Join(dir, "root")
	run := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %q: %v\n%s", name, args, err, out)
		}
		return string(out)
	}
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	run("tar", "-C", root, "--exclude=./dev/*", "-xpf", imagetest.DebianTar(t, imagetest.DebianServers...))
	// iproute2 brings setcap and getcap.
	run("chroot", root, "setcap", "cap_net_bind_service,cap_net_raw+ep", "/usr/bin/redis-cli")
	run("chroot", root, "setcap", "cap_sys_admin,cap_bpf+i", "/usr/bin/tail")

	layer, err := imagetest.TreeLayer(root, filepath.Join(dir, "root.tar"))
	if err != nil {
		t.Fatal(err)
	}
	s := inspect(t, image.Config{}, 0, nil, layer).Surface()

	paths := func(args ...string) []string {
		list := strings.Fields(run("find", append([]string{root, "-xdev"}, append(args, "-printf", "%P\n")...)...))
		slices.Sort(list)
		return list
	}
	var setID, capable, open []string
	for _, p := range s.Privileged {
		if len(p.Capabilities) > 0 {
			capable = append(capable, "/"+p.Path+" "+strings.Join(p.Capabilities, ","))
		}
		if p.Mode >= "2000" {
			setID = append(setID, p.Path)
		}
	}
	for _, w := range s.WorldWritable {
		open = append(open, w.Path)
	}
	if d := cmp.Diff(paths("-type", "f", "-perm", "/6000"), setID); d != "" || len(setID) < 5 {
		t.Errorf("setuid and setgid: find (-), careen (+):\n%s", d)
	}
	if d := cmp.Diff(paths("(", "-type", "f", "-o", "-type", "d", ")", "-perm", "-0002"), open); d != "" || len(open) < 3 {
		t.Errorf("world-writable: find (-), careen (+):\n%s", d)
	}
	// getcap writes "/path cap_a,cap_b=ep".
	var want []string
	for line := range strings.Lines(run("chroot", root, "getcap", "-r", "/usr")) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), "=")
		want = append(want, line)
	}
	slices.Sort(want)
	if d := cmp.Diff(want, capable); d != "" || len(capable) < 2 {
		t.Errorf("capabilities: getcap (-), careen (+):\n%s", d)
	}
	// A user can log in if the shell starts for him and is none that refuses.
	var logins, able []string
	for line := range strings.Lines(run("chroot", root, "getent", "passwd")) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if exec.Command("chroot", root, f[6], "-c", "exit 0").Run() == nil && !strings.HasSuffix(f[6], "/sync") {
			able = append(able, f[0])
		}
	}
	for _, l := range s.Logins {
		logins = append(logins, l.Name)
	}
	if d := cmp.Diff(able, logins); d != "" || len(logins) == 0 {
		t.Errorf("logins: chroot (-), careen (+):\n%s", d)
	}
}
