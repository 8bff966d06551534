package harden

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/careen/careen/internal/accounts"
	"github.com/careen/careen/internal/reach"
)

// chooseUser finds who the container may run as.
func (a *analysis) chooseUser(p *Profile) {
	cfg := &a.src.Image.Config
	user, _, _ := strings.Cut(cfg.User, ":")
	if user != "" && user != "root" && user != "0" {
		p.User = Advice{cfg.User, "USER " + cfg.User, Sure}
		if uid, gid, ok := accounts.Resolve(cfg.User, a.accounts("etc/passwd"), a.accounts("etc/group")); ok {
			p.User.What = fmt.Sprintf("%d:%d", uid, gid)
		}
		return
	}
	if why, how := a.needsRoot(); why != "" {
		p.Root = true
		p.User = Advice{"0:0", "root: " + why, how}
		return
	}
	uid, why, how := NonRoot, "nothing that is started needs root", Likely
	if len(a.owners) == 1 {
		for owner := range a.owners {
			uid, why = owner, "nothing that is started needs root, and what it writes belongs to this user"
		}
	}
	gid := a.group(uid)
	p.Alien, p.Opaque = a.rootsVolume(), a.opaque
	switch closed := a.closedTo(uid, gid); {
	case closed != "":
		p.Root = true
		p.User = Advice{"0:0", "root: /" + closed + " is closed to other users", Likely}
		return
	case p.Alien != "":
		why, how = why+"; but "+p.Alien+" has to belong to it", Guess
	case a.opaque != "":
		why, how = why+", as far as can be seen: what /"+a.opaque+" calls cannot", Guess
	}
	p.User = Advice{strconv.Itoa(uid) + ":" + strconv.Itoa(gid), why, how}
}

// needsRoot returns the reason for which a program has to start as root.
func (a *analysis) needsRoot() (why string, how Confidence) {
	for _, c := range onlyRoot {
		if advice, ok := a.caps[c]; ok && advice.Confidence == Likely {
			return advice.Why, advice.Confidence
		}
	}
	if advice, ok := a.caps["CHOWN"]; ok && strings.HasSuffix(advice.Why, " is run") {
		return advice.Why, advice.Confidence
	}
	return "", ""
}

// closedTo returns a file that is reached and that a user may not read.
// Databases of passwords are: who asks for them can do without.
func (a *analysis) closedTo(uid, gid int) string {
	for e, state := range a.src.Reach.Files() {
		if state != reach.Reached || !e.Mode.IsRegular() || e.Mode.Perm()&0o004 != 0 || e.Path == "etc/shadow" || e.Path == "etc/gshadow" {
			continue
		}
		if e.UID == uid && e.Mode.Perm()&0o400 != 0 || e.GID == gid && e.Mode.Perm()&0o040 != 0 || a.hidden(e.Path) {
			continue
		}
		return e.Path
	}
	return ""
}

// hidden reports whether a tmpfs lies over a file.
func (a *analysis) hidden(file string) bool {
	for dir := path.Dir("/" + file); dir != "/"; dir = path.Dir(dir) {
		if _, ok := a.writes[dir]; ok && !a.persists(dir) {
			return true
		}
	}
	return false
}

// rootsVolume returns a place whose content and owner stay, and that is root's.
func (a *analysis) rootsVolume() string {
	var found []string
	for dir := range a.writes {
		e, ok := a.src.Tree.Lookup(dir[1:])
		if a.persists(dir) && (!ok || e.UID == 0 && e.Mode.Perm()&0o002 == 0) {
			found = append(found, dir)
		}
	}
	if len(found) == 0 {
		return ""
	}
	return slices.Min(found)
}

// readOthers adds what root without capabilities cannot do: open or write what
// belongs to others and is closed to it.
func (a *analysis) readOthers(p *Profile) {
	why := ""
	for e, state := range a.src.Reach.Files() {
		_, place := a.writes["/"+e.Path]
		switch {
		case state != reach.Reached || e.UID == 0 || a.hidden(e.Path):
		case place && a.persists("/"+e.Path) && e.Mode.Perm()&0o002 == 0:
			why = "/" + e.Path + " belongs to user " + strconv.Itoa(e.UID) + " and is written"
		case e.Mode.IsRegular() && e.Mode.Perm()&0o004 == 0 && !a.src.Reach.Started(e.Path) && (e.GID != 0 || e.Mode.Perm()&0o040 == 0):
			why = "/" + e.Path + " belongs to user " + strconv.Itoa(e.UID) + " and is closed to others"
		}
		if why != "" {
			p.Capabilities = append(p.Capabilities, Advice{"DAC_OVERRIDE", why, Likely})
			slices.SortFunc(p.Capabilities, byWhat)
			return
		}
	}
}

// accounts reads passwd or group.
func (a *analysis) accounts(file string) []accounts.Account {
	data, err := a.src.Tree.ReadFile(file)
	if err != nil {
		return nil
	}
	return accounts.Parse(data)
}

// group returns a user's group, the same number where passwd does not say.
func (a *analysis) group(uid int) int {
	for _, user := range a.accounts("etc/passwd") {
		if id, ok := user.Number(); ok && id == uid {
			if gid, ok := user.GroupNumber(); ok {
				return gid
			}
		}
	}
	return uid
}

// Userless returns whom an image that runs as root may run as instead, where
// nothing needs root and no port below 1024 is exposed, which Kubernetes leaves
// to root.
func Userless(src Source) (user, why string, ok bool) {
	switch name, _, _ := strings.Cut(src.Image.Config.User, ":"); name {
	case "", "0", "root":
	default:
		return "", "", false
	}
	p := Analyse(src)
	if p.Root || p.User.Confidence == Guess || len(p.Ports) > 0 {
		return "", "", false
	}
	return p.User.What, p.User.Why, true
}
