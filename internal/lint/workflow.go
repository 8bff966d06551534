package lint

import (
	"path"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/lazy"
	"github.com/careen/careen/internal/workload"
)

// ruleUnscanned is the rule that SettleWorkflows takes back.
const ruleUnscanned = "CW101"

var workflowRules = []Rule{{
	ID: "CW001", Title: "The workflow can be read in one way only", Severity: finding.Medium,
	Fix:  "correct the line",
	Why:  "Readers of YAML differ on what a broken or ambiguous file means: of a key that stands twice, some take the first and some the last.",
	File: ".github/workflows/ci.yml",
	Bad:  "on: push\njobs:\n  test:\n    runs-on: ubuntu-24.04\n    runs-on: ubuntu-22.04\n    steps: [{run: make}]\n", Good: "on: push\njobs:\n  test:\n    runs-on: ubuntu-24.04\n    steps: [{run: make}]\n",
	workflow: workflowProblems,
}, {
	ID: ruleUnscanned, Title: "Images are scanned where they are built", Severity: finding.Medium,
	Fix:  "careen scan IMAGE --fail-on high, after the build and before the push",
	Why:  "What nobody looks at when it is built is looked at when it is broken into. One workflow that scans is enough for all files that are linted together.",
	Same: []string{"CIS 4.4"}, File: ".github/workflows/ci.yml",
	Bad: job("      - run: docker build -t app .\n"), Good: job("      - run: docker build -t app .\n      - run: careen scan app --fail-on high\n"),
	workflow: unscanned,
}, {
	ID: "CW102", Title: "A scan that finds something stops the workflow", Severity: finding.Medium,
	Fix:  "let the step fail, and name the severity that counts",
	Why:  "A scan that cannot fail is a log that nobody reads.",
	Same: []string{"CIS 4.4"}, File: ".github/workflows/ci.yml",
	Bad: job("      - run: docker build -t app .\n      - run: trivy image app || true\n"), Good: job("      - run: docker build -t app .\n      - run: trivy image --exit-code 1 app\n"),
	workflow: toothless,
}, {
	ID: "CW103", Title: "Images of CI have a version", Severity: finding.Medium,
	Fix:  "name a tag, or run careen pin",
	Why:  "The image runs with the secrets of the workflow; without a version it is whatever was pushed last.",
	Same: []string{"CIS 5.28"}, File: ".github/workflows/ci.yml",
	Bad: "on: push\njobs:\n  test:\n    runs-on: ubuntu-24.04\n    container: golang:latest\n    steps: [{run: make}]\n", Good: "on: push\njobs:\n  test:\n    runs-on: ubuntu-24.04\n    container: golang:1.26\n    steps: [{run: make}]\n",
	workflow: workflowImages,
}, {
	ID: "CW104", Title: "The scanner's action is not taken from a branch", Severity: finding.High,
	Fix:  "uses: owner/action@<commit>, or at least a version",
	Why:  "Anyone who can push to that branch runs code with the secrets of the workflow. It has happened, to scanners too.",
	File: ".github/workflows/ci.yml",
	Bad:  job("      - uses: aquasecurity/trivy-action@master\n        with: {image-ref: app, exit-code: '1'}\n"), Good: job("      - uses: aquasecurity/trivy-action@0.33.1\n        with: {image-ref: app, exit-code: '1'}\n"),
	workflow: movingAction,
}, {
	ID: "CW105", Title: "No secrets as build arguments", Severity: finding.High,
	Fix:  "docker build --secret, and RUN --mount=type=secret",
	Why:  "The values of build arguments stand in the history of the image.",
	Same: []string{"CIS 4.10"}, File: ".github/workflows/ci.yml",
	Bad:      job("      - run: docker build --build-arg TOKEN=${{ secrets.TOKEN }} -t app .\n      - run: careen scan app --fail-on high\n"),
	Good:     job("      - run: docker build --secret id=token,env=TOKEN -t app .\n        env: {TOKEN: \"${{ secrets.TOKEN }}\"}\n      - run: careen scan app --fail-on high\n"),
	workflow: secretArguments,
}, {
	ID: "CW106", Title: "Scan before the push", Severity: finding.Low,
	Fix:  "move the scan before docker push",
	Why:  "What is pushed is used, also when the scan afterwards fails.",
	Same: []string{"CIS 4.4"}, File: ".github/workflows/ci.yml",
	Bad:      job("      - run: docker build -t app .\n      - run: docker push app\n      - run: careen scan app --fail-on high\n"),
	Good:     job("      - run: docker build -t app .\n      - run: careen scan app --fail-on high\n      - run: docker push app\n"),
	workflow: lateScan,
}, {
	ID: "CW107", Title: "Code of others is taken by its commit", Severity: finding.Low,
	Fix:  "careen pin, which writes the commit and keeps the tag as a comment",
	Why:  "A tag or a branch can be moved to other code, which then runs with the secrets of the workflow; it has happened to much used actions. Only a whole commit names the same code tomorrow.",
	File: ".github/workflows/ci.yml",
	Bad:  job("      - uses: actions/checkout@v4\n"), Good: job("      - uses: actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2\n"),
	workflow: movableCode,
}, {
	ID: "CW108", Title: "No keys and tokens in the workflow", Severity: finding.Critical,
	Fix:  "revoke it; ${{ secrets.NAME }}, or a protected variable",
	Why:  "The text has the form of a real key. It is in the repository's history too: only revoking it helps.",
	Same: []string{"CIS 4.10"}, File: ".github/workflows/ci.yml",
	Bad: job("      - run: ./deploy --key AKIAZ7QRT2LMWX4NPB6K\n"), Good: job("      - run: ./deploy --key ${{ secrets.DEPLOY_KEY }}\n"),
	workflow: func(c *workflowCheck) { c.tokens() },
}, {
	ID: "CW109", Title: "No passwords in variables of the workflow", Severity: finding.High,
	Fix:  "${{ secrets.NAME }}, or a protected variable",
	Why:  "The value stands in the repository, and in the log of whatever prints its environment. Variables count that by their name hold a secret; not those of services, which are thrown away with the job.",
	Same: []string{"CIS 4.10"}, File: ".github/workflows/ci.yml",
	Bad:  "on: push\nenv:\n  API_TOKEN: tr0ub4dor3\njobs:\n  test:\n    runs-on: ubuntu-24.04\n    steps: [{run: make}]\n",
	Good: "on: push\nenv:\n  API_TOKEN: ${{ secrets.API_TOKEN }}\njobs:\n  test:\n    runs-on: ubuntu-24.04\n    steps: [{run: make}]\n",
	workflow: func(c *workflowCheck) {
		for _, v := range c.file.Variables {
			if v.Set && holdsSecret(variableName(v.Name)) && c.password(v.Value, v.Line) {
				c.conceal(v.Value, v.Line)
				c.report(v.Line, nil, "%s has a value", v.Name)
			}
		}
	},
}}

