package java

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/reach"
	"github.com/careen/careen/internal/reach/reachtest"
	"github.com/careen/careen/internal/reach/shell"
)

// languages are Java and the shell, which the runtime starts.
var languages = []reach.Language{Language(), shell.Language()}

func TestClassPath(t *testing.T) {
	class := func(name string, refers, names []string, calls ...[2]string) string {
		return string(classBytes(name, refers, names, calls))
	}
	forName := [2]string{"java/lang/Class", "forName"}
	jars := func(reflects ...[2]string) []imagetest.Entry {
		return []imagetest.Entry{
			imagetest.Exec("usr/bin/java", ""),
			imagetest.File("srv/app.jar", jarBytes(t, map[string]string{
				"META-INF/MANIFEST.MF": "Main-Class: app.Main\nClass-Path: lib/b.jar lib/c.jar lib/d.jar lib/e.jar\n",
				"app/Main.class":       class("app/Main", []string{"b/B"}, []string{"d.D"}),
			})),
			imagetest.File("srv/lib/b.jar", jarBytes(t, map[string]string{"b/B.class": class("b/B", []string{"e/E"}, nil, reflects...)})),
			imagetest.File("srv/lib/c.jar", jarBytes(t, map[string]string{"c/C.class": class("c/C", nil, nil)})),
			imagetest.File("srv/lib/d.jar", jarBytes(t, map[string]string{"d/D.class": class("d/D", nil, nil)})),
			imagetest.Symlink("srv/lib/e.jar", "e-1.jar"),
			imagetest.File("srv/lib/e-1.jar", jarBytes(t, map[string]string{"e/E.class": class("e/E", nil, nil)})),
			imagetest.File("srv/lib/other.jar", "no jar"),
		}
	}
	classes := []imagetest.Entry{
		imagetest.Exec("usr/bin/java", ""),
		imagetest.File("srv/classes/Main.class", class("Main", []string{"p/P"}, nil)),
		imagetest.File("srv/classes/p/P.class", class("p/P", []string{"Main", "q/Absent", "z/Z"}, nil)),
		imagetest.File("srv/classes/p/Unused.class", class("p/Unused", nil, nil)),
		imagetest.File("srv/lib/z.jar", jarBytes(t, map[string]string{"z/Z.class": class("z/Z", nil, nil)})),
		imagetest.File("srv/lib/y.jar", jarBytes(t, map[string]string{"y/Y.class": class("y/Y", nil, nil)})),
		imagetest.File("srv/options", "-cp 'srv/classes:srv/lib/*'\n"),
	}
	for name, c := range map[string]struct {
		entries []imagetest.Entry
		argv    []string
		want    string
	}{
		"jar": {jars(), []string{"java", "-Xmx1g", "-jar", "srv/app.jar"},
			"app.jar reached, b.jar reached, c.jar not-reached, d.jar unknown, e-1.jar reached, e.jar reached, other.jar not-reached"},
		"reflection": {jars(forName), []string{"java", "-jar", "srv/app.jar"},
			"app.jar reached, b.jar reached, c.jar unknown, d.jar unknown, e-1.jar reached, e.jar reached, other.jar not-reached"},
		"classes": {classes, []string{"java", "@srv/options", "Main", "-cp", "no"},
			"Main.class reached, P.class reached, Unused.class not-reached, y.jar not-reached, z.jar reached, options reached"},
	} {
		r, err := reach.Compute(t.Context(), reachtest.Tree(t, reach.Visitors(languages), c.entries), image.Config{Cmd: c.argv}, nil, languages, reach.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for e, state := range r.Files() {
			if rest, ok := strings.CutPrefix(e.Path, "srv/"); ok && !e.Mode.IsDir() {
				got = append(got, fmt.Sprintf("%s %s", rest[strings.LastIndexByte(rest, '/')+1:], state))
			}
		}
		if d := cmp.Diff(strings.Split(c.want, ", "), got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// TestClassLoadersOfTheirOwn: what makes class loaders of archives may load any of the
// image, and so may a runtime whose command line is not known; an archive that is kept
// without being on the class path brings that of its manifest.
func TestClassLoadersOfTheirOwn(t *testing.T) {
	extends := [2]string{"java/lang/ClassLoader", "<init>"}
	const all, none = "away.jar unknown, beside.jar unknown, far.war unknown, kept.jar unknown, lib.jar unknown, rest.rar unknown",
		"away.jar not-reached, beside.jar not-reached, far.war not-reached, kept.jar not-reached, lib.jar not-reached, rest.rar not-reached"
	run := []string{"java", "-jar", "/opt/c/start.jar"}
	for name, c := range map[string]struct {
		calls   [][2]string
		strings []string
		cmd     []string
		script  string
		want    string
	}{
		"none":                           {nil, nil, run, "", none},
		"own, of bytes":                  {[][2]string{extends, {"app/Loader", "defineClass"}}, nil, run, "", none},
		"URLs":                           {[][2]string{{"java/net/URLClassLoader", "<init>"}}, nil, run, "", all},
		"new instance":                   {[][2]string{{"java/net/URLClassLoader", "newInstance"}}, nil, run, "", all},
		"derived from URLs'":             {[][2]string{{"java/net/URLClassLoader", "addURL"}}, nil, run, "", all},
		"own, of archives":               {[][2]string{extends, {"app/Loader", "defineClass"}, {"java/util/jar/JarFile", "<init>"}}, nil, run, "", all},
		"layers of modules":              {[][2]string{{"java/lang/module/ModuleFinder", "of"}}, nil, run, "", all},
		"agent":                          {[][2]string{{"java/lang/instrument/Instrumentation", "appendToSystemClassLoaderSearch"}}, nil, run, "", all},
		"command line that is not known": {nil, nil, []string{"/start"}, "eval \"$(cat /run/x)\"\njava=$(which java)\n$java $(cat /run/y)\n", all},
		"named archive": {nil, []string{"/opt/kept.jar"}, run, "",
			"away.jar not-reached, beside.jar unknown, far.war not-reached, kept.jar unknown, lib.jar unknown, rest.rar not-reached"},
	} {
		jar := func(manifest string) string {
			return jarBytes(t, map[string]string{"META-INF/MANIFEST.MF": manifest, "x/X.class": string(classBytes("x/X", nil, nil, nil))})
		}
		entries := []imagetest.Entry{
			imagetest.Exec("usr/bin/java", ""), imagetest.Exec("bin/sh", ""), imagetest.Exec("usr/bin/which", ""), imagetest.Exec("usr/bin/cat", ""),
			imagetest.Exec("start", "#!/bin/sh\n"+c.script),
			imagetest.File("opt/c/start.jar", jarBytes(t, map[string]string{"META-INF/MANIFEST.MF": "Main-Class: app.Main\n", "app/Main.class": string(classBytes("app/Main", nil, c.strings, c.calls))})),
			imagetest.Symlink("opt/kept.jar", "/usr/share/j/kept.jar"),
			imagetest.File("usr/share/j/kept.jar", jar("Class-Path: beside.jar ../k/lib.jar\n")),
			imagetest.File("usr/share/j/beside.jar", jar("")), imagetest.File("usr/share/k/lib.jar", jar("")),
			imagetest.File("usr/share/j/away.jar", jar("")), imagetest.File("var/lib/far.war", jar("")), imagetest.File("var/lib/rest.rar", jar("")),
		}
		r, err := reach.Compute(t.Context(), reachtest.Tree(t, reach.Visitors(languages), entries), image.Config{Cmd: c.cmd}, nil, languages, reach.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, at := range []string{"usr/share/j/away.jar", "usr/share/j/beside.jar", "var/lib/far.war", "usr/share/j/kept.jar", "usr/share/k/lib.jar", "var/lib/rest.rar"} {
			got = append(got, fmt.Sprintf("%s %s", at[strings.LastIndexByte(at, '/')+1:], r.State(at)))
		}
		if d := cmp.Diff(c.want, strings.Join(got, ", ")); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// TestLoadersOfTheRuntime: what the runtime's own archives can load is what the program
// has it load.
func TestLoadersOfTheRuntime(t *testing.T) {
	own := classBytes("jdk/Loader", nil, nil, [][2]string{{"java/net/URLClassLoader", "<init>"}})
	entries := []imagetest.Entry{
		imagetest.Exec("opt/jdk/bin/java", ""), imagetest.File("opt/jdk/lib/modules", "x"), imagetest.File("opt/jdk/release", "JAVA_VERSION=\"17\"\n"),
		imagetest.File("opt/jdk/lib/jrt-fs.jar", jarBytes(t, map[string]string{"jdk/Loader.class": string(own)})),
		imagetest.File("srv/a.jar", jarBytes(t, map[string]string{"META-INF/MANIFEST.MF": "Main-Class: app.Main\n", "app/Main.class": string(classBytes("app/Main", nil, nil, nil))})),
		imagetest.File("srv/b.jar", jarBytes(t, map[string]string{"b/B.class": string(classBytes("b/B", nil, nil, nil))})),
	}
	r, err := reach.Compute(t.Context(), reachtest.Tree(t, reach.Visitors(languages), entries), image.Config{Cmd: []string{"/opt/jdk/bin/java", "-jar", "/srv/a.jar"}}, nil, languages, reach.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.State("srv/b.jar"); got != reach.NotReached {
		t.Errorf("srv/b.jar: %s", r.File("srv/b.jar"))
	}
	if got := r.State("opt/jdk/lib/jrt-fs.jar"); got == reach.NotReached {
		t.Error("the runtime's own archive is not kept")
	}
}

// TestWhatJavaStartsIsKept: the shell that the runtime names is kept only where a
// class starts programs or an option names a command line, and with it what the
// class has a string of.
func TestWhatJavaStartsIsKept(t *testing.T) {
	exec, builder := [2]string{"java/lang/Runtime", "exec"}, [2]string{"java/lang/ProcessBuilder", "<init>"}
	for name, c := range map[string]struct {
		calls []([2]string)
		args  []string
		want  string
	}{
		"nothing":  {nil, nil, "convert not-reached, gs not-reached, sh not-reached"},
		"exec":     {[][2]string{exec}, nil, "convert unknown, gs not-reached, sh unknown"},
		"builder":  {[][2]string{builder}, nil, "convert unknown, gs not-reached, sh unknown"},
		"on error": {nil, []string{"-XX:OnError=gs %p"}, "convert not-reached, gs reached, sh reached"},
	} {
		entries := []imagetest.Entry{
			imagetest.Exec("usr/lib/jvm/bin/java", reachtest.ELF{Needed: []string{"libjvm.so"}, RunPath: "$ORIGIN/../lib/server"}.Build()),
			imagetest.File("usr/lib/jvm/lib/modules", "modules"),
			imagetest.File("usr/lib/jvm/lib/server/libjvm.so", reachtest.ELF{Strings: []string{"/bin/sh"}}.Build()),
			imagetest.Exec("bin/sh", "shell"), imagetest.Exec("bin/convert", "program"), imagetest.Exec("bin/gs", "program"),
			imagetest.File("srv/app.jar", jarBytes(t, map[string]string{
				"META-INF/MANIFEST.MF": "Main-Class: Main\n", "Main.class": string(classBytes("Main", nil, []string{"convert -v", "not a program"}, c.calls)),
				"Other.class": string(classBytes("Other", nil, []string{"gs"}, nil))})),
		}
		argv := append(append([]string{"/usr/lib/jvm/bin/java"}, c.args...), "-jar", "/srv/app.jar")
		r, err := reach.Compute(t.Context(), reachtest.Tree(t, reach.Visitors(languages), entries), image.Config{Cmd: argv}, nil, languages, reach.Options{})
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprintf("convert %s, gs %s, sh %s", r.State("bin/convert"), r.State("bin/gs"), r.State("bin/sh"))
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// TestStringsOfJava: files that strings of a program's classes name, and what
// they would run as lines of a shell.
func TestStringsOfJava(t *testing.T) {
	class := string(classBytes("app/Main", nil, []string{"/etc/app/x.properties", "conf/y.yml", "sh", "-c", "tr a b"}, [][2]string{{"java/lang/ProcessBuilder", "<init>"}}))
	entries := []imagetest.Entry{
		imagetest.Exec("usr/bin/java", ""), imagetest.Exec("bin/sh", ""), imagetest.Exec("usr/bin/tr", ""), imagetest.Exec("usr/bin/wc", ""),
		imagetest.File("opt/a/app.jar", jarBytes(t, map[string]string{"META-INF/MANIFEST.MF": "Main-Class: app.Main\n", "app/Main.class": class})),
		imagetest.File("etc/app/x.properties", ""), imagetest.File("etc/app/z.properties", ""), imagetest.File("opt/a/conf/y.yml", ""),
	}
	r, err := reach.Compute(t.Context(), reachtest.Tree(t, reach.Visitors(languages), entries), image.Config{Cmd: []string{"java", "-jar", "/opt/a/app.jar"}}, nil, languages, reach.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]reach.State{"etc/app/x.properties": reach.Unknown, "opt/a/conf/y.yml": reach.Unknown, "usr/bin/tr": reach.Unknown,
		"usr/bin/wc": reach.NotReached, "etc/app/z.properties": reach.NotReached} {
		if got := r.State(file); got != want {
			t.Errorf("%s is %s, want %s", file, got, want)
		}
	}
}
