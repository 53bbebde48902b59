package store

import "sync"

// A topic is one thing a blocking query may wait for. Waking is only a hint to
// read again: whether the query returns follows from the index it reads.
type topic string

const (
	topicKV       topic = "kv"
	topicSessions topic = "sessions"
	topicServices topic = "services"
	topicNodes    topic = "nodes"
	topicChecks   topic = "checks"
)

// serviceTopic changes with a service's instances and their checks.
func serviceTopic(name string) topic { return topic("service:" + name) }

// stateTopic changes when a check enters, leaves or changes within a state.
func stateTopic(status string) topic { return topic("state:" + status) }

// watchers broadcasts changes by closing a channel per topic. It has its own
// lock and may be used with or without the store's.
type watchers struct {
	mu     sync.Mutex
	topics map[topic]*broadcast
}

type broadcast struct {
	ch      chan struct{}
	waiting int
}

func newWatchers() *watchers {
	return &watchers{topics: make(map[topic]*broadcast)}
}

// wait returns a channel that is closed at the topic's next change. Call
// release when done with it, so that topics nobody waits for are forgotten.
func (w *watchers) wait(t topic) (changed <-chan struct{}, release func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	b := w.topics[t]
	if b == nil {
		b = &broadcast{ch: make(chan struct{})}
		w.topics[t] = b
	}
	b.waiting++
	return b.ch, func() { w.release(t, b) }
}

func (w *watchers) release(t topic, b *broadcast) {
	w.mu.Lock()
	defer w.mu.Unlock()
	b.waiting--
	if b.waiting == 0 && w.topics[t] == b {
		delete(w.topics, t)
	}
}

// notify wakes everybody who waits for one of the topics.
func (w *watchers) notify(topics map[topic]struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for t := range topics {
		if b := w.topics[t]; b != nil {
			close(b.ch)
			delete(w.topics, t)
		}
	}
}
