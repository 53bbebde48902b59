package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"teal/catalog"
	"teal/consul"
	"teal/dev"
	"teal/router"
)

// haltTimeout is how long a command waits for the fleet unless told otherwise.
const haltTimeout = 30 * time.Second

// haltFlags are the flags of every command that halts an alias.
type haltFlags struct {
	haltOutput
	wait    bool
	timeout time.Duration
}

// haltOutput is how a command that halts or resumes an alias shows what it did, or
// would do.
type haltOutput struct{ asJSON, dry bool }

func (o *haltOutput) add(cmd *cobra.Command) {
	dryRunFlag(cmd, &o.dry)
	cmd.Flags().BoolVar(&o.asJSON, "json", false, "write it as JSON")
}

// haltDone is what was done to an alias.
type haltDone struct {
	Service string `json:"service"`
	Alias   string `json:"alias"`
	// Halt is how the alias is halted then; empty when requests go on.
	Halt catalog.HaltKind `json:"halt"`
	// Changed tells that it was not so before.
	Changed bool `json:"changed"`
	// Quiet tells that no router has a request of it under way.
	Quiet  bool `json:"quiet"`
	DryRun bool `json:"dry_run,omitempty"`
}

// say writes the outcome as JSON; in words the lines were written before.
func (o haltOutput) say(cmd *cobra.Command, done haltDone) error {
	if !o.asJSON {
		return nil
	}
	done.DryRun = o.dry
	return writeJSON(cmd.OutOrStdout(), done)
}

// progress are the lines in words; with --json nobody reads them.
func (o haltOutput) progress(cmd *cobra.Command) *progress {
	if o.asJSON {
		return newProgress(io.Discard)
	}
	return newProgress(cmd.OutOrStdout())
}

func (f *haltFlags) add(cmd *cobra.Command) {
	f.haltOutput.add(cmd)
	cmd.Flags().BoolVar(&f.wait, "wait", true, "wait until every router keeps new requests away and none is under way")
	cmd.Flags().DurationVar(&f.timeout, "timeout", haltTimeout, "how long to wait for that")
}

func pauseCommand(g *globals) *cobra.Command {
	f, h := &haltFlags{}, catalog.Halt{Kind: catalog.HaltPause}
	var maxWait time.Duration
	cmd := &cobra.Command{
		Use:   "pause SERVICE ALIAS",
		Short: "Hold the requests of an alias until it is resumed",
		Long: `Pause has every router hold the requests of an alias in a queue, and returns
when none is under way at an instance any more: what the instances share, such as
a database, may then be changed. Requests go on, in their order, with teal resume.
One that has waited for --max-wait, or finds --max-queue waiting, gets a 503.

It ends with 1 and says who is behind if requests are under way after --timeout.
The alias stays paused then. Long streams, such as WebSockets, are requests too.`,
		Example: "  teal pause web production && migrate-database; teal resume web production",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case maxWait < time.Millisecond || maxWait > catalog.MaxTrafficTime:
				return usageError{fmt.Errorf("--max-wait %s is not from 1ms to %s", maxWait, catalog.MaxTrafficTime)}
			case h.MaxQueue < 1:
				return usageError{fmt.Errorf("--max-queue %d is less than one request; use teal maintenance to hold nobody", h.MaxQueue)}
			}
			h.MaxWaitMS = maxWait.Milliseconds()
			return g.halt(cmd, args[0], args[1], h, f)
		},
	}
	cmd.Flags().DurationVar(&maxWait, "max-wait", router.DefaultPauseWait, "how long a request is held at most")
	cmd.Flags().IntVar(&h.MaxQueue, "max-queue", router.DefaultPauseQueue, "how many requests each router holds at most")
	f.add(cmd)
	return cmd
}

func maintenanceCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "maintenance",
		Short: "Answer the requests of an alias with 503 and the service's own page",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	f := &haltFlags{}
	on := &cobra.Command{
		Use:   "on SERVICE ALIAS",
		Short: "Begin it",
		Long: `On has every router answer the requests of an alias with 503, and with the page
that the service's file sets as maintenance_page. It returns when no request is
under way at an instance any more.`,
		Example: "  teal maintenance on web production",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return g.halt(cmd, args[0], args[1], catalog.Halt{Kind: catalog.HaltMaintenance}, f)
		},
	}
	f.add(on)
	o := haltOutput{}
	off := &cobra.Command{
		Use:     "off SERVICE ALIAS",
		Short:   "End it",
		Example: "  teal maintenance off web production",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return g.resume(cmd, args[0], args[1], catalog.HaltMaintenance, o)
		},
	}
	o.add(off)
	cmd.AddCommand(on, off)
	return cmd
}

