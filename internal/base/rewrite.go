package base

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/careen/careen/internal/accounts"
	"github.com/careen/careen/internal/dockerfile"
	"github.com/careen/careen/internal/reach"
)

// Rewrite returns a Dockerfile with its final stage on another base, on which it
// was tried. A file of several stages gets another last FROM. One of a single
// stage keeps it for building and gets a second, with what the entrypoint reaches
// of what the file adds and with the files that the new base lacks. user is the
// UID[:GID] to run as, "" for what the file says.
func (i *Image) Rewrite(f *dockerfile.File, on Outcome, user string) ([]byte, error) {
	if len(f.Problems) > 0 {
		return nil, fmt.Errorf("line %d: %s", f.Problems[0].Line, f.Problems[0].Message)
	}
	if len(f.Stages) == 0 {
		return nil, errors.New("it has no FROM")
	}
	last := f.Stages[len(f.Stages)-1]
	if last.Base == nil || last.From == nil {
		return nil, errors.New("its last FROM names nothing")
	}
	if len(f.Stages) > 1 {
		if last.Base.Stage >= 0 {
			return nil, fmt.Errorf("line %d: the last FROM names a stage of the same file: change that stage's", last.Line)
		}
		return slices.Concat(f.Source[:last.Base.Start], []byte(on.from()), f.Source[last.Base.End:]), nil
	}
	return i.secondStage(f, last, on, user)
}

// Split returns a Dockerfile of one stage as two on the same base: the second has
// what the entrypoint reaches of what the file adds. The error says why that is
// not known to be enough.
func (i *Image) Split(f *dockerfile.File) ([]byte, error) {
	for _, gap := range i.reached.Gaps {
		if i.layer(gap.Path) >= i.Base {
			return nil, fmt.Errorf("not all of it could be followed: /%s: %s", gap.Path, gap.What)
		}
	}
	for e, state := range i.reached.Files() {
		if _, owned := i.reached.Owner(e.Path); owned && e.Layer >= i.Base && state != reach.NotReached && !e.Mode.IsDir() {
			return nil, fmt.Errorf("the program needs what a package manager installs too, such as /%s", e.Path)
		}
	}
	if len(f.Stages) != 1 || f.Stages[0].Base == nil {
		return nil, errors.New("it has several stages already")
	}
	return i.Rewrite(f, Outcome{Ref: f.Stages[0].Base.Text}, "")
}

// numbers writes a configured user by its numbers, which need no passwd: the new
// base may have none.
func (i *Image) numbers(user string) string {
	uid, gid, ok := accounts.Resolve(user, accountsOf(i.In.Tree, "etc/passwd"), accountsOf(i.In.Tree, "etc/group"))
	if !ok {
		return user
	}
	return fmt.Sprintf("%d:%d", uid, gid)
}

func (o Outcome) from() string { return cmp.Or(o.From, o.Ref) }

// builder names the stage that is kept.
const builder = "build"

// maxCopies bounds the COPY lines of a rewritten file: with more, nobody reads it.
const maxCopies = 60

func (i *Image) secondStage(f *dockerfile.File, stage *dockerfile.Stage, on Outcome, user string) ([]byte, error) {
	var b strings.Builder
	name := stage.Name
	if name == "" {
		name = builder
		b.Write(f.Source[:stage.From.End])
		b.WriteString(" AS " + name)
		b.Write(f.Source[stage.From.End:])
	} else {
		b.Write(f.Source)
	}
	end := "\n"
	if strings.Contains(b.String(), "\r\n") {
		end = "\r\n"
	}
	line := func(format string, args ...any) { b.WriteString(fmt.Sprintf(format, args...) + end) }
	if !strings.HasSuffix(b.String(), "\n") {
		b.WriteString(end)
	}
	copies := i.copies()
	if len(copies) > maxCopies {
		return nil, fmt.Errorf("what it needs stands in %d places: more than a Dockerfile should name", len(copies))
	}
	cfg := i.In.Image.Config
	b.WriteString(end)
	line("FROM %s", on.from())
	for _, kv := range cfg.Env {
		if key, value, ok := strings.Cut(kv, "="); ok && key != "PATH" {
			line("ENV %s=\"%s\"", key, quoted.Replace(value))
		}
	}
	if cfg.WorkingDir != "" && cfg.WorkingDir != "/" {
		line("WORKDIR %s", literal.Replace(cfg.WorkingDir))
	}
	for _, l := range on.Lacks {
		if l.Path != "" {
			copies = append(copies, l.Path[1:])
		}
	}
	for _, c := range copies {
		words, err := json.Marshal([]string{pattern.Replace("/" + c), literal.Replace("/" + c)})
		if err != nil {
			return nil, err
		}
		line("COPY --from=%s %s", name, words)
	}
	for _, p := range cfg.ExposedPorts {
		line("EXPOSE %s", p)
	}
	for _, v := range cfg.Volumes {
		words, err := json.Marshal([]string{literal.Replace(v)})
		if err != nil {
			return nil, err
		}
		line("VOLUME %s", words)
	}
	if user == "" {
		user = i.numbers(cfg.User)
	}
	if user != "" {
		line("USER %s", user)
	}
	for _, words := range []struct {
		name string
		argv []string
	}{{"ENTRYPOINT", cfg.Entrypoint}, {"CMD", cfg.Cmd}} {
		if len(words.argv) > 0 {
			list, err := json.Marshal(words.argv)
			if err != nil {
				return nil, err
			}
			line("%s %s", words.name, list)
		}
	}
	return []byte(b.String()), nil
}

// What BuildKit's shell reads in a word has to be written so that it does not: $
// begins a variable, \ an escape. A source of COPY is a pattern besides. Lines
// cannot be broken: a variable with a line feed gets a blank.
var (
	literal = strings.NewReplacer(`\`, `\\`, `$`, `\$`)
	quoted  = strings.NewReplacer(`\`, `\\`, `$`, `\$`, `"`, `\"`, "\n", " ", "\r", " ")
	pattern = strings.NewReplacer(`\`, `\\\\`, `$`, `\$`, `[`, `[[]`, `*`, `[*]`, `?`, `[?]`)
)

// copies lists what the image's own layers brought and the entrypoint may reach:
// whole directories where the base has nothing in them.
func (i *Image) copies() []string {
	shared := map[string]bool{} // directories in which the base has something
	for e := range i.In.Tree.All() {
		if e.Layer >= i.Base || e.Mode.IsDir() {
			continue
		}
		for dir := parent(e.Path); dir != "" && !shared[dir]; dir = parent(dir) {
			shared[dir] = true
		}
	}
	places := map[string]bool{}
	for e, state := range i.reached.Files() {
		if e.Layer < i.Base || e.Mode.IsDir() || state == reach.NotReached {
			continue
		}
		place := e.Path
		for dir := parent(place); dir != "" && !shared[dir]; dir = parent(dir) {
			place = dir
		}
		places[place] = true
	}
	var list []string
	for p := range places {
		list = append(list, p)
	}
	slices.Sort(list)
	return list
}

func parent(file string) string {
	if i := strings.LastIndexByte(file, '/'); i >= 0 {
		return file[:i]
	}
	return ""
}
