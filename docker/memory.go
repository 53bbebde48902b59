package docker

import (
	"fmt"
	"hash/maphash"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"

	"teal/catalog"
)

// rememberFor is how long a container is remembered at most before it is looked
// at again although nothing was heard of it: events get lost. Each is forgotten
// at a moment of its own between half of it and all, so that not all are looked
// at at once.
const rememberFor = 5 * time.Minute

// memory is what containers were when they were last looked at. To look at one
// is what costs: a thousand that have not changed are told by one list. It is
// believed only while a stream of events is open, of containers that no event
// has named since, and that the list tells the same of. The zero value remembers
// nothing. Its methods may be called from any goroutine.
type memory struct {
	mu      sync.Mutex
	streams int // of events, that are open
	known   map[string]remembered
	looks   map[*look]bool // under way
}

type remembered struct {
	container catalog.Container
	text      uint64 // hash of what the list told of it
	outline   string // what of that matters
	until     time.Time
}

// look is one reading of all containers.
type look struct {
	memory *memory
	now    time.Time
	// What an event has named while the look was under way may have been read
	// before it.
	named map[string]bool
	void  bool // any may have changed
}

// attend begins to believe, since a stream of events is open. It answers how to
// end that.
func (m *memory) attend() (end func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.streams++
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.streams--
		if m.streams == 0 {
			m.forgetAll()
		}
	}
}

// hear forgets what an event tells of.
func (m *memory) hear(e events.Message) {
	id := e.Actor.ID
	if e.Type != events.ContainerEventType {
		id = e.Actor.Attributes["container"] // of a network: who was connected
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if id == "" {
		m.forgetAll()
		return
	}
	delete(m.known, id)
	for l := range m.looks {
		l.named[id] = true
	}
}

// forgetAll is for callers that hold mu.
func (m *memory) forgetAll() {
	clear(m.known)
	for l := range m.looks {
		l.void = true
	}
}

// look begins a reading. The caller ends it.
func (m *memory) look(now time.Time) *look {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := &look{memory: m, now: now, named: map[string]bool{}, void: m.streams == 0}
	if m.looks == nil {
		m.looks = map[*look]bool{}
	}
	m.looks[l] = true
	return l
}

// recall answers a container as it was, if the list tells nothing new of it.
func (l *look) recall(text []byte) (catalog.Container, bool) {
	l.memory.mu.Lock()
	defer l.memory.mu.Unlock()
	r, ok := l.memory.known[string(idIn(text))]
	return r.container, ok && l.valid(r) && r.text == hash(text)
}

// recognise answers a container as it was, if nothing that the list tells of it
// matters, such as for how long it runs.
func (l *look) recognise(s container.Summary, text []byte) (catalog.Container, bool) {
	l.memory.mu.Lock()
	defer l.memory.mu.Unlock()
	r, ok := l.memory.known[s.ID]
	if !ok || !l.valid(r) || r.outline != outline(s) {
		return catalog.Container{}, false
	}
	r.text = hash(text)
	l.memory.known[s.ID] = r
	return r.container, true
}

// valid is for callers that hold mu.
func (l *look) valid(r remembered) bool { return !l.void && l.now.Before(r.until) }

// keep remembers a container that was inspected after the list told s.
func (l *look) keep(s container.Summary, text []byte, c catalog.Container) {
	l.memory.mu.Lock()
	defer l.memory.mu.Unlock()
	if l.void || l.named[s.ID] {
		return
	}
	if l.memory.known == nil {
		l.memory.known = map[string]remembered{}
	}
	l.memory.known[s.ID] = remembered{
		container: c, text: hash(text), outline: outline(s), until: l.now.Add(rememberFor/2 + rand.N(rememberFor/2)),
	}
}

// end ends the look, and forgets the containers that are not among those listed.
func (l *look) end(listed []catalog.Container) {
	l.memory.mu.Lock()
	defer l.memory.mu.Unlock()
	delete(l.memory.looks, l)
	present := make(map[string]bool, len(listed))
	for _, c := range listed {
		present[c.ID] = true
	}
	maps.DeleteFunc(l.memory.known, func(id string, _ remembered) bool { return !present[id] })
}

// seed makes the hashes of this process its own.
var seed = maphash.MakeSeed()

func hash(text []byte) uint64 { return maphash.Bytes(seed, text) }

// outline is all that a list tells of a container that may change: a second
// witness beside the events.
func outline(s container.Summary) string {
	var b strings.Builder
	b.WriteString(s.State)
	b.WriteString(healthIn(s.Status))
	for _, name := range s.Names {
		b.WriteByte(' ')
		b.WriteString(name)
	}
	for _, p := range s.Ports {
		fmt.Fprintf(&b, " %s:%d:%d:%s", p.IP, p.PrivatePort, p.PublicPort, p.Type)
	}
	if s.NetworkSettings != nil {
		for _, n := range networksOf(s.NetworkSettings.Networks) {
			fmt.Fprintf(&b, " %s=%s=%s", n.Name, n.IP, n.IPv6)
		}
	}
	return b.String()
}

// healthIn is the part of a status that tells of the HEALTHCHECK: "(healthy)" of
// "Up 5 minutes (healthy)".
func healthIn(status string) string {
	if i := strings.LastIndexByte(status, '('); i >= 0 && strings.HasPrefix(status, "Up") {
		return status[i:]
	}
	return ""
}
