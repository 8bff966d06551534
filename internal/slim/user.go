package slim

import (
	"fmt"
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

// addAccount adds the user that was asked for to passwd and group, where they lack it.
// The accounts of the image stay as they are: a static program may ask for any.
func (p *Plan) addAccount(src Source) {
	if !p.User.Set {
		return
	}
	for _, list := range []struct {
		file string
		id   int
		line string
	}{
		{passwdFile, p.User.UID, fmt.Sprintf("nonroot:x:%d:%d:nonroot:/tmp:/sbin/nologin\n", p.User.UID, p.User.GID)},
		{groupFile, p.User.GID, fmt.Sprintf("nonroot:x:%d:\n", p.User.GID)},
	} {
		known := func(a accounts.Account) bool { id, ok := a.Number(); return ok && id == list.id }
		if slices.ContainsFunc(accountsIn(src.Tree, list.file), known) {
			continue
		}
		data, _ := src.Tree.ReadFile(list.file)
		if text := string(data); text != "" && !strings.HasSuffix(text, "\n") {
			data = append(data, '\n')
		}
		p.AddFile(list.file, append(data, list.line...))
	}
}
