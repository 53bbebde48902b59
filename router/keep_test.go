package router

import (
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/catalog/cow"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// changed is a snapshot after a change of its service, which is a copy.
func changed(s catalog.Snapshot, change func(*catalog.Service)) catalog.Snapshot {
	service := *s.Services.At("web")
	service.Instances = slices.Clone(service.Instances)
	service.Aliases = maps.Clone(service.Aliases)
	service.Releases = maps.Clone(service.Releases)
	if service.Releases == nil {
		service.Releases = map[catalog.Target]catalog.Release{}
	}
	change(&service)
	s.Services = cow.Of(map[string]*catalog.Service{"web": &service})
	return s
}

func all(health catalog.Health) func(*catalog.Service) {
	return func(s *catalog.Service) {
		for i := range s.Instances {
			s.Instances[i].Health = health
		}
	}
}

func heldIDs(s catalog.Snapshot, t catalog.Target) []string {
	if s.Services.At("web") == nil {
		return nil
	}
	var ids []string
	for _, i := range s.Services.At("web").Held[t].Instances {
		ids = append(ids, i.ID)
	}
	return ids
}

func TestKeepHoldsWhatABadReadingTakesAway(t *testing.T) {
	good := snapshotOf(bluePro)
	three := []string{"blue-0", "blue-1", "blue-2"}
	for _, c := range []struct {
		name string
		next catalog.Snapshot
		want []string
	}{
		{"nothing changed", good, nil},
		{"all critical at once", changed(good, all(catalog.Critical)), three},
		{"all warning at once", changed(good, all(catalog.Warning)), nil},
		{"all warning at once where that means no requests", changed(good, func(s *catalog.Service) {
			all(catalog.Warning)(s)
			s.Config.Warning = catalog.WarningNever
		}), three},
		{"all of zero weight", changed(good, func(s *catalog.Service) {
			for i := range s.Instances {
				s.Instances[i].ZeroWeight = true
			}
		}), nil},
		{"all gone", changed(good, func(s *catalog.Service) { s.Instances = nil }), three},
		{"the service itself is gone", catalog.Snapshot{}, three},
		{"its entry is nil", catalog.Snapshot{Services: cow.Of(map[string]*catalog.Service{"web": nil})}, three},
		{"one is left", changed(good, func(s *catalog.Service) {
			all(catalog.Critical)(s)
			s.Instances[0].Health = catalog.Passing
		}), nil},
		{"put into maintenance", changed(good, all(catalog.Maintenance)), nil},
		{"one in maintenance, the others critical", changed(good, func(s *catalog.Service) {
			all(catalog.Critical)(s)
			s.Instances[0].Health = catalog.Maintenance
		}), three[1:]},
		{"replaced by a deployment", changed(good, func(s *catalog.Service) {
			s.Releases[bluePro] = catalog.Release{ID: "r2"}
		}), nil},
		{"the alias has left for the other colour", changed(good, func(s *catalog.Service) {
			s.Aliases["production"] = catalog.Alias{Value: catalog.PointTo(greenPro)}
			s.Instances = nil
		}), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := c.next.Services.At("web")
			kept := Keep(good, c.next, noon, time.Minute)
			require.Equal(t, c.want, heldIDs(kept, bluePro))
			require.Equal(t, before, c.next.Services.At("web"), "what was handed in is not changed")
			table, _ := Build(kept, BuildOptions{Domain: "proxy.example"})
			if c.want != nil {
				require.Equal(t, noon, kept.Services.At("web").Held[bluePro].Since)
				require.NotEmpty(t, kept.Services.At("web").Held[bluePro].Reason)
				require.Len(t, table.part("web").pool(bluePro).backends, len(c.want))
			}
		})
	}
}

func TestKeepOfAnUncolouredTarget(t *testing.T) {
	good := catalog.Snapshot{Services: cow.Of(map[string]*catalog.Service{"web": {Name: "web", Instances: []catalog.Instance{instanceOf(integ, "i1", 1)}}})}
	kept := Keep(good, catalog.Snapshot{Services: cow.Of(map[string]*catalog.Service{"web": {Name: "web"}})}, noon, time.Minute)
	require.Equal(t, []string{"i1"}, heldIDs(kept, integ))
	table, _ := Build(kept, BuildOptions{Domain: "proxy.example"})
	m, ok := table.Lookup("web.integration.proxy.example", "/")
	require.True(t, ok)
	require.Len(t, m.Route.split.able, 1)
}

func TestAnAddressThatSomebodyElseHasIsNotHeld(t *testing.T) {
	good := snapshotOf(bluePro)
	critical := changed(good, all(catalog.Critical))
	stranger := func(change func(*catalog.Instance)) catalog.Snapshot {
		i := good.Services.At("web").Instances[0] // blue-0
		i.Service, i.ID = "mail", "mail-0"
		change(&i)
		s := critical
		s = with(s, "mail", &catalog.Service{Name: "mail", Instances: []catalog.Instance{i}})
		return s
	}
	for _, c := range []struct {
		name string
		next catalog.Snapshot
		want []string
	}{
		{"another service", stranger(func(*catalog.Instance) {}), []string{"blue-1", "blue-2"}},
		{"a sick one", stranger(func(i *catalog.Instance) { i.Health = catalog.Critical }), []string{"blue-1", "blue-2"}},
		{"another port", stranger(func(i *catalog.Instance) { i.Port = 9 }), []string{"blue-0", "blue-1", "blue-2"}},
		{"another target under its own id", changed(critical, func(s *catalog.Service) {
			s.Instances[0].Target = integ
		}), []string{"blue-1", "blue-2"}},
		{"another id of its own target", changed(critical, func(s *catalog.Service) {
			s.Instances[0].ID = "blue-9"
		}), []string{"blue-1", "blue-2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, heldIDs(Keep(good, c.next, noon, time.Minute), bluePro))
			held := Keep(good, critical, noon, time.Minute)
			require.Equal(t, c.want, heldIDs(Keep(held, c.next, noon, time.Minute), bluePro), "nor held on to")
		})
	}
}

