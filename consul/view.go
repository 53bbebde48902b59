package consul

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/hashicorp/consul/api"

	"teal/catalog"
	"teal/catalog/cow"
)

// view is what a watch has read so far. One goroutine owns it.
type view struct {
	keys catalog.Keys

	instances map[string]reading[[]catalog.Instance] // by service
	folders   map[string]reading[map[string]facts]   // by folder, then by service
	pairs     map[string]api.KVPairs                 // what folders was read from

	emptied    map[string]time.Time // folders that are empty all of a sudden, since when
	aliasIndex uint64
	failing    map[string]time.Time // what can't be read, since when

	services cow.Map[*catalog.Service] // as last assembled
	dirty    map[string]bool             // services to assemble anew
}

// reading is a value read from Consul and what was wrong with parts of it.
type reading[T any] struct {
	value    T
	problems []catalog.Problem
}

// facts are what one folder of the key-value store says about one service.
type facts struct {
	aliases  map[string]catalog.Alias
	releases map[catalog.Target]catalog.Release
	flips    map[string]catalog.FlipRecord
	halts    map[string]catalog.Halt
	config   *catalog.ServiceConfig
}

// withAlias adds an alias to the facts and answers them.
func (f facts) withAlias(a catalog.Alias) facts {
	if f.aliases == nil {
		f.aliases = map[string]catalog.Alias{}
	}
	f.aliases[a.Name] = a
	return f
}

// withRelease adds a release to the facts and answers them.
func (f facts) withRelease(t catalog.Target, r catalog.Release) facts {
	if f.releases == nil {
		f.releases = map[catalog.Target]catalog.Release{}
	}
	f.releases[t] = r
	return f
}

func newView(keys catalog.Keys) *view {
	return &view{
		keys:      keys,
		instances: map[string]reading[[]catalog.Instance]{},
		folders:   map[string]reading[map[string]facts]{},
		pairs:     map[string]api.KVPairs{},
		emptied:   map[string]time.Time{},
		failing:   map[string]time.Time{},
		dirty:     map[string]bool{},
	}
}

// setInstances takes in a service's instances, and tells whether anything that
// matters changed. The output of checks does not: it changes with every run.
func (v *view) setInstances(service string, entries []*api.ServiceEntry) bool {
	list, problems := understand(entries)
	old, had := v.instances[service]
	if had && slices.EqualFunc(old.value, list, sameInstance) && slices.Equal(old.problems, problems) {
		return false
	}
	v.instances[service] = reading[[]catalog.Instance]{list, problems}
	v.dirty[service] = true
	return true
}

func sameInstance(a, b catalog.Instance) bool {
	return a.ID == b.ID && a.Node == b.Node && a.Address == b.Address && a.Port == b.Port && a.Health == b.Health &&
		a.Target == b.Target && a.Weight == b.Weight && a.ZeroWeight == b.ZeroWeight && slices.Equal(a.EncodeTags(), b.EncodeTags()) && maps.Equal(a.EncodeMeta(), b.EncodeMeta()) &&
		slices.EqualFunc(a.Checks, b.Checks, func(x, y catalog.CheckStatus) bool { return x.ID == y.ID && x.Status == y.Status })
}

func (v *view) dropService(service string) bool {
	if _, had := v.instances[service]; !had {
		return false
	}
	delete(v.instances, service)
	v.dirty[service] = true
	return true
}

// setFolder takes in all keys of one folder, and tells whether anything changed.
// A query on an empty folder wakes for every write anywhere, with the index of
// that write; to take that for an alias index would echo between routers.
func (v *view) setFolder(folder string, pairs api.KVPairs, index uint64) bool {
	old, had := v.pairs[folder]
	if had && slices.EqualFunc(old, pairs, samePair) {
		return false
	}
	v.pairs[folder] = pairs
	delete(v.emptied, folder)
	if folder == v.keys.Aliases() {
		v.aliasIndex = index
		if len(pairs) == 0 {
			v.aliasIndex = 0
		}
	}
	r := parseFolder(v.keys, folder, pairs, v.folders[folder].value)
	for service := range v.folders[folder].value {
		v.dirty[service] = true
	}
	for service := range r.value {
		v.dirty[service] = true
	}
	v.folders[folder] = r
	return true
}

// suspect notes that a folder which had keys has none any more, and tells
// whether that is news. A Consul that was wiped answers so, or a token that may
// no longer read; what was known stays until somebody decides. No flip counts as
// applied meanwhile: another history may have begun.
func (v *view) suspect(folder string, at time.Time) bool {
	if !v.emptied[folder].IsZero() {
		return false
	}
	v.emptied[folder] = at
	if folder == v.keys.Aliases() {
		v.aliasIndex = 0
	}
	return true
}

// had tells whether a folder had keys when it was last believed.
func (v *view) had(folder string) bool { return len(v.pairs[folder]) > 0 }

func samePair(a, b *api.KVPair) bool { return a.Key == b.Key && a.ModifyIndex == b.ModifyIndex }

// mentioned are the services that some folder says something about.
func (v *view) mentioned() map[string]bool {
	names := map[string]bool{}
	for _, r := range v.folders {
		for service := range r.value {
			names[service] = true
		}
	}
	return names
}

// snapshot assembles what is known. Services that did not change since the last
// call are shared with the last snapshot.
func (v *view) snapshot() catalog.Snapshot {
	edit := v.services.Edit()
	for name := range v.dirty {
		if s, ok := v.assemble(name); ok {
			edit.Set(name, s)
		} else {
			edit.Delete(name)
		}
	}
	v.services = edit.Done()
	clear(v.dirty)
	return catalog.Snapshot{
		Services: v.services, AliasIndex: v.aliasIndex,
		Problems: v.problems(), StaleSince: v.staleSince(),
	}
}

func (v *view) assemble(name string) (*catalog.Service, bool) {
	s := &catalog.Service{Name: name, Instances: v.instances[name].value}
	known := len(s.Instances) > 0
	for _, r := range v.folders {
		f, ok := r.value[name]
		if !ok {
			continue
		}
		known = true
		f.addTo(s)
	}
	return s, known
}

func (f facts) addTo(s *catalog.Service) {
	switch {
	case f.aliases != nil:
		s.Aliases = f.aliases
	case f.releases != nil:
		s.Releases = f.releases
	case f.flips != nil:
		s.Flips = f.flips
	case f.halts != nil:
		s.Halts = f.halts
	case f.config != nil:
		s.Config = *f.config
	}
}

func (v *view) problems() []catalog.Problem {
	var all []catalog.Problem
	for _, r := range v.instances {
		all = append(all, r.problems...)
	}
	for _, r := range v.folders {
		all = append(all, r.problems...)
	}
	for folder := range v.emptied {
		all = append(all, catalog.Problem{
			Subject: folder,
			Message: "all its keys are gone at once, so what they said is kept for a while; if that was meant, wait, otherwise look whether Consul was wiped or the token may still read them",
		})
	}
	slices.SortFunc(all, func(a, b catalog.Problem) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Subject, b.Subject))
	})
	return all
}

func (v *view) staleSince() time.Time {
	var since time.Time
	for _, t := range v.failing {
		if since.IsZero() || t.Before(since) {
			since = t
		}
	}
	return since
}
