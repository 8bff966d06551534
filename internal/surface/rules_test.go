package surface

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/sbom"
)

// faults are the messages of one rule's findings, with the severity in front.
func faults(in *Inspection, rule string) []string {
	var list []string
	for _, m := range in.Misconfigurations() {
		if m.Rule == rule {
			list = append(list, m.Severity.String()+" "+m.Message)
		}
	}
	return list
}

func owned(e imagetest.Entry, uid int) imagetest.Entry {
	e.UID = uid
	return e
}

func capable(name string, permitted uint32) imagetest.Entry {
	e := imagetest.Exec(name, elf)
	e.Xattrs = map[string]string{"security.capability": string(attribute(0x02000000, permitted))}
	return e
}

// ruleCase is an image and what one rule says of it; nothing for a good one.
// What stands in base came with the base image.
type ruleCase struct {
	rule   string
	config image.Config
	base   []imagetest.Entry
	own    []imagetest.Entry
	run    string // the instruction of the own layer
	want   []string
}

func ruleCases() []ruleCase {
	program := imagetest.Exec("app", elf)
	aptFile := imagetest.File("var/lib/apt/lists/deb.debian.org_Packages", strings.Repeat("x", 200_000))
	sudo := mode(imagetest.Exec("usr/bin/sudo", elf), 0o755|fs.ModeSetuid)
	return []ruleCase{
		{rule: "CI001", own: []imagetest.Entry{program}, want: []string{"HIGH no USER: the program runs as root"}},
		{rule: "CI001", own: []imagetest.Entry{program}, config: image.Config{User: "65532"}},
		{rule: "CI001", own: []imagetest.Entry{imagetest.File("data", "x")}}, // nothing to run
		{rule: "CI002", config: image.Config{User: "root:root"}, want: []string{`HIGH USER is "root": the program runs as root`}},
		{rule: "CI002", config: image.Config{User: "0"}, want: []string{`HIGH USER is "0": the program runs as root`}},
		{rule: "CI002", config: image.Config{User: "admin"}, own: []imagetest.Entry{imagetest.File("etc/passwd", "admin:x:0:0::/:/bin/sh\n")},
			want: []string{`HIGH USER is "admin", whom /etc/passwd gives the number 0: the program runs as root`}},
		{rule: "CI002", config: image.Config{User: "app"}, own: []imagetest.Entry{imagetest.File("etc/passwd", "app:x:10:0::/:/bin/sh\n")}},
		{rule: "CI028", config: image.Config{User: "app"}, want: []string{`MEDIUM USER is "app", which the image does not know: the container does not start`}},
		{rule: "CI028", config: image.Config{User: "1000:staff"}, want: []string{`MEDIUM USER is "1000:staff", which the image does not know: the container does not start`}},
		{rule: "CI028", config: image.Config{User: "app"}, own: []imagetest.Entry{imagetest.File("etc/passwd", "app:x:10:0::/:/bin/sh\n")}},
		{rule: "CI028", config: image.Config{User: "65532:65532"}},
		{rule: "CI028", config: image.Config{User: "root"}},
		{rule: "CI028"},
		{rule: "CI002"}, // no USER is another rule's
		{rule: "CI003", config: labels("docker.io/library/node:latest"), want: []string{`MEDIUM the base is "docker.io/library/node:latest"`}},
		{rule: "CI003", config: labels("registry.example.com:5000/node"), want: []string{`MEDIUM the base is "registry.example.com:5000/node", which has no tag`}},
		{rule: "CI003", config: labels("node:20.1")},
		{rule: "CI003", config: labels("node@sha256:00")},
		{rule: "CI003", config: labels("scratch")},
		{rule: "CI004", own: []imagetest.Entry{sudo}, want: []string{"MEDIUM sudo is installed"}},
		{rule: "CI004", base: []imagetest.Entry{sudo}, want: []string{"LOW sudo is installed, from the base image"}},
		{rule: "CI004", own: []imagetest.Entry{imagetest.File("usr/share/doc/sudo/README", "x")}},
		{rule: "CI005", base: []imagetest.Entry{mode(imagetest.Exec("usr/bin/passwd", elf), 0o755|fs.ModeSetuid)}, own: []imagetest.Entry{mode(imagetest.Exec("opt/helper", elf), 0o755|fs.ModeSetuid)},
			want: []string{"MEDIUM 1 setuid or setgid file of no package", "NEGLIGIBLE 1 setuid or setgid file of packages, from the base image"}},
		{rule: "CI005", own: []imagetest.Entry{program}},
		{rule: "CI006", own: []imagetest.Entry{capable("app", 1<<21|1<<10)}, want: []string{"MEDIUM 1 file with cap_net_bind_service, cap_sys_admin"}},
		{rule: "CI006", own: []imagetest.Entry{capable("app", 1<<10)}},
		{rule: "CI007", own: []imagetest.Entry{imagetest.File("etc/passwd", "a:x:1:1::/:/bin/sh\nb:x:2:2::/:/usr/sbin/nologin\n"), imagetest.File("etc/shadow", "a::1::::::\nb::1::::::\n"), imagetest.Exec("bin/sh", elf)},
			want: []string{`CRITICAL the user "a" has an empty password`, `HIGH the user "b" has an empty password`}},
		{rule: "CI007", own: []imagetest.Entry{imagetest.File("etc/passwd", "a:x:1:1::/:/bin/sh\n"), imagetest.File("etc/shadow", "a:!:1::::::\n"), imagetest.Exec("bin/sh", elf)}},
		{rule: "CI008", own: []imagetest.Entry{imagetest.File("etc/passwd", "a:x:1:1::/:\nb:x:1:1::/:\na:x:2:2::/:\n"), imagetest.File("etc/group", "g:x:5:\nh:x:5:\n")},
			want: []string{`MEDIUM the groups ["g" "h"] have the number 5 in common`, `MEDIUM the users ["a" "b"] have the number 1 in common`, `MEDIUM the user "a" stands 2 times in /etc/passwd`}},
		{rule: "CI008", own: []imagetest.Entry{imagetest.File("etc/passwd", "a:x:1:1::/:\nb:x:2:1::/:\n"), imagetest.File("etc/group", "g:x:5:\n")}},
		{rule: "CI009", own: []imagetest.Entry{imagetest.File("etc/passwd", "root:x:0:0::/:\ntoor:x:0:0::/:\n")}, want: []string{`HIGH the user "toor" has the number 0, as root`}},
		{rule: "CI009", own: []imagetest.Entry{imagetest.File("etc/passwd", "root:x:0:0::/:\n")}},
		{rule: "CI010", own: []imagetest.Entry{sudo, imagetest.File("etc/sudoers.d/app", "# comment\napp ALL=(ALL) NOPASSWD:ALL\n")},
			want: []string{`MEDIUM "app ALL=(ALL) NOPASSWD:ALL" in /etc/sudoers.d/app`}},
		{rule: "CI010", own: []imagetest.Entry{sudo, imagetest.File("etc/sudoers", "root ALL=(ALL:ALL) ALL\n")}},
		{rule: "CI010", own: []imagetest.Entry{imagetest.File("etc/sudoers", "app ALL=(ALL) NOPASSWD:ALL\n")}}, // no sudo
		{rule: "CI011", run: "ADD src /app", want: []string{"LOW ADD where COPY would do"}},
		{rule: "CI011", run: "ADD https://example.com/tool /usr/bin/tool", want: []string{"MEDIUM ADD of https://example.com/tool: nothing says that it is what it was"}},
		{rule: "CI011", run: "ADD file:0123abc in /app", want: []string{"NEGLIGIBLE ADD of a file that the history does not name: right for an archive only"}},
		{rule: "CI011", run: "ADD app.tar.gz /app"},
		{rule: "CI011", run: "ADD --checksum=sha256:00 https://example.com/tool /usr/bin/tool"},
		{rule: "CI011", run: "COPY src /app"},
		{rule: "CI012", config: image.Config{ExposedPorts: []string{"22/tcp", "3389/tcp", "8080/tcp"}}, want: []string{"MEDIUM EXPOSE 22/tcp: SSH", "MEDIUM EXPOSE 3389/tcp: RDP"}},
		{rule: "CI012", config: image.Config{ExposedPorts: []string{"514/udp", "2222/tcp"}}},
		{rule: "CI013", config: image.Config{Cmd: []string{"/app"}}, want: []string{"LOW no HEALTHCHECK"}},
		{rule: "CI013", config: image.Config{Cmd: []string{"/app"}, Healthcheck: []string{"NONE"}}, want: []string{"LOW HEALTHCHECK NONE"}},
		{rule: "CI013", config: image.Config{Cmd: []string{"/app"}, Healthcheck: []string{"CMD", "/app", "ping"}}},
		{rule: "CI013"},
		{rule: "CI014", run: "RUN apt-get update", want: []string{"LOW apt-get update in a RUN of its own"}},
		{rule: "CI014", run: "RUN set -e; apk update", want: []string{"LOW apk update in a RUN of its own"}},
		{rule: "CI014", run: "RUN apt-get update && apt-get install -y curl"},
		{rule: "CI014", run: "RUN apt-get -qq update && ./install.sh && apt-get purge x"},
		{rule: "CI014", run: "RUN echo apt-get update"},
		{rule: "CI015", run: "RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get -y dist-upgrade", want: []string{"LOW apt-get dist-upgrade of every package"}},
		{rule: "CI015", run: "RUN apk upgrade --no-cache", want: []string{"LOW apk upgrade of every package"}},
		{rule: "CI015", run: "RUN apk upgrade busybox"},
		{rule: "CI015", run: "RUN yum update -y", want: []string{"LOW yum update of every package"}},
		{rule: "CI015", run: "RUN pip install --upgrade pip"},
		{rule: "CI016", own: []imagetest.Entry{aptFile}, want: []string{"LOW apt left 0.2 MB in /var/lib/apt/lists"}},
		{rule: "CI016", base: []imagetest.Entry{aptFile}, want: []string{"NEGLIGIBLE apt left 0.2 MB in /var/lib/apt/lists, from the base image"}},
		{rule: "CI016", own: []imagetest.Entry{imagetest.File("root/.cache/pip/http/x", strings.Repeat("x", 150_000)), imagetest.File("root/.npm/_cacache/x", strings.Repeat("x", 150_000))},
			want: []string{"LOW pip left 0.1 MB in /root/.cache/pip", "LOW npm left 0.1 MB in /root/.npm/_cacache"}},
		{rule: "CI016", own: []imagetest.Entry{imagetest.Dir("var/cache/apk"), imagetest.File("var/lib/apt/lists/lock", ""), imagetest.File("app/cache/pip", strings.Repeat("x", 200_000))}},
		{rule: "CI017", own: []imagetest.Entry{mode(imagetest.File("app/config", "x"), 0o666)}, want: []string{"MEDIUM 1 file that every user may change"}},
		{rule: "CI017", own: []imagetest.Entry{imagetest.File("app/config", "x"), mode(imagetest.File("tmp/x", "x"), 0o666), imagetest.Symlink("app/link", "config")}},
		{rule: "CI018", own: []imagetest.Entry{mode(imagetest.Dir("data"), 0o777)}, want: []string{"MEDIUM 1 directory that every user may change"}},
		{rule: "CI018", own: []imagetest.Entry{mode(imagetest.Dir("tmp"), 0o777|fs.ModeSticky), mode(imagetest.Dir("data"), 0o777|fs.ModeSticky)}},
		{rule: "CI019", own: []imagetest.Entry{mode(imagetest.Dir("usr/bin"), 0o777), owned(imagetest.Dir("etc"), 1000)},
			want: []string{"HIGH /usr/bin may be changed by every user", "MEDIUM /etc belongs to the user 1000"}},
		{rule: "CI019", own: []imagetest.Entry{imagetest.Dir("usr/bin"), owned(imagetest.Dir("app"), 1000), mode(imagetest.Dir("usr/local/bin"), 0o775)}},
		{rule: "CI020", own: []imagetest.Entry{imagetest.File("app/.git/HEAD", "ref: refs/heads/main\n")}, want: []string{"MEDIUM /app/.git holds the history of the sources"}},
		{rule: "CI020", own: []imagetest.Entry{imagetest.File("app/.git", "gitdir: ../x\n"), imagetest.Dir("x/.git"), imagetest.File("app/.gitignore", "x")}},
		{rule: "CI021", own: []imagetest.Entry{imagetest.File("app/main.py~", "x"), imagetest.File("app/.main.py.swp", "x"), imagetest.File("app/config.bak", "x"), imagetest.File("app/.idea/workspace.xml", "x")},
			want: []string{"LOW 4 editor or backup files"}},
		{rule: "CI021", own: []imagetest.Entry{imagetest.File("etc/passwd-", "x"), imagetest.File("usr/share/x.bak", "x"), imagetest.File("var/lib/dpkg/status-old", "x"), imagetest.File("app/k", "x"), imagetest.File("app/node_modules/a/b.orig", "x")}},
		{rule: "CI022", own: []imagetest.Entry{imagetest.File("etc/ssh/ssh_host_rsa_key", "x"), imagetest.File("etc/ssh/ssh_host_rsa_key.pub", "x")}, want: []string{"HIGH 1 SSH host key: every container proves itself with the same"}},
		{rule: "CI022", own: []imagetest.Entry{imagetest.File("etc/ssh/ssh_host_rsa_key.pub", "x"), imagetest.File("etc/ssh/sshd_config", "x")}},
		{rule: "CI023", own: []imagetest.Entry{imagetest.File("root/.ssh/authorized_keys", "ssh-rsa x")}, want: []string{"HIGH /root/.ssh/authorized_keys lets its owner into every container"}},
		{rule: "CI023", own: []imagetest.Entry{imagetest.File("root/.ssh/authorized_keys", ""), imagetest.File("usr/share/doc/authorized_keys", "x")}},
		{rule: "CI024", own: []imagetest.Entry{imagetest.Exec("usr/sbin/sshd", elf)}, want: []string{"LOW sshd is installed"}},
		{rule: "CI024", own: []imagetest.Entry{imagetest.Exec("usr/bin/ssh", elf)}},
		{rule: "CI025", config: image.Config{Env: []string{"NODE_TLS_REJECT_UNAUTHORIZED=0"}}, want: []string{"MEDIUM ENV NODE_TLS_REJECT_UNAUTHORIZED=0: certificates are not checked"}},
		{rule: "CI025", config: image.Config{Env: []string{"NODE_TLS_REJECT_UNAUTHORIZED=1", "GIT_SSL_NO_VERIFY=false"}}},
		{rule: "CI026", config: image.Config{Env: []string{"PATH=/usr/bin:bin:/data:"}}, own: []imagetest.Entry{mode(imagetest.Dir("data"), 0o777), imagetest.Dir("usr/bin")},
			want: []string{`HIGH PATH has "/data", which every user may change`, `MEDIUM PATH has the relative "bin"`, "MEDIUM PATH has an empty element, which represents the current directory"}},
		{rule: "CI026", config: image.Config{Env: []string{"PATH=/usr/local/sbin:/usr/bin:/gone", "LD_PRELOAD=libjemalloc.so.2"}}, own: []imagetest.Entry{imagetest.Dir("usr/bin")}},
		{rule: "CI027", config: image.Config{Cmd: []string{"/bin/sh", "-c", "node server.js"}}, want: []string{"LOW CMD node server.js runs through /bin/sh: the image needs a shell, and signals end there"}},
		{rule: "CI027", config: image.Config{Entrypoint: []string{"/app"}, Cmd: []string{"/bin/sh", "-c", "x"}}},
		{rule: "CI027", config: image.Config{Cmd: []string{"bash"}}},
	}
}

