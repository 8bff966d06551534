package fix_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/dockerfile"
	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/fix"
	"github.com/careen/careen/internal/harden"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/project"
	"github.com/careen/careen/internal/scan"
)

const loader = "/lib64/ld-linux-x86-64.so.2"

// system is a base with the programs of the names.
func system(programs ...string) []imagetest.Entry {
	libc := imagetest.ELF{Soname: "libc.so.6"}.Build()
	list := []imagetest.Entry{imagetest.File("etc/os-release", "ID=debian\nVERSION_ID=12\n"), imagetest.Exec(loader[1:], libc), imagetest.File("lib/libc.so.6", libc)}
	for _, name := range programs {
		list = append(list, imagetest.Exec("bin/"+name, imagetest.ELF{Interpreter: loader, Needed: []string{"libc.so.6"}}.Build()))
	}
	return list
}

// app is an image whose own layer has a script that runs what it says.
func app(t *testing.T, cfg image.Config, base []imagetest.Entry, script string) fix.Input {
	t.Helper()
	if cfg.Entrypoint == nil {
		cfg.Entrypoint = []string{"/app/run.sh"}
	}
	layers := []imagetest.Layer{{Entries: base, Instruction: "ADD rootfs /"}, {Entries: []imagetest.Entry{imagetest.Exec("app/run.sh", "#!/bin/sh\n"+script)}, Instruction: "COPY app /app"}}
	in, err := scan.Open(context.Background(), imagetest.Memory(t, imagetest.Image{Config: cfg, Layers: layers}), scan.Options{Reach: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close() })
	reached, err := in.Reach(nil)
	if err != nil {
		t.Fatal(err)
	}
	return fix.Input{
		Ref: "shop:1", Config: in.Image.Config, Tree: in.Tree, Reach: reached,
		Profile: harden.Analyse(harden.Source{Image: in.Image, Tree: in.Tree, Packages: in.Catalog.Packages, Reach: reached}),
	}
}

// made returns the lines that came into a file, those that went, and the steps.
func made(t *testing.T, in fix.Input) (lines, steps []string) {
	t.Helper()
	result, err := fix.Make(in)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range result.Files {
		old, now := strings.Split(string(f.Data), "\n"), strings.Split(string(f.New), "\n")
		for _, line := range old {
			if !slices.Contains(now, line) {
				lines = append(lines, "-"+line)
			}
		}
		for _, line := range now {
			if !slices.Contains(old, line) {
				lines = append(lines, "+"+line)
			}
		}
	}
	for _, s := range result.Steps {
		steps = append(steps, fmt.Sprintf("%s %t %s: %s", s.Kind, s.Done, s.Do, s.Why))
	}
	return lines, steps
}

