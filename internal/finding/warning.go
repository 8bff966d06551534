package finding

import "fmt"

// Warning is something that the reader of a report has to know to trust it, whichever
// room says it.
type Warning struct {
	Kind    string `json:"kind"`           // "unreadable-file", "no-advisories", "end-of-life", "too-large", "old-database"…
	Path    string `json:"path,omitempty"` // in the image; "" when no file is meant
	Layer   int    `json:"layer"`          // -1 when no layer is meant; rooms that do not know of layers leave it to At
	Message string `json:"message"`
	// Incomplete is set when the result may lack findings because of this.
	Incomplete bool `json:"incomplete,omitempty"`
	// Blind is set when a gate would be green only because nothing was looked at.
	Blind bool `json:"blind,omitempty"`
	// Remedy is what would change that: a command, or what to do. "" when nothing is known to.
	Remedy string `json:"remedy,omitempty"`
}

// At returns the warning as one of a layer, -1 for none.
func (w Warning) At(layer int) Warning {
	w.Layer = layer
	return w
}

// Text returns the warning as one line with its place and its remedy.
func (w Warning) Text() string {
	if w.Path != "" {
		return fmt.Sprintf("%q: %s", w.Path, w.WithRemedy())
	}
	return w.WithRemedy()
}

// WithRemedy returns the message and what would change it.
func (w Warning) WithRemedy() string {
	if w.Remedy == "" {
		return w.Message
	}
	return w.Message + "; " + w.Remedy
}
