// Package manual writes manual pages from the help of verbs.
package manual

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Verbs lists a command and all below it that people are to see.
func Verbs(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			all = append(all, Verbs(sub)...)
		}
	}
	return all
}

// Name is that of a verb's page.
func Name(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// Page writes a page as man(7) has it.
func Page(cmd *cobra.Command, version, day string) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line(`.TH "%s" 1 "%s" "%s" "Careen"`, strings.ToUpper(Name(cmd)), day, roff("careen "+version))
	line(".SH NAME\n%s \\- %s", roff(Name(cmd)), roff(cmd.Short))
	line(".SH SYNOPSIS\n.B %s", roff(cmd.UseLine()))
	line(".SH DESCRIPTION")
	paragraphs(&b, firstOf(cmd.Long, cmd.Short))
	if aliases := cmd.Aliases; len(aliases) > 0 {
		line(".SH ALSO CALLED\n%s", roff(strings.Join(aliases, ", ")))
	}
	flagSection(&b, "OPTIONS", cmd.NonInheritedFlags())
	flagSection(&b, "OPTIONS OF EVERY VERB", cmd.InheritedFlags())
	if cmd.Example != "" {
		line(".SH EXAMPLES")
		verbatim(&b, cmd.Example)
	}
	line(".SH EXIT STATUS\n0 done; 1 careen could not finish, or could not judge; 2 the gate tripped.")
	line(".SH ENVIRONMENT\nEvery option is also CAREEN_OPTION in the environment, in capitals and with \"_\" for \"\\-\", and a key in .careen.yaml. The command line beats the environment, and that beats the file.")
	var also []string
	for _, other := range Verbs(cmd.Root()) {
		if other != cmd && (other.Parent() == cmd || cmd.Parent() == other) {
			also = append(also, roff(Name(other))+"(1)")
		}
	}
	line(".SH SEE ALSO\n%s", strings.Join(also, ", "))
	return b.String()
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// paragraphs writes text whose indented lines stand as they are.
func paragraphs(b *strings.Builder, text string) {
	for _, p := range strings.Split(strings.TrimSpace(text), "\n\n") {
		if strings.HasPrefix(p, " ") {
			verbatim(b, p)
			continue
		}
		b.WriteString(".PP\n")
		for _, l := range strings.Split(p, "\n") {
			b.WriteString(roffLine(l) + "\n")
		}
	}
}

func verbatim(b *strings.Builder, text string) {
	b.WriteString(".PP\n.nf\n")
	for _, l := range strings.Split(strings.Trim(text, "\n"), "\n") {
		b.WriteString(roffLine(l) + "\n")
	}
	b.WriteString(".fi\n")
}

func flagSection(b *strings.Builder, title string, flags *pflag.FlagSet) {
	if !flags.HasAvailableFlags() {
		return
	}
	b.WriteString(".SH " + title + "\n")
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		kind, usage := pflag.UnquoteUsage(f)
		if kind != "" {
			name += " " + kind
		}
		if shown := shownDefault(f); shown != "" {
			usage += " (default " + shown + ")"
		}
		fmt.Fprintf(b, ".TP\n.B %s\n%s\n", roff(name), roffLine(usage))
	})
}

// shownDefault is a flag's value when it is left out, "" where that is none.
func shownDefault(f *pflag.Flag) string {
	switch f.DefValue {
	case "", "0", "false", "[]", "0s":
		return ""
	}
	return f.DefValue
}

var roffWords = strings.NewReplacer(`\`, `\e`, "-", `\-`, "\n", " ")

// roff escapes what troff would take for commands.
func roff(s string) string { return roffWords.Replace(s) }

// roffLine is roff for text that stands at the beginning of a line.
func roffLine(s string) string {
	s = roff(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		return `\&` + s
	}
	return s
}
