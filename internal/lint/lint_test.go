package lint

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/finding"
)

// found writes findings as RULE@LINE, with a tilde for those suppressed.
func found(r *Result) string {
	var list []string
	for _, f := range r.Findings {
		tilde := ""
		if f.Suppressed != nil {
			tilde = "~"
		}
		list = append(list, fmt.Sprintf("%s%s@%d", tilde, f.Rule, f.Line.Line))
	}
	return strings.Join(list, " ")
}

func mustCheck(t *testing.T, name, text string, opt Options) *Result {
	t.Helper()
	r, err := Check(name, []byte(text), opt)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestPragmas(t *testing.T) {
	only := Options{Only: []string{"CD311", "CD102", "CD501"}}
	for _, test := range []struct{ name, text, want string }{
		{"none", "FROM a\nRUN apk add b\n", "CD311@2"},
		{"ours", "FROM a\n# careen:ignore=CD311 frozen mirror\nRUN apk add b\n", "~CD311@3"},
		{"another rule", "FROM a\n# careen:ignore=CD312\nRUN apk add b\n", "CD311@3"},
		{"next instruction only", "FROM a\n# careen:ignore=CD311\nRUN apk add b\nRUN apk add c\n", "~CD311@3 CD311@4"},
		{"inside", "FROM a\nRUN true && \\\n  # hadolint ignore=DL3018\n  apk add b\n", "~CD311@4"},
		{"hadolint", "FROM a\n# hadolint ignore=DL3018,DL3004 # because\nRUN sudo apk add b\n", "~CD102@3 ~CD311@3"},
		{"stage", "# hadolint stage ignore=DL3018\nFROM a\nRUN apk add b\nFROM c\nRUN apk add d\n", "~CD311@3 CD311@5"},
		{"stage, from inside", "FROM a\nRUN apk add b\n# hadolint stage ignore=DL3018\nRUN apk add c\nFROM d\nRUN apk add e\n", "~CD311@2 ~CD311@4 CD311@6"},
		{"stage, the last", "FROM a\nRUN apk add b\n# hadolint stage ignore=DL3018\nFROM d\nRUN apk add e\n", "CD311@2 ~CD311@5"},
		{"global", "# hadolint global ignore=DL3018\nFROM a\nRUN apk add b\nRUN apk add c\n", "~CD311@3 ~CD311@4"},
		{"file", "FROM a\nRUN apk add b\n# careen:ignore-file=CD311\n", "~CD311@2"},
		{"trivy", "FROM a\n# trivy:ignore:AVD-DS-0010\nRUN sudo true\n", "~CD102@3"},
		{"buildkit", "# check=skip=JSONArgsRecommended\nFROM a\nCMD a\n", "~CD501@3"},
		{"all of buildkit", "# check=skip=all;error=true\nFROM a\nRUN apk add b\nCMD a\n", "CD311@3 ~CD501@4"},
	} {
		if got := found(mustCheck(t, "Dockerfile", test.text, only)); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
	r := mustCheck(t, "Dockerfile", "FROM a\n# careen:ignore=CD311: frozen mirror\nRUN apk add b\n", only)
	if want := (finding.Suppressed{By: "careen:ignore", Why: "frozen mirror"}); r.Findings[0].Suppressed == nil || *r.Findings[0].Suppressed != want {
		t.Errorf("%+v", r.Findings[0].Suppressed)
	}
	off := only
	off.Hadolint = &Hadolint{DisablePragmas: true}
	if got := found(mustCheck(t, "Dockerfile", "FROM a\n# hadolint ignore=DL3018\nRUN apk add b\n", off)); got != "CD311@3" {
		t.Errorf("disable-ignore-pragma: %s", got)
	}
	compose := "services:\n  # careen:ignore=CS101 needed\n  # for the driver\n  a:\n    image: x:1\n    privileged: true # careen:ignore=CS101\n  b:\n    privileged: true\n"
	if got := found(mustCheck(t, "compose.yaml", compose, Options{Only: []string{"CS101"}})); got != "~CS101@6 CS101@8" {
		t.Errorf("compose: %s", got)
	}
}

// TestHadolintMistakes: what is wrong in a configuration is said in its own words.
func TestHadolintMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"ingored: [DL3007]\nlabels: {}": "line 1: Hadolint has no key ingored; line 2: Hadolint has no key labels",
		"ignored: DL3007":               "line 1: a list is wanted",
		"no-fail: perhaps":              "line 1: true or false is wanted",
		"[]":                            "line 1: keys with values are wanted",
		"failure-threshold: high":       "failure-threshold: \"high\" is not one of error, warning, info, style, ignore, none",
		"override: {eror: [DL3007]}":    "override: \"eror\" is not one of error, warning, info, style",
	} {
		if _, err := ParseHadolint([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// TestExperimentalChecks: "# check=experimental=…" asks for what is optional, unless
// the user says otherwise.
func TestExperimentalChecks(t *testing.T) {
	const stage = "# does things\nFROM debian:13 AS app\n"
	for text, want := range map[string]bool{
		stage: false, "# check=experimental=all\n" + stage: true, "# check=error=true;experimental=InvalidDefinitionDescription\n" + stage: true, "# check=experimental=Other\n" + stage: false,
	} {
		rule, _ := Lookup("BuildKit:InvalidDefinitionDescription")
		for ignored, want := range map[string]bool{"": want, rule.ID: false} {
			if got := strings.Contains(found(mustCheck(t, "Dockerfile", text, Options{Ignore: []string{ignored}})), rule.ID); got != want {
				t.Errorf("%q, ignoring %q: %t", text, ignored, got)
			}
		}
	}
}

func TestHadolintConfiguration(t *testing.T) {
	config, err := ParseHadolint([]byte(`ignored: [DL3018]
override:
  error: [DL3007]
  style: [DL3002]
trustedRegistries: [quay.io]
failure-threshold: warning
`))
	if err != nil {
		t.Fatal(err)
	}
	r := mustCheck(t, "Dockerfile", "FROM quay.io/a:latest\nRUN apk add --no-cache b\n", Options{Hadolint: config})
	var got []string
	for _, f := range r.Findings {
		got = append(got, fmt.Sprintf("%s %s", f.Rule, f.Severity))
	}
	if diff := cmp.Diff([]string{"CD003 HIGH", "CD101 NEGLIGIBLE", "CD505 NEGLIGIBLE"}, got); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{"ignored: {a: b}", "a: [", strings.Repeat("a", maxHadolint+1)} {
		if _, err := ParseHadolint([]byte(bad)); err == nil {
			t.Errorf("%.20q is taken", bad)
		}
	}
}

// TestLimitsThatAreNone: 0 and -1 are how limits are taken away.
func TestLimitsThatAreNone(t *testing.T) {
	only := Options{Only: []string{"CS207", "CS208", "CS209"}}
	for text, want := range map[string]string{
		"pids_limit: 100\n    mem_limit: 1g\n    cpus: 0.5":               "",
		"pids_limit: -1\n    mem_limit: 0\n    cpus: 0":                   "CS207@2 CS208@2 CS209@2",
		"deploy: {resources: {limits: {memory: 1g, cpus: '1', pids: 0}}}": "CS209@2",
	} {
		if got := found(mustCheck(t, "compose.yaml", "services:\n  a:\n    image: x:1\n    "+text+"\n", only)); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestServicesByKind(t *testing.T) {
	hard := Options{Ignore: []string{"CS202", "CS203", "CS207", "CS208", "CS209", "CS211", "CS218"}}
	for _, test := range []struct{ name, text, want string }{
		{"compose.yaml", "services:\n  a:\n    image: x:1\n    cap_drop: [ALL]\n    post_start: [{command: id, privileged: true}]\n", "CS101@5"},
		{"compose.yaml", "services:\n  a:\n    image: x:1\n    cap_drop: [ALL]\n    device_cgroup_rules: ['c 1:3 mr']\n  b:\n    image: x:1\n    cap_drop: [ALL]\n    device_cgroup_rules: ['a *:* rwm']\n", "CS126@9"},
		{"run.sh", "docker run --cap-drop=ALL --device-cgroup-rule='a *:* rwm' x:1\n", "CS126@1"},
		{"compose.yaml", "services:\n  a: {image: x:1, cap_drop: [ALL], extends: {file: b.yml, service: c}}\n  b: {build: .}\n", "CS201@3"},
		{"compose.yaml", "services:\n  a:\n    image: x:1\n    cap_drop: [all]\n    cap_add: [CAP_NET_ADMIN, CHOWN]\n    user: '0:0'\n", "CS103@5 CS106@6"},
		{"pod.yaml", pod("      securityContext: {runAsNonRoot: true, seccompProfile: {type: Unconfined}, capabilities: {drop: [ALL]}}\n"), "CS115@9"},
		{"run.sh", "docker run --cap-drop=all $OPTS x:1\ndocker run --rm -v /:/host --pid=host x\n", "CS109@2 CS114@2 CS201@2 CS210@2"},
		{"Makefile", "a:\n\tdocker run --cap-drop ALL -v $$PWD:/src -e GITHUB_TOKEN=$$T -e TOKEN=abcdefghij x:$(TAG)\n", "CS119@2"},
		{"values.json", `{"apiVersion":"v1","kind":"Pod","spec":{"hostNetwork":true,"containers":[{"name":"a","image":"x@sha256:1","securityContext":{"runAsNonRoot":true,"capabilities":{"drop":["ALL"]},"seccompProfile":{"type":"RuntimeDefault"}}}],"automountServiceAccountToken":false}}`, "CS108@1"},
		{"run.sh", "docker run --cap-drop=ALL -e TOKEN=\"$TOKEN\" -e PASSWORD='' -e API_KEY='k3yk3yk3y' x:1\n", "CS119@1"},
		{"pod.yaml", "apiVersion: v1\nkind: Pod\n\tx: y\n", "CS001@2"},
	} {
		got, err := Check(test.name, []byte(test.text), hard)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if found(got) != test.want {
			t.Errorf("%s: %s, want %s", test.name, found(got), test.want)
		}
	}
	for _, name := range []string{"values.yaml", "main.go", "data.json"} {
		if _, err := Check(name, []byte("services\n{{ x }}"), Options{}); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A command behind a program that starts it is linted as that command.
func TestWrappedCommands(t *testing.T) {
	for _, wrapper := range []string{"ionice -c 3", "timeout --kill-after 5 60", "timeout 60", "nice --adjustment 5", "setpriv --reuid 0",
		"chrt -b 0", "flock -w 5 /run/lock", "env -u A B=c nice", "stdbuf -oL", "/usr/bin/ionice -c2 -n7", "taskset -c 0", "setsid", "eatmydata"} {
		text := "FROM a\nRUN " + wrapper + " apt-get install curl\n"
		if got := found(mustCheck(t, "Dockerfile", text, Options{Only: []string{"CD301"}})); got != "CD301@2" {
			t.Errorf("%s: %q", wrapper, got)
		}
	}
}

func TestScansOfWorkflows(t *testing.T) {
	rules := Options{Only: []string{"CW101", "CW102", "CW104", "CW105", "CW106"}}
	build := "      - run: docker build -t app .\n"
	for _, test := range []struct{ name, steps, want string }{
		{"nothing built", "      - run: make\n", ""},
		{"not scanned", build, "CW101@6"},
		{"careen", build + "      - run: careen scan app --fail-on high\n", ""},
		{"careen without a gate", build + "      - run: careen scan app\n", "CW102@7"},
		{"trivy without a gate", build + "      - run: trivy image app\n", "CW102@7"},
		{"trivy fs is no scan of an image", build + "      - run: trivy fs .\n", "CW101@6"},
		{"grype", build + "      - run: grype app --fail-on high\n", ""},
		{"sudo, a pipe", build + "      - run: sudo trivy image --exit-code=1 app | tee log\n", "CW102@7"},
		{"pipefail", build + "      - run: |\n          set -o pipefail\n          trivy image --exit-code=1 app | tee log\n", ""},
		{"exit code 0", build + "      - run: trivy image --exit-code 0 app\n", "CW102@7"},
		{"an image of the scanner", build + "      - run: docker run --rm -v /var/run/docker.sock:/var/run/docker.sock aquasec/trivy:0.58.0 image --exit-code 1 app\n", ""},
		{"scout", build + "      - run: docker scout cves --exit-code app\n", ""},
		{"may fail", build + "      - run: grype app --fail-on high\n        continue-on-error: true\n", "CW102@7"},
		{"action", "      - uses: docker/build-push-action@v6\n      - uses: anchore/scan-action@v6\n", ""},
		{"action that reports only", "      - uses: docker/build-push-action@v6\n      - uses: aquasecurity/trivy-action@0.33.1\n", "CW102@7"},
		{"pushed at once", "      - uses: docker/build-push-action@v6\n        with: {push: true}\n      - uses: anchore/scan-action@main\n", "CW104@8 CW106@8"},
		{"secret argument", "      - uses: docker/build-push-action@v6\n        with:\n          build-args: |\n            TOKEN=${{ secrets.X }}\n      - run: snyk container test app\n", "CW105@6"},
		{"handed on", build + "  scan:\n    uses: ./.github/workflows/scan.yml\n", ""},
	} {
		if got := found(mustCheck(t, ".github/workflows/ci.yml", job(test.steps), rules)); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
	gitlab := "include:\n  - template: Jobs/Container-Scanning.gitlab-ci.yml\nbuild:\n  script: [docker build -t x .]\n"
	if got := found(mustCheck(t, ".gitlab-ci.yml", gitlab, rules)); got != "" {
		t.Errorf("GitLab: %s", got)
	}
	gitlab = "build:\n  script: [docker build -t x .]\nscan:\n  allow_failure: true\n  script: [trivy image --exit-code 1 x]\n"
	if got := found(mustCheck(t, ".gitlab-ci.yml", gitlab, rules)); got != "CW102@5" {
		t.Errorf("GitLab: %s", got)
	}
	circle := "version: 2.1\njobs:\n  a:\n    docker: [{image: 'cimg/base:2024.12'}]\n    steps: [checkout, {run: docker build -t x .}]\n"
	if got := found(mustCheck(t, ".circleci/config.yml", circle, rules)); got != "CW101@5" {
		t.Errorf("CircleCI: %s", got)
	}
}

func TestFixKeepsLayout(t *testing.T) {
	for _, test := range []struct{ name, old, want string }{
		{"continuation", "FROM debian:13-slim\nRUN apt-get update \\\n    && apt-get install \\\n        curl=1 # x\n", "FROM debian:13-slim\nRUN apt-get update \\\n    && apt-get install -y \\\n        curl=1 # x\n"},
		{"aligned", "FROM debian:13-slim\nRUN apt-get update \\\n # why\n && apt-get install \\\n    curl=1\nUSER 1\n", "FROM debian:13-slim\nRUN apt-get update \\\n # why\n && apt-get install -y \\\n    curl=1 \\\n    && rm -rf /var/lib/apt/lists/*\nUSER 1\n"},
		{"line ends", "FROM debian:13-slim\r\nRUN apt-get update && \\\r\n  apt-get install -y curl=1\r\n", "FROM debian:13-slim\r\nRUN apt-get update && \\\r\n  apt-get install -y curl=1 \\\r\n  && rm -rf /var/lib/apt/lists/*\r\n"},
		{"lists are used later", "FROM debian:13-slim\nRUN apt-get update\nRUN apt-get install -y curl=1\n", ""},
		{"no end of line", "FROM alpine:1\nCMD /x -v", "FROM alpine:1\nCMD [\"/x\", \"-v\"]"},
		{"needs a shell", "FROM alpine:1\nCMD /x $HOME\n", ""},
		{"needs a shell too", "FROM alpine:1\nCMD cd /x && y\n", ""},
		{"archive", "FROM a:1\nADD x.tar.gz /\n", ""},
		{"exec form", "FROM a:1\nRUN [\"apt-get\", \"install\", \"curl\"]\n", ""},
		{"suppressed", "FROM a:1\n# careen:ignore=CD312\nRUN apk add b=1\n", ""},
		{"heredoc", "FROM a:1\nRUN <<EOF\napk add b=1\nEOF\n", "FROM a:1\nRUN <<EOF\napk add --no-cache b=1\nEOF\n"},
	} {
		want := test.want
		if want == "" {
			want = test.old
		}
		got, _ := FixDockerfile("Dockerfile", []byte(test.old), Options{})
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("%s:\n%s", test.name, diff)
		}
		checkFix(t, test.name, []byte(test.old))
	}
}

func TestDiff(t *testing.T) {
	old := "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\nPASSWORD=abc"
	new := "a\nB\nc\nd\ne\nf\ng\nh\ni\nj\nk\nl\nPASSWORD=abc"
	r := &Result{Path: "/x/Dockerfile", short: []secret{{"abc", 12}}}
	want := `--- a/x/Dockerfile
+++ b/x/Dockerfile
@@ -1,5 +1,5 @@
 a
-b
+B
 c
 d
 e
@@ -9,4 +9,5 @@
 i
 j
 k
+l
 PASSWORD=****
\ No newline at end of file
`
	if diff := cmp.Diff(want, r.Diff([]byte(old), []byte(new))); diff != "" {
		t.Error(diff)
	}
	if got := r.Diff([]byte(old), []byte(old)); got != "" {
		t.Errorf("no change: %s", got)
	}
}

func TestHostileDockerfiles(t *testing.T) {
	for name, text := range map[string]string{
		"binary":       "\x00\x01FROM",
		"pipes":        "FROM a:1\nRUN " + strings.Repeat("a | ", 20_000) + "a\n",
		"instructions": "FROM a:1\n" + strings.Repeat("RUN a|b\n", 10_000),
		"stages":       strings.Repeat("FROM a:1 AS x\nCOPY --from=x a b\n", 5_000),
		"nesting":      "FROM a:1\nRUN " + strings.Repeat("$(", 5_000),
		"pragmas":      "FROM a:1\n" + strings.Repeat("# careen:ignore=CD001\n", 20_000) + "RUN true\n",
		"secrets":      "FROM a:1\nENV " + strings.Repeat("A_TOKEN=abcdefgh12 ", 3_000) + "\n",
		"long line":    "FROM a:1\nRUN echo " + strings.Repeat("x", 500_000) + " | cat | sudo b | apt x\n",
	} {
		CheckDockerfile(name, []byte(text), Options{}) // must end, soon
	}
}
