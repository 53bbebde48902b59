package consul

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/hashicorp/go-hclog"

	"teal/catalog"
)

const (
	// maxConns leaves room for others on this host: an agent answers at most 200
	// connections of one client address (http_max_conns_per_client).
	maxConns = 32

	// urgentConns of them are for aliases and halts alone, and for reading what an
	// alias has moved to: whatever waits for a connection, a flip does not. The
	// others are enough for a full budget of services, four folders, the feeds and
	// readers that replace the budget, and some writes meanwhile.
	urgentConns = 2 + moveReaders

	// sessionTTL is how long a silent holder keeps its lock or its record. Ten
	// seconds is the least Consul allows; it may take twice that to notice.
	sessionTTL = 10 * time.Second

	// renewEvery leaves several tries before a session runs out.
	renewEvery = 3 * time.Second

	// renewAgain is how far apart the tries are when a lock can't be renewed.
	renewAgain = 500 * time.Millisecond

	// lostAfter is how long after its last renewal a lock counts as lost. The
	// agent may be away for a whole TTL, from just before a renewal was due until
	// just after a try was sent that hangs. It is well before Consul itself ends
	// the session, after twice the TTL, and whoever writes shows the lock anyway.
	lostAfter = sessionTTL + 2*renewEvery

	// lockDelay must be small, for a lock is checked in every transaction anyway,
	// and must not be 0, which Consul reads as its default of 15 s.
	lockDelay = time.Millisecond
)

// Options say which Consul to use and where Teal's keys lie in it.
type Options struct {
	Address string // overrides CONSUL_HTTP_ADDR when not empty
	Prefix  string // of Teal's keys; catalog.DefaultPrefix when empty
	Logger  hclog.Logger

	// WatchBudget is up to how many services each get a blocking query, and so a
	// connection, of their own; DefaultWatchBudget when 0 or more than that, none
	// when negative. When there are more services, all are followed by common feeds.
	WatchBudget int
	// Hold is how long a watch keeps what it knew of a folder of keys that is
	// empty all of a sudden; DefaultHold when 0.
	Hold time.Duration
}

// Store is a client of one Consul agent. Its methods may be called from any
// goroutine.
type Store struct {
	api    *api.Client
	urgent *api.Client // over connections of its own
	addr   string
	keys   catalog.Keys
	log    hclog.Logger

	watchBudget int
	hold        time.Duration

	tokens *tokenFile // nil without CONSUL_HTTP_TOKEN_FILE

	answers answers // of the agent, to Registered

	stats counters

	recovery recovery // of what watches follow

	mu    sync.Mutex
	holds map[string]*hold // by session
}

// New makes a client; it connects to nothing yet. The error says which
// environment variable could not be used.
func New(opt Options) (*Store, error) {
	log := opt.Logger
	if log == nil {
		log = hclog.NewNullLogger()
	}
	s := &Store{
		keys: catalog.NewKeys(opt.Prefix), log: log.Named("consul"), holds: map[string]*hold{},
		watchBudget: budget(opt.WatchBudget), hold: cmp.Or(opt.Hold, DefaultHold),
	}
	var err error
	if s.api, err = s.connect(opt.Address, maxConns-urgentConns); err != nil {
		return nil, err
	}
	s.urgent, err = s.connect(opt.Address, urgentConns)
	return s, err
}

func budget(wanted int) int {
	if wanted == 0 {
		return DefaultWatchBudget
	}
	return min(max(wanted, 0), DefaultWatchBudget)
}

// connect makes a client that opens at most so many connections.
func (s *Store) connect(address string, conns int) (*api.Client, error) {
	cfg := api.DefaultConfig()
	if address != "" {
		cfg.Address = address
	}
	s.addr = cfg.Address
	client, err := api.NewClient(cfg)
	if err != nil {
		return nil, fmt.Errorf("set up the Consul client from its environment variables: %w", err)
	}
	// The client shares cfg's HttpClient, which NewClient has made, and for a unix
	// socket has given a transport other than cfg's.
	if t, ok := cfg.HttpClient.Transport.(*http.Transport); ok {
		t.MaxConnsPerHost, t.MaxIdleConnsPerHost, t.DisableKeepAlives = conns, conns, false
		t.DisableCompression = true // the agent is on this host, and packing costs a flip more than sending
	}
	cfg.HttpClient.Transport = rawBodies{s.followToken(cfg.TokenFile, deadlines{cfg.HttpClient.Transport})}
	return client, nil
}

// followToken lets requests carry what the token's file holds, if there is one.
func (s *Store) followToken(file string, next http.RoundTripper) http.RoundTripper {
	if file == "" {
		return next
	}
	if s.tokens == nil {
		s.tokens = &tokenFile{path: file, now: time.Now, log: s.log}
	}
	return tokened{s.tokens, next}
}

func (s *Store) query(ctx context.Context) *api.QueryOptions {
	return (&api.QueryOptions{RequireConsistent: true}).WithContext(ctx)
}

func (s *Store) write(ctx context.Context) *api.WriteOptions {
	return (&api.WriteOptions{}).WithContext(ctx)
}

// tokenHint is what to do about a token that may not do what was tried.
const tokenHint = "give Teal a token that may, in CONSUL_HTTP_TOKEN (docs/ACL.md lists what it needs)"

// explain says what was being done, and turns the commonest failures into a
// sentence with the next step.
func (s *Store) explain(err error, doing string) error {
	var dial *net.OpError
	var status api.StatusError
	var address *url.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: %w", doing, err)
	case errors.As(err, &dial) && dial.Op == "dial":
		return fmt.Errorf("cannot reach Consul at %s to %s (%w); is an agent running there? Set CONSUL_HTTP_ADDR to the one to use", s.addr, doing, dial.Err)
	case errors.Is(err, errSilent):
		return fmt.Errorf("%s: Consul at %s %w; try again, and look at that agent and its cluster if it stays so", doing, s.addr, errSilent)
	case errors.As(err, &status) && status.Code == 403:
		return fmt.Errorf("%s: %w at %s; %s: %w", doing, catalog.ErrDenied, s.addr, tokenHint, err)
	case errors.As(err, &address):
		return fmt.Errorf("%s at %s: %w", doing, s.addr, address.Err)
	}
	return fmt.Errorf("%s at %s: %w", doing, s.addr, err)
}
