package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/scan"
)

// flagWords are the words that flags take, for the shell to complete. A flag that
// takes several has them separated by commas.
func flagWords(verb string) map[string][]string {
	if verb == "fs" {
		verb = "scan" // of a directory
	}
	var severities []string
	for _, s := range finding.Severities() {
		severities = append(severities, s.String())
	}
	gates := []string{"none"}
	for _, s := range severities {
		gates = append(gates, strings.ToLower(s))
	}
	return map[string][]string{
		"format":    strings.Split(report.FormatNames(verb), ", "),
		"severity":  severities,
		"fail-on":   append(gates, "kev", "eol", "epss="),
		"scanners":  scan.ScannerNames(),
		"by":        {"package", "vulnerability"},
		"sort":      {"risk", "severity", "package"},
		"pkg-types": packageTypes,
		"platform":  {"all", "linux/amd64", "linux/arm64", "linux/arm/v7", "linux/386", "linux/ppc64le", "linux/riscv64", "linux/s390x"},
	}
}

// completeFlags lets the shell complete the values of the flags of a verb and of
// those below it. A flag that names a file is completed as one by the shell.
func completeFlags(cmd *cobra.Command, verb string) {
	words := flagWords(verb)
	cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
		if list := words[f.Name]; len(list) > 0 && list[0] != "" {
			several := f.Value.Type() == "stringSlice" || f.Name == "severity" || f.Name == "fail-on"
			// The error is that the flag is not there, or has been given words already.
			_ = cmd.RegisterFlagCompletionFunc(f.Name, func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
				then := cobra.ShellCompDirectiveNoFileComp
				if several || f.Name == "format" { // another word, or =FILE
					then |= cobra.ShellCompDirectiveNoSpace
				}
				return completions(list, typed, several), then
			})
		}
	})
	for _, sub := range cmd.Commands() {
		completeFlags(sub, verb)
	}
}

// completions are the words that begin as what is typed does; of several, those that
// are not there yet, behind the last comma.
func completions(words []string, typed string, several bool) []string {
	head := ""
	if several {
		at := strings.LastIndexByte(typed, ',') + 1
		head, typed = typed[:at], typed[at:]
	}
	var list []string
	given := strings.Split(head, ",")
	for _, w := range words {
		if strings.HasPrefix(strings.ToLower(w), strings.ToLower(typed)) && !slices.Contains(given, w) {
			list = append(list, head+w)
		}
	}
	return list
}
