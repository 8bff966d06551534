package lint

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/careen/careen/internal/golden"
)

// hardened is a pod that both standards take, with places for more of the pod
// (%[1]s), of its container's security context (%[2]s) and of the container (%[3]s).
const hardened = `apiVersion: v1
kind: Pod
metadata:
  name: p
spec:
  automountServiceAccountToken: false
%[1]s
  containers:
  - name: a
    image: registry.example.com/a:1@sha256:0000000000000000000000000000000000000000000000000000000000000000
    resources: {limits: {memory: 64Mi, cpu: 1}}
%[3]s
    securityContext:
      runAsNonRoot: true
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: {drop: [ALL]}
      seccompProfile: {type: RuntimeDefault}
%[2]s
`

// controls are those of the Pod Security Standards, each with fields that it
// forbids and values that it allows: kubernetes.io, "Pod Security Standards".
var controls = []struct {
	level, name, rule string
	where             int // 0: the pod, 1: the container's security context, 2: the container
	bad, good         []string
}{
	{"baseline", "HostProcess", "CS102", 1, []string{"windowsOptions: {hostProcess: true}"}, []string{"windowsOptions: {hostProcess: false}", "windowsOptions: {}"}},
	{"baseline", "HostProcess of the pod", "CS102", 0, []string{"securityContext: {windowsOptions: {hostProcess: true}}"}, []string{"securityContext: {windowsOptions: {hostProcess: false}}"}},
	{"baseline", "Host Namespaces: network", "CS108", 0, []string{"hostNetwork: true"}, []string{"hostNetwork: false"}},
	{"baseline", "Host Namespaces: PID", "CS109", 0, []string{"hostPID: true"}, []string{"hostPID: false"}},
	{"baseline", "Host Namespaces: IPC", "CS110", 0, []string{"hostIPC: true"}, []string{"hostIPC: false"}},
	{"baseline", "Privileged Containers", "CS101", 1, []string{"privileged: true"}, []string{"privileged: false"}},
	{"baseline", "Capabilities with a way out", "CS103", 1, []string{"capabilities: {add: [SYS_ADMIN]}", "capabilities: {add: [NET_ADMIN]}", "capabilities: {add: [ALL]}"}, nil},
	{"baseline", "Capabilities", "CS104", 1, []string{"capabilities: {add: [NET_RAW]}", "capabilities: {add: [SYS_NICE]}", "capabilities: {add: [IPC_LOCK]}"}, []string{"capabilities: {add: [CHOWN, MKNOD, KILL]}"}},
	{"baseline", "HostPath Volumes", "CS105", 0, []string{"volumes: [{name: v, hostPath: {path: /srv/x}}]", "volumes: [{name: v, hostPath: {path: /etc/localtime}}]"}, []string{"volumes: [{name: v, emptyDir: {}}]"}},
	{"baseline", "Host Ports", "CS214", 2, []string{"ports: [{containerPort: 80, hostPort: 80}]"}, []string{"ports: [{containerPort: 80, hostPort: 0}]", "ports: [{containerPort: 80}]"}},
	{"baseline", "Host Probes: httpGet", "CS122", 2, []string{"livenessProbe: {httpGet: {host: 10.0.0.1, port: 80}}", "readinessProbe: {tcpSocket: {host: db, port: 1}}", "startupProbe: {httpGet: {host: x, port: 1}}"}, []string{"livenessProbe: {httpGet: {port: 80}}", "livenessProbe: {httpGet: {host: '', port: 80}}"}},
	{"baseline", "Lifecycle Hooks", "CS122", 2, []string{"lifecycle: {postStart: {httpGet: {host: x, port: 1}}}", "lifecycle: {preStop: {tcpSocket: {host: x, port: 1}}}"}, []string{"lifecycle: {preStop: {exec: {command: [x]}}}"}},
	{"baseline", "AppArmor", "CS116", 1, []string{"appArmorProfile: {type: Unconfined}"}, []string{"appArmorProfile: {type: RuntimeDefault}", "appArmorProfile: {type: Localhost, localhostProfile: x}"}},
	{"baseline", "AppArmor of the pod", "CS116", 0, []string{"securityContext: {appArmorProfile: {type: Unconfined}}"}, nil},
	{"baseline", "SELinux", "CS117", 1, []string{"seLinuxOptions: {type: spc_t}", "seLinuxOptions: {user: system_u}", "seLinuxOptions: {role: system_r}"}, []string{"seLinuxOptions: {type: container_t}", "seLinuxOptions: {type: container_engine_t, level: 's0:c1'}", "seLinuxOptions: {user: ''}"}},
	{"baseline", "SELinux of the pod", "CS117", 0, []string{"securityContext: {seLinuxOptions: {type: unconfined_t}}"}, []string{"securityContext: {seLinuxOptions: {level: 's0:c1'}}"}},
	{"baseline", "/proc Mount Type", "CS118", 1, []string{"procMount: Unmasked"}, []string{"procMount: Default"}},
	{"baseline", "Seccomp", "CS115", 1, []string{"seccompProfile: {type: Unconfined}"}, []string{"seccompProfile: {type: Localhost, localhostProfile: x}"}},
	{"baseline", "Seccomp of the pod, whatever its containers say", "CS115", 0, []string{"securityContext: {seccompProfile: {type: Unconfined}}"}, []string{"securityContext: {seccompProfile: {type: RuntimeDefault}}"}},
	{"baseline", "Sysctls", "CS120", 0, []string{"securityContext: {sysctls: [{name: kernel.msgmax, value: '1'}]}", "securityContext: {sysctls: [{name: net.core.somaxconn, value: '1'}]}"}, []string{"securityContext: {sysctls: [{name: net.ipv4.ip_local_port_range, value: '1 2'}, {name: net.ipv4.tcp_fin_timeout, value: '1'}, {name: net.ipv4.tcp_rmem, value: 4096 87380 6291456}, {name: kernel.shm_rmid_forced, value: '1'}]}"}},

	{"restricted", "Volume Types", "CS216", 0, []string{"volumes: [{name: v, nfs: {server: x, path: /}}]", "volumes: [{name: v, iscsi: {}}]", "volumes: [{name: v, gitRepo: {repository: x}}]"}, []string{"volumes: [{name: v, configMap: {name: x}}, {name: w, csi: {driver: x}}, {name: x, projected: {sources: []}}, {name: y, ephemeral: {}}, {name: z, secret: {secretName: s}}]"}},
	{"restricted", "Privilege Escalation", "CS203", 1, []string{"allowPrivilegeEscalation: true"}, nil},
	{"restricted", "Running as Non-root", "CS204", 1, []string{"runAsNonRoot: false"}, nil},
	{"restricted", "Running as Non-root user", "CS106", 1, []string{"runAsUser: 0"}, []string{"runAsUser: 1000"}},
	{"restricted", "Running as Non-root user, of the pod", "CS106", 0, []string{"securityContext: {runAsUser: 0}"}, []string{"securityContext: {runAsUser: 1}"}},
	{"restricted", "Capabilities to add", "CS217", 1, []string{"capabilities: {drop: [ALL], add: [CHOWN]}"}, []string{"capabilities: {drop: [ALL], add: [NET_BIND_SERVICE]}"}},
	{"restricted", "Capabilities to drop", "CS201", 1, []string{"capabilities: {drop: [NET_RAW]}", "capabilities: {}"}, []string{"capabilities: {drop: [ALL]}"}},
}

