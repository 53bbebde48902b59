package main

import (
	"context"

	"github.com/spf13/cobra"

	"teal/catalog"
	"teal/deployer"
)

func promoteCommand(g *globals) *cobra.Command {
	d := &deploying{globals: g}
	var from, to string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "promote",
		Short: "Bring what is live in one environment to another, digest by digest",
		Long: `Promote deploys to an environment the very images that are live in another, by
their digests, under the same name of the release. Nothing is built, and no tag is
asked what it means by now. Where the environment has a registry of its own, the
images are copied there first.`,
		Example: "  teal promote --from integration --to production",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := d.only(cmd)
			if err != nil {
				return err
			}
			if from, to, err = chooseWay(s.spec, from, to); err != nil {
				return err
			}
			if dryRun {
				dep, err := d.deployer(nil)
				if err != nil {
					return err
				}
				req, err := dep.Promotion(cmd.Context(), s.spec, from, to, "", true)
				if err != nil {
					return err
				}
				return d.dryRun(cmd, []deployer.Request{req})
			}
			return d.show(cmd, func(ctx context.Context, dep *deployer.Deployer) ([]catalog.Deployment, error) {
				req, err := d.promotion(ctx, dep, s, from, to, "")
				if err != nil {
					return nil, err
				}
				return dep.DeployTogether(ctx, []deployer.Request{req})
			})
		},
	}
	cmd.Flags().StringArrayVarP(&d.files, "file", "f", []string{serviceFile}, "the service file")
	cmd.Flags().StringVar(&from, "from", "", "where the release is live (default what the other environment requires)")
	cmd.Flags().StringVar(&to, "to", "", "where it shall go (default production)")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "show what would change, and touch nothing")
	d.waitFlags(cmd)
	return cmd
}

// promotion is the request that brings what is live in one environment to another,
// if it is what the given deployment brought; of any where that is empty.
func (d *deploying) promotion(ctx context.Context, dep *deployer.Deployer, s source, from, to, deployment string) (deployer.Request, error) {
	req, err := dep.Promotion(ctx, s.spec, from, to, deployment, false)
	req.WaitLock, req.WaitApproval = d.wait, d.waitApproval
	return req, err
}