// job is a workflow for examples.
func job(steps string) string {
	return "on: push\njobs:\n  image:\n    runs-on: ubuntu-24.04\n    steps:\n" + steps
}

// workflowCheck is a workflow while the rules look at it.
type workflowCheck struct {
	check
	file   *workload.File
	events []event // in the order of the file
}

// event is what a step does with images.
type event struct {
	kind   eventKind
	job    string
	line   int
	why    string // a scan: why it does not gate; "" when it does
	secret bool   // a build: with a secret among its arguments
}

type eventKind int

const (
	builds eventKind = iota
	pushes
	scans
)

func newWorkflowCheck(base check, file *workload.File) *workflowCheck {
	c := &workflowCheck{check: base, file: file}
	for i := range file.Steps {
		c.read(&file.Steps[i])
	}
	return c
}

// read finds the builds, pushes and scans of a step.
func (c *workflowCheck) read(step *workload.Step) {
	add := func(kind eventKind, line int, why string) {
		c.events = append(c.events, event{kind: kind, job: step.Job, line: line, why: why})
	}
	if step.Uses != "" {
		action, _, _ := strings.Cut(step.Uses, "@")
		switch {
		case action == "docker/build-push-action" || action == "docker/bake-action":
			add(builds, step.Line, "")
			if step.With["push"].Value == "true" {
				add(pushes, step.Line, "")
			}
			c.events[len(c.events)-1].secret = secretReference(step.With["build-args"].Value)
		case scanAction(action):
			add(scans, step.Line, actionGate(action, step))
		}
	}
	for _, cmd := range step.Commands {
		words := cmd.Program()
		if len(words) == 0 {
			continue
		}
		kind, why, ok := imageCommand(words)
		if !ok {
			continue
		}
		if kind == scans && why == "" {
			switch {
			case step.MayFail.On():
				why = "the step may fail"
			case cmd.MayFail:
				why = "its failure is swallowed"
			case step.Manual:
				why = "it runs only when a person asks for it"
			}
		}
		add(kind, cmd.Line, why)
		if kind == builds {
			c.events[len(c.events)-1].secret = buildArgument(words)
		}
	}
}

