package dockerfile

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/image"
)

// alignments hold histories as docker build wrote them, classic and BuildKit.
var alignments = []struct {
	name, file, history string
	want                string // line of each entry, 0 unknown; "none" when no stage fits
}{
	{
		"buildkit",
		`FROM golang:1.22 AS build
WORKDIR /src
COPY . .
RUN go build -o /out/app
FROM alpine:3.20
ARG VERSION=1
ENV HOME=/root \
    LEVEL=$VERSION
RUN apk add --no-cache ca-certificates \
    && rm -rf /tmp/*
COPY --from=build /out/app /usr/bin/app
USER 1000
EXPOSE 80/tcp
ENTRYPOINT ["/usr/bin/app"]
CMD serve --all
`,
		`/bin/sh -c #(nop) ADD file:99093095d62d0421541d882f9ceeddb2981fe701ec0aa9d2c08480712d5fed21 in /
/bin/sh -c #(nop)  CMD ["/bin/sh"]
ARG VERSION=1
ENV HOME=/root LEVEL=1
RUN |1 VERSION=1 /bin/sh -c apk add --no-cache ca-certificates     && rm -rf /tmp/* # buildkit
COPY /out/app /usr/bin/app # buildkit
USER 1000
EXPOSE [80/tcp]
ENTRYPOINT ["/usr/bin/app"]
CMD ["/bin/sh" "-c" "serve --all"]`,
		"5 5 6 7 9 11 12 13 14 15",
	},
	{
		"classic",
		`FROM debian:12
RUN apt-get update
COPY . /app
COPY a.txt b/
WORKDIR /app
RUN make
CMD ["a", "b"]
`,
		`/bin/sh -c #(nop) ADD file:1 in /
/bin/sh -c #(nop)  CMD ["bash"]
/bin/sh -c apt-get update
/bin/sh -c #(nop) COPY dir:d4f0 in /app
/bin/sh -c #(nop) COPY file:d4f1 in /b/
/bin/sh -c #(nop) WORKDIR /app
|1 TOKEN=x /bin/sh -c make
/bin/sh -c #(nop)  CMD ["a" "b"]`,
		"1 1 2 3 4 5 6 7",
	},
	{
		"stages on stages",
		`FROM debian:12 AS base
RUN apt-get update
FROM base AS mid
ENV A=b
FROM mid
RUN make
`,
		`ADD rootfs.tar.xz / # buildkit
CMD ["bash"]
RUN /bin/sh -c apt-get update # buildkit
ENV A=b
RUN /bin/sh -c make # buildkit`,
		"1 1 2 4 6",
	},
	{
		"an earlier stage was the target",
		`FROM debian:12 AS base
RUN apt-get update
ENV A=b
FROM alpine
RUN apk add x
COPY y /y
CMD z
`,
		`ADD rootfs.tar.xz / # buildkit
RUN /bin/sh -c apt-get update # buildkit
ENV A=b`,
		"1 2 3",
	},
	{
		"triggers of the base, and a heredoc",
		`FROM node:onbuild
RUN <<EOF
echo a long text that is not in the history
EOF
COPY x /x
`,
		`ADD rootfs.tar.xz / # buildkit
COPY package.json /usr/src # buildkit
RUN /bin/sh -c npm install # buildkit
RUN /bin/sh -c <<EOF (echo...) # buildkit
COPY x /x # buildkit`,
		"1 1 1 2 5",
	},
	{
		"FROM alone",
		"FROM debian:12\n",
		"ADD rootfs.tar.xz / # buildkit\nCMD [\"bash\"]",
		"1 1",
	},
	{
		"another file",
		"FROM debian:12\nRUN one thing\nRUN another thing\nCOPY here /there\nENV X=y\n",
		"ADD rootfs.tar.xz / # buildkit\nRUN /bin/sh -c make # buildkit\nCOPY a /b # buildkit",
		"none",
	},
	{
		"entries that no line made",
		"FROM scratch\nCOPY a /a\nLABEL x=y\n",
		"COPY a /a # buildkit\nbazel build ...\nLABEL x=y",
		"2 0 3",
	},
}

func TestAlign(t *testing.T) {
	for _, c := range alignments {
		t.Run(c.name, func(t *testing.T) {
			var history []image.History
			for _, line := range strings.Split(c.history, "\n") {
				history = append(history, image.History{CreatedBy: line})
			}
			origins, ok := Align(Parse("Dockerfile", []byte(c.file)), history)
			var got []string
			for _, o := range origins {
				line := 0
				if o.Instruction != nil {
					line = o.Instruction.Line
				}
				got = append(got, fmt.Sprint(line))
			}
			if !ok {
				got = []string{"none"}
			}
			if diff := cmp.Diff(c.want, strings.Join(got, " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAlignNamesTheStageOfACopy(t *testing.T) {
	f := Parse("Dockerfile", []byte("FROM golang:1.22 AS build\nRUN make\nFROM scratch\nCOPY --from=build /a /a\nCOPY --from=nginx:1 /b /b\n"))
	origins, ok := Align(f, []image.History{{CreatedBy: "COPY /a /a # buildkit"}, {CreatedBy: "COPY /b /b # buildkit"}})
	if !ok || origins[0].From == nil || origins[0].From.Line != 1 || origins[1].From != nil {
		t.Errorf("%v %+v", ok, origins)
	}
}

func TestAlignIsBounded(t *testing.T) {
	f := Parse("Dockerfile", []byte("FROM a\n"+strings.Repeat("RUN x\n", 5000)))
	history := make([]image.History, 5000)
	for i := range history {
		history[i].CreatedBy = "RUN /bin/sh -c x # buildkit"
	}
	if _, ok := Align(f, history); ok {
		t.Error("25 million cells were compared")
	}
}
