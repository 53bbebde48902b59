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
	"golang.org/x/sync/errgroup"

	"teal/consul"
	"teal/router"
)

// routerFlags are the flags of `teal router`.
type routerFlags struct {
	listen, admin, domain, id string
	advertise, adminURL       string
	preview, trusted          []string
	hold                      time.Duration
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
whether the old colour has drained.`,
		Example: "  teal router --domain proxy.example --listen :80",
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
	fs.StringSliceVar(&f.preview, "preview", nil, "networks that may see targets no alias points at (default loopback and private)")
	fs.StringSliceVar(&f.trusted, "trusted-proxies", nil, "networks whose X-Forwarded-* headers are believed (default none)")
	fs.DurationVar(&f.hold, "hold", router.DefaultHold, "how long a last good view is kept when all instances vanish at once")
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
		return err
	}
	announcer := store.Announcer()
	opt.Source, opt.Flipper, opt.Announcer, opt.Logger = store, store, announcer, log.Named("router")
	r, err := router.New(opt)
	if err != nil {
		return err
	}
	log.Info("the router runs", "id", opt.ID, "requests", opt.ProxyAddr, "page", opt.AdminURL, "domain", f.domain)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return r.Run(ctx) })
	g.Go(func() error { return announcer.Run(ctx) })
	g.Go(func() error { return router.Serve(ctx, proxy, r.Handler(), log.Named("proxy")) })
	g.Go(func() error { return router.Serve(ctx, admin, r.Admin(), log.Named("admin")) })
	return g.Wait()
}

func (f *routerFlags) options(ctx context.Context, store *consul.Store, proxy, admin net.Listener) (router.Options, error) {
	preview, err := networks("preview", f.preview)
	if err != nil {
		return router.Options{}, err
	}
	trusted, err := networks("trusted-proxies", f.trusted)
	if err != nil {
		return router.Options{}, err
	}
	address := f.advertise
	if address == "" {
		if _, address, err = store.Self(ctx); err != nil {
			return router.Options{}, fmt.Errorf("find out the address to advertise: %w; or set --advertise", err)
		}
	}
	_, proxyPort, _ := net.SplitHostPort(proxy.Addr().String())
	_, adminPort, _ := net.SplitHostPort(admin.Addr().String())
	return router.Options{
		ID: cmp.Or(f.id, hostName()+"-"+proxyPort), Domain: f.domain, Version: version,
		ProxyAddr: net.JoinHostPort(address, proxyPort),
		AdminURL:  cmp.Or(f.adminURL, "http://"+net.JoinHostPort(address, adminPort)),
		Preview:   preview, TrustedProxies: trusted, Hold: f.hold,
	}, nil
}

func networks(flag string, texts []string) ([]netip.Prefix, error) {
	var list []netip.Prefix
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, usageError{fmt.Errorf("--%s: %q is not a network; write one such as 10.0.0.0/8", flag, text)}
		}
		list = append(list, p.Masked())
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