// scanActions are actions, orbs and templates that scan images for
// vulnerabilities.
var scanActions = lazy.Regexp(`(?i)^(docker://)?(aquasecurity/trivy-action|aquasec/trivy|anchore/scan-action|anchore/grype|snyk/actions/docker|snyk/snyk|snyk/scan|docker/scout-action|azure/container-scan|crazy-max/ghaction-container-scan|sysdiglabs/scan-action|aws-actions/amazon-ecr-.*scan|careen/careen.*|careen/action|lacework/.*scanner.*|wizsecurity/.*|palo-?alto.*scan.*|checkpointsw/shiftleft.*|google/osv-scanner.*|Jobs/Container-Scanning.*|Security/Container-Scanning.*|.*/container-scanning(/.*)?|trivy/.*|grype/.*|anchore-engine/.*|.*/(container|image|docker)[-_]?scan[^/]*)$`)

func scanAction(action string) bool { return scanActions().MatchString(action) }

// actionGate says why an action does not stop the workflow, "" when it does.
// What each does by default is in its README.
func actionGate(action string, step *workload.Step) string {
	if step.MayFail.On() {
		return "the step may fail"
	}
	with := func(name string) string { return strings.ToLower(step.With[name].Value) }
	lower := strings.ToLower(action)
	switch {
	case lower == "aquasecurity/trivy-action":
		if code := with("exit-code"); code == "" || code == "0" {
			return "exit-code is 0"
		}
	case lower == "anchore/scan-action":
		if with("fail-build") == "false" {
			return "fail-build is false"
		}
	case lower == "docker/scout-action":
		if with("exit-code") != "true" {
			return "exit-code is not true"
		}
	case strings.HasPrefix(lower, "snyk/"):
		if with("fail-on-issues") == "false" {
			return "fail-on-issues is false"
		}
	case strings.Contains(lower, "container-scanning"):
		return "" // GitLab's gates by merge request approvals
	case strings.HasPrefix(lower, "careen/"):
		if with("fail-on") == "none" {
			return "fail-on is none"
		}
	}
	return ""
}

