package slim

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/careen/careen/internal/accounts"
	"github.com/careen/careen/internal/rootfs"
)

// User is whom the slimmed image runs as.
type User struct {
	UID, GID int
	Set      bool   // false: as the source says
	Was      string // the source's word
	New      bool   // another than the source's: what it may write belongs to it now
	writes   []string
}

// String is the user as a configuration has it: the source's word, which also gives
// groups that numbers do not, unless another was asked for.
func (u User) String() string {
	if !u.New {
		return u.Was
	}
	return fmt.Sprintf("%d:%d", u.UID, u.GID)
}

// owns returns the new owner of a path.
func (u User) owns(file string) (uid, gid int, ok bool) {
	if !u.New {
		return 0, 0, false
	}
	for _, dir := range u.writes {
		if file == dir || strings.HasPrefix(file, dir+"/") {
			return u.UID, u.GID, true
		}
	}
	return 0, 0, false
}

const (
	passwdFile = "etc/passwd"
	groupFile  = "etc/group"
)

// chooseUser reads the user that is asked for, or else makes numbers of the
// source's.
func chooseUser(src Source, asked string) (User, error) {
	cfg := &src.Image.Config
	u := User{Was: cfg.User}
	if asked == "" {
		u.UID, u.GID, u.Set = numericUser(src.Tree, cfg.User)
		return u, nil
	}
	user, group, hasGroup := strings.Cut(asked, ":")
	uid, err := strconv.ParseUint(user, 10, 31)
	gid := uid
	if err == nil && hasGroup {
		gid, err = strconv.ParseUint(group, 10, 31)
	}
	if err != nil {
		return User{}, fmt.Errorf("--user %s: not UID or UID:GID in numbers", asked)
	}
	u.UID, u.GID, u.Set, u.New = int(uid), int(gid), true, true
	// What an application writes without being told where: its own directory,
	// what it declares as volumes, its home.
	for _, dir := range append([]string{cfg.WorkingDir}, cfg.Volumes...) {
		if dir = strings.Trim(dir, "/"); dir != "" && !isSystems(dir+"/") {
			u.writes = append(u.writes, dir)
		}
	}
	for _, dir := range cfg.Volumes {
		u.writes = append(u.writes, strings.Trim(dir, "/"))
	}
	return u, nil
}

// numericUser resolves the configured user by the image's own files. False for
// root and for what they do not say.
func numericUser(tree *rootfs.Tree, spec string) (uid, gid int, ok bool) {
	uid, gid, ok = accounts.Resolve(spec, accountsIn(tree, passwdFile), accountsIn(tree, groupFile))
	return uid, gid, ok && uid != 0
}

// runsAs are the numbers that a runtime gives a configured user, and the groups
// that list it by its name. Runtimes refuse a user whom the image's files do not
// name.
func runsAs(tree *rootfs.Tree, spec string) (uid, gid int, groups []int, err error) {
	if spec == "" {
		spec = "0"
	}
	users, all := accountsIn(tree, passwdFile), accountsIn(tree, groupFile)
	uid, gid, ok := accounts.Resolve(spec, users, all)
	if !ok && spec != "root" {
		return 0, 0, nil, fmt.Errorf("the image has no user %q", spec)
	}
	for _, u := range users {
		if n, _ := u.Number(); n != uid {
			continue
		}
		for _, g := range all {
			members := g.Line[strings.LastIndexByte(g.Line, ':')+1:]
			if n, ok := g.Number(); ok && slices.Contains(strings.Split(members, ","), u.Name) {
				groups = append(groups, n)
			}
		}
		break
	}
	return uid, gid, groups, nil
}

// accountsIn reads passwd or group; what cannot be read names nobody.
func accountsIn(tree *rootfs.Tree, file string) []accounts.Account {
	data, err := tree.ReadFile(file)
	if err != nil {
		return nil
	}
	return accounts.Parse(data)
}

