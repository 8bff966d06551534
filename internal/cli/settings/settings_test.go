package settings

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/careen/careen/internal/costs"
)

// FuzzConfig reads .careen.yaml, which anyone who can write to the working
// directory can write, and sets flags by it.
func FuzzConfig(f *testing.F) {
	for _, text := range []string{
		"fail-on: high\nignore-unfixed: true\nformat: [table, sarif=careen.sarif]\n", "", "---\n", "timeout: 5m\nexit-code: 9", "all: ~",
		"fail-on: {a: b}", "format: [[a]]", "a: &x 1\nb: *x", "a: 1\na: 2", "- a\n- b", "? [a]\n: b", "a: !!binary aGk=", "a: \"\\x00\\u202e\"",
		"a: &a [*a]", "<<: {fail-on: high}", "fail-on: |\n high\n", "\xff\xfe", "a: b: c", "x: 1\n--- \ny: 2",
	} {
		f.Add([]byte(text))
	}
	costs.Fuzz(f, func(t *testing.T, data []byte) {
		values, err := parse("careen.yaml", data)
		if err != nil {
			if values != nil || !strings.HasPrefix(err.Error(), "careen.yaml:") {
				t.Errorf("%v with the error %q", values, err)
			}
			return
		}
		flags := flagsOfEachKind()
		flags.VisitAll(func(f *pflag.Flag) {
			list, ok := values[f.Name]
			if !ok {
				return
			}
			if err := set(flags, f, list); err == nil && !f.Changed {
				t.Errorf("--%s: %q was taken, yet the flag is as before", f.Name, list)
			}
		})
	})
}