func read(t *testing.T, name, text string) *project.File {
	t.Helper()
	f, err := project.Read(name, []byte(text), true)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func upgrade(kind, name, version, to string, own bool) fix.Upgrade {
	return fix.Upgrade{Type: kind, Name: name, Version: version, Fix: to, Own: own, Fixed: []*finding.Vulnerability{{ID: "CVE-" + name}}}
}

const plain = "FROM debian:12\nCOPY app /app\nENTRYPOINT [\"/app/run.sh\"]\n"

func TestUser(t *testing.T) {
	tools := append(system("sh", "mkdir", "chown", "sleep"), imagetest.Dir("var/lib/shop"))
	for _, c := range []struct {
		name, file, script string
		cfg                image.Config
		base               []imagetest.Entry
		lines              []string
		step               string // of the steps, in one
	}{
		{"nothing needs root", plain, "exec sleep 9\n", image.Config{}, tools, []string{"+USER 65532:65532"}, "user true USER 65532:65532: nothing that is started needs root"},
		{"behind the last COPY, before CMD", "FROM debian:12\nUSER root\nENTRYPOINT [\"/app/run.sh\"]\nCOPY app /app\nCMD [\"x\"]\n", "exec sleep 9\n", image.Config{}, tools, []string{"+USER 65532:65532"}, "user true"},
		{"a place to write", plain, "echo x > /var/lib/shop/state\nexec sleep 9\n", image.Config{}, tools,
			[]string{"+RUN mkdir -p /var/lib/shop && chown -R 65532:65532 /var/lib/shop", "+USER 65532:65532"}, "user true /var/lib/shop belongs to 65532:65532"},
		{"a place, and no shell's tools", plain, "echo x > /var/lib/shop/state\nexec sleep 9\n", image.Config{}, append(system("sh", "sleep"), imagetest.Dir("var/lib/shop")), nil, "user false USER 65532:65532: nothing that is started needs root; but /var/lib/shop has to belong to it; but the last stage has no mkdir to give it /var/lib/shop"},
		{"a place below a volume", plain, "echo x > /data/state\nexec sleep 9\n", image.Config{Volumes: []string{"/data"}}, tools, nil, "user false"},
		{"a low port", plain, "exec sleep 9\n", image.Config{ExposedPorts: []string{"80/tcp"}}, tools, nil, "port 80 is left to root outside of Docker"},
		{"root is needed", plain, "chown 7 /srv\nexec sleep 9\n", image.Config{}, tools, nil, "user false root stays: "},
		{"there is a user", plain, "exec sleep 9\n", image.Config{User: "7"}, tools, nil, ""},
		{"Windows line ends", strings.ReplaceAll(plain, "\n", "\r\n"), "exec sleep 9\n", image.Config{}, tools, []string{"+USER 65532:65532\r"}, "user true"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := app(t, c.cfg, c.base, c.script)
			in.Config.History = nil
			in.Dockerfile = read(t, "Dockerfile", c.file)
			lines, steps := made(t, in)
			lines = slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, "+HEALTHCHECK") })
			if d := cmp.Diff(c.lines, lines); d != "" {
				t.Errorf("%s\n%q", d, steps)
			}
			if !slices.ContainsFunc(steps, func(s string) bool { return strings.Contains(s, c.step) }) && c.step != "" {
				t.Errorf("%q is not among %q", c.step, steps)
			}
		})
	}
}

func TestUserStandsWhereNothingIsWrittenBehindIt(t *testing.T) {
	in := app(t, image.Config{}, system("sh", "sleep"), "exec sleep 9\n")
	in.Config.History = nil
	in.Dockerfile = read(t, "Dockerfile", "# syntax=docker/dockerfile:1\nFROM debian:12\nENTRYPOINT [\"/app/run.sh\"]\nCOPY <<EOT /app/x\nUSER root\nEOT\nCMD [\"x\"]\n")
	result, err := fix.Make(in)
	if err != nil {
		t.Fatal(err)
	}
	if want := "EOT\nUSER 65532:65532\nCMD"; !strings.Contains(string(result.Files[0].New), want) {
		t.Errorf("%s", result.Files[0].New)
	}
}

