package cli

import (
	"archive/tar"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/lint"
)

// managers represents every package manager: it writes down how it was called, and
// leaves behind what the real one does. One that would ask a person fails.
const managers = `#!/bin/sh
name=${0##*/}
echo "$name $*" >> /calls
all=" $* "
yes() { case "$all" in *" -y "*|*" -yq"*|*" -qy"*|*" -qq "*|*" --yes "*|*" --noconfirm "*|*" -n "*|*" --non-interactive "*) ;; *) echo "$name asks" >&2; exit 1 ;; esac }
put() { busybox mkdir -p "$1"; echo x > "$1/$2"; }
case "$name $*" in
"apt-get"*update*|"apt "*update*) put /var/lib/apt/lists list ;;
"apt-get"*install*|"apt "*install*) yes; put /installed "apt" ;;
"dnf"*clean*) rm -rf /var/cache/dnf ;;
"microdnf"*clean*) rm -rf /var/cache/yum ;;
"dnf"*install*) yes; put /var/cache/dnf x; put /installed dnf ;;
"microdnf"*install*) yes; put /var/cache/yum x; put /installed microdnf ;;
"apk"*add*) case "$all" in *" --no-cache "*) ;; *) put /var/cache/apk APKINDEX ;; esac; put /installed apk ;;
"pip"*install*) case "$all" in *" --no-cache-dir "*) ;; *) put "${PIP_CACHE_DIR:-/root/.cache/pip}" x ;; esac; put /installed pip ;;
"yarn cache clean"*) rm -rf "${YARN_CACHE_FOLDER:-/usr/local/share/.cache}" ;;
"yarn"*) put "${YARN_CACHE_FOLDER:-/usr/local/share/.cache}" x; put /installed yarn ;;
"sudo "*) exec "$@" ;;
"useradd"*) case "$all" in *" -l "*) ;; *) put /var/log lastlog ;; esac; put /installed user ;;
esac
`

// caches are the places that rules empty, and written what fixes write into
// commands or behind them.
var (
	caches   = []string{"var/lib/apt/lists", "var/cache", "root/.cache", "usr/local/share/.cache", "var/log/lastlog", "calls"}
	inserted = []string{"-y", "--noconfirm", "--no-cache", "--no-cache-dir", "-l"}
	appended = []string{"dnf clean all", "dnf5 clean all", "microdnf clean all", "tdnf clean all", "yum clean all", "zypper clean", "pacman -Scc", "yarn cache clean"}
)

// recipes are RUNs and other instructions; each is built on its own, in each of the
// shapes that it can have.
var recipes = []string{
	"RUN apt-get update && apt-get install -y a=1",
	"RUN apt-get install -yqq a=1",
	"RUN apt update && apt install -y a=1 && rm -rf /var/lib/apt/lists/*",
	"RUN apt-get update && exec apt-get install -y a=1",
	"RUN apt-get update || true",
	"RUN apt-get update && if true; then apt-get -y install a=1; fi",
	"RUN apt-get update && (apt-get install -y a=1)",
	"RUN set -e; apt-get update; apt-get install -y a=1",
	"RUN apt-get update && apt-get install -y a=1; exit 0",
	"RUN apt-get update && x=$(apt-get install -y a=1)",
	"RUN dnf install -y a-1",
	"RUN dnf install -y a-1 && microdnf install -y b-1",
	"RUN microdnf install -y a-1",
	"RUN dnf install -y --installroot=/r a-1",
	"RUN apk add a=1 b=2",
	"RUN apk add --virtual .d a=1 && apk del .d",
	"RUN pip install x==1",
	"RUN PIP_CACHE_DIR=/c pip install x==1",
	"RUN yarn install --frozen-lockfile",
	"RUN YARN_CACHE_FOLDER=/y yarn install --frozen-lockfile",
	"RUN useradd -u 1000000 jo",
	"USER root\nRUN sudo make && sudo make install",
	"ADD a.txt b.json /x/",
	"ADD a.txt /x/y",
	"ADD dir/ /x/",
	"ADD . /src/",
	"ADD rootfs /x/",
	"ADD rootfs.tbz /x/",
	"ADD \"rootfs.tar\" /x/",
	"ADD a.tar.txt /x/",
	"CMD serve -x  \"a b\" 'c'",
	"CMD serve $HOME",
	"CMD time serve",
	"CMD echo -e a",
	"ENTRYPOINT serve -x\nCMD [\"--bar\"]",
	"CMD [\"--bar\"]\nENTRYPOINT serve -x",
	"ENTRYPOINT [\"serve\"]\nCMD serve -x",
	"ENTRYPOINT serve -x",
	"ENV A b\nENV B $A\nLABEL c $B",
	"EXPOSE 53/UDP 80",
	"MAINTAINER Jo <jo@example.com>",
	"user 1\nworkdir /x\nrun serve",
}

// shapes write a recipe as people do.
func shapes(recipe string) []string {
	list := []string{"FROM debian:13\n" + recipe + "\n"}
	if strings.Contains(recipe, " && ") && strings.HasPrefix(recipe, "RUN") {
		list = append(list, "FROM debian:13 as base\n"+strings.ReplaceAll(recipe, " && ", " \\\n # why\n\n  && ")+"\nFROM base\n")
	}
	return list
}

// built is what comes of a Dockerfile.
type built struct {
	Config map[string]any
	Files  map[string]string
	Calls  []string
	Output string
}

