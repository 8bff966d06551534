package formats

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/rhysd/actionlint"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// pages are where the rules for services and workflows stand; those for
// Dockerfiles are built by TestExamplesOfRulesBuild of internal/cli.
const pages = "../../docs/rules"

// example is the bad or the good file of a rule's page.
type example struct{ rule, which, file, text string }

var (
	fileOfPage = regexp.MustCompile("(?m)^`([^`]+)`$")
	block      = regexp.MustCompile("(?s)## (Bad|Good)\n.*?```[a-z]+\n(.*?)```")
)

func examples(t *testing.T) []example {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(pages, "C[SW]*.md"))
	if err != nil || len(paths) < 50 {
		t.Fatalf("%d pages of rules: %v", len(paths), err)
	}
	var list []example
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		rule := strings.TrimSuffix(filepath.Base(path), ".md")
		file := fileOfPage.FindStringSubmatch(string(data))
		blocks := block.FindAllStringSubmatch(string(data), -1)
		if file == nil || len(blocks) != 2 {
			t.Fatalf("%s: %d examples, file %q", path, len(blocks), file)
		}
		for _, b := range blocks {
			list = append(list, example{rule, strings.ToLower(b[1]), file[1], b[2]})
		}
	}
	return list
}

// schemas say whether the text of a file is what its format allows.
var schemas = map[string]func(string) error{
	"compose.yaml":             composeFile,
	"pod.yaml":                 manifest,
	"secret.yaml":              manifest,
	".github/workflows/ci.yml": workflow,
	"run.sh":                   dockerRun,
}

// invalid are the examples that their format refuses, which is what the rule is about.
var invalid = map[string]string{
	"CS001 bad": "a key twice",
	"CW001 bad": "a key twice",
}

// TestExamplesOfRulesAreValid reads every example of the pages of CS and CW as the
// program reads it for which it is written.
func TestExamplesOfRulesAreValid(t *testing.T) {
	for _, e := range examples(t) {
		t.Run(e.rule+" "+e.which, func(t *testing.T) {
			valid, ok := schemas[e.file]
			if !ok {
				t.Fatalf("no schema for %s", e.file)
			}
			err := valid(e.text)
			if errors.Is(err, errNoEngine) {
				t.Skip(err)
			}
			why, not := invalid[e.rule+" "+e.which]
			switch {
			case err != nil && !not:
				t.Errorf("%v\n%s", err, e.text)
			case err == nil && not:
				t.Errorf("is valid, and should not be: %s\n%s", why, e.text)
			}
		})
	}
}

// TestSchemasRefuse shows that each schema would see a slip.
func TestSchemasRefuse(t *testing.T) {
	for _, test := range []example{
		{"a key", "compose", "compose.yaml", "services:\n  a:\n    image: b:1\n    privilege: true\n"},
		{"a type", "compose", "compose.yaml", "services:\n  a:\n    image: b:1\n    cap_drop: ALL\n"},
		{"a volume", "compose", "compose.yaml", "services:\n  a:\n    image: b:1\n    volumes: [\"data:/data\"]\n"},
		{"a key", "pod", "pod.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - {name: a, image: \"b:1\", securityContext: {privilege: true}}\n"},
		{"a type", "pod", "pod.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  hostNetwork: \"yes\"\n  containers: [{name: a, image: \"b:1\"}]\n"},
		{"a key twice", "pod", "pod.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  hostPID: true\n  hostPID: false\n  containers: [{name: a, image: \"b:1\"}]\n"},
		{"no name", "pod", "pod.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers: [{image: \"b:1\"}]\n"},
		{"a kind", "pod", "pod.yaml", "apiVersion: v1\nkind: Pot\nmetadata: {name: a}\n"},
		{"a key", "workflow", ".github/workflows/ci.yml", "on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    step: []\n"},
		{"no runner", "workflow", ".github/workflows/ci.yml", "on: push\njobs:\n  a:\n    steps: [{run: make}]\n"},
		{"a flag", "run", "run.sh", "docker run --privilege nginx:1\n"},
	} {
		t.Run(test.which+" "+test.rule, func(t *testing.T) {
			err := schemas[test.file](test.text)
			if errors.Is(err, errNoEngine) {
				t.Skip(err)
			}
			if err == nil {
				t.Errorf("is valid:\n%s", test.text)
			}
		})
	}
}

