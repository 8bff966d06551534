package lint

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/workload"
)

// The rules of this file ask for what makes a service safer. They say nothing
// where settings come from elsewhere, such as a file that is extended.
var deploymentRules = []Rule{{
	ID: "CS201", Title: "Drop all capabilities", Severity: finding.Low,
	Fix:  "cap_drop: [ALL]; --cap-drop=ALL; capabilities: {drop: [ALL]}",
	In:   words{compose: "cap_drop: [ALL]", kubernetes: "securityContext: {capabilities: {drop: [ALL]}}", run: "--cap-drop=ALL"},
	Why:  "Containers start with fourteen capabilities of root, of which most programs need none. careen harden says which yours need.",
	Same: []string{"CIS 5.4", "KSV-0003", "KSV-0106"}, File: "compose.yaml",
	Bad: "services:\n  web:\n    image: nginx:1.29\n", Good: "services:\n  web:\n    image: nginx:1.29\n    cap_drop: [ALL]\n",
	service: lacking("keeps the default capabilities", anywhere, func(s *workload.Service) bool {
		return s.Privileged.On() || s.Windows || slices.ContainsFunc(s.CapDrop, func(dropped workload.Text) bool { return capability(dropped.Value) == "ALL" })
	}),
}, {
	ID: "CS202", Title: "A read-only root file system", Severity: finding.Low,
	Fix:  "read_only: true; --read-only; readOnlyRootFilesystem: true; and a tmpfs where it writes",
	In:   words{compose: "read_only: true, and tmpfs where it writes", kubernetes: "securityContext: {readOnlyRootFilesystem: true}, and an emptyDir where it writes", run: "--read-only, and --tmpfs where it writes"},
	Why:  "Someone who breaks in can leave nothing behind: no tool, no changed program.",
	Same: []string{"CIS 5.13", "KSV-0014"}, File: "compose.yaml",
	Bad: "services:\n  web:\n    image: nginx:1.29\n", Good: "services:\n  web:\n    image: nginx:1.29\n    read_only: true\n    tmpfs: [/tmp]\n",
	service: lacking("can write to its root file system", anywhere, func(s *workload.Service) bool { return s.ReadOnly.On() }),
}, {
	ID: "CS203", Title: "No new privileges", Severity: finding.Low,
	Fix:  "security_opt: [\"no-new-privileges:true\"]; --security-opt no-new-privileges; allowPrivilegeEscalation: false",
	In:   words{compose: "security_opt: [\"no-new-privileges:true\"]", kubernetes: "securityContext: {allowPrivilegeEscalation: false}", run: "--security-opt no-new-privileges"},
	Why:  "Setuid programs then give no rights: sudo, su and flaws in them lead nowhere.",
	Same: []string{"CIS 5.26", "KSV-0001"}, File: "compose.yaml",
	Bad: "services:\n  web:\n    image: nginx:1.29\n", Good: "services:\n  web:\n    image: nginx:1.29\n    security_opt: [\"no-new-privileges:true\"]\n",
	service: lacking("may gain privileges", anywhere, func(s *workload.Service) bool { return s.NoNewPrivileges.On() || s.Privileged.On() || s.Windows }),
}, {
	ID: "CS204", Title: "Kubernetes refuses to run it as root", Severity: finding.Low,
	Fix:  "runAsNonRoot: true",
	In:   words{kubernetes: "securityContext: {runAsNonRoot: true}"},
	Why:  "The image may change its user with any release; with this the container then does not start.",
	Same: []string{"CIS 4.1", "KSV-0012"}, File: "pod.yaml",
	Bad: pod("      securityContext: {}\n"), Good: pod("      securityContext:\n        runAsNonRoot: true\n"),
	service: lacking("may run as root", inKubernetes, func(s *workload.Service) bool { return s.RunAsNonRoot.On() }),
}, {
	ID: "CS205", Title: "Kubernetes filters its system calls", Severity: finding.Low,
	Fix:  "seccompProfile: {type: RuntimeDefault}",
	In:   words{kubernetes: "securityContext: {seccompProfile: {type: RuntimeDefault}}"},
	Why:  "Unlike Docker, Kubernetes runs containers without a filter unless one is asked for.",
	Same: []string{"CIS 5.22", "KSV-0030"}, File: "pod.yaml",
	Bad: pod("      securityContext: {}\n"), Good: pod("      securityContext:\n        seccompProfile: {type: RuntimeDefault}\n"),
	service: lacking("has no seccomp profile", inKubernetes, func(s *workload.Service) bool { return s.Seccomp.Line > 0 || s.Privileged.On() || s.Windows }),
}, {
	ID: "CS206", Title: "No token of the cluster that is not needed", Severity: finding.Low,
	Fix:  "automountServiceAccountToken: false",
	Why:  "Someone who breaks in finds a key to the cluster's interface. The rule looks at pods that name no service account: those have no use for one.",
	Same: []string{"KSV-0036"}, File: "pod.yaml",
	Bad:     "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n    - name: web\n      image: nginx:1.29\n",
	Good:    "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  automountServiceAccountToken: false\n  containers:\n    - name: web\n      image: nginx:1.29\n",
	service: defaultToken,
}, {
	ID: "CS207", Title: "A limit of memory", Severity: finding.Low,
	Fix:  "mem_limit, deploy.resources.limits.memory; --memory; resources.limits.memory",
	In:   words{compose: "mem_limit, or deploy.resources.limits.memory", kubernetes: "resources: {limits: {memory: …}}", run: "--memory"},
	Why:  "One leak, or one attacker, takes the memory of everything else on the host.",
	Same: []string{"CIS 5.11", "KSV-0018"}, File: "compose.yaml",
	Bad: "services:\n  web:\n    image: nginx:1.29\n", Good: "services:\n  web:\n    image: nginx:1.29\n    mem_limit: 256m\n",
	service: lacking("has no limit of memory", anywhere, func(s *workload.Service) bool { return limited(s.Memory) }),
}, {
	ID: "CS208", Title: "A limit of processors", Severity: finding.Negligible,
	Fix:  "cpus, deploy.resources.limits.cpus; --cpus; resources.limits.cpu",
	In:   words{compose: "cpus, or deploy.resources.limits.cpus", kubernetes: "resources: {limits: {cpu: …}}", run: "--cpus"},
	Why:  "One loop, or one attacker, takes the processors of everything else on the host.",
	Same: []string{"CIS 5.12", "KSV-0011"}, File: "compose.yaml",
	Bad: "services:\n  web:\n    image: nginx:1.29\n", Good: "services:\n  web:\n    image: nginx:1.29\n    cpus: 0.5\n",
	service: lacking("has no limit of processors", anywhere, func(s *workload.Service) bool { return limited(s.CPU) }),
}, {
	ID: "CS209", Title: "A limit of processes", Severity: finding.Negligible,
	Fix:  "pids_limit; --pids-limit",
	In:   words{compose: "pids_limit", run: "--pids-limit"},
	Why:  "A fork bomb stops at it. In Kubernetes the node sets it.",
	Same: []string{"CIS 5.29"}, File: "compose.yaml",
	Bad: "services:\n  web:\n    image: nginx:1.29\n", Good: "services:\n  web:\n    image: nginx:1.29\n    pids_limit: 100\n",
	service: lacking("has no limit of processes", outsideKubernetes, func(s *workload.Service) bool { return limited(s.PIDs) }),
}, {
	ID: "CS210", Title: "The image has a version", Severity: finding.Medium,
	Fix:  "name a tag, or run careen pin",
	Why:  "Without one, what runs is whatever was pushed last; two hosts may run two different things.",
	Same: []string{"CIS 5.28", "KSV-0013"}, File: "compose.yaml",
	Bad: "services:\n  web:\n    image: nginx:latest\n", Good: "services:\n  web:\n    image: nginx:1.29\n",
	service: serviceTag,
}, {
	ID: "CS211", Title: "The image is pinned by digest", Severity: finding.Negligible,
	Fix:  "careen pin",
	Why:  "A tag can be pushed again, by mistake or by an attacker.",
	Same: []string{"CIS 4.5"}, File: "compose.yaml",
	Bad: "services:\n  web:\n    image: nginx:1.29\n", Good: "services:\n  web:\n    image: nginx:1.29@sha256:4bcff63911fcb4448bd4fdacec207030997caf25e9bea4045fa6c8c44de311d1\n",
	service: func(c *serviceCheck) {
		c.each(func(s *workload.Service) {
			if n, ok := knownImage(s); ok && n.digest == "" && n.tag != "" && n.tag != "latest" {
				c.report(s.Image.Line, nil, "%s is a tag, which can be pushed again", s.Image.Value)
			}
		})
	},
}, {
	ID: "CS212", Title: "Publish ports on one address", Severity: finding.Low,
	Fix:  "name the address: 127.0.0.1, or the one that is meant",
	In:   words{compose: "name the address", run: "name the address"},
	Why:  "A port without an address is open on every network of the host, past the rules of its firewall.",
	Same: []string{"CIS 5.14"}, File: "compose.yaml",
	Bad: "services:\n  web:\n    image: nginx:1.29\n    ports: [\"8080:80\"]\n", Good: "services:\n  web:\n    image: nginx:1.29\n    ports: [\"127.0.0.1:8080:80\"]\n",
	service: everyAddress,
}, {
	ID: "CS213", Title: "The health check stays on", Severity: finding.Low,
	Fix:  "remove disable, or write a check that fits",
	In:   words{compose: "remove disable, or write a check that fits", run: "remove --no-healthcheck, or write a check that fits"},
	Why:  "The image says how to tell that it works, and that is switched off.",
	Same: []string{"CIS 5.27"}, File: "compose.yaml",
	Bad: "services:\n  web:\n    image: nginx:1.29\n    healthcheck: {disable: true}\n", Good: "services:\n  web:\n    image: nginx:1.29\n    healthcheck: {test: [\"CMD\", \"true\"]}\n",
	service: func(c *serviceCheck) {
		c.each(func(s *workload.Service) {
			if s.Health.Line > 0 && !s.Health.Value {
				c.report(s.Health.Line, nil, "%s: the health check is off", s.Name)
			}
		})
	},
}, {
	ID: "CS214", Title: "No port of the node", Severity: finding.Medium,
	Fix:  "a Service, or an Ingress",
	Why:  "A port of the node is open past network policies, and keeps a second pod from the same node.",
	Same: []string{"KSV-0024"}, File: "pod.yaml",
	Bad: pod("      ports: [{containerPort: 80, hostPort: 80}]\n"), Good: pod("      ports: [{containerPort: 80}]\n"),
	service: func(c *serviceCheck) {
		if c.file.Kind != workload.Kubernetes {
			return
		}
		c.each(func(s *workload.Service) {
			for _, p := range s.Ports {
				c.report(p.Line, nil, "%s takes port %s of its node", s.Name, p.Host)
			}
		})
	},
}, {
	ID: "CS215", Title: "Restarts have an end", Severity: finding.Negligible,
	Fix:  "on-failure:5",
	In:   words{compose: "restart: on-failure:5", run: "--restart=on-failure:5"},
	Why:  "A service that dies at once is started again for ever, and the host is busy with nothing else.",
	Same: []string{"CIS 5.15"}, File: "run.sh",
	Bad: "docker run --restart=always nginx:1.29\n", Good: "docker run --restart=on-failure:5 nginx:1.29\n",
	service: func(c *serviceCheck) {
		if c.file.Kind == workload.Kubernetes {
			return
		}
		c.each(func(s *workload.Service) {
			if s.Restart.Value == "always" {
				c.report(s.Restart.Line, nil, "%s is restarted for ever", s.Name)
			}
		})
	},
}}

