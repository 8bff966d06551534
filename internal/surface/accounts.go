package surface

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/careen/careen/internal/accounts"
	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/rootfs"
)

// The files of accounts, all of colon-separated lines (passwd(5), shadow(5),
// group(5), gshadow(5)), and the rules of sudo (sudoers(5)).
const (
	passwdPath  = "etc/passwd"
	shadowPath  = "etc/shadow"
	groupPath   = "etc/group"
	gshadowPath = "etc/gshadow"
	sudoersPath = "etc/sudoers"
	sudoersDir  = "etc/sudoers.d/"
)

// maxAccounts bounds a file of accounts; those of images have a few kilobytes.
const maxAccounts = 4 << 20

func isAccounts(h *rootfs.Header, _ []byte) bool {
	switch h.Path {
	case passwdPath, shadowPath, groupPath, gshadowPath, sudoersPath:
		return true
	}
	return strings.HasPrefix(h.Path, sudoersDir)
}

// visitAccounts keeps a file of accounts with a word in the place of each
// password, so that no hash gets into the cache; of sudo's rules it keeps those
// that ask for no password.
func visitAccounts(h *rootfs.Header, body rootfs.Body) ([]byte, error) {
	data, err := body.Bytes(maxAccounts)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	for line := range bytes.Lines(data) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' || line[0] == '+' || line[0] == '-' { // signs are of NIS (nsswitch.conf(5), "compat")
			continue
		}
		if strings.HasPrefix(h.Path, sudoersPath) {
			if bytes.Contains(line, []byte("NOPASSWD")) {
				fmt.Fprintf(&out, "%s\n", line)
			}
			continue
		}
		name, rest, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			continue
		}
		password, rest, _ := bytes.Cut(rest, []byte(":"))
		fmt.Fprintf(&out, "%s:%s:%s\n", name, passwordWord(string(password)), rest)
	}
	return append([]byte{}, out.Bytes()...), nil
}

// Words for the password field.
const (
	passwordEmpty     = "empty"     // anyone who knows the name is in
	passwordSet       = "set"       // a hash
	passwordLocked    = "locked"    // nothing that a hash can be
	passwordElsewhere = "elsewhere" // "x": in shadow
)

// passwordWord reads the password field: crypt(5) has hashes begin with "$" or,
// for the old ones, "_" or 13 characters of a small alphabet. Anything else
// matches no password; "!" in front of a hash locks it (usermod(8)).
func passwordWord(field string) string {
	switch {
	case field == "":
		return passwordEmpty
	case field == "x":
		return passwordElsewhere
	case field[0] == '$' || field[0] == '_':
		return passwordSet
	case len(field) == 13 && !strings.ContainsAny(field, "*!:;\\"):
		return passwordSet
	}
	return passwordLocked
}

// accountFiles are all files of them together.
type accountFiles struct {
	users, groups []accounts.Account
	shadow        map[string]string // password words by name
	hasShadow     bool
	noPassword    map[string][]string // rules of sudo by file
	where         map[string]*rootfs.Entry
}

// readAccounts puts together what visitAccounts kept of the visible files.
func readAccounts(tree *rootfs.Tree) accountFiles {
	a := accountFiles{shadow: map[string]string{}, noPassword: map[string][]string{}, where: map[string]*rootfs.Entry{}}
	for fact := range tree.Facts(accountFacts) {
		if e, ok := tree.Lookup(fact.Path); ok {
			a.where[fact.Path] = e
		}
		switch fact.Path {
		case passwdPath:
			a.users = accounts.Parse(fact.Data)
		case groupPath:
			a.groups = accounts.Parse(fact.Data)
		case shadowPath:
			a.hasShadow = true
			for _, s := range accounts.Parse(fact.Data) {
				a.shadow[s.Name] = s.Password
			}
		case gshadowPath:
		default:
			if len(fact.Data) > 0 {
				a.noPassword[fact.Path] = strings.Split(strings.TrimSuffix(string(fact.Data), "\n"), "\n")
			}
		}
	}
	return a
}

// passwordOf tells what opens a user's account. The "x" of passwd means
// shadow's word; without a line there, no password fits.
func (a *accountFiles) passwordOf(user accounts.Account) string {
	if user.Password != passwordElsewhere {
		return user.Password
	}
	switch word, ok := a.shadow[user.Name]; {
	case ok && word != passwordElsewhere:
		return word
	case a.hasShadow:
		return passwordLocked
	}
	return "unknown"
}

// noLogin are shells that let nobody in, and commands that some distributions
// give users for whom they run one thing.
var noLogin = map[string]bool{"nologin": true, "false": true, "true": true, "sync": true, "halt": true, "shutdown": true, "nosh": true}

// logins lists the users whose shell is in the image: those who may run su, or
// comes in by a service that asks for passwords or keys, is they.
func (in *Inspection) logins() []finding.Login {
	var list []finding.Login
	for _, user := range in.accounts.users {
		shell := user.Shell
		if shell == "" {
			shell = "/bin/sh"
		}
		if noLogin[baseOf(shell)] {
			continue
		}
		path, err := in.subject.Tree.Resolve(shell)
		if err != nil {
			continue
		}
		if e, ok := in.subject.Tree.Lookup(path); !ok || !e.Mode.IsRegular() || e.Mode.Perm()&0o111 == 0 || noLogin[baseOf(path)] {
			continue
		}
		list = append(list, finding.Login{Name: user.Name, UID: user.ID, Shell: shell, Password: in.accounts.passwordOf(user)})
	}
	return list
}

// runsAsRoot reports whether the program starts as root: by the configured
// user's number, or by what passwd says of the name.
func (in *Inspection) runsAsRoot() bool {
	user := in.user()
	if user == "" || isZero(user) {
		return true
	}
	for _, u := range in.accounts.users {
		if u.Name == user {
			return isZero(u.ID)
		}
	}
	return user == "root"
}

// user is the user part of the configuration's "user:group".
func (in *Inspection) user() string {
	user, _, _ := strings.Cut(in.subject.Image.Config.User, ":")
	return strings.TrimSpace(user)
}

func isZero(id string) bool { return id != "" && strings.Trim(id, "0") == "" }
