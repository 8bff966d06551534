// Package release_test looks at what ci/release made, as those who install it do.
// CAREEN_RELEASE names the directory, CAREEN_RELEASE_AGAIN that of the same commit
// built once more elsewhere.
package release_test

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// maxBinary is the budget of what people download. What starting takes of memory
// is measured by make bench: how much of the file Linux maps depends on the machine.
const maxBinary = 30 << 20

// dist is the directory of the release.
func dist(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("CAREEN_RELEASE")
	if dir == "" {
		t.Skip("no release to look at: run ci/release snapshot and set CAREEN_RELEASE=dist")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// metadata is what the release says of itself.
func metadata(t *testing.T) (m struct{ Version, Commit string }) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dist(t), "metadata.json"))
	if err == nil {
		err = json.Unmarshal(data, &m)
	}
	if err != nil || m.Version == "" || len(m.Commit) != 40 {
		t.Fatalf("metadata.json: %+v, %v", m, err)
	}
	return m
}

// checksums reads checksums.txt, name to digest.
func checksums(t *testing.T, dir string) map[string]string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "checksums.txt"))
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string]string{}
	for line := range strings.Lines(string(data)) {
		digest, name, ok := strings.Cut(strings.TrimSpace(line), "  ")
		if !ok {
			t.Fatalf("checksums.txt: %q", line)
		}
		sums[name] = digest
	}
	return sums
}

var systems = []string{"linux_amd64", "linux_arm64", "darwin_amd64", "darwin_arm64", "windows_amd64", "windows_arm64"}

// archiveName is that of a system's archive.
func archiveName(version, system string) string {
	if strings.HasPrefix(system, "windows") {
		return "careen_" + version + "_" + system + ".zip"
	}
	return "careen_" + version + "_" + system + ".tar.gz"
}

// TestFiles: each system has its archive, package and SBOM, and the checksums are
// those of the files.
func TestFiles(t *testing.T) {
	dir, m := dist(t), metadata(t)
	sums := checksums(t, dir)
	var want []string
	for _, system := range systems {
		want = append(want, archiveName(m.Version, system), "careen_"+m.Version+"_"+system+".cdx.json")
	}
	for _, pattern := range []string{`^careen_.*_amd64\.deb$`, `^careen_.*_arm64\.deb$`, `^careen-.*\.x86_64\.rpm$`, `^careen-.*\.aarch64\.rpm$`, `^careen_.*_x86_64\.apk$`, `^careen_.*_aarch64\.apk$`} {
		found := ""
		for name := range sums {
			if regexp.MustCompile(pattern).MatchString(name) {
				found = name
			}
		}
		if found == "" {
			t.Errorf("no file like %s in checksums.txt", pattern)
			continue
		}
		want = append(want, found)
	}
	for _, name := range want {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
			continue
		}
		if got := fmt.Sprintf("%x", sha256.Sum256(data)); got != sums[name] {
			t.Errorf("%s: sha256 %s, but checksums.txt says %q", name, got, sums[name])
		}
	}
	formula, err := os.ReadFile(filepath.Join(dir, "homebrew", "Formula", "careen.rb"))
	if err != nil {
		t.Fatal(err)
	}
	for _, system := range systems[:4] {
		if sum := sums[archiveName(m.Version, system)]; sum == "" || !bytes.Contains(formula, []byte(sum)) {
			t.Errorf("the Homebrew formula does not name the archive of %s by its checksum", system)
		}
	}
}

// binary returns the program of a system, as its archive has it.
func binary(t *testing.T, system string) []byte {
	t.Helper()
	for name, data := range members(t, filepath.Join(dist(t), archiveName(metadata(t).Version, system))) {
		if name == "careen" || name == "careen.exe" {
			return data
		}
	}
	t.Fatalf("%s: no program in the archive", system)
	return nil
}

// members reads an archive.
func members(t *testing.T, file string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	if strings.HasSuffix(file, ".zip") {
		z, err := zip.OpenReader(file)
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		for _, f := range z.File {
			r, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			files[f.Name] = data
		}
		return files
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	gz, err := gzip.NewReader(bufio.NewReader(f))
	if err != nil {
		t.Fatal(err)
	}
	for tr := tar.NewReader(gz); ; {
		h, err := tr.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			data, err := io.ReadAll(tr)
			if err != nil {
				t.Fatal(err)
			}
			files[h.Name] = data
		}
	}
}

