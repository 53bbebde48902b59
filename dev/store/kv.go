package store

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// maxValueSize is Consul's default limit of a value and of a whole transaction.
const maxValueSize = 512 * 1024

// maxTombstones bounds what is remembered of deleted keys.
const maxTombstones = 8192

// kvEntry is one key as Consul's JSON shows it.
type kvEntry struct {
	LockIndex   uint64
	Key         string
	Flags       uint64
	Value       []byte
	Session     string `json:",omitempty"`
	CreateIndex uint64
	ModifyIndex uint64
}

func (e *kvEntry) same(o *kvEntry) bool {
	return e.LockIndex == o.LockIndex && e.Key == o.Key && e.Flags == o.Flags &&
		e.Session == o.Session && bytes.Equal(e.Value, o.Value)
}

// kvTable holds the keys in order, and the index at which each missing one was
// deleted, so that the index of a prefix also moves on when it loses a key.
type kvTable struct {
	entries    map[string]*kvEntry
	keys       []string
	tombstones map[string]uint64
	// reaped is the highest index of a forgotten tombstone.
	reaped uint64
	index  uint64
}

func newKVTable() kvTable {
	return kvTable{entries: make(map[string]*kvEntry), tombstones: make(map[string]uint64)}
}

// keysUnder returns the keys with the prefix, in order. The result is valid
// only while the table does not change.
func (t *kvTable) keysUnder(prefix string) []string {
	from, _ := slices.BinarySearch(t.keys, prefix)
	rest := t.keys[from:]
	for i, key := range rest {
		if !strings.HasPrefix(key, prefix) {
			return rest[:i]
		}
	}
	return rest
}

// list returns the entries under the prefix, in order of their keys.
func (t *kvTable) list(prefix string) []*kvEntry {
	keys := t.keysUnder(prefix)
	entries := make([]*kvEntry, 0, len(keys))
	for _, key := range keys {
		entries = append(entries, t.entries[key])
	}
	return entries
}

// prefixIndex is the index of the last change under the prefix, deletions
// included, or that of the whole table if there never was one.
func (t *kvTable) prefixIndex(prefix string) uint64 {
	if prefix == "" {
		return t.index
	}
	var index uint64
	for _, e := range t.list(prefix) {
		index = max(index, e.ModifyIndex)
	}
	for key, deleted := range t.tombstones {
		if strings.HasPrefix(key, prefix) {
			index = max(index, deleted)
		}
	}
	if index == 0 {
		return t.index
	}
	return max(index, t.reaped)
}

func (t *kvTable) put(e *kvEntry) {
	if _, ok := t.entries[e.Key]; !ok {
		at, _ := slices.BinarySearch(t.keys, e.Key)
		t.keys = slices.Insert(t.keys, at, e.Key)
	}
	t.entries[e.Key] = e
	delete(t.tombstones, e.Key)
}

func (t *kvTable) remove(key string, index uint64) {
	if at, ok := slices.BinarySearch(t.keys, key); ok {
		t.keys = slices.Delete(t.keys, at, at+1)
	}
	delete(t.entries, key)
	t.tombstones[key] = index
	if len(t.tombstones) > maxTombstones {
		t.reap()
	}
}

// reap forgets all tombstones. The index of every prefix is at least that of
// the newest of them from then on: one wake-up too many, but never one too few.
func (t *kvTable) reap() {
	for _, index := range t.tombstones {
		t.reaped = max(t.reaped, index)
	}
	clear(t.tombstones)
}

// kvTx is a set of changes to the table that is applied as a whole or not at
// all. Reads see the changes made so far.
type kvTx struct {
	table *kvTable
	// changed maps to nil what is to be deleted.
	changed map[string]*kvEntry
}

func newKVTx(t *kvTable) kvTx {
	return kvTx{table: t, changed: make(map[string]*kvEntry)}
}

func (tx kvTx) get(key string) *kvEntry {
	if e, ok := tx.changed[key]; ok {
		return e
	}
	return tx.table.entries[key]
}

func (tx kvTx) listTree(prefix string) []*kvEntry {
	merged := make(map[string]*kvEntry)
	for _, e := range tx.table.list(prefix) {
		merged[e.Key] = e
	}
	for key, e := range tx.changed {
		if strings.HasPrefix(key, prefix) {
			merged[key] = e
		}
	}
	var entries []*kvEntry
	for _, key := range slices.Sorted(maps.Keys(merged)) {
		if e := merged[key]; e != nil {
			entries = append(entries, e)
		}
	}
	return entries
}

