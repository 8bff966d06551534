package cli

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/careen/careen/internal/dockerfile"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/lint"
)

// programs are what the Dockerfiles of the corpus run, besides package managers:
// each writes down how it was called, and makes the file that it is told to write.
const programs = `#!/bin/sh
name=${0##*/}
last=
for word; do
  case "$last" in -o|-O|--output|-out|-keyout) case "$word" in -*|/dev/*) ;; *) busybox mkdir -p "$(busybox dirname "$word")"; echo x > "$word" ;; esac ;; esac
  last=$word
done
printf '%s' "$name" >> /calls
printf ' %s' "$@" >> /calls
echo >> /calls
case "$name $*" in
"git clone"*) case "$last" in *:*) last=${last##*/}; last=${last%.git} ;; esac; busybox mkdir -p "$last" ;;
"mkdir "*) busybox mkdir -p "$@" ;;
"sudo "*|"gosu root "*) exec "$@" ;;
"serve"*|"node"*|"python"*|"java"*) printf '<%s>' "$name" "$@"; echo ;;
esac
exit 0
`

const programNames = `7z a2dismod a2enmod a2ensite add-apt-repository addgroup adduser alembic ant apt-cache apt-key aws az bazel bower bun bundle bunx
cabal carton catalina.sh cargo cert-sync chgrp chmod chown chpasswd cmake cmsenv composer crond conda configure corepack cp cpan cpanm crystal curl dart dep deno docker
docker-php-ext-configure docker-php-ext-enable docker-php-ext-install dockerize dotnet dpkg dpkg-reconfigure easy_install envsubst file find flask flutter freshclam g++ gcc gcloud
gem ghc git glide go gosu gpg gpg2 gradle grep groupadd groupmod grunt gulp gunicorn gzip haproxy helm htpasswd install java javac jlink julia keytool kubectl ldconfig lein
ln locale-gen localedef luarocks make mamba meson micromamba mix mkdocs mv mvn mysql_secure_installation nest ng nginx ninja node npm npx nvm openssl opkg passwd patch pear pecl
perl phantomjs php php-fpm pipenv pip-compile playwright pnpm poetry pre-commit prisma protoc pipx psql pulumi pwsh python python2 python3 python3.12 R rake raco rails rebar3 redis-server
Rscript rsync ruby runuser rustup sbt sdk sed sencha service setcap sha256sum sha512sum shards snap spack ssh-keygen ssh-keyscan stack strip su su-exec supervisord svn
swift systemctl tar terraform terragrunt tox trivy tsc tzdata unzip update-alternatives update-ca-certificates upx usermod uv uvicorn uwsgi v virtualenv vite webpack wget wheel
wine wkhtmltopdf xcaddy xvfb-run yq yt-dlp zig zip pip2 pip3 pip3.12 pnpx yum dnf5 tdnf zypper pacman rpm microdnf celery ansible ansible-galaxy ansible-playbook hugo jekyll
asciidoctor pandoc xelatex tlmgr tini dumb-init buf protoc-gen-go golangci-lint air mage task just cross maturin mkdir wasm-pack trunk elm purs spago nim nimble opam dune erl elixir hex
jupyter papermill dvc mlflow tensorboard ffmpeg convert exiftool tesseract soffice chromium google-chrome chromedriver geckodriver java21 mono nuget msbuild`

// moreManagers are what the managers of lint_engine_linux_test.go do not have:
// what each keeps, and what it asks.
const moreManagers = `
case "$name $*" in
"zypper"*clean*|"tdnf"*clean*|"yum"*clean*|"dnf5"*clean*|"pacman -Scc"*) rm -rf /var/cache/zypp /var/cache/tdnf /var/cache/yum /var/cache/libdnf5 /var/cache/pacman ;;
"zypper"*" in"*|"tdnf"*install*|"yum"*install*|"dnf5"*install*|"pacman -S"*) put "/var/cache/$name" x; put /installed "$name" ;;
"uv"*) case "$all" in *" --no-cache "*) ;; *) put /root/.cache/uv x ;; esac ;;
esac
exit 0
`

// corpusFile is a Dockerfile of lint's corpus.
type corpusFile struct {
	name   string
	text   string
	parsed *dockerfile.File
}

