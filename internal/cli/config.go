package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"sort"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

// maxConfigFile bounds .careen.yaml.
const maxConfigFile = 1 << 20

// defaultConfigFile is read from the working directory when it exists.
const defaultConfigFile = ".careen.yaml"

// configure sets the flags that the command line left out, from CAREEN_<FLAG>
// in the environment, else from the configuration file.
func (c *command) configure(cmd *cobra.Command) error {
	flags := cmd.Flags()
	if !flags.Changed("config") {
		c.configFile = c.env["CAREEN_CONFIG"]
	}
	file, err := readConfig(c.configFile)
	if err != nil {
		return err
	}
	known := knownFlags(cmd.Root())
	var unknown []string
	for key := range file {
		if !known[key] {
			unknown = append(unknown, key)
		}
	}
	names := slices.Sorted(maps.Keys(known))
	if unknown != nil {
		sort.Strings(unknown)
		return fmt.Errorf("%s: no flag is called %q%s", c.configName(), unknown[0], meant(unknown[0], names, "%s"))
	}
	others, err := unknownVariables(c.env, names)
	if err != nil {
		return err
	}

	var failed error
	flags.VisitAll(func(f *pflag.Flag) {
		if failed != nil || f.Changed || f.Name == "config" || f.Name == "help" || f.Name == "version" {
			return
		}
		name := "CAREEN_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if value := c.env[name]; value != "" {
			if err := set(flags, f, []string{value}); err != nil {
				failed = fmt.Errorf("%s: %w", name, err)
			}
			return
		}
		if values, ok := file[f.Name]; ok {
			if err := set(flags, f, values); err != nil {
				failed = fmt.Errorf("%s: %s: %w", c.configName(), f.Name, err)
			}
		}
	})
	for _, name := range others {
		c.note("warning: %s is set in the environment and is no flag", escape(name))
	}
	return failed
}

func (c *command) configName() string {
	if c.configFile != "" {
		return c.configFile
	}
	return defaultConfigFile
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
		return fmt.Errorf("%q: %w", strings.Join(values, ","), valueError(f, err))
	}
	return nil
}

// readConfig reads a file of flag names and values; "" means the default file,
// which may be missing.
func readConfig(path string) (map[string][]string, error) {
	name := path
	if name == "" {
		name = defaultConfigFile
	}
	f, err := os.Open(name)
	if path == "" && errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("configuration file: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxConfigFile+1))
	if err != nil {
		return nil, fmt.Errorf("configuration file: %w", err)
	}
	if len(data) > maxConfigFile {
		return nil, fmt.Errorf("%s: larger than %d bytes", name, maxConfigFile)
	}
	return parseConfig(name, data)
}

func parseConfig(name string, data []byte) (map[string][]string, error) {
	var raw map[string]yaml.Node
	if err := yaml.Unmarshal(data, &raw); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
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
		note := func(f *pflag.Flag) { known[f.Name] = true }
		cmd.Flags().VisitAll(note)
		cmd.PersistentFlags().VisitAll(note)
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit(root)
	return known
}
