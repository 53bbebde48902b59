package cow

import (
	"hash/maphash"
	"math/bits"
)

// hash is that of a key. Its highest bit is set, so that 0 is none.
type hash uint64

func hashOf(key string) hash { return hash(maphash.String(seed, key) | 1<<63) }

// shard is a part of a map: a hash table with open addressing and linear probing,
// at most half full. Go's own maps hash a second time and are slower to copy. It
// is not changed once its map is handed out.
type shard[V any] []entry[V]

type entry[V any] struct {
	hash  hash // 0 for a free place
	key   string
	value V
}

// home is where a key would be if it were alone.
func (s shard[V]) home(h hash) int { return int(h>>32) & (len(s) - 1) }

func (s shard[V]) get(h hash, key string) (v V, ok bool) {
	if len(s) == 0 {
		return v, false
	}
	for i := s.home(h); s[i].hash != 0; i = (i + 1) & (len(s) - 1) {
		if s[i].hash == h && s[i].key == key {
			return s[i].value, true
		}
	}
	return v, false
}

// set replaces an entry or takes a free place, of which there must be one. It
// tells whether the key is new.
func (s shard[V]) set(h hash, key string, v V) (fresh bool) {
	i := s.home(h)
	for ; s[i].hash != 0; i = (i + 1) & (len(s) - 1) {
		if s[i].hash == h && s[i].key == key {
			s[i].value = v
			return false
		}
	}
	s[i] = entry[V]{h, key, v}
	return true
}

// len is how many entries there are.
func (s shard[V]) len() (n int) {
	for i := range s {
		if s[i].hash != 0 {
			n++
		}
	}
	return n
}

// copy is a changed copy in the making: with room for n entries, and without
// those that keep does not want.
func (s shard[V]) copy(n int, keep func(entry[V]) bool) shard[V] {
	size := 1 << bits.Len(uint(max(2*n-1, 3)))
	if size == len(s) && keep == nil {
		return append(make(shard[V], 0, size), s...)
	}
	out := make(shard[V], size)
	for _, one := range s {
		if one.hash != 0 && (keep == nil || keep(one)) {
			out.set(one.hash, one.key, one.value)
		}
	}
	return out
}

// entries is the shard as an ordinary map.
func (s shard[V]) entries() map[string]V {
	m := make(map[string]V, len(s)/2)
	for _, one := range s {
		if one.hash != 0 {
			m[one.key] = one.value
		}
	}
	return m
}

// same tells whether two shards are one and the same.
func same[V any](a, b shard[V]) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}
