package scan

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/dockerfile"
	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/report"
)

func TestAddLines(t *testing.T) {
	f := dockerfile.Parse("build/Dockerfile", []byte(`FROM golang:1.22 AS build
RUN go build -o /app
FROM debian:12
ARG TOKEN
ENV MODE=fast \
    API_KEY=secret
RUN curl -H "Authorization: $TOKEN" https://example.com/a/b/c
COPY .env /
RUN rm /.env
COPY --from=build /app /app
`))
	img := &image.Image{
		Config: image.Config{History: []image.History{
			{CreatedBy: "/bin/sh -c #(nop) ADD file:1 in /"},
			{CreatedBy: `/bin/sh -c #(nop)  CMD ["bash"]`, EmptyLayer: true},
			{CreatedBy: "ARG TOKEN=abcdef", EmptyLayer: true},
			{CreatedBy: "ENV MODE=fast API_KEY=secret", EmptyLayer: true},
			{CreatedBy: `RUN |1 TOKEN=abcdef /bin/sh -c curl -H "Authorization: $TOKEN" https://example.com/a/b/c # buildkit`},
			{CreatedBy: "COPY .env / # buildkit"},
			{CreatedBy: "RUN /bin/sh -c rm /.env # buildkit"},
			{CreatedBy: "COPY /app /app # buildkit"},
		}},
		Layers: []image.Layer{{History: 0}, {History: 4}, {History: 5}, {History: 6}, {History: 7}},
	}
	place := func(kind, name, instruction string, layer int) finding.SecretPlace {
		return finding.SecretPlace{Kind: kind, Name: name, Instruction: instruction, Layer: layer}
	}
	r := &report.Report{
		Vulnerabilities: []finding.Vulnerability{{Layer: 0}, {Layer: 4}, {Layer: -1}, {Layer: 9}},
		Secrets: []finding.Secret{{Places: []finding.SecretPlace{
			place("file", "", "", 2),
			place("env", "API_KEY", "", -1),
			place("env", "API_KEY", "ENV MODE=fast API_KEY=se…et", -1),
			place("env", "ABSENT", "", -1),
			place("history", "", "ARG TOKEN=…", -1),
			place("cmd", "", "", -1),
			place("history", "", "RUN something else", -1),
		}}},
		Misconfigurations: []finding.Misconfiguration{
			{Locations: []finding.Location{{Layer: 1}}},
			{Instruction: "RUN rm /.env"},
			{},
		},
	}
	addLines(r, img, f)
	var got []string
	add := func(what string, l *finding.Line) {
		if l != nil {
			what += fmt.Sprintf(" %s:%d", l.File, l.Line)
		}
		got = append(got, what)
	}
	for _, v := range r.Vulnerabilities {
		add("vulnerability", v.Line)
	}
	for _, p := range r.Secrets[0].Places {
		add("secret", p.Line)
	}
	for _, m := range r.Misconfigurations {
		add("fault", m.Line)
	}
	want := []string{
		"vulnerability build/Dockerfile:3", "vulnerability build/Dockerfile:10", "vulnerability", "vulnerability",
		"secret build/Dockerfile:8", "secret build/Dockerfile:6", "secret build/Dockerfile:6", "secret",
		"secret build/Dockerfile:4", "secret build/Dockerfile:3", "secret",
		"fault build/Dockerfile:7", "fault build/Dockerfile:9", "fault",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(r.Warnings) != 0 {
		t.Errorf("warnings %+v", r.Warnings)
	}
}

func TestAddLinesOfAnotherFile(t *testing.T) {
	r := &report.Report{Vulnerabilities: []finding.Vulnerability{{Layer: 0}}}
	img := &image.Image{
		Config: image.Config{History: []image.History{{CreatedBy: "COPY a /a # buildkit"}}},
		Layers: []image.Layer{{History: 0}},
	}
	addLines(r, img, dockerfile.Parse("Dockerfile", []byte("FROM x\nRUN one\nRUN two\n")))
	if r.Vulnerabilities[0].Line != nil || len(r.Warnings) != 1 || r.Warnings[0].Incomplete {
		t.Errorf("line %v, warnings %+v", r.Vulnerabilities[0].Line, r.Warnings)
	}
}

func TestSameInstruction(t *testing.T) {
	for _, c := range []struct {
		shown, text string
		want        bool
	}{
		{"RUN a", "RUN a", true},
		{"RUN a", "RUN b", false},
		{"ENV A=gh…xy B=…", "ENV A=ghp_12xy B=12", true},
		{"ENV A=gh…xy B=…", "ENV A=ghp_12 B=12", false},
		{"ENV A=…a", "ENV A=a", true},
		{"ENV A=a…a", "ENV A=a", false},
	} {
		if got := sameInstruction(c.shown, c.text); got != c.want {
			t.Errorf("%q is %q: %v", c.shown, c.text, got)
		}
	}
}
