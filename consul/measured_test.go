package consul

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/dev/store"
)

// recordedWorld is an embedded store whose requests are counted.
func recordedWorld(t *testing.T) (s *Store, requests *atomic.Int64) {
	t.Helper()
	embedded := store.New(store.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- embedded.Run(ctx) }()
	requests = &atomic.Int64{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		embedded.Handler().ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
		server.Close()
	})
	s, err := New(Options{Address: server.Listener.Addr().String()})
	require.NoError(t, err)
	return s, requests
}

func (s *Store) putRecord(t *testing.T, service, env string, began time.Time, state catalog.DeploymentState) string {
	t.Helper()
	d := catalog.Deployment{
		ID: catalog.NewDeploymentID(began), Service: service, Environment: env, Hosts: []string{"one"},
		Images: map[string]string{"a": "b"}, Replaces: &catalog.Release{ID: "old", Images: map[string]string{"a": "b"}},
	}.Enter(state, began, "a note")
	key := s.keys.Deployment(service, env, d.ID)
	s.putKey(t, key, string(d.Encode()))
	return key
}

func (s *Store) putKey(t *testing.T, key, value string) {
	t.Helper()
	_, err := s.api.KV().Put(&api.KVPair{Key: key, Value: []byte(value)}, nil)
	require.NoError(t, err)
}

func TestRecordedReadsWhatHasChanged(t *testing.T) {
	s, requests := recordedWorld(t)
	began := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	r := s.Recorded()
	read := func() (of map[string][]catalog.Deployment, asked int64) {
		before := requests.Load()
		of, err := r.Deployments(t.Context(), began)
		require.NoError(t, err)
		return of, requests.Load() - before
	}
	of, _ := read()
	require.Empty(t, of)

	s.putRecord(t, "web", "production", began.Add(-time.Second), catalog.Succeeded)
	web := s.putRecord(t, "web", "production", began, catalog.Succeeded)
	s.putRecord(t, "web", "integration", began.Add(time.Hour), catalog.Failed)
	api := s.putRecord(t, "api", "production", began.Add(2*time.Hour), catalog.Checking)
	s.putKey(t, s.keys.Deployment("api", "production", "bad"), "{")
	s.putKey(t, s.keys.AllDeployments()+"stray", "{}")
	of, asked := read()
	require.EqualValues(t, 3, asked, "whether something changed, the names, the records")
	require.Len(t, of["web"], 2)
	require.Len(t, of["api"], 1)
	require.Len(t, of, 2)
	require.Equal(t, catalog.Checking, of["api"][0].State)
	require.Empty(t, of["api"][0].Hosts)
	require.Empty(t, of["api"][0].Timeline[0].Note)
	require.NotNil(t, of["api"][0].Replaces)

	_, asked = read()
	require.EqualValues(t, 1, asked, "nothing has changed")
	of, err := r.Deployments(t.Context(), began.Add(time.Minute))
	require.NoError(t, err)
	require.Len(t, of["web"], 1, "time has gone on, nothing else has changed")

	s.putKey(t, api, string(of["api"][0].Enter(catalog.Succeeded, began, "").Encode()))
	s.putKey(t, web, "what has ended is not read again")
	of, _ = read()
	require.Equal(t, catalog.Succeeded, of["api"][0].State)
	require.Len(t, of["web"], 2)

	_, err = s.api.KV().Delete(web, nil)
	require.NoError(t, err)
	of, _ = read()
	require.Len(t, of["web"], 1)
}

func TestRecordedReadsOnAfterAnError(t *testing.T) {
	s, _ := recordedWorld(t)
	s.putRecord(t, "web", "production", time.Now(), catalog.Succeeded)
	r := s.Recorded()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := r.Deployments(ctx, time.Time{})
	require.ErrorIs(t, err, context.Canceled)
	of, err := r.Deployments(t.Context(), time.Time{})
	require.NoError(t, err)
	require.Len(t, of["web"], 1)
}

func TestWhichRecordsAreRead(t *testing.T) {
	s, err := New(Options{})
	require.NoError(t, err)
	began := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	var keys []string
	for service := range 150 {
		for n := range recordsOfEach + 5 {
			id := fmt.Sprintf("%s-%06d", began.Add(time.Duration(n)*time.Minute).Format("20060102t150405.000z"), service)
			keys = append(keys, s.keys.Deployment(fmt.Sprint("s", service), "production", id))
		}
	}
	got := s.newestRecords(keys, began)
	require.Len(t, got, recordsOfAll)
	_, _, newest, _ := s.keys.CutDeployment(got[0])
	_, _, oldest, _ := s.keys.CutDeployment(got[recordsOfAll-1])
	require.Greater(t, newest, oldest)

	got = s.newestRecords(keys[:recordsOfEach+5], began)
	require.Len(t, got, recordsOfEach)
	require.Equal(t, keys[recordsOfEach+4], got[0])
	require.Equal(t, keys[5], got[recordsOfEach-1], "the oldest go")
	require.Len(t, s.newestRecords(keys[:10], began.Add(8*time.Minute)), 2)
}

func TestDeploymentsOfAllEnvironments(t *testing.T) {
	s, _ := recordedWorld(t)
	for _, env := range []string{"integration", "production"} {
		s.putRecord(t, "web", env, time.Now(), catalog.Succeeded)
	}
	s.putRecord(t, "web-2", "production", time.Now(), catalog.Succeeded)
	s.putKey(t, s.keys.Deployment("web", "production", "bad"), "{")
	list, err := s.DeploymentsOf(t.Context(), "web")
	require.NoError(t, err)
	require.Len(t, list, 2)
}
