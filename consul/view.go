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

// view is what a watch has read so far. One goroutine owns it. What a change
// costs follows from what it changes, not from how much there is.
type view struct {
	keys catalog.Keys

	instances map[string][]catalog.Instance // by service; an entry means that it was read
	folders   map[string]*known             // by folder; an entry means that it was read
	mentions  map[string]int                // in how many folders there is something about a service
	mentioned bool                          // mentions has another set of services than at the last look

	emptied    map[string]time.Time // folders that are empty all of a sudden, since when
	aliasIndex uint64
	failing    map[string]time.Time // what can't be read, since when

	services cow.Map[*catalog.Service] // as last assembled
	dirty    map[string]bool           // services to assemble anew

	problems map[source][]catalog.Problem
	listed   []catalog.Problem // problems in order; nil when they have changed
}

// source is where a problem was met: the instances of a service, where there is
// no folder, or a group of a folder's keys.
type source struct {
	folder, group string
}

// reading is a value read from Consul and what was wrong with parts of it.
type reading[T any] struct {
	value    T
	problems []catalog.Problem
}

func newView(keys catalog.Keys) *view {
	return &view{
		keys:      keys,
		instances: map[string][]catalog.Instance{},
		folders:   map[string]*known{},
		mentions:  map[string]int{},
		emptied:   map[string]time.Time{},
		failing:   map[string]time.Time{},
		dirty:     map[string]bool{},
		problems:  map[source][]catalog.Problem{},
	}
}

// setInstances takes in a service's instances, and tells whether anything that
// matters changed. The output of checks does not: it changes with every run.
func (v *view) setInstances(service string, r reading[[]catalog.Instance]) bool {
	from := source{group: service}
	old, had := v.instances[service]
	if had && slices.EqualFunc(old, r.value, sameInstance) && slices.Equal(v.problems[from], r.problems) {
		return false
	}
	v.instances[service] = r.value
	v.setProblems(from, r.problems)
	v.dirty[service] = true
	return true
}

func sameInstance(a, b catalog.Instance) bool {
	return a.ID == b.ID && a.Node == b.Node && a.Address == b.Address && a.Port == b.Port && a.Health == b.Health &&
		a.Target == b.Target && a.Weight == b.Weight && a.ZeroWeight == b.ZeroWeight &&
		slices.Equal(a.EncodeTags(), b.EncodeTags()) && maps.Equal(a.EncodeMeta(), b.EncodeMeta()) &&
		slices.EqualFunc(a.Checks, b.Checks, func(x, y catalog.CheckStatus) bool { return x.ID == y.ID && x.Status == y.Status })
}

// dropService forgets a service's instances, and tells whether there was
// anything to forget.
func (v *view) dropService(service string) bool {
	from := source{group: service}
	had := len(v.instances[service])+len(v.problems[from]) > 0
	delete(v.instances, service)
	v.setProblems(from, nil)
	if had {
		v.dirty[service] = true
	}
	return had
}

// unread tells whether a service has not been asked about yet.
func (v *view) unread(service string) bool {
	_, read := v.instances[service]
	return !read
}

// on are the services that have an instance on a node.
func (v *view) on(node string) []string {
	var services []string
	for name, list := range v.instances {
		if slices.ContainsFunc(list, func(i catalog.Instance) bool { return i.Node == node }) {
			services = append(services, name)
		}
	}
	return services
}

// setFolder takes in all keys of one folder, and tells whether anything changed.
// A query on an empty folder wakes for every write anywhere, with the index of
// that write; to take that for an alias index would echo between routers.
func (v *view) setFolder(folder string, pairs api.KVPairs, index uint64) bool {
	k, had := v.folders[folder]
	if !had {
		k = newKnown()
		v.folders[folder] = k
	}
	touched := k.take(v.keys, folder, pairs)
	if had && len(touched) == 0 && !v.overtaken(folder, index) {
		return false
	}
	delete(v.emptied, folder)
	v.listed = nil
	if folder == v.keys.Aliases() {
		v.aliasIndex = index
		if len(pairs) == 0 {
			v.aliasIndex = 0
		}
	}
	for group := range touched {
		v.parse(folder, group)
	}
	return true
}

