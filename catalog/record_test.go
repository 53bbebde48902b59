package catalog_test

import (
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

var update = flag.Bool("update", false, "write the golden files anew")

var (
	at    = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	blue  = catalog.Target{Colour: catalog.Blue, Environment: "production"}
	green = catalog.Target{Colour: catalog.Green, Environment: "production"}
)

// roundTrip holds the encoded form against its golden file, and what is read
// back against what was written.
func roundTrip[T any](t *testing.T, name string, record T, encoded []byte, parse func([]byte) (T, error)) {
	t.Helper()
	file := filepath.Join("testdata", name+".json")
	if *update {
		require.NoError(t, os.WriteFile(file, encoded, 0o644))
	}
	golden, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(golden), string(encoded))
	got, err := parse(golden)
	require.NoError(t, err)
	require.Equal(t, record, got)
	_, err = parse([]byte("no JSON"))
	require.ErrorContains(t, err, "not the JSON of a")
}

// traffic has a value in every field.
var traffic = catalog.Traffic{
	TimeoutMS: 5000, ConnectTimeoutMS: 500, RequestTimeoutMS: 60000, DrainMS: 120000,
	MaxBody: 10 << 20, MaxInFlight: 200, MaxQueue: 50, QueueMS: 2000,
	Balance: catalog.RoundRobin, Warning: catalog.WarningNever, SlowStartMS: 30000,
	Retry:  &catalog.Retry{Attempts: 2, BudgetPercent: 10},
	Sticky: &catalog.Sticky{By: catalog.StickyHeader, Name: "X-Account"},
	Preview: []catalog.PreviewRule{
		{Alias: "production", Header: "X-Beta", Value: "1", Networks: []string{"10.0.0.0/8"}},
		{Alias: "production", Cookie: "staff", Target: catalog.Target{Environment: "integration"}},
	},
	PreviewToken:    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
	TLS:             &catalog.UpstreamTLS{ServerName: "shop.internal", CA: "-----BEGIN CERTIFICATE-----\n", SkipVerify: true},
	TCP:             []catalog.TCPRoute{{Port: 5432, Alias: "production"}, {SNI: "db.example.com", Alias: "production"}},
	MaintenancePage: "<h1>Back soon</h1>",
}

func TestTrafficOfTheGoldenFileIsWhole(t *testing.T) {
	for _, part := range []any{traffic, *traffic.Retry, *traffic.Sticky, *traffic.TLS} {
		v := reflect.ValueOf(part)
		for n := range v.NumField() {
			require.False(t, v.Field(n).IsZero(), v.Type().Field(n).Name)
		}
	}
}

func TestRecords(t *testing.T) {
	service := catalog.ServiceConfig{
		Description: "The shop", Owner: "team shop", Source: "https://git.example/shop", Docs: "https://docs.example/shop",
		Default: "production", Traffic: traffic,
		Routes: []catalog.Route{
			{Host: "shop.example.com", Path: "/", Alias: "production"},
			{Host: "*.shop.example.com", Path: "/cart", Alias: "production", Strip: true, Since: at},
		},
	}
	roundTrip(t, "service", service, service.Encode(), catalog.ParseServiceConfig)

	release := catalog.Release{
		ID: "1.2.3", Revision: "abc", Images: map[string]string{"web": "sha256:1"}, Deployment: "d1", State: catalog.Standby, At: at,
	}
	roundTrip(t, "release", release, release.Encode(), catalog.ParseRelease)

	flip := catalog.FlipRecord{From: catalog.PointTo(blue), To: catalog.PointTo(green), By: "ops@host", At: at, Deployment: "d1"}
	roundTrip(t, "flip", flip, flip.Encode(), catalog.ParseFlipRecord)

	lock := catalog.LockRecord{Holder: "ops@host", Deployment: "d1", Since: at}
	roundTrip(t, "lock", lock, lock.Encode(), catalog.ParseLockRecord)

	router := catalog.RouterRecord{ID: "r1", Proxy: "10.0.0.1:80", Admin: "http://10.0.0.1:8081", Applied: 42, Version: "1", Since: at}
	roundTrip(t, "router", router, router.Encode(), catalog.ParseRouterRecord)

	host := catalog.HostRecord{
		Node: "n1", Endpoint: "tcp://10.0.0.1:2376", Labels: map[string]string{"zone": "a"},
		Cores: 8, Memory: 16 << 30, Docker: "28.5.2", Registrator: "1", At: at,
	}
	roundTrip(t, "host", host, host.Encode(), catalog.ParseHostRecord)

	deployment := catalog.Deployment{
		ID: "d1", Service: "web", Environment: "production", Target: green, Previous: catalog.PointTo(blue),
		Release: "1.2.3", Hosts: []string{"unix:///var/run/docker.sock"}, By: "ops@host",
	}.Enter(catalog.Pending, at, "").Enter(catalog.Failed, at.Add(time.Second), "why")
	roundTrip(t, "deployment", deployment, deployment.Encode(), catalog.ParseDeployment)
}

func TestSameHost(t *testing.T) {
	h := catalog.HostRecord{Node: "n1", Cores: 2, Labels: map[string]string{"a": "1", "b": "2"}, At: at}
	later := h
	later.Labels, later.At = map[string]string{"b": "2", "a": "1"}, at.Add(time.Hour)
	require.True(t, h.Same(later))
	later.Cores = 4
	require.False(t, h.Same(later))
	later = h
	later.Labels = map[string]string{"a": "1"}
	require.False(t, h.Same(later))
}

func TestEnterLeavesTheReceiver(t *testing.T) {
	d := catalog.Deployment{}.Enter(catalog.Pending, at, "")
	a, b := d.Enter(catalog.Locked, at, "a"), d.Enter(catalog.Failed, at, "b")
	require.Equal(t, catalog.Locked, a.Timeline[1].State)
	require.Equal(t, catalog.Failed, b.Timeline[1].State)
	require.True(t, b.State.Ended())
	require.False(t, a.State.Ended())
}

func TestDeploymentIDsSortByTime(t *testing.T) {
	require.Less(t, catalog.NewDeploymentID(at), catalog.NewDeploymentID(at.Add(time.Millisecond)))
}

func FuzzParseRecords(f *testing.F) {
	f.Add([]byte(`{"state":"ready","target":"blue-production","from":"green-production=1,blue-production=2"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if d, err := catalog.ParseDeployment(b); err == nil {
			_, err = catalog.ParseDeployment(d.Encode())
			require.NoError(t, err)
		}
		if r, err := catalog.ParseFlipRecord(b); err == nil {
			_, err = catalog.ParseFlipRecord(r.Encode())
			require.NoError(t, err)
		}
		if c, err := catalog.ParseServiceConfig(b); err == nil {
			_, err = catalog.ParseServiceConfig(c.Encode())
			require.NoError(t, err)
		}
	})
}
