package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"teal/catalog"
	"teal/deployer"
)

func lockCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lock",
		Short: "Show or release the lock that keeps deployments apart",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(lockStatusCommand(g), lockReleaseCommand(g))
	return cmd
}

func lockStatusCommand(g *globals) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "status SERVICE ENVIRONMENT",
		Short:   "Show who is deploying, since when, and whether that run is alive",
		Example: "  teal lock status web production",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := g.deployer(nil)
			if err != nil {
				return err
			}
			lock, err := d.LockStatus(cmd.Context(), args[0], args[1])
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), lock)
			}
			printLock(cmd.OutOrStdout(), lock, time.Now())
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write it as JSON")
	return cmd
}

func lockReleaseCommand(g *globals) *cobra.Command {
	var force, asJSON, dry bool
	cmd := &cobra.Command{
		Use:   "release SERVICE ENVIRONMENT",
		Short: "Take the lock away from who holds it",
		Long: `Release removes a deployment lock. The lock of a run that died goes by itself
within 20 seconds, so there is seldom a need for this. It ends with 6 while the
holder's session lives, unless --force is given.

A run that loses its lock can't write any more: it stops where it is and cleans
nothing up. What is live stays live, and the next deployment finishes or reverts
what was left.`,
		Example: "  teal lock release web production --force",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := g.deployerFor(nil, dry)
			if err != nil {
				return err
			}
			lock, err := d.ReleaseLock(cmd.Context(), args[0], args[1], force)
			if err != nil {
				return err
			}
			released := releasedLock{Lock: lock, Released: lock.Held && !dry, DryRun: dry}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), released)
			}
			released.print(cmd.OutOrStdout())
			return nil
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "even if the holder's session lives")
	dryRunFlag(cmd, &dry)
	cmd.Flags().BoolVar(&asJSON, "json", false, "write the lock as it was found as JSON")
	return cmd
}

// releasedLock is a lock as it was, and whether it was taken away.
type releasedLock struct {
	deployer.Lock
	Released bool `json:"released"`
	DryRun   bool `json:"dry_run,omitempty"`
}

// printLock says one fact a line.
func printLock(out io.Writer, l deployer.Lock, now time.Time) {
	if !l.Held {
		fmt.Fprintf(out, "nobody is deploying %s to %s: the lock is free\n", l.Service, l.Environment)
		return
	}
	fmt.Fprintf(out, "%s holds the lock of %s in %s, for %s\n", l.Holder, l.Service, l.Environment, forWhat(l))
	if !l.Since.IsZero() {
		fmt.Fprintf(out, "it was taken at %s, %s ago\n", l.Since.Local().Format(time.DateTime), now.Sub(l.Since).Round(time.Second))
	}
	if l.Alive {
		fmt.Fprintf(out, "the session of its holder lives; were the holder dead, the lock would go by itself within %s\n", catalog.SessionAfterlife)
		return
	}
	fmt.Fprintf(out, "no session holds it, so it keeps nobody out; `teal lock release %s %s` removes it\n", l.Service, l.Environment)
}

func (l releasedLock) print(out io.Writer) {
	switch {
	case !l.Held:
		fmt.Fprintf(out, "nobody is deploying %s to %s: the lock is free already\n", l.Service, l.Environment)
	case l.DryRun:
		fmt.Fprintf(out, "would take the lock of %s in %s from %s, who has it for %s\n", l.Service, l.Environment, l.Holder, forWhat(l.Lock))
	case !l.Alive:
		fmt.Fprintf(out, "removed the lock of %s in %s, which no session held\n", l.Service, l.Environment)
	default:
		fmt.Fprintf(out, "took the lock of %s in %s from %s, who had it for %s\n", l.Service, l.Environment, l.Holder, forWhat(l.Lock))
		fmt.Fprintln(out, "that run stops within seconds and cleans nothing up; the next deployment finishes or reverts it")
	}
}

// forWhat is the deployment that a lock is held for, and where it stands.
func forWhat(l deployer.Lock) string {
	switch {
	case l.Deployment == "":
		return "something unknown"
	case l.State == "":
		return l.Deployment
	}
	return fmt.Sprintf("deployment %s (%s)", l.Deployment, l.State)
}
