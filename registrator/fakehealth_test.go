package registrator

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"teal/catalog"
)

// keeping is what an agent has after a registration: checks that it had keep
// what they say, new ones of the registrator's begin critical, and maintenance
// lasts. Of other checks it does not matter here what they say.
func keeping(before, r catalog.Registration) catalog.Registration {
	r.Checks = slices.Clone(r.Checks)
	for i := range r.Checks {
		if c := &r.Checks[i]; c.Status != "" {
			c.Status, c.Output = catalog.Critical, ""
			for _, old := range before.Checks {
				if old.ID == c.ID {
					c.Status, c.Output = old.Status, old.Output
				}
			}
		}
	}
	r.Maintenance = before.Maintenance
	return r
}

func (h *fakeHost) Report(ctx context.Context, checkID string, status catalog.Health, output string) error {
	if err := h.hang(ctx, true); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reports++
	if err := fault(h.writeFault); err != nil {
		return err
	}
	for id, r := range h.services {
		if i := slices.IndexFunc(r.Checks, func(c catalog.Check) bool { return c.ID == checkID }); i >= 0 {
			assert.True(h.t, owned(r, h.opt.Owner), "the health of %s is reported, which is not ours", id)
			r.Checks = slices.Clone(r.Checks)
			r.Checks[i].Status, r.Checks[i].Output = status, output
			h.services[id] = r
			return fault(h.lateFault)
		}
	}
	return errFault
}

func (h *fakeHost) Maintain(ctx context.Context, id, reason string) error {
	if err := h.hang(ctx, true); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.writes++
	if err := fault(h.writeFault); err != nil {
		return err
	}
	r, ok := h.services[id]
	if !ok {
		return errFault
	}
	assert.True(h.t, owned(r, h.opt.Owner), "%s is maintained, which is not ours", id)
	switch _, ours := parseHold(r.Maintenance); {
	case reason == "":
		assert.True(h.t, ours || r.Maintenance == "", "maintenance of %s is ended that is not ours", id)
		r.Maintenance = ""
	case r.Maintenance == "":
		r.Maintenance = reason
	}
	h.services[id] = r
	return fault(h.lateFault)
}

// instance is what the agent has of an instance.
func (h *fakeHost) instance(id string) catalog.Registration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.services[id]
}

func (h *fakeHost) reportCount() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.reports
}

// fakeMail is where requests to drain and signals come from.
type fakeMail struct {
	t        *testing.T
	mu       sync.Mutex
	requests map[string]catalog.DrainRequest
	fault    error
	faults   func() error // nil for none but fault
	changes  []chan struct{}
	signals  []chan catalog.Signal
}

func newFakeMail(t *testing.T) *fakeMail {
	return &fakeMail{t: t, requests: map[string]catalog.DrainRequest{}}
}

func (m *fakeMail) Requests(context.Context) (map[string]catalog.DrainRequest, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.requests), cmp.Or(m.fault, fault(m.faults))
}

func (m *fakeMail) Settle(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := cmp.Or(m.fault, fault(m.faults)); err != nil {
		return err
	}
	delete(m.requests, id)
	return nil
}

func (m *fakeMail) Changes(ctx context.Context) (<-chan struct{}, error) {
	c := make(chan struct{}, 1)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changes = append(m.changes, c)
	context.AfterFunc(ctx, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.changes = slices.DeleteFunc(m.changes, func(o chan struct{}) bool { return o == c })
		close(c)
	})
	return c, nil
}

func (m *fakeMail) Signals(ctx context.Context) (<-chan catalog.Signal, error) {
	c := make(chan catalog.Signal, 10)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.signals = append(m.signals, c)
	context.AfterFunc(ctx, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.signals = slices.DeleteFunc(m.signals, func(o chan catalog.Signal) bool { return o == c })
		close(c)
	})
	return c, nil
}

// fails lets calls fail when how says so.
func (m *fakeMail) fails(how func() error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.faults = how
}

// write changes the requests and tells of it.
func (m *fakeMail) write(how func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	how()
	for _, c := range m.changes {
		poke(c)
	}
}

// send sends a signal to a container.
func (m *fakeMail) send(s catalog.Signal) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.signals {
		c <- s
	}
}

func (m *fakeMail) asked() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return sortedIDs(m.requests)
}
