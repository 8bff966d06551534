package checklist

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/careen/careen/internal/dockerfile"
	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/golden"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/sbom"
	"github.com/careen/careen/internal/workload"
)

const digest = "@sha256:4bcff63911fcb4448bd4fdacec207030997caf25e9bea4045fa6c8c44de311d1"

// image is a report on a bare image that passes all points it can.
func image() *report.Report {
	return &report.Report{
		Careen: "0.1.0",
		Target: report.Target{Ref: "registry.example.com/shop:1.4", Platform: "linux/amd64", Expanded: 8_000_000,
			Layers: []report.Layer{{DiffID: "a"}, {DiffID: "b"}}, Config: &report.Config{User: "65532"}},
		Packages:          []sbom.Package{{Name: "musl", Type: "apk"}},
		Secrets:           []finding.Secret{},
		Misconfigurations: []finding.Misconfiguration{},
		Surface:           &finding.Surface{Layers: []finding.SurfaceLayer{{Layer: 0, Bytes: 5_000_000}, {Layer: 1, Bytes: 3_000_000}}},
	}
}

func tool(kind finding.ToolKind, name, path string, base bool) finding.Tool {
	return finding.Tool{Kind: kind, Name: name, Base: base, Locations: []finding.Location{{Path: path}}}
}