// composeFile reads a file as docker compose does: its schema, then what it means.
func composeFile(text string) error {
	_, err := loader.LoadWithContext(context.Background(), types.ConfigDetails{
		WorkingDir:  "/project",
		ConfigFiles: []types.ConfigFile{{Filename: "compose.yaml", Content: []byte(text)}},
		Environment: types.Mapping{},
	}, func(o *loader.Options) {
		o.SetProjectName("example", true)
		o.SkipResolveEnvironment = true // files that lie next to it
	})
	return err
}

// manifest reads each document strictly as the type of Kubernetes' own API.
func manifest(text string) error {
	for _, doc := range strings.Split(text, "\n---\n") {
		var is struct{ APIVersion, Kind string }
		if err := yaml.Unmarshal([]byte(doc), &is); err != nil {
			return err
		}
		var err error
		switch is.APIVersion + " " + is.Kind {
		case "v1 Pod":
			var pod corev1.Pod
			if err = yaml.UnmarshalStrict([]byte(doc), &pod); err == nil {
				err = required(pod.Name, pod.Spec)
			}
		case "apps/v1 Deployment":
			var d appsv1.Deployment
			if err = yaml.UnmarshalStrict([]byte(doc), &d); err == nil {
				err = required(d.Name, d.Spec.Template.Spec)
			}
		case "v1 Secret":
			err = yaml.UnmarshalStrict([]byte(doc), &corev1.Secret{})
		case "v1 ConfigMap":
			err = yaml.UnmarshalStrict([]byte(doc), &corev1.ConfigMap{})
		default:
			err = fmt.Errorf("no type for %s %s", is.APIVersion, is.Kind)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// required is what the types of a Pod cannot say: which fields may not be empty.
func required(name string, spec corev1.PodSpec) error {
	if name == "" || len(spec.Containers) == 0 {
		return fmt.Errorf("no name, or no containers")
	}
	for _, c := range spec.Containers {
		if c.Name == "" || c.Image == "" {
			return fmt.Errorf("a container without name or image")
		}
	}
	return nil
}

// workflow reads a workflow as actionlint does, without the programs it would call.
func workflow(text string) error {
	linter, err := actionlint.NewLinter(&bytes.Buffer{}, &actionlint.LinterOptions{})
	if err != nil {
		return err
	}
	faults, err := linter.Lint("ci.yml", []byte(text), nil)
	if err != nil {
		return err
	}
	for _, fault := range faults {
		switch fault.Kind {
		case "expression": // what an attacker may fill in: rules of ours say so too
		default:
			return fmt.Errorf("%d: %s (%s)", fault.Line, fault.Message, fault.Kind)
		}
	}
	return nil
}

var errNoEngine = errors.New("no docker client on this machine")

// dockerRun gives the lines to Docker's own client, which reads its flags before it
// asks for an engine; there is none where it is sent.
func dockerRun(text string) error {
	docker, err := exec.LookPath("docker")
	if err != nil {
		return errNoEngine
	}
	cmd := exec.Command("sh", "-eu", "-c", strings.Replace(text, "docker run", `"$DOCKER" run`, 1))
	cmd.Env = []string{"DOCKER=" + docker, "DOCKER_HOST=unix:///nonexistent.sock", "PATH=/usr/bin:/bin", "HOME=/nonexistent"}
	out, err := cmd.CombinedOutput()
	if err == nil {
		return fmt.Errorf("ran: %s", out)
	}
	if !strings.Contains(string(out), "nonexistent.sock") {
		return fmt.Errorf("%s", out)
	}
	return nil
}
