package store

import "time"

// firstIndex is the index of what a new store holds. Consul never answers
// index 0, which would make the next query of a client not block.
const firstIndex = 1

// state is everything the store knows, guarded by Store.mu. Records are
// replaced, never changed.
type state struct {
	// index is that of the last commit.
	index uint64
	node  *node

	kv       kvTable
	sessions map[string]*session
	// delays holds, per key, until when its lock may not be acquired.
	delays   map[string]time.Time
	services map[string]*service
	checks   map[string]*healthCheck

	sessionsIndex uint64
	servicesIndex uint64
	checksIndex   uint64
	nodesIndex    uint64
	// extinctionIndex is when a service last lost its last instance: the index
	// of queries for services that don't exist.
	extinctionIndex uint64
	// serviceIndex has an entry per existing service name.
	serviceIndex map[string]uint64
}

// newState holds the node, its liveness check and, as on any Consul server,
// a service called consul.
func newState(n *node) *state {
	st := &state{
		node:         n,
		kv:           newKVTable(),
		sessions:     make(map[string]*session),
		delays:       make(map[string]time.Time),
		services:     make(map[string]*service),
		checks:       make(map[string]*healthCheck),
		serviceIndex: make(map[string]uint64),
	}
	w := newWrite(st, time.Time{})
	n.CreateIndex, n.ModifyIndex = firstIndex, firstIndex
	w.putService(serverService())
	w.putCheck(serfCheck(n.Node))
	w.commit()
	return st
}

// A write is one commit in the making. All it changes carries its index.
// Key-value changes are kept aside until commit; catalogue and session
// changes are made at once, so whatever may fail has to come before them.
type write struct {
	*state
	kvTx
	index  uint64
	now    time.Time
	topics map[topic]struct{}
}

func newWrite(st *state, now time.Time) *write {
	return &write{
		state:  st,
		kvTx:   newKVTx(&st.kv),
		index:  st.index + 1,
		now:    now,
		topics: make(map[topic]struct{}),
	}
}

// touch marks a topic as changed by this write.
func (w *write) touch(t topic) { w.topics[t] = struct{}{} }

// commit publishes the key-value changes and moves the index if anything
// changed at all.
func (w *write) commit() {
	if w.kvTx.commit(w.index) {
		w.touch(topicKV)
	}
	if len(w.topics) > 0 {
		w.state.index = w.index
	}
}
