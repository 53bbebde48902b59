package main

import (
	"cmp"
	"context"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"teal/consul"
	"teal/docker"
	"teal/registrator"
)

// registratorFlags are the flags of `teal registrator`.
type registratorFlags struct {
	docker, owner, ip  string
	internal, explicit bool
	interval           time.Duration
}

func registratorCommand(g *globals) *cobra.Command {
	f := &registratorFlags{}
	cmd := &cobra.Command{
		Use:   "registrator",
		Short: "Record this host's containers with its Consul agent",
		Long: `Registrator keeps the registrations of the local Consul agent like the
containers of the local Docker engine. What others have registered it leaves
alone. It may end and start again at any time: what is registered stays.`,
		Example: "  teal registrator\n  teal registrator --ip 10.0.0.5 --explicit",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := g.logger(hclog.Info)
			if err != nil {
				return err
			}
			store, err := g.store(log)
			if err != nil {
				return err
			}
			return f.run(cmd.Context(), store, log)
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&f.docker, "docker", "", "the Docker engine (default DOCKER_HOST, else unix:///var/run/docker.sock)")
	fs.StringVar(&f.owner, "owner", "", "stable id of this registrator (default the Consul agent's node name)")
	fs.StringVar(&f.ip, "ip", "", "address of published ports (default what the Consul agent advertises)")
	fs.BoolVar(&f.internal, "internal", false, "register the containers' own addresses and ports")
	fs.BoolVar(&f.explicit, "explicit", false, "register only containers with a SERVICE_NAME")
	fs.DurationVar(&f.interval, "interval", registrator.DefaultInterval, "between two looks when nothing is heard")
	return cmd
}

func (f *registratorFlags) run(ctx context.Context, store *consul.Store, log hclog.Logger) error {
	engine, err := docker.New(f.docker)
	if err != nil {
		return err
	}
	owner, ip, err := f.identity(ctx, store)
	if err != nil {
		return err
	}
	agent, err := registrator.New(registrator.Config{
		Options: registrator.Options{Owner: owner, Address: ip, Internal: f.internal, Explicit: f.explicit},
		Runtime: engine, Registry: store, Interval: f.interval, Logger: log.Named("registrator"),
	})
	if err != nil {
		return err
	}
	log.Info("the registrator runs", "owner", owner, "address", ip, "docker", engine.Name())
	return agent.Run(ctx)
}

// identity is who this registrator is, as the flags or the agent say.
func (f *registratorFlags) identity(ctx context.Context, store *consul.Store) (owner, ip string, err error) {
	if f.owner != "" && f.ip != "" {
		return f.owner, f.ip, nil
	}
	node, address, err := store.Self(ctx)
	return cmp.Or(f.owner, node), cmp.Or(f.ip, address), err
}
