//go:build integration

package integration

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/dev/load"
)

// settled waits for n more requests and holds that none of all failed.
func settled(t *testing.T, l *load.Load, n int) {
	t.Helper()
	before := l.Tally().Requests
	require.Eventually(t, func() bool { return l.Tally().Requests >= before+n }, patience, 5*time.Millisecond, "no requests come through")
	tally := l.Tally()
	require.Zero(t, tally.Failed, tally.First)
}

// The whole main job: two deployments, twenty flips and a rollback under load,
// and not one request fails or is answered by a release that was not live.
func TestBlueGreenUnderLoad(t *testing.T) {
	w := newWorld(t)
	w.deploy(t, first)
	require.Equal(t, "blue-production", w.alias(t))
	l, stop := w.load(t)
	l.Expect(first)
	settled(t, l, 200)

	l.Expect(first, second)
	w.deploy(t, second)
	require.Equal(t, "green-production", w.alias(t))
	l.Expect(second)
	settled(t, l, 200)

	now, next := second, first
	for i := range 20 {
		target := "blue-production"
		if i%2 == 1 {
			target = "green-production"
		}
		l.Expect(now, next)
		w.flip(t, target)
		l.Expect(next)
		settled(t, l, 50)
		now, next = next, now
	}

	l.Expect(first, second)
	began := time.Now()
	r := w.run(t, nil, "rollback", shop)
	t.Logf("rollback took %s", time.Since(began).Round(time.Millisecond))
	require.Zero(t, r.code, r.out)
	require.Equal(t, "blue-production", w.alias(t))
	l.Expect(first)
	settled(t, l, 200)

	tally := stop()
	require.Zero(t, tally.Failed, tally.First)
	require.Positive(t, tally.Releases[first])
	require.Positive(t, tally.Releases[second])
}

// A third release replaces the standby; the one before can still be told from
// what is live.
func TestRedeployIntoTheStandbyColour(t *testing.T) {
	w := newWorld(t)
	w.deploy(t, first)
	w.deploy(t, second)
	l, stop := w.load(t)
	l.Expect(second, first)
	w.deploy(t, first)
	l.Expect(first)
	settled(t, l, 100)
	require.Zero(t, stop().Failed, l.Tally().First)
	require.Equal(t, "blue-production", w.alias(t))
	for _, name := range containersOf(t, shop) {
		require.NotContains(t, name, "previous")
	}
}

// The bare PUT of the key is the flip.
func TestOnePutMovesTheTraffic(t *testing.T) {
	w := newWorld(t)
	w.deploy(t, first)
	w.deploy(t, second)
	l, stop := w.load(t)
	l.Expect(second)
	settled(t, l, 100)
	l.Expect(first, second)
	w.put(t, "teal/aliases/"+shop+"/production", "blue-production")
	require.Eventually(t, func() bool { return l.Tally().Releases[first] > 0 }, patience, time.Millisecond)
	l.Expect(first)
	settled(t, l, 100)
	require.Zero(t, stop().Failed, l.Tally().First)
	require.Contains(t, w.run(t, nil, "status", shop).out, "by hand")
}

// A release that never becomes healthy leaves everything as it was, and says why.
func TestUnhealthyReleaseLeavesNoTrace(t *testing.T) {
	w := newWorld(t)
	w.deploy(t, first)
	before := containersOf(t, shop)
	l, stop := w.load(t)
	l.Expect(first)

	file := writeFile(t, "compose.yaml", `
name: teal-test-shop
services:
  api:
    image: teal-example/shop-api:2.0.0
    environment: {RELEASE: 2.0.0}
    ports: ["8080"]
x-teal:
  release: 2.0.0
  check: {http: /health, interval: 500ms, timeout: 1s}
  settle: 1s
  timeout: 6s
  environments:
    production: {hosts: ["unix:///var/run/docker.sock"]}
`)
	r := w.run(t, nil, "deploy", "--file", file)
	require.Equal(t, 3, r.code, r.out)
	require.Contains(t, r.out, "reach the database", "the check's output tells the reason")
	require.Contains(t, r.out, "release 2.0.0 answers on :8080", "the container's last lines are shown")
	require.Equal(t, "blue-production", w.alias(t))
	require.ElementsMatch(t, before, containersOf(t, shop), "nothing of it is left")
	settled(t, l, 100)
	require.Zero(t, stop().Failed, l.Tally().First)

	var record catalog.Deployment
	r = w.run(t, nil, "status", shop, "--json")
	var status struct{ Deployments []catalog.Deployment }
	require.NoError(t, json.Unmarshal([]byte(r.out), &status))
	record = status.Deployments[0]
	require.Equal(t, catalog.Failed, record.State)
}

// A container that ends at once ends the wait at once.
func TestCrashingReleaseFailsEarly(t *testing.T) {
	w := newWorld(t)
	file := writeFile(t, "compose.yaml", `
name: teal-test-shop
services:
  api:
    image: teal-example/shop-api:2.0.0
    entrypoint: ["/app", "--no-such-flag"]
    environment: {RELEASE: 2.0.0}
    command: []
    ports: ["8080"]
    user: "nobody-of-that-name"
x-teal:
  release: 2.0.0
  check: {http: /health}
  timeout: 60s
  environments:
    production: {hosts: ["unix:///var/run/docker.sock"]}
`)
	began := time.Now()
	r := w.run(t, nil, "deploy", "--file", file)
	require.Equal(t, 3, r.code, r.out)
	require.Less(t, time.Since(began), patience)
	require.Empty(t, containersOf(t, shop))
	require.Empty(t, w.alias(t))
}

// The names of the private network differ by colour, and the parts find each
// other by their compose names.
func TestPartsFindEachOther(t *testing.T) {
	w := newWorld(t)
	w.deploy(t, first)
	w.deploy(t, second)
	count := func(host, path string) string {
		code, body := w.get(t, host, path)
		require.Equal(t, 200, code, body)
		var answer struct{ Release, Visitors string }
		require.NoError(t, json.Unmarshal([]byte(body), &answer))
		return fmt.Sprintf("%s visitor %s", answer.Release, answer.Visitors)
	}
	require.Equal(t, "2.0.0 visitor 1", count(shop+".localhost", "/"))
	require.Equal(t, "2.0.0 visitor 2", count(shop+".production.localhost", "/"))
	require.Equal(t, "2.0.0 visitor 3", count("any.router", "/"+shop+"@production/"))
	require.Equal(t, "1.0.0 visitor 1", count("any.router", "/"+shop+"@blue-production/"))
	require.Equal(t, "1.0.0 visitor 2", count(shop+".blue-production.localhost", "/"))
}
