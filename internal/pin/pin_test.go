package pin

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/costs"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/project"
)

// tags is a registry: digests by tagged name. A name that it does not know has
// a digest of its own with "any", and is an error without.
type tags struct {
	digests map[string]string
	listed  []string // what Tags answers
	lies    map[string]string
	any     bool
	asked   []string
}

func (t *tags) Resolve(ref string) (image.Resolved, error) {
	t.asked = append(t.asked, ref)
	if d := t.digests[ref]; d != "" {
		return image.Resolved{Digest: d}, nil
	}
	if t.any {
		return image.Resolved{Digest: digestOf(ref)}, nil
	}
	return image.Resolved{}, errors.New("not found")
}

func (t *tags) Claimed(ref string) (string, error) {
	t.asked = append(t.asked, "claimed "+ref)
	if d := t.lies[ref]; d != "" {
		return d, nil
	}
	return t.digests[ref], nil
}

func (t *tags) Tags(string) ([]string, error) { return t.listed, nil }

func digestOf(text string) string { return imagetest.Digest([]byte(text)) }

// pinOne pins a file and returns its new bytes.
func pinOne(t *testing.T, name, text string, opt Options) (string, *Plan) {
	t.Helper()
	d, err := Read(name, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	plan := Make([]*Document{d}, opt)
	if failed := plan.Failed(); failed != nil {
		t.Fatal(failed)
	}
	if len(plan.files) == 0 {
		return text, plan
	}
	return string(plan.files[0].New), plan
}

func TestDockerfiles(t *testing.T) {
	const hub = "docker.io/library/"
	alpine, three := digestOf(hub+"alpine:3.20"), digestOf(hub+"alpine:3")
	for _, c := range []struct{ name, in, want string }{
		{"a tag", "FROM alpine:3.20\n", "FROM alpine:3.20@" + alpine + "\n"},
		{"no line end", "FROM alpine:3.20", "FROM alpine:3.20@" + alpine},
		{"no tag", "FROM debian", "FROM debian:latest@" + digestOf(hub+"debian:latest")},
		{"pinned", "FROM alpine:3.20@" + three, "FROM alpine:3.20@" + three},
		{"a digest alone", "FROM alpine@" + three, "FROM alpine@" + three},
		{"quotes", "FROM \"alpine:3\" AS x", "FROM \"alpine:3@" + three + "\" AS x"},
		{"platform", "from --platform=$BUILDPLATFORM alpine:3   as x", "from --platform=$BUILDPLATFORM alpine:3@" + three + "   as x"},
		{"an ARG that is all", "ARG B=alpine:3\nFROM $B\n", "ARG B=alpine:3@" + three + "\nFROM $B\n"},
		{"an ARG that is all, seen by a stage", "ARG B=alpine:3\nFROM $B\nARG B\n", "ARG B=alpine:3@" + three + "\nFROM $B\nARG B\n"},
		{"an ARG that is the tag", "ARG V=3\nFROM alpine:$V\n", "ARG V=3@" + three + "\nFROM alpine:$V\n"},
		{"a tag of one image twice", "ARG V=3\nFROM alpine:$V\nFROM alpine:${V} as b\n", "ARG V=3@" + three + "\nFROM alpine:$V\nFROM alpine:${V} as b\n"},
		{"a tag of two images", "ARG V=3\nFROM alpine:$V\nFROM debian:$V\n", "ARG V=3\nFROM alpine:$V\nFROM debian:$V\n"},
		{"a tag that a stage sees", "ARG V=3\nFROM alpine:$V\nARG V\nRUN echo $V\n", "ARG V=3\nFROM alpine:$V\nARG V\nRUN echo $V\n"},
		{"a tag in the middle", "ARG V=3\nFROM alpine:$V-slim\n", "ARG V=3\nFROM alpine:$V-slim@" + digestOf(hub+"alpine:3-slim") + "\n"},
		{"a registry", "ARG R=ghcr.io\nFROM ${R}/a/b:1\n", "ARG R=ghcr.io\nFROM ${R}/a/b:1@" + digestOf("ghcr.io/a/b:1") + "\n"},
		{"a default in place", "FROM ${X:-alpine:3}\n", "FROM ${X:-alpine:3@" + three + "}\n"},
		{"an ARG of an ARG", "ARG V=3\nARG B=\"alpine:${V}\"\nFROM ${B}\n", "ARG V=3@" + three + "\nARG B=\"alpine:${V}\"\nFROM ${B}\n"},
		{"an ARG that names a stage too", "ARG V=3\nFROM scratch AS s-3\nFROM alpine:$V\nFROM s-$V\n", "ARG V=3\nFROM scratch AS s-3\nFROM alpine:$V\nFROM s-$V\n"},
		{"stages and scratch", "FROM scratch AS a\nFROM a\nCOPY --from=0 a b\nCOPY --from=A a b\n", "FROM scratch AS a\nFROM a\nCOPY --from=0 a b\nCOPY --from=A a b\n"},
		{"copy and mount", "FROM a AS b\nCOPY --from=alpine:3 --chown=1 x y\nRUN --mount=type=bind,from=alpine:3,target=/x --mount=from=b,target=/y z\n",
			"FROM a:latest@" + digestOf(hub+"a:latest") + " AS b\nCOPY --from=alpine:3@" + three + " --chown=1 x y\nRUN --mount=type=bind,from=alpine:3@" + three + ",target=/x --mount=from=b,target=/y z\n"},
		{"ONBUILD", "FROM scratch\nONBUILD COPY --from=alpine:3 x y\n", "FROM scratch\nONBUILD COPY --from=alpine:3@" + three + " x y\n"},
		{"syntax", "# syntax = docker/dockerfile:1 # x\nFROM scratch\n", "# syntax = docker/dockerfile:1@" + digestOf("docker.io/docker/dockerfile:1") + " # x\nFROM scratch\n"},
		{"a continuation in the middle", "FROM alp\\\nine:3\n", "FROM alp\\\nine:3\n"},
		{"a continuation around", "FROM \\\n  # which\n  alpine:3 \\\n  AS x\n", "FROM \\\n  # which\n  alpine:3@" + three + " \\\n  AS x\n"},
		{"a heredoc", "FROM scratch\nCOPY <<EOF /x\nFROM alpine:3\nEOF\n", "FROM scratch\nCOPY <<EOF /x\nFROM alpine:3\nEOF\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			registry := &tags{any: true}
			got, _ := pinOne(t, "Dockerfile", c.in, Options{Registry: registry})
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			again, _ := pinOne(t, "Dockerfile", got, Options{Registry: registry, Update: true})
			if diff := cmp.Diff(got, again); diff != "" && !strings.Contains(c.in, "@") {
				t.Errorf("pinning again changes it: %s", diff)
			}
		})
	}
}

