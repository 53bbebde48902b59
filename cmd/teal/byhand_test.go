package main

import (
	"encoding/json"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/consul"
	"teal/deployer"
)

// withGreen adds a green instance at the address of the blue one.
func (s *shop) withGreen() {
	s.t.Helper()
	store, err := consul.New(consul.Options{Address: s.world.StoreAddr()})
	require.NoError(s.t, err)
	web, err := store.Service(s.t.Context(), "web")
	require.NoError(s.t, err)
	blue, err := json.Marshal(map[string]any{
		"Name": "web", "ID": "g1", "Address": web.Instances[0].Address, "Port": web.Instances[0].Port, "Tags": []string{"production", "green"},
	})
	require.NoError(s.t, err)
	s.put("agent/service/register", string(blue))
	require.Eventually(s.t, func() bool {
		web, err := store.Service(s.t.Context(), "web")
		return err == nil && len(web.Instances) == 2
	}, 20*time.Second, 20*time.Millisecond)
}

// progressTime is the time that a line of progress begins with.
var progressTime = regexp.MustCompile(`(?m)^ *[0-9.]+s +`)

func TestDryRunsByHand(t *testing.T) {
	s := newShop(t)
	s.withGreen()
	for command, want := range map[string]string{
		"flip web production green-production --dry-run":                          "production of web would point at green-production, points at blue-production\n",
		"flip web production green-production --dry-run --wait drained":           "production of web would point at green-production, points at blue-production\n",
		"canary web 25 --dry-run":                                                 "production of web would point at green-production=25,blue-production=75, points at blue-production\n",
		"rollback web --dry-run":                                                  "production of web would point at green-production, points at blue-production\n",
		"flip web production blue-production --dry-run":                           "note       production points at blue-production already\n",
		"flip web production green-production web next blue-production --dry-run": "production of web would point at green-production, points at blue-production\nnext of web would point at blue-production, points at nothing\n",
	} {
		code, said := s.teal(command)
		require.Equal(t, exitDone, code, said)
		require.Equal(t, want, progressTime.ReplaceAllString(said, ""), command)
	}
	code, said := s.teal("flip web production green-integration --dry-run")
	require.Equal(t, exitError, code)
	require.Contains(t, said, "green-integration has no instances; the targets of web that have are blue-production, green-production")
	code, said = s.teal("rollback web --dry-run --json")
	require.Equal(t, exitDone, code, said)
	var f deployer.Flipped
	require.NoError(t, json.Unmarshal([]byte(said), &f))
	require.True(t, f.DryRun)
	_, said = s.teal("status web")
	require.Contains(t, said, "production  blue-production", "nothing of it was done")
}

func TestDryRunsOfAWordOnADeployment(t *testing.T) {
	s := newShop(t)
	id := s.recorded(1, catalog.AwaitingApproval, "")
	code, said := s.teal("approve web --dry-run")
	require.Equal(t, exitDone, code, said)
	require.Equal(t, "release 1.1.0 of web awaits a yes and would get it; it would go live in production\n", said)
	code, said = s.teal("abort web --dry-run")
	require.Equal(t, exitDone, code, said)
	require.Equal(t, "deployment "+id+" of web to production, which is awaiting-approval and which nobody runs, would be put back\n", said)
	code, said = s.teal("abort web --dry-run --json")
	require.Equal(t, exitDone, code, said)
	require.Contains(t, said, `"dry_run": true`)
	_, said = s.teal("history web")
	require.Contains(t, said, "awaiting-approval")
}

func TestDryRunOfTheReleaseOfALock(t *testing.T) {
	s := newShop(t)
	s.put("kv/teal/locks/web/production", `{"holder":"ann@ci"}`)
	code, said := s.teal("lock release web production --dry-run")
	require.Equal(t, exitDone, code, said)
	require.Equal(t, "would take the lock of web in production from ann@ci, who has it for something unknown\n", said)
	code, said = s.teal("lock release web production --json")
	require.Equal(t, exitDone, code, said)
	require.Contains(t, said, `"released": true`)
	_, said = s.teal("lock status web production")
	require.Contains(t, said, "the lock is free")
}

// TestARollbackThatCannotBeDoneEndsWithFive: there is no standby to go back to.
func TestARollbackThatCannotBeDoneEndsWithFive(t *testing.T) {
	s := newShop(t)
	code, said := s.teal("rollback web")
	require.Equal(t, 5, code, said)
	require.Contains(t, said, "production of web was not rolled back and still points at blue-production")
	require.Contains(t, said, "there is nothing to go back to: green-production holds no release; deploy the one you want")
}