// files reads files by name: Dockerfiles, and all that workload knows.
func files(t *testing.T, r *report.Report, sources map[string]string) Input {
	t.Helper()
	in := Input{Typed: "shop:1.4", Report: r}
	for name, text := range sources {
		if strings.HasPrefix(name, "Dockerfile") {
			in.Dockerfiles = append(in.Dockerfiles, dockerfile.Parse(name, []byte(text)))
			continue
		}
		f, err := workload.Parse(name, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		in.Workloads = append(in.Workloads, f)
	}
	return in
}

// says is one point in a line: "fail: … (Dockerfile:1)".
func says(in Input, id string) string {
	for _, p := range Judge(in).Points {
		if p.ID != id {
			continue
		}
		text := fmt.Sprintf("%s: %s", p.State, p.Says)
		for _, e := range p.Evidence {
			if at := e.place(); at != "" {
				text += " (" + at + ")"
			}
		}
		return text
	}
	return "no such point"
}

func workflow(steps string) string {
	return "on: push\njobs:\n  image:\n    runs-on: ubuntu-24.04\n    steps:\n" + steps
}

func TestPoints(t *testing.T) {
	const ci = ".github/workflows/ci.yml"
	for name, c := range map[string]struct {
		point   string
		change  func(r *report.Report)
		sources map[string]string
		want    string
	}{
		"nothing but a program": {"minimal-base", nil, nil,
			"pass: the image has 1 distribution package, no shell, no package manager, 8.0 MB"},
		"a base of many packages": {"minimal-base", func(r *report.Report) {
			r.Packages = make([]sbom.Package, 88)
			for i := range r.Packages {
				r.Packages[i] = sbom.Package{Type: "deb"}
			}
			r.Surface.Tools = []finding.Tool{tool(finding.Shell, "bash", "bin/bash", false), tool(finding.Shell, "dash", "bin/dash", false), tool(finding.PackageManager, "apt", "usr/bin/apt", false)}
		}, map[string]string{"Dockerfile": "FROM debian:12 AS base\nFROM base\n"},
			"fail: the image has 88 distribution packages, 2 shells (bash, dash), 1 package manager (apt), 8.0 MB (Dockerfile:1) (/bin/bash in layer 0) (/bin/dash in layer 0) (/usr/bin/apt in layer 0)"},
		"the base alone is measured": {"minimal-base", func(r *report.Report) {
			r.Target.Layers[0].Base = true
			r.Packages = append(r.Packages, make([]sbom.Package, 200)...)
			r.Packages[0].Base = true
			r.Surface.Tools = []finding.Tool{tool(finding.Shell, "busybox", "bin/busybox", true), tool(finding.Shell, "bash", "bin/bash", false)}
		}, nil, "pass: the base has 1 distribution package, 1 shell (busybox), no package manager, 5.0 MB (/bin/busybox in layer 0)"},
		"not looked at": {"minimal-base", func(r *report.Report) { r.Surface = nil }, nil, "not evidenced: packages and surface were not looked at"},

		"a user": {"non-root", nil, map[string]string{"Dockerfile": "FROM scratch\nUSER 65532\n"}, "pass: USER 65532 (Dockerfile:2)"},
		"no user": {"non-root", asRoot, map[string]string{"Dockerfile": "FROM scratch\nCOPY a /\n"},
			"fail: no USER: the program runs as root (Dockerfile:1)"},
		"a user where it runs":                   {"non-root", asRoot, map[string]string{"compose.yaml": "services:\n  web:\n    build: .\n    user: \"1000\"\n"}, "pass: web runs as 1000 (compose.yaml:4)"},
		"root where it runs":                     {"non-root", nil, map[string]string{"compose.yaml": "services:\n  web:\n    build: .\n    user: root\n"}, "fail: web runs as root (compose.yaml:4)"},
		"numbers of root where it runs":          {"non-root", nil, map[string]string{"compose.yaml": "services:\n  web:\n    build: .\n    user: \"00:1000\"\n"}, "fail: web runs as 00:1000 (compose.yaml:4)"},
		"a name where it runs":                   {"non-root", nil, map[string]string{"compose.yaml": "services:\n  web:\n    build: .\n    user: app\n"}, "not evidenced: web runs as app, of whom nothing says that it is not root (compose.yaml:4)"},
		"a variable where it runs":               {"non-root", nil, map[string]string{"run.sh": "docker run -u $USER shop:1\n"}, "not evidenced: docker run runs as $USER, of whom nothing says that it is not root (run.sh:1)"},
		"the image's own name where it runs":     {"non-root", func(r *report.Report) { r.Target.Config.User = "app" }, map[string]string{"compose.yaml": "services:\n  web:\n    build: .\n    user: app\n"}, "pass: USER app"},
		"a number over a name that is not known": {"non-root", asUnknown, map[string]string{"compose.yaml": "services:\n  web:\n    build: .\n    user: \"1000\"\n"}, "pass: web runs as 1000 (compose.yaml:4)"},
		"a name that is not known":               {"non-root", asUnknown, map[string]string{"Dockerfile": "FROM scratch\nUSER app\n"}, "not evidenced: USER is \"app\", which the image does not know: the container does not start (Dockerfile:2)"},
		"a directory":                            {"non-root", func(r *report.Report) { r.Target.Config = nil }, nil, "not evidenced: a directory has no configuration that names a user"},

		"a scan that gates":    {"scanned-in-ci", nil, map[string]string{ci: workflow("      - run: careen scan shop --fail-on high\n")}, "pass: a scan that gates (.github/workflows/ci.yml:6)"},
		"a scan that does not": {"scanned-in-ci", nil, map[string]string{ci: workflow("      - run: trivy image shop\n")}, "fail: a scan that stops nothing: has no --exit-code (.github/workflows/ci.yml:6)"},
		"no scan":              {"scanned-in-ci", nil, map[string]string{ci: workflow("      - run: docker build .\n")}, "fail: the image is built and not scanned (.github/workflows/ci.yml:6)"},
		"another workflow":     {"scanned-in-ci", nil, map[string]string{ci: workflow("      - run: go test ./...\n")}, "not evidenced: 1 workflow given, none of which builds or scans an image"},
		"no workflow":          {"scanned-in-ci", nil, nil, "not evidenced: no workflow given"},

		"all pinned":       {"pinned-base", nil, map[string]string{"Dockerfile": "# syntax=docker/dockerfile:1\nFROM a:1" + digest + " AS b\nFROM scratch\nCOPY --from=b /a /\n"}, "pass: a:1" + digest + " (Dockerfile:2)"},
		"a tag":            {"pinned-base", nil, map[string]string{"Dockerfile": "FROM a:1" + digest + "\nCOPY --from=b:2 /a /\n"}, "fail: b:2 has no digest (Dockerfile:2)"},
		"by an argument":   {"pinned-base", nil, map[string]string{"Dockerfile": "ARG BASE=a:1" + digest + "\nFROM $BASE\n"}, "pass: $BASE (Dockerfile:2)"},
		"nobody knows":     {"pinned-base", nil, map[string]string{"Dockerfile": "ARG BASE\nFROM $BASE\n"}, "not evidenced: $BASE: ARG BASE has no default (Dockerfile:2)"},
		"scratch":          {"pinned-base", nil, map[string]string{"Dockerfile": "FROM scratch\nCOPY a /\n"}, "pass: built from scratch"},
		"no file":          {"pinned-base", nil, nil, "not evidenced: no Dockerfile given"},
		"by its own label": {"pinned-base", func(r *report.Report) { r.Target.Config.Labels = map[string]string{baseNameLabel: "a" + digest} }, nil, "pass: its label names a" + digest},

		"no secrets": {"no-secrets", nil, nil, "pass: none found in 2 layers, the configuration and the history"},
		"secrets": {"no-secrets", func(r *report.Report) {
			r.Secrets = []finding.Secret{
				{Rule: "a", Exposure: finding.Extractable, Places: []finding.SecretPlace{{Kind: "file", Path: ".env", Layer: 1}}},
				{Rule: "b", Suppressed: &finding.Suppressed{By: "x"}},
			}
		}, nil, "fail: 1 secret, 1 deleted but extractable (/.env in layer 1)"},
		"not looked for": {"no-secrets", func(r *report.Report) { r.Secrets = nil }, nil, "not evidenced: secrets were not looked for"},

		"nothing to build with": {"multi-stage", nil, map[string]string{"Dockerfile": "FROM a AS b\nFROM scratch\n"},
			"pass: no compiler, build tool or development package in the image; Dockerfile has 2 stages (Dockerfile:2)"},
		"a compiler": {"multi-stage", func(r *report.Report) {
			r.Surface.Tools = []finding.Tool{tool(finding.Compiler, "gcc", "usr/bin/gcc", false)}
			r.Packages = append(r.Packages, sbom.Package{Name: "libssl-dev", Type: "deb", Locations: []finding.Location{{Path: "var/lib/dpkg/status", Layer: 1}}})
		}, nil, "fail: gcc, 1 development package in the image (/usr/bin/gcc in layer 0) (/var/lib/dpkg/status in layer 1)"},

		"dropped": {"capabilities", nil, map[string]string{"compose.yaml": "services:\n  web:\n    image: shop:2\n    cap_drop: [all]\n  db:\n    image: postgres:17\n"},
			"pass: web drops all capabilities (compose.yaml:4)"},
		"kept":         {"capabilities", nil, map[string]string{"run.sh": "docker run -d --cap-drop NET_RAW registry.example.com/shop:1.4\n"}, "fail: docker run drops some capabilities, and keeps others of the default ones (run.sh:1)"},
		"privileged":   {"capabilities", nil, map[string]string{"compose.yaml": "services:\n  web:\n    image: shop\n    cap_drop: [ALL]\n    privileged: true\n"}, "fail: web is privileged: it has all capabilities and devices (compose.yaml:5)"},
		"none dropped": {"capabilities", nil, map[string]string{"compose.yaml": "services:\n  web:\n    build: .\n"}, "fail: web keeps the default capabilities (compose.yaml:2)"},
		"all added":    {"capabilities", nil, map[string]string{"run.sh": "docker run --cap-drop=ALL --cap-add=all shop:1\n"}, "fail: docker run gets all capabilities (run.sh:1)"},
		"privileged, and settings from elsewhere": {"capabilities", nil, map[string]string{"compose.yaml": "services:\n  web:\n    extends: {file: b.yaml, service: w}\n    build: .\n    privileged: true\n"}, "fail: web is privileged: it has all capabilities and devices (compose.yaml:5)"},
		"none of these": {"capabilities", nil, map[string]string{"compose.yaml": "services:\n  db:\n    image: postgres:17\n  cache:\n    image: redis:8\n"},
			"not evidenced: nothing in compose.yaml runs registry.example.com/shop:1.4"},
		"one container, of another name": {"capabilities", nil, map[string]string{"run.sh": "docker run --cap-drop=ALL production\n"}, "pass: docker run drops all capabilities (run.sh:1)"},
		"a name that the deployment knows": {"capabilities", nil, map[string]string{"compose.yaml": "services:\n  db:\n    image: postgres:17\n  web:\n    image: ${IMAGE}\n    cap_drop: [ALL]\n"},
			"pass: web drops all capabilities (compose.yaml:6)"},
		"settings from elsewhere": {"capabilities", nil, map[string]string{"compose.yaml": "services:\n  web:\n    extends:\n      file: base.yaml\n      service: web\n    build: .\n"},
			"not evidenced: web takes settings from elsewhere (compose.yaml:2)"},

		"read-only": {"read-only", nil, map[string]string{"pod.yaml": "apiVersion: v1\nkind: Pod\nmetadata:\n  name: shop\nspec:\n  containers:\n    - name: web\n      image: shop:1\n      securityContext:\n        readOnlyRootFilesystem: true\n"},
			"pass: Pod/shop web has a read-only root file system (pod.yaml:10)"},
		"writable": {"read-only", nil, map[string]string{"compose.yaml": "services:\n  web:\n    build: .\n    read_only: false\n"}, "fail: web says that its root file system may be written (compose.yaml:4)"},
	} {
		r := image()
		if c.change != nil {
			c.change(r)
		}
		if got := says(files(t, r, c.sources), c.point); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.want)
		}
	}
}