var digests = regexp.MustCompile(`@sha256:[0-9a-f]{64}`)

// lintCorpus reads the corpus of internal/lint. The frontend that a file asks for
// would be fetched, and an image that a digest names cannot be made here.
func lintCorpus(t *testing.T) []corpusFile {
	t.Helper()
	archives, err := filepath.Glob("../lint/testdata/corpus/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal("no corpus", err)
	}
	var files []corpusFile
	for _, archive := range archives {
		parsed, err := txtar.ParseFile(archive)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range parsed.Files {
			name := strings.TrimSuffix(filepath.Base(archive), ".txtar") + "/" + strings.TrimSuffix(f.Name, ".Dockerfile")
			text := string(f.Data)
			if strings.HasPrefix(f.Name, "crlf") { // an archive cannot hold such line ends
				text = strings.ReplaceAll(text, "\n", "\r\n")
			}
			files = append(files, newCorpusFile(name, text))
		}
	}
	return files
}

// withoutHeredocs are the Dockerfiles of the corpus whose RUNs have heredocs, before
// and after --fix, written so that BuildKit of an engine that knows none makes the same
// of them, as TestHeredocs of test/formats shows with BuildKit's frontend.
func withoutHeredocs(t *testing.T) map[string][2]*dockerfile.File {
	t.Helper()
	archive, err := txtar.ParseFile("../lint/testdata/heredocs.txtar")
	if err != nil || len(archive.Files) < 30 {
		t.Fatal("no heredocs", err)
	}
	pairs := map[string][2]*dockerfile.File{}
	for i := 0; i+1 < len(archive.Files); i += 2 {
		before, after := archive.Files[i], archive.Files[i+1]
		name, ok := strings.CutSuffix(before.Name, ".before")
		if !ok || after.Name != name+".after" {
			t.Fatalf("%s, %s", before.Name, after.Name)
		}
		pairs[name] = [2]*dockerfile.File{
			newCorpusFile(name, string(before.Data)).parsed, newCorpusFile(name, string(after.Data)).parsed,
		}
	}
	return pairs
}

func newCorpusFile(name, text string) corpusFile {
	text = strings.Replace(digests.ReplaceAllString(text, ""), "# syntax=", "# frontend ", 1)
	return corpusFile{name, text, dockerfile.Parse("Dockerfile", []byte(text))}
}

// world is what the Dockerfiles need to be built: the images that they name, the
// files that they copy from those and from the context, and the users that they name.
type world struct {
	tags, images, context, users, secrets map[string]bool
}

func worldOf(files []corpusFile) world {
	w := world{map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}}
	for _, f := range files {
		for _, ref := range f.parsed.References() {
			if ref.Stage < 0 && ref.Resolved && !ref.Scratch {
				w.tags[tagged(ref.Value)] = true
			}
		}
		for _, stage := range f.parsed.Stages {
			for _, in := range stage.Instructions {
				w.note(in)
			}
		}
	}
	return w
}

func tagged(ref string) string {
	if strings.Contains(path.Base(ref), ":") {
		return ref
	}
	return ref + ":latest"
}

func (w world) note(in *dockerfile.Instruction) {
	for _, flag := range in.Flags {
		switch flag.Name {
		case "chown":
			user, group, _ := strings.Cut(flag.Value, ":")
			w.users[user], w.users[group] = true, true
		case "mount":
			options := map[string]string{}
			for _, option := range strings.Split(flag.Value, ",") {
				key, value, _ := strings.Cut(option, "=")
				options[key] = value
			}
			if options["type"] == "secret" {
				w.secrets[options["id"]] = true
			} else if source := options["source"] + options["src"]; source != "" && options["from"] == "" {
				w.context[source] = true
			}
		}
	}
	switch in.Name {
	case "USER":
		user, group, _ := strings.Cut(in.Text, ":")
		w.users[user], w.users[group] = true, true
	case "COPY", "ADD":
		_, from := in.Flag("from")
		for _, arg := range in.Args[:max(len(in.Args)-1, 0)] {
			switch source := strings.Trim(arg.Text, `"'`); {
			case strings.ContainsAny(source, "$:<[?"):
			case from:
				w.images[source] = true
			default:
				w.context[source] = true
			}
		}
	}
}

