package confine

import (
	"encoding/json"
	"fmt"
)

// The parts of a container's configuration that are used (runtime-spec 1.0,
// config.md, config-linux.md).
type (
	ociSpec struct {
		Version  string     `json:"ociVersion"`
		Hostname string     `json:"hostname"`
		Root     ociRoot    `json:"root"`
		Process  ociProcess `json:"process"`
		Mounts   []ociMount `json:"mounts"`
		Linux    ociLinux   `json:"linux"`
	}
	ociRoot struct {
		Path string `json:"path"`
	}
	ociProcess struct {
		User         ociUser             `json:"user"`
		Args         []string            `json:"args"`
		Env          []string            `json:"env"`
		Dir          string              `json:"cwd"`
		NoNew        bool                `json:"noNewPrivileges"`
		Capabilities map[string][]string `json:"capabilities"`
		Limits       []ociLimit          `json:"rlimits"`
	}
	ociUser struct {
		UID    int   `json:"uid"`
		GID    int   `json:"gid"`
		Groups []int `json:"additionalGids,omitempty"`
	}
	ociLimit struct {
		Type string `json:"type"`
		Hard uint64 `json:"hard"`
		Soft uint64 `json:"soft"`
	}
	ociMount struct {
		At      string   `json:"destination"`
		Type    string   `json:"type"`
		Source  string   `json:"source"`
		Options []string `json:"options"`
	}
	ociLinux struct {
		Cgroup     string         `json:"cgroupsPath"`
		Resources  ociResources   `json:"resources"`
		UIDs       []ociIDs       `json:"uidMappings"`
		GIDs       []ociIDs       `json:"gidMappings"`
		Namespaces []ociNamespace `json:"namespaces"`
		Masked     []string       `json:"maskedPaths"`
		ReadOnly   []string       `json:"readonlyPaths"`
		Seccomp    ociSeccomp     `json:"seccomp"`
	}
	ociResources struct {
		Devices []ociDevice `json:"devices"`
		Memory  struct {
			Limit int64 `json:"limit"`
		} `json:"memory"`
		Processes struct {
			Limit int64 `json:"limit"`
		} `json:"pids"`
	}
	ociDevice struct {
		Allow  bool   `json:"allow"`
		Access string `json:"access"`
	}
	ociIDs struct {
		Inside  int `json:"containerID"`
		Outside int `json:"hostID"`
		Size    int `json:"size"`
	}
	ociNamespace struct {
		Type string `json:"type"`
	}
)

// capabilities are those that programs of containers are seen to need: to give
// files and themselves to other users, to chroot, to listen below 1024. Of Docker's
// list mknod, net_raw, setfcap and audit_write are left out: a user namespace
// refuses what they are for.
var capabilities = []string{"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID",
	"CAP_SETUID", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT"}

// What of /proc tells of the machine or changes it, as runtimes mask it.
var (
	masked = []string{"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
		"/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/proc/key-users"}
	readOnly = []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
)

// spec is the configuration of a run whose root is mounted at root and whose
// control group has a name. The network is missing among the namespaces: the
// program inherits the one in which the runtime is started, over which its root
// has no power.
func (p *Program) spec(root, cgroup string) ([]byte, error) {
	s := ociSpec{
		Version: "1.0.2", Hostname: "careen", Root: ociRoot{root},
		Process: ociProcess{
			User: ociUser{p.UID, p.GID, p.Groups}, Args: p.Args, Env: p.Env, Dir: p.Dir, NoNew: true,
			Capabilities: map[string][]string{"bounding": capabilities, "permitted": capabilities, "effective": capabilities},
			Limits: []ociLimit{
				{"RLIMIT_NOFILE", maxFiles, maxFiles},
				// One byte is no core file, and tells the kernel not to start the machine's
				// own handler either (core(5), fs/coredump.c).
				{"RLIMIT_CORE", 1, 1},
			},
		},
		Mounts: []ociMount{
			{"/proc", "proc", "proc", []string{"nosuid", "noexec", "nodev"}},
			{"/dev", "tmpfs", "tmpfs", []string{"nosuid", "noexec", "mode=755", "size=1m"}},
			{"/dev/pts", "devpts", "devpts", []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}},
			{"/dev/shm", "tmpfs", "shm", []string{"nosuid", "noexec", "nodev", "mode=1777", fmt.Sprintf("size=%d", maxDisk/4)}},
			{"/dev/mqueue", "mqueue", "mqueue", []string{"nosuid", "noexec", "nodev"}},
		},
		Linux: ociLinux{
			Cgroup: "/" + cgroup,
			UIDs:   []ociIDs{{0, Shift, ids}}, GIDs: []ociIDs{{0, Shift, ids}},
			Masked: masked, ReadOnly: readOnly, Seccomp: seccomp(),
		},
	}
	if p.UID != 0 { // as exec(2) has it
		s.Process.Capabilities = map[string][]string{"bounding": capabilities}
	}
	for _, name := range []string{"user", "mount", "pid", "ipc", "uts", "cgroup"} {
		s.Linux.Namespaces = append(s.Linux.Namespaces, ociNamespace{name})
	}
	s.Linux.Resources.Devices = []ociDevice{{false, "rwm"}}
	s.Linux.Resources.Memory.Limit = maxMemory
	s.Linux.Resources.Processes.Limit = maxProcesses
	return json.Marshal(s)
}
