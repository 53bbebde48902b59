package router

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/errgroup"

	"teal/catalog"
	"teal/fleet"
)

// Options is what a router is made from. Source is needed; the rest has
// defaults.
type Options struct {
	ID        string // of this router, unique in the fleet
	Domain    string // stable URIs are names below it; empty for the path form only
	ProxyAddr string // host:port that takes requests, as others reach it
	AdminURL  string // base URL of the admin API, as others reach it
	Version   string

	Source    Source
	Flipper   Flipper   // nil refuses flips through the admin API
	Announcer Announcer // nil announces nothing
	Silent    bool      // Consul was found silent already: the start waits for it no longer
	Roster    Roster    // nil refuses flips that wait for the fleet
	Records   Records   // nil measures no deployments

	Preview        []netip.Prefix // may see targets no alias points at; nil for DefaultPreview, empty for nobody
	FlipFrom       []netip.Prefix // may flip through the admin API; nil for DefaultFlipFrom, empty for nobody
	Debug          []netip.Prefix // are told where answers come from; none by default
	TrustedProxies []netip.Prefix // whose X-Forwarded-* are believed; none by default
	Hold           time.Duration  // how long a last good view is kept; 0 for DefaultHold
	Timeout        time.Duration  // until the first byte; 0 for DefaultTimeout

	TCPPorts  Ports                                                     // that services may have opened; none by default
	TCPIdle   time.Duration                                             // after which silent TCP connections are closed; 0 for never
	ListenTCP func(ctx context.Context, port int) (net.Listener, error) // opens a port; nil for one of all addresses

	AccessLog *AccessLog           // nil writes none
	Tracer    trace.TracerProvider // nil makes no spans

	Save func(catalog.Snapshot) // is handed each view that is applied, and returns at once; nil for nobody

	Now      func() time.Time     // nil for time.Now
	Logger   hclog.Logger         // nil logs nothing
	Registry *prometheus.Registry // nil for one of its own
}

func (o Options) withDefaults() Options {
	if o.Preview == nil {
		o.Preview = DefaultPreview()
	}
	if o.FlipFrom == nil {
		o.FlipFrom = DefaultFlipFrom()
	}
	if o.Hold <= 0 {
		o.Hold = DefaultHold
	}
	if o.ListenTCP == nil {
		o.ListenTCP = listenTCP
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	if o.Registry == nil {
		o.Registry = prometheus.NewRegistry()
	}
	return o
}

// Router answers requests by the newest snapshot of its source. Its methods are
// safe for use by any number of goroutines.
type Router struct {
	opt      Options
	log      hclog.Logger
	dispatch *dispatch
	ledger   *ledger
	engine   *netEngine
	announce *announcer
	fleet    *fleet.Client
	measures *measures
	proxy    http.Handler
	admin    http.Handler
	tcp      *TCPServer
	recheck  chan struct{} // the time of the first hold may have changed
	retiring atomic.Bool   // told to end; see Lifecycle

	mu   sync.Mutex       // serialises apply
	read catalog.Snapshot // as the source told it
	kept catalog.Snapshot // as Keep answered it
}

// New makes a router that is not running yet: until Run has applied a snapshot
// it answers 503.
func New(opt Options) (*Router, error) {
	if opt.Source == nil {
		return nil, errors.New("a router needs a source of snapshots; set Options.Source")
	}
	opt = opt.withDefaults()
	meters, err := newMeters(opt.Registry)
	if err != nil {
		return nil, err
	}
	r := &Router{
		opt: opt, log: opt.Logger,
		dispatch: &dispatch{preview: opt.Preview, debug: opt.Debug, ending: newEnding()},
		ledger:   newLedger(meters, opt.Now),
		recheck:  make(chan struct{}, 1),
	}
	if err := opt.Registry.Register(newState(r)); err != nil {
		return nil, fmt.Errorf("register the router's metrics: %w", err)
	}
	answers := &answerer{meters: meters}
	r.engine = newNetEngine(forwarding{trusted: opt.TrustedProxies}, answers, opt.Logger)
	r.tcp = newTCPServer(r, meters)
	r.announce = newAnnouncer(opt)
	r.fleet = fleet.NewClient(opt.Logger.Named("fleet"))
	if r.measures, err = newMeasures(opt, r.dispatch.table.Load); err != nil {
		return nil, fmt.Errorf("register the measures of deployments: %w", err)
	}
	page := newPage(r)
	r.proxy = &front{dispatch: r.dispatch, engine: r.engine, trusted: opt.TrustedProxies, answers: answers, page: page, watchers: watchersOf(opt)}
	r.admin = addressed(opt.ID, newAdmin(r, page))
	return r, nil
}

// watchersOf is who watches requests. Tracing is first, so that the others see
// what it writes.
func watchersOf(opt Options) observers {
	var list observers
	if opt.Tracer != nil {
		list = append(list, newTracing(opt.Tracer, opt.Version))
	}
	if opt.AccessLog != nil {
		list = append(list, opt.AccessLog)
	}
	return list
}

// Handler serves the services' stable URIs.
func (r *Router) Handler() http.Handler { return r.proxy }

// TCP serves the services' ports and TLS names. It is not running yet.
func (r *Router) TCP() *TCPServer { return r.tcp }

// Admin serves the admin API, the metrics and the catalogue page.
func (r *Router) Admin() http.Handler { return r.admin }

// InFlight is how many requests are under way in all.
func (r *Router) InFlight() int64 { return r.ledger.total() }

// Claim fills c with an instance that may serve what is asked, or answers why
// there is none. Where the alias is paused or the service has its fill, it waits,
// as long as ctx lasts. The caller must release the claim.
func (r *Router) Claim(ctx context.Context, c *Claim, ask Ask) *Answer {
	return r.dispatch.begin(ctx, c, ask)
}

// Run announces the router, watches the source and applies what it tells, until
// ctx ends. It returns
// when all its goroutines have, with an error only if ctx had not ended.
func (r *Router) Run(ctx context.Context) error {
	defer r.engine.close()
	defer r.fleet.Close()
	defer r.dispatch.ending.end() // nobody would learn of the end of a pause
	r.announce.introduce(ctx)
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := r.opt.Source.Watch(inner, r.apply); err != nil {
			return fmt.Errorf("watch the service catalogue: %w", err)
		}
		return errors.New("the watch of the service catalogue ended by itself")
	})
	group.Go(func() error { r.announce.run(inner); return nil })
	group.Go(func() error { r.endHolds(inner); return nil })
	group.Go(func() error { r.measures.run(inner); return nil })
	err := group.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return err
}
