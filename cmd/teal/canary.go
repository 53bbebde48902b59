package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

func canaryCommand(g *globals) *cobra.Command {
	var asJSON, dry bool
	cmd := &cobra.Command{
		Use:   "canary SERVICE [ENVIRONMENT] PERCENT",
		Short: "Send a part of the requests to the colour that is not live",
		Long: `Canary splits an environment's requests by hand between the colour that is live
and the other one, which must hold a release whose instances pass. 0 sends all of
them back, 100 makes the other colour live. Clients stay on their side of the
split. A canary that goes by itself, with limits, is declared in the service file
and done by teal deploy.`,
		Example: "  teal canary web 5\n  teal canary web production 25\n  teal canary web 0",
		Args:    cobra.RangeArgs(2, 3),
		RunE: func(cmd *cobra.Command, args []string) error {
			last := len(args) - 1
			percent, err := strconv.Atoi(strings.TrimSuffix(args[last], "%"))
			if err != nil || percent < 0 || percent > 100 {
				return usageError{fmt.Errorf("%q is no percentage; write a whole number from 0 to 100", args[last])}
			}
			out := newProgress(cmd.OutOrStdout())
			d, err := g.deployerFor(nil, dry)
			if err != nil {
				return err
			}
			done, err := d.Share(cmd.Context(), args[0], environmentOf(args[:last]), percent)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), done)
			}
			out.flipped(done)
			return nil
		},
	}
	dryRunFlag(cmd, &dry)
	cmd.Flags().BoolVar(&asJSON, "json", false, "write it as JSON")
	return cmd
}