// reduceAccounts writes passwd and group with the accounts that are in use:
// root, nobody, who runs the image, who owns what stays, and whom a file that
// stays names.
func (p *Plan) reduceAccounts(src Source, mentions map[string]bool) {
	all := p.level == Packages // the default asks for no proof that an account is in use
	users, groups := map[int]bool{0: true}, map[int]bool{0: true}
	if p.User.Set {
		users[p.User.UID], groups[p.User.GID] = true, true
	}
	shells := map[string]bool{}
	for _, k := range p.Kept {
		users[k.Entry.UID], groups[k.Entry.GID] = true, true
		shells["/"+k.Entry.Path] = true
	}
	named := func(a accounts.Account) bool {
		return a.Name == "nobody" || a.Name == "nogroup" || mentions[a.Name]
	}
	var passwd, group strings.Builder
	for _, a := range accountsIn(src.Tree, passwdFile) {
		uid, ok := a.Number()
		if !all && (!ok || !users[uid] && !named(a)) {
			continue
		}
		if gid, ok := a.GroupNumber(); ok {
			groups[gid] = true
		}
		delete(users, uid)
		shell := a.Shell
		if at, err := src.Tree.Resolve(strings.Trim(shell, "/")); err == nil {
			shell = "/" + at // /bin/sh, by two links
		}
		if !all && a.Shell != "" && !shells[shell] {
			a.Line = strings.TrimSuffix(a.Line, a.Shell) + "/sbin/nologin" // the shell goes
		}
		passwd.WriteString(a.Line + "\n")
	}
	if p.User.Set && users[p.User.UID] {
		fmt.Fprintf(&passwd, "nonroot:x:%d:%d:nonroot:/tmp:/sbin/nologin\n", p.User.UID, p.User.GID)
	}
	for _, a := range accountsIn(src.Tree, groupFile) {
		if gid, ok := a.Number(); all || ok && (groups[gid] || named(a)) {
			delete(groups, gid)
			group.WriteString(a.Line + "\n")
		}
	}
	if p.User.Set && groups[p.User.GID] {
		fmt.Fprintf(&group, "nonroot:x:%d:\n", p.User.GID)
	}
	p.AddFile(passwdFile, []byte(passwd.String()))
	p.AddFile(groupFile, []byte(group.String()))
}

// common are accounts whose names are words that stand everywhere: they stay
// only if something belongs to them.
var common = []string{"root", "daemon", "bin", "sys", "sync", "games", "man", "lp", "mail", "news", "uucp", "proxy", "list",
	"backup", "irc", "users", "adm", "tty", "disk", "kmem", "dialout", "fax", "voice", "cdrom", "floppy", "tape", "sudo",
	"audio", "dip", "operator", "src", "shadow", "utmp", "video", "sasl", "plugdev", "staff", "guest", "halt", "shutdown",
	"ftp", "http", "nobody", "nogroup", "input", "sgx", "kvm", "render", "crontab", "wheel", "mem", "lock", "squid", "usb", "cron", "ping", "at", "log"}

// listsAccounts reports whether a file names every account, in use or not.
func listsAccounts(file string) bool {
	switch strings.TrimSuffix(file, "-") {
	case passwdFile, groupFile, "etc/shadow", "etc/gshadow", "etc/subuid", "etc/subgid":
		return true
	}
	return false
}

// mentionable lists the accounts of an image that are looked for in its files.
func mentionable(tree *rootfs.Tree) [][]byte {
	var names [][]byte
	for _, file := range []string{passwdFile, groupFile} {
		for _, a := range accountsIn(tree, file) {
			if len(a.Name) > 2 && !slices.Contains(common, a.Name) {
				names = append(names, []byte(a.Name))
			}
		}
	}
	return names
}

// searching writes through and notes which names stand in what is written. A
// name that is cut by the border of two writes is not missed.
type searching struct {
	w     io.Writer
	names [][]byte
	found map[string]bool
	tail  []byte
}

func (s *searching) Write(p []byte) (int, error) {
	border := append(s.tail, p[:min(len(p), 64)]...)
	for _, name := range s.names {
		if !s.found[string(name)] && (bytes.Contains(p, name) || bytes.Contains(border, name)) {
			s.found[string(name)] = true
		}
	}
	s.tail = append(s.tail[:0], p[max(0, len(p)-64):]...)
	return s.w.Write(p)
}