func TestUpgrade(t *testing.T) {
	tools := system("sh", "apt-get", "sleep")
	for _, c := range []struct {
		name, file string
		base       []imagetest.Entry
		cfg        image.Config
		list       []fix.Upgrade
		lines      []string
		step       string
	}{
		{"of the base", plain, tools, image.Config{User: "0"}, []fix.Upgrade{upgrade("deb", "libssl3", "1", "3.0.2", false), upgrade("deb", "curl", "1", "7.9", false)},
			[]string{"+RUN apt-get update && apt-get install -y --no-install-recommends --only-upgrade curl libssl3 && rm -rf /var/lib/apt/lists/*"}, "upgrade true"},
		{"of the base, which has no apt", plain, system("sh", "sleep"), image.Config{}, []fix.Upgrade{upgrade("deb", "libssl3", "1", "3.0.2", false)}, nil, "has no apt-get to do it with"},
		{"of a base with another user", plain, tools, image.Config{User: "7"}, []fix.Upgrade{upgrade("deb", "libssl3", "1", "3.0.2", false)}, nil, "the base runs as another user"},
		{"of a base whose user is left", "FROM debian:12\nUSER root\nCOPY app /app\nUSER 7\n", tools, image.Config{User: "7"}, []fix.Upgrade{upgrade("deb", "libssl3", "1", "3.0.2", false)},
			[]string{"+RUN apt-get update && apt-get install -y --no-install-recommends --only-upgrade libssl3 && rm -rf /var/lib/apt/lists/*"}, "upgrade true"},
		{"Alpine's", plain, append(system("sh", "sleep"), imagetest.Exec("sbin/apk", "")), image.Config{}, []fix.Upgrade{upgrade("apk", "busybox", "1", "1.36.1-r30", false)},
			[]string{"+RUN apk upgrade --no-cache busybox"}, "upgrade true"},
		{"a version in RUN", "FROM debian:12\nRUN pip install --no-cache-dir \\\n    flask==2.2.1 jinja2==3.1.0\nCOPY app /app\n", tools, image.Config{}, []fix.Upgrade{upgrade("pypi", "flask", "2.2.1", "2.2.5", true)},
			[]string{"-    flask==2.2.1 jinja2==3.1.0", "+    flask==2.2.5 jinja2==3.1.0"}, "upgrade true flask==2.2.1 → 2.2.5: fixes 1 vulnerability"},
		{"one that breaks", "FROM debian:12\nRUN npm install -g left-pad@1.2.3\nCOPY app /app\n", tools, image.Config{}, []fix.Upgrade{upgrade("npm", "left-pad", "1.2.3", "2.0.0", true)}, nil, "the program may not be made for left-pad 2"},
		{"one below 1 that breaks", "FROM debian:12\nRUN npm install -g left-pad@0.2.3\nCOPY app /app\n", tools, image.Config{}, []fix.Upgrade{upgrade("npm", "left-pad", "0.2.3", "0.3.0", true)}, nil, "the program may not be made for left-pad 0.3"},
		{"another package of that name", "FROM debian:12\nRUN npm install -g my-left-pad@1.2.3\nCOPY app /app\n", tools, image.Config{}, []fix.Upgrade{upgrade("npm", "left-pad", "1.2.3", "1.2.4", true)}, nil, "left-pad 1.2.3 → 1.2.4: fixes 1 vulnerability; the files of the application"},
		{"named twice", "FROM debian:12\nRUN npm install -g a@1.2.3 && npm install -g a@1.2.3\nCOPY app /app\n", tools, image.Config{}, []fix.Upgrade{upgrade("npm", "a", "1.2.3", "1.2.4", true)}, nil, "upgrade false"},
		{"a version of apt's", "FROM debian:12\nRUN apt-get install -y --no-install-recommends curl=7.88.1-10 && rm -rf /var/lib/apt/lists/*\nCOPY app /app\n", tools, image.Config{}, []fix.Upgrade{upgrade("deb", "curl", "7.88.1-10", "7.88.1-11", true)}, nil, "only its newest version"},
		{"what the file installs", plain, tools, image.Config{}, []fix.Upgrade{upgrade("deb", "curl", "7.88.1-10", "7.88.1-11", true)}, nil, "build again without the cache"},
		{"a fix that is no version", plain, tools, image.Config{}, []fix.Upgrade{upgrade("deb", "curl", "7", "$(reboot)", false)}, nil, ""},
		{"a name that is none", plain, tools, image.Config{}, []fix.Upgrade{upgrade("deb", "cu;rl", "7", "8", false)}, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := app(t, c.cfg, c.base, "exec sleep 9\n")
			in.Config.History, in.Profile, in.Upgrades = nil, nil, c.list
			in.Dockerfile = read(t, "Dockerfile", c.file)
			lines, steps := made(t, in)
			if d := cmp.Diff(c.lines, lines); d != "" {
				t.Errorf("%s\n%q", d, steps)
			}
			if !slices.ContainsFunc(steps, func(s string) bool { return strings.Contains(s, c.step) }) && c.step != "" {
				t.Errorf("%q is not among %q", c.step, steps)
			}
		})
	}
}

