package imagetest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The packages of the roots that tests of several rooms share: making one takes
// half a minute or more.
var (
	DebianServers = []string{"nginx", "redis-server", "ca-certificates", "tzdata", "netbase", "media-types", "perl", "libjson-perl", "liburi-perl"}
	DebianNode    = []string{"nodejs", "ca-certificates"}
	DebianFlask   = []string{"gunicorn", "python3-flask"}
	DebianBottle  = []string{"gunicorn", "python3-bottle"} // apart: gunicorn reads the metadata of all that is installed
	DebianScripts = []string{"php-cli", "ruby", "ruby-webrick", "ruby-rack", "apache2", "busybox-static", "hostname", "python3-yaml", "python3-click"}
	DebianJava    = []string{"openjdk-17-jre-headless"}
)

// DebianTar returns a tar of Debian 12's minimal system with some packages.
func DebianTar(t testing.TB, packages ...string) string {
	t.Helper()
	return DebianReleaseTar(t, "bookworm", packages...)
}

// DebianReleaseTar returns a tar of a release's minimal system with some
// packages. It is made once: tars are kept in $CAREEN_ROOTS, else in the
// temporary directory of the machine. The test is skipped where it cannot be made.
func DebianReleaseTar(t testing.TB, release string, packages ...string) string {
	t.Helper()
	dir := os.Getenv("CAREEN_ROOTS")
	if dir == "" {
		dir = filepath.Join(os.TempDir(), "careen-roots")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	name := "debian-"
	if release != "bookworm" {
		name += release + "-"
	}
	file := filepath.Join(dir, name+strings.Join(packages, "-")+".tar")
	lock, err := os.OpenFile(file+".lock", os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close() // and unlocks
	// Tests of other packages may be at the same one.
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); err == nil {
		return file
	}
	if _, err := exec.LookPath("mmdebstrap"); err != nil {
		t.Skip("no mmdebstrap here")
	}
	part := file + ".part"
	defer os.Remove(part)
	cmd := exec.Command("mmdebstrap", "--quiet", "--variant=minbase", "--format=tar",
		"--dpkgopt=force-unsafe-io", `--aptopt=Acquire::Languages "none"`, "--include="+strings.Join(packages, ","), release, part)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("mmdebstrap: %v\n%s", err, out)
	}
	if err := os.Rename(part, file); err != nil {
		t.Fatal(err)
	}
	return file
}