// quietStore is the store of a command that says itself what goes wrong.
func (g *globals) quietStore() (*consul.Store, error) {
	log, err := g.logger(hclog.Off)
	if err != nil {
		return nil, err
	}
	return g.store(log)
}

// halt halts an alias and waits for the fleet.
func (g *globals) halt(cmd *cobra.Command, service, alias string, h catalog.Halt, f *haltFlags) error {
	if f.timeout <= 0 {
		return usageError{fmt.Errorf("--timeout %s is no time to wait; leave it out, or set --wait=false", f.timeout)}
	}
	store, err := g.quietStore()
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	now, err := halted(ctx, store, service, alias)
	if err != nil {
		return err
	}
	out, done := f.progress(cmd), haltDone{Service: service, Alias: alias, Halt: h.Kind, Changed: now != h.Kind}
	if f.dry {
		out.line("", "%s of %s would be %s, %s", alias, service, haltWords(h.Kind), isNow(now))
		return f.say(cmd, done)
	}
	h.By, h.At = dev.By(), time.Now().UTC()
	if err := store.Halt(ctx, service, alias, h); err != nil {
		return err
	}
	out.line("", "%s of %s is %s", alias, service, haltWords(h.Kind))
	if f.wait {
		err = f.await(ctx, out, store, service, alias, h.Kind)
		done.Quiet = err == nil
	}
	return errors.Join(f.say(cmd, done), err)
}

// await waits until every living router has halted the alias.
func (f *haltFlags) await(ctx context.Context, out *progress, store *consul.Store, service, alias string, kind catalog.HaltKind) error {
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	fleet := router.Fleet{Living: store.Routers, Alias: router.AliasOf}
	if err := fleet.AwaitHalted(ctx, service, alias, kind); err != nil {
		return fmt.Errorf("%s of %s stays %s, but requests may still be under way: %w. Wait with the same command again, or end it with `%s`",
			alias, service, haltWords(kind), err, ender(kind, service, alias))
	}
	out.line("", "no request is under way; `%s` ends it", ender(kind, service, alias))
	return nil
}

// resume ends a halt of one kind.
func (g *globals) resume(cmd *cobra.Command, service, alias string, kind catalog.HaltKind, o haltOutput) error {
	store, err := g.quietStore()
	if err != nil {
		return err
	}
	now, err := halted(cmd.Context(), store, service, alias)
	if err != nil {
		return err
	}
	if now != "" && now != kind {
		return fmt.Errorf("%s of %s is %s; `%s` ends it", alias, service, haltWords(now), ender(now, service, alias))
	}
	out, done := o.progress(cmd), haltDone{Service: service, Alias: alias, Changed: now != ""}
	if !o.dry {
		if done.Changed, err = store.Resume(cmd.Context(), service, alias); err != nil {
			return err
		}
	}
	switch {
	case !done.Changed:
		out.line("", "%s of %s is not %s", alias, service, haltWords(kind))
	case o.dry:
		out.line("", "%s of %s would go on", alias, service)
	default:
		out.line("", "%s of %s goes on", alias, service)
	}
	return o.say(cmd, done)
}

// halted tells how an alias is halted now, empty for not at all. It is an error
// where there is no such alias.
func halted(ctx context.Context, store *consul.Store, service, alias string) (catalog.HaltKind, error) {
	s, err := store.Service(ctx, service)
	if err != nil {
		return "", err
	}
	if h, ok := s.Halts[alias]; ok {
		return h.Kind, nil
	}
	if s.Unknown() {
		return "", fmt.Errorf("there is no service %q; the catalogue page shows those there are", service)
	}
	if _, ok := s.Resolve(alias); ok {
		return "", nil
	}
	names := slices.Sorted(maps.Keys(s.Aliases))
	if len(names) == 0 {
		return "", errors.New("service " + service + " has no aliases yet; deploy it first")
	}
	return "", fmt.Errorf("service %s has no alias %q; it has %s", service, alias, strings.Join(names, ", "))
}

// isNow says how an alias is halted now.
func isNow(kind catalog.HaltKind) string {
	if kind == "" {
		return "takes requests now"
	}
	return "is " + haltWords(kind) + " now"
}

func haltWords(kind catalog.HaltKind) string {
	if kind == catalog.HaltMaintenance {
		return "under maintenance"
	}
	return "paused"
}

// ender is the command that ends a halt.
func ender(kind catalog.HaltKind, service, alias string) string {
	if kind == catalog.HaltMaintenance {
		return fmt.Sprintf("teal maintenance off %s %s", service, alias)
	}
	return fmt.Sprintf("teal resume %s %s", service, alias)
}
