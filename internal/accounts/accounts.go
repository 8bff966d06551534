// Package accounts reads the files that say who there is in an image: lines of
// fields with colons between, as passwd(5), group(5) and shadow(5) have them.
// What the accounts are good or bad for is left to the caller.
package accounts

import (
	"slices"
	"strconv"
	"strings"
)

// Account is one line of passwd, group or shadow.
type Account struct {
	Name     string
	Password string // the field as written: "x" says that shadow has it
	ID       string // UID or GID as written; of shadow's lines no id
	Group    string // of passwd: the GID of the user's own group, as written
	Shell    string // of passwd; "" means /bin/sh
	Line     string // all of it, without its end
}

// Number returns the UID or GID; false when the field is none.
func (a Account) Number() (int, bool) { return number(a.ID) }

// GroupNumber returns the GID of the user's own group; false when there is none.
func (a Account) GroupNumber() (int, bool) { return number(a.Group) }

// number reads an id in the range that runtimes take (32 bits, signed).
func number(field string) (int, bool) {
	n, err := strconv.ParseInt(field, 10, 32)
	return int(n), err == nil && n >= 0
}

// Parse returns the accounts of one of the files, in order. Comments, lines of
// NIS ("+", "-": nsswitch.conf(5), "compat") and what has no id are left out.
func Parse(data []byte) []Account {
	var list []Account
	for line := range strings.SplitSeq(string(data), "\n") {
		line = strings.TrimSpace(line)
		fields := strings.Split(line, ":")
		if len(fields) < 3 || strings.ContainsAny(line[:1], "#+-:") {
			continue
		}
		a := Account{Name: fields[0], Password: fields[1], ID: fields[2], Line: line}
		if len(fields) >= 7 {
			a.Group, a.Shell = fields[3], fields[6]
		}
		list = append(list, a)
	}
	return list
}

// Resolve returns the numbers that runtimes give a configured "user",
// "user:group" or their numbers: a number is a UID whether passwd knows it or
// not, and its group then is 0 (moby/sys/user, GetExecUser). It is false for ""
// and for a name that the files do not have.
func Resolve(spec string, users, groups []Account) (uid, gid int, ok bool) {
	user, group, hasGroup := strings.Cut(spec, ":")
	uid, ok = number(user)
	at := slices.IndexFunc(users, func(a Account) bool {
		n, known := a.Number()
		return known && (ok && n == uid || !ok && a.Name == user)
	})
	if at >= 0 {
		uid, _ = users[at].Number()
		gid, _ = users[at].GroupNumber()
		ok = true
	}
	if !ok || !hasGroup || group == "" {
		return uid, gid, ok
	}
	gid, ok = number(group)
	if !ok {
		if at := slices.IndexFunc(groups, func(a Account) bool { return a.Name == group }); at >= 0 {
			gid, ok = groups[at].Number()
		}
	}
	return uid, gid, ok
}
