package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"teal/catalog"
	"teal/deployer"
)

func statusCommand(g *globals) *cobra.Command {
	var asJSON, watch bool
	cmd := &cobra.Command{
		Use:   "status SERVICE",
		Short: "Show what a service's aliases point at and how its instances are",
		Long: `Status shows what a service's aliases point at, what its targets hold and how
their instances are, which hosts were left out, which releases are kept to go back
to, the routers, the last deployments, and containers that are not as recorded.

With --watch it looks every second until Ctrl-C: in a terminal over what was there
before, otherwise below it when something has changed.`,
		Example: "  teal status web\n  teal status web -w\n  teal status web --json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := g.deployer(nil)
			if err != nil {
				return err
			}
			look := func(out io.Writer) error {
				status, err := d.Status(cmd.Context(), args[0])
				switch {
				case err != nil:
					return err
				case asJSON:
					return writeJSON(out, status)
				}
				return printStatus(out, status)
			}
			if watch {
				return watchStatus(cmd.Context(), cmd.OutOrStdout(), watchPause, look)
			}
			return look(cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write it as JSON")
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "look every second until Ctrl-C")
	return cmd
}

func printStatus(out io.Writer, s deployer.Status) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "%s\t%s\n", s.Service, s.Config.Description)
	if s.Config.Owner != "" {
		fmt.Fprintf(w, "owner\t%s\n", s.Config.Owner)
	}
	fmt.Fprintln(w, "\nALIAS\tPOINTS AT\tLAST FLIP")
	for _, a := range s.Aliases {
		fmt.Fprintf(w, "%s\t%s\t%s\n", a.Name, a.Value, lastFlip(a))
	}
	fmt.Fprintln(w, "\nTARGET\tRELEASE\tSTATE\tPASSING\tLIVE AS")
	for _, t := range s.Targets {
		release, state := "-", "-"
		if t.Release != nil {
			release, state = t.Release.ID, string(t.Release.State)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d of %d\t%s\n", t.Target, release, state, t.Passing, len(t.Instances), strings.Join(t.Live, ", "))
	}
	printMissed(w, s)
	printInstances(w, s)
	printKept(w, s)
	fmt.Fprintln(w, "\nROUTER\tREQUESTS AT\tUP TO DATE")
	for _, r := range s.Routers {
		fmt.Fprintf(w, "%s\t%s\t%t\n", r.ID, r.Proxy, r.Current)
	}
	fmt.Fprintln(w, "\nDEPLOYMENT\tRELEASE\tTARGET\tSTATE\tBY")
	for _, d := range s.Deployments {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", d.ID, d.Release, d.Target, d.State, d.By)
		if d.Reason != "" {
			fmt.Fprintf(w, "\t%s\n", firstLine(d.Reason))
		}
		for _, waiting := range s.Waiting {
			if waiting.Deployment == d.ID {
				fmt.Fprintf(w, "\t%s\n", waiting)
			}
		}
	}
	printDrift(w, s)
	return w.Flush()
}

// printMissed says which hosts do not have a release, a line each.
func printMissed(w io.Writer, s deployer.Status) {
	for _, t := range s.Targets {
		if t.Release == nil {
			continue
		}
		for _, host := range t.Missed {
			fmt.Fprintf(w, "release %s, %s as %s, is not on %s: it did not answer when that was deployed; deploy again when it does\n", t.Release.ID, t.Holds, t.Target, host)
		}
	}
}

// printKept says what could be gone back to besides the standby.
func printKept(w io.Writer, s deployer.Status) {
	if len(s.Kept) > 0 {
		fmt.Fprintln(w, "\nKEPT\tENVIRONMENT\tDEPLOYMENT\tON")
	}
	for _, k := range s.Kept {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", k.Release, k.Environment, k.Deployment, strings.Join(k.Hosts, ", "))
	}
}

// printDrift says which containers are not as recorded, a line each.
func printDrift(w io.Writer, s deployer.Status) {
	if len(s.Drift)+len(s.Unseen) > 0 {
		fmt.Fprintln(w, "\nDRIFT")
	}
	for _, d := range s.Drift {
		fmt.Fprintln(w, d)
	}
	for _, u := range s.Unseen {
		fmt.Fprintf(w, "not looked at: %s\n", u)
	}
}

func printInstances(w io.Writer, s deployer.Status) {
	fmt.Fprintln(w, "\nINSTANCE\tADDRESS\tRELEASE\tHEALTH\tCHECK")
	for _, t := range s.Targets {
		for _, i := range t.Instances {
			fmt.Fprintf(w, "%s\t%s:%d\t%s\t%s\t%s\n", i.ID, i.Address, i.Port, i.Release, i.Health, firstLine(trouble(i)))
		}
	}
}

// trouble is the output of the first check that does not pass.
func trouble(i catalog.Instance) string {
	for _, c := range i.Checks {
		if c.Status != catalog.Passing {
			return c.Name + ": " + c.Output
		}
	}
	return ""
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}

func lastFlip(a deployer.AliasStatus) string {
	switch {
	case a.ByHand:
		return "by hand, not through Teal"
	case a.Last == nil:
		return "-"
	}
	return fmt.Sprintf("%s by %s, from %s", a.Last.At.Local().Format("2006-01-02 15:04:05"), a.Last.By, orNothing(a.Last.From))
}