// TestFixedDockerfilesBuildTheSame builds each Dockerfile as it is and as lint
// --fix leaves it with a real Docker engine, and compares configuration, files,
// the commands that were run, and what the program prints.
func TestFixedDockerfilesBuildTheSame(t *testing.T) {
	longWith(t, "dockerd", "docker", "busybox")
	t.Setenv("DOCKER_BUILDKIT", "0")
	inMemory(t)
	dockerEngine(t)
	docker(t, "load", "-i", imagetest.Archive(t, fakeDebian(t)))
	dir := lintContext(t)
	compared, changed := 0, 0
	for _, recipe := range recipes {
		for _, text := range shapes(recipe) {
			fixed, _ := lint.FixDockerfile("Dockerfile", []byte(text), lint.Options{})
			if string(fixed) == text {
				continue // nothing to compare: lint's own tests say what is kept
			}
			changed++
			before, ok := buildFile(t, dir, text)
			if !ok {
				t.Logf("does not build before:\n%s", text)
				continue
			}
			after, ok := buildFile(t, dir, string(fixed))
			if !ok {
				t.Errorf("does not build after the fix:\n%s", fixed)
				continue
			}
			compared++
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("%s\nbecomes\n%s\n-before +after:\n%s", text, fixed, diff)
			}
		}
	}
	if compared < 25 || compared < changed-3 {
		t.Errorf("compared %d of %d", compared, changed)
	}
}

// fakeDebian is an image with BusyBox' shell and the managers above.
func fakeDebian(t *testing.T) imagetest.Image {
	t.Helper()
	path, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal(err)
	}
	busybox, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	entries := []imagetest.Entry{
		imagetest.Exec("bin/busybox", string(busybox)), imagetest.Exec("usr/bin/fake", managers),
		imagetest.Exec("usr/bin/serve", "#!/bin/sh\nfor word in \"$@\"; do echo \"<$word>\"; done\n"),
		imagetest.File("etc/passwd", "root:x:0:0::/root:/bin/sh\n"), imagetest.Dir("root"), imagetest.Dir("tmp"),
	}
	for _, name := range []string{"sh", "rm", "mkdir", "echo", "true", "cat", "ls", "time"} {
		entries = append(entries, imagetest.Symlink("bin/"+name, "busybox"))
	}
	for _, name := range []string{"apt-get", "apt", "dnf", "microdnf", "apk", "pip", "yarn", "useradd", "sudo", "make"} {
		entries = append(entries, imagetest.Symlink("usr/bin/"+name, "fake"))
	}
	return imagetest.Image{Tags: []string{"debian:13"}, Layers: []imagetest.Layer{{Entries: entries}},
		Config: image.Config{Env: []string{"PATH=/usr/bin:/bin"}, Cmd: []string{"sh"}}}
}

// lintContext is a folder with the files that recipes add.
func lintContext(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"a.txt": "a", "b.json": "{}", "dir/c.txt": "c", "a.tar.txt": "no archive"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"rootfs", "rootfs.tbz", "rootfs.tar"} { // archives, which ADD unpacks by content
		if out, err := exec.Command("tar", "-C", dir, "-cf", filepath.Join(dir, name), "dir").CombinedOutput(); err != nil {
			t.Fatalf("tar: %v: %s", err, out)
		}
	}
	return dir
}

// buildFile builds a Dockerfile and reads what came of it; false when it does not
// build.
func buildFile(t *testing.T, dir, text string) (built, bool) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "Dockerfile")
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("docker", "build", "-q", "--network", "none", "--no-cache", "-f", name, "-t", "built:1", dir).CombinedOutput(); err != nil {
		t.Logf("%s", out)
		return built{}, false
	}
	b := builder{}.image(t, "built:1")
	// CD501 and CD019 change these two: what the program is told is in the output,
	// and who made the image in either place.
	if b.Config["Cmd"] != nil && b.Config["Entrypoint"] == nil {
		delete(b.Config, "Cmd")
	}
	if labels, ok := b.Config["Labels"].(map[string]any); ok {
		if delete(labels, "org.opencontainers.image.authors"); len(labels) == 0 {
			delete(b.Config, "Labels")
		}
	}
	out, err := exec.Command("docker", "run", "--rm", "--network", "none", "built:1").CombinedOutput()
	b.Output = fmt.Sprint(string(out), err)
	if strings.Contains(text, "time serve") {
		b.Output = strings.SplitN(b.Output, "real", 2)[0]
	}
	return b, true
}

// readTree notes the files but for the caches, and the calls but for what fixes
// write.
func (b *built) readTree(t *testing.T, r *tar.Reader) {
	t.Helper()
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.Trim(h.Name, "/")
		if name == "calls" {
			b.Calls = calls(string(data))
		}
		if slices.ContainsFunc(caches, func(dir string) bool {
			return name == dir || strings.HasPrefix(name+"/", dir+"/") || strings.HasPrefix(dir+"/", name+"/")
		}) ||
			slices.Contains([]string{"etc/hosts", "etc/hostname", "etc/resolv.conf"}, name) {
			continue
		}
		b.Files[name] = fmt.Sprintf("%c %o %d:%d %s %x", h.Typeflag, h.Mode, h.Uid, h.Gid, h.Linkname, sha256.Sum256(data))
	}
}

func calls(text string) []string {
	var list []string
	for _, call := range strings.Split(strings.TrimSpace(text), "\n") {
		words := strings.Fields(call)
		if len(words) > 0 && words[0] == "sudo" {
			continue
		}
		words = slices.DeleteFunc(words, func(w string) bool { return slices.Contains(inserted, w) })
		if len(words) > 0 && words[0] == "apt" {
			words[0] = "apt-get"
		}
		if slices.Contains(appended, strings.Join(words, " ")) {
			continue
		}
		list = append(list, strings.Join(words, " "))
	}
	return list
}