// pod is a manifest for examples, with more lines for its container.
func pod(more string) string {
	return "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  automountServiceAccountToken: false\n  containers:\n    - name: web\n      image: nginx:1.29\n" + more
}

// Where a rule looks.
func anywhere(workload.Kind) bool               { return true }
func inKubernetes(kind workload.Kind) bool      { return kind == workload.Kubernetes }
func outsideKubernetes(kind workload.Kind) bool { return kind != workload.Kubernetes }

// lacking is the rule that reports the services for which good is false, unless
// settings may come from where the file does not show, or the line is a container
// that a person starts to look around and throws away.
func lacking(what string, where func(workload.Kind) bool, good func(s *workload.Service) bool) func(*serviceCheck) {
	return func(c *serviceCheck) {
		if !where(c.file.Kind) {
			return
		}
		c.each(func(s *workload.Service) {
			if !s.Partial && !good(s) {
				c.report(s.Line, nil, "%s %s", s.Name, what)
			}
		})
	}
}

// defaultToken is about a pod: its containers share the account.
func defaultToken(c *serviceCheck) {
	if !inKubernetes(c.file.Kind) {
		return
	}
	named := ""
	c.each(func(s *workload.Service) {
		pod, _, _ := strings.Cut(s.Name, " ")
		mounted := s.TokenMounted.Line == 0 || s.TokenMounted.Value
		if s.Init || s.Partial || !mounted || s.ServiceAccount.Line > 0 && s.ServiceAccount.Value != "default" || pod == named {
			return
		}
		named = pod
		c.report(s.Line, nil, "%s gets the token of the default service account", pod)
	})
}

