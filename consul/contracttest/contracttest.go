// Package contracttest states what Teal relies on in Consul's HTTP API. The
// same suite runs against a real Consul and against the embedded store, so
// that code tested with the one can be trusted with the other.
package contracttest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	// patience is how long something that must happen may take.
	patience = 30 * time.Second
	// poll is how often to look whether it has.
	poll = 20 * time.Millisecond
	// silence is for how long nothing must happen to believe that it doesn't.
	silence = 400 * time.Millisecond
)

// A contract is one behaviour. Serial ones look at or change what all others
// see; the rest run side by side.
type contract struct {
	name   string
	serial bool
	run    func(t *testing.T, e *env)
}

// Run runs the suite. newAgent returns the address of an agent's HTTP API as
// host:port and is called for every subtest; it may return the same agent each
// time, as subtests use names of their own and remove what they made. Contracts
// that take longer than half a minute are left out with -short.
func Run(t *testing.T, newAgent func(t *testing.T) (addr string)) {
	t.Helper()
	var all []contract
	for _, group := range [][]contract{
		kvContracts, lockContracts, sessionContracts, txnContracts,
		agentContracts, checkContracts, catalogContracts, blockingContracts,
	} {
		all = append(all, group...)
	}
	for _, c := range all {
		if c.serial {
			t.Run(c.name, func(t *testing.T) { c.run(t, newEnv(t, newAgent(t))) })
		}
	}
	t.Run("parallel", func(t *testing.T) {
		for _, c := range all {
			if !c.serial {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					c.run(t, newEnv(t, newAgent(t)))
				})
			}
		}
	})
}

// env is one subtest's view of an agent. Names it gives out are its own.
type env struct {
	t      *testing.T
	addr   string
	unique string
	client *api.Client
}

func newEnv(t *testing.T, addr string) *env {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	client, err := api.NewClient(&api.Config{Address: addr, Transport: transport})
	require.NoError(t, err)
	e := &env{t: t, addr: addr, unique: "contract-" + strings.ToLower(rand.Text()[:10]), client: client}
	t.Cleanup(func() { _, _ = client.KV().DeleteTree(e.unique+"/", nil) })
	return e
}

func (e *env) kv() *api.KV           { return e.client.KV() }
func (e *env) agent() *api.Agent     { return e.client.Agent() }
func (e *env) health() *api.Health   { return e.client.Health() }
func (e *env) sess() *api.Session    { return e.client.Session() }
func (e *env) catalog() *api.Catalog { return e.client.Catalog() }

// key returns a key of this subtest.
func (e *env) key(name string) string { return e.unique + "/" + name }

// name returns a service name or id of this subtest.
func (e *env) name(name string) string { return e.unique + "-" + name }

func (e *env) node() string {
	e.t.Helper()
	name, err := e.agent().NodeName()
	require.NoError(e.t, err)
	return name
}

func (e *env) put(key, value string) {
	e.t.Helper()
	_, err := e.kv().Put(&api.KVPair{Key: key, Value: []byte(value)}, nil)
	require.NoError(e.t, err)
}

func (e *env) get(key string) *api.KVPair {
	e.t.Helper()
	pair, _, err := e.kv().Get(key, nil)
	require.NoError(e.t, err)
	return pair
}

// must returns a key that has to exist.
func (e *env) must(key string) *api.KVPair {
	e.t.Helper()
	pair := e.get(key)
	require.NotNil(e.t, pair, "key %s", key)
	return pair
}

// register registers a service and removes it when the subtest ends.
func (e *env) register(reg *api.AgentServiceRegistration) {
	e.t.Helper()
	id := reg.ID
	if id == "" {
		id = reg.Name
	}
	e.t.Cleanup(func() { _ = e.agent().ServiceDeregister(id) })
	require.NoError(e.t, e.agent().ServiceRegister(reg))
}

// ttlService registers a service with a TTL check in the given state and
// returns the check's id.
func (e *env) ttlService(name, status string) (checkID string) {
	e.t.Helper()
	id := e.name(name)
	checkID = id + "-check"
	e.register(&api.AgentServiceRegistration{
		ID: id, Name: id, Port: 80,
		Check: &api.AgentServiceCheck{CheckID: checkID, TTL: "10m", Status: status},
	})
	e.awaitStatus(id, checkID, status)
	return checkID
}

