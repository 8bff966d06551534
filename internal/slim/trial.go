package slim

import (
	"errors"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/rootfs"
)

// Trial is an image unpacked to be run once.
type Trial struct {
	Tree    *rootfs.Tree
	Config  image.Config
	Root    string        // where Unpack put it
	Command []string      // instead of what the configuration says; nil: as it says
	URL     string        // ask this until it answers, then end the program; "": run to the end
	Within  time.Duration // of which it has to answer, or to end
}

// Observation is what a trial showed.
type Observation struct {
	Failed string // in a word, when it did not start, end or answer
	Exit   int    // of a program that ran to its end; 128 + the signal that ended it
	Output string // of standard output and standard error, cut after 1 MiB
	Status int    // of the answer to URL
	Body   string // of it, cut after 1 MiB
}

// Bounds of what is looked at of an observation.
const (
	maxOutput = 1 << 20
	maxOpened = 100_000 // files of a trace
)

// defaultPath is the PATH that Docker gives an image that says nothing of it.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// ErrNoTrials says why programs of images are not run here.
var ErrNoTrials = errors.New("only root on Linux can run the image's program apart from this machine")

// argv is the command line, and where its program is: by the image's own PATH.
func (t *Trial) argv() (program string, argv []string, err error) {
	argv = t.Command
	if argv == nil {
		argv = append(append([]string{}, t.Config.Entrypoint...), t.Config.Cmd...)
	}
	if len(argv) == 0 || argv[0] == "" {
		return "", nil, errors.New("the image says nothing of what to run")
	}
	if strings.Contains(argv[0], "/") {
		if !path.IsAbs(argv[0]) {
			return path.Join("/", t.Config.WorkingDir, argv[0]), argv, nil
		}
		return argv[0], argv, nil
	}
	search := defaultPath
	for _, kv := range t.Config.Env {
		if value, ok := strings.CutPrefix(kv, "PATH="); ok {
			search = value
		}
	}
	for dir := range strings.SplitSeq(search, ":") {
		file := path.Join("/", dir, argv[0])
		info, err := t.Tree.Stat(file[1:])
		if err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return file, argv, nil
		}
	}
	return "", nil, errors.New(argv[0] + ": not in the image's PATH")
}

// Lacking returns those of the files that a program opened that a tree does not
// have: what the slimmed image lacks. Files that no image has, because the
// program made them, have to be left out before.
func Lacking(opened []string, before, after *rootfs.Tree) []string {
	var lacking []string
	for _, file := range opened {
		was, err := before.Resolve(file)
		if err != nil {
			continue
		}
		e, ok := before.Lookup(was)
		if !ok || e.Mode&fs.ModeType != 0 || isDatabase(was) {
			continue
		}
		if _, err := after.Stat(file); err != nil {
			lacking = append(lacking, "/"+was)
		}
	}
	return lacking
}
