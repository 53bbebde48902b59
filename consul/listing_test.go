package consul

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/consul/api"
	"github.com/stretchr/testify/require"
)

// requireListed requires of a listing that it says what body says.
func requireListed(t *testing.T, body []byte, l *listing) {
	t.Helper()
	var whole api.KVPairs
	require.NoError(t, json.Unmarshal(body, &whole))
	require.Equal(t, len(whole), len(l.pairs), "%s", body)
	for i, p := range whole {
		require.Equal(t, p, l.pairs[i], "%s", body)
	}
	fresh := listing{}
	require.NoError(t, fresh.take(body))
	require.Equal(t, fresh.ends, l.ends, "%s", body)
}

// edited is pairs after one random change.
func edited(rnd *rand.Rand, pairs api.KVPairs, index uint64) api.KVPairs {
	pairs = slices.Clone(pairs)
	keys := []string{`a`, `a/b`, `{"Key":"x"}`, `,{"`, `\`, `]`, `é`, ``}
	fresh := &api.KVPair{Key: keys[rnd.IntN(len(keys))], Value: []byte(strings.Repeat("x", rnd.IntN(3))), ModifyIndex: index}
	at := rnd.IntN(len(pairs) + 1)
	switch kind := rnd.IntN(8); {
	case kind < 3:
		return slices.Insert(pairs, at, fresh)
	case kind == 7:
		return pairs[:0]
	case at == len(pairs):
	case kind == 3:
		return slices.Delete(pairs, at, min(at+1+rnd.IntN(3), len(pairs)))
	case kind == 4:
		pairs[at] = fresh
	case kind == 5:
		rnd.Shuffle(len(pairs), func(i, j int) { pairs[i], pairs[j] = pairs[j], pairs[i] })
	default:
		pairs = slices.Insert(pairs, at, pairs[at]) // twice the same
	}
	return pairs
}

// TestListingsByDifferenceAreAsDecodedWhole changes a folder at random, also how
// Consul writes it down: an agent in development mode indents.
func TestListingsByDifferenceAreAsDecodedWhole(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	var l listing
	pairs := api.KVPairs{}
	for index := range uint64(5000) {
		for range rnd.IntN(3) {
			pairs = edited(rnd, pairs, index/2)
		}
		body, err := json.Marshal(pairs)
		if rnd.IntN(20) == 0 || index > 4000 {
			body, err = json.MarshalIndent(pairs, "", "    ")
			body = append(body, '\n')
		}
		require.NoError(t, err)
		require.NoError(t, l.take(body))
		requireListed(t, body, &l)
	}
}

// TestAListingDecodesWhatChanged: a thousand aliases must not cost a flip of one.
func TestAListingDecodesWhatChanged(t *testing.T) {
	pairs := aliases(100)
	l := listed(t, pairs)
	before := l.pairs
	pairs[7] = &api.KVPair{Key: pairs[7].Key, Value: []byte("green-production"), ModifyIndex: 512}
	take(t, &l, pairs)
	for i, p := range l.pairs {
		require.Equal(t, i != 7, before[i] == p, "pair %d is the same one", i)
	}
	require.Equal(t, "green-production", string(l.pairs[7].Value))
	require.Equal(t, "blue-production", string(before[7].Value), "what was handed out never changes")
}

// TestAListingThatCannotBeDecoded is an error, and the next answer is taken again.
func TestAListingThatCannotBeDecoded(t *testing.T) {
	good := encoded(t, aliases(3))
	for _, bad := range []string{
		``, `null`, `{}`, `"no"`, `[`, `[}`, `[1]`, `<html>`,
		strings.Replace(string(good), `"Flags":0`, `"Flags":"no"`, 1),
		strings.Replace(string(good), `},{`, `} {`, 1),
		strings.Replace(string(good), `},{`, `},,{`, 1),
		strings.Replace(string(good), `},{`, `},`, 1),
		strings.Replace(string(good), `},{`, `}],[{`, 1),
		`[{}` + string(good),
		`[,` + string(good[1:]),
		`[` + string(good[bytes.IndexByte(good, ','):]),
		string(good[:len(good)-1]) + `,]`,
		string(good[:len(good)-1]),
		string(good[:len(good)/2]),
		string(good[:len(good)/2]) + `]`,
	} {
		l := listed(t, aliases(3))
		require.Error(t, l.take([]byte(bad)), "%s", bad)
		require.NoError(t, l.take(good))
		requireListed(t, good, &l)
	}
}

// FuzzListing takes any two answers one after the other: the second says what it
// would say by itself, or is an error if it would be one.
func FuzzListing(f *testing.F) {
	f.Add([]byte(`[{"Key":"a"},{"Key":"b"}]`), []byte(`[{"Key":"a"},{"Key":"c"},{"Key":"b"}]`))
	f.Add([]byte(`[]`), []byte(`[{"Key":"[]"}]`))
	f.Add([]byte(`[{"Key":"a"},{"Key":"b"}]`), []byte(`[{"Key":"{\"Key\":\"b\"}"},{"Key":"b"}]`))
	f.Add([]byte("[\n {}\n]\n"), []byte("[{},{} ]"))
	f.Add([]byte(`[{"Key":"a"},{"Key":"b"}]`), []byte(`[{"Key":"a"}],[{"Key":"b"}]`))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		var l, fresh listing
		_ = l.take(first)
		err := fresh.take(second)
		if err != nil {
			require.Error(t, l.take(second))
			return
		}
		require.NoError(t, l.take(second))
		requireListed(t, second, &l)
	})
}

func BenchmarkListingAfterAFlip(b *testing.B) {
	pairs := aliases(1000)
	var bodies [2][]byte
	for i := range bodies {
		pairs[500] = &api.KVPair{Key: pairs[500].Key, Value: fmt.Append(nil, i), ModifyIndex: uint64(i)}
		bodies[i] = encoded(b, pairs)
	}
	var l listing
	for n := 0; b.Loop(); n++ {
		require.NoError(b, l.take(bodies[n%2]))
	}
}

func encoded(t testing.TB, pairs api.KVPairs) []byte {
	body, err := json.Marshal(pairs)
	require.NoError(t, err)
	return body
}

func take(t *testing.T, l *listing, pairs api.KVPairs) {
	t.Helper()
	require.NoError(t, l.take(encoded(t, pairs)))
}

func listed(t *testing.T, pairs api.KVPairs) (l listing) {
	t.Helper()
	take(t, &l, pairs)
	return l
}
