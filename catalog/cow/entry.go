package cow

// maxShort makes an entry, with a pointer for its value, as long as a cache line.
const maxShort = 39

// entry is a key and its value. Most keys lie in the entry itself: to follow a
// pointer to each would be to wait for memory twice.
type entry[V any] struct {
	hash  hash // 0 for a free place
	value V
	long  *string // the key if it is longer than maxShort
	len   uint8   // of the short key
	short [maxShort]byte
}

func newEntry[V any](h hash, key string, v V) *entry[V] {
	e := &entry[V]{hash: h, value: v}
	if len(key) > maxShort {
		e.long = &key
		return e
	}
	e.len = uint8(copy(e.short[:], key))
	return e
}

// is tells whether the entry is that of a key.
func (e *entry[V]) is(h hash, key string) bool {
	if e.hash != h {
		return false
	}
	if e.long != nil {
		return *e.long == key
	}
	return string(e.short[:e.len]) == key
}

// sameKey tells whether two entries are of the same key.
func (e *entry[V]) sameKey(o *entry[V]) bool {
	if e.hash != o.hash || (e.long == nil) != (o.long == nil) {
		return false
	}
	if e.long != nil {
		return *e.long == *o.long
	}
	return e.len == o.len && e.short == o.short
}

func (e *entry[V]) key() string {
	if e.long != nil {
		return *e.long
	}
	return string(e.short[:e.len])
}
