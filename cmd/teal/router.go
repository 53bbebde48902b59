package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"teal/consul"
	"teal/router"
)

// routerFlags are the flags of `teal router`.
type routerFlags struct {
	domain, id          string
	advertise, adminURL string
	hold, shutdownDelay time.Duration
	watchBudget         int
	networks            networkFlags
	doors               doorFlags
	tcp                 tcpFlags
	state               stateFlags
	seeing              seeingFlags
}

func routerCommand(g *globals) *cobra.Command {
	f := &routerFlags{}
	cmd := &cobra.Command{
		Use:   "router",
		Short: "Route requests to the colour each alias points at",
		Long: `Router answers requests to the stable URIs of all services, rebuilding its
routes as the catalogue and the aliases in Consul change. Run as many as you
like; all are alike. The admin address serves the catalogue page, the admin API
and the metrics, and must be reachable for the deployers, which ask there
whether the old colour has drained. It waits for a Consul that does not answer,
or begins with the routes in --state-file.

Told to end, it answers 503 to /readyz, takes requests for another
--shutdown-delay, finishes those under way, and then leaves the fleet. With
--handover, one that is started beside it takes its sockets over, and it ends
by itself without losing a connection.`,
		Example: `  teal router --domain proxy.example --listen :80
  teal router --listen :80 --tls-listen :443 --tls-folder /etc/teal/tls
  teal router --preview none --flip-from 127.0.0.0/8,10.1.0.0/16
  teal router --handover /run/teal/router.sock --state-file /var/lib/teal/router.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := g.logger(hclog.Info)
			if err != nil {
				return err
			}
			store, err := f.store(g, log)
			if err != nil {
				return err
			}
			return f.run(cmd.Context(), store, cmd.OutOrStdout(), log)
		},
	}
	fs := cmd.Flags()
	f.doors.flags(fs)
	fs.StringVar(&f.domain, "domain", "localhost", "stable URIs are names below it: web.<domain>")
	fs.StringVar(&f.id, "id", "", "of this router in the fleet (default host name and port); with --handover the beginning of it")
	fs.StringVar(&f.advertise, "advertise", "", "address others reach this router at (default what the Consul agent advertises)")
	fs.StringVar(&f.adminURL, "admin-url", "", "base URL others reach the admin API at (default the advertised address)")
	f.networks.flags(fs)
	f.tcp.flags(fs)
	fs.DurationVar(&f.hold, "hold", router.DefaultHold, "how long a last good view is kept when all instances vanish at once")
	fs.IntVar(&f.watchBudget, "watch-budget", consul.DefaultWatchBudget, "up to how many services each get a query of their own to Consul; above it, feeds tell which ones to read")
	fs.DurationVar(&f.shutdownDelay, "shutdown-delay", router.DefaultShutdownDelay, "how long requests are still taken when told to end, for load balancers to notice")
	f.state.flags(fs)
	f.seeing.flags(fs)
	return cmd
}

// store is the router's Consul.
func (f *routerFlags) store(g *globals, log hclog.Logger) (*consul.Store, error) {
	switch b := f.watchBudget; {
	case b < 0 || b > consul.DefaultWatchBudget:
		return nil, usageError{fmt.Errorf("--watch-budget %d is not from 0 to %d: each takes a connection to the agent, which has few", b, consul.DefaultWatchBudget)}
	case b == 0:
		return g.watchingStore(log, -1)
	default:
		return g.watchingStore(log, b)
	}
}

// run wires a router and runs it to its end.
func (f *routerFlags) run(ctx context.Context, store *consul.Store, stdout io.Writer, log hclog.Logger) (err error) {
	if err := f.check(); err != nil {
		return err
	}
	opt := router.Options{
		Domain: f.domain, Version: version, Hold: f.hold, Logger: log.Named("router"), Registry: prometheus.NewRegistry(),
	}
	if err := f.networks.fill(&opt); err != nil {
		return err
	}
	if err := f.tcp.fill(&opt); err != nil {
		return err
	}
	d, err := f.doors.open(ctx, log)
	if err != nil {
		return err
	}
	defer d.close()
	opt.ListenTCP = d.listeners.Port
	address, silent, err := f.address(ctx, store, log)
	if err != nil {
		if ctx.Err() != nil {
			return nil // told to end while it waited for Consul
		}
		return err
	}
	f.name(&opt, d, address)
	opt.Silent = silent
	announcer := store.Announcer()
	opt.Source, opt.Flipper, opt.Announcer, opt.Roster = store, store, announcer, store
	opt.Records = store.Recorded()
	file, err := f.state.fill(&opt, silent, log)
	if err != nil {
		return err
	}
	endSeeing, err := f.seeing.open(ctx, &opt, stdout)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, endSeeing()) }()
	opt.Registry.MustRegister(newWatchMetrics(store.WatchStats))
	r, err := router.New(opt)
	if err != nil {
		return err
	}
	log.Info("the router runs", "id", opt.ID, "requests", opt.ProxyAddr, "page", f.page(d, address), "domain", f.domain)
	life := &router.Lifecycle{
		Router: r, Proxy: d.proxy, HTTPS: d.https, Admin: d.admin, Succession: d.succession,
		ShutdownDelay: f.shutdownDelay, Logger: log,
		Beside: func(ctx context.Context) error {
			group, ctx := errgroup.WithContext(ctx)
			group.Go(func() error { return announcer.Run(ctx) })
			if file != nil {
				group.Go(func() error { return file.Run(ctx) })
			}
			return group.Wait()
		},
	}
	return life.Run(ctx)
}

// address is what others reach this router at. silent tells that Consul did not
// say, so that the address is the last one it said.
func (f *routerFlags) address(ctx context.Context, store *consul.Store, log hclog.Logger) (address string, silent bool, err error) {
	if f.advertise != "" {
		return f.advertise, false, nil
	}
	remembered := f.state.rememberedAddress()
	asking, done := ctx, context.CancelFunc(func() {})
	if remembered != "" {
		asking, done = context.WithTimeout(ctx, f.state.wait)
	}
	defer done()
	_, address, err = store.AwaitSelf(asking, func(error) {})
	switch {
	case err == nil:
		f.state.rememberAddress(address, log)
		return address, false, nil
	case ctx.Err() == nil && remembered != "":
		log.Warn("Consul does not answer; advertising the address that its agent told the last time", "address", remembered)
		return remembered, true, nil
	}
	return "", true, fmt.Errorf("find out the address to advertise: %w; or set --advertise", err)
}

// name says who this router is to others. A process that takes over runs beside
// the one before, so that each needs an id, and an admin URL that no other
// process answers to, of its own.
func (f *routerFlags) name(opt *router.Options, d *doors, address string) {
	_, port, _ := net.SplitHostPort(d.proxy.Addr().String())
	opt.ID = cmp.Or(f.id, hostName()+"-"+port)
	opt.ProxyAddr = net.JoinHostPort(address, port)
	opt.AdminURL = f.page(d, address)
	if d.succession != nil {
		opt.ID += "-" + strings.ToLower(rand.Text()[:6])
		opt.AdminURL = router.AddressedTo(opt.AdminURL, opt.ID)
	}
}

// page is where people find the admin API.
func (f *routerFlags) page(d *doors, address string) string {
	_, port, _ := net.SplitHostPort(d.admin.Addr().String())
	return cmp.Or(f.adminURL, "http://"+net.JoinHostPort(address, port))
}

func hostName() string {
	name, err := os.Hostname()
	if err != nil {
		return "router"
	}
	return name
}
