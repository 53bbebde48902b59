package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"teal/deployer"
)

// errLeft ends a pruning that could not remove or look at everything.
var errLeft = errors.New("not everything could be removed or looked at; run it again when that is mended")

func pruneCommand(g *globals) *cobra.Command {
	req := deployer.PruneRequest{}
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "prune SERVICE [ENVIRONMENT]",
		Short: "Remove old releases, deployment records and images",
		Long: `Prune removes, in one environment or in all: the stopped containers of releases
beyond the newest that stay, live and standby among them; stopped containers that a
deployment replaced and could not remove, as their host did not answer then; and the
records of old deployments. Without --keep as many releases stay as the service file
says (keep, 5), and 20 records. It never removes what is live or standby, the record
of a release that is kept or of a deployment that has not ended, a container that
runs, or one that does not carry Teal's labels.

With --images it also removes, from the repositories that the service's own part
comes from, the images that no container is made from and no record refers to.

It holds the deployment lock meanwhile, and ends with 6 when somebody deploys.`,
		Example: "  teal prune web --keep 20 --dry-run\n  teal prune web production",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := soundKeep(cmd, req.Keep); err != nil {
				return err
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
	keepFlag(cmd, &req.Keep)
	cmd.Flags().BoolVar(&req.Images, "images", false, "remove images of the service that nothing refers to, too")
	cmd.Flags().BoolVar(&req.DryRun, "dry-run", false, "say what would be removed, and remove nothing")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write it as JSON")
	return cmd
}

// keepFlag declares the flag of the commands that prune.
func keepFlag(cmd *cobra.Command, keep *int) {
	cmd.Flags().IntVar(keep, "keep", 0, fmt.Sprintf("how many releases, and records of deployments, stay of each environment (default what its file says, and %d records)", deployer.DefaultRecords))
}

// soundKeep is why what was asked for is too little, or nil.
func soundKeep(cmd *cobra.Command, keep int) error {
	if keep < 1 && cmd.Flags().Changed("keep") {
		return usageError{fmt.Errorf("--keep %d is less than one release", keep)}
	}
	return nil
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
	for _, i := range p.Images {
		fmt.Fprintf(out, "%s image %s on %s (%s), %d MB\n", verb, i.ID, i.Host, strings.Join(i.Tags, ", "), i.Size>>20)
	}
	for _, l := range p.Left {
		fmt.Fprintf(out, "left: %s\n", l)
	}
	if len(p.Containers)+len(p.Deployments)+len(p.Images) == 0 {
		fmt.Fprintf(out, "%s nothing\n", verb)
	}
}
