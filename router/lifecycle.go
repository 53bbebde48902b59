package router

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/hashicorp/go-hclog"
)

// DefaultShutdownDelay is how long a router that was told to end still takes new
// requests: long enough for a load balancer to see that it is not ready.
const DefaultShutdownDelay = 5 * time.Second

// upgradeGrace is how long connections that are no HTTP any more may take to
// break off when they are told to.
const upgradeGrace = 2 * time.Second

// handoverLinger is how long clients of a router that has a successor may use the
// connections that they keep, for one more request each.
const handoverLinger = 5 * time.Second

// Lifecycle runs a router with its listeners and ends them in an order in which
// nobody is misled: whoever looks at the fleet sees this router, and what it has
// in flight, until nothing is.
type Lifecycle struct {
	Router *Router
	Proxy  net.Listener // takes requests: HTTP/1.1, and HTTP/2 with prior knowledge; closed when Run returns
	HTTPS  *HTTPS       // takes them over TLS, HTTP/1.1 or HTTP/2; nil for none; likewise
	Admin  net.Listener // the admin API and the page; likewise
	Logger hclog.Logger
	// Beside runs beside the router and ends with it, such as what keeps its
	// record alive; nil for nothing.
	Beside func(context.Context) error
	// Succession has the router follow another process, and be followed; nil for
	// one that does neither.
	Succession *Succession
	// ShutdownDelay is how long new requests are taken after ctx has ended, while
	// /readyz answers 503 already.
	ShutdownDelay time.Duration
	// Grace is how long what is under way may go on after that; 0 for ShutdownGrace.
	Grace time.Duration
}

// Run runs everything until ctx ends, and then ends it in this order:
//
//  1. /readyz answers 503; requests are served as before for ShutdownDelay, but
//     HTTP/1.1 answers ask for new connections;
//  2. the listeners for clients close; what is in flight may go on for Grace.
//     Streams are asked to leave one after the other, in the middle half of it,
//     and what waits for the end of a pause is answered before it is over;
//  3. the watch, what runs beside and the admin API end.
//
// A router with a successor ends likewise, but its listeners and its admin API
// close at once, and /readyz does not change: at these addresses the successor
// answers, which is ready.
//
// Where one of the parts fails, all end at once and Run answers the error.
func (l *Lifecycle) Run(ctx context.Context) error {
	defer l.close()
	if l.HTTPS != nil {
		if err := l.Router.opt.Registry.Register(newExpiries(l.HTTPS.Certificates)); err != nil {
			return fmt.Errorf("register the metric of certificates: %w", err)
		}
	}
	c := newCourse(ctx, l)
	defer c.endRear()
	c.start()
	return c.group.Wait()
}

// close gives the listeners back, also those that nothing was accepted at.
func (l *Lifecycle) close() {
	listeners := []net.Listener{l.Proxy, l.Admin}
	if l.HTTPS != nil {
		listeners = append(listeners, l.HTTPS.Listener)
	}
	for _, one := range listeners {
		_ = one.Close() // mostly again
	}
}

func (l *Lifecycle) grace() time.Duration {
	if l.Grace > 0 {
		return l.Grace
	}
	return ShutdownGrace
}

// isReady tells whether the router has a view to answer by, and has told the fleet
// of itself or tried to.
func (r *Router) isReady() bool {
	return r.announce.introduced.Load() && r.dispatch.table.Load() != nil
}
