package cli

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
)

// attack is one row of the hostile set: what somebody else may give Careen, and
// how that ends. What a row may cost is the same for all: 512 MB of memory, and
// far less processor time than what is super-linear would take.
type attack struct {
	name string
	args func(b *bench) []string
	code int
	says string // on stderr; after ">" on stdout
}

// maxProcessor is generous: the dearest rows take a tenth of it on a slow machine.
const maxProcessor = 100 * time.Second

// many is how often a row repeats what it repeats: as often as a scan of seconds
// bears where there is time.
func many() int {
	if os.Getenv("CAREEN_LONG") == "" {
		return 500
	}
	return 20_000
}

// TestHostileSet gives each row to the program that people run, in a process of
// its own: some of each kind, all with CAREEN_LONG.
func TestHostileSet(t *testing.T) {
	program := builtProgram(t)
	kinds := [][]attack{hostileManyThings(), hostileFiles(), hostileTrees(), hostileDocuments(), hostileArchives(), hostileInputs(), hostileVerbs(), hostileSiblings()}
	rows := slices.Concat(kinds...)
	names := map[string]bool{}
	for _, row := range rows {
		if names[row.name] {
			t.Errorf("two rows are called %q", row.name)
		}
		names[row.name] = true
	}
	if len(rows) < 120 {
		t.Errorf("%d rows", len(rows))
	}
	if os.Getenv("CAREEN_LONG") == "" {
		t.Log("a row in fifteen: CAREEN_LONG=1 runs all")
		rows = nil
		for _, kind := range kinds {
			for i := 0; i < len(kind); i += 15 {
				rows = append(rows, kind[i])
			}
		}
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			b := newBench(t)
			args := row.args(b)
			before := b.listing()
			r := b.measured(program, args...)
			if after := b.listing(); before != after && !slices.Contains(args, "-o") {
				t.Errorf("changed files\nfrom %.2000s\nto   %.2000s", before, after)
			}
			if text, ok := strings.CutPrefix(row.says, ">"); r.code != row.code || ok && !strings.Contains(r.stdout, text) || !ok && !strings.Contains(r.stderr, row.says) {
				t.Errorf("exit %d, want %d and %q\n%.1000s\n%.1000s", r.code, row.code, row.says, r.stderr, r.stdout)
			}
		})
	}
}

// builtProgram is careen as it is shipped, built once.
func builtProgram(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "careen")
	if out, err := exec.Command("go", "build", "-o", path, "../../cmd/careen").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// measured runs a program and compares what it took with the bounds.
func (b *bench) measured(program string, args ...string) result {
	b.t.Helper()
	return b.measuredIn(program, nil, args...)
}

// measuredIn does so with more in the environment.
func (b *bench) measuredIn(program string, env []string, args ...string) result {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	verb, rest := "scan", args
	if len(args) > 0 && strings.HasPrefix(args[0], "+") {
		verb, rest = args[0][1:], args[1:]
	}
	own := []string{verb, "--cache-dir", b.cache}
	if verb == "db" {
		own = append([]string{verb, rest[0]}, own[1:]...)
		rest = rest[1:]
	}
	if slices.Contains([]string{"scan", "diff", "base", "plan", "slim"}, verb) {
		own = append(own, "--db", b.db, "--db-max-age", "0")
	}
	cmd := exec.CommandContext(ctx, program, append(own, rest...)...)
	cmd.Env = []string{"HOME=" + b.root, "TMPDIR=" + b.tmp, "PATH=" + os.Getenv("PATH"), "DOCKER_HOST=unix://" + filepath.Join(b.root, "none.sock")}
	cmd.Env = append(cmd.Env, env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	done := make(chan int64)
	go func() { done <- watchPeak(cmd.Process.Pid) }()
	err := cmd.Wait()
	peak := <-done
	if ctx.Err() != nil || cmd.ProcessState == nil {
		b.t.Fatalf("no end: %v", err)
	}
	r := result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
	if verb == "scan" || r.code != 0 { // others say what they did
		r.check(b.t)
	}
	processor := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if peak > maxPeak {
		b.t.Errorf("peak of %d MB", peak>>20)
	}
	if processor > maxProcessor {
		b.t.Errorf("%s of processor time", processor)
	}
	b.t.Logf("exit %d, %d MB, %s", r.code, peak>>20, processor.Round(time.Millisecond))
	return r
}

// watchPeak returns the most memory that a process had, until it ends. What
// wait4(2) reports counts this process's memory from before the exec.
func watchPeak(pid int) (most int64) {
	if runtime.GOOS != "linux" {
		return 0
	}
	for {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			return most
		}
		there := false
		for line := range strings.Lines(string(status)) {
			if kb, ok := strings.CutPrefix(line, "VmHWM:"); ok {
				n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(kb), " kB"), 10, 64)
				most, there = max(most, n<<10), true
			}
		}
		if !there {
			return most // it has ended
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// holding is a row of an image of one layer.
func holding(name string, code int, says string, entries func() []imagetest.Entry, flags ...string) attack {
	return attack{name, func(b *bench) []string { return append([]string{b.layout(one(entries()...))}, flags...) }, code, says}
}

// repeat joins what f makes of 0, 1, 2….
func repeat(n int, f func(i int) string) string {
	var s strings.Builder
	for i := range n {
		s.WriteString(f(i))
	}
	return s.String()
}

// entriesOf makes entries of 0, 1, 2….
func entriesOf(n int, f func(i int) imagetest.Entry) []imagetest.Entry {
	list := []imagetest.Entry{imagetest.File("etc/os-release", debianRelease)}
	for i := range n {
		list = append(list, f(i))
	}
	return list
}

func deb(fields string) string {
	return fields + "Status: install ok installed\nArchitecture: amd64\n\n"
}

// withFile is an image of Debian with one file.
func withFile(path string, content func() string) func() []imagetest.Entry {
	return func() []imagetest.Entry {
		return []imagetest.Entry{imagetest.File("etc/os-release", debianRelease), imagetest.File(path, content())}
	}
}

// token is a line with a secret of its own.
func token(i int) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	key := make([]byte, 24)
	for j, x := 0, uint64(i+1)*0x9e3779b97f4a7c15; j < len(key); j++ {
		x = x*6364136223846793005 + 1442695040888963407
		key[j] = alphabet[x>>33%uint64(len(alphabet))]
	}
	return fmt.Sprintf("STRIPE_KEY_%d=sk_live_%s\n", i, key)
}

