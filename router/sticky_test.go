package router

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

// splitSnapshot points production at a split, stuck as said.
func splitSnapshot(t *testing.T, value string, sticky *catalog.Sticky) catalog.Snapshot {
	t.Helper()
	v, err := catalog.ParseAliasValue(value)
	require.NoError(t, err)
	return changed(snapshotOf(bluePro), func(s *catalog.Service) {
		s.Aliases["production"] = catalog.Alias{Name: "production", Value: v}
		s.Config.Sticky = sticky
	})
}

// sides asks once for each client, and says which target it got.
func (p *publisher) sides(t *testing.T, clients []Ask) []string {
	t.Helper()
	var got []string
	for i := range clients {
		var c Claim
		require.Nil(t, p.dispatch.begin(t.Context(), &c, clients[i]))
		got = append(got, c.Target())
		c.Release(Class2xx)
	}
	return got
}

func count(list []string, what string) (n int) {
	for _, one := range list {
		if one == what {
			n++
		}
	}
	return n
}

// clients are many, known by something.
func clients(know func(n int, a *Ask)) []Ask {
	list := make([]Ask, 1000)
	for n := range list {
		list[n] = askWeb
		list[n].Header = http.Header{}
		know(n, &list[n])
	}
	return list
}

func TestClientsStayOnTheirSideOfASplit(t *testing.T) {
	for _, c := range []struct {
		name   string
		sticky *catalog.Sticky
		know   func(n int, a *Ask)
	}{
		{"by cookie", nil, func(n int, a *Ask) {
			a.Header.(http.Header).Set("Cookie", fmt.Sprintf("a=b; teal-web=%x", uint32(n)*4294967))
		}},
		{"by a cookie of its own name", &catalog.Sticky{Name: "side"}, func(n int, a *Ask) {
			a.Header.(http.Header).Set("Cookie", fmt.Sprintf("side=%x", uint32(n)*4294967))
		}},
		{"by header", &catalog.Sticky{By: catalog.StickyHeader, Name: "X-User"}, func(n int, a *Ask) {
			a.Header.(http.Header).Set("X-User", fmt.Sprintf("user-%d", n))
		}},
		{"by address", &catalog.Sticky{By: catalog.StickyClient}, func(n int, a *Ask) {
			a.Peer = netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPublisher(t)
			everybody := clients(c.know)
			p.publish(splitSnapshot(t, "green-production=10,blue-production=90", c.sticky))
			first := p.sides(t, everybody)
			require.InDelta(t, 100, count(first, "green-production"), 40)
			require.Equal(t, first, p.sides(t, everybody), "nobody changes sides between requests")

			p.publish(splitSnapshot(t, "blue-production=100,green-production=100", c.sticky))
			second := p.sides(t, everybody)
			require.InDelta(t, 500, count(second, "green-production"), 80)
			for n := range first {
				if first[n] == "green-production" {
					require.Equal(t, "green-production", second[n], "who was moved stays moved while the weight grows")
				}
			}
		})
	}
}

func TestANewClientGetsACookieAndKeepsIt(t *testing.T) {
	p := newPublisher(t)
	p.publish(splitSnapshot(t, "green-production=50,blue-production=50", nil))
	for range 20 {
		var c Claim
		require.Nil(t, p.dispatch.begin(t.Context(), &c, askWeb))
		first := c.Target()
		require.NotEmpty(t, c.Cookie)
		require.Contains(t, c.Cookie, "HttpOnly")
		c.Release(Class2xx)
		pair, _, _ := strings.Cut(c.Cookie, ";")
		known := askWeb
		known.Header = http.Header{"Cookie": {pair}}
		for range 5 {
			require.Nil(t, p.dispatch.begin(t.Context(), &c, known))
			require.Equal(t, first, c.Target())
			require.Empty(t, c.Cookie, "it knows already")
			c.Release(Class2xx)
		}
	}
	p.publish(snapshotOf(bluePro))
	var c Claim
	require.Nil(t, p.dispatch.begin(t.Context(), &c, askWeb))
	require.Empty(t, c.Cookie, "without a split there is nothing to remember")
	c.Release(Class2xx)
}

func TestWithoutStickinessSidesAreByChance(t *testing.T) {
	p := newPublisher(t)
	p.publish(splitSnapshot(t, "green-production=50,blue-production=50", &catalog.Sticky{By: catalog.StickyNone}))
	same := make([]Ask, 200)
	for i := range same {
		same[i] = askWeb
	}
	got := p.sides(t, same)
	require.InDelta(t, 100, count(got, "green-production"), 50)
}

func TestASideWithNobodyGoesToTheOthers(t *testing.T) {
	p := newPublisher(t)
	everybody := clients(func(n int, a *Ask) { a.Peer = netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}) })
	sticky := &catalog.Sticky{By: catalog.StickyClient}
	const three = "blue-production=40,green-production=30,integration=30"
	whole := splitSnapshot(t, three, sticky)
	whole = changed(whole, func(s *catalog.Service) { s.Instances = append(s.Instances, instanceOf(integ, "i", 3000)) })
	p.publish(whole)
	first := p.sides(t, everybody)
	p.publish(changed(whole, func(s *catalog.Service) {
		for i := range s.Instances {
			if s.Instances[i].Target == greenPro {
				s.Instances[i].Health = catalog.Critical
			}
		}
	}))
	second := p.sides(t, everybody)
	require.Zero(t, count(second, "green-production"))
	moved := map[string]int{}
	for n := range first {
		if first[n] != "green-production" {
			require.Equal(t, first[n], second[n], "whose side has somebody stays there")
		} else {
			moved[second[n]]++
		}
	}
	require.Greater(t, moved["blue-production"], 50, "the others are spread: %v", moved)
	require.Greater(t, moved["integration"], 50, "%v", moved)
}
