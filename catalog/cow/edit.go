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
	if !own || sizeFor(has+1) > len(s) {
		s = s.copy(has + 1)
	}
	if s.set(newEntry(h, key, v)) {
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
	h := hashOf(key)
	n := e.tree.of(h)
	s := e.tree.shard(n)
	has := s.len() - 1
	e.put(n, s.without(h, key, has), has)
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
	old := e.tree
	e.tree = newTree[V](old.len() * growth)
	e.groups, e.own = map[int]bool{}, map[int]int{}
	for n := range e.tree.len() {
		e.groups[n/perGroup] = true
		from := old.shard(n % old.len())
		mine := func(one *entry[V]) bool { return e.tree.of(one.hash) == n }
		has := from.count(mine)
		s := make(shard[V], sizeFor(has+1))
		s.take(from, mine)
		e.put(n, s, has)
	}
}
