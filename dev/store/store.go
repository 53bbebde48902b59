package store

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

// Defaults of Options.
const (
	DefaultNodeName      = "teal-dev"
	DefaultAdvertiseAddr = "127.0.0.1"
	DefaultDatacenter    = "dc1"
)

// Options configure a Store. The zero value is usable.
type Options struct {
	// NodeName is the name of the one node in the catalogue.
	NodeName string
	// AdvertiseAddr is that node's address, used by clients for services
	// registered without one.
	AdvertiseAddr string
	// Datacenter is the only datacentre queries may name.
	Datacenter string
	// Logger receives state changes of checks and sessions; nil discards them.
	Logger hclog.Logger
	// Now is the clock of session and lock-delay deadlines; nil is time.Now.
	Now func() time.Time
}

// Store is the embedded agent. Its methods may be called from any goroutine.
type Store struct {
	opts   Options
	logger hclog.Logger
	now    func() time.Time
	mux    *http.ServeMux

	watch *watchers
	// sessionsMoved wakes the expiry loop when a deadline may be nearer.
	sessionsMoved chan struct{}
	// closed ends blocking queries when Run ends.
	closed chan struct{}

	mu    sync.RWMutex
	state *state
	// local holds what the agent knows about its checks beyond the catalogue.
	local map[string]*localCheck
	// running is Run's context, nil while monitors must not be started.
	running  context.Context
	ran      bool
	monitors sync.WaitGroup
}

// New returns a Store with one healthy node and nothing else. It starts
// nothing: requests are answered at once, but checks and time limits only
// move while Run runs.
func New(opts Options) *Store {
	opts = opts.withDefaults()
	s := &Store{
		opts:          opts,
		logger:        opts.Logger,
		now:           opts.Now,
		watch:         newWatchers(),
		sessionsMoved: make(chan struct{}, 1),
		closed:        make(chan struct{}),
		local:         make(map[string]*localCheck),
	}
	s.state = newState(newNode(opts))
	s.mux = s.routes()
	return s
}

func (o Options) withDefaults() Options {
	if o.NodeName == "" {
		o.NodeName = DefaultNodeName
	}
	if o.AdvertiseAddr == "" {
		o.AdvertiseAddr = DefaultAdvertiseAddr
	}
	if o.Datacenter == "" {
		o.Datacenter = DefaultDatacenter
	}
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Handler returns the HTTP API. Blocking queries end with their request's
// context or when Run ends, so they never hold up a server's shutdown.
func (s *Store) Handler() http.Handler { return s.mux }

// Run runs health checks, session time limits and the removal of services
// that stay critical. It blocks until ctx ends and every goroutine it started
// has ended, then returns nil. A Store runs once: a second call is an error.
func (s *Store) Run(ctx context.Context) error {
	if err := s.start(ctx); err != nil {
		return err
	}
	s.expireLoop(ctx)
	s.stop()
	return nil
}

// start lets monitors run and starts those of checks registered so far.
func (s *Store) start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ran {
		return errors.New("store: Run was called before")
	}
	s.ran, s.running = true, ctx
	for _, check := range s.local {
		s.startMonitor(check)
	}
	return nil
}

// stop refuses new monitors, ends blocking queries and joins the goroutines.
func (s *Store) stop() {
	s.mu.Lock()
	s.running = nil
	close(s.closed)
	s.mu.Unlock()
	s.monitors.Wait()
}

// update runs fn as one commit: all its changes carry the same index, and
// queries waiting for them wake once it is done. If fn fails, key-value
// changes are dropped; fn must not have made others by then.
func (s *Store) update(fn func(w *write) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := newWrite(s.state, s.now())
	if err := fn(w); err != nil {
		return err
	}
	w.commit()
	s.watch.notify(w.topics)
	return nil
}
