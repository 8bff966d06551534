// Package reach computes, without running anything, which files of an image
// its entrypoint can reach: the program, what it loads, the scripts and modules
// it reads, and the commands those run. What it cannot follow it says, and
// keeps: only what is proved unreachable is called so. It reads the squashed
// tree; which packages those files belong to it takes from the catalogue.
package reach

// State is the verdict on a file or a package.
type State string

// The states. Unknown is never counted as safe.
const (
	Reached    State = "reached"
	NotReached State = "not-reached"
	Unknown    State = "unknown" // something reached may use it in a way that cannot be followed
)

// Step is one link of the chain that shows why a file is reached: the file,
// and how the one before it leads there ("ENTRYPOINT", "DT_NEEDED libssl.so.3",
// "#!", "require(\"express\")"…).
type Step struct {
	Path string `json:"path"` // in the image, without a leading slash
	How  string `json:"how"`
}

// Verdict is what is known about one file or package.
type Verdict struct {
	State State  `json:"state"`
	Chain []Step `json:"chain,omitempty"` // Reached: from the entrypoint to it
	Why   string `json:"why,omitempty"`   // Unknown: what could not be followed; NotReached: the method of the proof
}

// Gap is something reached whose needs could not be followed to the end.
type Gap struct {
	Path  string `json:"path"` // the file that has it
	Line  int    `json:"line,omitempty"`
	What  string `json:"what"`  // "import of a computed name", "eval", "exec of $CMD"…
	Scope string `json:"scope"` // what is kept because of it: a package, a directory, or everything
}
