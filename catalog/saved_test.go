package catalog_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/catalog/cow"
)

// savedWorld is a snapshot with something in every field that is saved.
func savedWorld() catalog.Snapshot {
	instance := catalog.Instance{
		ID: "web-1", Service: "web", Node: "n1", Address: "10.0.0.1", Port: 8080, Target: blue, Release: "1.2.3",
		Weight: 3, Health: catalog.Warning, Tags: []string{"<tag>"}, Meta: map[string]string{"team": "shop"},
		Checks: []catalog.CheckStatus{{ID: "c1", Name: "http", Status: catalog.Warning}},
	}
	gone := instance
	gone.ID, gone.Target = "web-2", green
	web := &catalog.Service{
		Name: "web",
		Config: catalog.ServiceConfig{
			Description: "The shop", Since: 41, Routes: []catalog.Route{{Host: "shop.example.com", Path: "/", Since: at}},
			Traffic: catalog.Traffic{TimeoutMS: 5000, Preview: []catalog.PreviewRule{{Target: green, Header: "X-Preview"}}},
		},
		Aliases: map[string]catalog.Alias{
			"production": {Name: "production", Index: 42, Value: catalog.AliasValue{Shares: []catalog.Share{{Target: green, Weight: 10}, {Target: blue, Weight: 90}}}},
		},
		Releases:  map[catalog.Target]catalog.Release{blue: {ID: "1.2.3", State: catalog.Ready, At: at, Index: 43}},
		Flips:     map[string]catalog.FlipRecord{"production": {From: catalog.PointTo(green), To: catalog.PointTo(blue), By: "ops@host", At: at, Index: 42}},
		Halts:     map[string]catalog.Halt{"production": {Kind: catalog.HaltPause, MaxWaitMS: 30_000, By: "ops@host", At: at, Index: 44}},
		Instances: []catalog.Instance{instance},
		Held:      map[catalog.Target]catalog.Hold{green: {Since: at, Reason: "All its instances went at once.", Instances: []catalog.Instance{gone}}},
	}
	api := &catalog.Service{Name: "api", Config: catalog.ServiceConfig{Since: 7}}
	return catalog.Snapshot{
		Services: cow.Of(map[string]*catalog.Service{"web": web, "api": api}),
		Problems: []catalog.Problem{{Service: "web", Subject: "web-3", Message: "it has no [address]"}},
	}
}

// all is a snapshot's services as an ordinary map, to be compared.
func all(s catalog.Snapshot) map[string]*catalog.Service {
	m := map[string]*catalog.Service{}
	for name, service := range s.Services.All() {
		m[name] = service
	}
	return m
}

func TestSavedSnapshot(t *testing.T) {
	s := savedWorld()
	s.AliasIndex, s.StaleSince = 99, at
	encoded := catalog.EncodeSnapshot(s, at)
	file := filepath.Join("testdata", "snapshot.json")
	if *update {
		require.NoError(t, os.WriteFile(file, encoded, 0o644))
	}
	golden, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(golden), string(encoded))
	got, err := catalog.ParseSnapshot(golden)
	require.NoError(t, err)
	require.Equal(t, all(s), all(got))
	require.Equal(t, s.Problems, got.Problems)
	require.Equal(t, at, got.Restored)
	require.Zero(t, got.AliasIndex, "no flip counts as applied")
	require.Zero(t, got.StaleSince)
}

func TestSavedChecks(t *testing.T) {
	s := savedWorld()
	instance := &s.Services.At("web").Instances[0]
	instance.Checks[0].Output = "a long story"
	instance.Checks = append(instance.Checks, catalog.CheckStatus{ID: "c2", Status: catalog.Passing})
	got, err := catalog.ParseSnapshot(catalog.EncodeSnapshot(s, at))
	require.NoError(t, err)
	require.Equal(t, savedWorld().Services.At("web"), got.Services.At("web"))
	require.NotEmpty(t, instance.Checks[0].Output, "the snapshot itself has changed")
}

