package lint

import "github.com/careen/careen/internal/workload"

// ImageStep is a place in a workflow where an image is built, pushed or scanned.
type ImageStep struct {
	Kind string // "build", "push" or "scan"
	Line int
	Why  string // of a scan that stops nothing: the reason; "" when it gates
}

// ImageSteps returns what a workflow does with images, in the order of the
// file; nothing for other files.
func ImageSteps(file *workload.File) []ImageStep {
	if !file.Kind.Workflow() {
		return nil
	}
	var list []ImageStep
	for _, e := range newWorkflowCheck(check{path: file.Path}, file).events {
		kind := map[eventKind]string{builds: "build", pushes: "push", scans: "scan"}[e.kind]
		list = append(list, ImageStep{Kind: kind, Line: e.line, Why: e.why})
	}
	return list
}
