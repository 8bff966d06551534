package lint

import (
	"path"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/lazy"
	"github.com/careen/careen/internal/workload"
)

// The rules of this file find rights that a service is given. Those that a
// service lacks to be safe are in deployment.go.
var serviceRules = []Rule{{
	ID: "CS001", Title: "The file can be read in one way only", Severity: finding.Medium,
	Fix:  "correct the line",
	Why:  "Readers of YAML differ on what a broken or ambiguous file means: of a key that stands twice, some take the first and some the last.",
	File: "compose.yaml",
	Bad:  "services:\n  web:\n    image: nginx:1.28\n    image: nginx:1.29\n", Good: "services:\n  web:\n    image: nginx:1.29\n",
	service: serviceProblems,
}, {
	ID: "CS101", Title: "Not privileged", Severity: finding.Critical,
	Fix:  "remove it, and add the one capability or device that is needed",
	In:   words{compose: "remove privileged; cap_add or devices for the one thing that is needed", kubernetes: "remove privileged; capabilities.add for the one that is needed", run: "remove --privileged; --cap-add or --device for the one thing that is needed"},
	Why:  "A privileged container has every right of root on the host, and its devices.",
	Same: []string{"CIS 5.5", "KSV-0017"}, File: "compose.yaml",
	Bad: "services:\n  web:\n    image: nginx:1.29\n    privileged: true\n", Good: "services:\n  web:\n    image: nginx:1.29\n",
	service: privileged,
}, {
	ID: "CS103", Title: "No dangerous capabilities", Severity: finding.High,
	Fix:  "remove it, or add a smaller one",
	In:   words{compose: "remove it from cap_add, or add a smaller one", kubernetes: "remove it from capabilities.add, or add a smaller one", run: "remove it, or --cap-add a smaller one"},
	Why:  "With it a process can leave the container, or look into others.",
	Same: []string{"CIS 5.4", "KSV-0005", "KSV-0022"}, File: "compose.yaml",
	Bad: "services:\n  web:\n    image: nginx:1.29\n    cap_add: [SYS_ADMIN]\n", Good: "services:\n  web:\n    image: nginx:1.29\n    cap_drop: [ALL]\n    cap_add: [NET_BIND_SERVICE]\n",
	service: capabilities,
}, {
	ID: "CS106", Title: "Not as root", Severity: finding.Medium,
	Fix:  "the number of another user",
	In:   words{compose: "user: \"65532:65532\", or another number that is not 0", kubernetes: "runAsUser: 65532, or another number that is not 0", run: "--user 65532:65532, or another number that is not 0"},
	Why:  "Someone who breaks in is root in the container, and one flaw of the kernel away from the host.",
	Same: []string{"CIS 4.1", "KSV-0105"}, File: "compose.yaml",
	Bad: "services:\n  web:\n    image: nginx:1.29\n    user: root\n", Good: "services:\n  web:\n    image: nginx:1.29\n    user: \"101:101\"\n",
	service: serviceRoot,
}, {
	ID: "CS108", Title: "Not in the host's network", Severity: finding.High,
	Fix:  "publish the ports that are needed",
	In:   words{compose: "remove network_mode, and publish the ports that are needed", kubernetes: "remove hostNetwork; a Service for the ports that are needed", run: "remove it, and publish with -p the ports that are needed"},
	Why:  "The container reaches every service that listens on the host's loopback, and can listen on any port itself.",
	Same: []string{"CIS 5.10", "KSV-0009"}, File: "compose.yaml",
	Bad: "services:\n  web:\n    image: nginx:1.29\n    network_mode: host\n", Good: "services:\n  web:\n    image: nginx:1.29\n    ports: [\"127.0.0.1:8080:80\"]\n",
	service: hostNamespace("network", func(s *workload.Service) workload.Text { return s.Network }),
}, {
	ID: "CS109", Title: "Not among the host's processes", Severity: finding.High,
	Fix:  "remove it",
	In:   words{compose: "remove pid: host", kubernetes: "remove hostPID", run: "remove --pid=host"},
	Why:  "The container sees every process of the host with its arguments, and can signal those of its user.",
	Same: []string{"CIS 5.16", "KSV-0010"}, File: "compose.yaml",
	Bad: "services:\n  web:\n    image: nginx:1.29\n    pid: host\n", Good: "services:\n  web:\n    image: nginx:1.29\n",
	service: hostNamespace("pid", func(s *workload.Service) workload.Text { return s.PID }),
}, {
	ID: "CS110", Title: "Not in the host's IPC namespace", Severity: finding.High,
	Fix:  "remove it, or ipc: shareable between two containers",
	In:   words{compose: "remove ipc: host, or ipc: shareable between two services", kubernetes: "remove hostIPC", run: "remove --ipc=host, or --ipc=shareable between two containers"},
	Why:  "The container reads the shared memory of the host's processes.",
	Same: []string{"CIS 5.17", "KSV-0008"}, File: "compose.yaml",
	Bad: "services:\n  web:\n    image: nginx:1.29\n    ipc: host\n", Good: "services:\n  web:\n    image: nginx:1.29\n",
	service: hostNamespace("ipc", func(s *workload.Service) workload.Text { return s.IPC }),
}, {
	ID: "CS111", Title: "Not in the host's UTS namespace", Severity: finding.Medium,
	Fix:  "remove it",
	In:   words{compose: "remove uts: host", run: "remove --uts=host"},
	Why:  "The container can change the name of the host.",
	Same: []string{"CIS 5.21"}, File: "compose.yaml",
	Bad: "services:\n  web:\n    image: nginx:1.29\n    uts: host\n", Good: "services:\n  web:\n    image: nginx:1.29\n",
	service: hostNamespace("uts", func(s *workload.Service) workload.Text { return s.UTS }),
}, {
	ID: "CS112", Title: "Not in the host's user namespace", Severity: finding.Medium,
	Fix:  "remove it",
	In:   words{compose: "remove userns_mode: host", run: "remove --userns=host"},
	Why:  "It switches off the mapping of users for this container: root in it is root on the host.",
	Same: []string{"CIS 5.31"}, File: "compose.yaml",
	Bad: "services:\n  web:\n    image: nginx:1.29\n    userns_mode: host\n", Good: "services:\n  web:\n    image: nginx:1.29\n",
	service: hostNamespace("userns", func(s *workload.Service) workload.Text { return s.UserNS }),
}, {
	ID: "CS124", Title: "Not in the host's cgroup namespace", Severity: finding.Medium,
	Fix:  "remove it",
	In:   words{compose: "remove cgroup: host", run: "remove --cgroupns=host"},
	Why:  "The container sees the control groups of the host, and by them what else runs there.",
	Same: []string{"CIS 5.25"}, File: "compose.yaml",
	Bad: "services:\n  web:\n    image: nginx:1.29\n    cgroup: host\n", Good: "services:\n  web:\n    image: nginx:1.29\n    cgroup: private\n",
	service: hostNamespace("cgroup", func(s *workload.Service) workload.Text { return s.CGroup }),
}, {
	ID: "CS113", Title: "No socket of the container engine", Severity: finding.High,
	Fix:  "a proxy that allows the calls that are needed, or a rootless builder",
	Why:  "Who can talk to the engine can start a privileged container, and so is root on the host; a read-only mount changes nothing about that.",
	Same: []string{"CIS 5.32", "KSV-0006"}, File: "compose.yaml",
	Bad: "services:\n  web:\n    image: nginx:1.29\n    volumes: [\"/var/run/docker.sock:/var/run/docker.sock:ro\"]\n", Good: "services:\n  web:\n    image: nginx:1.29\n    volumes: [\"data:/data\"]\nvolumes:\n  data:\n",
	service: engineSocket,
}, {
	ID: "CS114", Title: "No directories of the host's system", Severity: finding.High,
	Fix:  "mount the one file that is needed, read-only",
	Why:  "What is written there changes the host; what is read there are its keys and passwords.",
	Same: []string{"CIS 5.6", "KSV-0023"}, File: "compose.yaml",
	Bad: "services:\n  web:\n    image: nginx:1.29\n    volumes: [\"/etc:/host/etc\"]\n", Good: "services:\n  web:\n    image: nginx:1.29\n    volumes: [\"/etc/localtime:/etc/localtime:ro\"]\n",
	service: hostDirectories,
}, {
	ID: "CS115", Title: "The filter of system calls is on", Severity: finding.High,
	Fix:  "remove it, or name a profile",
	In:   words{compose: "remove seccomp:unconfined, or name a profile", kubernetes: "seccompProfile: {type: RuntimeDefault}", run: "remove seccomp=unconfined, or name a profile"},
	Why:  "The default profile keeps a container from the calls in which most ways out have been found.",
	Same: []string{"CIS 5.22", "KSV-0104"}, File: "compose.yaml",
	Bad: "services:\n  web:\n    image: nginx:1.29\n    security_opt: [\"seccomp:unconfined\"]\n", Good: "services:\n  web:\n    image: nginx:1.29\n",
	service: func(c *serviceCheck) {
		off := func(t workload.Text) bool { return strings.EqualFold(t.Value, "unconfined") }
		pods := map[int]bool{} // lines at which one is named for all its containers
		c.eachPod(func(p *workload.Pod) {
			if off(p.Seccomp) {
				pods[p.Seccomp.Line] = true
				c.report(p.Seccomp.Line, nil, "%s: seccomp is off", p.Name)
			}
		})
		c.each(func(s *workload.Service) {
			if off(s.Seccomp) && !pods[s.Seccomp.Line] {
				c.report(s.Seccomp.Line, nil, "%s: seccomp is off", s.Name)
			}
		})
	},
}, {
	ID: "CS116", Title: "AppArmor and SELinux are on", Severity: finding.Medium,
	Fix:  "remove the option",
	In:   words{compose: "remove the option", kubernetes: "appArmorProfile: {type: RuntimeDefault}", run: "remove the option"},
	Why:  "The default profile keeps a container from writing where the host's kernel is controlled.",
	Same: []string{"CIS 5.2", "CIS 5.3", "KSV-0002"}, File: "compose.yaml",
	Bad: "services:\n  web:\n    image: nginx:1.29\n    security_opt: [\"apparmor:unconfined\"]\n", Good: "services:\n  web:\n    image: nginx:1.29\n",
	service: mandatoryAccess,
}, {
	ID: "CS119", Title: "No secrets in the environment, in build arguments and labels", Severity: finding.High,
	Fix:  "secrets: of compose, a Secret of Kubernetes, or a file that is not in the repository",
	In:   words{compose: "secrets: of compose, or a file that is not in the repository", kubernetes: "valueFrom: {secretKeyRef: …}", run: "--env-file with a file that is not in the repository, or -e NAME alone"},
	Why:  "The value stands in the repository, and in the output of docker inspect.",
	Same: []string{"CIS 4.10"}, File: "compose.yaml",
	Bad: "services:\n  db:\n    image: postgres:17\n    environment:\n      POSTGRES_PASSWORD: tr0ub4dor3\n", Good: "services:\n  db:\n    image: postgres:17\n    environment:\n      POSTGRES_PASSWORD_FILE: /run/secrets/db\n",
	service: serviceSecrets,
}, {
	ID: "CS121", Title: "SSH is not published", Severity: finding.Medium,
	Fix:  "docker exec or kubectl exec",
	In:   words{compose: "remove the port; docker compose exec", kubernetes: "remove the port; kubectl exec", run: "remove the port; docker exec"},
	Why:  "A second way in with keys, passwords and updates of its own, around what guards the first.",
	Same: []string{"CIS 5.7"}, File: "compose.yaml",
	Bad: "services:\n  web:\n    image: nginx:1.29\n    ports: [\"2222:22\"]\n", Good: "services:\n  web:\n    image: nginx:1.29\n    ports: [\"127.0.0.1:8080:80\"]\n",
	service: publishedSSH,
}, {
	ID: "CS126", Title: "No devices of the host", Severity: finding.Medium,
	Fix:  "remove it, or give the one device with the least access",
	Why:  "A disk lets the container read and write all files of the host.",
	Same: []string{"CIS 5.18"}, File: "compose.yaml",
	Bad: "services:\n  web:\n    image: nginx:1.29\n    devices: [\"/dev/sda:/dev/sda\"]\n", Good: "services:\n  web:\n    image: nginx:1.29\n    devices: [\"/dev/dri:/dev/dri\"]\n",
	service: devices,
}}