// TestArchives: in each there is the program, small enough, of that system and
// version, with completions, manual pages and the licence.
func TestArchives(t *testing.T) {
	m := metadata(t)
	for _, system := range systems {
		files := members(t, filepath.Join(dist(t), archiveName(m.Version, system)))
		program := binary(t, system)
		if len(program) > maxBinary {
			t.Errorf("%s: the program has %d bytes, more than %d", system, len(program), maxBinary)
		}
		info, err := buildinfo.Read(bytes.NewReader(program))
		if err != nil {
			t.Fatal(err)
		}
		settings := map[string]string{}
		for _, s := range info.Settings {
			settings[s.Key] = s.Value
		}
		if settings["GOOS"]+"_"+settings["GOARCH"] != system || settings["CGO_ENABLED"] != "0" {
			t.Errorf("%s: built for %s/%s, cgo %s", system, settings["GOOS"], settings["GOARCH"], settings["CGO_ENABLED"])
		}
		if !bytes.Contains(program, []byte(m.Commit)) {
			t.Errorf("%s: the program does not know its commit", system)
		}
		for _, name := range []string{"LICENSE", "NOTICE", "README.md", "CHANGELOG.md", "examples/shop.tar.gz", "completions/careen.bash", "completions/_careen", "completions/careen.fish", "completions/careen.ps1", "man/careen.1", "man/careen-scan.1"} {
			if len(files[name]) == 0 {
				t.Errorf("%s: %s is missing", system, name)
			}
		}
		if page := string(files["man/careen.1"]); !strings.Contains(page, `careen `+strings.ReplaceAll(m.Version, "-", `\-`)) {
			t.Errorf("%s: the manual page is of another version: %.120s", system, page)
		}
	}
}

// TestSBOMs: what careen says of its own programs names their modules.
func TestSBOMs(t *testing.T) {
	m := metadata(t)
	for _, system := range systems {
		data, err := os.ReadFile(filepath.Join(dist(t), "careen_"+m.Version+"_"+system+".cdx.json"))
		if err != nil {
			t.Fatal(err)
		}
		var bom struct {
			Metadata struct {
				Tools struct {
					Components []struct{ Name, Version string }
				}
			}
			Components []struct{ PURL string }
		}
		if err := json.Unmarshal(data, &bom); err != nil {
			t.Fatal(err)
		}
		var purls []string
		for _, c := range bom.Components {
			purls = append(purls, c.PURL)
		}
		if !slices.ContainsFunc(purls, func(p string) bool { return strings.HasPrefix(p, "pkg:golang/stdlib@") }) ||
			!slices.ContainsFunc(purls, func(p string) bool { return strings.HasPrefix(p, "pkg:golang/github.com/spf13/cobra@") }) {
			t.Errorf("%s: %d components, but the standard library or cobra is missing", system, len(purls))
		}
		if tools := bom.Metadata.Tools.Components; len(tools) != 1 || !strings.Contains(tools[0].Version, m.Commit[:12]) {
			t.Errorf("%s: the document does not name the version that made it: %+v", system, tools)
		}
	}
}

// TestSameBytes: the same commit, built in another directory, gives the same files
// and the same image.
func TestSameBytes(t *testing.T) {
	first, again := dist(t), os.Getenv("CAREEN_RELEASE_AGAIN")
	if again == "" {
		t.Skip("no second release to compare with: set CAREEN_RELEASE_AGAIN")
	}
	sums, sumsAgain := checksums(t, first), checksums(t, again)
	for name, sum := range sums {
		if sumsAgain[name] != sum {
			t.Errorf("%s differs", name)
		}
	}
	if len(sums) < 12 || len(sums) != len(sumsAgain) {
		t.Errorf("%d and %d files", len(sums), len(sumsAgain))
	}
	for _, name := range []string{"image/layout/index.json", "homebrew/Formula/careen.rb"} {
		a, err := os.ReadFile(filepath.Join(first, name))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(again, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a, b) { // the index names everything else by digest
			t.Errorf("%s differs:\n%s\n%s", name, a, b)
		}
	}
}

// asRoot skips where this machine cannot be made another.
func asRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root, for chroot")
	}
	if system := "linux_" + goarch(); !slices.Contains(systems, system) {
		t.Skipf("no release for %s", system)
	}
}

func goarch() string {
	info, _ := buildinfo.ReadFile("/proc/self/exe")
	for _, s := range info.Settings {
		if s.Key == "GOARCH" {
			return s.Value
		}
	}
	return ""
}