// heldBy returns the entries locked by a session, changes included.
func (tx kvTx) heldBy(session string) []*kvEntry {
	return slices.DeleteFunc(tx.listTree(""), func(e *kvEntry) bool { return e.Session != session })
}

// commit applies the changes and reports whether there were any.
func (tx kvTx) commit(index uint64) bool {
	for key, e := range tx.changed {
		if e == nil {
			tx.table.remove(key, index)
		} else {
			tx.table.put(e)
		}
	}
	if len(tx.changed) > 0 {
		tx.table.index = index
	}
	return len(tx.changed) > 0
}

// errMissingSession is what acquire and release answer without a session.
var errMissingSession = errors.New("missing session")

// putKey stores e with its session as given and returns the stored entry. A
// write that changes nothing leaves the entry and its index alone.
func (w *write) putKey(e kvEntry) *kvEntry {
	old := w.get(e.Key)
	e.CreateIndex, e.ModifyIndex = w.index, w.index
	if old != nil {
		e.CreateIndex = old.CreateIndex
		if old.same(&e) {
			return old
		}
	}
	w.changed[e.Key] = &e
	return &e
}

// setKey stores a value. The holder of the key's lock stays the same.
func (w *write) setKey(e kvEntry) *kvEntry {
	e.Session = ""
	if old := w.get(e.Key); old != nil {
		e.Session = old.Session
	}
	return w.putKey(e)
}

// casKey stores a value if the key still has the given index; index 0 means
// that it must not exist. It returns nil if not.
func (w *write) casKey(e kvEntry, index uint64) *kvEntry {
	old := w.get(e.Key)
	if index == 0 && old != nil || index != 0 && (old == nil || old.ModifyIndex != index) {
		return nil
	}
	return w.setKey(e)
}

// lockKey stores a value and acquires the key for the session in e. It returns
// nil if another session holds it, and an error if the session doesn't exist.
func (w *write) lockKey(e kvEntry) (*kvEntry, error) {
	if e.Session == "" {
		return nil, errMissingSession
	}
	if _, ok := w.sessions[e.Session]; !ok {
		return nil, fmt.Errorf("invalid session %q", e.Session)
	}
	e.LockIndex = 1
	if old := w.get(e.Key); old != nil {
		switch old.Session {
		case e.Session:
			e.LockIndex = old.LockIndex
		case "":
			e.LockIndex = old.LockIndex + 1
		default:
			return nil, nil
		}
	}
	return w.putKey(e), nil
}

// unlockKey stores a value and releases the key if the session in e holds it,
// otherwise it returns nil.
func (w *write) unlockKey(e kvEntry) (*kvEntry, error) {
	if e.Session == "" {
		return nil, errMissingSession
	}
	old := w.get(e.Key)
	if old == nil || old.Session != e.Session {
		return nil, nil
	}
	e.Session, e.LockIndex = "", old.LockIndex
	return w.putKey(e), nil
}

func (w *write) deleteKey(key string) {
	if w.get(key) == nil {
		return
	}
	w.changed[key] = nil
	if w.table.entries[key] == nil {
		delete(w.changed, key) // made and deleted in the same write
	}
}

// deleteKeyCAS deletes the key if it still has the given index, and reports
// whether it is gone.
func (w *write) deleteKeyCAS(key string, index uint64) bool {
	old := w.get(key)
	if old == nil {
		return true
	}
	if old.ModifyIndex != index {
		return false
	}
	w.deleteKey(key)
	return true
}

func (w *write) deleteTree(prefix string) {
	for _, e := range w.listTree(prefix) {
		w.deleteKey(e.Key)
	}
}

// delayed reports whether a lock delay forbids acquiring the key.
func (w *write) delayed(key string) bool {
	until, ok := w.delays[key]
	if ok && !until.After(w.now) {
		delete(w.delays, key)
		return false
	}
	return ok
}

func (w *write) delayLock(key string, delay time.Duration) {
	if delay > 0 {
		w.delays[key] = w.now.Add(delay)
	}
}
