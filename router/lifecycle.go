package router

import (
	"context"
	"net"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sync/errgroup"
)

// DefaultShutdownDelay is how long a router that was told to end still takes new
// requests: long enough for a load balancer to see that it is not ready.
const DefaultShutdownDelay = 5 * time.Second

// upgradeGrace is how long connections that are no HTTP any more may take to
// break off when they are told to.
const upgradeGrace = 2 * time.Second

// Lifecycle runs a router with its listeners and ends them in an order in which
// nobody is misled: whoever looks at the fleet sees this router, and what it has
// in flight, until nothing is.
type Lifecycle struct {
	Router *Router
	Proxy  net.Listener // takes requests; closed when Run returns
	Admin  net.Listener // the admin API and the page; closed when Run returns
	Logger hclog.Logger
	// Beside runs beside the router and ends with it, such as what keeps its
	// record alive; nil for nothing.
	Beside func(context.Context) error
	// ShutdownDelay is how long new requests are taken after ctx has ended, while
	// /readyz answers 503 already.
	ShutdownDelay time.Duration
}

// Run runs everything until ctx ends, and then ends it in this order:
//
//  1. /readyz answers 503; requests are served as before for ShutdownDelay;
//  2. the proxy's listener closes; what is in flight may go on for ShutdownGrace;
//  3. the watch, what runs beside and the admin API end.
//
// Where one of the parts fails, all end at once and Run answers the error.
func (l *Lifecycle) Run(ctx context.Context) error {
	rear, endRear := context.WithCancel(context.WithoutCancel(ctx))
	defer endRear()
	group, rear := errgroup.WithContext(rear)
	front, endFront := context.WithCancel(rear)
	group.Go(func() error {
		defer endFront()
		l.retire(ctx, rear)
		return nil
	})
	group.Go(func() error {
		defer endRear()
		err := Serve(front, l.Proxy, l.Router.Handler(), l.Logger.Named("proxy"))
		l.awaitIdle(rear)
		return err
	})
	group.Go(func() error { return Serve(rear, l.Admin, l.Router.Admin(), l.Logger.Named("admin")) })
	group.Go(func() error { return l.Router.Run(rear) })
	if l.Beside != nil {
		group.Go(func() error { return l.Beside(rear) })
	}
	return group.Wait()
}

// retire returns when the proxy is to stop: a while after ctx has ended, or when
// all is over anyway.
func (l *Lifecycle) retire(ctx, over context.Context) {
	select {
	case <-over.Done():
		return
	case <-ctx.Done():
	}
	l.Router.retiring.Store(true)
	l.Logger.Info("told to end; the router is not ready any more", "requests_taken_for", l.ShutdownDelay)
	delay := time.NewTimer(l.ShutdownDelay)
	defer delay.Stop()
	select {
	case <-over.Done():
	case <-delay.C:
	}
}

// awaitIdle waits until the WebSockets that the end of Serve cut off are counted
// out.
func (l *Lifecycle) awaitIdle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, upgradeGrace)
	defer cancel()
	for l.Router.InFlight() > 0 && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-time.After(time.Millisecond):
		}
	}
}
