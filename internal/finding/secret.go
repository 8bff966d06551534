package finding

// Secret is one secret that an image gives away, with every place it stands
// in. The secret itself is never part of it, nor of anything made from it.
type Secret struct {
	Rule        string        `json:"rule"`     // id of the rule that recognised it, e.g. "github-pat"
	Title       string        `json:"title"`    // what it is, for people: "GitHub personal access token"
	Severity    Severity      `json:"severity"` //
	Redacted    string        `json:"redacted"` // enough to find it again, not to use it: "ghp_…XxXH"
	Exposure    Exposure      `json:"exposure"` // the worst of its places
	Places      []SecretPlace `json:"places"`   // worst first
	Suppressed  *Suppressed   `json:"suppressed,omitempty"`
	Fingerprint string        `json:"fingerprint"` // stable across rebuilds; says nothing about the value
}

// Exposure says what someone who has the image can do to read a secret.
type Exposure string

// The exposures, worst first.
const (
	InImage         Exposure = "in the image"            // any process in a container can read it
	InConfiguration Exposure = "in the configuration"    // ENV, LABEL, ENTRYPOINT…: docker inspect shows it
	InHistory       Exposure = "in the history"          // docker history shows it
	Extractable     Exposure = "deleted but extractable" // a later layer hides the file; the layer still has it
)

// SecretPlace is one place where a secret stands.
type SecretPlace struct {
	Exposure    Exposure `json:"exposure"`
	Kind        string   `json:"kind"`                  // "file", "env", "label", "entrypoint", "cmd", "healthcheck", "onbuild", "user", "workdir", "volume", "expose", "shell", "stopsignal", "file-name", "link-target", "history"
	Path        string   `json:"path,omitempty"`        // of a file
	InFile      int      `json:"inFile,omitempty"`      // line of the file, counted from 1
	Name        string   `json:"name,omitempty"`        // of a variable, a label or a file by its name
	Layer       int      `json:"layer"`                 // layer that has it; -1 for configuration and history
	Instruction string   `json:"instruction,omitempty"` // that added it
	Hidden      *Hiding  `json:"hidden,omitempty"`      // set when a later layer deleted or overwrote the file
	Line        *Line    `json:"line,omitempty"`        // Dockerfile line, when a Dockerfile was given
}

// Hiding says which layer took a file out of sight.
type Hiding struct {
	Layer       int    `json:"layer"`
	Instruction string `json:"instruction,omitempty"`
	Deleted     bool   `json:"deleted"` // false: overwritten with another version
}
