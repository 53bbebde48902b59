package consul

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"

	"teal/catalog"
)

const (
	// recordsOfEach is how many deployments of a service to an environment are read
	// at most, and recordsOfAll how many in all: the newest. They bound what a reader
	// keeps in memory: a record of which only the story is kept takes about 1 kB.
	recordsOfEach = 200
	recordsOfAll  = 20_000

	// recordsAtOnce is how many records are read with one request, some 200 kB.
	recordsAtOnce = 64
)

// Recorded reads the records of all services' deployments time and again, for who
// measures them. It is for one goroutine.
//
// A reading where nothing has changed is one small request. Where something has,
// the names of all records are read, about 100 bytes each, and of the records
// those that are new or had not ended: one that has ended does not change. Only
// the first reading reads them all. Any server may answer, and one request is
// under way at a time.
type Recorded struct {
	store *Store
	index uint64                        // of the folder when it was read; 0 for never
	since time.Time                     // as it was asked then
	known map[string]catalog.Deployment // by key; the zero value for one that can't be read
}

// Recorded makes a reader that has read nothing yet.
func (s *Store) Recorded() *Recorded {
	return &Recorded{store: s, known: map[string]catalog.Deployment{}}
}

// Deployments are the stories of the recorded deployments that began since a
// time, by service, in any order: without hosts, containers, images and notes.
// Records that can't be read are left out and logged once. After an error the
// next call reads on where this one ended.
func (r *Recorded) Deployments(ctx context.Context, since time.Time) (map[string][]catalog.Deployment, error) {
	if err := r.read(ctx, since); err != nil {
		return nil, r.store.explain(err, "read the records of deployments")
	}
	of := map[string][]catalog.Deployment{}
	for _, d := range r.known {
		if d.Service != "" && beganSince(d.ID, since) {
			of[d.Service] = append(of[d.Service], d)
		}
	}
	return of, nil
}

func (r *Recorded) read(ctx context.Context, since time.Time) error {
	folder, kv := r.store.keys.AllDeployments(), r.store.api.KV()
	_, meta, err := kv.Keys(folder, "/", anyServer(ctx))
	if err != nil || (meta.LastIndex == r.index && r.index != 0 && !since.Before(r.since)) {
		return err
	}
	keys, _, err := kv.Keys(folder, "", anyServer(ctx))
	if err != nil {
		return err
	}
	wanted := r.store.newestRecords(keys, since)
	r.keepOnly(wanted)
	for some := range slices.Chunk(r.unread(wanted), recordsAtOnce) {
		if err := r.take(ctx, some); err != nil {
			return err
		}
	}
	r.index, r.since = meta.LastIndex, since
	return nil
}

// anyServer lets any of Consul's servers answer, so that the leader is not asked
// by every router.
func anyServer(ctx context.Context) *api.QueryOptions {
	return (&api.QueryOptions{AllowStale: true}).WithContext(ctx)
}

// newestRecords are the keys of the records to read, the newest first.
func (s *Store) newestRecords(keys []string, since time.Time) []string {
	ids, perFolder := map[string]string{}, map[string]int{}
	for _, key := range keys {
		if _, _, id, ok := s.keys.CutDeployment(key); ok && beganSince(id, since) {
			ids[key] = id
		}
	}
	newest := slices.SortedFunc(maps.Keys(ids), func(a, b string) int {
		return cmp.Or(cmp.Compare(ids[b], ids[a]), cmp.Compare(a, b))
	})
	newest = slices.DeleteFunc(newest, func(key string) bool {
		folder := strings.TrimSuffix(key, ids[key])
		perFolder[folder]++
		return perFolder[folder] > recordsOfEach
	})
	return newest[:min(recordsOfAll, len(newest))]
}

// beganSince goes by the id; one that does not tell its time is as good as new.
func beganSince(id string, since time.Time) bool {
	at, ok := catalog.DeploymentTime(id)
	return !ok || !at.Before(since)
}

func (r *Recorded) keepOnly(wanted []string) {
	keep := make(map[string]bool, len(wanted))
	for _, key := range wanted {
		keep[key] = true
	}
	maps.DeleteFunc(r.known, func(key string, _ catalog.Deployment) bool { return !keep[key] })
}

// unread are the keys whose records are not known, or had not ended.
func (r *Recorded) unread(wanted []string) []string {
	return slices.DeleteFunc(slices.Clone(wanted), func(key string) bool {
		d, known := r.known[key]
		return known && d.State.Ended()
	})
}

// take reads some records.
func (r *Recorded) take(ctx context.Context, keys []string) error {
	ops := make(api.TxnOps, len(keys))
	for n, key := range keys {
		ops[n] = &api.TxnOp{KV: &api.KVTxnOp{Verb: api.KVGet, Key: key}}
	}
	ok, resp, _, err := r.store.api.Txn().Txn(ops, anyServer(ctx))
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("a record was removed as it was read: %s", resp.Errors[0].What)
	}
	for _, result := range resp.Results {
		if result.KV != nil {
			r.learn(result.KV)
		}
	}
	return nil
}

func (r *Recorded) learn(p *api.KVPair) {
	service, env, id, _ := r.store.keys.CutDeployment(p.Key)
	d, err := catalog.ParseDeployment(p.Value)
	if err != nil {
		if _, said := r.known[p.Key]; !said {
			r.store.log.Warn("a deployment record can't be read and is not measured", "key", p.Key, "error", err)
		}
		r.known[p.Key] = catalog.Deployment{}
		return
	}
	d.ID, d.Service, d.Environment = id, service, env
	r.known[p.Key] = storyOf(d)
}

// storyOf is a record without what takes the most room and tells nothing of when
// and how it went.
func storyOf(d catalog.Deployment) catalog.Deployment {
	story := catalog.Deployment{
		ID: d.ID, Service: d.Service, Environment: d.Environment, Target: d.Target, Previous: d.Previous,
		Release: d.Release, Revision: d.Revision, Committed: d.Committed, From: d.From, RolledBackTo: d.RolledBackTo,
		State: d.State, Timeline: slices.Clone(d.Timeline),
	}
	if d.Replaces != nil {
		story.Replaces = &catalog.Release{ID: d.Replaces.ID}
	}
	for n := range story.Timeline {
		story.Timeline[n].Note = ""
	}
	return story
}

// DeploymentsOf are the recorded deployments of a service to all environments.
// Records that can't be read are left out and logged.
func (s *Store) DeploymentsOf(ctx context.Context, service string) ([]catalog.Deployment, error) {
	pairs, _, err := s.api.KV().List(s.keys.DeploymentsOf(service), s.query(ctx))
	if err != nil {
		return nil, s.explain(err, "read the deployments of "+service)
	}
	var list []catalog.Deployment
	for _, p := range pairs {
		if _, _, _, ok := s.keys.CutDeployment(p.Key); !ok {
			continue
		}
		d, err := catalog.ParseDeployment(p.Value)
		if err != nil {
			s.log.Warn("a deployment record can't be read", "key", p.Key, "error", err)
			continue
		}
		d.Index = p.ModifyIndex
		list = append(list, d)
	}
	return list, nil
}