func asUnknown(r *report.Report) {
	r.Target.Config.User = "app"
	r.Misconfigurations = []finding.Misconfiguration{{Rule: unknownRule, Message: `USER is "app", which the image does not know: the container does not start`}}
}

func asRoot(r *report.Report) {
	r.Target.Config.User = ""
	r.Misconfigurations = []finding.Misconfiguration{{Rule: "CI001", Message: "no USER: the program runs as root"}}
}

func TestWeightsAddUp(t *testing.T) {
	sum := 0
	for _, p := range points() {
		sum += p.weight
		if len(p.title) > titleWidth {
			t.Errorf("%q is wider than its column", p.title)
		}
	}
	if sum != 100 || len(points()) != 8 {
		t.Errorf("%d points of %d together", len(points()), sum)
	}
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "check.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range points() {
		if want := fmt.Sprintf("| `%s` | %s | %d |", p.id, p.title, p.weight); !strings.Contains(string(page), want) {
			t.Errorf("docs/check.md lacks %q", want)
		}
	}
}

// mixed is a result with every state, and with names that want to be obeyed.
func mixed(t *testing.T) ([]Input, []*Result) {
	r := image()
	asRoot(r)
	r.Target.Ref = "shop|\x1b[31m\u202e<b>:1"
	in := files(t, r, map[string]string{"Dockerfile": "FROM alpine:3.22\nCOPY a /\n"})
	in.Typed = r.Target.Ref
	return []Input{in}, []*Result{Judge(in)}
}

