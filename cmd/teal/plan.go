package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"teal/deployer"
	"teal/deployer/servicefile"
)

// errChanges ends a plan that has changes and has said so.
var errChanges = fmt.Errorf("%w: there are changes", errQuiet)

func planCommand(g *globals) *cobra.Command {
	var file, release, revision string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "plan [ENVIRONMENT]",
		Short: "Show what a deployment would change, and touch nothing",
		Long: `Plan reads the service file, Consul and the hosts as a deployment does, and says
what that would change: the containers on each host, the keys in Consul, the
routes, and which of these other services declare too. It takes no lock, pulls
nothing and writes nothing.

It ends with 8 when something would change and with 0 when what is live is what
the file says already. A deployment would then only start the same again in the
other colour. Images are compared by name: a tag that means another image by now
is not noticed.`,
		Example: "  teal plan\n  teal plan production --file deploy/compose.yaml || teal deploy",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			spec, err := servicefile.Load(ctx, file, os.Environ())
			if err != nil {
				return missingAsUsage(err)
			}
			printWarnings(cmd.ErrOrStderr(), spec.Warnings)
			environment, err := chooseEnvironment(spec, strings.Join(args, ""))
			if err != nil {
				return err
			}
			d, err := g.deployer(nil)
			if err != nil {
				return err
			}
			plan, err := d.Plan(ctx, deployer.Request{Spec: spec, Environment: environment, Release: release, Revision: revisionOf(ctx, revision, file)})
			if err != nil {
				return err
			}
			if asJSON {
				err = writeJSON(cmd.OutOrStdout(), plan)
			} else {
				printPlan(cmd.OutOrStdout(), plan)
			}
			if err == nil && plan.Changes {
				return errChanges
			}
			return err
		},
	}
	cmd.Flags().StringVarP(&file, "file", "f", serviceFile, "the service file")
	cmd.Flags().StringVar(&release, "release", "", "what to call this release (default what the file or the commit says)")
	cmd.Flags().StringVar(&revision, "revision", "", "the commit it was built from (default the one checked out)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write it as JSON")
	return cmd
}

// printPlan says one fact a line.
func printPlan(out io.Writer, p deployer.DeploymentPlan) {
	if p.Changes {
		fmt.Fprintf(out, "release %s would go to %s of %s; %s points at %s\n", p.Release, p.Target, p.Service, p.Environment, orNothing(p.Live))
	} else {
		fmt.Fprintf(out, "nothing would change: %s of %s runs release %s as this file says\n", p.Environment, p.Service, p.Release)
	}
	for _, h := range p.Hosts {
		for _, c := range h.Containers {
			fmt.Fprintf(out, "on %s: %s\n", h.Host, containerWords(c))
		}
	}
	for _, k := range p.Keys {
		fmt.Fprintf(out, "in Consul: %s\n", keyWords(k))
	}
	for _, r := range p.Routes {
		fmt.Fprintln(out, routeWords(r, p.Service))
	}
	for _, d := range p.Drift {
		fmt.Fprintf(out, "drift: %s\n", d)
	}
	for _, n := range p.Notes {
		fmt.Fprintf(out, "note: %s\n", n)
	}
}

func containerWords(c deployer.ContainerChange) string {
	text := fmt.Sprintf("%s %s, image %s", c.Action, c.Container, c.Image)
	if c.LiveImage != "" && c.Action != deployer.KeepContainer {
		text += "; live is " + c.LiveImage
	}
	if c.LiveDigest != "" {
		text += " (" + c.LiveDigest + ")"
	}
	return text
}

func keyWords(k deployer.KeyChange) string {
	switch {
	case len(k.Fields) > 0:
		return fmt.Sprintf("%s gets other %s", k.Key, strings.Join(k.Fields, ", "))
	case k.From == "":
		return fmt.Sprintf("%s becomes %s", k.Key, k.To)
	}
	return fmt.Sprintf("%s becomes %s, is %s", k.Key, k.To, k.From)
}

func routeWords(r deployer.RouteChange, service string) string {
	rivals := strings.Join(r.Rivals, ", ")
	switch {
	case r.Change == deployer.RouteGained:
		return fmt.Sprintf("route %s would lead to %s", r.Route, r.Alias)
	case r.Change == deployer.RouteLost:
		return fmt.Sprintf("route %s would no longer lead to %s", r.Route, r.Alias)
	case r.Holder == service:
		return fmt.Sprintf("route %s is declared by %s too, and would be %s's, who was first", r.Route, rivals, service)
	}
	return fmt.Sprintf("route %s is declared by %s too, and would stay with %s, who was first", r.Route, rivals, r.Holder)
}
