package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/careen/careen/internal/policy"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/secret"
)

// secretFlags are the flags of careen secret.
type secretFlags struct {
	formatFlags
	failOn   string
	exitCode int
	all      bool
	accepted acceptedFlags
}

// secretVerb is careen secret.
type secretVerb struct{ *command }

func (c secretVerb) define() *cobra.Command {
	var f secretFlags
	cmd := &cobra.Command{
		Use:   "secret PATH...",
		Short: "Find secrets in files and directories, as a hook before a commit",
		Long: `Secret looks for keys, tokens and passwords in files, in directories with all
below them, and in standard input ("-"), by the rules of careen scan. It fails
when there is one, so it is a hook before a commit as it stands.

A line that says careen:allow is left alone. --baseline takes an earlier report
(careen secret -f json) and counts only what is new.`,
		Example: `  careen secret .
  git diff --cached | careen secret -
  careen secret -f json . > known.json
  careen secret --baseline known.json .`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("nothing to look into; name files or directories, as in careen secret DIR")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.secret(cmd.Context(), args, f)
		},
	}
	flags := cmd.Flags()
	f.formatFlags.register(flags, "secret", "text")
	flags.StringVar(&f.failOn, "fail-on", "low", "fail when a secret is at least this severe: critical, high, medium, low or none")
	flags.IntVar(&f.exitCode, "exit-code", exitGate, "exit code when a secret was found")
	flags.BoolVar(&f.all, "show-suppressed", false, "list what was suppressed too")
	f.accepted.register(flags)
	return cmd
}

func (c secretVerb) secret(ctx context.Context, paths []string, f secretFlags) error {
	outputs, err := f.parse("secret")
	if err != nil {
		return err
	}
	gate, err := policy.ParseGate(f.failOn)
	if err != nil {
		return fmt.Errorf("--fail-on: %w", err)
	}
	accepted, err := f.accepted.accepted(time.Now())
	if err != nil {
		return err
	}
	rules, err := f.accepted.rules()
	if err == nil && rules == nil {
		rules, err = secret.DefaultRules()
	}
	if err != nil {
		return err
	}
	found, err := rules.Files(ctx, paths, c.stdin)
	if err != nil {
		return err
	}
	r := &report.Report{
		Schema: report.Schema, Careen: version(), Secrets: found.Secrets,
		Target: report.Target{Ref: strings.Join(paths, " "), Kind: "dir", Layers: []report.Layer{}}, Warnings: []report.Warning{},
	}
	if found.Unread != "" {
		r.Warnings = append(r.Warnings, report.Warning{Kind: report.SecretsUnread, Layer: -1, Message: found.Unread})
		c.note("%s", escape(found.Unread))
	}
	accepted.Apply(r)
	reports := []*report.Report{r}
	because := gate.Verdict(reports)
	err = c.write(ctx, outputs, &report.Document{Reports: reports, Lint: report.SecretsAsFaults(r), Own: map[string]func(io.Writer) error{
		"text": func(w io.Writer) error { return report.WriteSecrets(w, r.Secrets, f.all) },
	}})
	if err != nil {
		return err
	}
	if because != "" {
		return gateFailed(f.exitCode, fmt.Errorf("gate failed: %s", because))
	}
	return nil
}
