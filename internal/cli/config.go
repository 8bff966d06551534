package cli

import (
	"github.com/spf13/cobra"

	"github.com/careen/careen/internal/cli/settings"
)

// configure sets the flags that the command line left out.
func (c *command) configure(cmd *cobra.Command) error {
	if !cmd.Flags().Changed("config") {
		c.configFile = c.env["CAREEN_CONFIG"]
	}
	strangers, err := settings.Apply(cmd, c.configFile, c.env)
	if err != nil {
		return err
	}
	for _, name := range strangers {
		c.note("warning: %s is set in the environment and is no flag", escape(name))
	}
	return nil
}
