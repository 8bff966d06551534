// Package workload reads the files that run images or build them in CI: compose
// files, Kubernetes manifests, workflows of GitHub, GitLab and CircleCI, and
// docker run lines in shell scripts and Makefiles. It says what each file asks
// for and where, as plain values; whether that is wise is for others to judge.
//
// Formats: the Compose Specification (compose-spec/compose-spec), the
// Kubernetes API (core/v1 PodSpec), GitHub's workflow syntax, GitLab's CI/CD
// YAML reference, CircleCI's configuration reference, docker-run(1).
package workload

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"strings"
)

// MaxFile is how many bytes a file may have. Manifests of thousands of objects
// stay below it.
const MaxFile = 4 << 20

// ErrUnknown is returned by Parse for a file that is none of the kinds.
var ErrUnknown = errors.New("not a compose file, Kubernetes manifest, workflow, shell script or Makefile")

// Kind is what a file is.
type Kind string

// The kinds of file.
const (
	Unknown    Kind = ""
	YAML       Kind = "yaml" // by name; Parse finds out what is in it
	Compose    Kind = "compose"
	Kubernetes Kind = "kubernetes"
	GitHub     Kind = "github"
	GitLab     Kind = "gitlab"
	CircleCI   Kind = "circleci"
	Script     Kind = "script"
	Bake       Kind = "bake"         // docker buildx bake
	Helm       Kind = "helm"         // values of a chart
	Dev        Kind = "devcontainer" // development containers
	Makefile   Kind = "makefile"
)

// Workflow says whether the kind is a CI workflow.
func (k Kind) Workflow() bool { return k == GitHub || k == GitLab || k == CircleCI }

// File is one file, read.
type File struct {
	Path      string
	Kind      Kind
	Services  []Service  // containers that the file starts, in the order of the file
	Steps     []Step     // steps of a workflow, in the order of the file
	Images    []Image    // every image that the file names, services' own included, by Start
	Variables []Variable // that a workflow sets for its steps
	Uses      []Use      // code of other repositories that a workflow runs
	Pods      []Pod      // of Kubernetes, in the order of the file
	Values    []Value    // what ConfigMaps, Secrets and the values of charts hold
	Builds    []Build    // Dockerfiles that stand in the file itself (compose)
	Problems  []Problem  // what could not be read; the rest was
	Template  bool       // values are put in before it is read by anything: Helm's and the like
}

// Problem is something wrong with the file itself.
type Problem struct {
	Line    int // counted from 1
	Message string
}

// Image is a reference to an image.
type Image struct {
	Value string // as written, without quotes: "nginx:1.27", "$REGISTRY/app:${TAG}"
	Of    string // what comes before Value where the file has it in pieces: "nginx:"
	Bare  bool   // the piece is of the digest alone, and empty
	// Start and End are the byte offsets of Value in the file. Both are -1 when
	// the text is spread or escaped such that it cannot be replaced in place.
	Start, End int
	Line       int    // counted from 1; 0 when there is no image
	Where      string // "services.web.image", "jobs.build.container"
}

// Text is a setting with a line; Line 0 means that it is not set.
type Text struct {
	Value string
	Line  int
}

// Flag is a setting that is on or off; Line 0 means that it is not set.
type Flag struct {
	Value bool
	Line  int
}

// On reports whether the setting is set and true.
func (f Flag) On() bool { return f.Line > 0 && f.Value }

// Service is one container that a file starts: a compose service, a container
// of a Kubernetes pod, or a docker run line.
type Service struct {
	Name  string // "web", "Deployment/shop api", "docker run"
	Line  int
	Image Image
	Build bool // built from a Dockerfile rather than pulled (compose)
	Init  bool // runs before the others and ends (Kubernetes)
	// Partial is set when settings may come from where this file does not show:
	// extends of another file, variables that hold flags. Absence proves nothing.
	Partial bool

	User            Text // name or number, group behind a colon; Kubernetes: runAsUser
	Group           Text // Kubernetes: runAsGroup
	RunAsNonRoot    Flag // Kubernetes
	Privileged      Flag
	NoNewPrivileges Flag // Kubernetes: the opposite of allowPrivilegeEscalation
	ReadOnly        Flag // root file system
	CapAdd, CapDrop []Text
	SecurityOpt     []Text // compose, docker run: as written
	Seccomp         Text   // "unconfined", "RuntimeDefault", a path
	AppArmor        Text

	Network, PID, IPC, UTS, UserNS, CGroup Text // namespaces: "host", "service:x"…

	Tmpfs       []Text // targets
	Mounts      []Mount
	Devices     []Text
	Ports       []Port
	Environment []Variable
	Labels      []Variable
	BuildArgs   []Variable // compose
	Command     []Text     // entrypoint, command and health checks, word by word where the file has words

	HostProcess Flag       // Kubernetes on Windows
	SELinux     []Variable // Kubernetes: seLinuxOptions
	ProcMount   Text       // Kubernetes
	ProbeHosts  []Text     // Kubernetes: host of probes and of lifecycle hooks
	Windows     bool       // Kubernetes: os.name of the pod
	PublishAll  Flag       // docker run -P

	Health         Flag // Value false: disabled in so many words
	Memory         Text // limits
	CPU            Text
	PIDs           Text
	Requests       struct{ Memory, CPU Text } // Kubernetes
	Restart        Text
	TokenMounted   Flag // Kubernetes: automountServiceAccountToken
	ServiceAccount Text // Kubernetes
}

