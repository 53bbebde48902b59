package consul

import (
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
	// maxConns keeps this client below the 200 connections an agent answers for
	// one client address (http_max_conns_per_client).
	maxConns = 160

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
}

// Store is a client of one Consul agent. Its methods may be called from any
// goroutine.
type Store struct {
	api  *api.Client
	addr string
	keys catalog.Keys
	log  hclog.Logger

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
	return &Store{
		api: client, addr: cfg.Address, keys: catalog.NewKeys(opt.Prefix),
		log: log.Named("consul"), holds: map[string]*hold{},
	}, nil
}

// Self is the agent's node name and the address it advertises to others.
func (s *Store) Self(ctx context.Context) (node, address string, err error) {
	// The SDK's Agent().Self takes no context; the raw endpoint does.
	var self struct {
		Config struct{ NodeName string }
		Member struct{ Addr string }
	}
	if _, err := s.api.Raw().Query("/v1/agent/self", &self, s.query(ctx)); err != nil {
		return "", "", s.explain(err, "ask the agent who it is")
	}
	return self.Config.NodeName, self.Member.Addr, nil
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
