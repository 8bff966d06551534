package pin

import (
	"bytes"
	"strings"

	"github.com/careen/careen/internal/lazy"
	"github.com/careen/careen/internal/workload"
)

// Commits answers what refs of repositories name; *git.Resolver is one. The
// commit is "" when there is no such ref.
type Commits interface {
	Commit(server, repository, ref string) (commit string, err error)
}

// codeReference is a reference to code of a repository.
func codeReference(u *workload.Use) Reference {
	ref := Reference{Line: u.Line, Where: u.Where, Text: u.Value, Value: u.Value, use: u}
	switch {
	case strings.ContainsAny(u.Repository+u.Ref, "${}<> "):
		ref.Value, ref.Skip, ref.Said = "", "it holds a variable", true
	case u.Ref == "":
		ref.place.missing = "it names no ref: add one"
	case u.Start < 0:
		ref.place.missing = notAsWritten
	default:
		ref.place = place{start: u.Start, end: u.End, text: u.Ref}
	}
	return ref
}

// code decides what to do about one reference to code.
func (p *planner) code(ref Reference) Outcome {
	u := ref.use
	ref.Value = u.Value
	pinned, tag := u.Pinned(), u.Ref
	if pinned {
		tag = followed(u.Comment)
	}
	switch {
	case !pinned && p.opt.Check:
		return Outcome{State: Unpinned, Why: ref.place.missing}
	case pinned && !p.opt.Check && !p.opt.Update:
		return Outcome{State: Current}
	case pinned && tag == "" && p.opt.Update:
		return Outcome{State: Current, Why: "no comment names a tag to follow"}
	case pinned && tag == "":
		return Outcome{State: Current}
	case p.opt.Commits == nil:
		return Outcome{State: Skipped}
	}
	commit, err := p.commit(u, tag)
	switch {
	case err != nil:
		return Outcome{State: Failed, Why: err.Error()}
	case commit == "" && pinned:
		return Outcome{State: Current, Why: "its comment names no tag and no branch"}
	case commit == "":
		return Outcome{State: Failed, Why: "no tag and no branch is called " + tag}
	}
	value := strings.TrimSuffix(u.Value, u.Ref) + commit
	switch {
	case u.Ref == commit:
		return Outcome{State: Current}
	case p.opt.Check:
		return Outcome{State: Stale, New: value}
	case pinned:
		return Outcome{State: Moved, New: value}
	}
	return Outcome{State: Pinned, New: value}
}

// commit finds out what a ref names, from the lock, else from the server.
func (p *planner) commit(u *workload.Use, tag string) (string, error) {
	key := u.Server + ":" + u.Repository + "@" + tag
	if p.opt.Lock != nil && !p.opt.Update {
		if commit := p.opt.Lock.Commits[key]; commit != "" {
			return commit, nil
		}
	}
	commit, err := p.opt.Commits.Commit(u.Server, u.Repository, tag)
	if err == nil && commit != "" && p.opt.Lock != nil && !p.opt.Check {
		if p.opt.Lock.Commits == nil {
			p.opt.Lock.Commits = map[string]string{}
		}
		p.opt.Lock.Commits[key] = commit
	}
	return commit, err
}

// The words of comments that name a tag: as we write them, and as Renovate,
// Dependabot, pin-github-action and Ratchet do: "v4.2.2", "tag=v4", "pin@v4",
// "ratchet:actions/checkout@v4".
var (
	namedTag  = lazy.Regexp(`^(?:tag=|pin@|@|ratchet:[^\s@]+@)?(v?[0-9][A-Za-z0-9._+-]*)$`)
	onlyWord  = lazy.Regexp(`^[A-Za-z][A-Za-z0-9._/+-]*$`)
	commentAt = lazy.Regexp(`\s#\s*`)
)

// followed returns the tag or branch that the comment behind a commit names, ""
// when it names none.
func followed(comment string) string {
	parts := commentAt().Split(" "+comment, -1)
	for _, part := range parts {
		word, rest, _ := strings.Cut(strings.TrimSpace(part), " ")
		if m := namedTag().FindStringSubmatch(word); m != nil {
			return m[1]
		}
		if rest == "" && onlyWord().MatchString(word) {
			return word
		}
	}
	return ""
}

// commented returns the edit that keeps the tag as a comment behind its value. A
// comment that is there stays whole: the tag comes behind it. Where the line goes
// on, as in a list in brackets, there is no room for one.
func (d *Document) commented(u *workload.Use) (edit, bool) {
	if u.Pinned() || followed(u.Comment) == u.Ref {
		return edit{}, false
	}
	at := u.End
	if at < len(d.Data) && (d.Data[at] == '"' || d.Data[at] == '\'') {
		at++
	}
	end := len(d.Data)
	if n := bytes.IndexByte(d.Data[at:], '\n'); n >= 0 {
		end = at + n
	}
	rest := bytes.TrimRight(d.Data[at:end], " \t\r")
	if len(rest) > 0 && !bytes.HasPrefix(bytes.TrimLeft(rest, " \t"), []byte("#")) {
		return edit{}, false
	}
	at += len(rest)
	return edit{at, at, " # " + u.Ref}, true
}
