package base_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/base"
	"github.com/careen/careen/internal/dockerfile"
	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/reach"
	"github.com/careen/careen/internal/scan"
)

const loader = "/lib64/ld-linux-x86-64.so.2"

// debian is a base with a C library of some versions, a shell and a library.
func debian(versions ...string) []imagetest.Entry {
	libc := imagetest.ELF{Soname: "libc.so.6", Offers: versions}.Build()
	return []imagetest.Entry{
		imagetest.File("etc/os-release", "ID=debian\nVERSION_ID=12\n"),
		imagetest.Exec(loader[1:], libc), imagetest.File("lib/libc.so.6", libc),
		imagetest.File("lib/libssl.so.3", imagetest.ELF{Soname: "libssl.so.3"}.Build()),
		imagetest.Exec("bin/sh", imagetest.ELF{Interpreter: loader, Needed: []string{"libc.so.6"}}.Build()),
		imagetest.Exec("bin/sed", imagetest.ELF{Interpreter: loader, Needed: []string{"libc.so.6"}}.Build()),
		imagetest.File("etc/only-here", "x"),
	}
}

// without drops entries by their paths.
func without(list []imagetest.Entry, names ...string) []imagetest.Entry {
	return slices.DeleteFunc(list, func(e imagetest.Entry) bool { return slices.Contains(names, e.Path) })
}

var server = imagetest.ELF{
	Interpreter: loader, Needed: []string{"libc.so.6", "libssl.so.3"},
	Requires: map[string][]string{"libc.so.6": {"GLIBC_2.2.5", "GLIBC_2.34"}},
}.Build()

// app is the layer of an image: a script that runs a program, and its data.
func app() imagetest.Layer {
	return imagetest.Layer{Instruction: "COPY app /app", Entries: []imagetest.Entry{
		imagetest.Exec("app/run.sh", "#!/bin/sh\nset -e\nsed s/a/b/ /app/conf.in\nexec /app/server\n"),
		imagetest.Exec("app/server", server),
		imagetest.File("app/conf.in", "a"),
	}}
}

func open(t *testing.T, img *image.Image) *scan.Opened {
	t.Helper()
	in, err := scan.Open(context.Background(), img, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close() })
	return in
}

var options = scan.Options{Reach: true, Scanners: scan.Scanners{Surface: true}, Now: time.Unix(1700000000, 0)}

func candidate(t *testing.T, entries ...imagetest.Entry) *scan.Opened {
	return open(t, imagetest.Memory(t, imagetest.Image{Layers: []imagetest.Layer{{Entries: entries}}}))
}

// built is the image of app on a Debian of glibc 2.36.
func built(t *testing.T, cfg image.Config, layer imagetest.Layer) *base.Image {
	t.Helper()
	from := debian("GLIBC_2.2.5", "GLIBC_2.34", "GLIBC_2.36")
	in := open(t, imagetest.Memory(t, imagetest.Image{Config: cfg, Layers: []imagetest.Layer{{Entries: from}, layer}}))
	img, now, err := base.NewImage(in, reachOf(t, in), 1, options)
	if err != nil {
		t.Fatal(err)
	}
	if now.Bytes == 0 {
		t.Error("the image has no bytes")
	}
	return img
}

