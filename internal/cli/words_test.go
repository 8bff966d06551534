package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/careen/careen/internal/imagetest"
)

// libraryWords are what libraries say and people should not have to read.
var libraryWords = regexp.MustCompile(`lstat|strconv\.|accepts \d|arg\(s\)|requires at least|looking for beginning|cannot unmarshal|\bopen /|time: invalid|unknown shorthand|parsing "|: (yaml|toml): |dial tcp|Get "|lookup |needs an argument|unknown command`)

// TestWordsThatAreNone: a misspelt verb, verb of a verb, flag, variable or key
// never ends with exit 0, and the answer names what was meant; no error shows the
// words of a library.
func TestWordsThatAreNone(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := imagetest.WriteDockerArchive("image.tar", imagetest.Image{}); err != nil {
		t.Fatal(err)
	}
	if err := imagetest.WriteOCIDir("layout", imagetest.Image{}); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"Dockerfile": "FROM alpine:3.20\nRUN true\n", "build.txt": "# syntax=docker/dockerfile:1\nFROM alpine:3.20\n",
		"compose.yaml": "services:\n  web:\n    image: x\n", "pod.yaml": "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: x\n",
		"app.tar": "x", "page.json": "<html>", "list.json": "[1]", "scna": "a file of that name",
		"key.yaml": "failon: high\n", "case.yaml": "FAIL_ON: high\n", "far.yaml": "colour: red\n", "value.yaml": "exit-code: lots\n",
		"broken.yaml": "a: [\n", "broken.toml": "x = [\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		args string
		env  string
		want string
	}{
		{args: "scann app.tar", want: "did you mean careen scan?"},
		{args: "chek", want: "did you mean careen check?"},
		{args: "lnit .", want: "did you mean careen lint?"},
		{args: "hardne", want: "did you mean careen harden?"},
		{args: "verison", want: "did you mean careen version?"},
		{args: "completoin bash", want: "did you mean careen completion?"},
		{args: "scna", want: "scna: "}, // a file of that name: it is scanned
		{args: "db updaet", want: `"updaet"; did you mean careen db update?`},
		{args: "db updaet --only npm", want: `"updaet"; did you mean careen db update?`},
		{args: "db frob x", want: `careen db has no verb "frob"`},
		{args: "db serach minimist", want: "did you mean careen db search?"},
		{args: "base idnex x", want: "idnex"},
		{args: "completion bsh", want: "did you mean careen completion bash?"},
		{args: "help lnt", want: "did you mean careen help lint?"},
		{args: "help db updaet", want: "updaet"},
		{args: "scan --fail-onn high app.tar", want: "did you mean --fail-on?"},
		{args: "scan --failon high app.tar", want: "did you mean --fail-on?"},
		{args: "scan --ignore-unfixd app.tar", want: "did you mean --ignore-unfixed?"},
		{args: "scan --colour app.tar", want: "unknown flag: --colour"},
		{args: "scan --timeout soon app.tar", want: `--timeout "soon": not a duration`},
		{args: "scan --exit-code lots app.tar", want: `--exit-code "lots": not a whole number`},
		{args: "scan --max-layer-bytes 1e9 app.tar", want: `--max-layer-bytes "1e9": not a whole number`},
		{args: "scan --offline=perhaps app.tar", want: `--offline "perhaps": neither true nor false`},
		{args: "scan -x app.tar", want: "unknown flag: -x"},
		{args: "completion bash x", want: `"x" is too much: careen completion bash`},
		{args: "scan --config broken.yaml app.tar", want: "broken.yaml: not YAML, or damaged: line 1: "},
		{args: "lint --hadolint-config broken.yaml .", want: "broken.yaml: not YAML, or damaged: line 1: "},
		{args: "scan --secret-rules broken.toml image.tar", want: "broken.toml:1: not TOML, or damaged: "},
		{args: "scan registry:127.0.0.1:1/x", want: "127.0.0.1:1: connection refused"},
		{args: "db build -o x.db --mirror http://127.0.0.1:1", want: "127.0.0.1:1: connection refused"},
		{args: "db export nowhere/x.db", want: "nowhere/x.db: no such file"},
		{args: "check --fail-under most app.tar", want: "not a whole number"},
		{args: "diff", want: "OLD and NEW is missing: careen diff OLD NEW"},
		{args: "diff a", want: "NEW is missing: careen diff OLD NEW"},
		{args: "diff a b c", want: `"c" is too much`},
		{args: "reach", want: "TARGET is missing"},
		{args: "pin", want: "PATH is missing"},
		{args: "db info extra", want: `"extra" is too much`},
		{args: "db verify nowhere.db", want: "nowhere.db: no such file"},
		{args: "db import page.json", want: "not a careen database"},
		{args: "lint nowhere", want: "nowhere: no such file"},
		{args: "pin nowhere", want: "nowhere: no such file"},
		{args: "check app.tar nowhere", want: "nowhere: no such file"},
		{args: "scan dir:nowhere", want: "nowhere: no such file"},
		{args: "scan oci-dir:nowhere", want: "nowhere: no such file"},
		{args: "scan --ignorefile nowhere ./app.tar", want: "--ignorefile: nowhere: no such file"},
		{args: "scan --secret-rules nowhere ./app.tar", want: "--secret-rules: nowhere: no such file"},
		{args: "scan --dockerfile nowhere ./app.tar", want: "--dockerfile: nowhere: no such file"},
		{args: "scan --baseline page.json ./app.tar", want: "not JSON"},
		{args: "scan sbom:page.json", want: "not an SBOM"},
		{args: "scan sbom:list.json", want: "list.json"},
		{args: "scan --config key.yaml ./app.tar", want: `no flag is called "failon"; did you mean fail-on?`},
		{args: "scan --config case.yaml ./app.tar", want: "did you mean fail-on?"},
		{args: "scan --config far.yaml ./app.tar", want: `no flag is called "colour"`},
		{args: "scan --config value.yaml ./app.tar", want: `exit-code: "lots": not a whole number`},
		{args: "scan Dockerfile", want: "a Dockerfile, not an image: careen lint Dockerfile"},
		{args: "scan build.txt", want: "careen lint build.txt"},
		{args: "scan ./compose.yaml", want: "careen lint ./compose.yaml"},
		{args: "sbom compose.yaml", want: "careen lint compose.yaml"},
		{args: "reach pod.yaml", want: "careen lint pod.yaml"},
		{args: "slim --dry-run Dockerfile", want: "careen lint Dockerfile"},
		{args: "harden Dockerfile", want: "careen lint Dockerfile"},
		{args: "plan Dockerfile", want: "careen lint Dockerfile"},
		{args: "fix Dockerfile compose.yaml", want: "careen lint Dockerfile"},
		{args: "check Dockerfile", want: "careen lint Dockerfile"},
		{args: "base Dockerfile alpine:3.20", want: "careen lint Dockerfile"},
		{args: "lint alpine:3.20", want: "careen scan alpine:3.20"},
		{args: "lint registry.example.com/shop:1", want: "careen scan registry.example.com/shop:1"},
		{args: "lint docker:alpine", want: "careen scan docker:alpine"},
		{args: "lint image.tar", want: "careen scan image.tar"},
		{args: "lint layout", want: "careen scan layout"},
		{args: "pin image.tar", want: "careen scan image.tar"},
		{args: "pin alpine:3.20", want: "careen scan alpine:3.20"},
		{args: "db info", env: "CAREEN_FAILON=high", want: "CAREEN_FAILON in the environment is no flag; did you mean CAREEN_FAIL_ON?"},
		{args: "db info", env: "CAREEN_SEVERTIY=HIGH", want: "did you mean CAREEN_SEVERITY?"},
		{args: "version", env: "CAREEN_IGNORE_FILE=x", want: "did you mean CAREEN_IGNOREFILE?"},
		{args: "scan ./app.tar", env: "CAREEN_EXIT_CODE=lots", want: `CAREEN_EXIT_CODE: "lots": not a whole number`},
	} {
		var stdout, stderr bytes.Buffer
		var env []string
		if c.env != "" {
			env = []string{c.env}
		}
		code := runCareen(context.Background(), append(strings.Fields(c.args), "--cache-dir", filepath.Join(dir, "cache")), env, &bytes.Buffer{}, &stdout, &stderr)
		if code != exitFailed || !strings.Contains(stderr.String(), c.want) {
			t.Errorf("%s %s: exit %d, want 1 and %q:\n%s%s", c.env, c.args, code, c.want, stderr.String(), stdout.String())
		}
		if found := libraryWords.FindString(stderr.String()); found != "" {
			t.Errorf("%s %s: %q in %s", c.env, c.args, found, stderr.String())
		}
	}
	// A variable that resembles no flag may be somebody's own: there is a warning.
	var stderr bytes.Buffer
	if code := runCareen(context.Background(), []string{"version"}, []string{"CAREEN_PIPELINE_7=x", "CAREEND_LISTEN=x"}, &bytes.Buffer{}, &bytes.Buffer{}, &stderr); code != 0 || !strings.Contains(stderr.String(), "CAREEN_PIPELINE_7") || strings.Contains(stderr.String(), "CAREEND") {
		t.Errorf("exit %d: %s", code, stderr.String())
	}
}