// overtaken tells whether what is known of a folder as a whole is no longer so,
// though none of its keys has changed: they were gone and are back, or Consul has
// gone back to an earlier history, in which the next flip has a smaller index.
func (v *view) overtaken(folder string, index uint64) bool {
	_, gone := v.emptied[folder]
	return gone || (folder == v.keys.Aliases() && index < v.aliasIndex)
}

// parse reads one group of a folder's keys anew.
func (v *view) parse(folder, group string) {
	k := v.folders[folder]
	r := parseFolder(v.keys, folder, k.groups[group], k.facts)
	_, before := k.facts[group]
	now, there := r.value[group]
	if there {
		k.facts[group] = now
	} else {
		delete(k.facts, group)
	}
	v.setProblems(source{folder, group}, r.problems)
	if before || there {
		v.dirty[group] = true
	}
	if before != there {
		v.mention(group, there)
	}
}

// mention counts that there is something about a service in one more folder, or
// in one less.
func (v *view) mention(service string, more bool) {
	if more {
		v.mentions[service]++
		v.mentioned = v.mentioned || v.mentions[service] == 1
		return
	}
	if v.mentions[service]--; v.mentions[service] == 0 {
		delete(v.mentions, service)
		v.mentioned = true
	}
}

func (v *view) setProblems(from source, problems []catalog.Problem) {
	if len(problems)+len(v.problems[from]) == 0 {
		return
	}
	v.listed = nil
	if len(problems) == 0 {
		delete(v.problems, from)
		return
	}
	v.problems[from] = problems
}

// unanswered are the services of which an alias, as these keys have it, has
// moved to a target without an instance that would answer.
func (v *view) unanswered(aliases api.KVPairs) []string {
	var names []string
	k := v.folders[v.keys.Aliases()]
	if k == nil {
		return nil
	}
	for _, c := range changesOf(k.pairs, aliases) {
		service, _, ok := v.keys.CutAlias(c.key)
		if !ok || c.pair == nil || slices.Contains(names, service) {
			continue
		}
		value, err := catalog.ParseAliasValue(string(c.pair.Value))
		if err == nil && !v.answers(service, value) {
			names = append(names, service)
		}
	}
	return names
}

// answers tells whether every target that gets requests through value has an
// instance for them.
func (v *view) answers(service string, value catalog.AliasValue) bool {
	s, _ := v.assemble(service)
	return !slices.ContainsFunc(value.Live(), func(t catalog.Target) bool { return len(s.Answering(t)) == 0 })
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
	v.listed = nil
	if folder == v.keys.Aliases() {
		v.aliasIndex = 0
	}
	return true
}

// had tells whether a folder had keys when it was last believed.
func (v *view) had(folder string) bool {
	k := v.folders[folder]
	return k != nil && len(k.pairs) > 0
}

func samePair(a, b *api.KVPair) bool { return a.Key == b.Key && a.ModifyIndex == b.ModifyIndex }

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
		Problems: v.allProblems(), StaleSince: v.staleSince(),
	}
}

func (v *view) assemble(name string) (*catalog.Service, bool) {
	s := &catalog.Service{Name: name, Instances: v.instances[name]}
	known := len(s.Instances) > 0
	for _, k := range v.folders {
		f, ok := k.facts[name]
		if !ok {
			continue
		}
		known = true
		f.addTo(s)
	}
	return s, known
}

// allProblems are the problems in order. Snapshots share the list until one
// comes or goes.
func (v *view) allProblems() []catalog.Problem {
	if v.listed != nil {
		return v.listed
	}
	v.listed = slices.Concat(slices.Collect(maps.Values(v.problems))...)
	for folder := range v.emptied {
		v.listed = append(v.listed, catalog.Problem{
			Subject: folder,
			Message: "all its keys are gone at once, so what they said is kept for a while; if that was meant, wait, otherwise look whether Consul was wiped or the token may still read them",
		})
	}
	slices.SortFunc(v.listed, func(a, b catalog.Problem) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Subject, b.Subject))
	})
	return v.listed
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