const incompleteText = "the result is incomplete"

// hostileManyThings is what is quadratic or worse in what reads it naively.
func hostileManyThings() []attack {
	const status, apk, passwd = "var/lib/dpkg/status", "lib/apk/db/installed", "etc/passwd"
	npm := func(path func(i int) string, text func(i int) string) func() []imagetest.Entry {
		return func() []imagetest.Entry {
			return entriesOf(many(), func(i int) imagetest.Entry { return imagetest.File(path(i), text(i)) })
		}
	}
	at := func(format string) func(int) string {
		return func(i int) string { return strings.ReplaceAll(format, "#", fmt.Sprint(i)) }
	}
	text := func(format string) func() string { return func() string { return repeat(many(), at(format)) } }
	return []attack{
		holding("packages that all provide and need the same", 0, "", withFile(apk, text("P:p#\nV:1-r0\np:x\nD:x\n\n"))),
		holding("versions of two packages that need each other", 0, "", withFile(status, func() string {
			return repeat(many(), func(i int) string {
				return deb(fmt.Sprintf("Package: %c\nVersion: %d\nDepends: %c\n", 'a'+i%2, i, 'b'-i%2))
			})
		})),
		holding("gems of one name that need it", 0, "", npm(at("usr/lib/ruby/gems/3.0/specifications/a-#.gemspec"), at("Gem::Specification.new do |s|\n s.name = \"a\".freeze\n s.version = \"#\"\n s.add_runtime_dependency(%q<a>.freeze, [\">= 0\"])\nend\n"))),
		holding("a package in many places", 0, ">CVE-2020-7598", npm(at("srv/#/node_modules/minimist/package.json"), at(minimist)), "-f", "json"),
		holding("a package in many places, each with a licence and a need of its own", 0, "", npm(at("srv/#/node_modules/a/package.json"), at(`{"name":"a","version":"1","license":"L #","dependencies":{"a#":"1"}}`)), "-f", "spdx"),
		holding("as many licences as packages", 0, "", npm(at("srv/#/node_modules/a#/package.json"), at(`{"name":"a#","version":"1","license":"L #"}`)), "-f", "spdx"),
		holding("as many licences as packages, in CycloneDX", 0, "", npm(at("srv/#/node_modules/a#/package.json"), at(`{"name":"a#","version":"1","license":"L #"}`)), "-f", "cyclonedx"),
		holding("lock files of packages that are installed", 0, "", func() []imagetest.Entry {
			return append(entriesOf(many(), func(i int) imagetest.Entry {
				return imagetest.File(fmt.Sprintf("srv/%d/requirements.txt", i), "flask\n")
			}), entriesOf(many(), func(i int) imagetest.Entry {
				return imagetest.File(fmt.Sprintf("opt/site-packages/b%d-1.dist-info/METADATA", i), fmt.Sprintf("Name: b%d\nVersion: 1\n", i))
			})[1:]...)
		}, "--allow-incomplete"),
		holding("a file that one package claims over and over", 0, "", func() []imagetest.Entry {
			return []imagetest.Entry{imagetest.File("etc/os-release", debianRelease), imagetest.File(status, deb("Package: a\nVersion: 1\n")),
				imagetest.File("var/lib/dpkg/info/a.list", strings.Repeat("/srv/package-lock.json\n", 10*many())),
				imagetest.File("srv/package-lock.json", `{"lockfileVersion":3,"packages":{`+strings.TrimSuffix(repeat(many(), at(`"node_modules/b#":{"version":"1"},`)), ",")+`}}`)}
		}),
		holding("accounts that have one number", 0, "", withFile(passwd, text("u#:x:7:7::/:/bin/sh\n"))),
		holding("accounts that are all root", 0, "", withFile(passwd, text("u#:x:0:0::/:/bin/sh\n"))),
		holding("accounts without a password", 0, "", func() []imagetest.Entry {
			return append(withFile(passwd, text("u#::9#:7::/:/bin/sh\n"))(), imagetest.Exec("bin/sh", "#!/bin/sh\n"))
		}),
		holding("setuid files", 0, "", func() []imagetest.Entry {
			return entriesOf(many(), func(i int) imagetest.Entry {
				return imagetest.Entry{Path: fmt.Sprintf("bin/x%d", i), Mode: 0o4777, Content: "#!/bin/sh\n"}
			})
		}),
		holding("tokens in one file", 0, ">SECRETS   ", withFile("srv/.env", func() string {
			return repeat(many(), token)
		})),
		holding("tokens in as many files", 0, ">sk_l…", npm(at("srv/#.env"), token)),
		holding("SBOM of many components", 0, "", withFile("srv/bom.cdx.json", func() string {
			return `{"bomFormat":"CycloneDX","specVersion":"1.5","components":[` + strings.TrimSuffix(repeat(many(), at(`{"type":"library","name":"a#","version":"1","purl":"pkg:npm/a#@1"},`)), ",") + `]}`
		})),
		holding("SBOM whose components need one another", 0, "", withFile("srv/bom.cdx.json", func() string {
			all := strings.TrimSuffix(repeat(min(many(), 2000), at(`"r#",`)), ",")
			return `{"bomFormat":"CycloneDX","components":[` + strings.TrimSuffix(repeat(min(many(), 2000), at(`{"bom-ref":"r#","type":"library","name":"a#","version":"1","purl":"pkg:npm/a#@1"},`)), ",") +
				`],"dependencies":[` + strings.TrimSuffix(repeat(50, func(i int) string { return fmt.Sprintf(`{"ref":"r%d","dependsOn":[%s]},`, i, all) }), ",") + `]}`
		})),
		holding("more packages than are listed", 1, "--max-packages", npm(at("srv/node_modules/a#/package.json"), at(`{"name":"a#","version":"1"}`)), "--max-packages", "100"),
		holding("more places than are listed", 1, "--max-locations", npm(at("srv/#/node_modules/a/package.json"), at(`{"name":"a","version":"1"}`)), "--max-locations", "100"),
		{"a small layer of very many packages", func(b *bench) []string {
			stanzas := strings.Repeat(deb("Package: a\nVersion: 1\n"), 45_000)
			img := one(entriesOf(max(8, many()/500), func(i int) imagetest.Entry { return imagetest.File(fmt.Sprint("var/lib/dpkg/status.d/", i), stanzas) })...)
			img.Layers[0].Compression = imagetest.Zstd
			return []string{b.layout(img)}
		}, 1, "--max-locations"},
		holding("more secrets than are listed", 1, "--max-findings", npm(at("srv/#.env"), token), "--scanners", "secret", "--max-findings", "100"),
		holding("more vulnerabilities than are listed", 1, "--max-findings", npm(at("srv/#/node_modules/minimist/package.json"), at(`{"name":"minimist","version":"0.0.#"}`)), "--max-findings", "100"),
		holding("packages of Python in one folder", 0, "", npm(at("usr/lib/python3/dist-packages/p#-1.dist-info/METADATA"), at("Name: p#\nVersion: 1\nRequires-Dist: p1\nRequires-Dist: p#\n"))),
		holding("records of one package of Python", 0, "", npm(at("usr/lib/python3/dist-packages/p-#.dist-info/METADATA"), at("Name: p\nVersion: #\nRequires-Dist: p\n"))),
		holding("chains of links", 0, "", func() []imagetest.Entry {
			return entriesOf(many(), func(i int) imagetest.Entry { return imagetest.Symlink(fmt.Sprint("l", i), fmt.Sprint("l", i+1)) })
		}),
		holding("links to a folder of links", 0, "", func() []imagetest.Entry {
			return entriesOf(many(), func(i int) imagetest.Entry { return imagetest.Symlink(fmt.Sprint("usr/l", i), "../usr") })
		}),
		holding("hard links to one file", 0, "", func() []imagetest.Entry {
			return append([]imagetest.Entry{imagetest.File("srv/node_modules/minimist/package.json", minimist)}, entriesOf(many(), func(i int) imagetest.Entry {
				return imagetest.Hardlink(fmt.Sprintf("srv/%d/node_modules/minimist/package.json", i), "srv/node_modules/minimist/package.json")
			})...)
		}),
		holding("hard links to hard links", 0, "", func() []imagetest.Entry {
			return append([]imagetest.Entry{imagetest.File("h0", "x")}, entriesOf(many(), func(i int) imagetest.Entry {
				return imagetest.Hardlink(fmt.Sprint("h", i+1), fmt.Sprint("h", i))
			})...)
		}),
		{"hard links to files of the layers below", func(b *bench) []string {
			const layers = 200
			img := one(imagetest.File("srv/node_modules/minimist/package.json", minimist))
			for l := range layers {
				var entries []imagetest.Entry
				for i := range max(2, many()/layers) {
					entries = append(entries, imagetest.Hardlink(fmt.Sprintf("srv/%d/%d/node_modules/minimist/package.json", l, i), "srv/node_modules/minimist/package.json"))
				}
				img.Layers = append(img.Layers, imagetest.Layer{Entries: entries})
			}
			return []string{"-f", "json", b.layout(img)}
		}, 0, ">CVE-2020-7598"},
		holding("whiteouts", 0, "", func() []imagetest.Entry {
			return entriesOf(many(), func(i int) imagetest.Entry { return imagetest.Whiteout(fmt.Sprint("srv/w", i)) })
		}),
		holding("one path over and over", 0, "", func() []imagetest.Entry {
			return entriesOf(many(), func(i int) imagetest.Entry { return imagetest.File(minimistPath, minimist) })
		}),
		holding("names that differ in case only", 0, "", npm(func(i int) string { return fmt.Sprintf("srv/%b", i) }, at("#"))),
		holding("a folder of everything", 0, "", npm(at("usr/bin/p#"), at("#!/bin/sh\n"))),
		holding("jars without a name", 0, "", npm(at("srv/a#.jar"), at("PK\x05\x06"+strings.Repeat("\x00", 18)))),
		{"reach: scripts that start one another", func(b *bench) []string {
			img := one(append(entriesOf(many(), func(i int) imagetest.Entry {
				return imagetest.Exec(fmt.Sprint("s", i), fmt.Sprintf("#!/bin/sh\n/s%d\n/s%d $1 x\n", i+1, i/2))
			}), imagetest.Exec("bin/sh", imagetest.ELF{}.Build()))...)
			img.Config = image.Config{Cmd: []string{"/s0"}}
			return []string{"+reach", b.layout(img)}
		}, 0, ""},
		{"reach: modules of Python that import one another", func(b *bench) []string {
			img := one(append(entriesOf(many(), func(i int) imagetest.Entry {
				return imagetest.File(fmt.Sprintf("app/m%d.py", i), fmt.Sprintf("import m%d, m%d\n", i+1, i/2))
			}), imagetest.Exec("usr/bin/python3", imagetest.ELF{}.Build()))...)
			img.Config = image.Config{Cmd: []string{"/usr/bin/python3", "/app/m0.py"}}
			return []string{"+reach", b.layout(img)}
		}, 0, ""},
		{"reach: modules of Node that require one another", func(b *bench) []string {
			img := one(append(entriesOf(many(), func(i int) imagetest.Entry {
				return imagetest.File(fmt.Sprintf("app/m%d.js", i), fmt.Sprintf("require('./m%d'); require('./m%d')\n", i+1, i/2))
			}), imagetest.Exec("usr/bin/node", imagetest.ELF{}.Build()))...)
			img.Config = image.Config{Cmd: []string{"/usr/bin/node", "/app/m0.js"}}
			return []string{"+reach", b.layout(img)}
		}, 0, ""},
	}
}