func TestSavedEmpty(t *testing.T) {
	got, err := catalog.ParseSnapshot(catalog.EncodeSnapshot(catalog.Snapshot{}, at))
	require.NoError(t, err)
	require.Zero(t, got.Services.Len())
}

func TestSavedBroken(t *testing.T) {
	whole := catalog.EncodeSnapshot(savedWorld(), at)
	for n := range len(whole) - 1 { // without the line feed it is whole
		_, err := catalog.ParseSnapshot(whole[:n])
		require.Error(t, err, "cut after %d bytes", n)
	}
	for text, want := range map[string]string{
		`{}`: "another version",
		`{"version":2,"saved":"2026-03-04T05:06:07Z","services":{}}`: "another version",
		`{"version":1}`: "does not tell when",
		`{"version":1,"saved":"2026-03-04T05:06:07Z","services":[{"name":""}]}`:               "has no name",
		`{"version":1,"saved":"2026-03-04T05:06:07Z","services":[{"name":"a"},{"name":"a"}]}`: "twice",
	} {
		_, err := catalog.ParseSnapshot([]byte(text))
		require.ErrorContains(t, err, want, text)
	}
	_, err := catalog.ParseSnapshot([]byte(`{"version":2}`))
	require.ErrorIs(t, err, catalog.ErrSavedVersion)
}

// FuzzParseSnapshot: what was read is written and read again the same.
func FuzzParseSnapshot(f *testing.F) {
	f.Add(catalog.EncodeSnapshot(savedWorld(), at))
	f.Add([]byte(`{"version":1,"saved":"2026-03-04T05:06:07Z","services":[{"name":"a","aliases":{"x":{"value":"y=1"}},"held":{"":{}}}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := catalog.ParseSnapshot(b)
		if err != nil {
			return
		}
		once := catalog.EncodeSnapshot(s, s.Restored)
		again, err := catalog.ParseSnapshot(once)
		require.NoError(t, err)
		require.Equal(t, string(once), string(catalog.EncodeSnapshot(again, again.Restored)))
		require.Equal(t, s.Services.Keys(), again.Services.Keys())
	})
}

// large has so many services and instances of each.
func large(services, instances int) catalog.Snapshot {
	edit := cow.Map[*catalog.Service]{}.Edit()
	for n := range services {
		name := fmt.Sprintf("service-%d", n)
		s := &catalog.Service{
			Name:     name,
			Aliases:  map[string]catalog.Alias{"production": {Name: "production", Value: catalog.PointTo(blue), Index: uint64(n)}},
			Releases: map[catalog.Target]catalog.Release{blue: {ID: "1.2.3", State: catalog.Ready, At: at}},
		}
		for i := range instances {
			s.Instances = append(s.Instances, catalog.Instance{
				ID: fmt.Sprintf("%s-%d", name, i), Service: name, Node: fmt.Sprintf("node-%d", i), Address: "10.20.30.40", Port: 20_000 + i,
				Target: blue, Release: "1.2.3", Owner: "a1b2c3d4", Health: catalog.Passing,
				Checks: []catalog.CheckStatus{
					{ID: "serfHealth", Name: "Serf Health Status", Status: catalog.Passing, OfNode: true, Output: "Agent alive and reachable"},
					{ID: "http", Name: "http", Status: catalog.Passing, Output: "HTTP GET: 200 OK"},
				},
			})
		}
		edit.Set(name, s)
	}
	return catalog.Snapshot{Services: edit.Done()}
}

func BenchmarkEncodeSnapshot(b *testing.B) {
	s := large(10_000, 10)
	b.ReportAllocs()
	for b.Loop() {
		b.SetBytes(int64(len(catalog.EncodeSnapshot(s, at.Add(time.Hour)))))
	}
}

func BenchmarkParseSnapshot(b *testing.B) {
	encoded := catalog.EncodeSnapshot(large(10_000, 10), at)
	b.SetBytes(int64(len(encoded)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := catalog.ParseSnapshot(encoded); err != nil {
			b.Fatal(err)
		}
	}
}
