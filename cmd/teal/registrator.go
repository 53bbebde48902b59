package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"teal/consul"
	"teal/docker"
	"teal/registrator"
)

// registratorAddress is where a registrator answers unless told otherwise.
const registratorAddress = "127.0.0.1:8082"

// The values of --on-exit.
const (
	onExitKeep       = "keep"
	onExitDeregister = "deregister"
)

// registratorFlags are the flags of `teal registrator`.
type registratorFlags struct {
	docker, owner             string
	ip, ipFrom                string
	internal, explicit, adopt bool
	tags                      []string
	interval, readyAge        time.Duration
	listen, onExit            string
	dryRun                    bool
	dockerAdvertise           string
	dockerRoot                string
	hostLabels                map[string]string
}

func registratorCommand(g *globals) *cobra.Command {
	f := &registratorFlags{}
	cmd := &cobra.Command{
		Use:   "registrator",
		Short: "Record this host's containers with its Consul agent",
		Long: `Registrator keeps the registrations of the local Consul agent like the
containers of the local Docker engine. What others have registered it leaves
alone. It may end and start again at any time: what is registered stays, unless
--on-exit says otherwise. It waits for a Consul or a Docker that does not answer.

Its --listen address answers /healthz, /readyz, /metrics and /v1/problems.`,
		Example: "  teal registrator\n  teal registrator --ip 10.0.0.5 --explicit\n  teal registrator --dry-run",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			log, err := g.logger(hclog.Info)
			if err != nil {
				return err
			}
			store, err := g.store(log)
			if err != nil {
				return err
			}
			if f.dryRun {
				return f.preview(cmd.Context(), store, cmd.OutOrStdout())
			}
			return f.run(cmd.Context(), store, log)
		},
	}
	f.define(cmd)
	cmd.AddCommand(problemsCommand())
	return cmd
}

func (f *registratorFlags) define(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.docker, "docker", "", "the Docker engine (default DOCKER_HOST, else unix:///var/run/docker.sock)")
	fs.StringVar(&f.owner, "owner", "", "stable id of this registrator (default the Consul agent's node name)")
	fs.StringVar(&f.ip, "ip", "", "address of published ports (default what the Consul agent advertises)")
	fs.StringVar(&f.ipFrom, "ip-from", "", "network interface or network to take that address from: eth0, 10.0.0.0/8")
	fs.BoolVar(&f.internal, "internal", false, "register the containers' own addresses and ports")
	fs.BoolVar(&f.explicit, "explicit", false, "register only containers with a SERVICE_NAME")
	fs.BoolVar(&f.adopt, "adopt", false, "take over the entries of the classic registrator for the same containers")
	fs.StringSliceVar(&f.tags, "tags", nil, "tags added to those of every service")
	fs.DurationVar(&f.interval, "interval", registrator.DefaultInterval, "between two looks when nothing is heard")
	fs.StringVar(&f.listen, "listen", registratorAddress, "where health, metrics and problems are asked; empty for nowhere")
	fs.DurationVar(&f.readyAge, "ready-age", 0, "age of the last good look up to which /readyz says ready (default three intervals)")
	fs.BoolVar(&f.dryRun, "dry-run", false, "show what would be written, and end")
	fs.StringVar(&f.onExit, "on-exit", onExitKeep, "what becomes of the registrations on SIGTERM or SIGINT: keep or deregister")
	fs.StringVar(&f.dockerAdvertise, "docker-advertise", "", "how deployers reach this host's Docker engine (default --docker)")
	fs.StringVar(&f.dockerRoot, "docker-root", "", "where this process sees the engine's data, to tell how much disk is free (default the engine's own path, if it is local)")
	fs.StringToStringVar(&f.hostLabels, "host-label", nil, "label of this host's record, as name=value; may be given often")
}

func (f *registratorFlags) check() error {
	if f.onExit != onExitKeep && f.onExit != onExitDeregister {
		return usageError{fmt.Errorf("unknown --on-exit %q; it is %s or %s", f.onExit, onExitKeep, onExitDeregister)}
	}
	if f.ip != "" && f.ipFrom != "" {
		return usageError{fmt.Errorf("--ip and --ip-from both name the address of published ports; keep one")}
	}
	if f.dockerRoot != "" {
		if _, err := registrator.DiskFree(f.dockerRoot); err != nil {
			return usageError{fmt.Errorf("--docker-root: %w; mount the engine's data folder there, or leave it out", err)}
		}
	}
	return nil
}

// diskFree tells how much is free at the engine's root; nil when that is out of
// sight.
func (f *registratorFlags) diskFree(endpoint string) func(root string) (int64, error) {
	switch {
	case f.dockerRoot != "":
		return func(string) (int64, error) { return registrator.DiskFree(f.dockerRoot) }
	case strings.HasPrefix(endpoint, "unix://"):
		return registrator.DiskFree
	}
	return nil // the path of another machine
}

// agent is the registrator of the host that its Consul agent calls node and
// advertises at address.
func (f *registratorFlags) agent(engine *docker.Engine, store *consul.Store, node, address string, log hclog.Logger) (*registrator.Agent, error) {
	ip, err := f.address(address)
	if err != nil {
		return nil, err
	}
	advertised, err := netip.ParseAddr(address)
	return registrator.New(registrator.Config{
		Options: registrator.Options{
			Owner: cmp.Or(f.owner, node), Address: ip, AgentOnLoopback: err == nil && advertised.IsLoopback(),
			Internal: f.internal, Explicit: f.explicit, Tags: f.tags, Adopt: f.adopt,
		},
		Runtime: engine, Signals: engine, Registry: store, Drains: store.DrainsOf(node),
		Interval: f.interval, ReadyAge: f.readyAge, Version: version, Logger: log,
	})
}

// address is where other hosts reach the published ports.
func (f *registratorFlags) address(advertised string) (string, error) {
	if f.ipFrom == "" {
		return cmp.Or(f.ip, advertised), nil
	}
	all, err := registrator.InterfaceAddresses()
	if err != nil {
		return "", err
	}
	ip, err := registrator.ChooseAddress(all, f.ipFrom)
	if err != nil {
		return "", fmt.Errorf("--ip-from: %w", err)
	}
	return ip, nil
}

// preview prints what a registrator would write now. It waits for nobody.
func (f *registratorFlags) preview(ctx context.Context, store *consul.Store, out io.Writer) error {
	engine, err := docker.New(f.docker)
	if err != nil {
		return err
	}
	defer engine.Close()
	node, address, err := store.Self(ctx)
	if err != nil {
		return err
	}
	agent, err := f.agent(engine, store, node, address, nil)
	if err != nil {
		return err
	}
	plan, err := agent.Preview(ctx)
	if err != nil {
		return err
	}
	for _, line := range plan.Lines() {
		fmt.Fprintln(out, line)
	}
	return nil
}
