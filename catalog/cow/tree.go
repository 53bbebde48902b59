package cow

import "slices"

// perGroup is how many shards hang together. To change a shard is to copy its
// group, and the list of groups.
const perGroup = 64

// tree is the shards of a map, a power of two of them, in groups. The zero value
// has a single empty one.
type tree[V any] struct {
	groups [][]shard[V]
}

// len is how many shards there are.
func (t tree[V]) len() int {
	switch len(t.groups) {
	case 0:
		return 1
	case 1:
		return len(t.groups[0])
	}
	return len(t.groups) * perGroup
}

// of is which shard a key belongs to.
func (t tree[V]) of(h hash) int { return int(h) & (t.len() - 1) }

func (t tree[V]) shard(n int) shard[V] {
	if len(t.groups) == 0 {
		return nil
	}
	return t.groups[n/perGroup][n%perGroup]
}

// newTree has n empty shards.
func newTree[V any](n int) tree[V] {
	t := tree[V]{groups: make([][]shard[V], max(1, n/perGroup))}
	for i := range t.groups {
		t.groups[i] = make([]shard[V], min(n, perGroup))
	}
	return t
}

// copy is one whose groups are still those of t.
func (t tree[V]) copy() tree[V] {
	if len(t.groups) == 0 {
		return newTree[V](1)
	}
	return tree[V]{groups: slices.Clone(t.groups)}
}