func TestHealth(t *testing.T) {
	for _, c := range []struct {
		name, script string
		cfg          image.Config
		programs     []string
		line, step   string
	}{
		{"a port that the command line names", "exec sleep 9\n", image.Config{ExposedPorts: []string{"8080/tcp"}, Cmd: []string{"--port=8080"}}, []string{"python3"},
			`HEALTHCHECK CMD ["python3","-c","import socket; socket.create_connection(('127.0.0.1', 8080), 3).close()"]`, "health true"},
		{"one that a variable names", "exec sleep 9\n", image.Config{ExposedPorts: []string{"8080/tcp"}, Env: []string{"PORT=8080"}}, []string{"bash"},
			`HEALTHCHECK CMD ["bash","-c","exec 3<>/dev/tcp/127.0.0.1/8080"]`, "health true"},
		{"one that the script names", "export LISTEN=:8080\nexec sleep 9\n", image.Config{ExposedPorts: []string{"8080/tcp"}}, []string{"nc"},
			`HEALTHCHECK CMD ["nc","-z","127.0.0.1","8080"]`, "health true"},
		{"part of another number", "export LISTEN=:18080\nexec sleep 9\n", image.Config{ExposedPorts: []string{"8080/tcp"}}, []string{"nc"}, "", "EXPOSE 8080 is all that says"},
		{"only EXPOSE", "exec sleep 9\n", image.Config{ExposedPorts: []string{"8080/tcp"}}, []string{"nc"}, "", "EXPOSE 8080 is all that says"},
		{"a server's own", "exec sleep 9\n", image.Config{ExposedPorts: []string{"6379/tcp"}, Cmd: []string{"redis-server"}}, []string{"redis-cli", "nc"}, `HEALTHCHECK CMD ["redis-cli","-p","6379","ping"]`, "health true"},
		{"nothing to ask with", "exec sleep 9\n", image.Config{ExposedPorts: []string{"8080/tcp"}, Env: []string{"PORT=8080"}}, nil, "", "no program that could ask"},
		{"two ports", "exec sleep 9\n", image.Config{ExposedPorts: []string{"80/tcp", "443/tcp"}}, []string{"nc"}, "", "several ports"},
		{"UDP", "exec sleep 9\n", image.Config{ExposedPorts: []string{"53/udp"}}, []string{"nc"}, "", ""},
		{"there is one", "exec sleep 9\n", image.Config{ExposedPorts: []string{"8080/tcp"}, Env: []string{"PORT=8080"}, Healthcheck: []string{"NONE"}}, []string{"nc"}, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := app(t, c.cfg, system(append(c.programs, "sh", "sleep")...), c.script)
			in.Config.History, in.Profile = nil, nil
			in.Dockerfile = read(t, "Dockerfile", plain)
			lines, steps := made(t, in)
			var want []string
			if c.line != "" {
				want = []string{"+" + c.line}
			}
			if d := cmp.Diff(want, lines); d != "" {
				t.Errorf("%s\n%q", d, steps)
			}
			if !slices.ContainsFunc(steps, func(s string) bool { return strings.Contains(s, c.step) }) && c.step != "" {
				t.Errorf("%q is not among %q", c.step, steps)
			}
		})
	}
}

func TestCaches(t *testing.T) {
	in := app(t, image.Config{User: "7"}, system("sh", "sleep"), "exec sleep 9\n")
	in.Config.History = nil
	in.Dockerfile = read(t, "Dockerfile", "FROM debian:12\nRUN apt-get update && apt-get install -y --no-install-recommends curl\nRUN pip install flask==1\nCOPY app /app\n")
	lines, steps := made(t, in)
	want := []string{
		"-RUN apt-get update && apt-get install -y --no-install-recommends curl", "-RUN pip install flask==1",
		"+RUN apt-get update && apt-get install -y --no-install-recommends curl && rm -rf /var/lib/apt/lists/*", "+RUN pip install --no-cache-dir flask==1",
	}
	if d := cmp.Diff(want, lines); d != "" {
		t.Error(d)
	}
	if len(steps) != 2 || !strings.HasPrefix(steps[0], "cache true ") || !strings.HasPrefix(steps[1], "cache true ") {
		t.Errorf("%q", steps)
	}
}