func labels(base string) image.Config {
	return image.Config{Labels: map[string]string{baseNameLabel: base}}
}

func TestRules(t *testing.T) {
	packages := []sbom.Package{{PURL: "pkg:deb/debian/passwd@1", Type: "deb", Files: []string{"usr/bin/passwd"}}}
	outcomes := map[string][2]bool{}
	for i, c := range ruleCases() {
		run := c.run
		if run == "" {
			run = "COPY app /app"
		}
		in := inspect(t, c.config, 1, packages, layer("ADD rootfs.tar /", c.base...), layer(run, c.own...))
		got := faults(in, c.rule)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("case %d, %s: (-want +got)\n%s", i, c.rule, diff)
		}
		o := outcomes[c.rule]
		o[min(len(c.want), 1)] = true
		outcomes[c.rule] = o
	}
	for _, rule := range Rules() {
		if outcomes[rule.ID] != [2]bool{true, true} {
			t.Errorf("%s: both outcomes need a test", rule.ID)
		}
	}
}

// TestBaseImageIsQuiet holds the rules to a plain base image as distributions
// make it: what they cannot help being says so mildly.
func TestBaseImageIsQuiet(t *testing.T) {
	in := inspect(t, image.Config{Cmd: []string{"bash"}, Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}}, 0,
		[]sbom.Package{{PURL: "pkg:deb/debian/passwd@1", Type: "deb", Files: []string{"usr/bin/passwd"}}},
		layer("ADD file:0123 in /",
			imagetest.Exec("usr/bin/bash", elf), mode(imagetest.Exec("usr/bin/passwd", elf), 0o755|fs.ModeSetuid), mode(imagetest.Dir("tmp"), 0o777|fs.ModeSticky),
			mode(imagetest.Dir("var/tmp"), 0o777|fs.ModeSticky), mode(imagetest.Dir("run/lock"), 0o777|fs.ModeSticky), mode(imagetest.Dir("usr/local/bin"), 0o775),
			imagetest.File("etc/passwd", "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534::/nonexistent:/usr/sbin/nologin\n"), imagetest.File("etc/shadow", "root:*:1::::::\nnobody:*:1::::::\n"),
			imagetest.File("etc/passwd-", "x"), imagetest.File("var/lib/dpkg/status-old", "x"), imagetest.Dir("var/lib/apt/lists/partial"), imagetest.File("var/lib/apt/extended_states", "x")))
	var got []string
	for _, m := range in.Misconfigurations() {
		got = append(got, m.Rule)
	}
	if want := []string{"CI001", "CI005", "CI013"}; !slices.Equal(got, want) {
		t.Errorf("rules %v, want %v", got, want)
	}
}