// serviceCheck is a compose file, manifest, script or Makefile while the rules
// look at it.
type serviceCheck struct {
	check
	file *workload.File
}

func (c *serviceCheck) each(do func(s *workload.Service)) {
	for i := range c.file.Services {
		do(&c.file.Services[i])
	}
}

func serviceProblems(c *serviceCheck) {
	for _, p := range c.file.Problems {
		c.report(p.Line, nil, "%s", p.Message)
	}
}

func privileged(c *serviceCheck) {
	c.each(func(s *workload.Service) {
		if s.Privileged.On() {
			c.report(s.Privileged.Line, nil, "%s is privileged", s.Name)
		}
	})
}

// dangerous are the capabilities with a known way out of the container or into
// others (capabilities(7)); those of Docker's default set are not among them.
var dangerous = map[string]bool{
	"ALL": true, "SYS_ADMIN": true, "SYS_MODULE": true, "SYS_PTRACE": true, "SYS_RAWIO": true, "SYS_BOOT": true, "SYS_TIME": true,
	"DAC_READ_SEARCH": true, "NET_ADMIN": true, "BPF": true, "PERFMON": true, "SYSLOG": true, "MAC_ADMIN": true, "MAC_OVERRIDE": true, "LINUX_IMMUTABLE": true,
}

