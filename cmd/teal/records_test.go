package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/consul"
	"teal/deployer"
	"teal/deployer/servicefile"
)

// recorded writes the record of a deployment of web that took three seconds.
func (s *shop) recorded(hour int, end catalog.DeploymentState, reason string) string {
	began := time.Date(2026, 1, 2, hour, 0, 0, 0, time.UTC)
	d := catalog.Deployment{
		ID: fmt.Sprintf("20260102t%02d0000.000z-aaaaaa", hour), Service: "web", Environment: "production", By: "ann@ci", Reason: reason,
		Release: fmt.Sprintf("1.%d.0", hour), Target: catalog.Target{Colour: catalog.Green, Environment: "production"},
	}.Enter(catalog.Checking, began, "").Enter(end, began.Add(3*time.Second), "")
	s.put("kv/teal/deployments/web/production/"+d.ID, string(d.Encode()))
	return d.ID
}

func TestHistoryAndPrune(t *testing.T) {
	s := newShop(t)
	code, said := s.teal("history web")
	require.Equal(t, exitDone, code)
	require.Equal(t, "no deployments are recorded\n", said)
	code, said = s.teal("history api")
	require.Equal(t, exitError, code)
	require.Contains(t, said, "no service api is known")

	oldest := s.recorded(1, catalog.Failed, "it was sick")
	newest := s.recorded(2, catalog.Aborted, "")
	code, said = s.teal("history web production")
	require.Equal(t, exitDone, code, said)
	require.Contains(t, said, newest+"  release 1.2.0 to green-production by ann@ci\n")
	require.Contains(t, said, ", failed after 3s\n  checking 3s\n  it was sick\n")
	require.Less(t, strings.Index(said, newest), strings.Index(said, oldest))

	code, said = s.teal("history web -n 1 --json")
	require.Equal(t, exitDone, code, said)
	var past []deployer.PastDeployment
	require.NoError(t, json.Unmarshal([]byte(said), &past))
	require.Len(t, past, 1)
	require.Equal(t, newest, past[0].ID)
	require.Equal(t, newest, past[0].Record.ID)
	require.Len(t, past[0].Record.Timeline, 2)

	_, said = s.teal("prune web --keep 1 --dry-run")
	require.Equal(t, "would remove the record of deployment "+oldest+" to production: release 1.1.0 failed\n", said)
	code, said = s.teal("prune web --keep 1 --json")
	require.Equal(t, exitDone, code, said)
	var pruned deployer.Pruned
	require.NoError(t, json.Unmarshal([]byte(said), &pruned))
	require.Len(t, pruned.Deployments, 1)
	_, said = s.teal("prune web --keep 1")
	require.Equal(t, "removed nothing\n", said)
	_, said = s.teal("history web")
	require.NotContains(t, said, oldest)
}

func TestHistoryAndStatusOfWhatAwaitsApproval(t *testing.T) {
	s := newShop(t)
	d := catalog.Deployment{
		ID: "20260102t030000.000z-aaaaaa", Service: "web", Environment: "production", Release: "1.3.0",
		Revision: "0123456789abcdef0123", By: "ann@ci",
		Approval: &catalog.Approval{Until: time.Now().Add(time.Hour), Then: catalog.Abort},
	}.Enter(catalog.AwaitingApproval, time.Now(), "")
	for want, until := range map[string]time.Time{
		"awaits approval until ":                d.Approval.Until,
		"its time for approval is over since 2": time.Date(2026, 1, 2, 4, 0, 0, 0, time.UTC),
	} {
		d.Approval.Until = until
		s.put("kv/teal/deployments/web/production/"+d.ID, string(d.Encode()))
		_, said := s.teal("history web production")
		require.Contains(t, said, "awaiting-approval: "+want)
		require.Contains(t, said, " by ann@ci, commit 0123456789ab\n")
		require.NotContains(t, said, "its deployer is gone")
		_, said = s.teal("status web")
		require.Contains(t, said, want)
		require.Contains(t, said, "(then: abort)")
	}
}

func TestLockStatusAndRelease(t *testing.T) {
	s := newShop(t)
	code, said := s.teal("lock status web production")
	require.Equal(t, exitDone, code)
	require.Equal(t, "nobody is deploying web to production: the lock is free\n", said)
	_, said = s.teal("lock release web production")
	require.Equal(t, "nobody is deploying web to production: the lock is free already\n", said)

	store, err := consul.New(consul.Options{Address: s.world.StoreAddr()})
	require.NoError(t, err)
	id := s.recorded(1, catalog.Flipping, "")
	session, lost, err := store.Lock(t.Context(), "web", "production", catalog.LockRecord{Holder: "ann@ci", Deployment: id, Since: time.Now()})
	require.NoError(t, err)
	defer func() { require.NoError(t, store.Unlock(t.Context(), "web", "production", session)) }()

	_, said = s.teal("lock status web production")
	require.Contains(t, said, "ann@ci holds the lock of web in production, for deployment "+id+" (flipping)\n")
	require.Contains(t, said, "would go by itself within 20s")
	_, said = s.teal("history web")
	require.Contains(t, said, "flipping, under way for ")
	code, said = s.teal("prune web")
	require.Equal(t, exitBusy, code, said)
	code, said = s.teal("lock release web production")
	require.Equal(t, exitBusy, code, said)
	require.Contains(t, said, "use --force")

	code, said = s.teal("lock release web production --force")
	require.Equal(t, exitDone, code, said)
	require.Contains(t, said, "took the lock of web in production from ann@ci")
	select {
	case <-lost:
	case <-time.After(30 * time.Second):
		require.Fail(t, "its holder does not notice")
	}
	_, said = s.teal("history web")
	require.Contains(t, said, "flipping: its deployer is gone, and the next deployment finishes or reverts it")

	s.put("kv/teal/locks/web/production", "mine")
	_, said = s.teal("lock status web production --json")
	require.Contains(t, said, `"alive": false`)
	_, said = s.teal("lock release web production")
	require.Equal(t, "removed the lock of web in production, which no session held\n", said)
}

