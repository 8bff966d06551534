package formats

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/careen/careen/internal/dockerfile"
	"github.com/careen/careen/internal/lint"
)

// anyImage answers for every base: it is small, and for the platform that is asked.
type anyImage struct{}

func (anyImage) ResolveImageConfig(_ context.Context, ref string, _ sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	config, err := json.Marshal(ocispecs.Image{
		Platform: ocispecs.Platform{OS: "linux", Architecture: "amd64"},
		Config: ocispecs.ImageConfig{
			Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "APP_UID=1654", "NB_UID=1000", "LAMBDA_TASK_ROOT=/var/task"},
			Cmd: []string{"sh"},
		},
	})
	return ref, digest.FromBytes(config), config, err
}

func options() dockerfile2llb.ConvertOpt {
	opt := dockerfile2llb.ConvertOpt{MetaResolver: anyImage{}, TargetPlatform: &ocispecs.Platform{OS: "linux", Architecture: "amd64"}}
	opt.BuildPlatforms = []ocispecs.Platform{*opt.TargetPlatform}
	return opt
}

// checksOf are what BuildKit's own linter says of a Dockerfile: CHECK@LINE.
func checksOf(text string) ([]string, bool) {
	var list []string
	file := dockerfile.Parse("Dockerfile", []byte(text))
	opt := options()
	opt.AllStages = true
	opt.Warn = func(rule, _, _, _ string, location []parser.Range) {
		line := 0
		if len(location) > 0 {
			line = location[0].Start.Line
		}
		list = append(list, fmt.Sprintf("%s@%d", rule, begins(file, line)))
	}
	if _, err := dockerfile2llb.Dockerfile2LLB(context.Background(), []byte(text), opt); err != nil {
		return nil, false
	}
	slices.Sort(list)
	return slices.Compact(list), true
}

// begins is the first line of the instruction that a line belongs to: BuildKit names
// that one, or the last one; we name the line itself.
func begins(file *dockerfile.File, line int) int {
	for _, s := range file.Stages {
		for _, in := range append([]*dockerfile.Instruction{s.From}, s.Instructions...) {
			if in.Line <= line && line <= in.EndLine {
				return in.Line
			}
		}
	}
	return line
}

