package workload

import "go.yaml.in/yaml/v3"

// circleci reads a configuration: executors, commands and jobs, and those of the
// orbs that stand in it.
func (d *document) circleci(root *yaml.Node, in string, depth int) {
	for _, orb := range d.fields(d.get(root, "orbs")) {
		if orb.value.Kind == yaml.MappingNode && depth < maxMerges {
			d.circleci(orb.value, in+"orbs."+orb.key+".", depth+1)
		}
	}
	for _, section := range []string{"executors", "commands", "jobs"} {
		for _, f := range d.fields(d.get(root, section)) {
			where := in + section + "." + f.key
			d.setVariables(f.value, "environment")
			for _, container := range d.items(d.get(f.value, "docker")) {
				d.setVariables(container, "environment")
				if image := d.image(d.get(container, "image"), where+".docker"); image.Line > 0 {
					d.file.Images = append(d.file.Images, image)
				}
			}
			d.circleSteps(d.get(f.value, "steps"), f.key, 0)
		}
	}
}

// circleSteps reads a list of steps: names of commands, commands with
// parameters, and steps under a condition.
func (d *document) circleSteps(list *yaml.Node, job string, depth int) {
	if depth > maxMerges {
		return
	}
	for _, n := range d.items(list) {
		if n.Kind == yaml.ScalarNode {
			d.file.Steps = append(d.file.Steps, Step{Job: job, Uses: n.Value, Line: n.Line})
			continue
		}
		for _, f := range d.fields(n) {
			switch f.key {
			case "run":
				run := f.value
				step := Step{Job: job, Line: f.line}
				if run.Kind == yaml.MappingNode {
					step.Name = scalar(d.get(run, "name"))
					run = d.get(run, "command")
				}
				if run == nil {
					continue
				}
				step.Run, step.Line = scalar(run), run.Line
				// circleci.com, "Using shell options": bash -eo pipefail.
				step.Commands = stepCommands(run, shellText{errexit: true, pipefail: true}).commands
				d.stepImages(run, step.Commands)
				d.file.Steps = append(d.file.Steps, step)
			case "when", "unless":
				d.circleSteps(d.get(f.value, "steps"), job, depth+1)
			default:
				with := d.nested(n, f.key)
				d.file.Steps = append(d.file.Steps, Step{Job: job, Uses: f.key, With: with, Line: f.line})
			}
		}
	}
}
