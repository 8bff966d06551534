package harden

import (
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/surface"
)

// need notes a capability; the surest reason stays.
func (a *analysis) need(capability, why string, how Confidence) {
	if known, ok := a.caps[capability]; ok && rank(known.Confidence) <= rank(how) {
		return
	}
	a.caps[capability] = Advice{capability, why, how}
}

func rank(c Confidence) int { return slices.Index([]Confidence{Sure, Likely, Guess}, c) }

// lowestFree is the first port that every user may bind by Linux's own default
// (net.ipv4.ip_unprivileged_port_start). Docker sets that to 0 in containers,
// Kubernetes does not.
const lowestFree = 1024

func (a *analysis) ports() {
	for _, p := range a.src.Image.Config.ExposedPorts {
		number, _, _ := strings.Cut(p, "/")
		if n, err := strconv.Atoi(number); err == nil && n > 0 && n < lowestFree {
			a.low = append(a.low, n)
			a.need("NET_BIND_SERVICE", "EXPOSE "+p+" is below 1024", Sure)
		}
	}
}

// imported says which capability a function needs (capabilities(7)).
var imported = map[string]string{
	"setuid": "SETUID", "setreuid": "SETUID", "setresuid": "SETUID", "seteuid": "SETUID", "setfsuid": "SETUID",
	"setgid": "SETGID", "setregid": "SETGID", "setresgid": "SETGID", "setegid": "SETGID", "setgroups": "SETGID", "initgroups": "SETGID",
	"chown": "CHOWN", "lchown": "CHOWN", "fchown": "CHOWN", "fchownat": "CHOWN",
	"chroot": "SYS_CHROOT", "mount": "SYS_ADMIN", "umount": "SYS_ADMIN", "umount2": "SYS_ADMIN", "pivot_root": "SYS_ADMIN", "setns": "SYS_ADMIN",
	"ptrace": "SYS_PTRACE", "mlockall": "IPC_LOCK", "settimeofday": "SYS_TIME", "clock_settime": "SYS_TIME", "adjtimex": "SYS_TIME",
	"reboot": "SYS_BOOT", "sched_setscheduler": "SYS_NICE",
}

// run says which capabilities a program needs that a script runs.
var run = map[string][]string{
	"chown": {"CHOWN"}, "chgrp": {"CHOWN"}, "gosu": {"SETUID", "SETGID"}, "su-exec": {"SETUID", "SETGID"}, "setpriv": {"SETUID", "SETGID"},
	"su": {"SETUID", "SETGID"}, "runuser": {"SETUID", "SETGID"}, "sudo": {"SETUID", "SETGID"}, "s6-setuidgid": {"SETUID", "SETGID"},
	"s6-applyuidgid": {"SETUID", "SETGID"}, "chpst": {"SETUID", "SETGID"}, "mount": {"SYS_ADMIN"}, "umount": {"SYS_ADMIN"},
	"unshare": {"SYS_ADMIN"}, "chroot": {"SYS_CHROOT"}, "ping": {"NET_RAW"}, "tcpdump": {"NET_RAW"}, "arping": {"NET_RAW"},
	"iptables": {"NET_ADMIN", "NET_RAW"}, "ip6tables": {"NET_ADMIN", "NET_RAW"}, "nft": {"NET_ADMIN"}, "ip": {"NET_ADMIN"},
	"ifconfig": {"NET_ADMIN"}, "route": {"NET_ADMIN"}, "mknod": {"MKNOD"}, "ntpd": {"SYS_TIME"}, "chronyd": {"SYS_TIME"},
}

// onlyRoot are the capabilities without which a program that starts as root has
// no use for that. A program that can set owners, limits or priorities mostly
// does without when it may not.
var onlyRoot = []string{"SETUID", "SETGID", "SYS_CHROOT", "SYS_ADMIN", "NET_ADMIN", "SYS_BOOT", "SYS_TIME", "MKNOD"}

// incidental are programs whose imports say little: they set owners and clocks
// only if told to.
var incidental = []string{"busybox", "toybox", "cp", "mv", "install", "ln", "tar", "cpio", "rsync", "sed", "gzip", "bzip2", "xz", "zstd", "date",
	"nano", "vi", "vim", "less", "tail", "touch", "find", "env", "nice", "tini", "dumb-init", "catatonit"}

// programs looks at what command lines start. What a library or a string may
// run would ask for everything.
func (a *analysis) programs() {
	for e := range a.src.Reach.Files() {
		if e.Mode.IsDir() || !a.src.Reach.Started(e.Path) {
			continue
		}
		if caps, ok := run[path.Base(e.Path)]; ok && inBin(e.Path) {
			for _, c := range caps {
				a.need(c, "/"+e.Path+" is run", Likely)
			}
			a.rights(e)
			continue
		}
		if !e.Mode.IsRegular() {
			continue
		}
		a.rights(e)
		elf, ok := a.src.Reach.ELF(e.Path)
		if !ok || a.src.Reach.IsInterpreter(e.Path) || slices.Contains(incidental, path.Base(e.Path)) {
			continue
		}
		if a.src.Reach.Opaque(e.Path) {
			a.opaque = e.Path
		}
		for _, f := range elf.Imports {
			if c, ok := imported[f]; ok {
				a.need(c, "/"+e.Path+" imports "+f, Likely)
			}
		}
	}
	if _, drops := a.caps["SETUID"]; drops {
		a.need("KILL", "it signals processes of the user that it changes to", Guess)
	}
}

// rights notes what the file itself gives to its caller.
func (a *analysis) rights(e *rootfs.Entry) {
	if e.Mode&(fs.ModeSetuid|fs.ModeSetgid) != 0 && e.Mode&0o111 != 0 {
		a.gains = append(a.gains, "/"+e.Path+" is setuid or setgid")
	}
	for _, c := range surface.Capabilities(e.Caps) {
		a.need(strings.ToUpper(strings.TrimPrefix(c, "cap_")), "/"+e.Path+" has it as a capability of the file", Sure)
		a.gains = append(a.gains, "/"+e.Path+" has "+c+" of its own")
	}
}

func inBin(file string) bool {
	dir := path.Base(path.Dir(file))
	return dir == "bin" || dir == "sbin"
}