// TestPodSecurityPage writes the standards down, control by control.
func TestPodSecurityPage(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Pod Security Standards\n\n`careen lint` has the baseline and the restricted standard whole ([kubernetes.io](https://kubernetes.io/docs/concepts/security/pod-security-standards/),\nas of Kubernetes 1.37), for the containers, init containers and ephemeral containers of every kind that has pods. What\nmeans nothing on Windows is not asked of pods with `os: {name: windows}`.\n\n| standard | control | rule | found, for example | not found |\n|---|---|---|---|---|\n")
	for _, c := range controls {
		good := ""
		if len(c.good) > 0 {
			good = "`" + c.good[0] + "`"
		}
		fmt.Fprintf(&b, "| %s | %s | [%s](rules/%[3]s.md) | `%[4]s` | %[5]s |\n", c.level, c.name, c.rule, c.bad[0], good)
	}
	b.WriteString("| restricted | Seccomp is asked for | [CS205](rules/CS205.md) | no `seccompProfile` | `seccompProfile: {type: RuntimeDefault}` |\n")
	golden.File(t, filepath.Join("..", "..", "docs", "pod-security.md"), b.String())
}

// withField is the hardened pod with one field more, or another value for it.
func withField(where int, field string) string {
	parts := make([]any, 3)
	for i := range parts {
		parts[i] = ""
	}
	indent := []string{"  ", "      ", "    "}[where]
	parts[where] = indent + field
	text := fmt.Sprintf(hardened, parts[0], parts[1], parts[2])
	if key, _, _ := strings.Cut(field, ":"); where == 1 { // no key twice
		before, after, _ := strings.Cut(text, "    securityContext:\n")
		var kept []string
		for _, line := range strings.Split(after, "\n") {
			if !strings.HasPrefix(strings.TrimSpace(line), key+":") || strings.TrimSpace(line) == field {
				kept = append(kept, line)
			}
		}
		text = before + "    securityContext:\n" + strings.Join(kept, "\n")
	}
	return text
}

func TestPodSecurityStandards(t *testing.T) {
	if got := found(mustCheck(t, "pod.yaml", fmt.Sprintf(hardened, "", "", ""), Options{})); got != "" {
		t.Fatalf("the hardened pod: %s", got)
	}
	for _, c := range controls {
		has := func(text string) bool {
			r := mustCheck(t, "pod.yaml", text, Options{})
			return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Rule == c.rule })
		}
		for _, bad := range c.bad {
			if !has(withField(c.where, bad)) {
				t.Errorf("%s, %s: %s is not found by %s", c.level, c.name, bad, c.rule)
			}
		}
		for _, good := range c.good {
			if has(withField(c.where, good)) {
				t.Errorf("%s, %s: %s is found by %s", c.level, c.name, good, c.rule)
			}
		}
	}
}

