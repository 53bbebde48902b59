package main

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sync/errgroup"

	"teal/catalog"
	"teal/consul"
	"teal/docker"
	"teal/registrator"
	"teal/router"
)

// withdrawTime is how long --on-exit deregister may take. It is less than the
// ten seconds after which Docker kills what it stops.
const withdrawTime = 8 * time.Second

// run runs the registrator until a signal comes.
func (f *registratorFlags) run(ctx context.Context, store *consul.Store, log hclog.Logger) error {
	engine, err := docker.New(f.docker)
	if err != nil {
		return err
	}
	defer engine.Close()
	front := newFront()
	g, running := errgroup.WithContext(ctx)
	if f.listen != "" {
		l, err := net.Listen("tcp", f.listen)
		if err != nil {
			return fmt.Errorf("listen for questions on %s: %w; choose another address with --listen", f.listen, err)
		}
		log.Info("the registrator answers", "address", l.Addr().String())
		g.Go(func() error { return router.Serve(running, l, front, log.Named("http")) })
	}
	var agent *registrator.Agent
	g.Go(func() (err error) {
		agent, err = f.record(running, engine, store, front, log)
		return err
	})
	err = g.Wait()
	if err == nil && agent != nil && f.onExit == onExitDeregister {
		return withdraw(ctx, agent)
	}
	return err
}

// record waits for Consul, then keeps its registrations and the host's record
// until ctx ends. It answers no agent if that was before Consul was there.
func (f *registratorFlags) record(ctx context.Context, engine *docker.Engine, store *consul.Store, front *front, log hclog.Logger) (*registrator.Agent, error) {
	node, address, err := store.AwaitSelf(ctx, front.waiting)
	if err != nil {
		return nil, nil // told to end before there was anything to do
	}
	agent, err := f.agent(engine, store, node, address, log.Named("registrator"))
	if err != nil {
		return nil, err
	}
	front.show(agent.Handler())
	log.Info("the registrator runs", "owner", cmp.Or(f.owner, node), "node", node, "docker", engine.Name())
	host := registrator.NewHost(registrator.HostConfig{
		Record: catalog.HostRecord{
			Node: node, Endpoint: cmp.Or(f.dockerAdvertise, engine.Name()), Labels: f.hostLabels, Registrator: version,
		},
		Machine: engine, Free: f.diskFree(engine.Name()), Registry: store, Logger: log.Named("host"),
	})
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return agent.Run(ctx) })
	g.Go(func() error { return host.Run(ctx) })
	return agent, g.Wait()
}

// withdraw takes away what was registered. The context has ended already.
func withdraw(ctx context.Context, agent *registrator.Agent) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), withdrawTime)
	defer cancel()
	if err := agent.Withdraw(ctx); err != nil {
		return fmt.Errorf("deregister on exit: %w; what is left goes when the registrator runs here again", err)
	}
	return nil
}

// front answers for the registrator, from before it knows its host.
type front struct {
	shown  atomic.Pointer[http.Handler]
	reason atomic.Pointer[error] // why it still waits
}

func newFront() *front {
	f := &front{}
	f.show(registrator.Starting(version, func() error {
		if err := f.reason.Load(); err != nil {
			return *err
		}
		return nil
	}))
	return f
}

func (f *front) waiting(err error) { f.reason.Store(&err) }

func (f *front) show(h http.Handler) { f.shown.Store(&h) }

// ServeHTTP implements http.Handler.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) { (*f.shown.Load()).ServeHTTP(w, r) }