func capability(name string) string { return strings.TrimPrefix(strings.ToUpper(name), "CAP_") }

func capabilities(c *serviceCheck) {
	c.each(func(s *workload.Service) {
		for _, added := range s.CapAdd {
			if dangerous[capability(added.Value)] {
				c.report(added.Line, nil, "%s gets %s", s.Name, capability(added.Value))
			}
		}
	})
}

func serviceRoot(c *serviceCheck) {
	c.each(func(s *workload.Service) {
		if s.User.Line > 0 && isRoot(s.User.Value) {
			c.report(s.User.Line, nil, "%s runs as root", s.Name)
		}
	})
}

// hostNamespace is the rule for one of the namespaces that a service may share
// with the host.
func hostNamespace(kind string, of func(*workload.Service) workload.Text) func(*serviceCheck) {
	return func(c *serviceCheck) {
		c.each(func(s *workload.Service) {
			name := s.Name
			if c.file.Kind == workload.Kubernetes { // the setting is the pod's
				name, _, _ = strings.Cut(name, " ")
			}
			if t := of(s); t.Value == "host" {
				c.report(t.Line, nil, "%s shares the host's %s namespace", name, kind)
			}
		})
	}
}

var engineSockets = lazy.Regexp(`(?i)(^|[/\\])(docker(\.raw)?\.sock|docker\.sock\.raw|containerd\.sock|crio\.sock|podman\.sock|cri-dockerd\.sock|docker_engine)$`)