// Use is code of another repository that a workflow runs: an action, a workflow
// that is called, a pipeline that is included.
type Use struct {
	Value      string // as written: "actions/checkout@v4"
	Repository string // "actions/checkout"
	Ref        string // "v4"; "" for the default branch
	Line       int
	Start, End int    // byte offsets of Ref in the file, or -1
	Comment    string // of the same line, behind the value, without "#"
	Server     string // "github", "gitlab": that of the workflow itself; else a URL
	Where      string // "jobs.build.steps.uses"
}

// Pinned reports whether the ref is a commit.
func (u Use) Pinned() bool { return IsCommit(u.Ref) }

// IsCommit reports whether a ref is the whole name of a commit: SHA-1's or SHA-256's.
func IsCommit(ref string) bool {
	return (len(ref) == 40 || len(ref) == 64) && strings.Trim(ref, "0123456789abcdef") == ""
}

// Pod is what a pod of Kubernetes asks for besides its containers.
type Pod struct {
	Name        string // "Deployment/shop"
	Line        int    // of its specification
	Volumes     []Volume
	Sysctls     []Text // names
	HostProcess Flag
	SELinux     []Variable
	Seccomp     Text // type of the profile that its containers have unless they name one
}

// Volume is one volume of a pod.
type Volume struct {
	Name string
	Type string // its key: "hostPath", "emptyDir"
	Path string // of a hostPath
	Line int
}

// Value is one entry of a ConfigMap, of a Secret or of the values of a chart.
type Value struct {
	Object string // "ConfigMap", "Secret", "values"
	Name   string // of the object, if it has one
	Key    string
	Text   string // of a Secret's data, decoded
	Raw    string // as written
	Line   int    // of the key
}

// Build is a Dockerfile that stands in another file.
type Build struct {
	Where string // "services.web.build.dockerfile_inline"
	Text  string
	// Lines says of each line of Text where it is in the file: its line, counted
	// from 1, and the byte offset at which it begins; -1 where the file does not
	// hold it byte for byte.
	Lines []Place

	starts []int // of the lines of Text, once they were asked for
}

// Place is a place of a file.
type Place struct{ Line, Offset int }

// Mount is a path of the host, or a volume, that a service sees.
type Mount struct {
	Source   string // "/var/run/docker.sock", "./data"; a volume's name; "" when anonymous
	Target   string
	ReadOnly bool
	Line     int
}

// Port is a port that a service publishes on its host.
type Port struct {
	HostIP    string // "" is every address
	Host      string // "" when the engine chooses
	Container string // with "/udp" where given
	Line      int
	Long      bool // compose: written as a mapping
}

// Variable is one of a service's environment.
type Variable struct {
	Name, Value string
	Set         bool // false: taken from the caller's environment
	Line        int
}

// Step is one step of a workflow.
type Step struct {
	Job  string
	Name string
	Uses string            // action or orb command: "actions/checkout@v4", "docker/build"
	With map[string]Text   // inputs of Uses, and parameters
	Env  map[string]string // of the step
	Run  string            // shell text
	// Commands are those of Run, as far as it can be read.
	Commands []Command
	Line     int
	// MayFail is set, with the line that says so, when the job goes on although
	// the step failed.
	MayFail Flag
	Manual  bool // runs only when a person says so (GitLab)
}

// Command is one simple command of a shell text.
type Command struct {
	Words   []Word
	Assigns []Variable // that stand before it, or alone; values without expansion only
	Line    int
	MayFail bool   // its failure is swallowed: || true, a pipe without pipefail, set +e
	PipedTo string // program that reads its output, "" when none does
	Lost    bool   // its failure is lost because PipedTo's is the pipe's: no pipefail
}