// TestPodsEverywhere looks for the same container in every kind that has pods,
// and in every list of containers.
func TestPodsEverywhere(t *testing.T) {
	container := "{name: a, image: 'x:1', securityContext: {privileged: true}}"
	meta := "metadata: {name: n}, "
	podSpec := "spec: {containers: [" + container + "]}"
	for name, text := range map[string]string{
		"Pod":         "{apiVersion: v1, kind: Pod, " + meta + podSpec + "}",
		"Deployment":  "{apiVersion: apps/v1, kind: Deployment, " + meta + "spec: {template: {" + podSpec + "}}}",
		"CronJob":     "{apiVersion: batch/v1, kind: CronJob, " + meta + "spec: {jobTemplate: {spec: {template: {" + podSpec + "}}}}}",
		"PodTemplate": "{apiVersion: v1, kind: PodTemplate, " + meta + "template: {" + podSpec + "}}",
		"List":        "{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Pod, " + meta + podSpec + "}]}",
		"documents":   "a: b\n---\n{apiVersion: v1, kind: Service}\n---\n{apiVersion: v1, kind: Pod, " + meta + podSpec + "}",
		"init":        "{apiVersion: v1, kind: Pod, " + meta + "spec: {containers: [], initContainers: [" + container + "]}}",
		"ephemeral":   "{apiVersion: v1, kind: Pod, " + meta + "spec: {containers: [], ephemeralContainers: [" + container + "]}}",
	} {
		r := mustCheck(t, "x.yaml", text, Options{Only: []string{"CS101"}})
		if len(r.Findings) != 1 {
			t.Errorf("%s: %s", name, found(r))
		}
	}
}

// TestWindowsPods holds that what means nothing on Windows is not asked for
// there: the standards exempt os.name windows from three controls.
func TestWindowsPods(t *testing.T) {
	text := "apiVersion: v1\nkind: Pod\nmetadata: {name: w}\nspec:\n  os: {name: windows}\n  containers:\n  - name: a\n    image: x:1\n    securityContext: {runAsNonRoot: true}\n"
	if got := found(mustCheck(t, "pod.yaml", text, Options{Only: []string{"CS201", "CS203", "CS204", "CS205"}})); got != "" {
		t.Error(got)
	}
}

func TestAnnotationsOfProfiles(t *testing.T) {
	text := `apiVersion: apps/v1
kind: Deployment
metadata: {name: d}
spec:
  template:
    metadata:
      annotations:
        container.apparmor.security.beta.kubernetes.io/a: %s
        seccomp.security.alpha.kubernetes.io/pod: %s
    spec:
      containers: [{name: a, image: 'x:1'}]
`
	only := Options{Only: []string{"CS115", "CS116"}}
	if got := found(mustCheck(t, "d.yaml", fmt.Sprintf(text, "unconfined", "unconfined"), only)); got != "CS116@8 CS115@9" {
		t.Error(got)
	}
	if got := found(mustCheck(t, "d.yaml", fmt.Sprintf(text, "localhost/x", "runtime/default"), only)); got != "" {
		t.Error(got)
	}
}