func engineSocket(c *serviceCheck) {
	c.each(func(s *workload.Service) {
		for _, m := range s.Mounts {
			switch {
			case engineSockets().MatchString(m.Source):
				c.report(m.Line, nil, "%s gets %s", s.Name, m.Source)
			case engineSockets().MatchString(m.Target): // whatever variable says where it is
				c.report(m.Line, nil, "%s gets %s", s.Name, m.Target)
			}
		}
	})
}

// systemDirectories are those of which neither the whole nor any directory
// below belongs into a container; of the second list the whole only.
var (
	systemDirectories = []string{"/boot", "/dev", "/lib/modules", "/proc", "/sys", "/root", "/var/lib/docker", "/var/lib/kubelet", "/var/lib/containerd", "/etc/kubernetes", "/var/lib/etcd"}
	wholeDirectories  = []string{"/", "/etc", "/usr", "/bin", "/sbin", "/lib", "/lib64", "/var", "/home", "/opt", "/run", "/var/run", "/var/lib", "/var/log"}
)

// harmless are parts of system directories that are mounted for good reasons.
var harmless = []string{"/dev/shm", "/dev/null", "/dev/dri", "/dev/net/tun", "/sys/fs/cgroup", "/proc/sys/kernel/random"}

func hostDirectories(c *serviceCheck) {
	c.each(func(s *workload.Service) {
		for _, m := range s.Mounts {
			if ofSystem(m.Source) {
				c.report(m.Line, nil, "%s gets %s of the host", s.Name, m.Source)
			}
		}
	})
}