// knownImage is the name of the image of a service, when it can be read.
func knownImage(s *workload.Service) (name, bool) {
	if s.Image.Line == 0 || s.Build || strings.ContainsAny(s.Image.Value, "$`{<") {
		return name{}, false
	}
	return parseName(s.Image.Value), true
}

func serviceTag(c *serviceCheck) {
	c.each(func(s *workload.Service) {
		n, ok := knownImage(s)
		switch {
		case !ok || n.digest != "":
		case n.tag == "":
			c.report(s.Image.Line, nil, "%s has no tag", s.Image.Value)
		case n.tag == "latest":
			c.report(s.Image.Line, nil, "%s moves with every release; a digest is what pins it", s.Image.Value)
		}
	})
	for _, image := range c.file.Images { // that builds take files from
		if !strings.Contains(image.Where, "contexts.") || strings.ContainsAny(image.Value, "${") {
			continue
		}
		if n := parseName(image.Value); n.digest == "" && (n.tag == "" || n.tag == "latest") {
			c.report(image.Line, nil, "%s moves with every release; a digest is what pins it", image.Value)
		}
	}
}

// everyAddress goes by what is published: no address, 0.0.0.0 and [::] are every
// address of the host (docs.docker.com, "Port publishing and mapping").
func everyAddress(c *serviceCheck) {
	if c.file.Kind == workload.Kubernetes {
		return
	}
	c.each(func(s *workload.Service) {
		if s.PublishAll.On() {
			c.report(s.PublishAll.Line, nil, "%s opens every port that the image exposes on every address", s.Name)
			c.advise("-p 127.0.0.1:…:… for each port that is needed")
		}
		if s.Network.Value == "host" || strings.HasPrefix(s.Network.Value, "container:") || strings.HasPrefix(s.Network.Value, "service:") || s.Network.Value == "none" {
			return // nothing is published
		}
		for _, p := range s.Ports {
			if !unspecified(p.HostIP) || strings.Contains(p.Host, "$") && p.HostIP == "" {
				continue
			}
			host := p.Host
			if host == "" {
				host = "a port that the engine chooses"
			} else {
				host = "port " + host
			}
			c.report(p.Line, nil, "%s opens %s on every address", s.Name, host)
			switch {
			case p.Long:
				c.advise("host_ip: 127.0.0.1, or the address that is meant")
			case c.file.Kind == workload.Compose:
				c.advise("\"127.0.0.1:%s:%s\", or the address that is meant", p.Host, p.Container)
			default:
				c.advise("-p 127.0.0.1:%s:%s, or the address that is meant", p.Host, p.Container)
			}
		}
	})
}

// unspecified reports whether an address is every address.
func unspecified(address string) bool {
	if address == "" {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(address, "[]"))
	return err == nil && ip.Unmap().IsUnspecified()
}

// limited reports whether there is a limit: 0 and -1 take it away.
func limited(t workload.Text) bool { return t.Line > 0 && t.Value != "0" && t.Value != "-1" }
