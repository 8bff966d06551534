package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/careen/careen/internal/cli/wording"
	"github.com/careen/careen/internal/policy"
	"github.com/careen/careen/internal/scan"
)

// sbomVerb is careen sbom.
type sbomVerb struct{ *command }

// sbomCommand lists what an image is made of, without judging it.
func (c sbomVerb) define() *cobra.Command {
	var source sourceFlags
	var limits limitFlags
	var scope scopeFlags
	out := outputFlags{by: "package", sort: "risk"}
	cmd := &cobra.Command{
		Use:   "sbom TARGET",
		Short: "List what an image is made of, as CycloneDX or SPDX",
		Long: `Sbom lists the packages of an image, with the layer that brought each and the
files that say so. No advisories are read. TARGET is what careen scan takes.`,
		Example: `  careen sbom alpine:3.20 > sbom.cdx.json
  careen sbom -f spdx -o sbom.spdx.json app.tar`,
		Args: wording.Takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			outputs, err := out.parse("sbom")
			if err != nil {
				return err
			}
			cacheDir, err := c.cache()
			if err != nil {
				return err
			}
			opt := scan.Options{Limits: limits.of(cacheDir)}
			if err := scope.apply(&opt); err != nil {
				return err
			}
			reports, err := c.scanImages(cmd.Context(), args[0], source, opt, limits.archiveBytes)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			if err := c.write(cmd.Context(), outputs, out.document(c.command, reports)); err != nil {
				return err
			}
			return policy.Complete(reports, policy.Unread)
		},
	}
	flags := cmd.Flags()
	source.register(flags)
	limits.register(flags)
	scope.register(flags)
	out.formatFlags.register(flags, "sbom", "cyclonedx")
	return cmd
}
