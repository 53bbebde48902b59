package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"teal/dev"
	"teal/dev/demo"
	"teal/dev/sample"
)

// worldFlags say where a world of one machine listens.
type worldFlags struct {
	proxy, admin, store string
}

func (f *worldFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.proxy, "listen", "127.0.0.1:8080", "where requests come in")
	cmd.Flags().StringVar(&f.admin, "admin", "127.0.0.1:8081", "where the catalogue page is")
	cmd.Flags().StringVar(&f.store, "store", "127.0.0.1:8500", "where the Consul-compatible API is")
}

// open makes the world. Where an address was not asked for and is taken, a free
// one will do.
func (f *worldFlags) open(cmd *cobra.Command, g *globals) (*dev.World, error) {
	log, err := g.logger(hclog.Warn)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program, to start it as the sample service: %w", err)
	}
	opt := dev.Options{
		Domain: "localhost", ProxyAddr: f.proxy, AdminAddr: f.admin, StoreAddr: f.store,
		Images: demo.Images(self), Version: version, Logger: log,
	}
	for flag, addr := range map[string]*string{"listen": &opt.ProxyAddr, "admin": &opt.AdminAddr, "store": &opt.StoreAddr} {
		if !cmd.Flags().Changed(flag) && !dev.Free(*addr) {
			*addr = "127.0.0.1:0"
		}
	}
	return dev.New(opt)
}

func demoCommand(g *globals) *cobra.Command {
	f, exit := &worldFlags{}, false
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Watch a blue/green deployment under load, with nothing but this program",
		Long: `Demo is the whole of Teal in one process, with local processes instead of
containers: it deploys a sample service, puts load on its stable URI, deploys
the next release, flips, rolls back, and stays up to be looked at.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			world, err := f.open(cmd, g)
			if err != nil {
				return err
			}
			return inWorld(cmd.Context(), world, func(ctx context.Context) error {
				return tell(ctx, world, cmd.OutOrStdout(), exit)
			})
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&exit, "exit", false, "end after the story, with an error if a request failed")
	return cmd
}

func devCommand(g *globals) *cobra.Command {
	f := &worldFlags{}
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run a store, a router and a registrator on this machine, to develop against",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			world, err := f.open(cmd, g)
			if err != nil {
				return err
			}
			return inWorld(cmd.Context(), world, func(ctx context.Context) error {
				signpost(cmd.OutOrStdout(), world)
				<-ctx.Done()
				return nil
			})
		},
	}
	f.add(cmd)
	return cmd
}

// inWorld runs a world while something goes on in it, and ends it after.
func inWorld(ctx context.Context, world *dev.World, do func(context.Context) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return world.Run(ctx) })
	g.Go(func() error {
		defer stop()
		return do(ctx)
	})
	return g.Wait()
}

func tell(ctx context.Context, world *dev.World, out io.Writer, exit bool) error {
	signpost(out, world)
	story := &demo.Story{World: world, Out: out, Now: time.Now}
	last, err := story.Tell(ctx)
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return nil
	}
	if err == nil && !exit {
		fmt.Fprintln(out, "\n"+last+"\n\nStill up. Look around, then end it with Ctrl-C:")
		signpost(out, world)
		fmt.Fprintf(out, "  flip by hand   curl -X PUT -d green-production http://%s/v1/kv/teal/aliases/web/production\n", world.StoreAddr())
		<-ctx.Done()
		return nil
	}
	fmt.Fprintln(out, "\n"+last)
	return err
}

func signpost(out io.Writer, world *dev.World) {
	fmt.Fprintf(out, "  catalogue page %s/\n", world.PageURL())
	fmt.Fprintf(out, "  the service    %s\n", world.ServiceURL("web"))
	fmt.Fprintf(out, "  Consul API     http://%s\n", world.StoreAddr())
}

func sampleCommand() *cobra.Command {
	var release string
	cmd := &cobra.Command{
		Use:    "sample",
		Short:  "The service that the demo deploys",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			port := os.Getenv("PORT")
			if port == "" {
				port = "8080"
			}
			return sample.Run(cmd.Context(), port, release)
		},
	}
	cmd.Flags().StringVar(&release, "release", "unreleased", "what to answer with")
	return cmd
}
