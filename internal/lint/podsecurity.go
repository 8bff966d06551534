package lint

import (
	"slices"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/workload"
)

// The rules of this file are those of the Pod Security Standards (kubernetes.io,
// "Pod Security Standards", baseline and restricted, as of Kubernetes 1.34) that
// no rule for services in general has. podsecurity_test.go lists the standards
// control by control.
var podSecurityRules = []Rule{{
	ID: "CS102", Title: "No HostProcess containers", Severity: finding.Critical,
	Fix:  "remove windowsOptions.hostProcess",
	Why:  "Such a container of Windows runs on the node itself, with the rights of its user there.",
	Same: []string{"KSV-0103"}, File: "pod.yaml",
	Bad: pod("      securityContext: {windowsOptions: {hostProcess: true}}\n"), Good: pod("      securityContext: {windowsOptions: {runAsUserName: ContainerUser}}\n"),
	service: hostProcess,
}, {
	ID: "CS104", Title: "No capabilities beyond the default ones", Severity: finding.Medium,
	Fix:  "remove it from capabilities.add",
	Why:  "The baseline of the Pod Security Standards allows what containers have by default, without NET_RAW. Of others, CS103 names those with a known way out.",
	Same: []string{"KSV-0022"}, File: "pod.yaml",
	Bad: pod("      securityContext: {capabilities: {add: [NET_RAW]}}\n"), Good: pod("      securityContext: {capabilities: {drop: [ALL], add: [NET_BIND_SERVICE]}}\n"),
	service: addedCapabilities,
}, {
	ID: "CS105", Title: "No paths of the node", Severity: finding.Medium,
	Fix:  "a volume of another type: configMap, emptyDir, persistentVolumeClaim",
	Why:  "What a pod writes there stays on the node and meets other pods; the baseline of the Pod Security Standards allows no hostPath. Paths of the node's system are named by CS114, sockets of its engine by CS113.",
	Same: []string{"KSV-0023"}, File: "pod.yaml",
	Bad:     podWith("  volumes: [{name: logs, hostPath: {path: /srv/logs}}]\n"),
	Good:    podWith("  volumes: [{name: logs, emptyDir: {}}]\n"),
	service: hostPaths,
}, {
	ID: "CS117", Title: "SELinux options are those of containers", Severity: finding.Medium,
	Fix:  "type: container_t, container_init_t, container_kvm_t or container_engine_t, and no user and role",
	Why:  "Another type, user or role takes the container out of the policy that confines containers.",
	Same: []string{"KSV-0025"}, File: "pod.yaml",
	Bad: pod("      securityContext: {seLinuxOptions: {type: spc_t}}\n"), Good: pod("      securityContext: {seLinuxOptions: {type: container_t, level: \"s0:c1,c2\"}}\n"),
	service: seLinuxOptions,
}, {
	ID: "CS118", Title: "What the runtime hides of /proc stays hidden", Severity: finding.Medium,
	Fix:  "remove the option",
	In:   words{kubernetes: "procMount: Default, or nothing"},
	Why:  "Unmasked, /proc and /sys show keys and memory of the node, and take settings for its kernel.",
	Same: []string{"KSV-0027"}, File: "pod.yaml",
	Bad: pod("      securityContext: {procMount: Unmasked}\n"), Good: pod("      securityContext: {procMount: Default}\n"),
	service: procMount,
}, {
	ID: "CS120", Title: "Only safe sysctls", Severity: finding.Medium,
	Fix:  "remove it, or set it on the node",
	Why:  "Others change the node for all of its pods, or switch a protection off. A node refuses them unless its administrator allows them.",
	Same: []string{"KSV-0026"}, File: "pod.yaml",
	Bad:     podWith("  securityContext: {sysctls: [{name: kernel.msgmax, value: \"65536\"}]}\n"),
	Good:    podWith("  securityContext: {sysctls: [{name: net.ipv4.tcp_syncookies, value: \"1\"}]}\n"),
	service: sysctls,
}, {
	ID: "CS122", Title: "Probes and hooks ask the pod itself", Severity: finding.Medium,
	Fix:  "remove host",
	Why:  "The node sends the request, past network policies: anyone who may write the manifest reaches what the node reaches.",
	File: "pod.yaml",
	Bad:  pod("      livenessProbe: {httpGet: {host: 169.254.169.254, path: /, port: 80}}\n"), Good: pod("      livenessProbe: {httpGet: {path: /, port: 80}}\n"),
	service: probeHosts,
}, {
	ID: "CS216", Title: "Volumes of the types that the restricted standard knows", Severity: finding.Low,
	Fix:  "a persistentVolumeClaim",
	Why:  "Other types mount what the node or its network holds with the rights of the node. The restricted Pod Security Standard allows configMap, csi, downwardAPI, emptyDir, ephemeral, image, persistentVolumeClaim, projected and secret.",
	Same: []string{"KSV-0028"}, File: "pod.yaml",
	Bad:     podWith("  volumes: [{name: data, nfs: {server: nfs.example.com, path: /data}}]\n"),
	Good:    podWith("  volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]\n"),
	service: volumeTypes,
}, {
	ID: "CS217", Title: "Only NET_BIND_SERVICE is added back", Severity: finding.Low,
	Fix:  "remove it from capabilities.add",
	Why:  "The restricted Pod Security Standard allows no other: a program that needs one more runs as root in part. CS104 names those that the baseline forbids too.",
	Same: []string{"KSV-0106"}, File: "pod.yaml",
	Bad: pod("      securityContext: {capabilities: {drop: [ALL], add: [CHOWN]}}\n"), Good: pod("      securityContext: {capabilities: {drop: [ALL], add: [NET_BIND_SERVICE]}}\n"),
	service: restrictedCapabilities,
}, {
	ID: "CS218", Title: "Requests of memory and processors", Severity: finding.Negligible,
	Fix:  "resources: {requests: {cpu: …, memory: …}}",
	Why:  "Without them the scheduler puts the pod on any node, however full, and it is the first to be killed when memory is short. A limit is a request too.",
	Same: []string{"KSV-0015", "KSV-0016"}, File: "pod.yaml",
	Bad: pod("      resources: {limits: {memory: 64Mi}}\n"), Good: pod("      resources: {limits: {memory: 64Mi}, requests: {cpu: 100m}}\n"),
	service: requests,
}}

