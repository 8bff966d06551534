package reach

// Write is a place that a source gives to something that writes.
type Write struct {
	Path  string `json:"p"`           // as written; how it starts where Open
	Open  bool   `json:"o,omitempty"` // the rest is computed
	InDir bool   `json:"d,omitempty"` // relative to the source's directory; else to where the program runs
	Dir   bool   `json:"f,omitempty"` // it is a directory
	Env   string `json:"e,omitempty"` // Path is what holds if this variable is not set
	What  string `json:"w"`           // "open", "mkdirSync"
	Line  int    `json:"l,omitempty"`
}

// MaxWrites bounds those of one file.
const MaxWrites = 200

// Writes returns the places that a source of an application writes to, where its
// runtime is reached. Those of installed packages are not looked for: they write
// where their callers say.
func (r *Result) Writes(file string) []Write {
	for _, reader := range r.walk.readers {
		if reader.Writes == nil {
			continue
		}
		if list, ok := reader.Writes(file); ok {
			return list
		}
	}
	return nil
}