// TestCleanMachine: where there is nothing but the unpacked archive, no libraries,
// no shell, no home, no /tmp, the README's first command runs.
func TestCleanMachine(t *testing.T) {
	dir := dist(t)
	asRoot(t)
	root := t.TempDir()
	for name, data := range members(t, filepath.Join(dir, archiveName(metadata(t).Version, "linux_"+goarch()))) {
		file := filepath.Join(root, "opt", "careen", name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, data, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "<!-- first -->")
	m := regexp.MustCompile(`(?m)^go run \./cmd/careen (.*)$`).FindStringSubmatch(rest)
	if m == nil {
		t.Fatal("README.md has no first command")
	}
	args := strings.Fields(m[1])
	cmd := exec.Command("/opt/careen/careen", args...)
	cmd.Dir, cmd.Env = "/opt/careen", []string{}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil || !strings.Contains(stdout.String(), "CVE-2021-44906") {
		t.Errorf("careen %s: %v\n%s%s", m[1], err, stderr.String(), stdout.String())
	}
}

// TestVersion: the program knows what it is.
func TestVersion(t *testing.T) {
	m := metadata(t)
	file := filepath.Join(t.TempDir(), "careen")
	if err := os.WriteFile(file, binary(t, "linux_"+goarch()), 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(file, "--version").Output()
	if want := regexp.MustCompile(`^careen ` + regexp.QuoteMeta(m.Version) + `\+20\d{6}\.` + m.Commit[:12] + `\n$`); err != nil || !want.Match(out) {
		t.Fatalf("--version says %q: %v", out, err)
	}
}

// TestPackages: the packages of Debian, RPM and Alpine put the same files where
// they belong.
func TestPackages(t *testing.T) {
	dir := dist(t)
	for _, test := range []struct {
		pattern string
		list    []string
	}{
		{"careen_*_amd64.deb", []string{"dpkg-deb", "--fsys-tarfile"}},
		{"careen-*.x86_64.rpm", []string{"rpm", "-qlp", "--nosignature"}},
		{"careen_*_x86_64.apk", []string{"tar", "-tzf"}},
	} {
		files, _ := filepath.Glob(filepath.Join(dir, test.pattern))
		if len(files) != 1 {
			t.Errorf("%s: %v", test.pattern, files)
			continue
		}
		if _, err := exec.LookPath(test.list[0]); err != nil {
			t.Logf("%s is not installed: %s is not looked at", test.list[0], test.pattern)
			continue
		}
		out, err := exec.Command(test.list[0], append(test.list[1:], files[0])...).Output()
		if err != nil {
			t.Errorf("%s: %v", test.pattern, err)
		}
		for _, name := range []string{"usr/bin/careen", "usr/share/man/man1/careen-scan.1", "usr/share/bash-completion/completions/careen", "usr/share/zsh/site-functions/_careen", "usr/share/fish/vendor_completions.d/careen.fish", "usr/share/doc/careen/copyright"} {
			if !bytes.Contains(out, []byte(name)) {
				t.Errorf("%s lacks %s", filepath.Base(files[0]), name)
			}
		}
	}
}

// TestImageScans: in a real engine the image of the release scans the example, with
// a read-only root, as its own user, with no capability and no network.
func TestImageScans(t *testing.T) {
	dir := dist(t)
	asRoot(t)
	docker(t)
	archive := filepath.Join(dir, "image", "careen_linux_"+goarch()+".tar")
	out, err := exec.Command("docker", "load", "-i", archive).CombinedOutput()
	if err != nil {
		t.Fatalf("docker load: %v: %s", err, out)
	}
	name := strings.TrimSpace(strings.TrimPrefix(string(out), "Loaded image: "))
	examples, err := filepath.Abs(filepath.Join("..", "..", "examples"))
	if err != nil {
		t.Fatal(err)
	}
	locked := []string{"run", "--rm", "--network", "none", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "-v", examples + ":/examples:ro"}
	for _, tmp := range [][]string{nil, {"--tmpfs", "/tmp:uid=65532"}} {
		args := slices.Concat(locked, tmp, []string{name, "scan", "--fail-on", "critical", "-f", "json", "/examples/shop.tar.gz"})
		var stdout, stderr bytes.Buffer
		cmd := exec.Command("docker", args...)
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		err := cmd.Run()
		if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 2 || !strings.Contains(stdout.String(), `"CVE-2021-44906"`) {
			t.Errorf("docker %s: %v, want exit 2\n%s%.2000s", strings.Join(args, " "), err, stderr.String(), stdout.String())
		}
		if got := metadata(t).Commit[:12]; !strings.Contains(stdout.String(), got) {
			t.Errorf("the report does not name the commit %s", got)
		}
	}
	user, err := exec.Command("docker", "inspect", "-f", "{{.Config.User}}", name).Output()
	if err != nil || string(bytes.TrimSpace(user)) != "65532:65532" {
		t.Errorf("user %q: %v", user, err)
	}
}

// docker starts an engine without a network, or skips.
func docker(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("dockerd"); err != nil {
		t.Skip("dockerd is not installed")
	}
	dir := t.TempDir()
	socket := filepath.Join(dir, "docker.sock")
	cmd := exec.Command("dockerd", "--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"), "-H", "unix://"+socket,
		"--pidfile", filepath.Join(dir, "pid"), "--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false")
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Skipf("dockerd: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		_ = exec.Command("umount", filepath.Join(dir, "exec", "netns", "default")).Run() // dockerd leaves it mounted
	})
	t.Setenv("DOCKER_HOST", "unix://"+socket)
	for range 300 {
		if c, err := net.Dial("unix", socket); err == nil {
			c.Close()
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Skipf("dockerd does not answer: %s", log.String())
}
