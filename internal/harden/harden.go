// Package harden works out with how little a container of an image can live:
// which user, which capabilities, which places to write. It reads what reach
// found and what the programs import, runs nothing, and gives each piece of
// advice its reason and how sure it is of it. What starts the container, with
// Docker, compose or Kubernetes, is written in render.go.
package harden

import (
	"cmp"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/reach"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/surface"
)

// Source is the image as it was read.
type Source struct {
	Image    *image.Image
	Tree     *rootfs.Tree
	Packages []sbom.Package
	Reach    *reach.Result
}

// Confidence says how sure a piece of advice is.
type Confidence string

// The confidences.
const (
	Sure   Confidence = "sure"   // the image says so
	Likely Confidence = "likely" // its programs can do no other thing with what they import or name
	Guess  Confidence = "guess"  // a convention
)

// Advice is one thing to set, and why.
type Advice struct {
	What       string     `json:"what"` // the user, the capability or the path
	Why        string     `json:"why"`
	Confidence Confidence `json:"confidence"`
}

// Profile is what a container needs.
type Profile struct {
	User         Advice   `json:"user"` // UID:GID; What is "0:0" where root is needed
	Root         bool     `json:"root"` // it has to start as root
	Capabilities []Advice `json:"capabilities"`
	Tmpfs        []Advice `json:"tmpfs"`           // places it writes that may be forgotten
	Volumes      []Advice `json:"volumes"`         // places whose content should outlive the container
	Ports        []int    `json:"ports,omitempty"` // exposed ones below 1024
	Gains        []string `json:"gains,omitempty"` // why no-new-privileges may break something
}

// NonRoot is the user that images without one of their own are given, as
// distroless images have it.
const NonRoot = 65532

// Analyse works out the profile of an image.
func Analyse(src Source) *Profile {
	a := analysis{src: src, caps: map[string]Advice{}, writes: map[string]Advice{}}
	a.ports()
	a.programs()
	a.places()
	return a.profile()
}

type analysis struct {
	src    Source
	caps   map[string]Advice
	low    []int    // ports below 1024
	gains  []string // reached files that give rights to whoever runs them
	writes map[string]Advice
	owners map[int]int // of the places, how many by UID
}

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

// onlyRoot are the capabilities that a process has to be given to use; those of
// a port or a raw socket can also stand on the file.
var onlyRoot = []string{"SETUID", "SETGID", "CHOWN", "SYS_CHROOT", "SYS_ADMIN", "SYS_BOOT", "SYS_TIME", "MKNOD"}

