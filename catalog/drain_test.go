package catalog

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDrainRequestsAreReadAsTheyAreWritten(t *testing.T) {
	want := DrainRequest{By: "ops@here", Reason: "r8", At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Container: "c", Owner: "host-1"}
	require.Equal(t, want, ParseDrainRequest(want.Encode()))
	require.Equal(t, DrainRequest{Reason: "the disk is full"}, ParseDrainRequest([]byte(" the disk is full\n")))
	require.Equal(t, DrainRequest{}, ParseDrainRequest(nil))
}

func TestDrainRequestsForPeople(t *testing.T) {
	for want, d := range map[string]DrainRequest{
		"asked by ops: r8": {By: "ops", Reason: "r8"}, "asked by ops": {By: "ops"}, "two lines": {Reason: "two\n lines "}, "": {},
	} {
		require.Equal(t, want, d.String())
	}
}

func TestDrainKeys(t *testing.T) {
	k := NewKeys("")
	key := k.Drain("node-1", "host:a/b:80")
	require.Equal(t, "teal/drains/node-1/host:a/b:80", key)
	id, ok := k.CutDrain("node-1", key)
	require.True(t, ok)
	require.Equal(t, "host:a/b:80", id)
	for _, key := range []string{"teal/drains/node-1/", "teal/drains/node-1/folder/", "teal/drains/node-2/x", "teal/aliases/x"} {
		_, ok = k.CutDrain("node-1", key)
		require.False(t, ok, key)
	}
}

func TestDigest(t *testing.T) {
	c := Check{HTTP: "http://h/", Interval: time.Second}
	require.Equal(t, c.Digest(), Check{ID: "x", Status: Passing, Output: "y", HTTP: "http://h/", Interval: time.Second}.Digest(), "what changes is no definition")
	for name, other := range map[string]Check{
		"method": {HTTP: "http://h/", Interval: time.Second, Method: "HEAD"},
		"header": {HTTP: "http://h/", Interval: time.Second, Header: map[string][]string{"A": {"b"}}},
		"often":  {HTTP: "http://h/", Interval: time.Minute},
		"first":  {HTTP: "http://h/", Interval: time.Second, Initial: Passing},
	} {
		require.NotEqual(t, c.Digest(), other.Digest(), name)
	}
	require.Equal(t, "865f59f3", c.Digest(), "it must not change from one version to the next: all checks would begin anew")
}

func TestHealthOfARegistration(t *testing.T) {
	require.Equal(t, Passing, Registration{}.Health())
	require.Equal(t, Critical, Registration{Checks: []Check{{Status: Passing}, {Status: Critical}}}.Health())
	require.Equal(t, Maintenance, Registration{Maintenance: "x", Checks: []Check{{Status: Critical}}}.Health())
}
