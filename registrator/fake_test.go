package registrator

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"teal/catalog"
)

var errFault = errors.New("a fault")

// fakeHost is a runtime and a registry in memory, whose faults a test sets. Two
// hosts may share a registry: see neighbour.
type fakeHost struct {
	t   *testing.T
	mu  *sync.Mutex
	opt Options

	containers []catalog.Container
	services   map[string]catalog.Registration
	streams    []chan struct{}
	calls      []string // what was called, for the order of things
	writes     int
	adopted    map[string]bool   // ids of others that may be removed
	reports    int               // of health, which are no writes of registrations
	lastListed map[string]bool   // desired ids by the last good list; nil after a bad one
	listed     time.Time         // when that was
	checks     map[string]string // by id: the incarnation it is the check of

	listFault, readFault, writeFault, streamFault func() error // nil for none
	lateFault                                     func() error // of a write that is done all the same
	deafness                                      func() bool  // whether an event is lost
	latency                                       func() time.Duration
	hangs, writesHang                             bool // every call, or every write, lasts until its context ends
}

func newFakeHost(t *testing.T) *fakeHost {
	return &fakeHost{t: t, mu: &sync.Mutex{}, opt: options, services: map[string]catalog.Registration{}, checks: map[string]string{}}
}

// neighbour is another registrator's host: its containers are its own, the
// registry is the same.
func (h *fakeHost) neighbour(owner string) *fakeHost {
	return &fakeHost{t: h.t, mu: h.mu, opt: Options{Owner: owner, Address: h.opt.Address}, services: h.services, checks: h.checks}
}

func fault(f func() error) error {
	if f == nil {
		return nil
	}
	return f()
}

// hang lets a call take its time.
func (h *fakeHost) hang(ctx context.Context, write bool) error {
	h.mu.Lock()
	hangs := h.hangs || (write && h.writesHang)
	var latency time.Duration
	if h.latency != nil {
		latency = h.latency()
	}
	h.mu.Unlock()
	if hangs {
		<-ctx.Done()
	}
	if latency > 0 {
		sleep(ctx, latency)
	}
	return ctx.Err()
}

func (h *fakeHost) Containers(ctx context.Context) ([]catalog.Container, error) {
	if err := h.hang(ctx, false); err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = append(h.calls, "list")
	if err := fault(h.listFault); err != nil {
		h.lastListed = nil
		return slices.Clone(h.containers[:len(h.containers)/2]), err
	}
	desired, _ := Desired(h.containers, h.opt)
	h.lastListed, h.listed = map[string]bool{}, time.Now()
	for _, r := range desired {
		h.lastListed[r.ID] = true
	}
	return slices.Clone(h.containers), nil
}

func (h *fakeHost) Changes(ctx context.Context) (<-chan struct{}, error) {
	if err := h.hang(ctx, false); err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = append(h.calls, "subscribe")
	if err := fault(h.streamFault); err != nil {
		return nil, err
	}
	stream := make(chan struct{}, 1)
	h.streams = append(h.streams, stream)
	context.AfterFunc(ctx, func() { h.endStreams(stream) })
	return stream, nil
}

// endStreams closes the given streams, or all.
func (h *fakeHost) endStreams(these ...chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.streams = slices.DeleteFunc(h.streams, func(s chan struct{}) bool {
		if len(these) > 0 && !slices.Contains(these, s) {
			return false
		}
		close(s)
		return true
	})
}

func (h *fakeHost) Registered(ctx context.Context) ([]catalog.Registration, error) {
	if err := h.hang(ctx, false); err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	all := []catalog.Registration{}
	for _, r := range h.services {
		all = append(all, r)
	}
	if err := fault(h.readFault); err != nil {
		return all[:len(all)/2], err
	}
	return all, nil
}

func (h *fakeHost) Register(ctx context.Context, r catalog.Registration) error {
	if err := h.hang(ctx, true); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.writes++
	h.inheritNothing(r)
	if before, ok := h.services[r.ID]; ok {
		assert.True(h.t, owned(before, h.opt.Owner), "%s is replaced, which is not ours", r.ID)
		assert.False(h.t, r.Same(before), "%s is written again for nothing", r.ID)
	}
	if err := fault(h.writeFault); err != nil {
		return err
	}
	h.services[r.ID] = keeping(h.services[r.ID], r)
	return fault(h.lateFault)
}

// inheritNothing holds that no check is that of two incarnations: an agent hands
// the status of a check on to the next one with its id.
func (h *fakeHost) inheritNothing(r catalog.Registration) {
	for _, c := range r.Checks {
		of, known := h.checks[c.ID]
		assert.True(h.t, !known || of == r.Incarnation, "%s is a check of %s and of %s", c.ID, of, r.Incarnation)
		h.checks[c.ID] = r.Incarnation
	}
}

func (h *fakeHost) Deregister(ctx context.Context, id string) error {
	if err := h.hang(ctx, true); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.writes++
	assert.NotNil(h.t, h.lastListed, "%s is removed after a failed list", id)
	assert.False(h.t, h.lastListed[id], "%s is removed though its container runs", id)
	if r, present := h.services[id]; present {
		assert.True(h.t, owned(r, h.opt.Owner) || h.adopted[id], "%s is removed, which is not ours", id)
	}
	if err := fault(h.writeFault); err != nil {
		return err
	}
	delete(h.services, id)
	return fault(h.lateFault)
}

// change changes the host and tells of it.
func (h *fakeHost) change(how func()) {
	h.quietly(how)
	h.tell()
}

// tell sends an event, unless it is lost.
func (h *fakeHost) tell() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.deafness != nil && h.deafness() {
		return
	}
	for _, s := range h.streams {
		select {
		case s <- struct{}{}:
		default:
		}
	}
}

// quietly changes the host without telling.
func (h *fakeHost) quietly(how func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	how()
}

func (h *fakeHost) ids() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return sortedIDs(h.services)
}

func (h *fakeHost) called() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.calls)
}

func (h *fakeHost) writeCount() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.writes
}

// lastGoodList is when the containers were last told without an error.
func (h *fakeHost) lastGoodList() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.listed
}