func TestAnUncolouredTargetThatWasStoppedIsNotHeld(t *testing.T) {
	testEnv := catalog.Target{Environment: "test"}
	service := func(instances ...catalog.Instance) catalog.Snapshot {
		return catalog.Snapshot{Services: cow.Of(map[string]*catalog.Service{"web": {Name: "web", Instances: instances}})}
	}
	other, gone := instanceOf(testEnv, "t1", 2), instanceOf(integ, "i1", 1)
	far := gone
	far.Node, far.ID, far.Address = "n2", "i2", "10.0.0.2"
	sick, sickOther := gone, other
	sick.Health, sickOther.Health = catalog.Critical, catalog.Critical
	good := service(gone, far, other)
	for _, c := range []struct {
		name string
		next catalog.Snapshot
		want []string
	}{
		{"its node reports others", service(other), []string{"i2"}},
		{"its node reports nothing that passes", service(sickOther), []string{"i1", "i2"}},
		{"it is there and sick", service(sick, other), []string{"i1", "i2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, heldIDs(Keep(good, c.next, noon, time.Minute), integ))
		})
	}
	live := changed(snapshotOf(bluePro), func(s *catalog.Service) {
		s.Instances = slices.DeleteFunc(s.Instances, func(i catalog.Instance) bool { return i.Target == bluePro })
	})
	require.Len(t, heldIDs(Keep(snapshotOf(bluePro), live, noon, time.Minute), bluePro), 3, "a live colour is held all the same")
}

func TestAHoldGoesOnAndEnds(t *testing.T) {
	good, bad := snapshotOf(bluePro), changed(snapshotOf(bluePro), all(catalog.Critical))
	kept := Keep(good, bad, noon, time.Minute)
	require.Equal(t, noon.Add(time.Minute), holdEnds(bad, kept, time.Minute))
	again := Keep(kept, bad, noon.Add(59*time.Second), time.Minute)
	require.Equal(t, noon, again.Services.At("web").Held[bluePro].Since, "a hold is not renewed")
	require.Len(t, heldIDs(again, bluePro), 3)

	over := Keep(again, bad, noon.Add(time.Minute), time.Minute)
	require.Empty(t, heldIDs(over, bluePro))
	over = Keep(over, bad, noon.Add(61*time.Second), time.Minute)
	require.Empty(t, heldIDs(over, bluePro), "and does not begin anew")

	back := Keep(again, good, noon.Add(30*time.Second), time.Minute)
	require.Empty(t, heldIDs(back, bluePro))
	require.True(t, holdEnds(good, back, time.Minute).IsZero())
}

func TestASplitLeavesAHeldColour(t *testing.T) {
	v, err := catalog.ParseAliasValue("green-production=50,blue-production=50")
	require.NoError(t, err)
	split := changed(snapshotOf(bluePro), func(s *catalog.Service) { s.Aliases["production"] = catalog.Alias{Value: v} })
	sick := changed(split, func(s *catalog.Service) {
		for i := range s.Instances {
			if s.Instances[i].Target == greenPro {
				s.Instances[i].Health = catalog.Critical
			}
		}
	})
	kept := Keep(split, sick, noon, time.Minute)
	require.Len(t, heldIDs(kept, greenPro), 3)
	table, _ := Build(kept, BuildOptions{Domain: "proxy.example"})
	m, _ := table.Lookup("web.proxy.example", "/")
	require.Len(t, m.Route.split.able, 1)
	require.Equal(t, bluePro, m.Route.split.able[0].pool.target)
}

// scripted hands in what it is told to, and does not end by itself.
type scripted chan catalog.Snapshot

func TestRunEndsAHoldByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := make(scripted)
		r, err := New(Options{Source: source, Domain: "proxy.example"})
		require.NoError(t, err)
		ctx, cancel := contextOf(t)
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		source <- snapshotOf(bluePro)
		source <- changed(snapshotOf(bluePro), all(catalog.Critical))
		synctest.Wait()
		var c Claim
		require.Nil(t, r.Claim(t.Context(), &c, askWeb), "a held instance answers")
		c.Release(Class2xx)
		time.Sleep(DefaultHold - time.Millisecond)
		require.Nil(t, r.Claim(t.Context(), &c, askWeb))
		c.Release(Class2xx)
		time.Sleep(time.Second)
		answer := r.Claim(t.Context(), &c, askWeb)
		require.NotNil(t, answer)
		require.Equal(t, CodeNoInstance, answer.Code)
		cancel()
		require.NoError(t, <-done)
	})
}
