package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"teal/deployer"
)

// errChanges ends a plan that has changes and has said so.
var errChanges = fmt.Errorf("%w: there are changes", errQuiet)

func planCommand(g *globals) *cobra.Command {
	d := &deploying{globals: g}
	cmd := &cobra.Command{
		Use:   "plan [ENVIRONMENT]",
		Short: "Show what a deployment would change, and touch nothing",
		Long: `Plan reads the service file, git, Consul and the hosts as a deployment does, and
says what that would change: the containers on each host, the keys in Consul, the
routes, and which of these other services declare too. It takes no lock, pulls
nothing and writes nothing.

It ends with 8 when something would change and with 0 when what is live is what
the file says already. A deployment would then only start the same again in the
other colour. A change that a deployment would refuse is an error. Images that a
registry knows are compared by digest, others by name.`,
		Example: "  teal plan\n  teal plan production --file deploy/compose.yaml || teal deploy",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := d.only(cmd)
			if err != nil {
				return err
			}
			environment, err := chooseEnvironment(s.spec, strings.Join(args, ""))
			if err != nil {
				return err
			}
			changes, err := d.plan(cmd, d.request(s, environment))
			if err == nil && changes {
				return errChanges
			}
			return err
		},
	}
	cmd.Flags().StringArrayVarP(&d.files, "file", "f", []string{serviceFile}, "the service file")
	d.nameFlags(cmd)
	cmd.Flags().BoolVar(&d.out.asJSON, "json", false, "write it as JSON")
	return cmd
}

// plan says what a deployment would change, and tells whether anything.
func (d *deploying) plan(cmd *cobra.Command, req deployer.Request) (bool, error) {
	dep, err := d.deployer(nil)
	if err != nil {
		return false, err
	}
	plan, err := dep.Plan(cmd.Context(), req)
	if err != nil {
		return false, err
	}
	if d.out.asJSON {
		return plan.Changes, writeJSON(cmd.OutOrStdout(), plan)
	}
	printPlan(cmd.OutOrStdout(), plan)
	return plan.Changes, nil
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
