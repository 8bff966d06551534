package project

import (
	"errors"
	"fmt"
	"io"

	"github.com/careen/careen/internal/dockerfile"
)

// Stream is what standard input is called in findings.
const Stream = "stdin"

// AddStream adds standard input to the files: a Dockerfile if it begins like
// one, else YAML that may be one of ours.
func (f *Found) AddStream(r io.Reader) {
	data, err := io.ReadAll(io.LimitReader(r, MaxFile+1))
	if err == nil && len(data) > MaxFile {
		err = fmt.Errorf("larger than %d bytes", MaxFile)
	}
	var file *File
	if err == nil {
		name := Stream
		if !dockerfile.Begins(data) {
			name += ".yaml"
		}
		file, err = Read(name, data, true)
	}
	switch {
	case errors.Is(err, ErrTemplate):
		f.Templates = append(f.Templates, Left{Path: "standard input", Err: err, Named: true})
	case err != nil:
		f.Left = append(f.Left, Left{Path: "standard input", Err: err, Named: true})
	default:
		file.Path = Stream
		if file.Workload != nil {
			file.Workload.Path = Stream
		}
		f.Files = append(f.Files, file)
	}
}
