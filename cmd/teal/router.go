package main

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"teal/consul"
	"teal/router"
)

// routerFlags are the flags of `teal router`.
type routerFlags struct {
	listen, admin, domain, id string
	advertise, adminURL       string
	preview, flipFrom         []string
	trusted                   []string
	hold, shutdownDelay       time.Duration
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
whether the old colour has drained. It waits for a Consul that does not answer.

Told to end, it answers 503 to /readyz, takes requests for another
--shutdown-delay, finishes those under way, and then leaves the fleet.`,
		Example: "  teal router --domain proxy.example --listen :80\n  teal router --preview none --flip-from 127.0.0.0/8,10.1.0.0/16",
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
	fs.StringVar(&f.listen, "listen", ":8080", "where requests come in")
	fs.StringVar(&f.admin, "admin", ":8081", "where the page, the admin API and the metrics are")
	fs.StringVar(&f.domain, "domain", "localhost", "stable URIs are names below it: web.<domain>")
	fs.StringVar(&f.id, "id", "", "of this router in the fleet (default host name and port)")
	fs.StringVar(&f.advertise, "advertise", "", "address others reach this router at (default what the Consul agent advertises)")
	fs.StringVar(&f.adminURL, "admin-url", "", "base URL others reach the admin API at (default the advertised address)")
	fs.StringSliceVar(&f.preview, "preview", nil, "networks that may see targets no alias points at, or none (default loopback and private)")
	fs.StringSliceVar(&f.flipFrom, "flip-from", nil, "networks that may flip through the admin API, or none (default loopback)")
	fs.StringSliceVar(&f.trusted, "trusted-proxies", nil, "networks whose X-Forwarded-* headers are believed (default none)")
	fs.DurationVar(&f.hold, "hold", router.DefaultHold, "how long a last good view is kept when all instances vanish at once")
	fs.DurationVar(&f.shutdownDelay, "shutdown-delay", router.DefaultShutdownDelay, "how long requests are still taken when told to end, for load balancers to notice")
	return cmd
}

func (f *routerFlags) run(ctx context.Context, store *consul.Store, log hclog.Logger) error {
	proxy, err := net.Listen("tcp", f.listen)
	if err != nil {
		return fmt.Errorf("listen for requests on %s: %w; choose another address with --listen", f.listen, err)
	}
	defer proxy.Close()
	admin, err := net.Listen("tcp", f.admin)
	if err != nil {
		return fmt.Errorf("listen for the admin API on %s: %w; choose another address with --admin", f.admin, err)
	}
	defer admin.Close()
	opt, err := f.options(ctx, store, proxy, admin)
	if err != nil {
		if ctx.Err() != nil {
			return nil // told to end while it waited for Consul
		}
		return err
	}
	announcer := store.Announcer()
	opt.Source, opt.Flipper, opt.Announcer, opt.Logger = store, store, announcer, log.Named("router")
	r, err := router.New(opt)
	if err != nil {
		return err
	}
	log.Info("the router runs", "id", opt.ID, "requests", opt.ProxyAddr, "page", opt.AdminURL, "domain", f.domain)
	life := &router.Lifecycle{
		Router: r, Proxy: proxy, Admin: admin, Beside: announcer.Run, ShutdownDelay: f.shutdownDelay, Logger: log,
	}
	return life.Run(ctx)
}

func (f *routerFlags) options(ctx context.Context, store *consul.Store, proxy, admin net.Listener) (router.Options, error) {
	preview, err := networks("preview", f.preview)
	if err != nil {
		return router.Options{}, err
	}
	flipFrom, err := networks("flip-from", f.flipFrom)
	if err != nil {
		return router.Options{}, err
	}
	trusted, err := networks("trusted-proxies", f.trusted)
	if err != nil {
		return router.Options{}, err
	}
	address := f.advertise
	if address == "" {
		if _, address, err = store.AwaitSelf(ctx, func(error) {}); err != nil {
			return router.Options{}, fmt.Errorf("find out the address to advertise: %w; or set --advertise", err)
		}
	}
	_, proxyPort, _ := net.SplitHostPort(proxy.Addr().String())
	_, adminPort, _ := net.SplitHostPort(admin.Addr().String())
	return router.Options{
		ID: cmp.Or(f.id, hostName()+"-"+proxyPort), Domain: f.domain, Version: version,
		ProxyAddr: net.JoinHostPort(address, proxyPort),
		AdminURL:  cmp.Or(f.adminURL, "http://"+net.JoinHostPort(address, adminPort)),
		Preview:   preview, FlipFrom: flipFrom, TrustedProxies: trusted, Hold: f.hold,
	}, nil
}

func networks(flag string, texts []string) ([]netip.Prefix, error) {
	list, err := router.ParseNetworks(texts)
	if err != nil {
		return nil, usageError{fmt.Errorf("--%s: %w", flag, err)}
	}
	return list, nil
}

func hostName() string {
	name, err := os.Hostname()
	if err != nil {
		return "router"
	}
	return name
}
