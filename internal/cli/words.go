package cli

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/project"
)

// maxFirst is how much of a file says what it is.
const maxFirst = 1 << 20

// targetOf reads a target. Of a file that builds or runs images it says which verb
// is for those.
func targetOf(target string) (image.Target, error) {
	parsed, err := image.ParseTarget(target)
	if err == nil {
		return parsed, nil
	}
	data, readErr := readSmallFile(target, maxFirst)
	if readErr != nil {
		return parsed, err
	}
	file, readErr := project.Read(target, data, true)
	if readErr != nil && !errors.Is(readErr, project.ErrTemplate) {
		return parsed, err
	}
	kind := "a file about images"
	if file != nil && file.Workload == nil {
		kind = "a Dockerfile"
	}
	return parsed, fmt.Errorf("%s, not an image: careen lint %s looks at it; name the image that it is about", kind, target)
}

// notForFiles adds to an error about a path the verb that is for images, if the
// path is one or reads like one.
func notForFiles(err error, paths []string) error {
	if err == nil {
		return nil
	}
	for _, p := range paths {
		t, parseErr := image.ParseTarget(p)
		_, statErr := os.Stat(p)
		switch {
		case parseErr != nil || !strings.Contains(err.Error(), p):
		case t.Kind == image.KindArchive || t.Kind == image.KindOCIDir || t.Kind == image.KindSBOM && errors.Is(err, project.ErrUnknown) || statErr != nil && strings.HasPrefix(p, string(t.Kind)+":"):
			return fmt.Errorf("%w; images are for careen scan %s", err, p)
		case statErr != nil && !strings.ContainsAny(p, `/\`) || statErr != nil && strings.Contains(p, ":"):
			return fmt.Errorf("%w; if an image is meant: careen scan %s", err, p)
		}
	}
	return err
}