// tree is the files under the names, which may end in a slash, be patterns or
// stand in one another.
func tree(names map[string]bool, folder func(name string) bool) map[string]string {
	clean := map[string]bool{}
	for name := range names {
		p := strings.TrimPrefix(path.Clean("/"+strings.ReplaceAll(name, "*", "x")), "/")
		if p != "" {
			clean[p] = clean[p] || strings.HasSuffix(name, "/") || folder(p)
		}
	}
	files := map[string]string{}
	for p, dir := range clean {
		for other := range clean {
			dir = dir || strings.HasPrefix(other, p+"/")
		}
		if dir {
			p += "/kept.txt"
		}
		files[p] = "#!/bin/sh\n"
	}
	return files
}

// base is the image that every FROM gets: BusyBox, programs that write down how
// they are called, and the files that stages copy from it.
func (w world) base(t *testing.T) imagetest.Image {
	t.Helper()
	img := fakeDebian(t)
	img.Tags = nil
	for tag := range w.tags {
		img.Tags = append(img.Tags, tag)
	}
	slices.Sort(img.Tags)
	img.Config = image.Config{Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, Cmd: []string{"sh"}}
	entries := img.Layers[0].Entries
	have := map[string]bool{}
	for i, e := range entries {
		have[e.Path] = true
		if e.Path == "usr/bin/fake" {
			entries[i].Content += moreManagers
		}
	}
	add := func(e imagetest.Entry) {
		if !have[e.Path] {
			have[e.Path] = true
			entries = append(entries, e)
		}
	}
	add(imagetest.Exec("usr/bin/program", programs))
	for _, shell := range []string{"dash", "bash"} {
		for _, e := range fromHost(t, "/bin/"+shell) {
			add(e)
		}
	}
	for i, e := range entries { // BusyBox' own runs its applets whatever stands in the PATH
		if e.Path == "bin/sh" {
			entries[i] = imagetest.Symlink("bin/sh", "dash")
		}
	}
	add(imagetest.Symlink("bin/ash", "bash"))
	add(imagetest.File("etc/apt/sources.list", ""))
	add(imagetest.File("etc/apk/repositories", ""))
	for _, name := range []string{"yum", "dnf5", "tdnf", "zypper", "pacman", "uv"} {
		add(imagetest.Symlink("usr/bin/"+name, "fake"))
	}
	for _, name := range strings.Fields(programNames) {
		add(imagetest.Symlink("usr/bin/"+name, "program"))
	}
	applets, err := exec.Command("busybox", "--list").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range strings.Fields(string(applets)) {
		if !have["usr/bin/"+name] {
			add(imagetest.Symlink("bin/"+name, "busybox"))
		}
	}
	passwd, group := "root:x:0:0::/root:/bin/sh\n", "root:x:0:\n"
	for i, user := range sorted(w.users) {
		if user != "" && user != "root" && !strings.ContainsAny(user, "$0123456789/") {
			passwd += fmt.Sprintf("%s:x:%d:%[2]d::/home/%[1]s:/bin/sh\n", user, 2000+i)
			group += fmt.Sprintf("%s:x:%d:\n", user, 2000+i)
		}
	}
	for i, e := range entries {
		if e.Path == "etc/passwd" {
			entries[i].Content = passwd
		}
	}
	add(imagetest.File("etc/group", group))
	calls := imagetest.File("calls", "")
	calls.Mode = 0o666
	add(calls)
	files := tree(w.images, func(name string) bool { return !strings.Contains(path.Base(name), ".") })
	for _, name := range sorted(files) {
		if !have[path.Dir(name)] {
			add(imagetest.Exec(name, files[name]))
		}
	}
	img.Layers[0].Entries = entries
	return img
}

// fromHost is a program of this machine with the libraries that it loads.
func fromHost(t *testing.T, program string) []imagetest.Entry {
	t.Helper()
	out, err := exec.Command("ldd", program).Output()
	if err != nil {
		t.Skipf("ldd %s: %v", program, err)
	}
	var list []imagetest.Entry
	for _, name := range append(strings.Fields(string(out)), program) {
		if !strings.HasPrefix(name, "/") {
			continue
		}
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, imagetest.Exec(strings.TrimPrefix(name, "/"), string(data)))
	}
	return list
}

