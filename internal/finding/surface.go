package finding

// Surface is what someone who got into a container of the image finds there to
// use next: programs, privileges, writable places, users. It says nothing of
// how they got in. A nil list means that the image has none.
type Surface struct {
	Index         int            `json:"index"`         // sum of Parts, rounded; 0 for an empty image; docs/surface.md
	Parts         []SurfacePart  `json:"parts"`         // what Index is made of, most points first
	Tools         []Tool         `json:"tools"`         // by kind, then name
	Privileged    []Privileged   `json:"privileged"`    // setuid and setgid files, files with capabilities; by path
	WorldWritable []Writable     `json:"worldWritable"` // files and directories that every user may change; by path, at most 1000
	Writables     int            `json:"writables"`     // how many WorldWritable would list without that bound
	Logins        []Login        `json:"logins"`        // users with a shell that the image has, in the order of passwd
	ExposedPorts  []string       `json:"exposedPorts"`  // EXPOSE: "8080/tcp"
	Executables   int            `json:"executables"`   // programs in machine code: ELF, PE, Mach-O
	Libraries     int            `json:"libraries"`     // shared objects
	Layers        []SurfaceLayer `json:"layers"`        // for each layer of the target
}

// SurfacePart is one summand of a Surface's index.
type SurfacePart struct {
	Name   string  `json:"name"` // "shells", "setuid files"…
	Count  int64   `json:"count"`
	Points float64 `json:"points"` // to one decimal
}

// ToolKind says what an intruder uses a program for.
type ToolKind string

// The kinds of tools.
const (
	Shell          ToolKind = "shell"
	PackageManager ToolKind = "package-manager"
	Compiler       ToolKind = "compiler"    // and linkers, assemblers, build tools
	Debugger       ToolKind = "debugger"    // and tracers
	NetworkTool    ToolKind = "network"     // fetches, connects, listens, scans
	Interpreter    ToolKind = "interpreter" // runs programs that are text or byte code
	PrivilegeTool  ToolKind = "privilege"   // changes user, namespace or capabilities
)

// Tool is one program that is useful to an intruder, under all its names. A
// binary of many applets, such as BusyBox, is one tool of each kind that its
// applets are.
type Tool struct {
	Kind      ToolKind   `json:"kind"`
	Name      string     `json:"name"`              // "bash", "curl", "python"
	Why       string     `json:"why"`               // what it is good for
	Applets   []string   `json:"applets,omitempty"` // of a binary of many applets: those of this kind, sorted
	Locations []Location `json:"locations"`         // the files, links left out; at most ten
	Package   string     `json:"package,omitempty"` // purl of the package that the first file belongs to
	Base      bool       `json:"base,omitempty"`    // the first file came with the base image
}

// Privileged is a file that gives rights to those who run it.
type Privileged struct {
	Path         string   `json:"path"`
	Layer        int      `json:"layer"`
	Mode         string   `json:"mode"` // octal, with the set-id bits: "4755"
	UID          int      `json:"uid"`
	GID          int      `json:"gid"`
	Capabilities []string `json:"capabilities,omitempty"` // permitted and inheritable ones of the file: "cap_net_raw"
	Package      string   `json:"package,omitempty"`      // purl
	Base         bool     `json:"base,omitempty"`
}

// Writable is a file or directory that every user may change.
type Writable struct {
	Path      string `json:"path"`
	Layer     int    `json:"layer"`
	Directory bool   `json:"directory"`
	Sticky    bool   `json:"sticky,omitempty"` // of a directory: only owners may remove what is in it, as in /tmp
	Package   string `json:"package,omitempty"`
	Base      bool   `json:"base,omitempty"`
}

// Login is a user whose shell exists.
type Login struct {
	Name     string `json:"name"`
	UID      string `json:"uid"`      // as passwd writes it
	Shell    string `json:"shell"`    // as passwd writes it; "/bin/sh" where it says nothing (passwd(5))
	Password string `json:"password"` // "locked", "set", "empty", or "unknown" when nothing says
}

// SurfaceLayer tells how many of a layer's bytes the finished image shows.
type SurfaceLayer struct {
	Layer   int   `json:"layer"`
	Files   int   `json:"files"`   // visible regular files
	Bytes   int64 `json:"bytes"`   // of those
	Carried int64 `json:"carried"` // bytes of the layer's tar, hidden files and tar headers included
}
