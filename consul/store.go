package consul

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
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
	maxConns = 64

	// sessionTTL is how long a silent holder keeps its lock or its record. Ten
	// seconds is the least Consul allows; it may take twice that to notice.
	sessionTTL = 10 * time.Second

	// renewEvery leaves two tries before a session runs out.
	renewEvery = 3 * time.Second

	// lockDelay must be small, for a lock is checked in every transaction anyway,
	// and must not be 0, which Consul reads as its default of 15 s.
	lockDelay = time.Millisecond
)

// Options say which Consul to use and where Teal's keys lie in it.
type Options struct {
	Address string // overrides CONSUL_HTTP_ADDR when not empty
	Prefix  string // of Teal's keys; catalog.DefaultPrefix when empty
	Logger  hclog.Logger

	// WatchBudget is how many services get a blocking query, and so a connection,
	// of their own; DefaultWatchBudget when 0. The rest are asked about in turns.
	WatchBudget int
	// Hold is how long a watch keeps what it knew of a folder of keys that is
	// empty all of a sudden; DefaultHold when 0.
	Hold time.Duration
}

// Store is a client of one Consul agent. Its methods may be called from any
// goroutine.
type Store struct {
	api  *api.Client
	addr string
	keys catalog.Keys
	log  hclog.Logger

	watchBudget int
	hold        time.Duration

	tokens *tokenFile // nil without CONSUL_HTTP_TOKEN_FILE

	answers answers // of the agent, to Registered

	mu    sync.Mutex
	holds map[string]*hold // by session
}

// New makes a client; it connects to nothing yet. The error says which
// environment variable could not be used.
func New(opt Options) (*Store, error) {
	cfg := api.DefaultConfig()
	if opt.Address != "" {
		cfg.Address = opt.Address
	}
	cfg.Transport.MaxConnsPerHost = maxConns
	cfg.Transport.MaxIdleConnsPerHost = maxConns
	client, err := api.NewClient(cfg)
	if err != nil {
		return nil, fmt.Errorf("set up the Consul client from its environment variables: %w", err)
	}
	log := opt.Logger
	if log == nil {
		log = hclog.NewNullLogger()
	}
	s := &Store{
		api: client, addr: cfg.Address, keys: catalog.NewKeys(opt.Prefix),
		log: log.Named("consul"), holds: map[string]*hold{},
		watchBudget: cmp.Or(opt.WatchBudget, DefaultWatchBudget), hold: cmp.Or(opt.Hold, DefaultHold),
	}
	cfg.HttpClient.Transport = deadlines{cfg.HttpClient.Transport}
	s.followToken(cfg)
	return s, nil
}

// followToken lets the client's requests carry what the token's file holds. The
// client shares cfg's HttpClient, which NewClient has made.
func (s *Store) followToken(cfg *api.Config) {
	if cfg.TokenFile == "" {
		return
	}
	s.tokens = &tokenFile{path: cfg.TokenFile, next: cfg.HttpClient.Transport, now: time.Now, log: s.log}
	cfg.HttpClient.Transport = s.tokens
}

func (s *Store) query(ctx context.Context) *api.QueryOptions {
	return (&api.QueryOptions{RequireConsistent: true}).WithContext(ctx)
}

func (s *Store) write(ctx context.Context) *api.WriteOptions {
	return (&api.WriteOptions{}).WithContext(ctx)
}

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
	case errors.As(err, &status) && status.Code == 403:
		return fmt.Errorf("%s: permission denied by Consul at %s; give Teal a token that may, in CONSUL_HTTP_TOKEN (docs/ACL.md lists what it needs): %w", doing, s.addr, err)
	case errors.As(err, &address):
		return fmt.Errorf("%s at %s: %w", doing, s.addr, address.Err)
	}
	return fmt.Errorf("%s at %s: %w", doing, s.addr, err)
}
