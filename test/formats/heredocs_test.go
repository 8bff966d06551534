package formats

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/solver/pb"
	"golang.org/x/tools/txtar"

	"github.com/careen/careen/internal/dockerfile"
	"github.com/careen/careen/internal/golden"
	"github.com/careen/careen/internal/lint"
)

// build is what BuildKit's frontend makes of a Dockerfile: the operations, and the
// configuration of the image.
type build struct {
	raw    [][]byte // the operations, each after those that it needs
	runs   [][]string
	files  map[string]string // what heredocs of COPY and ADD, and scripts of RUN, write
	config map[string]any
}

// buildOf is false for what BuildKit refuses.
func buildOf(t *testing.T, text string) (build, bool) {
	t.Helper()
	ctx := context.Background()
	result, err := dockerfile2llb.Dockerfile2LLB(ctx, []byte(text), options())
	if err != nil {
		return build{}, false
	}
	definition, err := result.State.Marshal(ctx, llb.LinuxAmd64)
	if err != nil {
		t.Fatal(err)
	}
	b := build{raw: definition.Def, files: map[string]string{}}
	for _, data := range definition.Def {
		var op pb.Op
		if err := op.UnmarshalVT(data); err != nil {
			t.Fatal(err)
		}
		if run := op.GetExec(); run != nil {
			b.runs = append(b.runs, run.Meta.Args)
		}
		for _, action := range op.GetFile().GetActions() {
			if file := action.GetMkfile(); file != nil {
				b.files[file.Path] += string(file.Data)
			}
		}
	}
	config, err := json.Marshal(result.Image.Config)
	if err == nil {
		err = json.Unmarshal(config, &b.config)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b, true
}

// plain writes each RUN with a heredoc in exec form, with the words that BuildKit
// would run; false for a file of more than one stage, whose runs have no order, and
// for heredocs that are mounted as a script.
func plain(text string, b build) (string, bool) {
	file := dockerfile.Parse("Dockerfile", []byte(text))
	if len(file.Stages) != 1 {
		return "", false
	}
	var out strings.Builder
	at, run, some := 0, 0, false
	for _, in := range file.Stages[0].Instructions {
		if len(in.Heredocs) > 0 && in.Name != "RUN" {
			return "", false
		}
		if in.Name != "RUN" {
			continue
		}
		args := b.runs[run]
		run++
		if len(in.Heredocs) == 0 {
			continue
		}
		if strings.Contains(args[len(args)-1], "/dev/pipes/") {
			return "", false
		}
		words := new(bytes.Buffer)
		encoder := json.NewEncoder(words)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(args); err != nil {
			return "", false
		}
		out.WriteString(text[at:in.Start] + "RUN ")
		for _, flag := range in.Flags {
			out.WriteString(text[flag.Start:flag.End] + " ")
		}
		out.WriteString(strings.TrimSuffix(words.String(), "\n"))
		at, some = in.End, true
	}
	out.WriteString(text[at:])
	return out.String(), some && run == len(b.runs)
}

// TestHeredocs writes the Dockerfiles of the corpus that --fix changes and that have
// RUN with a heredoc once more without one, before and after, and shows that BuildKit
// makes the same build of them, operation by operation. They stand in a golden file,
// from which TestFixedHeredocsBuildTheSame of internal/cli builds them with an engine
// that knows no heredocs.
func TestHeredocs(t *testing.T) {
	archive := &txtar.Archive{Comment: []byte("Dockerfiles of the corpus without their heredocs, and what --fix makes of them: written by go -C test/formats test . -update\n")}
	files := dockerfiles(t)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		text := files[name]
		fixed, _ := lint.FixDockerfile("Dockerfile", []byte(text), lint.Options{})
		if string(fixed) == text || !strings.Contains(text, "<<") {
			continue
		}
		for _, version := range []struct{ name, text string }{{".before", text}, {".after", string(fixed)}} {
			b, ok := buildOf(t, version.text)
			if !ok {
				t.Errorf("%s%s: BuildKit refuses it", name, version.name)
				break
			}
			without, ok := plain(version.text, b)
			if !ok {
				break
			}
			same, ok := buildOf(t, without)
			if !ok || !slices.EqualFunc(b.raw, same.raw, bytes.Equal) {
				t.Errorf("%s%s is another build without heredocs:\n%s", name, version.name, without)
			}
			if diff := cmp.Diff(b.config, same.config); diff != "" {
				t.Errorf("%s%s: %s", name, version.name, diff)
			}
			archive.Files = append(archive.Files, txtar.File{Name: strings.TrimSuffix(name, ".Dockerfile") + version.name, Data: []byte(without)})
		}
	}
	if len(archive.Files) < 2*15 {
		t.Errorf("only %d Dockerfiles", len(archive.Files)/2)
	}
	golden.File(t, "../../internal/lint/testdata/heredocs.txtar", txtar.Format(archive))
}

// TestFixesOfTheCorpusAsLLB compares what BuildKit makes of each Dockerfile of the corpus
// before and after --fix, in what no rule changes: the files that heredocs write, how
// many programs are run, and the configuration.
func TestFixesOfTheCorpusAsLLB(t *testing.T) {
	changed := 0
	for name, text := range dockerfiles(t) {
		fixed, _ := lint.FixDockerfile("Dockerfile", []byte(text), lint.Options{})
		before, ok := buildOf(t, text)
		if string(fixed) == text || !ok {
			continue
		}
		after, ok := buildOf(t, string(fixed))
		if !ok {
			t.Errorf("%s: BuildKit refuses it after the fix", name)
			continue
		}
		changed++
		for _, b := range []build{before, after} {
			for _, args := range b.runs {
				if _, script, ok := strings.Cut(args[len(args)-1], "/dev/pipes"); ok { // rules look into it
					delete(b.files, script)
				}
			}
			for _, key := range []string{"Cmd", "Entrypoint", "Labels"} { // exec form, and the LABEL of CD019
				delete(b.config, key)
			}
		}
		if diff := cmp.Diff(before.files, after.files); diff != "" {
			t.Errorf("%s: files: -before +after\n%s", name, diff)
		}
		if diff := cmp.Diff(before.config, after.config); diff != "" {
			t.Errorf("%s: configuration: -before +after\n%s", name, diff)
		}
		if len(before.runs) != len(after.runs) {
			t.Errorf("%s: %d programs are run, %d after the fix", name, len(before.runs), len(after.runs))
		}
	}
	t.Logf("%d Dockerfiles that --fix changes", changed)
	if changed < 200 {
		t.Errorf("only %d Dockerfiles", changed)
	}
}