// podWith is a manifest for examples, with more lines for its specification.
func podWith(more string) string { return pod("") + more }

func (c *serviceCheck) eachPod(do func(p *workload.Pod)) {
	for i := range c.file.Pods {
		do(&c.file.Pods[i])
	}
}

// eachContainer yields the containers of pods.
func (c *serviceCheck) eachContainer(do func(s *workload.Service)) {
	if c.file.Kind == workload.Kubernetes {
		c.each(do)
	}
}

// perPod makes one finding of what each container of a pod takes from one line of
// the pod's own.
func (c *serviceCheck) perPod() {
	if c.file.Kind != workload.Kubernetes {
		return
	}
	container := map[string]string{} // names of containers: that of their pod
	begins := map[int]bool{}
	c.each(func(s *workload.Service) {
		if at := strings.LastIndexByte(s.Name, ' '); at > 0 {
			container[s.Name] = s.Name[:at]
		}
		begins[s.Line] = true
	})
	type fault struct {
		rule, message string
		line          int
	}
	first := map[fault]int{}
	kept := c.findings[:0]
	for _, f := range c.findings {
		whole := podMessage(container, f.Message)
		key := fault{f.Rule, whole, f.Line.Line}
		if at, again := first[key]; again && whole != f.Message && !begins[f.Line.Line] {
			kept[at].Message = whole
			continue
		}
		first[key] = len(kept)
		kept = append(kept, f)
	}
	c.findings = kept
}

// podMessage is a message about a container as one about its pod; another message
// comes back as it is.
func podMessage(container map[string]string, message string) string {
	_, after, ok := strings.Cut(message, " ")
	if !ok {
		return message
	}
	end := strings.IndexAny(after, " :")
	if end < 0 {
		return message
	}
	end += len(message) - len(after)
	if pod, ok := container[message[:end]]; ok {
		return pod + message[end:]
	}
	return message
}

func hostProcess(c *serviceCheck) {
	c.eachPod(func(p *workload.Pod) {
		if p.HostProcess.On() {
			c.report(p.HostProcess.Line, nil, "%s runs on the node itself", p.Name)
		}
	})
	c.eachContainer(func(s *workload.Service) {
		if s.HostProcess.On() {
			c.report(s.HostProcess.Line, nil, "%s runs on the node itself", s.Name)
		}
	})
}

// baselineCapabilities are those that the baseline lets a container add.
var baselineCapabilities = []string{
	"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
}

