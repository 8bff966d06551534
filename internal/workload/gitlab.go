package workload

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/careen/careen/internal/lazy"
)

// gitlabKeywords are the top-level keys that are no jobs
// (docs.gitlab.com, "CI/CD YAML syntax reference").
var gitlabKeywords = map[string]bool{
	"default": true, "include": true, "stages": true, "variables": true, "workflow": true, "image": true, "services": true,
	"cache": true, "before_script": true, "after_script": true, "spec": true, "types": true,
}

// gitlab reads a pipeline. Hidden jobs are read like others: they are there to
// be extended.
func (d *document) gitlab(root *yaml.Node) {
	d.setVariables(root, "variables")
	d.gitlabImages(root, "")
	d.gitlabImages(d.get(root, "default"), "default.")
	for _, around := range []*yaml.Node{root, d.get(root, "default")} {
		d.scriptImages(d.get(around, "before_script"), 0)
		d.scriptImages(d.get(around, "after_script"), 0)
	}
	includes := d.items(d.get(root, "include"))
	if n := d.get(root, "include"); n != nil && n.Kind == yaml.MappingNode {
		includes = []*yaml.Node{n}
	}
	for _, include := range includes {
		if project := text(d.get(include, "project")); project.Line > 0 {
			u := Use{Value: project.Value, Repository: project.Value, Line: project.Line, Start: -1, End: -1, Server: "gitlab", Where: "include"}
			if ref := d.get(include, "ref"); ref != nil {
				u.Ref, u.Line = scalar(ref), ref.Line
				u.Value += "@" + u.Ref
				u.Comment = strings.TrimSpace(strings.TrimPrefix(ref.LineComment, "#"))
				if start := d.scalarStart(ref); start >= 0 {
					u.Start, u.End = start, start+len(u.Ref)
				}
			}
			d.file.Uses = append(d.file.Uses, u)
		}
		for _, key := range []string{"template", "component"} {
			if t := text(d.get(include, key)); t.Line > 0 {
				d.file.Steps = append(d.file.Steps, Step{Uses: t.Value, Line: t.Line, With: d.nested(include, "inputs")})
			}
		}
		d.gitlabComponent(d.get(include, "component"))
	}
	for _, job := range d.fields(root) {
		if gitlabKeywords[job.key] || job.value.Kind != yaml.MappingNode {
			continue
		}
		d.setVariables(job.value, "variables")
		d.gitlabImages(job.value, job.key+".")
		step := Step{Job: job.key, Name: job.key, Line: job.line, Manual: scalar(d.get(job.value, "when")) == "manual", Env: map[string]string{}}
		for _, f := range d.fields(d.get(job.value, "variables")) {
			step.Env[f.key] = scalar(f.value)
		}
		if allow := d.get(job.value, "allow_failure"); allow != nil {
			step.MayFail = flag(allow)
			if allow.Kind == yaml.MappingNode { // only with these exit codes
				step.MayFail = Flag{true, allow.Line}
			}
		}
		d.gitlabScript(&step, job.value)
		d.scriptImages(d.get(job.value, "after_script"), 0)
		if len(step.Commands) > 0 || step.Run != "" {
			d.file.Steps = append(d.file.Steps, step)
		}
	}
}

// componentName is the form of a component: server, project, name of the component
// (docs.gitlab.com, "CI/CD components"). The server is mostly the one that runs the
// pipeline.
var componentName = lazy.Regexp(`^(\$\{?CI_SERVER_(?:FQDN|HOST)\}?|[A-Za-z0-9.-]+(?::[0-9]+)?)/([A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)+)/[A-Za-z0-9_-]+$`)

// gitlabComponent notes the project that a component comes from. What follows
// releases instead of a tag or branch, as ~latest does, names no ref.
func (d *document) gitlabComponent(n *yaml.Node) {
	value := scalar(n)
	name, ref, _ := strings.Cut(value, "@")
	m := componentName().FindStringSubmatch(name)
	if m == nil {
		return
	}
	u := Use{Value: value, Repository: m[2], Ref: strings.TrimPrefix(ref, "~latest"), Line: n.Line, Start: -1, End: -1, Server: "gitlab", Where: "include.component"}
	if !strings.HasPrefix(m[1], "$") {
		u.Server = "https://" + m[1]
	}
	u.Comment = strings.TrimSpace(strings.TrimPrefix(n.LineComment, "#"))
	if start := d.scalarStart(n); start >= 0 {
		u.Start, u.End = start+len(name)+1, start+len(value)
	}
	d.file.Uses = append(d.file.Uses, u)
}

// scriptImages notes the images of docker run lines of a script that stands around
// those of jobs, whose lists may nest.
func (d *document) scriptImages(n *yaml.Node, depth int) {
	if n != nil && n.Kind == yaml.ScalarNode {
		d.stepImages(n, stepCommands(n, shellText{}).commands)
		return
	}
	for _, item := range d.items(n) {
		if depth < maxMerges {
			d.scriptImages(item, depth+1)
		}
	}
}

// gitlabScript joins before_script and script, which run in one shell with
// errexit and pipefail on. Lists may nest.
func (d *document) gitlabScript(step *Step, job *yaml.Node) {
	state := shellText{errexit: true, pipefail: true}
	var run []string
	var walk func(n *yaml.Node, depth int)
	walk = func(n *yaml.Node, depth int) {
		for _, item := range d.items(n) {
			switch {
			case item.Kind == yaml.ScalarNode:
				run = append(run, item.Value)
				known := len(state.commands)
				state = stepCommands(item, state)
				d.stepImages(item, state.commands[known:])
			case depth < maxMerges:
				walk(item, depth+1)
			}
		}
	}
	walk(d.get(job, "before_script"), 0)
	if script := d.get(job, "script"); script != nil {
		step.Line = script.Line
		walk(script, 0)
	}
	step.Run, step.Commands = strings.Join(run, "\n"), state.commands
}

// gitlabImages notes image and services, each as text or as a mapping with a name.
func (d *document) gitlabImages(n *yaml.Node, where string) {
	named := func(n *yaml.Node, where string) {
		if name := d.get(n, "name"); name != nil {
			n = name
		}
		if image := d.image(n, where); image.Line > 0 {
			d.file.Images = append(d.file.Images, image)
		}
	}
	named(d.get(n, "image"), where+"image")
	for _, service := range d.items(d.get(n, "services")) {
		named(service, where+"services")
	}
}

// nested reads a mapping of scalars.
func (d *document) nested(n *yaml.Node, key string) map[string]Text {
	values := map[string]Text{}
	for _, f := range d.fields(d.get(n, key)) {
		values[f.key] = text(f.value)
	}
	return values
}