// session creates a session and destroys it when the subtest ends. It doesn't
// delay locks unless the entry says so.
func (e *env) session(entry *api.SessionEntry) string {
	e.t.Helper()
	if entry.LockDelay == 0 {
		entry.LockDelay = time.Millisecond
	}
	id, _, err := e.sess().Create(entry, nil)
	require.NoError(e.t, err)
	e.t.Cleanup(func() { _, _ = e.sess().Destroy(id, nil) })
	return id
}

func (e *env) sessionExists(id string) bool {
	e.t.Helper()
	entry, _, err := e.sess().Info(id, nil)
	require.NoError(e.t, err)
	return entry != nil
}

// setTTL sets a TTL check and waits until the catalogue shows it.
func (e *env) setTTL(service, checkID, status string) {
	e.t.Helper()
	require.NoError(e.t, e.agent().UpdateTTL(checkID, "", status))
	e.awaitStatus(service, checkID, status)
}

// check returns a service's check from the catalogue, nil if it isn't there.
func (e *env) check(service, checkID string) *api.HealthCheck {
	e.t.Helper()
	checks, _, err := e.health().Checks(service, nil)
	require.NoError(e.t, err)
	for _, c := range checks {
		if c.CheckID == checkID {
			return c
		}
	}
	return nil
}

func (e *env) awaitStatus(service, checkID, status string) {
	e.t.Helper()
	e.eventually(func(c *assert.CollectT) {
		check := e.check(service, checkID)
		if assert.NotNil(c, check, "check %s", checkID) {
			assert.Equal(c, status, check.Status)
		}
	})
}

// eventually waits until what it is given asserts nothing wrong.
func (e *env) eventually(condition func(c *assert.CollectT)) {
	e.t.Helper()
	require.EventuallyWithT(e.t, condition, patience, poll)
}

// request sends a bare request, for what the SDK would not say.
func (e *env) request(method, path, body string) (status int, answer string) {
	e.t.Helper()
	req, err := http.NewRequestWithContext(e.t.Context(), method, "http://"+e.addr+path, strings.NewReader(body))
	require.NoError(e.t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(e.t, err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	require.NoError(e.t, err)
	return resp.StatusCode, string(data)
}

// requireStatus demands that an SDK call was refused with a status.
func requireStatus(t *testing.T, status int, err error) {
	t.Helper()
	var refused api.StatusError
	require.True(t, errors.As(err, &refused), "want status %d, got error %v", status, err)
	require.Equal(t, status, refused.Code, refused.Body)
}

// watcher repeats a blocking query and reports each time its index moves.
type watcher struct {
	t     *testing.T
	moves chan uint64
}

// watch starts a watcher that ends with the subtest. It also sees to it that
// the index never goes down.
func (e *env) watch(query func(q *api.QueryOptions) (*api.QueryMeta, error)) *watcher {
	e.t.Helper()
	w := &watcher{t: e.t, moves: make(chan uint64, 1024)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	e.t.Cleanup(func() { cancel(); <-done })
	go func() {
		defer close(done)
		w.loop(ctx, query)
	}()
	w.settle()
	return w
}

func (w *watcher) loop(ctx context.Context, query func(q *api.QueryOptions) (*api.QueryMeta, error)) {
	var last uint64
	for ctx.Err() == nil {
		meta, err := query((&api.QueryOptions{WaitIndex: last, WaitTime: time.Minute}).WithContext(ctx))
		if ctx.Err() != nil {
			return
		}
		if !assert.NoError(w.t, err) || !assert.GreaterOrEqual(w.t, meta.LastIndex, last, "the index went down") {
			return
		}
		if meta.LastIndex != last {
			last = meta.LastIndex
			w.moves <- last
		}
	}
}

// settle waits until the query blocks for the first time.
func (w *watcher) settle() {
	w.t.Helper()
	w.wakes("at first")
	w.settled()
}

// settled waits until the query blocks again. One change may wake it more than
// once, as the agent brings its parts to the catalogue.
func (w *watcher) settled() {
	for {
		select {
		case <-w.moves:
		case <-time.After(silence):
			return
		}
	}
}

// wakes demands that the query returns.
func (w *watcher) wakes(why string) {
	w.t.Helper()
	select {
	case <-w.moves:
	case <-time.After(patience):
		require.Fail(w.t, "the blocking query did not return", why)
	}
}

// sleeps demands that the query goes on blocking.
func (w *watcher) sleeps(why string) {
	w.t.Helper()
	select {
	case index := <-w.moves:
		require.Fail(w.t, fmt.Sprintf("the blocking query returned at index %d", index), why)
	case <-time.After(silence):
	}
}