func TestFormats(t *testing.T) {
	inputs, results := mixed(t)
	for name, write := range map[string]func(*bytes.Buffer) error{
		"result.txt":   func(b *bytes.Buffer) error { return WriteText(b, results) },
		"result.json":  func(b *bytes.Buffer) error { return WriteJSON(b, results) },
		"result.md":    func(b *bytes.Buffer) error { return WriteMarkdown(b, results) },
		"result.svg":   func(b *bytes.Buffer) error { return WriteBadge(b, results) },
		"result.sarif": func(b *bytes.Buffer) error { return WriteSARIF(b, inputs, results) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(b.String(), "\x1b\u202e") {
			t.Errorf("%s: a control reaches the output", name)
		}
		golden.File(t, filepath.Join("testdata", name), b.String())
	}
}

func TestSeveralResults(t *testing.T) {
	_, results := mixed(t)
	better := Judge(Input{Typed: "x", Report: image()})
	var b bytes.Buffer
	if err := WriteJSON(&b, append(results, better)); err != nil {
		t.Fatal(err)
	}
	var list []Result
	if err := json.Unmarshal(b.Bytes(), &list); err != nil || len(list) != 2 {
		t.Errorf("%d results, %v", len(list), err)
	}
	b.Reset()
	if err := WriteBadge(&b, append(results, better)); err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("%d/100", results[0].Score); results[0].Score >= better.Score || !regexp.MustCompile(want).Match(b.Bytes()) {
		t.Errorf("the badge does not show the lowest score %s: %s", want, b.String())
	}
}