func addedCapabilities(c *serviceCheck) {
	c.eachContainer(func(s *workload.Service) {
		for _, added := range s.CapAdd {
			if name := capability(added.Value); !dangerous[name] && !slices.Contains(baselineCapabilities, name) {
				c.report(added.Line, nil, "%s gets %s", s.Name, name)
			}
		}
	})
}

func restrictedCapabilities(c *serviceCheck) {
	c.eachContainer(func(s *workload.Service) {
		for _, added := range s.CapAdd {
			if name := capability(added.Value); name != "NET_BIND_SERVICE" && slices.Contains(baselineCapabilities, name) {
				c.report(added.Line, nil, "%s gets %s", s.Name, name)
			}
		}
	})
}

// hostPaths leaves out what a container mounts and another rule names for it.
func hostPaths(c *serviceCheck) {
	named := map[string]bool{}
	c.each(func(s *workload.Service) {
		for _, m := range s.Mounts {
			named[m.Source] = named[m.Source] || engineSockets().MatchString(m.Source) || engineSockets().MatchString(m.Target) || ofSystem(m.Source)
		}
	})
	c.eachPod(func(p *workload.Pod) {
		for _, v := range p.Volumes {
			if v.Type == "hostPath" && !named[v.Path] {
				c.report(v.Line, nil, "%s: volume %s is %s of the node", p.Name, v.Name, v.Path)
			}
		}
	})
}

// volumeKinds are the types of volumes that the restricted standard allows.
// Images are read-only content, which it does not speak of.
var volumeKinds = []string{"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected", "secret"}

func volumeTypes(c *serviceCheck) {
	c.eachPod(func(p *workload.Pod) {
		for _, v := range p.Volumes {
			if v.Type != "" && v.Type != "hostPath" && !slices.Contains(volumeKinds, v.Type) {
				c.report(v.Line, nil, "%s: volume %s is of the type %s", p.Name, v.Name, v.Type)
			}
		}
	})
}

// containerTypes are the types of SELinux's policy for containers.
var containerTypes = []string{"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}

func seLinuxOptions(c *serviceCheck) {
	look := func(name string, options []workload.Variable) {
		for _, o := range options {
			switch {
			case o.Name == "type" && !slices.Contains(containerTypes, o.Value), (o.Name == "user" || o.Name == "role") && o.Value != "":
				c.report(o.Line, nil, "%s: the %s of SELinux is %s", name, o.Name, o.Value)
			}
		}
	}
	c.eachPod(func(p *workload.Pod) { look(p.Name, p.SELinux) })
	c.eachContainer(func(s *workload.Service) { look(s.Name, s.SELinux) })
}

// procMount knows Docker's option and Podman's too.
func procMount(c *serviceCheck) {
	c.each(func(s *workload.Service) {
		if s.ProcMount.Line > 0 && s.ProcMount.Value != "Default" {
			c.report(s.ProcMount.Line, nil, "%s: procMount is %s", s.Name, s.ProcMount.Value)
		}
		for _, option := range s.SecurityOpt {
			value := strings.ReplaceAll(option.Value, ":", "=")
			if value == "systempaths=unconfined" || strings.HasPrefix(strings.ToLower(value), "unmask=all") {
				c.report(option.Line, nil, "%s: %s", s.Name, option.Value)
			}
		}
	})
}

// safeSysctls are those that the baseline allows, the last since Kubernetes 1.29.
var safeSysctls = []string{
	"kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start", "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range",
	"net.ipv4.ip_local_reserved_ports", "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes",
	"net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem", "net.ipv4.tcp_slow_start_after_idle", "net.ipv4.tcp_notsent_lowat",
}

func sysctls(c *serviceCheck) {
	c.eachPod(func(p *workload.Pod) {
		for _, s := range p.Sysctls {
			if !slices.Contains(safeSysctls, strings.ReplaceAll(s.Value, "/", ".")) {
				c.report(s.Line, nil, "%s sets %s", p.Name, s.Value)
			}
		}
	})
}

func probeHosts(c *serviceCheck) {
	c.eachContainer(func(s *workload.Service) {
		for _, host := range s.ProbeHosts {
			c.report(host.Line, nil, "%s is probed at %s", s.Name, host.Value)
		}
	})
}

func requests(c *serviceCheck) {
	lacking("requests no memory or no processors", inKubernetes, func(s *workload.Service) bool {
		return s.Requests.Memory.Line > 0 && s.Requests.CPU.Line > 0 || s.Init
	})(c)
}