// programs looks at what is surely reached. A program that may be run, but is
// not seen to be, would ask for everything.
func (a *analysis) programs() {
	for e, state := range a.src.Reach.Files() {
		if state != reach.Reached || e.Mode.IsDir() {
			continue
		}
		if caps, ok := run[path.Base(e.Path)]; ok && isProgram(e) && inBin(e.Path) {
			for _, c := range caps {
				a.need(c, "/"+e.Path+" is run", Likely)
			}
			continue
		}
		if !e.Mode.IsRegular() {
			continue
		}
		if e.Mode&(fs.ModeSetuid|fs.ModeSetgid) != 0 && e.Mode&0o111 != 0 {
			a.gains = append(a.gains, "/"+e.Path+" is setuid or setgid")
		}
		for _, c := range surface.Capabilities(e.Caps) {
			a.need(strings.ToUpper(strings.TrimPrefix(c, "cap_")), "/"+e.Path+" has it as a capability of the file", Sure)
			a.gains = append(a.gains, "/"+e.Path+" has capabilities of its own")
		}
		elf, ok := a.src.Reach.ELF(e.Path)
		if !ok || elf.Interpreter == "" || a.src.Reach.IsInterpreter(e.Path) || strings.Contains(path.Base(e.Path), ".so") {
			continue
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

func isProgram(e *rootfs.Entry) bool { return e.Mode&fs.ModeSymlink != 0 || e.Mode&0o111 != 0 }

func inBin(file string) bool {
	dir := path.Base(path.Dir(file))
	return dir == "bin" || dir == "sbin"
}

// places collects where the container writes.
func (a *analysis) places() {
	cfg := &a.src.Image.Config
	a.owners = map[int]int{}
	for _, v := range cfg.Volumes {
		a.write(v, "VOLUME", Sure)
	}
	a.write("/tmp", "temporary files", Guess)
	for e, state := range a.src.Reach.Files() {
		if !e.Mode.IsDir() || state == reach.NotReached {
			continue
		}
		dir := e.Path
		switch {
		case dir == "run" || dir == "var/run":
			a.write("/run", "pids and sockets", Guess)
		case isPlace(dir):
			how, why := Guess, "reached, and of a place for changing data"
			if e.UID != 0 {
				how, why = Likely, "belongs to user "+strconv.Itoa(e.UID)
				a.owners[e.UID]++
			}
			a.write("/"+dir, why, how)
		}
	}
}

// isPlace reports whether a directory is a package's own where such write
// (FHS 3.0, chapter 5).
func isPlace(dir string) bool {
	for _, above := range [...]string{"var/log", "var/cache", "var/lib", "var/spool", "run"} {
		if path.Dir(dir) == above {
			switch dir {
			case "var/lib/dpkg", "var/lib/apt", "var/cache/apt", "var/cache/debconf", "var/cache/ldconfig", "var/log/apt", "var/lib/rpm",
				"var/lib/misc", "var/lib/pam", "var/lib/systemd", "var/lib/ucf", "run/lock", "var/lib/ca-certificates", "var/lib/private",
				"var/lib/apk", "var/cache/apk", "var/cache/man", "var/lib/python", "var/cache/fontconfig":
				return false
			}
			return true
		}
	}
	return false
}

func (a *analysis) write(dir, why string, how Confidence) {
	dir = path.Clean("/" + dir)
	if known, ok := a.writes[dir]; !ok || rank(how) < rank(known.Confidence) {
		a.writes[dir] = Advice{dir, why, how}
	}
}

// profile puts the evidence together.
func (a *analysis) profile() *Profile {
	p := &Profile{Capabilities: []Advice{}, Tmpfs: []Advice{}, Volumes: []Advice{}, Ports: a.low, Gains: a.gains}
	a.chooseUser(p)
	for _, c := range a.caps {
		// A user who is not root can use no capability but those that the
		// runtime gives to files, or to every process (NET_BIND_SERVICE).
		if p.Root || !slices.Contains(onlyRoot, c.What) && c.What != "KILL" {
			p.Capabilities = append(p.Capabilities, c)
		}
	}
	slices.SortFunc(p.Capabilities, byWhat)
	for dir, advice := range a.writes {
		if a.covered(dir) {
			continue
		}
		if a.persists(dir) {
			p.Volumes = append(p.Volumes, advice)
		} else {
			p.Tmpfs = append(p.Tmpfs, advice)
		}
	}
	slices.SortFunc(p.Tmpfs, byWhat)
	slices.SortFunc(p.Volumes, byWhat)
	if p.Root {
		a.readOthers(p)
	}
	return p
}

func byWhat(a, b Advice) int { return cmp.Compare(a.What, b.What) }

// covered reports whether a place above this one is writable already.
func (a *analysis) covered(dir string) bool {
	for up := path.Dir(dir); up != "/"; up = path.Dir(up) {
		if _, ok := a.writes[up]; ok {
			return true
		}
	}
	return false
}

// persists reports whether a place is for data that should outlive a container:
// a declared volume, or state (FHS 3.0, 5.8).
func (a *analysis) persists(dir string) bool {
	for _, v := range a.src.Image.Config.Volumes {
		if path.Clean("/"+v) == dir {
			return true
		}
	}
	return strings.HasPrefix(dir, "/var/lib/")
}

// chooseUser finds who the container may run as.
func (a *analysis) chooseUser(p *Profile) {
	cfg := &a.src.Image.Config
	user, _, _ := strings.Cut(cfg.User, ":")
	if user != "" && user != "root" && user != "0" {
		p.User = Advice{cfg.User, "USER " + cfg.User, Sure}
		if id, ok := a.numeric(cfg.User); ok {
			p.User.What = id
		}
		return
	}
	for _, c := range onlyRoot {
		if advice, ok := a.caps[c]; ok {
			p.Root = true
			p.User = Advice{"0:0", "root: " + advice.Why, advice.Confidence}
			return
		}
	}
	uid, why, how := NonRoot, "nothing that is reached needs root", Likely
	if len(a.owners) == 1 {
		for owner := range a.owners {
			uid, why = owner, "nothing that is reached needs root, and what it writes belongs to this user"
		}
	}
	p.User = Advice{strconv.Itoa(uid) + ":" + strconv.Itoa(a.group(uid)), why, how}
}

// readOthers adds what root without capabilities cannot do: open what belongs to
// others and is closed to the rest.
func (a *analysis) readOthers(p *Profile) {
	for e, state := range a.src.Reach.Files() {
		if state != reach.Reached || e.UID == 0 || e.Mode&fs.ModeSymlink != 0 {
			continue
		}
		if e.Mode.Perm()&0o007 != 0 || e.Mode.Perm()&0o200 == 0 {
			continue
		}
		p.Capabilities = append(p.Capabilities, Advice{"DAC_OVERRIDE", "/" + e.Path + " belongs to user " + strconv.Itoa(e.UID) + " and is closed to others", Likely})
		slices.SortFunc(p.Capabilities, byWhat)
		return
	}
}

// numeric resolves a configured user by the image's passwd.
func (a *analysis) numeric(spec string) (string, bool) {
	user, group, hasGroup := strings.Cut(spec, ":")
	for line := range a.lines("etc/passwd") {
		if line[0] != user && line[2] != user {
			continue
		}
		gid := line[3]
		if hasGroup {
			gid = group
			for g := range a.lines("etc/group") {
				if g[0] == group {
					gid = g[2]
				}
			}
		}
		if _, err := strconv.Atoi(gid); err != nil {
			return "", false
		}
		return line[2] + ":" + gid, true
	}
	_, err := strconv.Atoi(user)
	return user, err == nil && !hasGroup
}

// group returns a user's group, the same number where passwd does not say.
func (a *analysis) group(uid int) int {
	for line := range a.lines("etc/passwd") {
		if line[2] == strconv.Itoa(uid) {
			if gid, err := strconv.Atoi(line[3]); err == nil {
				return gid
			}
		}
	}
	return uid
}

// lines iterates over the lines of passwd or group that have their fields.
func (a *analysis) lines(file string) func(yield func([]string) bool) {
	return func(yield func([]string) bool) {
		data, err := a.src.Tree.ReadFile(file)
		if err != nil {
			return
		}
		for line := range strings.SplitSeq(string(data), "\n") {
			if fields := strings.Split(line, ":"); len(fields) >= 4 && !yield(fields) {
				return
			}
		}
	}
}