// folders are the names in the context that are those of folders.
const folders = " app b bin build cmd dist lib lua public requirements site src test tests "

func sorted[V any](m map[string]V) []string {
	list := make([]string, 0, len(m))
	for key := range m {
		list = append(list, key)
	}
	slices.Sort(list)
	return list
}

var archived = regexp.MustCompile(`\.(tar|tgz|tbz2?|txz|tar\.[a-z0-9]+)$`)

// folder writes the context.
func (w world) folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	var archive bytes.Buffer
	if err := imagetest.WriteTar(&archive, []imagetest.Entry{imagetest.File("unpacked/file", "x")}); err != nil {
		t.Fatal(err)
	}
	for name, content := range tree(w.context, func(name string) bool { return strings.Contains(folders, " "+name+" ") }) {
		if archived.MatchString(name) {
			content = archive.String()
		}
		at := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// buildKit is the client that can ask the engine for its own BuildKit: newer ones
// want a plug-in for it.
func buildKit(t *testing.T) string {
	t.Helper()
	for _, client := range []string{"docker", "/usr/bin/docker"} {
		cmd := exec.Command(client, "build", "--help")
		cmd.Env = append(os.Environ(), "DOCKER_BUILDKIT=1")
		if out, err := cmd.CombinedOutput(); err == nil && !strings.Contains(string(out), "buildx") && strings.Contains(string(out), "--secret") {
			return client
		}
	}
	t.Skip("no docker client here builds with BuildKit")
	return ""
}

// inMemory keeps what the engine writes out of slow disks, where there is room.
func inMemory(t *testing.T) {
	t.Helper()
	const dir, room = "/dev/shm", 4 << 30
	var stat syscall.Statfs_t
	if err := syscall.Statfs(dir, &stat); err == nil && stat.Bavail*uint64(stat.Bsize) > room {
		t.Setenv("TMPDIR", dir)
	}
}

// builder builds Dockerfiles without a network.
type builder struct {
	client, context string
	secrets         []string // names of what RUN --mount=type=secret asks for

	// cold leaves the engine's cache alone: builds at once now and then get a snapshot
	// without what it lies on, "/bin/sh: no such file" of an image that has one. What
	// differs or does not build is tried so once more.
	cold bool
}

// build builds a Dockerfile and returns what the engine says where it does not.
func (b builder) build(t *testing.T, text, tag string) (string, bool) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "Dockerfile")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	args := []string{"build", "-q", "--network", "none", "-f", file, "-t", tag, b.context}
	for _, name := range b.secrets {
		args = append(args, "--secret", "id="+name+",src="+file)
	}
	if b.cold {
		args = append(args, "--no-cache")
	}
	cmd := exec.Command(b.client, args...)
	cmd.Env = append(os.Environ(), "DOCKER_BUILDKIT=1")
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

// image reads what was built: the configuration, the files, and the calls.
func (b builder) image(t *testing.T, tag string) built {
	t.Helper()
	is := built{Config: map[string]any{}, Files: map[string]string{}}
	if err := json.Unmarshal([]byte(docker(t, "inspect", "-f", "{{json .Config}}", tag)), &is.Config); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"Image", "Hostname"} {
		delete(is.Config, key)
	}
	words := strings.Fields(docker(t, "create", tag, "x")) // after its warnings
	id := words[len(words)-1]
	export := exec.Command("docker", "export", id)
	pipe, err := export.StdoutPipe()
	if err == nil {
		err = export.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	is.readTree(t, tar.NewReader(pipe))
	_, _ = io.Copy(io.Discard, pipe)
	if err := export.Wait(); err != nil {
		t.Fatalf("docker export: %v", err)
	}
	docker(t, "rm", id)
	return is
}

// stageTexts are the file up to the end of each stage: built, each gives that
// stage's image.
func stageTexts(f *dockerfile.File) []string {
	var list []string
	for i := range f.Stages {
		end := len(f.Source)
		if i+1 < len(f.Stages) {
			end = f.Stages[i+1].From.Start
		}
		list = append(list, string(f.Source[:end]))
	}
	return list
}