func TestWorkloads(t *testing.T) {
	three := digestOf("docker.io/library/alpine:3")
	for _, c := range []struct{ file, in, want string }{
		{"compose.yaml", "services:\n  a: {image: 'alpine:3'} # x\n  b:\n    build: .\n    image: alpine:3\n", "services:\n  a: {image: 'alpine:3@D'} # x\n  b:\n    build: .\n    image: alpine:3\n"},
		{"compose.yaml", "x-i: &i alpine:3\nservices:\n  a:\n    image: *i\n  b:\n    image: *i\n", "x-i: &i alpine:3@D\nservices:\n  a:\n    image: *i\n  b:\n    image: *i\n"},
		{"compose.yaml", "services:\n  a:\n    image: ${I:-alpine:3}\n  b:\n    image: ${I}\n", "services:\n  a:\n    image: ${I:-alpine:3@D}\n  b:\n    image: ${I}\n"},
		{"compose.yaml", "services:\n  a:\n    image: \"alp\\u0069ne:3\"\n", "services:\n  a:\n    image: \"alp\\u0069ne:3\"\n"},
		{"compose.yaml", "services:\r\n  a:\r\n    image: alpine:3\r\n", "services:\r\n  a:\r\n    image: alpine:3@D\r\n"},
		{"x.yaml", "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: alpine:3 # c\n    name: a\n  initContainers:\n  - {name: b, image: alpine:3}\n", "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: alpine:3@D # c\n    name: a\n  initContainers:\n  - {name: b, image: alpine:3@D}\n"},
		{".github/workflows/a.yml", "on: push\njobs:\n  a:\n    container: alpine:3\n    services: {x: {image: alpine:3}}\n    steps:\n    - uses: docker://alpine:3\n    - uses: actions/checkout@v4\n    - run: docker run alpine:3\n", "on: push\njobs:\n  a:\n    container: alpine:3@D\n    services: {x: {image: alpine:3@D}}\n    steps:\n    - uses: docker://alpine:3@D\n    - uses: actions/checkout@v4\n    - run: docker run alpine:3@D\n"},
		{".github/workflows/a.yml", "on: push\njobs:\n  a:\n    container: ${{ matrix.i }}\n", "on: push\njobs:\n  a:\n    container: ${{ matrix.i }}\n"},
		{"compose.yaml", "services:\n  a:\n    build:\n      dockerfile_inline: |\n        ARG V=3\n        FROM alpine:$$V\n        COPY --from=alpine:3 /a /\n      additional_contexts:\n        base: docker-image://alpine:3\n        other: ../x\n      cache_from: [alpine:3, 'type=registry,ref=alpine:3', 'type=local,src=x']\n", "services:\n  a:\n    build:\n      dockerfile_inline: |\n        ARG V=3@D\n        FROM alpine:$$V\n        COPY --from=alpine:3@D /a /\n      additional_contexts:\n        base: docker-image://alpine:3@D\n        other: ../x\n      cache_from: [alpine:3@D, 'type=registry,ref=alpine:3@D', 'type=local,src=x']\n"},
		{"compose.yaml", "services:\n  a:\n    build:\n      dockerfile_inline: \"FROM alpine:3\\nRUN x\"\n", "services:\n  a:\n    build:\n      dockerfile_inline: \"FROM alpine:3\\nRUN x\"\n"},
		{"x.yaml", "apiVersion: v1\nkind: Pod\nspec:\n  containers: []\n  volumes:\n  - name: v\n    image: {reference: 'alpine:3'}\n", "apiVersion: v1\nkind: Pod\nspec:\n  containers: []\n  volumes:\n  - name: v\n    image: {reference: 'alpine:3@D'}\n"},
		{".github/workflows/a.yml", "on: push\njobs:\n  a:\n    steps:\n    - run: |\n        set -e\n        docker run --rm -v x:/y \\\n          alpine:3 sh\n        docker run $IMAGE\n        docker build -t alpine:3 .\n", "on: push\njobs:\n  a:\n    steps:\n    - run: |\n        set -e\n        docker run --rm -v x:/y \\\n          alpine:3@D sh\n        docker run $IMAGE\n        docker build -t alpine:3 .\n"},
		{".gitlab-ci.yml", "a:\n  script:\n  - docker run alpine:3\n  - |\n    true\n    docker run 'alpine:3'\n", "a:\n  script:\n  - docker run alpine:3@D\n  - |\n    true\n    docker run 'alpine:3@D'\n"},
		{".circleci/config.yml", "jobs:\n  a:\n    docker: [{image: 'alpine:3'}]\n    steps:\n    - run: docker run alpine:3\n    - run:\n        command: podman run alpine:3\n", "jobs:\n  a:\n    docker: [{image: 'alpine:3@D'}]\n    steps:\n    - run: docker run alpine:3@D\n    - run:\n        command: podman run alpine:3@D\n"},
		{"run.sh", "#!/bin/sh\nX=1 sudo docker run -d \"alpine:3\" sh # alpine:3\n", "#!/bin/sh\nX=1 sudo docker run -d \"alpine:3@D\" sh # alpine:3\n"},
		{"Makefile", "all:\n\t@docker run alpine:3 $(X)\n", "all:\n\t@docker run alpine:3@D $(X)\n"},
		{"kustomization.yaml", "resources: [a.yaml]\nimages:\n- name: app\n  newName: alpine\n  newTag: \"3\" # why\n- name: alpine\n  newTag: 3\n- name: other\n  newName: x\n", "resources: [a.yaml]\nimages:\n- name: app\n  newName: alpine\n  newTag: \"3@D\" # why\n- name: alpine\n  newTag: 3@D\n- name: other\n  newName: x\n"},
		{"values.yaml", "image:\n  repository: alpine\n  tag: 3\n  pullPolicy: Always\nsub:\n  image: {registry: docker.io, repository: library/alpine, tag: '3', digest: \"\"}\n  git: {repository: 'https://example.com/x', tag: v1}\nother: {image: alpine:3}\nempty: {repository: alpine, tag: \"\"}\n", "image:\n  repository: alpine\n  tag: 3@D\n  pullPolicy: Always\nsub:\n  image: {registry: docker.io, repository: library/alpine, tag: '3', digest: \"D\"}\n  git: {repository: 'https://example.com/x', tag: v1}\nother: {image: alpine:3@D}\nempty: {repository: alpine, tag: \"\"}\n"},
		{"docker-bake.hcl", "variable \"X\" { default = \"alpine:3\" }\n# docker-image://alpine:3\ntarget \"app\" {\n  contexts = {\n    base = \"docker-image://alpine:3\"\n    src = \"target:x\"\n  }\n  cache-from = [\"type=registry,ref=alpine:3\", \"type=gha\"]\n  tags = [\"alpine:3\"]\n  dockerfile-inline = <<EOT\nFROM alpine:3\nRUN echo $${X}\nEOT\n}\n", "variable \"X\" { default = \"alpine:3\" }\n# docker-image://alpine:3\ntarget \"app\" {\n  contexts = {\n    base = \"docker-image://alpine:3@D\"\n    src = \"target:x\"\n  }\n  cache-from = [\"type=registry,ref=alpine:3@D\", \"type=gha\"]\n  tags = [\"alpine:3\"]\n  dockerfile-inline = <<EOT\nFROM alpine:3@D\nRUN echo $${X}\nEOT\n}\n"},
		{"docker-bake.json", "{\"target\": {\"a\": {\"contexts\": {\"b\": \"docker-image://alpine:3\"}, \"tags\": [\"alpine:3\"]}}}\n", "{\"target\": {\"a\": {\"contexts\": {\"b\": \"docker-image://alpine:3@D\"}, \"tags\": [\"alpine:3\"]}}}\n"},
		{".devcontainer/devcontainer.json", "// a comment: {\n{\n\t\"name\": \"x // y\", /* more */\n\t\"image\": \"alpine:3\", // why\n}\n", "// a comment: {\n{\n\t\"name\": \"x // y\", /* more */\n\t\"image\": \"alpine:3@D\", // why\n}\n"},
		{"compose.yaml", "services:\n  a:\n    build: .\n    volumes:\n    - {type: image, source: 'alpine:3', target: /d}\n    - {type: volume, source: data, target: /e}\n", "services:\n  a:\n    build: .\n    volumes:\n    - {type: image, source: 'alpine:3@D', target: /d}\n    - {type: volume, source: data, target: /e}\n"},
		{".circleci/config.yml", "orbs:\n  node: circleci/node@5\n  own:\n    executors: {e: {docker: [{image: alpine:3}]}}\n    jobs:\n      j:\n        docker: [{image: 'alpine:3'}]\n        steps: [{run: docker run alpine:3}]\n", "orbs:\n  node: circleci/node@5\n  own:\n    executors: {e: {docker: [{image: alpine:3@D}]}}\n    jobs:\n      j:\n        docker: [{image: 'alpine:3@D'}]\n        steps: [{run: docker run alpine:3@D}]\n"},
		{"Kustomization", "images:\n- name: alpine\n  newTag: \"3\"\n", "images:\n- name: alpine\n  newTag: \"3@D\"\n"},
		{".gitlab/ci/build.yml", "before_script: [docker run alpine:3]\ndefault:\n  after_script: [[docker run alpine:3]]\na:\n  script: [x]\n  after_script:\n  - |\n    docker run alpine:3 x\n", "before_script: [docker run alpine:3@D]\ndefault:\n  after_script: [[docker run alpine:3@D]]\na:\n  script: [x]\n  after_script:\n  - |\n    docker run alpine:3@D x\n"},
		{".gitlab-ci.yml", "image: alpine:3\na:\n  script: [x]\n  services: [alpine:3]\n", "image: alpine:3@D\na:\n  script: [x]\n  services: [alpine:3@D]\n"},
	} {
		t.Run(c.file, func(t *testing.T) {
			got, _ := pinOne(t, c.file, c.in, Options{Registry: &tags{any: true}})
			if diff := cmp.Diff(strings.NewReplacer("@D", "@"+three, "\"D\"", `"`+three+`"`).Replace(c.want), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestUnknownFiles(t *testing.T) {
	for _, name := range []string{"notes.txt", "Dockerfile.dockerignore", "Dockerfile.md", "dockerfile.json"} {
		if _, err := Read(name, []byte("all:\n\tdocker run alpine:3\n")); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"Dockerfile", "Dockerfile.prod", "app.dockerfile", "Containerfile", "a/b/dockerfile", "Dockerfile-x"} {
		if _, err := Read(name, []byte("FROM scratch\n")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLatest finds the most specific tag of the same digest, with few questions
// and no trust in what is only claimed.
func TestLatest(t *testing.T) {
	const name = "docker.io/library/x:"
	a, b := digestOf("a"), digestOf("b")
	registry := func(listed string, same ...string) *tags {
		r := &tags{digests: map[string]string{name + "latest": a}, lies: map[string]string{}, listed: strings.Fields(listed)}
		for _, tag := range r.listed {
			r.digests[name+tag] = b
		}
		for _, tag := range same {
			r.digests[name+tag] = a
		}
		return r
	}
	many := ""
	for i := range 500 {
		many += fmt.Sprintf("1.%d ", i)
	}
	for _, c := range []struct {
		registry *tags
		want     string
		asked    int
	}{
		{registry("3 3.20 3.20.3 3.19.4 edge 3.20.3-rc1", "3", "3.20", "3.20.3"), "3.20.3", 3},
		{registry("13 12 12.7 12.7-slim", "12", "12.7"), "12.7", 4},
		{registry("20240923 3.1", "3.1"), "3.1", 3},
		{registry("v1.2.0 v1.3.0", "v1.2.0"), "v1.2.0", 4},
		{registry("alpine slim", "slim"), "latest", 1},
		{registry(""), "latest", 1},
		{registry(many, "1.1"), "latest", 1 + maxCandidates},
	} {
		got, _ := pinOne(t, "Dockerfile", "FROM x", Options{Registry: c.registry})
		if want := "FROM x:" + c.want + "@" + a; got != want {
			t.Errorf("%.30q: %s, not %s", c.registry.listed, got, want)
		}
		if len(c.registry.asked) != c.asked {
			t.Errorf("%.30q: %d questions, not %d: %q", c.registry.listed, len(c.registry.asked), c.asked, c.registry.asked)
		}
	}
	liar := registry("9 8", "8")
	liar.lies[name+"9"] = a
	if got, _ := pinOne(t, "Dockerfile", "FROM x", Options{Registry: liar}); got != "FROM x:8@"+a {
		t.Errorf("a lie is believed: %s", got)
	}
}

// TestUnresolvable holds that a reference of which nobody knows what it names
// keeps none of the others from its pin, and is asked for once.
func TestUnresolvable(t *testing.T) {
	dir := t.TempDir()
	var documents []*Document
	for name, text := range map[string]string{"a.dockerfile": "FROM good:1\nFROM bad:1\n", "b.dockerfile": "FROM bad:1\nFROM bad:2\n"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		d, err := Read(path, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, d)
	}
	registry := &tags{digests: map[string]string{"docker.io/library/good:1": digestOf("x")}}
	plan := Make(documents, Options{Registry: registry})
	if failed := plan.Failed(); len(failed) != 3 || failed[0].Why != "not found" {
		t.Fatalf("%+v", failed)
	}
	if len(registry.asked) != 3 {
		t.Errorf("asked %q: each once is enough", registry.asked)
	}
	if err := plan.Write(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a.dockerfile": "FROM good:1@" + digestOf("x") + "\nFROM bad:1\n", "b.dockerfile": "FROM bad:1\nFROM bad:2\n"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestWriteKeepsWhatAFileIs(t *testing.T) {
	dir := t.TempDir()
	real := filepath.Join(dir, "real")
	link := filepath.Join(dir, "Dockerfile")
	if err := os.WriteFile(real, []byte("FROM a:1\r\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real", link); err != nil {
		t.Skip("no symbolic links here: ", err)
	}
	found, err := project.Find(t.Context(), []string{link, real})
	if err != nil {
		t.Fatal(err)
	}
	documents, _ := Documents(found)
	if len(documents) != 1 {
		t.Fatalf("%d documents", len(documents))
	}
	plan := Make(documents, Options{Registry: &tags{any: true}})
	if err := plan.Write(); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(real)
	if err != nil || string(got) != "FROM a:1@"+digestOf("docker.io/library/a:1")+"\r\n" {
		t.Errorf("%q %v", got, err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is %v, %v", info.Mode(), err)
	}
	if info, err := os.Stat(real); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("permissions %v, %v", info.Mode(), err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 2 {
		t.Errorf("left behind: %v", entries)
	}
	// It is another file by now: the plan is of no use any more.
	if err := plan.Write(); err == nil || !strings.Contains(err.Error(), "changed by somebody else") {
		t.Errorf("written twice: %v", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 2 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestDiff(t *testing.T) {
	var lines []string
	for i := range 30 {
		lines = append(lines, fmt.Sprintf("RUN %d", i))
	}
	lines[0], lines[1], lines[8], lines[29] = "FROM a:1", "FROM b:1", "FROM c:1", "FROM d:1"
	_, plan := pinOne(t, "x/Dockerfile", strings.Join(lines, "\n"), Options{Registry: &tags{any: true}})
	got := plan.Diff()
	for _, tag := range "abcd" {
		got = strings.ReplaceAll(got, digestOf("docker.io/library/"+string(tag)+":1"), "D")
	}
	want := `--- a/x/Dockerfile
+++ b/x/Dockerfile
@@ -1,12 +1,12 @@
-FROM a:1
-FROM b:1
+FROM a:1@D
+FROM b:1@D
 RUN 2
 RUN 3
 RUN 4
 RUN 5
 RUN 6
 RUN 7
-FROM c:1
+FROM c:1@D
 RUN 9
 RUN 10
 RUN 11
@@ -27,4 +27,4 @@
 RUN 26
 RUN 27
 RUN 28
-FROM d:1
\ No newline at end of file
+FROM d:1@D
\ No newline at end of file
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// FuzzRewrite pins anything: outside of references every byte stays, each
// reference is pinned or as it was, and pinning again changes nothing.
func FuzzRewrite(f *testing.F) {
	f.Add("Dockerfile", []byte("# syntax=docker/dockerfile:1\nARG V=3 B=\"alpine:$V\"\nFROM $B AS x\nFROM a:${V}\nCOPY --from=x a b\nRUN --mount=from=y:1,target=/z w\n"))
	f.Add("compose.yaml", []byte("services:\n  a: {image: 'alpine:3'}\n  b:\n    image: ${I:-alpine:3}\n"))
	f.Add("pod.yaml", []byte("apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: alpine:3 # c\n"))
	f.Add(".github/workflows/a.yml", []byte("on: push\njobs:\n  a:\n    container: alpine:3\n    steps:\n    - uses: docker://alpine:3\n"))
	f.Add("docker-bake.hcl", []byte("target \"a\" {\n  contexts = { b = \"docker-image://alpine:3\" }\n  dockerfile-inline = <<-E\n    FROM alpine:3\n  E\n}\n"))
	f.Add("values.yaml", []byte("image: {repository: alpine, tag: '3', digest: ''}\nx: {image: alpine:3}\n"))
	f.Add("kustomization.yaml", []byte("images:\n- {name: alpine, newTag: '3'}\n"))
	f.Add("devcontainer.json", []byte("// x\n{\"image\": \"alpine:3\", /* y */}\n"))
	f.Add("compose.yaml", []byte("services:\n  a:\n    build:\n      cache_from: [alpine:3]\n      dockerfile_inline: |\n        FROM alpine:3\n"))
	costs.Fuzz(f, func(t *testing.T, name string, data []byte) {
		d, err := Read(name, data)
		if err != nil {
			return
		}
		plan := Make([]*Document{d}, Options{Registry: &tags{any: true}})
		if len(plan.files) == 0 {
			return
		}
		pinned := plan.files[0].New
		again, err := Read(name, pinned)
		if err != nil || len(again.References) != len(d.References) {
			t.Fatalf("%d references become %d (%v):\n%s", len(d.References), len(again.References), err, pinned)
		}
		for i, ref := range again.References {
			want := d.References[i].Value
			if o := plan.Outcomes[i]; o.State == Pinned {
				want = o.New
			}
			if ref.Value != want || ref.Skip != d.References[i].Skip {
				t.Fatalf("reference %d is %q, not %q:\n%s", i, ref.Value, want, pinned)
			}
		}
		// Without the pins it is the file that it was.
		rest := pinned
		for _, o := range plan.Outcomes {
			if _, digest, ok := strings.Cut(o.New, "@"); ok {
				rest = bytes.ReplaceAll(rest, []byte(":latest@"+digest), nil)
				rest = bytes.ReplaceAll(rest, []byte("@"+digest), nil)
				rest = bytes.ReplaceAll(rest, []byte(digest), nil) // where the file has it apart
			}
		}
		before := bytes.ReplaceAll(data, []byte(":latest"), nil)
		if !bytes.Equal(bytes.ReplaceAll(rest, []byte(":latest"), nil), before) {
			t.Fatalf("more than references changed:\n%s", pinned)
		}
		if second := Make([]*Document{again}, Options{Registry: &tags{any: true}, Update: true}); len(second.files) != 0 {
			t.Fatalf("pinning again changes it:\n%s", pinned)
		}
	})
}
