package harden_test

import (
	"context"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/harden"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/scan"
)

const (
	passwd = "root:x:0:0:root:/root:/bin/sh\nredis:x:101:102::/var/lib/redis:/bin/sh\n"
	group  = "root:x:0:\nredis:x:102:\nweb:x:77:\n"
	loader = "/lib64/ld-linux-x86-64.so.2"
)

// program is an ELF program that imports functions and names paths.
func program(imports []string, named ...string) string {
	return imagetest.ELF{Interpreter: loader, Needed: []string{"libc.so.6"}, Imports: imports, Strings: named}.Build()
}

// system is what every image of these tests has.
func system() []imagetest.Entry {
	lib := imagetest.ELF{Soname: "libc.so.6"}.Build()
	return []imagetest.Entry{
		imagetest.File("etc/passwd", passwd), imagetest.File("etc/group", group),
		imagetest.Exec(loader[1:], lib), imagetest.File("lib/libc.so.6", lib),
		imagetest.Exec("bin/sh", program(nil)),
		imagetest.Dir("tmp"), imagetest.Dir("run"), imagetest.Symlink("var/run", "/run"), imagetest.Dir("var/log"),
	}
}

func profile(t *testing.T, cfg image.Config, entries ...imagetest.Entry) *harden.Profile {
	t.Helper()
	if cfg.Entrypoint == nil {
		cfg.Entrypoint = []string{"/server"}
	}
	img := imagetest.Memory(t, imagetest.Image{Config: cfg, Layers: []imagetest.Layer{{Entries: append(system(), entries...)}}})
	in, err := scan.Open(context.Background(), img, scan.Options{Reach: true})
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	reached, err := in.Reach(nil)
	if err != nil {
		t.Fatal(err)
	}
	return harden.Analyse(harden.Source{Image: img, Tree: in.Tree, Packages: in.Catalog.Packages, Reach: reached})
}

func owned(e imagetest.Entry, uid, gid int, mode fs.FileMode) imagetest.Entry {
	e.UID, e.GID, e.Mode = uid, gid, e.Mode.Type()|mode
	return e
}

// reasons writes all advice, a line each.
func reasons(p *harden.Profile) []string {
	var lines []string
	for _, r := range p.Reasons() {
		lines = append(lines, strings.Join([]string{r.What, string(r.Confidence), r.Why}, " | "))
	}
	return lines
}

const (
	unneeded = "user 65532:65532 | likely | nothing that is started needs root"
	tmp      = "tmpfs /tmp | guess | temporary files"
	keep     = "; to keep it: a volume that belongs to the user"
)

