package cow

import (
	"maps"
	"reflect"
)

// Edit is a map being changed. It belongs to one goroutine.
type Edit[V any] struct {
	from    Map[V]
	shards  []map[string]V // nil until the first change
	copied  map[int]bool   // which of shards are our own; nil for all
	changed int            // the difference in entries
}

// Get finds an entry, changes included.
func (e *Edit[V]) Get(key string) (v V, ok bool) {
	if e.shards == nil {
		return e.from.Get(key)
	}
	v, ok = e.shards[shardOf(key, len(e.shards))][key]
	return v, ok
}

// Set adds or replaces an entry.
func (e *Edit[V]) Set(key string, v V) {
	e.grow()
	shard := e.own(key)
	if _, had := shard[key]; !had {
		e.changed++
	}
	shard[key] = v
}

// Delete removes an entry, if there is one.
func (e *Edit[V]) Delete(key string) {
	if _, had := e.Get(key); had {
		delete(e.own(key), key)
		e.changed--
	}
}

// Done is the changed map. The edit must not be used any more.
func (e *Edit[V]) Done() Map[V] {
	if e.shards == nil {
		return e.from
	}
	return Map[V]{shards: e.shards, len: e.from.len + e.changed}
}

// own is the shard of a key, for writing.
func (e *Edit[V]) own(key string) map[string]V {
	e.begin(max(1, len(e.from.shards)))
	n := shardOf(key, len(e.shards))
	if e.copied != nil && !e.copied[n] {
		e.shards[n] = maps.Clone(e.shards[n])
		e.copied[n] = true
	}
	if e.shards[n] == nil {
		e.shards[n] = map[string]V{}
	}
	return e.shards[n]
}

func (e *Edit[V]) begin(shards int) {
	if e.shards != nil {
		return
	}
	e.shards = make([]map[string]V, shards)
	copy(e.shards, e.from.shards)
	e.copied = map[int]bool{}
}

// grow spreads the entries over more shards when there are too many in each.
func (e *Edit[V]) grow() {
	n := max(1, len(e.shards), len(e.from.shards))
	if e.from.len+e.changed < n*perShard {
		return
	}
	old := e.shards
	if old == nil {
		old = e.from.shards
	}
	n *= growth
	e.shards, e.copied = make([]map[string]V, n), nil
	for i := range e.shards {
		e.shards[i] = make(map[string]V, perShard/growth)
	}
	for _, shard := range old {
		for k, v := range shard {
			e.shards[shardOf(k, n)][k] = v
		}
	}
}

// same tells whether two maps are one and the same.
func same[V any](a, b map[string]V) bool {
	return reflect.ValueOf(a).UnsafePointer() == reflect.ValueOf(b).UnsafePointer()
}