const composeText = "services:\n  web:\n    image: shop:1\n    ports: [\"8080\"]\n  db:\n    image: postgres:16\n"

func TestServices(t *testing.T) {
	for _, c := range []struct {
		name, text, service string
		cmd                 []string
		lines               []string // the first of them
		step                string
	}{
		{"the one with its image", composeText, "", nil, []string{`+    user: "65532:65532"`, "+    cap_drop:", "+      - ALL", "+    security_opt:", "+      - no-new-privileges:true", "+    read_only: true"}, "runtime true cap_drop: ALL"},
		{"of which none has", "services:\n  a:\n    image: x:1\n  b:\n    image: y:1\n", "", nil, nil, "say --service, one of a, b"},
		{"the only one has another", "services:\n  a:\n    image: x:1\n", "", nil, nil, "its only service a runs another image than shop:1"},
		{"named", "services:\n  a:\n    image: x:1\n", "a", nil, []string{`+    user: "65532:65532"`}, "runtime true"},
		{"next to the program", composeText, "", []string{"s6-svscan", "/app"}, nil, "runtime false"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := app(t, image.Config{Cmd: c.cmd}, system("sh", "sleep"), "exec sleep 9\n")
			in.Service = c.service
			in.Deployed = []*project.File{read(t, "compose.yaml", c.text)}
			lines, steps := made(t, in)
			if len(lines) < len(c.lines) || c.lines == nil && lines != nil || !slices.Equal(lines[:len(c.lines)], c.lines) {
				t.Errorf("%q, want %q first\n%q", lines, c.lines, steps)
			}
			if !slices.ContainsFunc(steps, func(s string) bool { return strings.Contains(s, c.step) }) {
				t.Errorf("%q is not among %q", c.step, steps)
			}
		})
	}
}

func TestFilesThatAreNotTheImages(t *testing.T) {
	history := []image.History{{CreatedBy: "ADD rootfs /"}, {CreatedBy: "COPY app /app"}, {CreatedBy: `ENTRYPOINT ["/app/run.sh"]`}}
	for _, c := range []struct{ name, file, err string }{
		{"its own", plain, ""},
		{"another's", "FROM golang:1\nWORKDIR /src\nRUN go build .\nUSER 9\nEXPOSE 9\nCMD [\"x\"]\n", "does not fit it"},
		{"an earlier stage's", "FROM debian:12 AS a\nCOPY app /app\nENTRYPOINT [\"/app/run.sh\"]\nFROM alpine:3\nRUN apk add x\nWORKDIR /y\nCMD [\"z\"]\n", "was built from the stage of line 1"},
		{"one that no builder takes", "FROM debian:12\nFOO x\n", "unknown instruction"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := app(t, image.Config{}, system("sh", "sleep"), "exec sleep 9\n")
			in.Config.History = history
			in.Dockerfile = &project.File{Path: "Dockerfile", Data: []byte(c.file)}
			_, err := fix.Make(in)
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("error %v, want %q", err, c.err)
			}
		})
	}
}

func TestCompiles(t *testing.T) {
	for file, want := range map[string]int{
		"FROM golang:1\nCOPY . .\nRUN cd x && CGO_ENABLED=0 go build -o /a .\n":  3,
		"FROM node:20\nRUN npm ci\nRUN npm run build\n":                          3,
		"FROM debian:12\nRUN [\"make\", \"install\"]\n":                          2,
		"FROM debian:12\nRUN apt-get install -y cmake-data\n":                    0,
		"FROM golang:1 AS b\nRUN go build .\nFROM scratch\nCOPY --from=b /a /\n": 0,
		"FROM debian:12\nCOPY app /app\n":                                        0,
	} {
		if line, ok := fix.Compiles(dockerfile.Parse("Dockerfile", []byte(file))); line != want || ok != (want > 0) {
			t.Errorf("%q: line %d, want %d", file, line, want)
		}
	}
}
