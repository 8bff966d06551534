package workload

import (
	"cmp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/careen/careen/internal/lazy"
)

// dockerAction is how a workflow names an image as an action.
const dockerAction = "docker://"

// github reads a workflow, or the metadata of an action.
func (d *document) github(root *yaml.Node) {
	shell := scalar(d.get(root, "defaults", "run", "shell"))
	d.setVariables(root, "env")
	for _, job := range d.fields(d.get(root, "jobs")) {
		where := "jobs." + job.key
		d.setVariables(job.value, "env")
		d.setVariables(d.get(job.value, "container"), "env")
		d.githubContainer(d.get(job.value, "container"), where+".container")
		for _, service := range d.fields(d.get(job.value, "services")) {
			d.githubContainer(service.value, where+".services."+service.key)
		}
		allowed := flag(d.get(job.value, "continue-on-error"))
		if uses := d.get(job.value, "uses"); uses != nil { // a workflow that is called
			step := Step{Job: job.key, Uses: scalar(uses), With: d.inputs(job.value), Line: uses.Line, MayFail: allowed}
			d.file.Steps = append(d.file.Steps, step)
			d.use(uses, where+".uses")
		}
		jobShell := shell
		if s := scalar(d.get(job.value, "defaults", "run", "shell")); s != "" {
			jobShell = s
		}
		d.githubSteps(d.get(job.value, "steps"), job.key, jobShell, allowed)
	}
	runs := d.get(root, "runs")
	d.githubSteps(d.get(runs, "steps"), "", shell, Flag{})
	if image := d.get(runs, "image"); image != nil {
		d.prefixed(image, dockerAction, "runs.image")
	}
}

// githubContainer notes the image of a job's container, given as text or as a mapping.
func (d *document) githubContainer(n *yaml.Node, where string) {
	if image := d.get(n, "image"); image != nil {
		n = image
	}
	if image := d.image(n, where); image.Line > 0 {
		d.file.Images = append(d.file.Images, image)
	}
}

// repositoryName is the form of what stands before "@": owner, repository, and
// maybe a path in it (docs.github.com, "jobs.<job_id>.steps[*].uses"). Forgejo's
// runner takes a URL too.
var repositoryName = lazy.Regexp(`^(https?://[^/\s@]+/)?([A-Za-z0-9][A-Za-z0-9_.-]*/[A-Za-z0-9._-]+)(/[^\s@]+)?$`)

// use notes an action, or a workflow that is called, of another repository.
func (d *document) use(n *yaml.Node, where string) {
	value := scalar(n)
	at := strings.LastIndexByte(value, '@')
	if at < 0 {
		return
	}
	name := repositoryName().FindStringSubmatch(value[:at])
	if name == nil {
		return
	}
	u := Use{Value: value, Repository: name[2], Ref: value[at+1:], Line: n.Line, Start: -1, End: -1, Server: cmp.Or(strings.TrimSuffix(name[1], "/"), "github"), Where: where}
	if start := d.scalarStart(n); start >= 0 {
		u.Start, u.End = start+at+1, start+len(value)
	}
	u.Comment = strings.TrimSpace(strings.TrimPrefix(n.LineComment, "#"))
	d.file.Uses = append(d.file.Uses, u)
}

func (d *document) githubSteps(list *yaml.Node, job, shell string, jobMayFail Flag) {
	for _, n := range d.items(list) {
		if n.Kind != yaml.MappingNode {
			continue
		}
		step := Step{Job: job, Name: scalar(d.get(n, "name")), Line: n.Line, With: d.inputs(n), Env: map[string]string{}}
		for _, f := range d.fields(d.get(n, "env")) {
			step.Env[f.key] = scalar(f.value)
		}
		d.setVariables(n, "env")
		step.MayFail = override(jobMayFail, flag(d.get(n, "continue-on-error")))
		if uses := d.get(n, "uses"); uses != nil {
			step.Uses, step.Line = scalar(uses), uses.Line
			where := "runs.steps.uses"
			if job != "" {
				where = "jobs." + job + ".steps.uses"
			}
			d.prefixed(uses, dockerAction, where)
			d.use(uses, where)
		}
		if run := d.get(n, "run"); run != nil {
			step.Run, step.Line = scalar(run), run.Line
			own := scalar(d.get(n, "shell"))
			if own == "" {
				own = shell
			}
			// docs.github.com, "jobs.<job_id>.steps[*].shell": bash -e {0} where no
			// shell is named, bash -eo pipefail {0} where bash is.
			if own == "" || strings.HasPrefix(own, "bash") || strings.HasPrefix(own, "sh") {
				pipefail := own == "bash" || strings.Contains(own, "pipefail")
				step.Commands = stepCommands(run, shellText{errexit: true, pipefail: pipefail}).commands
				d.stepImages(run, step.Commands)
			}
		}
		d.file.Steps = append(d.file.Steps, step)
	}
}

// setVariables notes the variables under a key.
func (d *document) setVariables(n *yaml.Node, key string) {
	d.file.Variables = append(d.file.Variables, d.variables(d.get(n, key))...)
}

// inputs reads "with".
func (d *document) inputs(n *yaml.Node) map[string]Text {
	inputs := map[string]Text{}
	for _, f := range d.fields(d.get(n, "with")) {
		inputs[f.key] = text(f.value)
	}
	return inputs
}

// stepImages notes the images of docker run lines in the shell text of a scalar.
func (d *document) stepImages(n *yaml.Node, commands []Command) {
	var b *Build
	for _, c := range commands {
		s, ok := runLine(c.Program())
		if !ok || s.Image.Line == 0 {
			continue
		}
		if b == nil {
			b = d.textOf(n)
		}
		image := s.Image
		if image.Start >= 0 {
			from, to := b.Place(image.Start), b.Place(image.End)
			image.Start, image.End = from.Offset, to.Offset
			if from.Offset < 0 || to.Offset < 0 || from.Line != to.Line {
				image.Start, image.End = -1, -1
			}
		}
		d.file.Images = append(d.file.Images, image)
	}
}

// stepCommands reads the shell text of a scalar, going on from a state.
func stepCommands(n *yaml.Node, t shellText) shellText {
	t.source, t.seen, t.base, t.line = n.Value, maskExpressions(n.Value), 0, n.Line
	if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		t.line++ // the text begins below its indicator
	}
	t.read()
	return t
}

// maskExpressions masks ${{ … }} of GitHub and << … >> of CircleCI.
func maskExpressions(text string) string {
	if !strings.Contains(text, "${{") && !strings.Contains(text, "<<") {
		return text
	}
	b := []byte(text)
	for _, pair := range [][2]string{{"${{", "}}"}, {"<<", ">>"}} {
		for at := 0; ; {
			start := strings.Index(text[at:], pair[0])
			if start < 0 {
				break
			}
			start += at
			end := strings.Index(text[start:], pair[1])
			if end < 0 || strings.Contains(text[start:start+end], "\n") {
				at = start + len(pair[0])
				continue
			}
			end += start + len(pair[1])
			for i := start; i < end; i++ {
				b[i] = '_'
			}
			at = end
		}
	}
	return string(b)
}