// hostileFiles is what single files may hold: none ends the scan, and what could
// not be read is said.
func hostileFiles() []attack {
	var rows []attack
	random := func(n int) string {
		var s strings.Builder
		for i, x := 0, uint32(1); i < n; i++ {
			x = x*1664525 + 1013904223
			s.WriteByte(byte(x >> 24))
		}
		return s.String()
	}
	shapes := []struct {
		name string
		text string
	}{
		{"empty", ""}, {"zeros", zeros[:1<<20]}, {"random", random(1 << 18)}, {"one line of a megabyte", strings.Repeat("a", 1<<20)},
		{"a million ends of lines", strings.Repeat("\n", 1<<20)}, {"nested", strings.Repeat(`{"a":[`, 100_000)}, {"steering", strings.Repeat(hostile, 100)},
	}
	for _, file := range []struct {
		path string
		lost bool // what is no such file is said to be incomplete
	}{
		{"var/lib/dpkg/status", true}, {"lib/apk/db/installed", true}, {"var/lib/rpm/rpmdb.sqlite", true}, {"usr/lib/sysimage/rpm/Packages.db", true}, {"var/lib/rpm/Packages", true},
		{"srv/node_modules/a/package.json", true}, {"srv/package-lock.json", false}, {"srv/yarn.lock", false}, {"srv/a.jar", true}, {"srv/a.cdx.json", false},
		{"srv/poetry.lock", false}, {"srv/pnpm-lock.yaml", false}, {"srv/pom.xml", false},
	} {
		for _, shape := range shapes {
			rows = append(rows, attack{file.path + ": " + shape.name, func(b *bench) []string {
				return []string{"--allow-incomplete", b.layout(one(imagetest.File("etc/os-release", debianRelease), imagetest.File(minimistPath, minimist), imagetest.File(file.path, shape.text)))}
			}, 0, ">minimist"})
		}
	}
	return rows
}

