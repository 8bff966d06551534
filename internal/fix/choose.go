package fix

import (
	"fmt"

	"github.com/careen/careen/internal/project"
)

// Choose takes the Dockerfile and what runs the image from the files of a folder,
// and returns those that are broken.
func (in *Input) Choose(files []*project.File) (left []project.Left, err error) {
	for _, file := range files {
		switch {
		case file.Broken != nil:
			left = append(left, project.Left{Path: file.Path, Err: file.Broken})
		case file.Workload != nil && Deployable(file.Workload.Kind):
			in.Deployed = append(in.Deployed, file)
		case file.Workload != nil: // neither a Dockerfile nor what runs one
		case in.Dockerfile != nil:
			return left, fmt.Errorf("%s and %s: one Dockerfile at a time: that of the image", in.Dockerfile.Path, file.Path)
		default:
			in.Dockerfile = file
		}
	}
	return left, nil
}
