package main

import (
	"github.com/spf13/cobra"

	"teal/catalog"
	"teal/deployer"
)

func rollbackCommand(g *globals) *cobra.Command {
	var environment string
	var force bool
	cmd := &cobra.Command{
		Use:   "rollback SERVICE",
		Short: "Point an environment back at the standby colour",
		Long: `Rollback flips the environment's alias to the colour that was live before. It
needs nothing but Consul: no lock, no pull. A standby that was stopped is
started and checked first.`,
		Example: "  teal rollback web\n  teal rollback web --environment integration",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			out := newProgress(cmd.OutOrStdout())
			d, err := g.deployer(out.event)
			if err != nil {
				return err
			}
			done, err := d.Rollback(cmd.Context(), args[0], environment, force)
			if err != nil {
				return err
			}
			out.flipped(done)
			return nil
		},
	}
	cmd.Flags().StringVarP(&environment, "environment", "e", catalog.DefaultAlias, "what to roll back")
	cmd.Flags().BoolVar(&force, "force", false, "go back even after a task that can't be taken back")
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
	p.line("", "%s of %s points at %s%s, was %s", f.Alias, f.Service, f.To, release, orNothing(f.From))
}

func orNothing(v catalog.AliasValue) string {
	if v.IsZero() {
		return "nothing"
	}
	return v.String()
}