// Word is one word of a command.
type Word struct {
	Value      string // quotes taken away; expansions as written
	Static     bool   // no expansion in it
	Start, End int    // byte offsets in the shell text
	Line       int    // of the file
	whole      bool   // Value stands there in one piece, at most with quotes around it
}

// Recognise tells from a path and the first bytes of a file what it may be. It
// answers YAML where only Parse can say more.
func Recognise(name string, head []byte) Kind {
	slashed := strings.ReplaceAll(name, "\\", "/")
	base := path.Base(slashed)
	lower := strings.ToLower(base)
	ext := path.Ext(lower)
	dir := path.Dir(slashed)
	isYAML := ext == ".yml" || ext == ".yaml"
	switch {
	case isYAML && (dir == ".github/workflows" || strings.HasSuffix(dir, "/.github/workflows")),
		lower == "action.yml", lower == "action.yaml":
		return GitHub
	case isYAML && (strings.HasSuffix(lower, ".gitlab-ci.yml") || strings.HasSuffix(lower, ".gitlab-ci.yaml")):
		return GitLab
	case isYAML && (dir == ".circleci" || strings.HasSuffix(dir, "/.circleci")):
		return CircleCI
	case isYAML && (strings.HasSuffix("/"+dir, "/.gitlab/ci") || strings.Contains("/"+dir, "/.gitlab/ci/")):
		return GitLab
	case lower == "kustomization.yaml" || lower == "kustomization.yml" || base == "Kustomization":
		return Kubernetes
	case isYAML && helmValues(lower):
		return Helm
	case strings.HasPrefix(lower, "docker-bake.") && (ext == ".hcl" || ext == ".json"):
		return Bake
	case lower == "devcontainer.json" || lower == ".devcontainer.json":
		return Dev
	case isYAML && (strings.HasPrefix(lower, "compose.") || strings.HasPrefix(lower, "docker-compose") || strings.HasPrefix(lower, "podman-compose")):
		return Compose
	case isYAML:
		return YAML
	case ext == ".json" && bytes.Contains(head, []byte(`"apiVersion"`)):
		return YAML // of which JSON is a subset
	case lower == "makefile" || lower == "gnumakefile" || ext == ".mk" || ext == ".make" || strings.HasPrefix(base, "Makefile."):
		return Makefile
	case ext == ".sh" || ext == ".bash" || ext == ".ksh":
		return Script
	case ext == "" && shellInterpreter(head):
		return Script
	}
	return Unknown
}

// shellInterpreter reports whether the first line names a shell of the Bourne family.
func shellInterpreter(head []byte) bool {
	line, _, _ := bytes.Cut(head, []byte("\n"))
	rest, ok := bytes.CutPrefix(line, []byte("#!"))
	if !ok {
		return false
	}
	for _, field := range strings.Fields(string(rest)) {
		switch path.Base(field) {
		case "sh", "bash", "dash", "ash", "ksh":
			return true
		}
	}
	return false
}

// Mentions reports whether YAML may be of one of the kinds: it spares the parser
// what is certainly about something else.
func Mentions(data []byte) bool {
	for _, key := range []string{"apiVersion", "services", "jobs"} {
		if bytes.Contains(data, []byte(key)) {
			return true
		}
	}
	return false
}

// Manifest tells a broken manifest from broken YAML about something else.
func Manifest(data []byte) bool {
	text := "\n" + string(data)
	return strings.Contains(text, "\napiVersion:") && strings.Contains(text, "\nkind:")
}

// Parse reads one file. What a person should know about a file that can be read
// only in part is in Problems. The error is ErrUnknown for a file of another
// kind, else it says why nothing could be read.
func Parse(name string, data []byte) (*File, error) {
	if len(data) > MaxFile {
		return nil, fmt.Errorf("%s: larger than %d bytes", name, MaxFile)
	}
	f := &File{Path: name, Kind: Recognise(name, data)}
	switch f.Kind {
	case Unknown:
		return nil, ErrUnknown
	case Script:
		f.parseScript(data)
	case Makefile:
		f.parseMakefile(data)
	default:
		if f.Kind == Bake && !bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
			f.parseBake(data)
			break
		}
		if f.Kind == Dev {
			data = withoutComments(data)
		}
		if err := f.parseYAML(data); err != nil {
			return nil, err
		}
		if f.Kind == YAML {
			return nil, ErrUnknown
		}
	}
	f.collectImages()
	switch f.Kind {
	case Helm, Bake, Dev: // any file may be called so
		if len(f.Images)+len(f.Builds) == 0 {
			return nil, ErrUnknown
		}
	}
	return f, nil
}