func TestTry(t *testing.T) {
	newer := []string{"GLIBC_2.2.5", "GLIBC_2.34", "GLIBC_2.36", "GLIBC_2.41"}
	script := image.Config{Entrypoint: []string{"/app/run.sh"}}
	static := image.Config{Entrypoint: []string{"/app/static"}}
	for _, c := range []struct {
		name  string
		cfg   image.Config
		on    []imagetest.Entry
		start base.Start
		want  []string // each is in one of the problems
	}{
		{"a newer one", script, debian(newer...), base.Starts, nil},
		{"an older one", script, debian("GLIBC_2.2.5", "GLIBC_2.31"), base.Fails, []string{"/app/server needs GLIBC_2.34 of libc.so.6"}},
		{"without a library", script, without(debian(newer...), "lib/libssl.so.3"), base.Fails, []string{"/app/server needs library libssl.so.3"}},
		{"without a shell", script, without(debian(newer...), "bin/sh"), base.Fails, []string{"/app/run.sh needs program /bin/sh"}},
		{"without a command of the script", script, without(debian(newer...), "bin/sed"), base.Fails, []string{"/app/run.sh needs program sed"}},
		{"a command in another place", script, append(without(debian(newer...), "bin/sed"), imagetest.Exec("usr/bin/sed", "")), base.Starts, nil},
		{"another linker", script, without(debian(newer...), loader[1:]), base.Fails, []string{"/app/server needs dynamic linker " + loader}},
		{"scratch, of a script", script, nil, base.Fails, []string{"program /bin/sh"}},
		{"scratch, of a static program", static, nil, base.Starts, nil},
		{"what cannot be followed", image.Config{Entrypoint: []string{"/app/eval.sh"}}, debian(newer...), base.Unproved, []string{"/app/eval.sh: "}},
		{"a program of the base", image.Config{Entrypoint: []string{"/bin/sed"}}, without(debian(newer...), "bin/sed"), base.Fails, []string{"/bin/sed"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			layer := app()
			layer.Entries = append(layer.Entries, imagetest.Exec("app/static", imagetest.ELF{}.Build()), imagetest.Exec("app/eval.sh", "#!/bin/sh\nexec \"/app/$MODE\"\n"))
			got, err := built(t, c.cfg, layer).Try(candidate(t, c.on...))
			if err != nil {
				t.Fatal(err)
			}
			if got.Start != c.start || (len(c.want) == 0) != (len(got.Problems) == 0) || !got.Measured {
				t.Errorf("%s, want %s: %q", got.Start, c.start, got.Problems)
			}
			for _, want := range c.want {
				if !slices.ContainsFunc(got.Problems, func(p string) bool { return strings.Contains(p, want) }) {
					t.Errorf("%q is not among %q", want, got.Problems)
				}
			}
		})
	}
}

func TestTryMeasuresBothTogether(t *testing.T) {
	img := built(t, image.Config{Entrypoint: []string{"/app/server"}}, imagetest.Layer{Entries: []imagetest.Entry{
		imagetest.Exec("app/server", server), imagetest.File("etc/only-here", "longer"),
		imagetest.File("app/node_modules/own/package.json", `{"name":"own","version":"1.0.0"}`),
	}})
	small := []imagetest.Entry{imagetest.File("etc/only-here", "12345678"), imagetest.File("etc/theirs", "1234"),
		imagetest.File("lib/node_modules/theirs/package.json", `{"name":"theirs","version":"2.0.0"}`)}
	got, err := img.Try(candidate(t, small...))
	if err != nil {
		t.Fatal(err)
	}
	want := int64(len(server)+len("longer")+len(`{"name":"own","version":"1.0.0"}`)) + 4 + int64(len(`{"name":"theirs","version":"2.0.0"}`))
	if n := got.Numbers; n.Bytes != want || n.Packages != 2 {
		t.Errorf("%d bytes and %d packages, want %d and 2", n.Bytes, n.Packages, want)
	}
}

