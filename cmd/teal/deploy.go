package main

import (
	"context"

	"github.com/spf13/cobra"

	"teal/catalog"
	"teal/deployer"
)

func deployCommand(g *globals) *cobra.Command {
	d := &deploying{globals: g}
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "deploy",
		Short: "Bring this repository's service to an environment",
		Long: `Deploy reads a Compose file with an x-teal section, starts its containers in
the offline colour on every host, waits until every instance of the new release
passes its checks, flips the environment's alias to it, and leaves the old
colour as standby. A deployment that fails before the flip leaves the live
colour untouched and removes what it started.

It ends with 0 when the release is live; 3 when it failed before the flip, and
users noticed nothing; 4 when they met the release and were given back to the old
one; 5 when that could not be done; 6 while somebody else deploys; and 7 when the
release is ready and awaits somebody's word.`,
		Example: "  teal deploy\n  teal deploy --file compose.yaml --environment production --release 1.4.0\n  teal deploy --file shop/compose.yaml --file cart/compose.yaml --wait 5m",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			reqs, err := d.requests(cmd)
			if err != nil {
				return err
			}
			if dryRun {
				return d.dryRun(cmd, reqs)
			}
			return d.show(cmd, func(ctx context.Context, dep *deployer.Deployer) ([]catalog.Deployment, error) {
				return dep.DeployTogether(ctx, reqs)
			})
		},
	}
	d.flags(cmd)
	d.environmentFlag(cmd)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "show what would change, as teal plan does, and touch nothing")
	return cmd
}

// dryRun says what deployments would change.
func (d *deploying) dryRun(cmd *cobra.Command, reqs []deployer.Request) error {
	for _, req := range reqs {
		if _, err := d.plan(cmd, req); err != nil {
			return err
		}
	}
	return nil
}
