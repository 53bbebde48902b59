package dev

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sync/errgroup"

	"teal/catalog"
	"teal/consul"
	"teal/deployer"
	"teal/deployer/hosts"
	"teal/dev/process"
	"teal/dev/store"
	"teal/fleet"
	"teal/registrator"
	"teal/router"
)

// Scheme begins the endpoint of the process platform, where a service file
// would name a Docker engine.
const Scheme = catalog.DemoScheme

// loopback is where a world listens and its processes answer.
const loopback = "127.0.0.1"

// Options say where the world listens and what it can run.
type Options struct {
	Domain    string // stable URIs are names below it
	ProxyAddr string // host:port that takes requests; port 0 picks a free one
	AdminAddr string // host:port of the page and the admin API
	StoreAddr string // host:port of the Consul-compatible API
	Images    map[string]process.Image
	Version   string
	Logger    hclog.Logger
}

// World is everything, wired up. Its methods may be called from any goroutine.
type World struct {
	opt       Options
	proxy     net.Listener
	admin     net.Listener
	api       net.Listener
	store     *store.Store
	consul    *consul.Store
	announcer *consul.Announcer
	platform  *process.Platform
	agent     *registrator.Agent
	router    *router.Router
}

// New binds the world's addresses and wires its parts; Run sets them going. An
// address that is taken is an error.
func New(opt Options) (*World, error) {
	w := &World{opt: opt}
	if err := w.listen(); err != nil {
		w.Close()
		return nil, err
	}
	if err := w.wire(); err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

// Close gives the addresses back; only a world that never ran needs it.
func (w *World) Close() {
	for _, l := range []net.Listener{w.proxy, w.admin, w.api} {
		if l != nil {
			_ = l.Close()
		}
	}
}

func (w *World) listen() error {
	for _, each := range []struct {
		listener *net.Listener
		addr     string
		what     string
	}{
		{&w.proxy, w.opt.ProxyAddr, "requests"},
		{&w.admin, w.opt.AdminAddr, "the catalogue page"},
		{&w.api, w.opt.StoreAddr, "the store"},
	} {
		l, err := net.Listen("tcp", each.addr)
		if err != nil {
			return fmt.Errorf("listen on %s for %s: %w; choose another address", each.addr, each.what, err)
		}
		*each.listener = l
	}
	return nil
}

func (w *World) wire() (err error) {
	log := w.opt.Logger
	w.store = store.New(store.Options{NodeName: "laptop", Logger: log.Named("store")})
	if w.consul, err = consul.New(consul.Options{Address: w.api.Addr().String(), Logger: log}); err != nil {
		return err
	}
	w.announcer = w.consul.Announcer()
	w.platform = process.New(process.Options{Images: w.opt.Images, Logger: log.Named("process")})
	w.agent, err = registrator.New(registrator.Config{
		Options: registrator.Options{Owner: "laptop", Address: loopback, AgentOnLoopback: true},
		Runtime: w.platform, Registry: w.consul, Drains: w.consul.DrainsOf("laptop"), Logger: log.Named("registrator"),
	})
	if err != nil {
		return err
	}
	w.router, err = router.New(router.Options{
		ID: "laptop", Domain: w.opt.Domain, ProxyAddr: w.proxy.Addr().String(), AdminURL: w.PageURL(), Version: w.opt.Version,
		Source: w.consul, Flipper: w.consul, Announcer: w.announcer, Roster: w.consul, Records: w.consul.Recorded(), Logger: log.Named("router"),
	})
	return err
}

// Run lets the world turn until ctx ends, and answers when all of it has ended:
// the router first, then the processes that its last requests needed, then the
// store, as the others say goodbye to it.
func (w *World) Run(ctx context.Context) error {
	storeCtx, stopStore := context.WithCancel(context.WithoutCancel(ctx))
	defer stopStore()
	storeDone := make(chan error, 1)
	go func() { storeDone <- w.runStore(storeCtx) }()
	hosts, stopHosts := context.WithCancel(context.WithoutCancel(ctx))
	defer stopHosts()

	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer stopHosts()
		life := &router.Lifecycle{Router: w.router, Proxy: w.proxy, Admin: w.admin, Beside: w.announcer.Run, Logger: w.opt.Logger}
		return life.Run(ctx)
	})
	g.Go(func() error { return w.agent.Run(hosts) })
	g.Go(func() error { return w.platform.Run(hosts) })
	err := g.Wait()
	stopStore()
	return errors.Join(err, <-storeDone)
}

func (w *World) runStore(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return w.store.Run(ctx) })
	g.Go(func() error { return router.Serve(ctx, w.api, w.store.Handler(), w.opt.Logger.Named("api")) })
	return g.Wait()
}

// Deployer makes a deployer for this world. Hosts whose endpoint begins with
// Scheme are its process platform.
func (w *World) Deployer(progress func(deployer.Event)) *deployer.Deployer {
	return deployer.New(deployer.Options{
		Store: w.consul, Connect: w.connect, Fleet: fleet.NewClient(w.opt.Logger),
		Progress: progress, By: By(), Logger: w.opt.Logger.Named("deployer"), Poll: 50 * time.Millisecond,
	})
}

func (w *World) connect(endpoint string) (hosts.Host, error) {
	if !strings.HasPrefix(endpoint, Scheme) {
		return nil, fmt.Errorf("host %s is not on this laptop; name one like %slaptop", endpoint, Scheme)
	}
	return w.platform, nil
}

// By is who deploys from this process: user@host.
func By() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	if u, err := user.Current(); err == nil {
		return u.Username + "@" + host
	}
	return "somebody@" + host // no user database, as in an empty image
}

// ProxyAddr is where requests go, host:port.
func (w *World) ProxyAddr() string { return w.proxy.Addr().String() }

// PageURL is where the catalogue page is.
func (w *World) PageURL() string { return "http://" + w.admin.Addr().String() }

// StoreAddr is what CONSUL_HTTP_ADDR must be to use this world.
func (w *World) StoreAddr() string { return w.api.Addr().String() }

// ServiceURL is a service's stable URI.
func (w *World) ServiceURL(service string) string {
	_, port, _ := net.SplitHostPort(w.ProxyAddr())
	return "http://" + service + "." + net.JoinHostPort(w.opt.Domain, port) + "/"
}

// Free tells whether an address can be listened on now.
func Free(addr string) bool {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return false
	}
	return l.Close() == nil
}
