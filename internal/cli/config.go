package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/careen/careen/internal/cli/settings"
	"github.com/careen/careen/internal/web"
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
	if f := cmd.Flags().Lookup("cacert"); f != nil && f.Value.String() != "" { // also where no server is asked in the end
		if _, err := web.Certificates(f.Value.String()); err != nil {
			return fmt.Errorf("--cacert: %w; name a file of certificates in PEM, or leave it out for the system's", err)
		}
	}
	for _, name := range strangers {
		c.note("warning: %s is set in the environment and is no flag", escape(name))
	}
	return nil
}