// flagsOfEachKind are flags as verbs have them.
// TestKeyOfItsOwn: a flag with a key of its own is set by that alone, in the file and
// in the environment.
func TestKeyOfItsOwn(t *testing.T) {
	for _, c := range []struct {
		file string
		env  map[string]string
		want string // value, or the error
	}{
		{file: "pin-update: true\n", want: "true"},
		{env: map[string]string{"CAREEN_PIN_UPDATE": "true"}, want: "true"},
		{file: "update: true\n", want: `no flag is called "update"`},
		{file: "pin-update: maybe\n", want: `pin-update: "maybe": neither true nor false`},
	} {
		cmd := &cobra.Command{Use: "pin"}
		update := cmd.Flags().Bool("update", false, "")
		cmd.Flags().Lookup("update").Annotations = map[string][]string{Key: {"pin-update"}}
		file := filepath.Join(t.TempDir(), "settings.yaml")
		if err := os.WriteFile(file, []byte(c.file), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Apply(cmd, file, c.env)
		got := fmt.Sprint(*update)
		if err != nil {
			got = strings.TrimPrefix(err.Error(), file+": ")
		}
		if got != c.want {
			t.Errorf("%s%v: got %q, want %q", c.file, c.env, got, c.want)
		}
	}
}

func flagsOfEachKind() *pflag.FlagSet {
	flags := pflag.NewFlagSet("scan", pflag.ContinueOnError)
	flags.String("fail-on", "", "")
	flags.Bool("ignore-unfixed", false, "")
	flags.Bool("all", false, "")
	flags.StringArray("format", nil, "")
	flags.StringSlice("a", nil, "")
	flags.Duration("timeout", 0, "")
	flags.Int("exit-code", 0, "")
	flags.Int64("x", 0, "")
	flags.Int64("max-layer-bytes", 1<<30, "")
	return flags
}

func TestApply(t *testing.T) {
	for _, c := range []struct {
		name, file string
		env        map[string]string
		args       []string
		want       string // values, or the error
	}{
		{name: "a file", file: "fail-on: high\nformat: [table, sarif=x]\n", want: "high [table,sarif=x] 0s"},
		{name: "the environment beats it", file: "fail-on: high", env: map[string]string{"CAREEN_FAIL_ON": "low", "CAREEN_TIMEOUT": "5m"}, want: "low [] 5m0s"},
		{name: "the command line beats both", file: "fail-on: high", env: map[string]string{"CAREEN_FAIL_ON": "low"}, args: []string{"--fail-on", "medium"}, want: "medium [] 0s"},
		{name: "a misspelt key", file: "fail_on: high", want: `no flag is called "fail_on"; did you mean fail-on?`},
		{name: "a value of another kind", file: "timeout: soon", want: `timeout: "soon": not a duration, e.g. 90s or 15m`},
		{name: "no bound", args: []string{"--max-layer-bytes", "-1"}, want: "--max-layer-bytes -1: a bound is 1 or more"},
		{name: "no bound in the environment", env: map[string]string{"CAREEN_MAX_LAYER_BYTES": "0"}, want: "--max-layer-bytes 0: a bound is 1 or more"},
		{name: "a misspelt variable", env: map[string]string{"CAREEN_FAILON": "x"}, want: "CAREEN_FAILON in the environment is no flag; did you mean CAREEN_FAIL_ON?"},
		{name: "a variable of another", env: map[string]string{"CAREEN_UNHEARD_OF": "x"}, want: " [] 0s [CAREEN_UNHEARD_OF]"},
	} {
		cmd := &cobra.Command{Use: "scan"}
		cmd.Flags().AddFlagSet(flagsOfEachKind())
		if err := cmd.ParseFlags(c.args); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "settings.yaml")
		if err := os.WriteFile(file, []byte(c.file), 0o600); err != nil {
			t.Fatal(err)
		}
		strangers, err := Apply(cmd, file, c.env)
		flag := func(name string) string { return cmd.Flags().Lookup(name).Value.String() }
		got := fmt.Sprint(flag("fail-on"), " ", flag("format"), " ", flag("timeout"))
		if strangers != nil {
			got += fmt.Sprint(" ", strangers)
		}
		if err != nil {
			got = strings.TrimPrefix(err.Error(), file+": ")
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

// TestNothingIsLost: what would set a flag but for a slip is an error, never silence.
func TestNothingIsLost(t *testing.T) {
	for _, c := range []struct {
		name string // of a file in the working directory
		file string
		env  string
		args []string
		want string // in the error; "" for none
	}{
		{want: ""},
		{name: ".careen.yml", file: "fail-on: high\n", want: ".careen.yml is not read: call it .careen.yaml"},
		{name: ".careen.json", file: "{}", want: ".careen.json is not read"},
		{name: ".careen.yaml", file: "", want: ""},
		{name: ".careen.yaml", file: "# nothing\n", want: ""},
		{name: ".careen.yaml", file: "offline: true\n---\nfail-on: high\n", want: "more than one document"},
		{name: ".careen.yaml", file: "scan:\n  fail-on: high\n", want: "flags of every verb stand at the top"},
		{name: ".careen.yaml", file: "- fail-on: high\n", want: ".careen.yaml: "},
		{name: ".careen.yaml", file: "fail-on: ''\n", want: "--fail-on is empty"},
		{name: ".careen.yaml", file: "failon: high\n", want: "did you mean fail-on?"},
		{env: "CAREEN_FAIL_ON", want: ""},
		{env: "CAREEN_FAILON", want: "did you mean CAREEN_FAIL_ON?"},
		{env: "CAREEN_FAIL_ON_SEVERITY", want: "did you mean CAREEN_FAIL_ON?"},
		{env: "CAREEN_SCAN_FAIL_ON", want: "did you mean CAREEN_FAIL_ON?"},
		{env: "CAREEN_SCAN_FAILON", want: "did you mean CAREEN_FAIL_ON?"},
		{env: "careen_fail_on", want: "did you mean CAREEN_FAIL_ON?"},
		{env: "Careen_Offlin", want: "did you mean CAREEN_OFFLINE?"},
		{env: "CAREEN_HOST", want: ""},
		{env: "careen_host", want: ""},
		{env: "CAREEND_FAILON", want: ""},
		{args: []string{"--fail-on", ""}, want: "--fail-on is empty"},
		{args: []string{"--fail-on= "}, want: "--fail-on is empty"},
		{args: []string{"--fail-on", "none"}, want: ""},
	} {
		t.Chdir(t.TempDir())
		if c.name != "" {
			if err := os.WriteFile(c.name, []byte(c.file), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		root, cmd := &cobra.Command{Use: "careen"}, &cobra.Command{Use: "scan"}
		root.AddCommand(cmd)
		cmd.Flags().String("fail-on", "", "")
		cmd.Flags().Bool("offline", false, "")
		if err := cmd.ParseFlags(c.args); err != nil {
			t.Fatal(err)
		}
		env := map[string]string{}
		if c.env != "" {
			env[c.env] = "high"
		}
		_, err := Apply(cmd, "", env)
		if got := fmt.Sprint(err); err == nil != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
