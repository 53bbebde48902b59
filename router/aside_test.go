package router

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/router/limit"
)

// claims counts n claims by address. Each is released at once.
func (p *publisher) claims(t *testing.T, n int) map[string]int {
	t.Helper()
	got := map[string]int{}
	for range n {
		var c Claim
		require.Nil(t, p.dispatch.begin(t.Context(), &c, askWeb))
		got[c.Address]++
		c.Release(Class2xx)
	}
	return got
}

// unreachable claims an instance that turns out to be unreachable.
func (p *publisher) unreachable(t *testing.T) string {
	t.Helper()
	var c Claim
	require.Nil(t, p.dispatch.begin(t.Context(), &c, askWeb))
	c.Failed(limit.Refused)
	c.Release(Class5xx)
	c.Failed(limit.Refused) // a claim that was released says nothing
	return c.Address
}

func TestAnUnreachableInstanceIsPassedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPublisher(t)
		p.publish(snapshotOf(bluePro))
		dead := p.unreachable(t)
		got := p.claims(t, 300)
		require.NotContains(t, got, dead)
		require.Len(t, got, 2)
		p.publish(with(snapshotOf(bluePro), "other", &catalog.Service{}))
		p.publish(snapshotOf(bluePro))
		require.NotContains(t, p.claims(t, 300), dead, "a new table changes nothing")

		time.Sleep(1200 * time.Millisecond) // a second and what is added by chance
		require.Equal(t, 1, p.claims(t, 300)[dead], "one request tries it again")
		require.NotContains(t, p.claims(t, 300), dead, "until it is known how that went")

		time.Sleep(11 * time.Second)
		var c Claim
		for c.Address != dead {
			require.Nil(t, p.dispatch.begin(t.Context(), &c, askWeb))
			if c.Address == dead {
				c.Reached()
			}
			c.Release(Class2xx)
		}
		require.Greater(t, p.claims(t, 300)[dead], 50, "then it is back")
	})
}

func TestTheLastInstanceIsNeverPassedOver(t *testing.T) {
	p := newPublisher(t)
	p.publish(snapshotOf(bluePro))
	for range 3 {
		p.unreachable(t)
	}
	got := p.claims(t, 300)
	require.Len(t, got, 3, "all of them take turns")
	for _, n := range got {
		require.Greater(t, n, 50)
	}
}

func TestARetryMayLeaveAShareThatHasNobodyElse(t *testing.T) {
	v, err := catalog.ParseAliasValue("green-production=1,blue-production=99")
	require.NoError(t, err)
	split := changed(snapshotOf(bluePro), func(s *catalog.Service) {
		s.Aliases["production"] = catalog.Alias{Value: v}
		s.Instances = s.Instances[:2] // one of each
	})
	p := newPublisher(t)
	p.publish(split)
	for range 100 {
		var c Claim
		require.Nil(t, p.dispatch.begin(t.Context(), &c, askWeb))
		first := c.Address
		require.True(t, c.Again(t.Context()))
		require.NotEqual(t, first, c.Address)
		require.NotEqual(t, "", c.Target())
		c.Release(Class2xx)
	}
}
