package cli

import (
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.yaml.in/yaml/v3"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"careen": func() {
			code := runCareen(context.Background(), os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr)
			recordPeak()
			os.Exit(code)
		},
	})
}

// TestScripts runs testdata/script/*.txtar: each drives the real main in a
// process of its own and holds exit code, stdout and stderr to what it says.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(env *testscript.Env) error {
			env.Setenv("CAREEN_CACHE_DIR", filepath.Join(env.WorkDir, "cache"))
			env.Setenv("HOME", env.WorkDir)
			// No daemon of this machine may answer for a reference.
			env.Setenv("DOCKER_HOST", "unix://"+filepath.Join(env.WorkDir, "no.sock"))
			root, err := filepath.Abs(filepath.Join("..", ".."))
			env.Setenv("ROOT", root)
			return err
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"leakyimage":  leakyImage,
			"tokenimage":  tokenImage,
			"secretfiles": secretFiles,
			"mkimage":     mkimage,
			"nosecret":    noSecret,
			"registry":    serveRegistry,
			"push":        pushImage,
			"fill":        fillRegistry,
			"holdsto":     holdsTo,
			"actionstep":  actionStep,
		},
	})
}

// mkimage KIND FILE DIR... writes an image with one layer for each directory of
// the script, as docker-archive, oci-archive or oci-dir.
func mkimage(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 3 {
		ts.Fatalf("usage: mkimage KIND FILE DIR...")
	}
	img := scriptImage(ts, args[2:])
	out := ts.MkAbs(args[1])
	var err error
	switch args[0] {
	case "docker-archive":
		err = imagetest.WriteDockerArchive(out, img)
	case "oci-archive":
		err = imagetest.WriteOCIArchive(out, img)
	case "oci-dir":
		err = imagetest.WriteOCIDir(out, img)
	default:
		ts.Fatalf("unknown kind %q", args[0])
	}
	ts.Check(err)
}

func scriptImage(ts *testscript.TestScript, dirs []string) imagetest.Image {
	img := imagetest.Image{
		Tags:   []string{"app:1"},
		Config: image.Config{Entrypoint: []string{"/app/server"}},
	}
	for _, dir := range dirs {
		layer := imagetest.Layer{Compression: imagetest.Gzip, Instruction: "COPY " + dir + " /"}
		base := ts.MkAbs(dir)
		ts.Check(filepath.Walk(base, func(path string, info os.FileInfo, err error) error {
			if err != nil || info.IsDir() {
				return err
			}
			data, err := os.ReadFile(path)
			name, _ := filepath.Rel(base, path)
			entry := imagetest.File(filepath.ToSlash(name), string(data))
			if info.Mode()&0o111 != 0 { // after "exec chmod +x"
				entry = imagetest.Exec(filepath.ToSlash(name), string(data))
			}
			layer.Entries = append(layer.Entries, entry)
			return err
		}))
		img.Layers = append(img.Layers, layer)
	}
	return img
}

// serveRegistry starts an in-memory registry, pushes an image made of the
// directories to it, and sets $REGISTRY.
func serveRegistry(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: registry REPO:TAG DIR...")
	}
	server := httptest.NewServer(imagetest.RegistryHandler())
	ts.Defer(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	ts.Setenv("REGISTRY", host)
	_, err := imagetest.Push(host+"/"+args[0], scriptImage(ts, args[1:]))
	ts.Check(err)
}

// pushImage REPO:TAG DIR... pushes an image made of the directories to the
// registry of the script, and sets $DIGEST. -index makes it an index of images
// for linux/amd64 and linux/arm64.
func pushImage(ts *testscript.TestScript, neg bool, args []string) {
	index := len(args) > 0 && args[0] == "-index"
	if index {
		args = args[1:]
	}
	if len(args) < 2 {
		ts.Fatalf("usage: push [-index] REPO:TAG DIR...")
	}
	images := []imagetest.Image{scriptImage(ts, args[1:])}
	if index {
		arm := scriptImage(ts, args[1:])
		arm.Platform = image.Platform{OS: "linux", Architecture: "arm64"}
		images = append(images, arm)
	}
	digest, err := imagetest.Push(ts.Getenv("REGISTRY")+"/"+args[0], images...)
	ts.Check(err)
	ts.Setenv("DIGEST", digest)
}

// fillRegistry FILE... writes $REGISTRY and $DIGEST in place of @REGISTRY@ and
// @DIGEST@ in files of the script.
func fillRegistry(ts *testscript.TestScript, neg bool, args []string) {
	words := strings.NewReplacer("@REGISTRY@", ts.Getenv("REGISTRY"), "@DIGEST@", ts.Getenv("DIGEST"))
	for _, arg := range args {
		file := ts.MkAbs(arg)
		data, err := os.ReadFile(file)
		ts.Check(err)
		ts.Check(os.WriteFile(file, []byte(words.Replace(string(data))), 0o644))
	}
}

// actionStep FILE writes the scanning step of action.yml to a file, and sets every
// variable that a step's env names to the default of the input it represents.
func actionStep(ts *testscript.TestScript, neg bool, args []string) {
	data, err := os.ReadFile(filepath.Join(ts.Getenv("ROOT"), "action.yml"))
	ts.Check(err)
	var action struct {
		Inputs map[string]struct{ Default, Description string }
		Runs   struct {
			Steps []struct {
				ID  string
				Run string
				Env map[string]string
			}
		}
	}
	ts.Check(yaml.Unmarshal(data, &action))
	used, run := map[string]bool{}, ""
	for _, step := range action.Runs.Steps {
		if step.ID == "scan" {
			run = step.Run
		}
		for name, value := range step.Env {
			input, ok := strings.CutPrefix(value, "${{ inputs.")
			if !ok {
				if step.ID == "scan" && strings.HasPrefix(name, "INPUT_") {
					ts.Setenv(name, "") // what an earlier step found
				}
				continue
			}
			input = strings.TrimSuffix(input, " }}")
			if _, ok := action.Inputs[input]; !ok {
				ts.Fatalf("%s represents an input %q that is not declared", name, input)
			}
			used[input] = true
			ts.Setenv(name, action.Inputs[input].Default)
		}
	}
	for input, i := range action.Inputs {
		if !used[input] && !strings.HasPrefix(i.Description, "Without effect") && input != "cache" { // which a condition asks
			ts.Fatalf("input %q is declared and never used", input)
		}
	}
	if run == "" {
		ts.Fatalf("action.yml has no step with id scan")
	}
	ts.Setenv("ACTION_PATH", ts.Getenv("ROOT"))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(run), 0o644))
}
