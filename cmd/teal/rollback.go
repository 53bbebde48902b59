package main

import (
	"github.com/spf13/cobra"

	"teal/catalog"
	"teal/deployer"
)

func rollbackCommand(g *globals) *cobra.Command {
	var environment string
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
			done, err := d.Rollback(cmd.Context(), args[0], environment)
			if err != nil {
				return err
			}
			out.flipped(done)
			return nil
		},
	}
	cmd.Flags().StringVarP(&environment, "environment", "e", catalog.DefaultAlias, "what to roll back")
	return cmd
}

func flipCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "flip SERVICE ALIAS TARGET",
		Short: "Point an alias at a target, or at a split of two",
		Long: `Flip changes what an alias points at, after looking whether every target that
would get requests has a healthy instance. The same without the look is one PUT:

  curl -X PUT -d green-production $CONSUL_HTTP_ADDR/v1/kv/teal/aliases/web/production`,
		Example: "  teal flip web production green-production\n  teal flip web production green-production=10,blue-production=90",
		Args:    cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			value, err := catalog.ParseAliasValue(args[2])
			if err != nil {
				return usageError{err}
			}
			out := newProgress(cmd.OutOrStdout())
			d, err := g.deployer(out.event)
			if err != nil {
				return err
			}
			done, err := d.Flip(cmd.Context(), args[0], args[1], value)
			if err != nil {
				return err
			}
			out.flipped(done)
			return nil
		},
	}
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