// ours are the findings of rules that are the same as a check of BuildKit.
func ours(text string) []string {
	var list []string
	file := dockerfile.Parse("Dockerfile", []byte(text))
	for _, f := range lint.CheckDockerfile("Dockerfile", []byte(text), lint.Options{}).Findings {
		if f.Suppressed != nil {
			continue
		}
		rule, _ := lint.Lookup(f.Rule)
		for _, same := range rule.Same {
			if check, ok := strings.CutPrefix(same, "BuildKit:"); ok {
				list = append(list, fmt.Sprintf("%s@%d", check, begins(file, f.Line.Line)))
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// dockerfiles is lint's corpus.
func dockerfiles(t *testing.T) map[string]string {
	t.Helper()
	archives, err := filepath.Glob("../../internal/lint/testdata/corpus/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal("no corpus", err)
	}
	files := map[string]string{}
	for _, archive := range archives {
		parsed, err := txtar.ParseFile(archive)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range parsed.Files {
			files[strings.TrimSuffix(filepath.Base(archive), ".txtar")+"/"+f.Name] = string(f.Data)
		}
	}
	return files
}

// TestBuildKitsChecks compares the rules that are checks of BuildKit with BuildKit's
// own linter, over lint's corpus and the shapes below.
func TestBuildKitsChecks(t *testing.T) {
	agree, refused := 0, 0
	compare := func(name, text string) {
		want, ok := checksOf(text)
		if !ok {
			refused++
			return
		}
		diff := cmp.Diff(want, ours(text))
		switch why, not := otherwise[name]; {
		case diff != "" && !not:
			t.Errorf("%s: -BuildKit +ours\n%s", name, diff)
		case diff == "" && not:
			t.Errorf("%s: agrees, and should not: %s", name, why)
		case diff == "":
			agree++
		}
	}
	for name, text := range dockerfiles(t) {
		compare(name, text)
	}
	for _, text := range shapes {
		if !strings.Contains("\n"+strings.ToUpper(text), "\nFROM ") {
			text = "FROM debian:13\n" + text
		}
		compare(text, text)
	}
	t.Logf("%d Dockerfiles agree, %d BuildKit refuses, on %d we mean something else", agree, refused, len(otherwise))
	if agree < 470 || refused > 20 {
		t.Errorf("only %d Dockerfiles agree, %d are refused", agree, refused)
	}
}

// otherwise are those on which we say something else than BuildKit, and why.
var otherwise = map[string]string{
	"shapes/secrets.Dockerfile":                              "a placeholder is no secret",
	"hostile/postgrespw.Dockerfile":                          "MYSQL_ALLOW_EMPTY_PASSWORD is a switch",
	"hostile/tokenfake.Dockerfile":                           "names of paths, of caches and of regions hold no secret",
	"hostile/envdefaults.Dockerfile":                         "names of files, of headers and of limits hold no secret; ${VERSION:-1.2.3} has a default",
	"hostile/envsubst.Dockerfile":                            "ENV ONE=1 TWO=$ONE is another rule's, CD601; what Y is when nobody gives X is not looked at",
	"hostile/win.Dockerfile":                                 "C:\\app is absolute for Windows, for which BuildKit is not asked here",
	"shapes/windows.Dockerfile":                              "the same",
	"shapes/labels.Dockerfile":                               "ENV A=1 B=$A is another rule's, CD601",
	"FROM debian:13\nENV A=1 B=$A\n":                         "the same",
	"FROM --platform=linux/amd64 debian:13 AS build-amd64\n": "Hadolint's DL3029 is the same rule, and asks whatever the stage is called",
	"FROM debian:${TAG:-13}\n":                               "one rule of ours is two checks",
	"FROM debian:13\nWORKDIR $HOME\n":                        "nothing sets HOME: that is said, and enough",
	"FROM debian:13\nARG D\nWORKDIR $D\n":                    "it depends on --build-arg",
	"FROM debian:13\nEXPOSE $P\n":                            "nothing sets P: BuildKit exposes nothing, and says nothing",
}

// shapes are Dockerfiles on which a check of BuildKit has something to say, or
// nearly. One without FROM gets one in front.
var shapes = []string{
	"FROM debian:13 AS Build\nFROM Build AS x\n",
	"from debian:13 as build\nrun true\n",
	"FROM debian:13 as build\n",
	"from debian:13 AS build\n",
	"From debian:13 As build\n",
	"FROM debian:13\nRUN true\nrun true\nCopy a /b\n",
	"from debian:13\nrun true\nRUN true\n",
	"FROM debian:13 AS a\nFROM debian:13 AS A\n",
	"FROM debian:13 AS a\nFROM debian:12 AS a\nFROM a\n",
	"FROM debian:13 AS context\n",
	"FROM debian:13 AS scratch\n",
	"FROM debian:13 AS Scratch\n",
	"FROM --platform=linux/amd64 debian:13\n",
	"FROM --platform=linux/amd64 debian:13 AS build-amd64\n",
	"FROM --platform=linux/amd64 debian:13 AS a\nFROM a\n",
	"FROM --platform=$BUILDPLATFORM debian:13\n",
	"FROM --platform=$TARGETPLATFORM debian:13\n",
	"FROM --platform=${TARGETPLATFORM} debian:13\n",
	"ARG P=linux/amd64\nFROM --platform=$P debian:13\n",
	"FROM --platform=linux/${TARGETARCH} debian:13\n",
	"ARG TAG\nFROM debian:${TAG}\n",
	"ARG TAG\nFROM debian:${TAG:-13}\n",
	"ARG TAG=13\nFROM debian:${TAG}\n",
	"ARG BASE=debian TAG=13\nFROM ${BASE}:${TAG}\n",
	"ARG BASE=debian\nFROM $BASES\n",
	"FROM debian:${TAG:-13}\n",
	"FROM debian:13 AS base-amd64\nFROM base-${TARGETARCH}\n",
	"FROM debian:13 AS base-amd64\nFROM base-${TARGETARHC}\n",
	"MAINTAINER jo\n", "maintainer jo\n", "ONBUILD RUN true\n",
	"WORKDIR app\n", "WORKDIR ./app\n", "WORKDIR /a\nWORKDIR b\n", "WORKDIR b\nWORKDIR c\n", "WORKDIR $HOME\n", "ENV D=/x\nWORKDIR $D/y\n", "ENV D=x\nWORKDIR $D/y\n", "ARG D=x\nWORKDIR ${D}\n",
	"ENV D=/x\nWORKDIR \"$D\"\n", "WORKDIR \"/a b\"\n", "WORKDIR \"a b\"\n", "ARG D\nWORKDIR ${D:-x}\n", "ARG D\nWORKDIR $D\n",
	"FROM debian:13 AS a\nWORKDIR /x\nFROM a\nWORKDIR y\n",
	"ENV A b\n", "ENV A b c\n", "LABEL a b\n", "ENV A=b C=d\n", "ENV A=b c\n", "LABEL \"a b\" c\n", "ARG A=b\nENV A $A\n",
	"CMD echo a\n", "ENTRYPOINT echo a\n", "CMD [\"a\"]\n", "CMD ['a']\n", "CMD [\"a\" \"b\"]\n", "SHELL [\"/bin/bash\", \"-c\"]\nCMD echo a\n", "HEALTHCHECK CMD echo a\n", "CMD exec a\n", "ENTRYPOINT []\n", "CMD echo a\nCMD echo b\n",
	"FROM debian:13 AS a\nSHELL [\"/bin/bash\", \"-c\"]\nFROM a\nCMD echo a\n",
	"FROM debian:13 AS a\nSHELL [\"/bin/bash\", \"-c\"]\nFROM debian:13\nCMD echo a\n",
	"CMD [\"a\"]\nCMD [\"b\"]\n", "ENTRYPOINT [\"a\"]\nENTRYPOINT [\"b\"]\nENTRYPOINT [\"c\"]\n", "HEALTHCHECK CMD [\"a\"]\nHEALTHCHECK NONE\n",
	"FROM debian:13 AS a\nCMD [\"a\"]\nFROM a\nCMD [\"b\"]\n",
	"RUN echo a \\\n\n  b\n", "RUN echo a \\\n# c\n  b\n", "RUN echo a \\\n  \\\n  b\n", "RUN echo a \\\n\n\n  b\nRUN c \\\n\n d\n", "RUN <<EOF\n\na \\\n\nb\nEOF\n",
	"ENV A=$B\n", "ENV A=${B}\n", "ENV A=$PATH\n", "ENV PATH=$PAHT:/x\n", "ARG B\nENV A=$B\n", "ENV A=1\nENV B=$A\n", "ENV A=\\$B\n", "ENV A='$B'\n", "ENV A=\"$B\"\n", "ENV A=$$B\n",
	"COPY $SRC /x\n", "COPY a $DST\n", "ADD a $DST\n", "COPY --from=debian:13 $SRC /x\n", "COPY --chown=$U a /b\n", "COPY [\"$SRC\", \"/x\"]\n", "COPY --link $SRC /x\n", "COPY --exclude=$X . /x\n",
	"COPY <<EOF /x\nhello $FOO\nEOF\n", "COPY <<'EOF' /x\nhello $FOO\nEOF\n", "COPY <<\"EOF\" /x\nhello $FOO\nEOF\n", "COPY <<-EOF /x\n\thello ${FOO}\n\tEOF\n", "ENV FOO=1\nCOPY <<EOF /x\nhello $FOO \\$BAR\nEOF\n", "ADD <<EOF /x\n$FOO\nEOF\n", "COPY <<a <<b /x/\n$FOO\na\n$BAR\nb\n",
	"RUN echo $FOO\n", "RUN <<EOF\necho $FOO\nEOF\n", "RUN --mount=type=cache,target=$T true\n", "RUN --mount=type=bind,from=debian:13,source=$S,target=/x true\n", "RUN --mount=type=secret,id=a,env=A true\nENV B=$A\n",
	"USER $U\n", "VOLUME $V\n", "EXPOSE $P\n", "STOPSIGNAL $S\n", "LABEL a=$L\n", "LABEL a=\"$L\" b=$M\n", "ARG A=$B\n", "ARG A=1 B=$A\n", "ENV A=1 B=$A\n", "ONBUILD ENV A=$B\n", "CMD [\"$X\"]\n", "HEALTHCHECK CMD [\"$X\"]\n", "SHELL [\"$X\"]\nRUN true\n",
	"ARG V=1\nFROM debian:13\nENV A=$V\n", "ARG V=1\nFROM debian:13\nARG V\nENV A=$V\n", "FROM debian:13 AS a\nARG V=1\nFROM a\nENV A=$V\n", "FROM debian:13 AS a\nENV V=1\nFROM a\nENV A=$V\n", "FROM debian:13 AS a\nARG V=1\nFROM debian:13\nENV A=$V\n", "FROM debian:13\nENV A=$V\nARG V=1\n",
	"ENV A=$TARGETARCH\n", "ARG TARGETARCH\nENV A=$TARGETARCH\n", "ENV A=$HTTP_PROXY\n", "ENV A=$http_proxy B=$NO_PROXY\n", "ARG HTTP_PROXY\nENV A=$HTTP_PROXY\n", "FROM scratch\nENV PATH=$PATH:/x\n", "FROM scratch\nCOPY a $X\n",
	"ENV A=${B#x}\n", "ENV A=${PATH%%:*}\n", "ENV A=${PATH//a/b}\n",
	"ARG PASSWORD\n", "ENV TOKEN=abc\n", "ARG NPM_TOKEN\nENV X=1\n", "ENV PUBLIC_KEY=abc\n", "ARG MY_SECRET=abc\n", "ENV APIKEY=abcdef\n", "ENV AUTH=abcdef\n", "ENV DB_CREDENTIALS=abcdef\n", "ENV MONKEY=abc\n", "ENV PWORD=abcdef PASSWD=abcdef\n", "ARG API_KEY=abcdef DB_PASSWORD\n", "FROM debian:13 AS a\nARG TOKEN\nFROM debian:13\n", "ARG TOKEN\nFROM debian:13\n", "ENV token=abcdef\n", "ARG GITHUB_TOKEN=abcdef\n", "ENV AWS_SECRET_ACCESS_KEY=abcdef\n", "ARG SSH_PRIVATE_KEY\n", "ENV JWT_SECRET=abcdef SECRET_KEY_BASE=abcdef\n",
	"EXPOSE 80/TCP\n", "EXPOSE 80/Udp 81\n", "EXPOSE 80:80\n", "EXPOSE 127.0.0.1:80:80\n", "EXPOSE 80-90/tcp\n", "EXPOSE 80/sctp\n", "EXPOSE 0.0.0.0:80:8080/TCP\n", "ARG P=80\nEXPOSE $P/TCP\n", "ENV P=80:80\nEXPOSE $P\n",
	"# app does\nFROM debian:13 AS app\n", "# does things\nFROM debian:13 AS app\n", "# syntax=docker/dockerfile:1\n# does things\nFROM debian:13 AS app\n", "# does things\nARG V=1\nFROM debian:13\n", "# V the version\nARG V=1\nFROM debian:13\n",
	"# check=skip=JSONArgsRecommended\nFROM debian:13\nCMD a\nMAINTAINER b\n", "# check=skip=all\nFROM debian:13\nCMD a\n", "# check=experimental=all\n# does things\nFROM debian:13 AS app\n", "# check=experimental=InvalidDefinitionDescription\n# does things\nFROM debian:13 AS app\n",
}