func TestFaultsAreBoundedAndNameTheirLayer(t *testing.T) {
	var entries []imagetest.Entry
	for i := range 25 {
		entries = append(entries, mode(imagetest.File(fmt.Sprintf("app/%02d", i), "x"), 0o666))
	}
	in := inspect(t, image.Config{}, 1, nil, layer("ADD rootfs /"), layer("COPY app /app", entries...))
	i := slices.IndexFunc(in.Misconfigurations(), func(m finding.Misconfiguration) bool { return m.Rule == "CI017" })
	m := in.Misconfigurations()[i]
	if len(m.Locations) != maxLocations || m.Count != 25 || m.Instruction != "COPY app /app" || m.Locations[0] != (finding.Location{Path: "app/00", Layer: 1}) {
		t.Errorf("%d locations of %d, %q, %+v", len(m.Locations), m.Count, m.Instruction, m.Locations[0])
	}
}

func TestFingerprintsTellFaultsApartAndLast(t *testing.T) {
	prints := func(layers ...imagetest.Layer) map[string]string {
		in := inspect(t, image.Config{ExposedPorts: []string{"22/tcp", "23/tcp"}}, 1, nil, layers...)
		list := map[string]string{}
		for _, m := range in.Misconfigurations() {
			if other, ok := list[m.Fingerprint]; ok {
				t.Errorf("%q and %q have one fingerprint", other, m.Message)
			}
			list[m.Fingerprint] = m.Message
		}
		return list
	}
	sudo := imagetest.Exec("usr/bin/sudo", elf)
	first := prints(layer("ADD rootfs /"), layer("RUN apt-get install sudo", sudo))
	again := prints(layer("ADD rootfs /"), layer("COPY x /x", imagetest.File("x", "x")), layer("RUN apt-get install sudo", sudo))
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("another layer changed a fingerprint: %s", diff)
	}
}

// TestRulesAreDocumented holds docs/rules/image.md to the table.
func TestRulesAreDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "rules", "image.md"))
	if err != nil {
		t.Fatal(err)
	}
	for i, rule := range Rules() {
		if want := fmt.Sprintf("CI%03d", i+1); rule.ID != want {
			t.Errorf("%s: want %s", rule.ID, want)
		}
		_, section, ok := strings.Cut(string(page), "\n## "+rule.ID+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		if !ok {
			t.Errorf("%s: no section in docs/rules/image.md", rule.ID)
			continue
		}
		for _, want := range append([]string{rule.Title, strings.ToLower(rule.Severity.String()), "**Bad**", "**Good**", "**Why**"}, rule.Also...) {
			if !strings.Contains(section, want) {
				t.Errorf("%s: its section does not say %q", rule.ID, want)
			}
		}
	}
}