func TestPlanInWords(t *testing.T) {
	green := catalog.Target{Colour: catalog.Green, Environment: "production"}
	blue := catalog.Target{Colour: catalog.Blue, Environment: "production"}
	plan := deployer.DeploymentPlan{
		Service: "web", Environment: "production", Release: "2", Target: green, Live: catalog.PointTo(blue), Changes: true,
		Hosts: []deployer.HostChanges{{Host: "ssh://one", Containers: []deployer.ContainerChange{
			{Container: "g-1", Action: deployer.StartContainer, Image: "web:2", LiveImage: "web:1", LiveDigest: "sha256:1"},
			{Container: "g-2", Action: deployer.ReplaceContainer, Image: "web:2"},
			{Container: "b-1", Action: deployer.KeepContainer, Image: "web:1", LiveImage: "web:1", LiveDigest: "sha256:1"},
		}}},
		Keys: []deployer.KeyChange{
			{Key: "services/web", Fields: []string{"owner", "routes"}},
			{Key: "aliases/web/production", From: "blue-production", To: "green-production"},
			{Key: "releases/web/green-production", To: "2 (ready)"},
		},
		Routes: []deployer.RouteChange{
			{Route: "/a", Alias: "production", Change: deployer.RouteGained},
			{Route: "/b", Alias: "production", Change: deployer.RouteLost},
			{Route: "/c", Alias: "production", Change: deployer.RouteContested, Holder: "shop", Rivals: []string{"shop"}},
			{Route: "/d", Alias: "production", Change: deployer.RouteContested, Holder: "web", Rivals: []string{"shop"}},
		},
		Drift: []deployer.Drift{{Host: "ssh://one", Container: "b-2", Kind: deployer.Missing}},
		Notes: []string{"it is late"},
	}
	var out bytes.Buffer
	printPlan(&out, plan)
	require.Equal(t, `release 2 would go to green-production of web; production points at blue-production
on ssh://one: start g-1, image web:2; live is web:1 (sha256:1)
on ssh://one: replace g-2, image web:2
on ssh://one: keep b-1, image web:1 (sha256:1)
in Consul: services/web gets other owner, routes
in Consul: aliases/web/production becomes green-production, is blue-production
in Consul: releases/web/green-production becomes 2 (ready)
route /a would lead to production
route /b would no longer lead to production
route /c is declared by shop too, and would stay with shop, who was first
route /d is declared by shop too, and would be web's, who was first
drift: b-2 on ssh://one is missing
note: it is late
`, out.String())

	out.Reset()
	printPlan(&out, deployer.DeploymentPlan{Service: "web", Environment: "production", Release: "2"})
	require.Equal(t, "nothing would change: production of web runs release 2 as this file says\n", out.String())
}

func TestExitCodesOfPlanAndLint(t *testing.T) {
	require.Equal(t, 8, exitCode(errChanges))
	require.ErrorIs(t, errChanges, errQuiet, "the plan has said it all")
	require.Equal(t, exitUsage, exitCode(fmt.Errorf("%w: %w", errQuiet, &servicefile.SpecError{})))
	require.Equal(t, exitError, exitCode(errLeft))
	require.Equal(t, exitError, exitCode(errors.New("no")))
}

// checkedOut is a service file in a checkout of v1.4.0, for an engine that has no
// containers. Its image is named by its release.
func checkedOut(t *testing.T) string {
	t.Helper()
	engine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.45")
		if strings.HasSuffix(r.URL.Path, "/containers/json") {
			_, _ = io.WriteString(w, "[]")
		}
	}))
	t.Cleanup(engine.Close)
	dir := t.TempDir()
	file := filepath.Join(dir, "compose.yaml")
	require.NoError(t, os.WriteFile(file, []byte(fmt.Sprintf(`services:
  web: {image: "web:${TEAL_RELEASE}", ports: ["80"]}
x-teal:
  environments: {production: {hosts: ["tcp://%s"]}}
`, engine.Listener.Addr())), 0o600))
	for _, line := range []string{"init -q", "add .", "-c user.name=t -c user.email=t@t.example commit -q -m one", "tag v1.4.0"} {
		git := exec.CommandContext(t.Context(), "git", strings.Fields(line)...)
		git.Dir = dir
		out, err := git.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	return file
}

func TestPlanIsNamedAsADeploymentIs(t *testing.T) {
	s, file := newShop(t), checkedOut(t)
	for _, c := range []struct{ variable, flags, want string }{
		{"", "", "^1.4.0-[0-9a-f]{7}$"},
		{"1.9", "", "^1.9$"},
		{"1.9", " --release 2.0", "^2.0$"},
	} {
		t.Setenv("TEAL_RELEASE", c.variable)
		code, planned := s.teal("plan --json --file " + file + c.flags)
		require.Equal(t, exitChanges, code, planned)
		var plan deployer.DeploymentPlan
		require.NoError(t, json.Unmarshal([]byte(planned), &plan))
		require.Regexp(t, c.want, plan.Release)
		require.Equal(t, "web:"+plan.Release, plan.Hosts[0].Containers[0].Image)
		code, dry := s.teal("deploy --dry-run --json --file " + file + c.flags)
		require.Equal(t, exitDone, code, dry)
		require.Equal(t, dry, planned)
	}
}
