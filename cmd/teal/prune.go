package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"teal/deployer"
)

// keptDeployments is how many deployments of an environment stay unless told
// otherwise.
const keptDeployments = 20

// errLeft ends a pruning that could not remove or look at everything.
var errLeft = errors.New("not everything could be removed or looked at; run it again when that is mended")

func pruneCommand(g *globals) *cobra.Command {
	req := deployer.PruneRequest{}
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "prune SERVICE [ENVIRONMENT]",
		Short: "Remove old deployment records and containers that were put aside",
		Long: `Prune removes, in one environment or in all, the records of deployments beyond
the newest --keep, and stopped containers that a deployment replaced and could not
remove, as their host did not answer then. It never removes the record of what is
live or standby, of a deployment that has not ended, a container that runs, or
anything that does not carry Teal's labels.

It holds the deployment lock meanwhile, and ends with 6 when somebody deploys.`,
		Example: "  teal prune web --keep 20 --dry-run\n  teal prune web production",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if req.Keep < 1 {
				return usageError{fmt.Errorf("--keep %d is less than one deployment", req.Keep)}
			}
			req.Service, req.Environment = args[0], strings.Join(args[1:], "")
			d, err := g.deployer(nil)
			if err != nil {
				return err
			}
			pruned, err := d.Prune(cmd.Context(), req)
			if asJSON {
				err = errors.Join(err, writeJSON(cmd.OutOrStdout(), pruned))
			} else {
				printPruned(cmd.OutOrStdout(), pruned)
			}
			if err == nil && len(pruned.Left) > 0 {
				return errLeft
			}
			return err
		},
	}
	cmd.Flags().IntVar(&req.Keep, "keep", keptDeployments, "how many deployments of each environment stay")
	cmd.Flags().BoolVar(&req.DryRun, "dry-run", false, "say what would be removed, and remove nothing")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write it as JSON")
	return cmd
}

// printPruned says one fact a line.
func printPruned(out io.Writer, p deployer.Pruned) {
	verb := "removed"
	if p.DryRun {
		verb = "would remove"
	}
	for _, c := range p.Containers {
		fmt.Fprintf(out, "%s container %s on %s, of release %s\n", verb, c.Container, c.Host, c.Release)
	}
	for _, d := range p.Deployments {
		fmt.Fprintf(out, "%s the record of deployment %s to %s: release %s %s\n", verb, d.ID, d.Environment, d.Release, d.State)
	}
	for _, l := range p.Left {
		fmt.Fprintf(out, "left: %s\n", l)
	}
	if len(p.Containers)+len(p.Deployments) == 0 {
		fmt.Fprintf(out, "%s nothing\n", verb)
	}
}
