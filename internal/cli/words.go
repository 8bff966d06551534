package cli

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/project"
	"github.com/careen/careen/internal/spelling"
)

// meant writes the end of an error about a word: what was meant, or what there is.
func meant(word string, words []string, write string) string {
	if near := spelling.Nearest(word, words); near != "" {
		return fmt.Sprintf("; did you mean "+write+"?", near)
	}
	return ""
}

func verbsOf(cmd *cobra.Command) []string {
	var names []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() || sub.Name() == "help" || sub.Name() == "completion" {
			names = append(append(names, sub.Name()), sub.Aliases...)
		}
	}
	return names
}

// misspelt returns the error for a first argument that is no verb, no file, and so
// near a verb that nobody means an image of that name.
func misspelt(root *cobra.Command, args []string) error {
	if len(args) == 0 || args[0] == "" || strings.IndexFunc(args[0], func(r rune) bool { return r != '-' && !unicode.IsLetter(r) }) >= 0 || args[0][0] == '-' {
		return nil
	}
	if _, err := os.Lstat(args[0]); err == nil {
		return nil
	}
	near := spelling.Nearest(args[0], verbsOf(root))
	if near == "" || near == args[0] {
		return nil
	}
	return fmt.Errorf("%q is no verb; did you mean careen %s? An image of that name is looked at by careen scan %s", args[0], near, args[0])
}

// strict makes every verb, and every verb of a verb, refuse words that it does not
// know, and say in words what is wrong with its flags and arguments.
func strict(cmd *cobra.Command) {
	cmd.SetFlagErrorFunc(flagError)
	if cmd.HasSubCommands() && cmd.Run == nil && cmd.RunE == nil && cmd.HasParent() {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("%s has no verb %q%s (it has %s)", cmd.CommandPath(), args[0],
					meant(args[0], verbsOf(cmd), cmd.CommandPath()+" %s"), strings.Join(verbsOf(cmd), ", "))
			}
			return cmd.Help()
		}
		cmd.Args = cobra.ArbitraryArgs
		cmd.FParseErrWhitelist.UnknownFlags = true // the unknown verb is what is wrong
	}
	if cmd.HasParent() && cmd.Parent().Name() == "completion" {
		cmd.Args = takes(0, 0) // the library says it in its own words
	}
	for _, sub := range cmd.Commands() {
		strict(sub)
	}
}

// strictHelp refuses topics that are no verbs.
func strictHelp(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	for _, sub := range root.Commands() {
		if sub.Name() == "help" {
			sub.Run, sub.Short = nil, "Explain a verb"
			sub.RunE = func(_ *cobra.Command, args []string) error {
				cmd, rest, err := root.Find(args)
				if err != nil || len(rest) > 0 {
					word := strings.Join(args, " ")
					return fmt.Errorf("no verb %q%s", word, meant(word, verbsOf(root), "careen help %s"))
				}
				return cmd.Help()
			}
		}
	}
}

// takes checks the number of arguments, and names those of the line of use that
// are missing. most -1 is any number.
func takes(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		use := cmd.CommandPath() + strings.TrimPrefix(cmd.Use, cmd.Name())
		names := strings.Fields(cmd.Use)[1:]
		switch {
		case len(args) < least:
			missing := strings.Join(names[min(len(args), len(names)):min(least, len(names))], " and ")
			return fmt.Errorf("%s is missing: %s", strings.TrimRight(missing, ".…"), use)
		case most == 0 && len(args) > 0:
			return fmt.Errorf("%q is too much: %s takes no argument", args[0], cmd.CommandPath())
		case most >= 0 && len(args) > most:
			return fmt.Errorf("%q is too much: %s", args[most], use)
		}
		return nil
	}
}

// flagError says in words what is wrong with a flag.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var invalid *pflag.InvalidValueError
	var bare *pflag.ValueRequiredError
	switch {
	case errors.As(err, &unknown):
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		if name := unknown.GetSpecifiedName(); unknown.GetSpecifiedShortnames() == "" {
			return fmt.Errorf("unknown flag: --%s%s", name, meant(name, names, "--%s"))
		}
		return fmt.Errorf("unknown flag: -%s", unknown.GetSpecifiedName())
	case errors.As(err, &bare):
		return fmt.Errorf("--%s needs a value: %s", bare.GetFlag().Name, bare.GetFlag().Usage)
	case errors.As(err, &invalid):
		return fmt.Errorf("--%s %q: %w", invalid.GetFlag().Name, invalid.GetValue(), valueError(invalid.GetFlag(), invalid))
	}
	return err
}

// valueError says what a flag takes, where it is a number, a time or a yes or no.
func valueError(f *pflag.Flag, err error) error {
	kinds := map[string]string{
		"int": "not a whole number", "int64": "not a whole number", "float64": "not a number", "bool": "neither true nor false",
		"duration": "not a duration, e.g. 90s or 15m",
	}
	if words, ok := kinds[f.Value.Type()]; ok {
		return errors.New(words)
	}
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) && invalid.Unwrap() != nil {
		return invalid.Unwrap()
	}
	return err
}

// unknownVariables looks for variables that are meant for careen and set no flag.
// One that is near a flag's ends the run; others are returned, for a warning.
func unknownVariables(env map[string]string, known []string) (others []string, err error) {
	variable := func(flag string) string { return "CAREEN_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_")) }
	var variables []string
	for _, flag := range known {
		variables = append(variables, variable(flag))
	}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		rest, ours := strings.CutPrefix(name, "CAREEN_")
		if !ours || slices.Contains(variables, name) {
			continue
		}
		if near := spelling.Nearest(rest, known); near != "" {
			return nil, fmt.Errorf("%s in the environment is no flag; did you mean %s?", name, variable(near))
		}
		others = append(others, name)
	}
	return others, nil
}

// maxFirst is how much of a file says what it is.
const maxFirst = 1 << 20

// targetOf reads a target. Of a file that builds or runs images it says which verb
// is for those.
func targetOf(target string) (image.Target, error) {
	parsed, err := image.ParseTarget(target)
	if err == nil {
		return parsed, nil
	}
	data, readErr := readSmallFile(target, maxFirst)
	if readErr != nil {
		return parsed, err
	}
	file, readErr := project.Read(target, data, true)
	if readErr != nil && !errors.Is(readErr, project.ErrTemplate) {
		return parsed, err
	}
	kind := "a file about images"
	if file != nil && file.Workload == nil {
		kind = "a Dockerfile"
	}
	return parsed, fmt.Errorf("%s, not an image: careen lint %s looks at it; name the image that it is about", kind, target)
}

// notForFiles adds to an error about a path the verb that is for images, if the
// path is one or reads like one.
func notForFiles(err error, paths []string) error {
	if err == nil {
		return nil
	}
	for _, p := range paths {
		t, parseErr := image.ParseTarget(p)
		_, statErr := os.Stat(p)
		switch {
		case parseErr != nil || !strings.Contains(err.Error(), p):
		case t.Kind == image.KindArchive || t.Kind == image.KindOCIDir || t.Kind == image.KindSBOM && errors.Is(err, project.ErrUnknown) || statErr != nil && strings.HasPrefix(p, string(t.Kind)+":"):
			return fmt.Errorf("%w; images are for careen scan %s", err, p)
		case statErr != nil && !strings.ContainsAny(p, `/\`) || statErr != nil && strings.Contains(p, ":"):
			return fmt.Errorf("%w; if an image is meant: careen scan %s", err, p)
		}
	}
	return err
}
