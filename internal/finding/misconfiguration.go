package finding

// Misconfiguration is one fault of an image's configuration or files, or of a
// file that builds or runs images.
type Misconfiguration struct {
	Rule        string      `json:"rule"`  // id, documented under docs/rules
	Title       string      `json:"title"` // what the rule asks for
	Severity    Severity    `json:"severity"`
	Message     string      `json:"message"`             // what is wrong here
	Fix         string      `json:"fix,omitempty"`       // what to do
	Locations   []Location  `json:"locations,omitempty"` // files of the image that show it, at most ten
	Count       int         `json:"count,omitempty"`     // of all such files, where Locations names some
	Base        bool        `json:"base,omitempty"`      // it came with the base image: nothing that this image's own build did
	Instruction string      `json:"instruction,omitempty"`
	Line        *Line       `json:"line,omitempty"`
	Suppressed  *Suppressed `json:"suppressed,omitempty"`
	Fingerprint string      `json:"fingerprint"`
}