// imageCommand tells what a command does with images.
func imageCommand(words []workload.Word) (kind eventKind, why string, ok bool) {
	program := path.Base(words[0].Value)
	args := words[1:]
	first, second := "", ""
	var rest []string
	for _, w := range args {
		if strings.HasPrefix(w.Value, "-") {
			continue
		}
		rest = append(rest, w.Value)
	}
	if len(rest) > 0 {
		first = rest[0]
	}
	if len(rest) > 1 {
		second = rest[1]
	}
	switch program {
	case "docker", "podman", "nerdctl", "buildah":
		if run, ok := workload.RunArguments(words); ok {
			return scannerImage(run)
		}
		switch {
		case first == "build" || first == "bud" || first == "buildx" && (second == "build" || second == "bake") || first == "image" && second == "build" || first == "compose" && second == "build":
			return builds, "", true
		case first == "push" || first == "image" && second == "push":
			return pushes, "", true
		case first == "scout" && (second == "cves" || second == "quickview"):
			return scans, missing(args, "has no --exit-code", "--exit-code", "-e"), true
		case first == "scan":
			return scans, "", true
		}
	case "kaniko", "executor", "buildctl", "pack", "ko", "jib":
		return builds, "", program != "executor" || strings.Contains(words[0].Value, "kaniko")
	case "skopeo":
		return pushes, "", first == "copy"
	case "crane":
		return pushes, "", first == "push" || first == "append"
	}
	why, ok = scanner(program, first, second, args)
	return scans, why, ok
}

// scanner tells whether a program, with its verbs and arguments, scans an image,
// and why it then would not fail.
func scanner(program, first, second string, args []workload.Word) (why string, ok bool) {
	switch program {
	case "trivy":
		if first == "image" || first == "i" {
			return missing(args, "has no --exit-code", "--exit-code"), true
		}
	case "grype":
		return missing(args, "has no --fail-on", "--fail-on", "-f"), first != "db" && first != "version"
	case "careen":
		switch first {
		case "scan":
			return missing(args, "has no --fail-on", "--fail-on", "--fail-on-kev", "--fail-on-risk"), true
		case "check":
			return missing(args, "has no --fail-under", "--fail-under"), true
		}
	case "snyk":
		return "", first == "container" && (second == "test" || second == "")
	case "clair-scanner", "anchore-cli", "sysdig-cli-scanner", "twistcli", "wizcli", "xeol", "lacework":
		return "", true
	case "osv-scanner":
		return "", first == "scan" || strings.Contains(joinWords(args), "--docker")
	case "make", "just", "task":
		// A target that says scan is taken at its word: what it does is elsewhere.
		return "", strings.Contains(first, "image-scan") || strings.Contains(first, "scan-image") || strings.Contains(first, "container-scan") || strings.Contains(first, "trivy") || strings.Contains(first, "grype")
	}
	return "", false
}

// scannerImage reads docker run IMAGE ARGUMENTS where the image is a scanner.
func scannerImage(run []workload.Word) (eventKind, string, bool) {
	for i, w := range run {
		n := parseName(w.Value)
		program := map[string]string{"aquasec/trivy": "trivy", "aquasecurity/trivy": "trivy", "anchore/grype": "grype", "snyk/snyk": "snyk", "careen/careen": "careen"}[n.repository]
		if program == "" {
			continue
		}
		first, second := "", ""
		for _, arg := range run[i+1:] {
			if strings.HasPrefix(arg.Value, "-") {
				continue
			}
			if first == "" {
				first = arg.Value
			} else if second == "" {
				second = arg.Value
			}
		}
		why, ok := scanner(program, first, second, run[i+1:])
		return scans, why, ok
	}
	return 0, "", false
}

// missing returns the reason unless one of the flags is among the arguments with
// a value that gates.
func missing(args []workload.Word, reason string, flags ...string) string {
	for i, arg := range args {
		name, value, glued := strings.Cut(arg.Value, "=")
		for _, flag := range flags {
			if name != flag {
				continue
			}
			if !glued && i+1 < len(args) {
				value = args[i+1].Value
			}
			if value == "0" || value == "none" {
				return flag + " is " + value
			}
			return ""
		}
	}
	return reason
}

var secretExpression = lazy.Regexp(`\$\{\{\s*secrets\.`)

func secretReference(text string) bool { return secretExpression().MatchString(text) }