// ofSystem reports whether a source of a mount is a path of the host's system.
func ofSystem(source string) bool {
	return strings.HasPrefix(source, "/") && sensitive(path.Clean(source))
}

func sensitive(source string) bool {
	for _, dir := range harmless {
		if source == dir || strings.HasPrefix(source, dir+"/") {
			return false
		}
	}
	for _, dir := range wholeDirectories {
		if source == dir {
			return true
		}
	}
	for _, dir := range systemDirectories {
		if source == dir || strings.HasPrefix(source, dir+"/") {
			return true
		}
	}
	return false
}

// appArmorProfiles are those that the Pod Security Standards allow, as the field
// and as the older annotation write them.
var appArmorProfiles = lazy.Regexp(`^(RuntimeDefault|Localhost|runtime/default|localhost/.+)$`)

func mandatoryAccess(c *serviceCheck) {
	c.each(func(s *workload.Service) {
		switch profile := s.AppArmor.Value; {
		case strings.EqualFold(profile, "unconfined"):
			c.report(s.AppArmor.Line, nil, "%s: AppArmor is off", s.Name)
		case c.file.Kind == workload.Kubernetes && s.AppArmor.Line > 0 && !appArmorProfiles().MatchString(profile):
			c.report(s.AppArmor.Line, nil, "%s: %q is no profile of AppArmor", s.Name, profile)
		}
		for _, option := range s.SecurityOpt {
			if value := strings.ReplaceAll(option.Value, "=", ":"); value == "label:disable" || strings.HasPrefix(value, "label:type:spc_t") {
				c.report(option.Line, nil, "%s: SELinux is off", s.Name)
			}
		}
	})
}

func publishedSSH(c *serviceCheck) {
	c.each(func(s *workload.Service) {
		for _, p := range s.Ports {
			if p.Container == "22" || p.Container == "22/tcp" {
				c.report(p.Line, nil, "%s publishes port 22", s.Name)
			}
		}
	})
}

// rawDevice matches disks and memory, by name or by a rule for all devices: "a *:* rwm".
var rawDevice = lazy.Regexp(`^a( |$)|^b \*:|^/dev/?(:|$)|^/dev/(sd|nvme|vd|xvd|hd|mapper/|mem|kmem|port|loop|dm-)`)

func devices(c *serviceCheck) {
	c.each(func(s *workload.Service) {
		for _, d := range s.Devices {
			if rawDevice().MatchString(d.Value) {
				c.report(d.Line, nil, "%s gets %s", s.Name, d.Value)
			}
		}
	})
}
