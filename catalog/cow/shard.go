package cow

import (
	"hash/maphash"
	"math/bits"
)

// hash is that of a key. Its highest bit is set, so that 0 is none.
type hash uint64

func hashOf(key string) hash { return hash(maphash.String(seed, key) | 1<<63) }

// shard is a part of a map: a hash table with open addressing and linear probing,
// at most three quarters full. Go's own maps hash a second time and are slower to copy. It
// is not changed once its map is handed out.
type shard[V any] []entry[V]

// home is where a key would be if it were alone.
func (s shard[V]) home(h hash) int { return int(h>>32) & (len(s) - 1) }

func (s shard[V]) get(h hash, key string) (v V, ok bool) {
	if len(s) == 0 {
		return v, false
	}
	for i := s.home(h); s[i].hash != 0; i = (i + 1) & (len(s) - 1) {
		if s[i].is(h, key) {
			return s[i].value, true
		}
	}
	return v, false
}

// set replaces an entry or takes a free place, of which there must be one. It
// tells whether the key is new.
func (s shard[V]) set(one *entry[V]) (fresh bool) {
	if old := s.find(one); old != nil {
		old.value = one.value
		return false
	}
	s.add(one)
	return true
}

// len is how many entries there are.
func (s shard[V]) len() int { return s.count(nil) }

// count is how many entries are wanted, all where wanted is nil.
func (s shard[V]) count(wanted func(*entry[V]) bool) (n int) {
	for i := range s {
		if s[i].hash != 0 && (wanted == nil || wanted(&s[i])) {
			n++
		}
	}
	return n
}

// sizeFor is how many places a shard of n entries has: a power of two, of which
// some are free.
func sizeFor(n int) int { return 1 << bits.Len(uint(max(n+n/3, 3))) }

// copy is a changed copy in the making, with room for n entries.
func (s shard[V]) copy(n int) shard[V] {
	if size := sizeFor(n); size != len(s) {
		out := make(shard[V], size)
		out.take(s, nil)
		return out
	}
	return append(make(shard[V], 0, len(s)), s...)
}

// without is a copy that lacks a key.
func (s shard[V]) without(h hash, key string, n int) shard[V] {
	out := make(shard[V], sizeFor(n))
	out.take(s, func(one *entry[V]) bool { return !one.is(h, key) })
	return out
}

// take adds the entries of another shard that are wanted, all where wanted is
// nil. They must be new.
func (s shard[V]) take(from shard[V], wanted func(*entry[V]) bool) {
	for i := range from {
		one := &from[i]
		if one.hash == 0 || (wanted != nil && !wanted(one)) {
			continue
		}
		s.add(one)
	}
}

// add puts an entry whose key is new into a free place.
func (s shard[V]) add(one *entry[V]) {
	at := s.home(one.hash)
	for s[at].hash != 0 {
		at = (at + 1) & (len(s) - 1)
	}
	s[at] = *one
}

// find is the entry with the same key as another shard's; nil for none.
func (s shard[V]) find(one *entry[V]) *entry[V] {
	if len(s) == 0 {
		return nil
	}
	for i := s.home(one.hash); s[i].hash != 0; i = (i + 1) & (len(s) - 1) {
		if s[i].sameKey(one) {
			return &s[i]
		}
	}
	return nil
}

// same tells whether two shards are one and the same.
func same[V any](a, b shard[V]) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}
