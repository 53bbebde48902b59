// Package cow holds maps that are never changed but copied on write: a change
// copies the few entries around it and shares the rest with the map before. So
// ten thousand services cost no more to change one of than a hundred.
package cow

import (
	"hash/maphash"
	"iter"
	"slices"
)

const (
	// perShard is how many entries a shard has at most, on average. It bounds what
	// a change copies.
	perShard = 64

	// growth is by how much the number of shards grows at a time.
	growth = 2
)

// seed is the same for all maps of a process, so that any two can be compared
// shard by shard.
var seed = maphash.MakeSeed()

// Map is an immutable map with strings for keys. The zero value is empty. It may
// be read from any goroutine.
type Map[V any] struct {
	tree tree[V]
	len  int
}

// Of is a map with the entries of m, which is not kept.
func Of[V any](m map[string]V) Map[V] {
	e := Map[V]{}.Edit()
	for k, v := range m {
		e.Set(k, v)
	}
	return e.Done()
}

// Get finds an entry. It does not allocate.
func (m Map[V]) Get(key string) (v V, ok bool) {
	h := hashOf(key)
	return m.tree.shard(m.tree.of(h)).get(h, key)
}

// At is the entry of key, and zero where there is none.
func (m Map[V]) At(key string) V {
	v, _ := m.Get(key)
	return v
}

// Len is how many entries there are.
func (m Map[V]) Len() int { return m.len }

// All are the entries in no order.
func (m Map[V]) All() iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for n := range m.tree.len() {
			s := m.tree.shard(n)
			for i := range s {
				if s[i].hash != 0 && !yield(s[i].key(), s[i].value) {
					return
				}
			}
		}
	}
}

// Keys are all keys in order.
func (m Map[V]) Keys() []string {
	keys := make([]string, 0, m.len)
	for k := range m.All() {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Edit begins a changed copy of the map.
func (m Map[V]) Edit() *Edit[V] { return &Edit[V]{from: m} }

// Differences are the keys whose entries differ between two maps, in no order:
// those that came, went or have another value. Between a map and an edited copy
// it costs little more than the changes.
func Differences[V comparable](a, b Map[V]) iter.Seq[string] {
	return func(yield func(string) bool) {
		if a.tree.len() != b.tree.len() {
			a, b = a.whole(), b.whole()
		}
		for n := range a.tree.len() {
			x, y := a.tree.shard(n), b.tree.shard(n)
			if !same(x, y) && !differ(x, y, yield) {
				return
			}
		}
	}
}

// whole is the map in a single shard, however large.
func (m Map[V]) whole() Map[V] {
	t := newTree[V](1)
	t.groups[0][0] = make(shard[V], sizeFor(m.len))
	for n := range m.tree.len() {
		t.groups[0][0].take(m.tree.shard(n), nil)
	}
	return Map[V]{tree: t, len: m.len}
}

// differ is false when yield wants no more.
func differ[V comparable](a, b shard[V], yield func(string) bool) bool {
	for i := range a {
		if a[i].hash == 0 {
			continue
		}
		if o := b.find(&a[i]); (o == nil || o.value != a[i].value) && !yield(a[i].key()) {
			return false
		}
	}
	for i := range b {
		if b[i].hash != 0 && a.find(&b[i]) == nil && !yield(b[i].key()) {
			return false
		}
	}
	return true
}