// buildArgument reports whether a build gets a secret as an argument.
func buildArgument(words []workload.Word) bool {
	for i, w := range words {
		value, glued := strings.CutPrefix(w.Value, "--build-arg=")
		if w.Value == "--build-arg" && i+1 < len(words) {
			value, glued = words[i+1].Value, true
		}
		if !glued {
			continue
		}
		if name, _, _ := strings.Cut(value, "="); secretReference(value) || holdsSecret(name) {
			return true
		}
	}
	return false
}

// gated reports whether a scan of the workflow stops it.
func (c *workflowCheck) gated() bool {
	for _, e := range c.events {
		if e.kind == scans && e.why == "" {
			return true
		}
	}
	return false
}

func workflowProblems(c *workflowCheck) {
	for _, p := range c.file.Problems {
		c.report(p.Line, nil, "%s", p.Message)
	}
}

// calls reports whether the workflow hands work to another that is not here: a
// scan may be in that.
func (c *workflowCheck) calls() bool {
	for _, step := range c.file.Steps {
		if strings.Contains(step.Uses, "/.github/workflows/") || strings.HasPrefix(step.Uses, "./") {
			return true
		}
	}
	return false
}

func unscanned(c *workflowCheck) {
	if c.calls() {
		return
	}
	var first *event
	for i := range c.events {
		switch e := &c.events[i]; {
		case e.kind == scans:
			return
		case e.kind == builds && first == nil:
			first = e
		}
	}
	if first != nil {
		c.report(first.line, nil, "the image that is built here is not scanned")
	}
}

func toothless(c *workflowCheck) {
	for _, e := range c.events {
		if e.kind == scans && e.why != "" {
			c.report(e.line, nil, "the scan does not stop the workflow: %s", e.why)
		}
	}
}

func workflowImages(c *workflowCheck) {
	for _, image := range c.file.Images {
		if strings.ContainsAny(image.Value, "$<{") {
			continue
		}
		switch n := parseName(image.Value); {
		case n.digest != "":
		case n.tag == "":
			c.report(image.Line, nil, "%s has no tag", image.Value)
		case n.tag == "latest":
			c.report(image.Line, nil, "%s moves with every release; a digest is what pins it", image.Value)
		}
	}
}

func movingAction(c *workflowCheck) {
	for _, step := range c.file.Steps {
		action, version, ok := strings.Cut(step.Uses, "@")
		if !ok || !scanAction(action) {
			continue
		}
		switch version {
		case "master", "main", "latest", "HEAD", "develop":
			c.report(step.Line, nil, "%s is a branch", step.Uses)
		}
	}
}

func movableCode(c *workflowCheck) {
	for _, u := range c.file.Uses {
		switch {
		case u.Pinned() || strings.ContainsAny(u.Value, "$<{"):
		case u.Ref == "":
			c.report(u.Line, nil, "%s names no commit", u.Value)
		default:
			c.report(u.Line, nil, "%s names no commit: %s can be moved", u.Value, u.Ref)
		}
	}
	for _, step := range c.file.Steps {
		image, ok := strings.CutPrefix(step.Uses, "docker://")
		if ok && !strings.ContainsAny(image, "$<{") && parseName(image).digest == "" {
			c.report(step.Line, nil, "%s has no digest", step.Uses)
		}
	}
}

func secretArguments(c *workflowCheck) {
	for _, e := range c.events {
		if e.secret {
			c.report(e.line, nil, "a secret is handed to the build as an argument")
		}
	}
}

func lateScan(c *workflowCheck) {
	pushed := map[string]int{}
	for _, e := range c.events {
		switch e.kind {
		case pushes:
			if _, ok := pushed[e.job]; !ok {
				pushed[e.job] = e.line
			}
		case scans:
			if line, ok := pushed[e.job]; ok {
				c.report(e.line, nil, "the image was pushed on line %d already", line)
				delete(pushed, e.job)
			}
		}
	}
}
