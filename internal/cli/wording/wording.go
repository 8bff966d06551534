// Package wording says in words what is wrong with a command line: verbs, flags and
// arguments that are not there, misspelt or too many.
package wording

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/careen/careen/internal/spelling"
)

func verbsOf(cmd *cobra.Command) []string {
	var names []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() || sub.Name() == "help" || sub.Name() == "completion" {
			names = append(append(names, sub.Name()), sub.Aliases...)
		}
	}
	return names
}

// Misspelt returns the error for a first argument that is no verb, no file, and so
// near a verb that nobody means an image of that name.
func Misspelt(root *cobra.Command, args []string) error {
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

// Strict makes every verb, and every verb of a verb, refuse words that it does not
// know, and say in words what is wrong with its flags and arguments.
func Strict(cmd *cobra.Command) {
	cmd.SetFlagErrorFunc(flagError)
	if cmd.HasSubCommands() && cmd.Run == nil && cmd.RunE == nil && cmd.HasParent() {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("%s has no verb %q%s (it has %s)", cmd.CommandPath(), args[0],
					spelling.Meant(args[0], verbsOf(cmd), cmd.CommandPath()+" %s"), strings.Join(verbsOf(cmd), ", "))
			}
			return cmd.Help()
		}
		cmd.Args = cobra.ArbitraryArgs
		cmd.FParseErrWhitelist.UnknownFlags = true // the unknown verb is what is wrong
	}
	if cmd.HasParent() && cmd.Parent().Name() == "completion" {
		cmd.Args = Takes(0, 0) // the library says it in its own words
	}
	for _, sub := range cmd.Commands() {
		Strict(sub)
	}
}

// StrictHelp refuses topics that are no verbs.
func StrictHelp(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	for _, sub := range root.Commands() {
		if sub.Name() == "help" {
			sub.Run, sub.Short = nil, "Explain a verb"
			sub.RunE = func(_ *cobra.Command, args []string) error {
				cmd, rest, err := root.Find(args)
				if err != nil || len(rest) > 0 {
					word := strings.Join(args, " ")
					return fmt.Errorf("no verb %q%s", word, spelling.Meant(word, verbsOf(root), "careen help %s"))
				}
				return cmd.Help()
			}
		}
	}
}

// Takes checks the number of arguments, and names those of the line of use that
// are missing. most -1 is any number.
func Takes(least, most int) cobra.PositionalArgs {
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
			return fmt.Errorf("unknown flag: --%s%s", name, spelling.Meant(name, names, "--%s"))
		}
		return fmt.Errorf("unknown flag: -%s", unknown.GetSpecifiedName())
	case errors.As(err, &bare):
		return fmt.Errorf("--%s needs a value: %s", bare.GetFlag().Name, bare.GetFlag().Usage)
	case errors.As(err, &invalid):
		return fmt.Errorf("--%s %q: %w", invalid.GetFlag().Name, invalid.GetValue(), ValueError(invalid.GetFlag(), invalid))
	}
	return err
}

// ValueError says what a flag takes, where it is a number, a time or a yes or no.
func ValueError(f *pflag.Flag, err error) error {
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

// SomeOf lists the first few of names, and how many more there are.
func SomeOf(names []string, few int) string {
	text := strings.Join(names[:min(len(names), few)], ", ")
	if more := len(names) - few; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
