package consul

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/catalog/cow"
)

// aliases are a folder of them, in the order of their keys.
func aliases(n int) api.KVPairs {
	var pairs api.KVPairs
	for i := range n {
		pairs = append(pairs, &api.KVPair{Key: fmt.Sprintf("teal/aliases/web-%03d/production", i), Value: []byte("blue-production"), ModifyIndex: uint64(10 + i)})
	}
	return pairs
}

// TestOneFlipTouchesOneService holds the view to its promise that a change costs
// what it changes.
func TestOneFlipTouchesOneService(t *testing.T) {
	keys := catalog.NewKeys("")
	v := newView(keys)
	pairs := aliases(500)
	require.True(t, v.setFolder(keys.Aliases(), pairs, 510))
	before := v.snapshot()
	require.Equal(t, 500, before.Services.Len())
	require.True(t, v.mentioned)
	v.mentioned = false

	require.False(t, v.setFolder(keys.Aliases(), slices.Clone(pairs), 511), "nothing changed")
	pairs[7] = &api.KVPair{Key: pairs[7].Key, Value: []byte("green-production"), ModifyIndex: 512}
	require.True(t, v.setFolder(keys.Aliases(), pairs, 512))
	require.Equal(t, map[string]bool{"web-007": true}, v.dirty)
	require.False(t, v.mentioned)
	after := v.snapshot()
	require.Equal(t, []string{"web-007"}, slices.Collect(cow.Differences(before.Services, after.Services)))
	require.EqualValues(t, 512, after.AliasIndex)
	require.Equal(t, "blue-production", before.Services.At("web-007").Aliases["production"].Value.String(), "a snapshot never changes")
	require.Equal(t, "green-production", after.Services.At("web-007").Aliases["production"].Value.String())
}

// TestFoldersByChangesAreAsParsedWhole changes a folder at random: what is known
// of it is what parsing all of it would say.
func TestFoldersByChangesAreAsParsedWhole(t *testing.T) {
	keys, rnd := catalog.NewKeys(""), rand.New(rand.NewPCG(3, 4))
	names := []string{"a/production", "a/next", "b/production", "b", "b/x/y", "c/production", "/x", ""}
	slices.Sort(names)
	values := []string{"blue-production", "green-production=1,blue-production=2"}
	v := newView(keys)
	for index := uint64(1); index < 500; index++ {
		var pairs api.KVPairs
		before := map[string]*api.KVPair{}
		if k := v.folders[keys.Aliases()]; k != nil {
			for _, p := range k.pairs {
				before[p.Key] = p
			}
		}
		for _, name := range names {
			key := keys.Aliases() + name
			switch p := before[key]; rnd.IntN(4) {
			case 0: // gone, or still not there
			case 1:
				pairs = append(pairs, &api.KVPair{Key: key, Value: []byte(values[rnd.IntN(2)]), ModifyIndex: index})
			default:
				if p != nil {
					pairs = append(pairs, p)
				}
			}
		}
		v.setFolder(keys.Aliases(), pairs, index)
		whole := newView(keys)
		whole.setFolder(keys.Aliases(), pairs, index)
		require.Equal(t, whole.folders[keys.Aliases()].facts, v.folders[keys.Aliases()].facts)
		require.Equal(t, whole.allProblems(), v.allProblems())
		require.Equal(t, whole.mentions, v.mentions)
		require.Equal(t, whole.snapshot().Services.Keys(), v.snapshot().Services.Keys())
	}
}

func TestUnansweredAliases(t *testing.T) {
	keys := catalog.NewKeys("")
	blue, green := catalog.Target{Colour: catalog.Blue, Environment: "production"}, catalog.Target{Colour: catalog.Green, Environment: "production"}
	v := newView(keys)
	v.setFolder(keys.Aliases(), aliases(4), 20)
	for i, health := range []catalog.Health{catalog.Passing, catalog.Warning, catalog.Critical} {
		name := fmt.Sprintf("web-%03d", i)
		v.setInstances(name, reading[[]catalog.Instance]{value: []catalog.Instance{
			{ID: "b", Service: name, Target: blue, Health: catalog.Passing}, {ID: "g", Service: name, Target: green, Health: health},
		}})
	}
	moved := aliases(4)
	for _, p := range moved {
		p.Value, p.ModifyIndex = []byte("green-production"), p.ModifyIndex+100
	}
	require.Equal(t, []string{"web-002", "web-003"}, v.unanswered(moved))
	for _, p := range moved {
		p.Value = []byte("green-production=0,blue-production=1")
	}
	require.Equal(t, []string{"web-003"}, v.unanswered(moved), "what gets no requests need not answer")
	require.Empty(t, v.unanswered(aliases(4)), "what has not moved is nothing new")
	moved[3].Value = []byte("no target")
	require.Empty(t, v.unanswered(moved), "what can't be read changes nothing")
}

func TestBySurvey(t *testing.T) {
	for _, test := range []struct {
		now              bool
		services, budget int
		want             bool
	}{
		{false, 16, 16, false},
		{false, 17, 16, true},
		{true, 13, 16, true},
		{true, 12, 16, false},
		{false, 0, 0, false},
		{false, 1, 0, true},
		{true, 0, 0, false},
	} {
		require.Equal(t, test.want, bySurvey(test.now, test.services, test.budget), "%+v", test)
	}
}

func TestBudget(t *testing.T) {
	require.Equal(t, DefaultWatchBudget, budget(0))
	require.Equal(t, 3, budget(3))
	require.Equal(t, DefaultWatchBudget, budget(1000), "connections are few")
	require.Zero(t, budget(-1))
}

// TestAFolderThatComesBackIsKept tells a folder whose keys were gone for a moment
// from one that stays empty: nothing of it changed, and yet it is to be believed
// again, and not forgotten when the hold is over.
func TestAFolderThatComesBackIsKept(t *testing.T) {
	keys := catalog.NewKeys("")
	v := newView(keys)
	pairs := aliases(3)
	v.setFolder(keys.Aliases(), pairs, 20)
	require.True(t, v.suspect(keys.Aliases(), time.Now()))
	gone := v.snapshot()
	require.Zero(t, gone.AliasIndex)
	require.Len(t, gone.Problems, 1)

	require.True(t, v.setFolder(keys.Aliases(), slices.Clone(pairs), 20), "a snapshot is due")
	require.Empty(t, v.emptied, "else the aliases are forgotten when the hold is over")
	back := v.snapshot()
	require.EqualValues(t, 20, back.AliasIndex)
	require.Empty(t, back.Problems)
	require.Equal(t, 3, back.Services.Len())
}

// TestAnIndexThatGoesBackIsTaken holds a Consul that was restored from a backup to
// its present history: the next flip may have a smaller index than the last.
func TestAnIndexThatGoesBackIsTaken(t *testing.T) {
	keys := catalog.NewKeys("")
	v := newView(keys)
	v.setFolder(keys.Aliases(), aliases(3), 20)
	require.True(t, v.setFolder(keys.Aliases(), aliases(3), 15))
	require.EqualValues(t, 15, v.snapshot().AliasIndex)
}
