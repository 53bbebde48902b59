package main

import (
	"strings"

	"github.com/spf13/cobra"

	"teal/catalog"
	"teal/deployer"
)

func rollbackCommand(g *globals) *cobra.Command {
	var req deployer.RollbackRequest
	var asJSON, dry bool
	cmd := &cobra.Command{
		Use:   "rollback SERVICE [RELEASE]",
		Short: "Go back to the standby colour, or to an earlier release that is kept",
		Long: `Rollback flips the environment's alias to the colour that was live before. It
needs nothing but Consul: no lock, no pull. A standby that was stopped is
started and checked first.

With a RELEASE it goes back to that one: to the standby as before, or to one that
the hosts keep stopped, which "teal status" lists. That one is made again in the
offline colour from what it was made from, checked and flipped to, as a deployment
is; the command ends with 6 when somebody else is deploying.

It ends with 0 when the release is live, and with 5 when it could not go back.`,
		Example: "  teal rollback web\n  teal rollback web --environment integration\n  teal rollback web 1.4.0",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			out := newProgress(cmd.OutOrStdout())
			if asJSON {
				out = newProgress(cmd.ErrOrStderr())
			}
			d, err := g.deployerFor(out.event, dry)
			if err != nil {
				return err
			}
			req.Service, req.Release = args[0], strings.Join(args[1:], "")
			done, err := d.RollbackTo(cmd.Context(), req)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), done)
			}
			out.flipped(done)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVarP(&req.Environment, "environment", "e", catalog.DefaultAlias, "what to roll back")
	f.BoolVar(&req.Force, "force", false, "go back even after a task that can't be taken back")
	f.DurationVar(&req.WaitLock, "wait", 0, "with a RELEASE: how long to wait for a deployment that is under way")
	dryRunFlag(cmd, &dry)
	f.BoolVar(&asJSON, "json", false, "write what was done as JSON, and progress to standard error")
	return cmd
}

// flipped says what a flip did, and what it could not make sure of.
func (p *progress) flipped(f deployer.Flipped) {
	for _, note := range f.Notes {
		p.line("note", "%s", note)
	}
	release := ""
	if f.Release != "" {
		release = " (release " + f.Release + ")"
	}
	switch {
	case f.DryRun && f.Index != 0:
		return // the note says it
	case f.DryRun:
		p.line("", "%s of %s would point at %s%s, points at %s", f.Alias, f.Service, f.To, release, orNothing(f.From))
	default:
		p.line("", "%s of %s points at %s%s, was %s", f.Alias, f.Service, f.To, release, orNothing(f.From))
	}
}

// dryRunFlag declares the flag of a command that people act by.
func dryRunFlag(cmd *cobra.Command, dry *bool) {
	cmd.Flags().BoolVar(dry, "dry-run", false, "look at everything, say what would be done, and do nothing")
}

func orNothing(v catalog.AliasValue) string {
	if v.IsZero() {
		return "nothing"
	}
	return v.String()
}