// hostileTrees is what a layer may do with names.
func hostileTrees() []attack {
	deep := strings.Repeat("d/", 300) + "f"
	good := imagetest.File(minimistPath, minimist)
	row := func(name string, code int, says string, entries ...imagetest.Entry) attack {
		return holding(name, code, says, func() []imagetest.Entry {
			return append([]imagetest.Entry{imagetest.File("etc/os-release", debianRelease), good}, entries...)
		})
	}
	return []attack{
		row("a path too deep", 1, "--max-path-depth", imagetest.File(deep, "")),
		row("a path too long", 1, "--max-path-bytes", imagetest.File(strings.Repeat(strings.Repeat("n", 200)+"/", 30)+"f", "")),
		row("a name that leads out", 0, ">leads out of the image", imagetest.File("../../canary/alive", "dead")),
		row("a link that leads out", 0, ">minimist", imagetest.Symlink("out", "../../../../canary"), imagetest.File("out/alive", "dead")),
		row("a link to itself", 0, ">minimist", imagetest.Symlink("lib", "lib"), imagetest.File("lib/apk/db/installed", "P:a\nV:1\n\n")),
		row("a hard link to itself", 1, incompleteText, imagetest.Hardlink("a", "a")),
		row("a hard link to nothing", 1, incompleteText, imagetest.Hardlink("srv/node_modules/x/package.json", "nowhere")),
		row("an entry of no known type", 1, "unknown type", imagetest.Entry{Path: "x", Type: 'Z'}),
		row("the root as a file", 0, ">minimist", imagetest.File(".", "x"), imagetest.Symlink(".", "x")),
		row("whiteouts without a name", 0, ">minimist", imagetest.File(".wh.", ""), imagetest.File("a/.wh...", "")),
		row("names that steer a terminal", 1, `\x1b[2J`, imagetest.File("srv/node_modules/"+hostile+"/package.json", `{`)),
		{"five hundred layers", one0(func(b *bench) string { return b.layout(imagetest.Image{Layers: manyLayers(500)}) }), 0, ">minimist"},
		{"too many entries", func(b *bench) []string {
			return []string{"--max-layer-entries", "100", b.layout(one(entriesOf(101, func(i int) imagetest.Entry { return imagetest.File(fmt.Sprint(i), "") })...))}
		}, 1, "--max-layer-entries"},
	}
}