// TestFixedCorpusBuildsTheSame builds every Dockerfile of lint's corpus that lint
// --fix changes, before and after, stage by stage, with BuildKit in a real Docker
// engine, and compares the configuration, the files, and every call of a program.
// There is no network: what Dockerfiles run are programs that write down how they
// were called and leave behind the caches that the real ones do.
func TestFixedCorpusBuildsTheSame(t *testing.T) {
	longWith(t, "dockerd", "docker", "busybox")
	client := buildKit(t)
	inMemory(t)
	files := lintCorpus(t)
	plain := withoutHeredocs(t)
	world := worldOf(files)
	dockerEngine(t)
	docker(t, "load", "-i", imagetest.Archive(t, world.base(t)))
	b := builder{client: client, context: world.folder(t), secrets: sorted(world.secrets)}
	var same, compared, unbuilt atomic.Int64
	t.Run("corpus", func(t *testing.T) {
		for i, f := range files {
			after, _ := lint.FixDockerfile("Dockerfile", []byte(f.text), lint.Options{})
			if string(after) == f.text || f.name == "hostile/copyglob-bad" { // CD404: of two files into one, a folder with both
				same.Add(1)
				continue
			}
			fixed := dockerfile.Parse("Dockerfile", after)
			if pair, ok := plain[f.name]; ok {
				f.parsed, fixed = pair[0], pair[1]
			}
			t.Run(f.name, func(t *testing.T) {
				t.Parallel()
				if b.compare(t, fmt.Sprintf("f%d", i), f.parsed, fixed) {
					compared.Add(1)
				} else {
					unbuilt.Add(1)
				}
			})
		}
	})
	t.Logf("%d Dockerfiles: %d are built the same, %d cannot be built here, %d are left as they are", len(files), compared.Load(), unbuilt.Load(), same.Load())
	if compared.Load() < 200 {
		t.Errorf("only %d Dockerfiles were compared", compared.Load())
	}
}

// compare builds both files and reports whether they could be.
func (b builder) compare(t *testing.T, tag string, before, after *dockerfile.File) bool {
	t.Helper()
	old, now := stageTexts(before), stageTexts(after)
	if len(old) != len(now) {
		t.Fatalf("%d stages, %d after the fix", len(old), len(now))
	}
	for i := range old {
		last := i == len(old)-1
		if old[i] == now[i] || !last && i > 0 && strings.TrimPrefix(old[i], old[i-1]) == strings.TrimPrefix(now[i], now[i-1]) {
			continue
		}
		wrong, ok := b.differ(t, tag, old[i], now[i])
		if wrong != "" || !ok {
			cold := b
			cold.cold = true
			wrong, ok = cold.differ(t, tag, old[i], now[i])
		}
		if wrong != "" {
			t.Error(wrong)
		}
		if !ok {
			return false
		}
	}
	return true
}

// differ builds a text before and after and says what differs; ok is false when
// neither builds here.
func (b builder) differ(t *testing.T, tag, old, now string) (wrong string, ok bool) {
	t.Helper()
	if out, ok := b.build(t, old, tag+":before"); !ok {
		t.Logf("does not build here: %s", out)
		return "", false
	}
	if out, ok := b.build(t, now, tag+":after"); !ok {
		return fmt.Sprintf("does not build after the fix: %s\n%s", out, now), true
	}
	was, is := b.image(t, tag+":before"), b.image(t, tag+":after")
	wrong = b.sameProgram(tag, was, is)
	for _, built := range []built{was, is} {
		delete(built.Config, "Cmd")
		if labels, ok := built.Config["Labels"].(map[string]any); ok {
			if delete(labels, "org.opencontainers.image.authors"); len(labels) == 0 { // CD019: who made it
				delete(built.Config, "Labels")
			}
		}
		if built.Config["Labels"] == nil {
			delete(built.Config, "Labels")
		}
	}
	if diff := cmp.Diff(was, is); diff != "" {
		wrong += fmt.Sprintf("%s\nbecomes\n%s\n-before +after:\n%s", old, now, diff)
	}
	return wrong, true
}

