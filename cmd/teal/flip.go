package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"teal/catalog"
	"teal/deployer"
	"teal/fleet"
)

// What `teal flip` waits for.
const (
	waitApplied = string(fleet.Applied)
	waitDrained = string(fleet.Drained)
)

func flipCommand(g *globals) *cobra.Command {
	f := &flipping{globals: g}
	cmd := &cobra.Command{
		Use:   "flip SERVICE ALIAS TARGET...",
		Short: "Point an alias at a target, or at a split of two",
		Long: `Flip changes what an alias points at, after looking whether every target that
would get requests has a healthy instance, and waits until every router has
applied it. With --wait drained it also waits for the last request at the targets
that lost the alias, and fails when some are left after --timeout; the flip stays.
Further services, aliases and targets move in the same transaction: all or none.
The same without looking and waiting is one PUT:

  curl -X PUT -d green-production $CONSUL_HTTP_ADDR/v1/kv/teal/aliases/web/production`,
		Example: "  teal flip web production green-production\n  teal flip web production green-production=10,blue-production=90\n  teal flip web production green-production --wait drained --timeout 1m\n  teal flip web production green-production cart production blue-production",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 || len(args)%3 != 0 {
				return errors.New("name a service, an alias and a target, once or several times")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) },
	}
	cmd.Flags().StringVar(&f.wait, "wait", waitApplied, "what to wait for: applied or drained")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 30*time.Second, "how long to wait for the last request, with --wait drained")
	dryRunFlag(cmd, &f.dry)
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "write it as JSON")
	return cmd
}

// flipping is one run of the command.
type flipping struct {
	*globals
	wait    string
	timeout time.Duration
	asJSON  bool
	dry     bool
}

func (f *flipping) run(cmd *cobra.Command, args []string) error {
	wishes, err := wishesOf(args)
	if err != nil {
		return usageError{err}
	}
	if f.wait != waitApplied && f.wait != waitDrained {
		return usageError{fmt.Errorf("unknown --wait %q; it is %s or %s", f.wait, waitApplied, waitDrained)}
	}
	d, err := f.deployerFor(nil, f.dry)
	if err != nil {
		return err
	}
	done, err := d.FlipTogether(cmd.Context(), wishes)
	if err != nil {
		return err
	}
	left := f.drain(cmd.Context(), d, done)
	if f.asJSON {
		return errors.Join(writeJSON(cmd.OutOrStdout(), done), left)
	}
	out := newProgress(cmd.OutOrStdout())
	for _, one := range done {
		out.flipped(one)
	}
	if left == nil && f.wait == waitDrained && !f.dry {
		out.line("", "no request is left at what was pointed at before")
	}
	return left
}

// wishesOf reads services, aliases and targets.
func wishesOf(args []string) ([]deployer.Wish, error) {
	var wishes []deployer.Wish
	for n := 0; n < len(args); n += 3 {
		value, err := catalog.ParseAliasValue(args[n+2])
		if err != nil {
			return nil, err
		}
		wishes = append(wishes, deployer.Wish{Service: args[n], Alias: args[n+1], To: value})
	}
	return wishes, nil
}

// drain waits for the last requests where that is asked for. It is what was waited
// for in vain.
func (f *flipping) drain(ctx context.Context, d *deployer.Deployer, done []deployer.Flipped) error {
	if f.wait != waitDrained || f.dry {
		return nil
	}
	var errs []error
	for _, one := range done {
		if left := d.Drain(ctx, one, f.timeout); len(left) > 0 {
			errs = append(errs, fmt.Errorf("%s of %s points at %s now, but %s", one.Alias, one.Service, one.To, strings.Join(left, "; ")))
		}
	}
	return errors.Join(errs...)
}
