package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"teal/catalog"
	"teal/deployer"
	"teal/fleet"
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

func flipCommand(g *globals) *cobra.Command {
	var wait string
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "flip SERVICE ALIAS TARGET",
		Short: "Point an alias at a target, or at a split of two",
		Long: `Flip changes what an alias points at, after looking whether every target that
would get requests has a healthy instance, and waits until every router has
applied it. With --wait drained it also waits for the last request at the targets
that lost the alias, and fails when some are left after --timeout; the flip stays.
The same without looking and waiting is one PUT:

  curl -X PUT -d green-production $CONSUL_HTTP_ADDR/v1/kv/teal/aliases/web/production`,
		Example: "  teal flip web production green-production\n  teal flip web production green-production=10,blue-production=90\n  teal flip web production green-production --wait drained --timeout 1m",
		Args:    cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			value, err := catalog.ParseAliasValue(args[2])
			if err != nil {
				return usageError{err}
			}
			if wait != waitApplied && wait != waitDrained {
				return usageError{fmt.Errorf("unknown --wait %q; it is %s or %s", wait, waitApplied, waitDrained)}
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
			if wait != waitDrained {
				return nil
			}
			if left := d.Drain(cmd.Context(), done, timeout); len(left) > 0 {
				return fmt.Errorf("%s of %s points at %s now, but %s", done.Alias, done.Service, done.To, strings.Join(left, "; "))
			}
			out.line("", "no request is left at what %s pointed at before", done.Alias)
			return nil
		},
	}
	cmd.Flags().StringVar(&wait, "wait", waitApplied, "what to wait for: applied or drained")
	cmd.Flags().DurationVar(&timeout, "timeout", 30*time.Second, "how long to wait for the last request, with --wait drained")
	return cmd
}

// What `teal flip` waits for.
const (
	waitApplied = string(fleet.Applied)
	waitDrained = string(fleet.Drained)
)

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
