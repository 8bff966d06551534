package workload

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/costs"
)

func mustParse(t *testing.T, name, text string) *File {
	t.Helper()
	f, err := Parse(name, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	checkOffsets(t, f, text)
	return f
}

// checkOffsets compares every place with the file.
func checkOffsets(t *testing.T, f *File, text string) {
	t.Helper()
	for _, image := range f.Images {
		if image.Start < 0 {
			continue
		}
		if image.End > len(text) || text[image.Start:image.End] != image.Value {
			t.Errorf("%s: image %q is not at %d-%d", f.Path, image.Value, image.Start, image.End)
		}
	}
	for _, u := range f.Uses {
		if u.Start >= 0 && (u.End > len(text) || text[u.Start:u.End] != u.Ref) {
			t.Errorf("%s: %q is not at %d-%d", f.Path, u.Ref, u.Start, u.End)
		}
	}
	for i := range f.Builds {
		b := &f.Builds[i]
		for at := range min(len(b.Text), 4000) {
			if p := b.Place(at); p.Offset >= 0 && (p.Offset > len(text) || b.Text[at] != '\n' && text[p.Offset] != b.Text[at]) {
				t.Errorf("%s: offset %d of %q is not at %+v", f.Path, at, b.Text, p)
			}
		}
	}
}

func only(t *testing.T, f *File) Service {
	t.Helper()
	if len(f.Services) != 1 {
		t.Fatalf("%d services: %+v", len(f.Services), f.Services)
	}
	return f.Services[0]
}

func TestComposeService(t *testing.T) {
	f := mustParse(t, "compose.yaml", `services:
  web:
    image: "nginx:1.27"
    user: "101:101"
    read_only: true
    privileged: false
    cap_drop: [ALL]
    cap_add:
      - NET_BIND_SERVICE
    security_opt:
      - no-new-privileges:true
      - seccomp=unconfined
    network_mode: host
    pid: host
    tmpfs: /tmp:size=64m
    volumes:
      - /var/run/docker.sock:/var/run/docker.sock:ro
      - type: bind
        source: ./data
        target: /data
      - cache:/cache
    ports:
      - "127.0.0.1:8080:80"
      - "443"
      - target: 53
        published: "5353"
        protocol: udp
    environment:
      MODE: production
      TOKEN:
    healthcheck:
      test: ["NONE"]
    deploy:
      resources:
        limits: {memory: 64M, cpus: "0.5", pids: 100}
    restart: on-failure:5
`)
	want := Service{
		Name: "web", Line: 2,
		Image:           Image{Value: "nginx:1.27", Start: 29, End: 39, Line: 3, Where: "services.web.image"},
		User:            Text{"101:101", 4},
		ReadOnly:        Flag{true, 5},
		Privileged:      Flag{false, 6},
		CapDrop:         []Text{{"ALL", 7}},
		CapAdd:          []Text{{"NET_BIND_SERVICE", 9}},
		SecurityOpt:     []Text{{"no-new-privileges:true", 11}, {"seccomp=unconfined", 12}},
		NoNewPrivileges: Flag{true, 11},
		Seccomp:         Text{"unconfined", 12},
		Network:         Text{"host", 13},
		PID:             Text{"host", 14},
		Tmpfs:           []Text{{"/tmp", 15}},
		Mounts: []Mount{
			{"/var/run/docker.sock", "/var/run/docker.sock", true, 17},
			{"./data", "/data", false, 18},
			{"cache", "/cache", false, 21},
		},
		Ports:       []Port{{"127.0.0.1", "8080", "80", 23, false}, {"", "", "443", 24, false}, {"", "5353", "53/udp", 25, true}},
		Environment: []Variable{{"MODE", "production", true, 29}, {"TOKEN", "", false, 30}},
		Command:     []Text{{"NONE", 32}},
		Health:      Flag{false, 31},
		Memory:      Text{"64M", 35}, CPU: Text{"0.5", 35}, PIDs: Text{"100", 35},
		Restart: Text{"on-failure:5", 36},
	}
	if diff := cmp.Diff(want, only(t, f)); diff != "" {
		t.Error(diff)
	}
}

func TestComposeAnchorsMergesAndExtends(t *testing.T) {
	f := mustParse(t, "docker-compose.yml", `x-base: &base
  image: &img alpine:3.20
  cap_drop: [ALL]
services:
  a:
    <<: *base
    user: "1"
  b:
    extends: {service: a}
    cap_drop: [NET_RAW]
  c:
    image: *img
  d:
    extends: {file: other.yml, service: x}
`)
	a, b, c, d := f.Services[0], f.Services[1], f.Services[2], f.Services[3]
	if a.Image.Value != "alpine:3.20" || a.User.Value != "1" || len(a.CapDrop) != 1 {
		t.Errorf("merge: %+v", a)
	}
	if b.Image.Value != "alpine:3.20" || b.User.Value != "1" || len(b.CapDrop) != 2 {
		t.Errorf("extends: %+v", b)
	}
	if c.Image.Start != a.Image.Start || c.Image.Start < 0 {
		t.Errorf("alias: %+v, %+v", c.Image, a.Image)
	}
	if !d.Partial || a.Partial || b.Partial {
		t.Error("only what extends another file is partial")
	}
	if len(f.Images) != 1 {
		t.Errorf("one place of the file, %d images: %+v", len(f.Images), f.Images)
	}
}

func TestKubernetes(t *testing.T) {
	f := mustParse(t, "deploy.yaml", `# comment
apiVersion: v1
kind: ConfigMap
metadata: {name: x}
---
apiVersion: v1
kind: List
items:
- apiVersion: apps/v1
  kind: Deployment
  metadata:
    name: shop
  spec:
    template:
      spec:
        hostNetwork: true
        automountServiceAccountToken: false
        securityContext:
          runAsUser: 1000
          runAsNonRoot: true
          seccompProfile: {type: RuntimeDefault}
        initContainers:
        - name: init
          image: busybox
        containers:
        - name: api
          image: 'registry:5000/api:1'
          securityContext:
            runAsUser: 0
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities:
              drop: ["ALL"]
              add: ["SYS_ADMIN"]
          livenessProbe: {httpGet: {path: /, port: 80}}
          resources: {limits: {memory: 1Gi, cpu: 1}}
          ports: [{containerPort: 80, hostPort: 8080}]
          env:
          - {name: A, value: b}
          - name: S
            valueFrom: {secretKeyRef: {name: s, key: k}}
          volumeMounts:
          - {name: sock, mountPath: /s, readOnly: true}
          - {name: tmp, mountPath: /tmp}
        volumes:
        - name: sock
          hostPath: {path: /var/run/docker.sock}
        - name: tmp
          emptyDir: {}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: night}
spec:
  jobTemplate:
    spec:
      template:
        spec:
          containers: [{name: c, image: a@sha256:0}]
`)
	if len(f.Services) != 3 {
		t.Fatalf("%+v", f.Services)
	}
	init, api, cron := f.Services[0], f.Services[1], f.Services[2]
	if !init.Init || init.User.Value != "1000" || init.Name != "Deployment/shop init" {
		t.Errorf("%+v", init)
	}
	want := Service{
		Name: "Deployment/shop api", Line: 26,
		Image: Image{Value: "registry:5000/api:1", Start: api.Image.Start, End: api.Image.End, Line: 27, Where: "Deployment/shop api"},
		User:  Text{"0", 29}, RunAsNonRoot: Flag{true, 20}, NoNewPrivileges: Flag{true, 30}, ReadOnly: Flag{true, 31},
		CapAdd: []Text{{"SYS_ADMIN", 34}}, CapDrop: []Text{{"ALL", 33}}, Seccomp: Text{"RuntimeDefault", 21},
		Network: Text{"host", 16}, Tmpfs: []Text{{"/tmp", 44}},
		Mounts: []Mount{{"/var/run/docker.sock", "/s", true, 47}}, Ports: []Port{{Host: "8080", Container: "80", Line: 37}},
		Environment: []Variable{{"A", "b", true, 39}, {"S", "", false, 40}},
		Health:      Flag{true, 35}, Memory: Text{"1Gi", 36}, CPU: Text{"1", 36}, TokenMounted: Flag{false, 17},
	}
	want.Requests.Memory, want.Requests.CPU = want.Memory, want.CPU
	if diff := cmp.Diff(want, api); diff != "" {
		t.Error(diff)
	}
	if cron.Image.Value != "a@sha256:0" {
		t.Errorf("%+v", cron)
	}
}

func TestInterpolation(t *testing.T) {
	for text, want := range map[string]string{
		"plain": "plain", "${A:-b}": "b", "${A-b}": "b", "x${A:-b}y${C:-d}": "xbyd", "${A:-${B:-c}}": "c", "$$A": "$A", "${A:+b}": "",
		"${A}": "${A}", "$A": "$A", "${A:?why}": "${A:?why}", "${A:-b": "${A:-b", "$": "$", "${B:-x}:${A}": "x:${A}", "${}": "${}",
	} {
		if got := defaults(text, 0); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	f := mustParse(t, "compose.yaml", "services:\n  a:\n    image: ${I:-x:1}\n    privileged: ${P:-true}\n    read_only: ${R:-false}\n    mem_limit: ${M}\n")
	s := only(t, f)
	if s.Image.Value != "${I:-x:1}" || !s.Privileged.On() || s.ReadOnly.On() || s.Memory.Value != "${M}" {
		t.Errorf("%+v", s)
	}
}

func TestUses(t *testing.T) {
	const commit = "0123456789abcdef0123456789abcdef01234567"
	text := "on: push\njobs:\n  a:\n    uses: o/r/.github/workflows/x.yml@v1 # why\n  b:\n    steps:\n    - uses: \"o/a-b@" + commit + "\" # v2\n    - uses: docker://x:1\n    - uses: ./x\n    - uses: o/r/sub@main\n"
	f := mustParse(t, ".github/workflows/a.yml", text)
	var got []string
	for _, u := range f.Uses {
		got = append(got, fmt.Sprintf("%d %s %s %q %v %s", u.Line, u.Repository, text[u.Start:u.End], u.Comment, u.Pinned(), u.Where))
	}
	want := []string{`4 o/r v1 "why" false jobs.a.uses`, `7 o/a-b ` + commit + ` "v2" true jobs.b.steps.uses`, `10 o/r main "" false jobs.b.steps.uses`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRunLines(t *testing.T) {
	f := mustParse(t, "run.sh", `#!/bin/sh
set -e
# docker run commented:1
sudo docker run -d --rm --name web \
    -p 8080:80 --cap-drop=ALL --cap-add NET_BIND_SERVICE \
    --security-opt no-new-privileges --read-only --tmpfs /tmp:rw \
    -u 101 -v /var/run/docker.sock:/var/run/docker.sock -e A=b \
    --mount type=bind,src=/etc,dst=/host,readonly \
    "nginx:1.27" nginx -g 'daemon off;'
if true; then podman --log-level debug container run -it alpine sh; fi
docker run $DOCKER_OPTS "$IMAGE:$TAG"
docker build -t x .
docker run --help
id=$(docker create busybox)
`)
	if len(f.Services) != 4 {
		t.Fatalf("%+v", f.Services)
	}
	web := f.Services[0]
	if web.Image.Value != "nginx:1.27" || web.Line != 4 || web.Image.Line != 9 || web.Name != "docker run web" ||
		web.User != (Text{"101", 7}) || !web.ReadOnly.On() || !web.NoNewPrivileges.On() || len(web.CapAdd) != 1 || len(web.CapDrop) != 1 ||
		len(web.Mounts) != 2 || !web.Mounts[1].ReadOnly || web.Tmpfs[0].Value != "/tmp" || web.Environment[0].Value != "b" {
		t.Errorf("%+v", web)
	}
	if s := f.Services[1]; s.Image.Value != "alpine" || s.Line != 10 || s.Name != "podman run" {
		t.Errorf("%+v", s)
	}
	if s := f.Services[2]; s.Image.Value != "$IMAGE:$TAG" || !s.Partial {
		t.Errorf("%+v", s)
	}
}

func TestMakefile(t *testing.T) {
	f := mustParse(t, "Makefile", "IMAGE = x\n"+
		"run: build\n"+
		"\t@docker run --rm -v $(PWD):/src -u $$(id -u):$$(id -g) $(RUN_FLAGS) \\\n"+
		"\t\tgolang:1.26 go test ./...\n"+
		"\t-docker run $(shell cat flags \"x) $(IMAGE):$(TAG) $<\n"+
		"\tif [ -n \"$$X\" ]; then docker run -e X=\"$$X\" a:1; fi\n"+
		"docker run not-a-recipe\n")
	var got []string
	for _, s := range f.Services {
		got = append(got, fmt.Sprintf("%d %s %v %s", s.Line, s.Image.Value, s.Partial, s.User.Value))
	}
	want := []string{"3 golang:1.26 true $$(id -u):$$(id -g)", "5 $(IMAGE):$(TAG) true ", "6 a:1 false "}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// commands writes the commands of a step as a person would read them.
func commands(list []Command) string {
	var b strings.Builder
	for _, c := range list {
		fmt.Fprintf(&b, "%d", c.Line)
		for _, w := range c.Words {
			fmt.Fprintf(&b, " %s", w.Value)
		}
		if c.MayFail {
			b.WriteString(" (may fail)")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestGitHub(t *testing.T) {
	f := mustParse(t, ".github/workflows/ci.yml", `on: push
jobs:
  build:
    runs-on: ubuntu-latest
    container: node:20
    services:
      db:
        image: "postgres:16"
    steps:
      - uses: actions/checkout@v4
      - uses: docker://alpine:3.20
      - name: scan
        uses: aquasecurity/trivy-action@0.28.0
        continue-on-error: true
        with:
          image-ref: app:${{ github.sha }}
          exit-code: '1'
      - run: |
          docker build -t app:${{ github.sha }} .
          trivy image app || true
          trivy image app | tee out
          if ! grype app; then exit 1; fi
          grype app || exit 1
          set +e
          snyk test
      - shell: bash
        run: trivy image app | tee out
      - shell: pwsh
        run: Get-Item x
  call:
    uses: ./.github/workflows/scan.yml
`)
	var images []string
	for _, image := range f.Images {
		images = append(images, image.Value)
		if image.Start < 0 {
			t.Errorf("%q has no place", image.Value)
		}
	}
	if diff := cmp.Diff([]string{"node:20", "postgres:16", "alpine:3.20"}, images); diff != "" {
		t.Error(diff)
	}
	if s := f.Steps[2]; !s.MayFail.On() || s.MayFail.Line != 14 || s.With["exit-code"].Value != "1" || s.With["exit-code"].Line != 17 {
		t.Errorf("%+v", s)
	}
	want := `19 docker build -t app:${{ github.sha }} .
20 trivy image app (may fail)
20 true
21 trivy image app (may fail)
21 tee out
22 grype app
22 exit 1
23 grype app
23 exit 1
24 set +e
25 snyk test (may fail)
`
	if diff := cmp.Diff(want, commands(f.Steps[3].Commands)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff("27 trivy image app\n27 tee out\n", commands(f.Steps[4].Commands)); diff != "" {
		t.Error(diff)
	}
	if len(f.Steps) != 7 || f.Steps[6].Uses != "./.github/workflows/scan.yml" {
		t.Errorf("%+v", f.Steps)
	}
}

func TestGitLab(t *testing.T) {
	f := mustParse(t, ".gitlab-ci.yml", `image: {name: docker:27, entrypoint: [""]}
include:
  - template: Jobs/Container-Scanning.gitlab-ci.yml
stages: [test]
scan:
  image: aquasec/trivy:0.58.0
  services: [docker:dind, {name: postgres:16}]
  allow_failure: true
  before_script: [set +e]
  script:
    - - trivy image app | tee x
    - |
      set -e
      trivy image app
`)
	if len(f.Images) != 4 || len(f.Steps) != 2 {
		t.Fatalf("%+v %+v", f.Images, f.Steps)
	}
	if f.Steps[0].Uses != "Jobs/Container-Scanning.gitlab-ci.yml" || !f.Steps[1].MayFail.On() {
		t.Errorf("%+v", f.Steps)
	}
	want := "9 set +e\n11 trivy image app (may fail)\n11 tee x (may fail)\n13 set -e (may fail)\n14 trivy image app\n"
	if diff := cmp.Diff(want, commands(f.Steps[1].Commands)); diff != "" {
		t.Error(diff)
	}
}

func TestCircleCI(t *testing.T) {
	f := mustParse(t, ".circleci/config.yml", `version: 2.1
orbs: {snyk: snyk/snyk@2.0.0}
executors:
  go: {docker: [{image: "cimg/go:1.26"}]}
jobs:
  build:
    docker:
      - image: cimg/base:current
    steps:
      - checkout
      - run: docker build -t << pipeline.id >> .
      - run: {name: scan, command: trivy image app}
      - when:
          condition: true
          steps: [run: "grype app"]
      - snyk/scan: {fail-on-issues: false}
`)
	var got []string
	for _, s := range f.Steps {
		got = append(got, s.Uses+commands(s.Commands))
	}
	want := []string{"checkout", "11 docker build -t << pipeline.id >> .\n", "12 trivy image app\n", "15 grype app\n", "snyk/scan"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if f.Steps[4].With["fail-on-issues"].Value != "false" || len(f.Images) != 2 {
		t.Errorf("%+v %+v", f.Steps[4], f.Images)
	}
}

func TestRecognise(t *testing.T) {
	for _, test := range []struct {
		path, head string
		want       Kind
	}{
		{"x/.github/workflows/a.yaml", "", GitHub},
		{"action.yml", "", GitHub},
		{".gitlab-ci.yml", "", GitLab},
		{`a\.circleci\config.yml`, "", CircleCI},
		{"docker-compose.prod.yml", "", Compose},
		{"k8s/deploy.yaml", "", YAML},
		{"package.json", "{}", Unknown},
		{"pod.json", `{"apiVersion": "v1"}`, YAML},
		{"Makefile", "", Makefile},
		{"deploy.sh", "", Script},
		{"deploy", "#!/usr/bin/env bash\n", Script},
		{"deploy", "#!/usr/bin/python\n", Unknown},
		{"main.go", "", Unknown},
	} {
		if got := Recognise(test.path, []byte(test.head)); got != test.want {
			t.Errorf("%s: %q, want %q", test.path, got, test.want)
		}
	}
	if _, err := Parse("values.yaml", []byte("a: 1\n")); !errors.Is(err, ErrUnknown) {
		t.Errorf("%v", err)
	}
}

func TestBadFiles(t *testing.T) {
	t.Run("template", func(t *testing.T) {
		_, err := Parse("t.yaml", []byte("apiVersion: v1\nkind: Pod\nspec:\n  {{- if .x }}\n"))
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || syntax.Line < 3 {
			t.Errorf("%v", err)
		}
	})
	t.Run("bomb", func(t *testing.T) {
		var b strings.Builder
		b.WriteString("x0: &x0 {image: a}\n")
		for i := 1; i < 30; i++ {
			fmt.Fprintf(&b, "x%d: &x%d {<<: [%s]}\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*x%d,", i-1), 10), ","))
		}
		b.WriteString("services:\n  a: *x29\n  b: {image: c}\n")
		f := mustParse(t, "compose.yaml", b.String())
		if len(f.Problems) == 0 || !strings.Contains(f.Problems[0].Message, "entries") {
			t.Errorf("%+v", f.Problems)
		}
	})
	t.Run("cycle", func(t *testing.T) {
		mustParse(t, "compose.yaml", "services: &s\n  a: &a\n    <<: *a\n    image: x\n  b: *s\n")
	})
	t.Run("duplicate", func(t *testing.T) {
		f := mustParse(t, "compose.yaml", "services:\n  a:\n    image: x\n    image: y\n")
		if diff := cmp.Diff([]Problem{{4, `key "image" stands a second time, first on line 3`}}, f.Problems); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("deep", func(t *testing.T) {
		f := mustParse(t, "compose.yaml", strings.Repeat("[", 500)+strings.Repeat("]", 500))
		if len(f.Problems) != 1 {
			t.Errorf("%+v", f.Problems)
		}
	})
	t.Run("large", func(t *testing.T) {
		if _, err := Parse("compose.yaml", make([]byte, MaxFile+1)); err == nil {
			t.Error("no error")
		}
	})
	t.Run("line ends", func(t *testing.T) {
		f := mustParse(t, "compose.yaml", "\xef\xbb\xbfservices:\r\n  \u00e4:\r\n    x: \"\u2028\"\r\n    image: nginx\r\n    user: root\r\n")
		if s := only(t, f); s.Image.Line != 5 || s.Image.Start < 0 {
			t.Errorf("%+v", s)
		}
		f = mustParse(t, "run.sh", "\xef\xbb\xbfdocker run \\\r\n  nginx\r\n")
		if s := only(t, f); s.Image.Value != "nginx" || s.Image.Line != 2 {
			t.Errorf("%+v", s)
		}
	})
}

func TestPlacesOfScalars(t *testing.T) {
	for _, test := range []struct {
		image string
		found bool
	}{
		{`nginx`, true}, {`"nginx"`, true}, {`'nginx'`, true}, {`!!str nginx`, true}, {`&a "nginx"`, true},
		{`"ngi\x6ex"`, false}, {">-\n      nginx", false}, {"\n      nginx", true},
	} {
		f := mustParse(t, "compose.yaml", "services:\n  a:\n    image: "+test.image+"\n")
		s := only(t, f)
		if s.Image.Value != "nginx" || (s.Image.Start >= 0) != test.found {
			t.Errorf("%s: %+v", test.image, s.Image)
		}
	}
}

func FuzzParse(f *testing.F) {
	names := []string{"compose.yaml", "pod.yaml", ".github/workflows/x.yml", ".gitlab-ci.yml", ".circleci/config.yml", "x.sh", "Makefile", "docker-bake.hcl", "devcontainer.json", "values.yaml", "kustomization.yaml", "docker-bake.json"}
	for i, seed := range []string{
		"services: {a: &a {image: x, extends: a, <<: *a}}", "apiVersion: v1\nkind: Pod\nspec: {containers: [{image: x}]}",
		"on: x\njobs: {a: {steps: [{run: 'docker run x'}]}}", "a: {script: [[trivy image x]], image: {name: y}}",
		"jobs: {a: {docker: [{image: x}], steps: [checkout, run: x]}}", "docker run -itu 1 \"x\" <<E\nE\n", "a:\n\t@-docker run $$(x) $(y) \\\n z",
		"target \"a\" {\n  contexts = { b = \"docker-image://x:3\" }\n  dockerfile-inline = <<-E\n    FROM x:3\n  E\n}\n", "// x\n{\"image\": \"x:3\", /* y */}\n",
		"image: {repository: x, tag: '3', digest: ''}\n", "images: [{name: x, newTag: 3}]\n", "{\"target\": {\"a\": {\"dockerfile-inline\": \"FROM x\"}}}",
	} {
		f.Add(i, []byte(seed))
	}
	files, _ := filepath.Glob(filepath.Join("..", "..", ".github", "workflows", "*.yml"))
	for _, path := range files {
		if data, err := os.ReadFile(path); err == nil {
			f.Add(2, data)
		}
	}
	costs.Fuzz(f, func(t *testing.T, which int, data []byte) {
		if which < 0 || which >= len(names) {
			return
		}
		file, err := Parse(names[which], data)
		if err == nil {
			checkOffsets(t, file, string(data))
		}
	})
}
