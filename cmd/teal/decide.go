package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"teal/catalog"
)

// decided is what `teal approve` and `teal abort` did.
type decided struct {
	Service     string          `json:"service"`
	Environment string          `json:"environment"`
	Deployment  string          `json:"deployment"`
	Release     string          `json:"release"`
	Verdict     catalog.Verdict `json:"verdict"`
	// Ended tells that the deployment was put back here, as nobody runs it.
	Ended  bool `json:"ended"`
	DryRun bool `json:"dry_run,omitempty"`
}

func approveCommand(g *globals) *cobra.Command {
	var reason string
	var asJSON, dry bool
	cmd := &cobra.Command{
		Use:   "approve SERVICE [ENVIRONMENT]",
		Short: "Say yes to the deployment that awaits it",
		Long: `Approve writes down that the deployment which awaits somebody's word may go on.
One that runs with --wait-approval does so at once; else the next step of the
pipeline does with teal resume.`,
		Example: "  teal approve web\n  teal approve web production --reason CHG-4711",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := g.deployerFor(nil, dry)
			if err != nil {
				return err
			}
			environment := environmentOf(args)
			record, err := d.Approve(cmd.Context(), args[0], environment, reason)
			if err != nil {
				return err
			}
			done := decided{args[0], environment, record.ID, record.Release, catalog.Approve, false, dry}
			if dry {
				return done.say(cmd, asJSON, "release %s of %s awaits a yes and would get it; it would go live in %s", record.Release, args[0], environment)
			}
			return done.say(cmd, asJSON, "release %s of %s may go live in %s", record.Release, args[0], environment)
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the records")
	dryRunFlag(cmd, &dry)
	cmd.Flags().BoolVar(&asJSON, "json", false, "write it as JSON")
	return cmd
}

func abortCommand(g *globals) *cobra.Command {
	var reason string
	var asJSON, dry bool
	cmd := &cobra.Command{
		Use:   "abort SERVICE [ENVIRONMENT]",
		Short: "End the deployment that is under way and put everything back",
		Long: `Abort ends a deployment: before the flip all it started is removed, and during a
canary or the watch after the flip its users are given back to the old release.
Whoever runs the deployment begins with that within a second or two, and waits for
what an engine was told just then, such as to stop a container; one that nobody
runs, as it awaits approval, is put back here.`,
		Example: "  teal abort web\n  teal abort web integration --reason 'wrong branch'",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := g.deployerFor(newProgress(cmd.ErrOrStderr()).event, dry)
			if err != nil {
				return err
			}
			environment := environmentOf(args)
			record, ended, err := d.Abort(cmd.Context(), args[0], environment, reason)
			if err != nil {
				return err
			}
			done := decided{args[0], environment, record.ID, record.Release, catalog.Abort, ended, dry}
			switch {
			case dry && ended:
				return done.say(cmd, asJSON, "deployment %s of %s to %s, which is %s and which nobody runs, would be put back", record.ID, args[0], environment, record.State)
			case dry:
				return done.say(cmd, asJSON, "who runs deployment %s of %s to %s, which is %s, would be told to put it back", record.ID, args[0], environment, record.State)
			}
			if ended {
				return done.say(cmd, asJSON, "deployment %s of %s to %s is put back", record.ID, args[0], environment)
			}
			return done.say(cmd, asJSON, "who runs deployment %s of %s to %s is told to put it back; see `teal history %s %s`", record.ID, args[0], environment, args[0], environment)
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the records")
	dryRunFlag(cmd, &dry)
	cmd.Flags().BoolVar(&asJSON, "json", false, "write it as JSON")
	return cmd
}

func (d decided) say(cmd *cobra.Command, asJSON bool, format string, args ...any) error {
	if asJSON {
		return writeJSON(cmd.OutOrStdout(), d)
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), format+"\n", args...)
	return err
}

// environmentOf is the second argument, else the usual environment.
func environmentOf(args []string) string {
	if asked := strings.Join(args[1:], ""); asked != "" {
		return asked
	}
	return catalog.DefaultAlias
}
