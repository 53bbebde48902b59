package consul

import (
	"cmp"
	"strings"

	"github.com/hashicorp/consul/api"

	"teal/catalog"
)

// known is what a view has of one folder of keys. What did not change is not
// parsed again: one flip among ten thousand aliases costs one parsing.
type known struct {
	pairs  api.KVPairs            // as last believed, in the order of their keys
	groups map[string]api.KVPairs // the same by what they are about
	facts  map[string]facts       // by service
}

func newKnown() *known {
	return &known{groups: map[string]api.KVPairs{}, facts: map[string]facts{}}
}

// keyChange is a key that was written, or is gone where it has no pair.
type keyChange struct {
	key  string
	pair *api.KVPair
}

// changesOf are the keys that differ between two readings of a folder, which
// Consul answers in the order of the keys.
func changesOf(old, now api.KVPairs) []keyChange {
	var changes []keyChange
	for len(old)+len(now) > 0 {
		switch order := compareFirst(old, now); {
		case order < 0:
			changes = append(changes, keyChange{key: old[0].Key})
			old = old[1:]
		case order > 0:
			changes = append(changes, keyChange{now[0].Key, now[0]})
			now = now[1:]
		default:
			if !samePair(old[0], now[0]) {
				changes = append(changes, keyChange{now[0].Key, now[0]})
			}
			old, now = old[1:], now[1:]
		}
	}
	return changes
}

// compareFirst orders the first keys of two lists that are not both empty; the
// end of a list comes after all keys.
func compareFirst(a, b api.KVPairs) int {
	switch {
	case len(a) == 0:
		return 1
	case len(b) == 0:
		return -1
	}
	return cmp.Compare(a[0].Key, b[0].Key)
}

// take puts changed keys into their groups, and answers which groups those are.
func (k *known) take(keys catalog.Keys, folder string, pairs api.KVPairs) map[string]bool {
	touched := map[string]bool{}
	for _, c := range changesOf(k.pairs, pairs) {
		group := groupOf(keys, folder, c.key)
		touched[group] = true
		k.groups[group] = with(k.groups[group], c)
		if len(k.groups[group]) == 0 {
			delete(k.groups, group)
		}
	}
	k.pairs = pairs
	return touched
}

// with is a group after a change of one of its keys.
func with(group api.KVPairs, c keyChange) api.KVPairs {
	var out api.KVPairs
	for _, p := range group {
		if p.Key != c.key {
			out = append(out, p)
		}
	}
	if c.pair != nil {
		out = append(out, c.pair)
	}
	return out
}

// groupOf is the service that a key is about. A key that is not spelled as its
// folder wants, and so is about none, is a group of its own.
func groupOf(keys catalog.Keys, folder, key string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(key, folder), "/")
	if name == "" {
		return key
	}
	return name
}
