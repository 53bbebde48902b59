package registrator

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

// The defaults of Config.
const (
	DefaultInterval = 15 * time.Second
	DefaultTimeout  = 10 * time.Second
	DefaultDebounce = 50 * time.Millisecond
)

// readyIntervals is how many intervals old the last good look of a registrator
// that is ready may be.
const readyIntervals = 3

// storm is how many debounce times a look is put off at most, however many
// events come.
const storm = 10

// Config is what an Agent is made of. Options.Owner, Runtime and Registry are
// needed.
type Config struct {
	Options  Options
	Runtime  Runtime
	Registry Registry
	Signals  Signals       // nil: containers drain on request only
	Drains   Drains        // nil: containers drain when they are told to end only
	Interval time.Duration // between looks when nothing is heard; 0 for DefaultInterval
	Timeout  time.Duration // of one call to the runtime or the registry; 0 for DefaultTimeout
	Debounce time.Duration // of quiet after an event; 0 for DefaultDebounce
	ReadyAge time.Duration // of the last good look, up to which /readyz says ready; 0 for three intervals
	Version  string        // of the program, told by /healthz
	Now      func() time.Time
	Logger   hclog.Logger
}

// Agent keeps the registrations of one host like its containers. Run and Once
// are for one goroutine at a time, Status is for any.
type Agent struct {
	conf     Config
	hints    chan struct{} // room for one: look again
	urgent   chan struct{} // room for one: look at once
	told     *told
	beats    map[string]time.Time // when a check was last reported to, by id
	reported map[string]bool
	meters   *meters

	mu     sync.Mutex
	status Status
}

// New is an agent that does nothing yet.
func New(config Config) (*Agent, error) {
	if err := config.Options.check(); err != nil {
		return nil, err
	}
	config.Interval = orDefault(config.Interval, DefaultInterval)
	config.Timeout = orDefault(config.Timeout, DefaultTimeout)
	config.Debounce = orDefault(config.Debounce, DefaultDebounce)
	config.ReadyAge = orDefault(config.ReadyAge, readyIntervals*config.Interval)
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Logger == nil {
		config.Logger = hclog.NewNullLogger()
	}
	a := &Agent{
		conf: config, hints: make(chan struct{}, 1), urgent: make(chan struct{}, 1),
		told: newTold(), beats: map[string]time.Time{}, reported: map[string]bool{},
	}
	return a.metered(), nil
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}

// Run reconciles until ctx ends, and then answers nil. What is registered stays
// registered: the containers run on without their registrator.
func (a *Agent) Run(ctx context.Context) error {
	listening := make(chan struct{})
	go func() {
		defer close(listening)
		a.listen(ctx)
	}()
	defer func() { <-listening }()

	var failures backoff
	interval := min(a.conf.Interval, DockerHealthTTL/4) // reports must not run out
	for wait := interval; a.await(ctx, wait); {
		wait = jitter(interval)
		if err := a.Once(ctx); err != nil {
			wait = min(wait, failures.next())
			continue
		}
		failures.reset()
	}
	return nil
}

// await waits for the next time to look: something urgent, a hint and some quiet
// after it, or the time given. It answers false when ctx has ended.
func (a *Agent) await(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	case <-a.urgent:
		return true
	case <-a.hints:
		return a.settle(ctx)
	}
}

// settle waits until no hint has come for the debounce time, but not for ever.
func (a *Agent) settle(ctx context.Context) bool {
	limit := time.NewTimer(storm * a.conf.Debounce)
	defer limit.Stop()
	quiet := time.NewTimer(a.conf.Debounce)
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-limit.C:
			return true
		case <-quiet.C:
			return true
		case <-a.urgent:
			return true
		case <-a.hints:
			quiet.Reset(a.conf.Debounce)
		}
	}
}

// The delays after failures, each twice the one before. The last is short enough
// for the registrations to be true again within seconds of whatever comes back.
const (
	firstDelay = 200 * time.Millisecond
	lastDelay  = time.Second
)

// backoff tells how long to wait after one failure and the next. The zero value
// has seen none.
type backoff struct{ delay time.Duration }

func (b *backoff) next() time.Duration {
	b.delay = min(max(firstDelay, 2*b.delay), lastDelay)
	return jitter(b.delay)
}

func (b *backoff) reset() { b.delay = 0 }

// jitter is d, give or take a fifth, so that hosts do not act in step.
func jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
}