func TestEachKindOfEvidence(t *testing.T) {
	ping := imagetest.Exec("bin/ping", program(nil))
	ping.Xattrs = map[string]string{"security.capability": "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"} // cap_net_raw=ep
	setuid := imagetest.Exec("bin/helper", program(nil))
	setuid.Mode |= fs.ModeSetuid
	plain := imagetest.Exec("server", program(nil))
	for _, c := range []struct {
		name  string
		cfg   image.Config
		files []imagetest.Entry
		want  []string
	}{
		{"nothing", image.Config{}, []imagetest.Entry{plain}, []string{unneeded, tmp}},
		{"a low port, a high one and one that is none", image.Config{ExposedPorts: []string{"443/tcp", "8080/tcp", "x"}}, []imagetest.Entry{plain},
			[]string{unneeded, "capability NET_BIND_SERVICE | sure | EXPOSE 443/tcp is below 1024", tmp}},
		{"a program that changes its user", image.Config{}, []imagetest.Entry{imagetest.Exec("server", program([]string{"setuid", "initgroups", "read"}))},
			[]string{
				"user 0:0 | likely | root: /server imports setuid",
				"capability KILL | guess | it signals processes of the user that it changes to",
				"capability SETGID | likely | /server imports initgroups",
				"capability SETUID | likely | /server imports setuid", tmp,
			}},
		{"owners that a program may set are no reason for root", image.Config{}, []imagetest.Entry{imagetest.Exec("server", program([]string{"fchown"}))},
			[]string{unneeded, tmp}},
		{"what only a string may run asks for nothing", image.Config{},
			[]imagetest.Entry{imagetest.Exec("server", program([]string{"execve"}, "/bin/helper")), imagetest.Exec("bin/helper", program([]string{"setuid"}))},
			[]string{unneeded, tmp}},
		{"a script that runs gosu and chown", image.Config{Entrypoint: []string{"/run.sh"}, Cmd: []string{"/server"}}, []imagetest.Entry{
			plain, imagetest.Exec("bin/chown", program([]string{"fchownat"})), imagetest.Exec("bin/gosu", program([]string{"setuid"})),
			imagetest.Exec("run.sh", "#!/bin/sh\nchown redis /srv\nexec gosu redis \"$@\"\n"),
		}, []string{
			"user 0:0 | likely | root: /bin/gosu is run",
			"capability CHOWN | likely | /bin/chown is run",
			"capability KILL | guess | it signals processes of the user that it changes to",
			"capability SETGID | likely | /bin/gosu is run",
			"capability SETUID | likely | /bin/gosu is run", tmp,
		}},
		{"capabilities of files and setuid", image.Config{Entrypoint: []string{"/run.sh"}},
			[]imagetest.Entry{ping, setuid, imagetest.Exec("run.sh", "#!/bin/sh\nhelper\nexec ping localhost\n")},
			[]string{
				unneeded, "capability NET_RAW | sure | /bin/ping has it as a capability of the file", tmp,
				"no-new-privileges left out | sure | /bin/helper is setuid or setgid",
				"no-new-privileges left out | sure | /bin/ping has cap_net_raw of its own",
			}},
		{"a volume that belongs to a user", image.Config{Volumes: []string{"/var/lib/redis/"}},
			[]imagetest.Entry{plain, owned(imagetest.Dir("var/lib/redis"), 101, 102, 0o750)},
			[]string{
				"user 101:102 | likely | nothing that is started needs root, and what it writes belongs to this user", tmp,
				"volume /var/lib/redis | sure | VOLUME",
			}},
		{"a volume of root's", image.Config{Volumes: []string{"/data"}}, []imagetest.Entry{plain, imagetest.Dir("data")},
			[]string{"user 65532:65532 | guess | nothing that is started needs root; but /data has to belong to it", tmp, "volume /data | sure | VOLUME"}},
		{"root, and a volume of another's", image.Config{Volumes: []string{"/var/lib/redis"}},
			[]imagetest.Entry{imagetest.Exec("server", program([]string{"chroot"})), owned(imagetest.Dir("var/lib/redis"), 101, 102, 0o750)},
			[]string{
				"user 0:0 | likely | root: /server imports chroot",
				"capability DAC_OVERRIDE | likely | /var/lib/redis belongs to user 101 and is written",
				"capability SYS_CHROOT | likely | /server imports chroot", tmp, "volume /var/lib/redis | sure | VOLUME",
			}},
		{"places that the program and its configuration name", image.Config{Cmd: []string{"/etc/server.conf"}}, []imagetest.Entry{
			imagetest.Exec("server", program(nil, "/var/cache/server/%s.tmp", "/var/lib/dpkg/status", "/var/lib/missing/x", "/usr/share/x")),
			imagetest.File("etc/server.conf", "# log /var/log/comment/x\npidfile=/var/run/server/server.pid\nlog /var/log/server/out.log\nerrors /var/log/out/error.log\ndir /var/lib/server\n"),
			imagetest.Dir("var/cache/server"), imagetest.Dir("var/lib/dpkg"), imagetest.Dir("var/log/comment"), imagetest.Dir("var/log/server"),
			imagetest.Symlink("var/log/out/error.log", "/dev/stderr"), owned(imagetest.Dir("var/lib/server"), 101, 102, 0o755),
			imagetest.Dir("var/log/others"),
		}, []string{
			"user 101:102 | likely | nothing that is started needs root, and what it writes belongs to this user",
			"tmpfs /run/server | sure | pidfile in /etc/server.conf:2", tmp,
			"tmpfs /var/cache/server | likely | named by /server",
			"tmpfs /var/log/server | likely | named by /etc/server.conf",
			"volume /var/lib/server | sure | dir in /etc/server.conf:5",
		}},
		{"directories of the application that are given away", image.Config{WorkingDir: "/app"}, []imagetest.Entry{
			plain, owned(imagetest.Dir("app/uploads"), 101, 102, 0o755), owned(imagetest.Dir("app/pages"), 101, 102, 0o755), imagetest.File("app/pages/index.html", "x"),
		}, []string{
			"user 101:102 | likely | nothing that is started needs root, and what it writes belongs to this user", tmp,
			"volume /app/uploads | likely | empty, and belongs to user 101",
		}},
		{"what Python writes", image.Config{WorkingDir: "/app", Cmd: []string{"/app/main.py"}, Entrypoint: []string{"/bin/python3"}, Env: []string{"LOGS=/logs"}}, []imagetest.Entry{
			imagetest.Exec("bin/python3", program(nil)), imagetest.File("usr/lib/python3.11/os.py", ""), imagetest.Dir("data"),
			imagetest.File("app/main.py", "import helper\nopen('/data/x', 'w')\nopen('app.log', 'a')\nos.makedirs(os.path.join(os.path.dirname(__file__), 'uploads'))\n"),
			imagetest.File("app/helper.py", "import os\nL = os.environ.get('LOGS', '/var/log/app')\nopen(L + '/x', 'w')\nopen('/dev/shm/x', 'w')\nopen('/tmp/x', 'w')\n"),
		}, []string{
			"user 65532:65532 | guess | nothing that is started needs root; but /app/uploads has to belong to it",
			"tmpfs /app/uploads | likely | makedirs in /app/main.py:4" + keep, "tmpfs /data | likely | open in /app/main.py:2" + keep,
			"tmpfs /logs | likely | open in /app/helper.py:3, $LOGS" + keep, "tmpfs /tmp | likely | open in /app/helper.py:5",
			"not writable /app/app.log | likely | open in /app/main.py:3: its directory has the program's files, which a mount would hide",
		}},
		{"what Node writes", image.Config{WorkingDir: "/app", Entrypoint: []string{"/bin/node", "main.js"}}, []imagetest.Entry{
			imagetest.Exec("bin/node", program(nil)), imagetest.File("app/main.js", "fs.mkdirSync('cache')\nfs.writeFileSync(`/var/lib/shop/${id}`, x)\n"),
		}, []string{
			"user 65532:65532 | guess | nothing that is started needs root; but /app/cache has to belong to it",
			"tmpfs /app/cache | likely | mkdirSync in /app/main.js:1" + keep, tmp, "tmpfs /var/lib/shop | likely | writeFileSync in /app/main.js:2" + keep,
		}},
		{"what Java, gunicorn and the environment say", image.Config{
			Entrypoint: []string{"/run.sh"}, Env: []string{"DATA_DIR=/state", "PATH=/bin", "APP_LOG_FILE=/var/log/app/x.log"},
		}, []imagetest.Entry{
			imagetest.Exec("bin/java", program(nil)), imagetest.Exec("run.sh", "#!/bin/sh\nexec java -jar /app.jar\n"), imagetest.File("app.jar", "PK"),
		}, []string{
			"user 65532:65532 | guess | nothing that is started needs root; but /state has to belong to it",
			"tmpfs /state | likely | ENV DATA_DIR" + keep, "tmpfs /tmp | likely | Java's temporary files and performance data (java.io.tmpdir)",
			"tmpfs /var/log/app | likely | ENV APP_LOG_FILE",
		}},
		{"what options name", image.Config{Entrypoint: []string{"/server", "-Djava.io.tmpdir=/scratch", "--pid=/run/app/x.pid", "--bind", "unix:/run/sock/x"}}, []imagetest.Entry{plain}, []string{
			"user 65532:65532 | guess | nothing that is started needs root; but /scratch has to belong to it",
			"tmpfs /run/app | sure | --pid=/run/app/x.pid", "tmpfs /run/sock | likely | the command line names unix:/run/sock/x",
			"tmpfs /scratch | sure | -Djava.io.tmpdir=/scratch" + keep, tmp,
		}},
		{"host keys that a script makes", image.Config{Entrypoint: []string{"/run.sh"}}, []imagetest.Entry{
			plain, imagetest.Exec("bin/ssh-keygen", program(nil)), imagetest.Exec("run.sh", "#!/bin/sh\nssh-keygen -A\nexec /server -f /etc/ssh/sshd_config\n"),
			imagetest.File("etc/ssh/sshd_config", "x"),
		}, []string{
			unneeded, tmp,
			"not writable /etc/ssh/ | likely | ssh-keygen writes there: its directory has the program's files, which a mount would hide",
		}},
		{"a supervisor's services", image.Config{Entrypoint: []string{"/bin/s6-svscan", "-t0", "/etc/s6"}}, []imagetest.Entry{
			imagetest.Exec("bin/s6-svscan", program(nil)), imagetest.Exec("etc/s6/web/run", "#!/bin/sh\nexec /server\n"), plain,
		}, []string{
			unneeded, tmp,
			"not writable /etc/s6 | sure | s6-svscan keeps the state of each service in its folder there, which a mount would hide",
		}},
		{"a file that root alone may read", image.Config{Cmd: []string{"/etc/key"}}, []imagetest.Entry{plain, owned(imagetest.File("etc/key", "x"), 0, 0, 0o600)},
			[]string{"user 0:0 | likely | root: /etc/key is closed to other users", tmp}},
		{"a configured user", image.Config{User: "redis:web", ExposedPorts: []string{"80/tcp"}}, []imagetest.Entry{imagetest.Exec("server", program([]string{"setuid"}))},
			[]string{"user 101:77 | sure | USER redis:web", "capability NET_BIND_SERVICE | sure | EXPOSE 80/tcp is below 1024", tmp}},
		{"a configured user that passwd does not know", image.Config{User: "nobody"}, []imagetest.Entry{plain}, []string{"user nobody | sure | USER nobody", tmp}},
		{"a static program", image.Config{}, []imagetest.Entry{imagetest.Exec("server", imagetest.ELF{}.Build())},
			[]string{"user 65532:65532 | guess | nothing that is started needs root, as far as can be seen: what /server calls cannot", tmp}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if d := cmp.Diff(c.want, reasons(profile(t, c.cfg, c.files...))); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestSettings(t *testing.T) {
	lines := func(entries []harden.Entry) string {
		var all []string
		for _, e := range entries {
			all = append(all, e.Lines...)
		}
		return strings.Join(all, "\n") + "\n"
	}
	root, user := full(), full()
	root.Root, root.User.What, root.Gains = true, "0:0", nil
	for name, got := range map[string]string{
		"docker-user":     strings.Join(user.Docker(), "\n") + "\n",
		"docker-root":     strings.Join(root.Docker(), "\n") + "\n",
		"compose-user":    lines(user.Compose()),
		"compose-root":    lines(root.Compose()),
		"kubernetes-user": lines(user.Kubernetes()) + "---\n" + lines(user.PodVolumes()),
		"kubernetes-root": lines(root.Kubernetes()) + "---\n" + lines(root.PodVolumes()),
	} {
		if d := cmp.Diff(settings[name], got); d != "" {
			t.Errorf("%s:\n%s", name, d)
		}
	}
	empty := harden.Profile{User: harden.Advice{What: "1:1"}}
	if d := cmp.Diff([]string{"--user 1:1", "--cap-drop ALL", "--security-opt no-new-privileges", "--read-only"}, empty.Docker()); d != "" {
		t.Error(d)
	}
	if got := empty.PodVolumes(); len(got) != 1 || slices.ContainsFunc(empty.Kubernetes(), func(e harden.Entry) bool { return e.Key == "volumeMounts" }) {
		t.Errorf("an image that writes nothing gets %v", got)
	}
}

// full is a profile that has some of everything.
func full() harden.Profile {
	return harden.Profile{
		User:         harden.Advice{What: "101:102"},
		Capabilities: []harden.Advice{{What: "NET_BIND_SERVICE"}},
		Tmpfs:        []harden.Advice{{What: "/run"}, {What: "/tmp"}},
		Volumes:      []harden.Advice{{What: "/var/lib/My_App.d"}},
		Gains:        []string{"/bin/ping has cap_net_raw of its own"},
	}
}

var settings = map[string]string{
	"docker-user": `--user 101:102
--cap-drop ALL
--cap-add NET_BIND_SERVICE
--read-only
--tmpfs /run:uid=101,gid=102,mode=0755
--tmpfs /tmp
--volume var-lib-My_App.d:/var/lib/My_App.d
`,
	"docker-root": `--user 0:0
--cap-drop ALL
--cap-add NET_BIND_SERVICE
--security-opt no-new-privileges
--read-only
--tmpfs /run
--tmpfs /tmp
--volume var-lib-My_App.d:/var/lib/My_App.d
`,
	"compose-user": `user: "101:102"
cap_drop:
  - ALL
cap_add:
  - NET_BIND_SERVICE
read_only: true
tmpfs:
  - /run:uid=101,gid=102,mode=0755
  - /tmp
volumes:
  - var-lib-My_App.d:/var/lib/My_App.d
`,
	"compose-root": `user: "0:0"
cap_drop:
  - ALL
cap_add:
  - NET_BIND_SERVICE
security_opt:
  - no-new-privileges:true
read_only: true
tmpfs:
  - /run
  - /tmp
volumes:
  - var-lib-My_App.d:/var/lib/My_App.d
`,
	"kubernetes-user": `securityContext:
  runAsNonRoot: true
  runAsUser: 101
  runAsGroup: 102
  allowPrivilegeEscalation: true
  readOnlyRootFilesystem: true
  capabilities:
    drop:
      - ALL
    add:
      - NET_BIND_SERVICE
  seccompProfile:
    type: RuntimeDefault
volumeMounts:
  - name: run
    mountPath: /run
  - name: tmp
    mountPath: /tmp
  - name: var-lib-my-app-d
    mountPath: /var/lib/My_App.d
---
securityContext:
  fsGroup: 102
volumes:
  - name: run
    emptyDir: {}
  - name: tmp
    emptyDir: {}
  - name: var-lib-my-app-d
    emptyDir: {}
`,
	"kubernetes-root": `securityContext:
  runAsNonRoot: false
  runAsUser: 0
  runAsGroup: 0
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop:
      - ALL
    add:
      - NET_BIND_SERVICE
  seccompProfile:
    type: RuntimeDefault
volumeMounts:
  - name: run
    mountPath: /run
  - name: tmp
    mountPath: /tmp
  - name: var-lib-my-app-d
    mountPath: /var/lib/My_App.d
---
volumes:
  - name: run
    emptyDir: {}
  - name: tmp
    emptyDir: {}
  - name: var-lib-my-app-d
    emptyDir: {}
`,
}