func TestRank(t *testing.T) {
	n := func(critical, low, surface int, bytes int64) *base.Numbers {
		return &base.Numbers{Vulnerabilities: map[string]int{finding.Critical.String(): critical, finding.Low.String(): low}, Surface: surface, Bytes: bytes}
	}
	list := []base.Outcome{
		{Ref: "not measured", Why: "no such file"},
		{Ref: "fails", Start: base.Fails, Measured: true, Numbers: n(0, 0, 0, 0)},
		{Ref: "unproved", Start: base.Unproved, Measured: true, Numbers: n(0, 0, 0, 0)},
		{Ref: "bad", Start: base.Starts, Measured: true, Numbers: n(1, 0, 0, 0)},
		{Ref: "larger", Start: base.Starts, Measured: true, Numbers: n(0, 9, 5, 20)},
		{Ref: "wider", Start: base.Starts, Measured: true, Numbers: n(0, 9, 6, 10)},
		{Ref: "smaller", Start: base.Starts, Measured: true, Numbers: n(0, 9, 5, 10)},
		{Ref: "best", Start: base.Starts, Measured: true, Numbers: n(0, 8, 9, 99)},
	}
	base.Rank(list)
	var got []string
	for _, o := range list {
		got = append(got, o.Ref)
	}
	if d := cmp.Diff([]string{"best", "smaller", "larger", "wider", "bad", "unproved", "fails", "not measured"}, got); d != "" {
		t.Error(d)
	}
}

func TestIndex(t *testing.T) {
	layers := func(ids ...string) *image.Image {
		img := &image.Image{Ref: strings.Join(ids, "+"), Platform: image.Platform{OS: "linux", Architecture: "arm", Variant: "v7"}}
		for _, id := range ids {
			img.Layers = append(img.Layers, image.Layer{DiffID: id})
		}
		return img
	}
	var x base.Index
	for _, img := range []*image.Image{layers("a"), layers("a", "b"), layers("a", "x", "y"), layers(), layers("a", "b")} {
		x.Add(img, nil)
	}
	if len(x.Images) != 4 {
		t.Errorf("%d images: one was added twice", len(x.Images))
	}
	for _, c := range []struct {
		img  *image.Image
		want string
	}{
		{layers("a", "b", "c"), "a+b"}, {layers("a", "c"), "a"}, {layers("a", "b"), "a"}, {layers("a"), ""}, {layers("b", "a"), ""}, {layers("a", "x", "y", "z"), "a+x+y"},
	} {
		if got, ok := x.Find(c.img); got.Ref != c.want || ok != (c.want != "") {
			t.Errorf("%s stands on %q, want %q", c.img.Ref, got.Ref, c.want)
		}
	}
	if x.Images[1].Platform != "linux/arm/v7" {
		t.Errorf("platform %q", x.Images[1].Platform)
	}
	for _, bad := range []string{"", "{", "[]", `{"schema":"other/1"}`} {
		if _, err := base.ReadIndex(strings.NewReader(bad)); err == nil {
			t.Errorf("%q is read as an index", bad)
		}
	}
	if _, err := base.ReadIndex(strings.NewReader(`{"schema":"careen-base-index/1","images":[]}`)); err != nil {
		t.Error(err)
	}
}

