package deployer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"teal/catalog"
	"teal/deployer/hosts"
	"teal/deployer/timing"
)

// Options are what a Deployer works with. Store and Connect are needed, the
// rest has defaults.
type Options struct {
	Store    Store
	Connect  func(endpoint string) (hosts.Host, error) // called once for each endpoint
	Fleet    Fleet                                     // nil: routers are asked nothing
	Registry Registry                                  // nil: images are what the hosts have under their names
	Now      func() time.Time                          // time.Now
	Progress func(Event)                               // called one event at a time
	By       string                                    // user@host, for the records
	Logger   hclog.Logger
	// Poll is the pause between two looks at Consul while something is waited
	// for; DefaultPoll when 0.
	Poll time.Duration
	// Acknowledge bounds the wait for routers to apply a flip;
	// DefaultAcknowledge when 0.
	Acknowledge time.Duration
	// Routed bounds the wait, before a flip, for routers to know the instances
	// that are flipped to; DefaultRouted when 0.
	Routed time.Duration
	// Insist is how long a deployment under way tries again what Consul could not do;
	// DefaultInsist when 0. Without Consul for longer its lock is lost anyway.
	Insist time.Duration
	// DryRun has what people do by hand looked at and told, and not done: a flip, a
	// share, a rollback, a word on a deployment, the release of a lock. What a
	// deployment would do is told by Plan.
	DryRun bool
	// GatePoll is the pause between two questions to an outside gate;
	// DefaultGatePoll when 0.
	GatePoll time.Duration
	// Environ is the environment of test commands, in which the tokens of outside
	// gates are too; os.Environ() when nil.
	Environ []string
}

// The defaults of Options, and what bounds the work after a failure.
const (
	DefaultPoll        = 250 * time.Millisecond
	DefaultAcknowledge = 30 * time.Second // a dead router's record is gone by then
	DefaultRouted      = 2 * time.Second
	DefaultGatePoll    = 2 * time.Second
	DefaultInsist      = 20 * time.Second
	takeBackTimeout    = 5 * time.Minute
	evidenceTimeout    = 15 * time.Second
	lockPause          = time.Second // between two tries to get a lock that is held
	unlockTimeout      = 5 * time.Second
)

// Deployer deploys, goes back, flips and tells how things stand. It keeps nothing
// between calls but the hosts that it has connected to, and is safe for concurrent
// use.
type Deployer struct {
	opt     Options
	telling *sync.Mutex
	// connected are shared by all copies of the deployer.
	connected *hosts.Connections
}

// New makes a Deployer.
func New(opt Options) *Deployer {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Logger == nil {
		opt.Logger = hclog.NewNullLogger()
	}
	if opt.Poll == 0 {
		opt.Poll = DefaultPoll
	}
	if opt.Acknowledge == 0 {
		opt.Acknowledge = DefaultAcknowledge
	}
	if opt.Routed == 0 {
		opt.Routed = DefaultRouted
	}
	if opt.Insist == 0 {
		opt.Insist = DefaultInsist
	}
	if opt.GatePoll == 0 {
		opt.GatePoll = DefaultGatePoll
	}
	if opt.Environ == nil {
		opt.Environ = os.Environ()
	}
	return &Deployer{opt: opt, telling: &sync.Mutex{}, connected: hosts.NewConnections(opt.Connect)}
}

// pause waits for the time between two looks.
func (d *Deployer) pause(ctx context.Context) error { return timing.Sleep(ctx, d.opt.Poll) }

// glance is the pause between two looks at what goes on for long: a release that is
// watched, or whether somebody has spoken.
func (d *Deployer) glance() time.Duration { return 4 * d.opt.Poll }

// held is a deployment lock.
type held struct {
	session string
	release func()
}

// lock takes the deployment lock and answers a context that ends with
// catalog.ErrLockLost as its cause when the lock is lost. A lock that somebody
// else holds is waited for as long as is said.
func (d *Deployer) lock(ctx context.Context, service, environment, deployment string, patience time.Duration) (context.Context, held, error) {
	rec := catalog.LockRecord{Holder: d.opt.By, Deployment: deployment, Since: d.opt.Now().UTC()}
	session, lost, err := d.takeLock(ctx, service, environment, rec, patience)
	if err != nil {
		return nil, held{}, fmt.Errorf("lock %s in %s: %w", service, environment, err)
	}
	inner, cancel := context.WithCancelCause(ctx)
	var wait sync.WaitGroup
	wait.Go(func() {
		select {
		case <-lost:
			cancel(fmt.Errorf("deploy %s to %s: %w", service, environment, catalog.ErrLockLost))
		case <-inner.Done():
		}
	})
	return inner, held{session: session, release: func() {
		cancel(context.Canceled)
		wait.Wait()
		ctx, done := timing.Bounded(ctx, unlockTimeout)
		defer done()
		if err := d.opt.Store.Unlock(ctx, service, environment, session); err != nil && !errors.Is(err, catalog.ErrLockLost) {
			d.opt.Logger.Warn("the deployment lock could not be let go; it ends with its session", "service", service, "environment", environment, "error", err)
		}
	}}, nil
}

func (d *Deployer) takeLock(ctx context.Context, service, environment string, rec catalog.LockRecord, wait time.Duration) (string, <-chan struct{}, error) {
	until := d.opt.Now().Add(wait)
	told := false
	for {
		session, lost, err := d.opt.Store.Lock(ctx, service, environment, rec)
		if !errors.Is(err, catalog.ErrLocked) || d.opt.Now().After(until) || wait == 0 {
			return session, lost, err
		}
		if !told {
			told = true
			d.tell(Event{Kind: Note, State: catalog.Pending, Service: service, Text: fmt.Sprintf("waiting at most %s: %s", wait, err)})
		}
		if timing.Sleep(ctx, lockPause) != nil {
			return "", nil, err
		}
	}
}
