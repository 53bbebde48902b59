package cow

import "slices"

// Edit is a map being changed. It belongs to one goroutine.
type Edit[V any] struct {
	from    Map[V]
	begun   bool
	tree    tree[V]      // of from until the first change
	groups  map[int]bool // which of the tree's groups are our own
	own     map[int]int  // which of its shards are, and how many entries they have
	changed int          // the difference in entries
}

// Get finds an entry, changes included.
func (e *Edit[V]) Get(key string) (v V, ok bool) {
	if !e.begun {
		return e.from.Get(key)
	}
	h := hashOf(key)
	return e.tree.shard(e.tree.of(h)).get(h, key)
}

// Set adds or replaces an entry.
func (e *Edit[V]) Set(key string, v V) {
	e.begin()
	if e.from.len+e.changed >= e.tree.len()*perShard {
		e.grow()
	}
	h := hashOf(key)
	n := e.tree.of(h)
	s := e.tree.shard(n)
	has, own := e.own[n]
	if !own {
		has = s.len()
	}
	if !own || 2*(has+1) > len(s) {
		s = s.copy(has+1, nil)
	}
	if s.set(h, key, v) {
		has++
		e.changed++
	}
	e.put(n, s, has)
}

// Delete removes an entry, if there is one.
func (e *Edit[V]) Delete(key string) {
	if _, had := e.Get(key); !had {
		return
	}
	e.begin()
	n := e.tree.of(hashOf(key))
	s := e.tree.shard(n)
	has := s.len() - 1
	e.put(n, s.copy(has, func(one entry[V]) bool { return one.key != key }), has)
	e.changed--
}

// Done is the changed map. The edit must not be used any more.
func (e *Edit[V]) Done() Map[V] {
	if !e.begun {
		return e.from
	}
	return Map[V]{tree: e.tree, len: e.from.len + e.changed}
}

func (e *Edit[V]) begin() {
	if e.begun {
		return
	}
	e.begun, e.tree, e.groups, e.own = true, e.from.tree.copy(), map[int]bool{}, map[int]int{}
}

// put replaces a shard by one of our own.
func (e *Edit[V]) put(n int, s shard[V], has int) {
	g := n / perGroup
	if !e.groups[g] {
		e.tree.groups[g] = slices.Clone(e.tree.groups[g])
		e.groups[g] = true
	}
	e.tree.groups[g][n%perGroup] = s
	e.own[n] = has
}

// grow spreads the entries over more shards.
func (e *Edit[V]) grow() {
	old := Map[V]{tree: e.tree}
	e.tree = newTree[V](e.tree.len() * growth)
	e.groups, e.own = map[int]bool{}, map[int]int{}
	counts := make([]int, e.tree.len())
	for k := range old.All() {
		counts[e.tree.of(hashOf(k))]++
	}
	for n, has := range counts {
		e.put(n, shard[V](nil).copy(has+1, nil), has)
	}
	for k, v := range old.All() {
		h := hashOf(k)
		e.tree.shard(e.tree.of(h)).set(h, k, v)
	}
}