func TestRewrite(t *testing.T) {
	cfg := image.Config{
		Entrypoint: []string{"/app/run.sh"}, Cmd: []string{"-v", `a "b"`}, Env: []string{"PATH=/bin", `MODE=a "b" $c`}, WorkingDir: "/app",
		ExposedPorts: []string{"80/tcp"}, Volumes: []string{"/data"}, User: "5",
	}
	layer := app()
	layer.Entries = append(layer.Entries, imagetest.File("etc/shop.conf", "x"), imagetest.File("opt/unused", "x"))
	layer.Entries[0] = imagetest.Exec("app/run.sh", "#!/bin/sh\n. /etc/shop.conf\nexec /app/server\n")
	img := built(t, cfg, layer)
	for _, c := range []struct{ name, file, user, want string }{
		{"several stages", "FROM go:1 AS build\nRUN make\n# last\nFROM --platform=$BUILDPLATFORM debian:12 AS final\nCOPY --from=build /x /x\n", "",
			"FROM go:1 AS build\nRUN make\n# last\nFROM --platform=$BUILDPLATFORM new:1 AS final\nCOPY --from=build /x /x\n"},
		{"one stage", "FROM debian:12\nCOPY . /app\nCMD x", "7:8", "FROM debian:12 AS build\nCOPY . /app\nCMD x\n" + secondStage("build", "7:8")},
		{"one named stage, CRLF", "FROM debian:12 AS mine\r\nCOPY . /app\r\n", "", strings.ReplaceAll("FROM debian:12 AS mine\nCOPY . /app\n"+secondStage("mine", "5:0"), "\n", "\r\n")},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := img.Rewrite(dockerfile.Parse("Dockerfile", []byte(c.file)), base.Outcome{Ref: "new:1", Lacks: []base.Lack{{What: "certificates", Path: "/etc/ssl/x.crt"}, {What: "locale"}}}, c.user)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, string(got)); d != "" {
				t.Error(d)
			}
			if f := dockerfile.Parse("Dockerfile", got); len(f.Problems) > 0 || len(f.Stages) != 2 {
				t.Errorf("%d stages, %v", len(f.Stages), f.Problems)
			}
		})
	}
	for file, want := range map[string]string{
		"": "no FROM", "FROM a AS b\nFROM b\n": "names a stage of the same file", "FROM a\nNONSENSE\n": "line 2",
	} {
		if _, err := img.Rewrite(dockerfile.Parse("Dockerfile", []byte(file)), base.Outcome{Ref: "new:1"}, ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", file, err, want)
		}
	}
}

func secondStage(builder, user string) string {
	return `
FROM new:1
ENV MODE="a \"b\" \$c"
WORKDIR /app
COPY --from=` + builder + ` ["/app","/app"]
COPY --from=` + builder + ` ["/etc/shop.conf","/etc/shop.conf"]
COPY --from=` + builder + ` ["/etc/ssl/x.crt","/etc/ssl/x.crt"]
EXPOSE 80/tcp
VOLUME ["/data"]
USER ` + user + `
ENTRYPOINT ["/app/run.sh"]
CMD ["-v","a \"b\""]
`
}

// TestARealProgram: what gcc links here asks for versions that the C library
// here offers and one of before 2.34 does not.
func TestARealProgram(t *testing.T) {
	dir := t.TempDir()
	source, out := filepath.Join(dir, "main.c"), filepath.Join(dir, "main")
	if err := os.WriteFile(source, []byte("#include <stdio.h>\nint main(void) { return puts(\"hello\") < 0; }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if log, err := exec.Command("gcc", "-o", out, source).CombinedOutput(); err != nil {
		t.Skipf("no gcc that links: %v %s", err, log)
	}
	program, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(program), "GLIBC_2.34") || !strings.Contains(string(program), loader) {
		t.Skip("what gcc links here is not for x86-64 and glibc 2.34 or newer")
	}
	libc, err := os.ReadFile("/lib/x86_64-linux-gnu/libc.so.6")
	if err != nil {
		t.Skip(err)
	}
	real := append(without(debian(), "lib/libc.so.6"), imagetest.File("lib/x86_64-linux-gnu/libc.so.6", string(libc)))
	img := built(t, image.Config{Cmd: []string{"/app/main"}}, imagetest.Layer{Entries: []imagetest.Entry{imagetest.Exec("app/main", string(program))}})
	on, err := img.Try(candidate(t, real...))
	if err != nil || on.Start != base.Starts {
		t.Errorf("on its own C library: %s %q %v", on.Start, on.Problems, err)
	}
	old, err := img.Try(candidate(t, debian("GLIBC_2.2.5", "GLIBC_2.31")...))
	if err != nil || old.Start != base.Fails || !slices.Contains(old.Problems, "/app/main needs GLIBC_2.34 of libc.so.6") {
		t.Errorf("on an old one: %s %q %v", old.Start, old.Problems, err)
	}
}

func reachOf(t *testing.T, in *scan.Opened) *reach.Result {
	t.Helper()
	reached, err := in.Reach(nil)
	if err != nil {
		t.Fatal(err)
	}
	return reached
}