// hostileDocuments is what manifests, indexes and configurations may say.
func hostileDocuments() []attack {
	empty := `{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}`
	return []attack{
		{"an index of nothing", one0(func(b *bench) string { return b.layoutOf(indexOf()) }), 1, "holds no image"},
		{"an index of a thousand images", one0(func(b *bench) string {
			m := fmt.Sprintf(`{"schemaVersion":2,"config":%s,"layers":[]}`, describe(configType, empty))
			return b.layoutOf(indexOf(slices.Repeat([]string{describe(manifestType, m)}, 1000)...), m, empty)
		}), 0, ""},
		{"indexes that nest", one0(func(b *bench) string {
			doc, documents := indexOf(), []string{}
			for range 100 {
				documents = append(documents, doc)
				doc = indexOf(describe(indexType, doc))
			}
			return b.layoutOf(doc, documents...)
		}), 1, "nest more than 4 deep"},
		{"a digest that is a path", one0(func(b *bench) string {
			return b.layoutOf(indexOf(`{"mediaType":"` + manifestType + `","digest":"sha256:../../../canary/alive","size":5}`))
		}), 1, "not a digest"},
		{"a configuration of nothing but brackets", one0(func(b *bench) string { return b.manifestOf(strings.Repeat("[", 1<<20), "") }), 1, "config"},
		{"a configuration too large", one0(func(b *bench) string { return b.manifestOf(strings.Repeat(" ", 10<<20)+empty, "") }), 1, "more than the 8388608"},
		{"a layer of nothing but a digest", one0(func(b *bench) string {
			return b.manifestOf(configOf(imagetest.Digest(nil)), describe(layerType, "x"))
		}), 1, "missing from the layout"},
		{"sizes that are negative", one0(func(b *bench) string {
			return b.manifestOf(configOf(imagetest.Digest(nil)), `{"mediaType":"`+layerType+`","digest":"`+imagetest.Digest(nil)+`","size":-1}`, "")
		}), 1, "size"},
		{"a history of layers that are not there", one0(func(b *bench) string {
			return b.manifestOf(strings.Replace(empty, `"rootfs"`, `"history":[{"created_by":"RUN x"}],"rootfs"`, 1), "")
		}), 1, "no layers, although its history made some"},
		{"a history that does not fit", one0(func(b *bench) string {
			return b.layout(imagetest.Image{Layers: sample(imagetest.Gzip).Layers, Config: image.Config{History: make([]image.History, 100)}})
		}), 0, ">minimist"},
		{"a configuration that steers a terminal", one0(func(b *bench) string {
			return b.layout(imagetest.Image{Layers: sample(imagetest.Gzip).Layers, Config: image.Config{User: hostile, Env: []string{hostile}, Entrypoint: []string{hostile}, Labels: map[string]string{hostile: hostile}}})
		}), 0, ">minimist"},
		{"a variable of a megabyte", one0(func(b *bench) string {
			return b.layout(imagetest.Image{Layers: sample(imagetest.Gzip).Layers, Config: image.Config{Env: []string{"A=" + strings.Repeat("a=", 1<<19)}}})
		}), 0, ">minimist"},
		{"ten thousand variables", one0(func(b *bench) string {
			var env []string
			for i := range 10_000 {
				env = append(env, fmt.Sprintf("PASSWORD_%d=hunter%d", i, i))
			}
			return b.layout(imagetest.Image{Layers: sample(imagetest.Gzip).Layers, Config: image.Config{Env: env}})
		}), 0, ">minimist"},
	}
}

