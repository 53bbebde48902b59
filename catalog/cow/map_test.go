package cow_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog/cow"
)

// TestLikeAMap changes a map at random beside an ordinary one: every version
// stays what it was, and differs from the one before by what was changed.
func TestLikeAMap(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var m cow.Map[int]
	want := map[string]int{}
	for step := range 300 {
		before, wanted := m, maps.Clone(want)
		e := m.Edit()
		touched := map[string]bool{}
		for range rnd.IntN(60) {
			k := fmt.Sprint(rnd.IntN(3000))
			if len(k) == 3 { // some keys are short, some as long as fits, some longer
				k = strings.Repeat("k", 37+len(k)*rnd.IntN(2)) + k[:2]
			}
			touched[k] = true
			if rnd.IntN(4) == 0 {
				e.Delete(k)
				delete(want, k)
			} else {
				e.Set(k, step+1)
				want[k] = step + 1
			}
			v, ok := e.Get(k)
			w, there := want[k]
			require.Equal(t, w, v)
			require.Equal(t, there, ok)
		}
		m = e.Done()
		require.Equal(t, want, maps.Collect(m.All()))
		require.Equal(t, len(want), m.Len())
		require.Equal(t, slices.Sorted(maps.Keys(want)), m.Keys())
		require.Equal(t, wanted, maps.Collect(before.All()), "the map before has changed")
		different := map[string]bool{}
		for k := range cow.Differences(before, m) {
			different[k] = true
		}
		for k := range touched {
			a, had := wanted[k]
			b, has := want[k]
			require.Equal(t, had != has || a != b, different[k], k)
			delete(different, k)
		}
		require.Empty(t, different)
	}
	require.Greater(t, m.Len(), 1000)
}

func TestEmpty(t *testing.T) {
	var m cow.Map[int]
	require.Zero(t, m.At("x"))
	e := m.Edit()
	e.Delete("x")
	require.Empty(t, e.Done().Keys())
	require.Equal(t, 1, cow.Of(map[string]int{"x": 1}).At("x"))
	for range cow.Differences(m, e.Done()) {
		t.Fatal("nothing differs")
	}
}

func BenchmarkGet(b *testing.B) {
	e := cow.Map[int]{}.Edit()
	keys := make([]string, 100_000)
	for i := range keys {
		keys[i] = fmt.Sprintf("service-%d.proxy.example", i)
		e.Set(keys[i], i)
	}
	m := e.Done()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		m.Get(keys[i*7919%len(keys)])
	}
}

func BenchmarkChangeOne(b *testing.B) {
	e := cow.Map[int]{}.Edit()
	for i := range 100_000 {
		e.Set(fmt.Sprintf("service-%d.proxy.example", i), i)
	}
	m := e.Done()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		e := m.Edit()
		e.Set("service-77.proxy.example", i)
		m = e.Done()
	}
}
