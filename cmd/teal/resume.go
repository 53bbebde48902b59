package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"teal/catalog"
	"teal/deployer"
)

func resumeCommand(g *globals) *cobra.Command {
	d := &deploying{globals: g}
	dry := false
	cmd := &cobra.Command{
		Use:   "resume [SERVICE ALIAS]",
		Short: "Go on with a deployment that stands still, or with the requests that teal pause holds",
		Long: `Resume goes on with what stands still.

Where the service file is, without arguments: with the deployment that awaited
approval, from the very file that it was begun with; with one whose deployer died
after the flip; and one that died before it is put back. It ends as teal deploy
does, and with 7 while nobody has approved.

With a service and an alias: with the requests that teal pause holds.`,
		Example: "  teal resume --environment production\n  teal resume web production",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return fmt.Errorf("name a service and an alias to end a pause, or neither to go on with a deployment")
			}
			return cobra.MaximumNArgs(2)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 2 {
				return g.resume(cmd, args[0], args[1], catalog.HaltPause, haltOutput{asJSON: d.out.asJSON, dry: dry})
			}
			s, err := d.only(cmd)
			if err != nil {
				return err
			}
			environment, err := chooseEnvironment(s.spec, d.environment)
			if err != nil {
				return err
			}
			if dry {
				return d.wouldResume(cmd, d.request(s, environment))
			}
			return d.show(cmd, func(ctx context.Context, dep *deployer.Deployer) ([]catalog.Deployment, error) {
				record, err := dep.Resume(ctx, d.request(s, environment))
				return []catalog.Deployment{record}, err
			})
		},
	}
	cmd.Flags().StringArrayVarP(&d.files, "file", "f", []string{serviceFile}, "the service file")
	d.waitFlags(cmd)
	d.environmentFlag(cmd)
	d.namedFlag(cmd)
	dryRunFlag(cmd, &dry)
	return cmd
}

// resumeWords say what a resume would do.
var resumeWords = map[deployer.ResumeAct]string{
	deployer.ResumeGoesLive: "is approved and would go live",
	deployer.ResumeWaits:    "awaits somebody's word and would stay as it is",
	deployer.ResumeFinishes: "is live and would be finished",
	deployer.ResumePutsBack: "would be put back",
}

// wouldResume says what resume would do.
func (d *deploying) wouldResume(cmd *cobra.Command, req deployer.Request) error {
	dep, err := d.deployer(nil)
	if err != nil {
		return err
	}
	would, err := dep.WouldResume(cmd.Context(), req)
	if err != nil {
		return err
	}
	if d.out.asJSON {
		return writeJSON(cmd.OutOrStdout(), would)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "deployment %s of release %s, which is %s, %s\n", would.Deployment, would.Release, would.State, resumeWords[would.Would])
	return err
}