// hostileArchives is what is compressed.
func hostileArchives() []attack {
	bombed := func(compression imagetest.Compression) func(b *bench) []string {
		return func(b *bench) []string {
			img := one(imagetest.File("zeros", zeros))
			img.Layers[0].Compression = compression
			return []string{"--max-layer-bytes", "1000000", b.layout(img)}
		}
	}
	jar := func(content string) func() []imagetest.Entry {
		return func() []imagetest.Entry { return []imagetest.Entry{imagetest.File("srv/a.jar", content)} }
	}
	return []attack{
		{"a gzip bomb", bombed(imagetest.Gzip), 1, "--max-layer-bytes"},
		{"a zstd bomb", bombed(imagetest.Zstd), 1, "--max-layer-bytes"},
		{"a plain layer that is too large", bombed(imagetest.None), 1, "--max-layer-bytes"},
		{"an archive that expands without end", func(b *bench) []string {
			return []string{"--max-archive-bytes", "1000000", b.write("x.tar.gz", gzipped(b.t, []byte(zeros)))}
		}, 1, "--max-archive-bytes"},
		{"gzip of gzip", one0(func(b *bench) string { return b.write("x.tar.gz", gzipped(b.t, gzipped(b.t, []byte("x")))) }), 1, "not a tar archive"},
		{"jars in jars without end", func(b *bench) []string {
			return []string{b.layout(one(imagetest.File("srv/a.jar", nestedJar(b.t, 20))))}
		}, 1, "--max-nesting"},
		{"jars in jars for a flag", func(b *bench) []string {
			return []string{"--max-nesting", "2", b.layout(one(imagetest.File("srv/a.jar", nestedJar(b.t, 4))))}
		}, 1, "--max-nesting"},
		holding("a jar cut short", 1, incompleteText, jar("PK\x03\x04garbage")),
		{"a jar whose entries share one member", func(b *bench) []string {
			return []string{"--allow-incomplete", b.layout(imagetest.Image{Layers: []imagetest.Layer{b.jarOf("x", int64(10*many()))}})}
		}, 0, ""},
	}
}

