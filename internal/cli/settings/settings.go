// Package settings gives the flags that a command line left out their values from the
// environment and a configuration file.
package settings

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/careen/careen/internal/cli/wording"
	"github.com/careen/careen/internal/spelling"
)

// maxFile bounds a configuration file.
const maxFile = 1 << 20

// DefaultFile is read from the working directory when it exists.
const DefaultFile = ".careen.yaml"

// Apply sets the flags that the command line left out, from CAREEN_<FLAG> in the
// environment, else from a configuration file; path "" is the default one, which
// may be missing. It returns the variables that are meant for careen and are no
// flags.
func Apply(cmd *cobra.Command, path string, env map[string]string) (strangers []string, err error) {
	file, err := read(path)
	if err != nil {
		return nil, err
	}
	if path == "" {
		path = DefaultFile
	}
	known := knownFlags(cmd.Root())
	names := slices.Sorted(maps.Keys(known))
	for _, key := range slices.Sorted(maps.Keys(file)) {
		if !known[key] {
			return nil, fmt.Errorf("%s: no flag is called %q%s", path, key, spelling.Meant(key, names, "%s"))
		}
	}
	if strangers, err = unknownVariables(env, names, cmd.Root().Commands()); err != nil {
		return nil, err
	}
	flags := cmd.Flags()
	flags.VisitAll(func(f *pflag.Flag) {
		if err != nil || f.Changed || f.Name == "config" || f.Name == "help" || f.Name == "version" {
			return
		}
		key := keyOf(f)
		if value := env[variable(key)]; value != "" {
			if wrong := set(flags, f, []string{value}); wrong != nil {
				err = fmt.Errorf("%s: %w", variable(key), wrong)
			}
		} else if values, ok := file[key]; ok {
			if wrong := set(flags, f, values); wrong != nil {
				err = fmt.Errorf("%s: %s: %w", path, key, wrong)
			}
		}
	})
	// A gate of a pipeline whose variable is not set would be open.
	if f := flags.Lookup("fail-on"); err == nil && f != nil && f.Changed && strings.TrimSpace(f.Value.String()) == "" {
		err = errors.New(`--fail-on is empty: "none" lets everything pass`)
	}
	flags.Visit(func(f *pflag.Flag) {
		n, number := strconv.ParseInt(f.Value.String(), 10, 64)
		if strings.HasPrefix(f.Name, "max-") && number == nil && n < 1 && err == nil {
			err = fmt.Errorf("--%s %d: a bound is 1 or more", f.Name, n)
		}
	})
	return strangers, err
}

// Key is the annotation of a flag that has another name in the environment and in the
// file than on the command line: one that means something else for other verbs.
const Key = "careen_key"

func keyOf(f *pflag.Flag) string {
	if key := f.Annotations[Key]; len(key) == 1 {
		return key[0]
	}
	return f.Name
}

// prefix is what the variables that set flags begin with.
const prefix = "CAREEN_"

// variable is the one of the environment that sets a flag.
func variable(flag string) string {
	return prefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// unknownVariables looks for variables that are meant for careen and set no flag.
// One that is near a flag's ends the run, also in small letters or with a verb before
// it (CAREEN_SCAN_FAIL_ON); others are returned, for a warning.
func unknownVariables(env map[string]string, known []string, verbs []*cobra.Command) (others []string, err error) {
	var variables []string
	for _, flag := range known {
		variables = append(variables, variable(flag))
	}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		rest, ours := strings.CutPrefix(strings.ToUpper(name), prefix)
		if !ours || slices.Contains(variables, name) {
			continue
		}
		near := spelling.Nearest(rest, known)
		for i := 0; near == "" && i < len(verbs); i++ {
			if flag, ok := strings.CutPrefix(rest, strings.ToUpper(verbs[i].Name())+"_"); ok {
				near = spelling.Nearest(flag, known)
			}
		}
		switch {
		case near != "":
			return nil, fmt.Errorf("%s in the environment is no flag; did you mean %s?", name, variable(near))
		case strings.HasPrefix(name, prefix):
			others = append(others, name)
		}
	}
	return others, nil
}

// set gives a flag its values; one that may be repeated takes several, and a
// comma-separated list gives several too.
func set(flags *pflag.FlagSet, f *pflag.Flag, values []string) error {
	if list, ok := f.Value.(pflag.SliceValue); ok {
		var all []string
		for _, v := range values {
			all = append(all, strings.Split(v, ",")...)
		}
		f.Changed = true
		return list.Replace(all)
	}
	if err := flags.Set(f.Name, strings.Join(values, ",")); err != nil {
		return fmt.Errorf("%q: %w", strings.Join(values, ","), wording.ValueError(f, err))
	}
	return nil
}

// read reads a file of flag names and values; "" means the default file,
// which may be missing.
func read(path string) (map[string][]string, error) {
	name := path
	if name == "" {
		name = DefaultFile
	}
	f, err := os.Open(name)
	if path == "" && errors.Is(err, fs.ErrNotExist) {
		return nil, misnamed()
	}
	if err != nil {
		return nil, fmt.Errorf("configuration file: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("configuration file: %w", err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s: larger than %d bytes", name, maxFile)
	}
	return parse(name, data)
}

// misnamed says that a file of the working directory would be the configuration but
// for its name: who wrote it believes that it counts.
func misnamed() error {
	for _, ending := range []string{".yml", ".json", ".toml"} {
		if name := strings.TrimSuffix(DefaultFile, ".yaml") + ending; exists(name) {
			return fmt.Errorf("%s is not read: call it %s, or name it with --config", name, DefaultFile)
		}
	}
	return nil
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// parse reads the text of a configuration file.
func parse(name string, data []byte) (map[string][]string, error) {
	var raw map[string]yaml.Node
	documents := yaml.NewDecoder(bytes.NewReader(data))
	if err := documents.Decode(&raw); err != nil && err != io.EOF {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := documents.Decode(new(yaml.Node)); err != io.EOF {
		return nil, fmt.Errorf("%s: more than one document: what stands behind \"---\" would not count", name)
	}
	values := make(map[string][]string, len(raw))
	for key, node := range raw {
		switch node.Kind {
		case yaml.ScalarNode:
			values[key] = []string{node.Value}
		case yaml.SequenceNode:
			for _, item := range node.Content {
				if item.Kind != yaml.ScalarNode {
					return nil, fmt.Errorf("%s:%d: %s: a list of plain values is meant", name, item.Line, key)
				}
				values[key] = append(values[key], item.Value)
			}
		case yaml.MappingNode:
			return nil, fmt.Errorf("%s:%d: %s: a value or a list of values is meant; flags of every verb stand at the top, without its name", name, node.Line, key)
		default:
			return nil, fmt.Errorf("%s:%d: %s: a value or a list of values is meant", name, node.Line, key)
		}
	}
	return values, nil
}

// knownFlags lists the flags of every verb, since one file serves them all.
func knownFlags(root *cobra.Command) map[string]bool {
	known := map[string]bool{}
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		note := func(f *pflag.Flag) { known[keyOf(f)] = true }
		cmd.Flags().VisitAll(note)
		cmd.PersistentFlags().VisitAll(note)
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit(root)
	return known
}