// sameProgram runs both images where their commands are written differently: the
// shell of one has to start what the other names. It returns what differs.
func (b builder) sameProgram(tag string, was, is built) string {
	if cmp.Equal(was.Config["Cmd"], is.Config["Cmd"]) {
		return ""
	}
	var said [2]string
	for i, name := range []string{tag + ":before", tag + ":after"} {
		script := `"$@" >/tmp/said 2>&1; echo $?; cat /tmp/said; tail -n 1 /calls`
		var words []string
		for _, word := range map[int]built{0: was, 1: is}[i].Config["Cmd"].([]any) {
			words = append(words, fmt.Sprint(word))
		}
		out, err := exec.Command("docker", append([]string{"run", "--rm", "--network", "none", "--user", "0", "--entrypoint", "/bin/sh", name, "-c", script, "x"}, words...)...).CombinedOutput()
		said[i] = fmt.Sprint(string(out), err)
	}
	if code, _, _ := strings.Cut(said[0], "\n"); (code == "127" || code == "126") && strings.HasPrefix(said[1], code+"\n") {
		return "" // there is no such program here, for either
	}
	if said[0] != said[1] {
		return fmt.Sprintf("the program of %v says %q, that of %v %q\n", was.Config["Cmd"], said[0], is.Config["Cmd"], said[1])
	}
	return ""
}

// unbuildable are the examples of rules' pages that no builder takes, and say so.
var unbuildable = map[string]string{
	"CD001 bad":  "an instruction before FROM",
	"CD011 bad":  "the base has no name",
	"CD022 bad":  "ONBUILD MAINTAINER is refused",
	"CD110 bad":  "the BuildKit of Docker 20.10 does not know RUN --network",
	"CD211 bad":  "there is no network",
	"CD211 good": "the BuildKit of Docker 20.10 does not know ADD --checksum",
	"CD301 bad":  "apt-get asks",
	"CD321 bad":  "microdnf asks",
	"CD407 bad":  "a stage copies from itself",
	"CD506 bad":  "there is no such port",
	"CD707 bad":  "the shell does not understand it",
	"CD708 bad":  "it deletes the root, as far as it can",
	"CD708 good": "it stops where DIR is not given, as it should",
	"CD709 bad":  "it deletes the root, as far as it can",
	"CD710 bad":  "dash has no pipefail",
}

// TestExamplesOfRulesBuild builds the bad and the good example of the page of each
// rule for Dockerfiles with BuildKit in a real Docker engine.
func TestExamplesOfRulesBuild(t *testing.T) {
	longWith(t, "dockerd", "docker", "busybox")
	client := buildKit(t)
	inMemory(t)
	pages, err := filepath.Glob("../../docs/rules/CD*.md")
	if err != nil || len(pages) < 100 {
		t.Fatalf("%d pages: %v", len(pages), err)
	}
	var files []corpusFile
	block := regexp.MustCompile("(?s)## (Bad|Good)\n.*?```dockerfile\n(.*?)```")
	for _, page := range pages {
		data, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, example := range block.FindAllStringSubmatch(string(data), -1) {
			files = append(files, newCorpusFile(strings.TrimSuffix(filepath.Base(page), ".md")+" "+strings.ToLower(example[1]), example[2]))
		}
	}
	if len(files) != 2*len(pages) {
		t.Fatalf("%d examples in %d pages", len(files), len(pages))
	}
	world := worldOf(files)
	dockerEngine(t)
	docker(t, "load", "-i", imagetest.Archive(t, world.base(t)))
	b := builder{client: client, context: world.folder(t), secrets: sorted(world.secrets)}
	t.Run("examples", func(t *testing.T) {
		for i, f := range files {
			t.Run(f.name, func(t *testing.T) {
				t.Parallel()
				tag := fmt.Sprintf("e%d:1", i)
				out, ok := b.build(t, f.text, tag)
				if _, not := unbuildable[f.name]; !ok && !not {
					cold := b
					cold.cold = true
					out, ok = cold.build(t, f.text, tag)
				}
				if why, not := unbuildable[f.name]; !ok && !not {
					t.Errorf("does not build: %s\n%s", out, f.text)
				} else if ok && not {
					t.Errorf("builds, and should not: %s", why)
				}
			})
		}
	})
}