// hostileInputs is what people hand to Careen besides images, made by others.
func hostileInputs() []attack {
	type file struct{ name, text string }
	row := func(name string, code int, says string, files []file, args ...string) attack {
		return attack{name, func(b *bench) []string {
			for _, f := range files {
				b.write("in/"+f.name, []byte(f.text))
			}
			list := slices.Clone(args)
			for i := range list {
				list[i] = strings.ReplaceAll(list[i], "IN", filepath.Join(b.root, "in"))
			}
			return list
		}, code, says}
	}
	bom, _ := json.Marshal(map[string]any{"bomFormat": "CycloneDX", "components": []map[string]any{{"type": "library", "name": "minimist", "version": "0.0.8", "purl": minimistPURL,
		"evidence": map[string]any{"occurrences": slices.Repeat([]map[string]string{{"location": "a"}}, 900)}}}})
	dockerfile := file{"Dockerfile", "FROM a\n" + strings.Repeat("RUN apt-get install -y x\n", 3000)}
	return []attack{
		row("an SBOM that names one place over and over", 0, ">minimist", []file{{"a.cdx.json", string(bom)}}, "sbom:IN/a.cdx.json"),
		row("an SBOM of nothing but brackets", 1, "not an SBOM", []file{{"a.json", `{"bomFormat":"CycloneDX","components":` + strings.Repeat("[", 1<<20)}}, "sbom:IN/a.json"),
		row("a Dockerfile of three thousand lines", 0, ">CD002", []file{dockerfile}, "+lint", "--fail-on", "none", "IN/Dockerfile"),
		row("a compose file of aliases", 2, ">CS001", []file{{"compose.yaml", "a: &a [x,x,x,x,x,x,x,x,x]\n" + repeat(30, func(i int) string {
			return fmt.Sprintf("%c: &%c [%s]\n", 'b'+i%24, 'b'+i%24, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*%c,", 'a'+i%24), 9), ","))
		})}}, "+lint", "IN/compose.yaml"),
		row("a manifest that nests", 2, ">exceeded max depth", []file{{"pod.yaml", "kind: Pod\napiVersion: v1\nspec: " + strings.Repeat("[", 50_000)}}, "+lint", "IN/pod.yaml"),
		row("an ignore file without end", 1, "more than 100000 entries", []file{{"ignore", repeat(100_001, func(i int) string { return fmt.Sprintf("CVE-%d\n", i) })}}, "--ignorefile", "IN/ignore", "dir:IN"),
		row("a baseline that is none", 1, "baseline", []file{{"base.json", strings.Repeat("[", 1<<20)}}, "--baseline", "IN/base.json", "dir:IN"),
		row("rules for secrets that are none", 1, "", []file{{"rules.toml", strings.Repeat("[[", 1<<16)}}, "--secret-rules", "IN/rules.toml", "dir:IN"),
		row("a database that is none", 1, "database", []file{{"a.db", zeros[:1<<20]}}, "--db", "IN/a.db", "dir:IN"),
	}
}

// hostileVerbs gives each verb that goes on from a scan images that are dear to
// follow: what is quadratic or worse in them, not only in the pass.
func hostileVerbs() []attack {
	numbered := func(path, text string) func() []imagetest.Entry {
		return func() []imagetest.Entry {
			return entriesOf(many(), func(i int) imagetest.Entry {
				fill := func(s string) string {
					return strings.NewReplacer("@+", fmt.Sprint(i+1), "@/", fmt.Sprint(i/2), "@", fmt.Sprint(i)).Replace(s)
				}
				return imagetest.Exec(fill(path), fill(text))
			})
		}
	}
	apk := func(i int) string {
		return fmt.Sprintf("P:p%d\nV:1-r0\np:x so:%d\nD:x so:%d\nF:usr/lib\nR:l%d.so\n\n", i, i, i+1, i)
	}
	images := []struct {
		name    string
		entries func() []imagetest.Entry
		cmd     []string
	}{
		{"scripts that start two others", numbered("s@", "#!/bin/sh\n/s@+\n/s@/ $1 x\n"), []string{"/s0"}},
		{"packages whose libraries need one another", func() []imagetest.Entry {
			return append(entriesOf(many(), func(i int) imagetest.Entry {
				return imagetest.File(fmt.Sprintf("usr/lib/l%d.so", i), imagetest.ELF{Soname: fmt.Sprintf("l%d.so", i), Needed: []string{fmt.Sprintf("l%d.so", i+1), fmt.Sprintf("l%d.so", i/2)}}.Build())
			}), imagetest.File("lib/apk/db/installed", repeat(many(), apk)), imagetest.Exec("app", imagetest.ELF{Needed: []string{"l0.so"}}.Build()))
		}, []string{"/app"}},
		{"links to a folder of links", func() []imagetest.Entry {
			return append(entriesOf(many(), func(i int) imagetest.Entry { return imagetest.Symlink(fmt.Sprint("usr/l", i), "../usr") }),
				imagetest.Exec("app", "#!/bin/sh\nexec /usr/l0/l1/l2/l3/x \"$@\"\n"))
		}, []string{"/app"}},
		{"names that steer a terminal", func() []imagetest.Entry {
			return append(entriesOf(20, func(i int) imagetest.Entry { return imagetest.Exec(fmt.Sprint(hostile, i), "#!/bin/sh\n"+hostile+"\n") }),
				imagetest.Exec("app", "#!/bin/sh\n"+hostile+"\n"))
		}, []string{"/app", hostile}},
	}
	build := func(entries []imagetest.Entry, cmd []string) imagetest.Image {
		return imagetest.Image{Config: image.Config{Cmd: cmd}, Layers: []imagetest.Layer{
			{Entries: []imagetest.Entry{imagetest.File("etc/os-release", debianRelease), imagetest.Exec("bin/sh", imagetest.ELF{}.Build())}}, {Entries: entries}}}
	}
	var rows []attack
	for _, verb := range []struct {
		name string
		args func(target string) []string
		says string
	}{
		{"slim", func(target string) []string { return []string{"--dry-run", target} }, ">kept "},
		{"plan", func(target string) []string { return []string{target} }, ">as it is"},
		{"base", func(target string) []string { return []string{"--base-layers", "1", target} }, ">scratch"},
		{"diff", func(target string) []string { return []string{"--allow-incomplete", target, target} }, ""},
		{"check", func(target string) []string { return []string{target} }, ""},
		{"harden", func(target string) []string { return []string{target} }, ">--"},
		{"reach", func(target string) []string { return []string{target, "/bin/sh"} }, ">reached"},
	} {
		for _, img := range images {
			rows = append(rows, attack{verb.name + ": " + img.name, func(b *bench) []string {
				return append([]string{"+" + verb.name}, verb.args(b.layout(build(img.entries(), img.cmd)))...)
			}, 0, verb.says})
		}
	}
	for _, language := range []struct {
		program, path, text string
		first               string
	}{
		{"perl", "app/M@.pm", "package M@; use lib '/app'; use M@+; require M@/; 1;\n", "/app/M0.pm"},
		{"ruby", "app/m@.rb", "require_relative 'm@+'\nrequire_relative 'm@/'\n", "/app/m0.rb"},
		{"php", "app/m@.php", "<?php require 'm@+.php'; include __DIR__ . '/m@/.php';\n", "/app/m0.php"},
	} {
		rows = append(rows, attack{"reach: files of " + language.program + " that load one another", func(b *bench) []string {
			entries := append(numbered(language.path, language.text)(), imagetest.Exec("usr/bin/"+language.program, imagetest.ELF{}.Build()))
			return []string{"+reach", b.layout(build(entries, []string{"/usr/bin/" + language.program, language.first}))}
		}, 0, ">reached"})
	}
	jar := func(i int, b *bench) string {
		var data bytes.Buffer
		z := zip.NewWriter(&data)
		w, err := z.Create("META-INF/MANIFEST.MF")
		if err == nil {
			_, err = fmt.Fprintf(w, "Manifest-Version: 1.0\r\nMain-Class: A\r\nClass-Path: a%d.jar a%d.jar\r\n", i+1, i/2)
		}
		if err := errors.Join(err, z.Close()); err != nil {
			b.t.Fatal(err)
		}
		return data.String()
	}
	return append(rows, attack{"reach: jars whose class paths name one another", func(b *bench) []string {
		entries := append(entriesOf(many(), func(i int) imagetest.Entry { return imagetest.File(fmt.Sprintf("app/a%d.jar", i), jar(i, b)) }),
			imagetest.Exec("usr/bin/java", imagetest.ELF{}.Build()))
		return []string{"+reach", b.layout(build(entries, []string{"/usr/bin/java", "-jar", "/app/a0.jar"}))}
	}, 0, ">reached"})
}
