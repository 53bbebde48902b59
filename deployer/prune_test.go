package deployer_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer"
)

// many deploys releases, of which those called "sick" fail, and answers the ids
// of the deployments by the release.
func (w *world) many(t *testing.T, releases ...string) map[string]string {
	t.Helper()
	for _, release := range releases {
		image := "good"
		if strings.HasPrefix(release, "sick") {
			image = "sick"
		}
		_, err := w.deployer().Deploy(t.Context(), request(image, release))
		require.Equal(t, image == "sick", err != nil, "%v", err)
	}
	ids := map[string]string{}
	for id, d := range w.deployments {
		ids[d.Release] = id
	}
	require.Len(t, ids, len(releases))
	return ids
}

func (w *world) prune(t *testing.T, req deployer.PruneRequest) deployer.Pruned {
	t.Helper()
	req.Service = "web"
	pruned, err := w.deployer().Prune(t.Context(), req)
	require.NoError(t, err)
	return pruned
}

func (w *world) recorded() []string {
	var left []string
	for _, id := range slices.Sorted(maps.Keys(w.deployments)) {
		left = append(left, w.deployments[id].Release)
	}
	return left
}

func TestPruneKeepsTheNewestAndWhatIsNeeded(t *testing.T) {
	w := newWorld()
	w.many(t, "r1", "r2", "r3", "sick4", "sick5", "sick6")
	containers := w.names("a")

	dry := w.prune(t, deployer.PruneRequest{Keep: 2, DryRun: true})
	require.Len(t, w.deployments, 6)
	pruned := w.prune(t, deployer.PruneRequest{Keep: 2})
	require.Equal(t, []string{"r2", "r3", "sick5", "sick6"}, w.recorded(), "r3 is live and r2 is standby")
	require.Equal(t, dry.Deployments, pruned.Deployments)
	require.Equal(t, containers, w.names("a"))
	require.Equal(t, dry.Containers, pruned.Containers)
	require.Len(t, pruned.Containers, 6, "of r1, on both hosts")
	require.Empty(t, w.keptOn("a"))
	require.Empty(t, pruned.Left)
	require.Empty(t, w.holder, "the lock is free again")

	require.Empty(t, w.prune(t, deployer.PruneRequest{Keep: 2}).Deployments, "once more")
	require.Empty(t, w.prune(t, deployer.PruneRequest{Keep: 1, Environment: "integration"}).Deployments)
	_, err := w.deployer().Rollback(t.Context(), "web", "production", false)
	require.NoError(t, err)
}

func TestPruneKeepsWhatHasNotEnded(t *testing.T) {
	w := newWorld()
	ids := w.many(t, "r1", "r2", "r3", "r4")
	first := w.deployments[ids["r1"]]
	first.State = catalog.Checking
	w.deployments[first.ID] = first
	w.prune(t, deployer.PruneRequest{Keep: 1})
	require.Equal(t, []string{"r1", "r2", "r3", "r4"}, w.recorded(), "nor what may be needed then")
}

func TestPruneKeepsARecordThatWasWrittenMeanwhile(t *testing.T) {
	w := newWorld()
	ids := w.many(t, "r1", "r2", "r3", "r4")
	w.on = func(op, arg string) error {
		if op == "forget" && arg == ids["r1"] {
			w.mu.Lock()
			defer w.mu.Unlock()
			d := w.deployments[arg]
			d.State = catalog.Aborted
			w.deployments[arg] = d
		}
		return nil
	}
	pruned := w.prune(t, deployer.PruneRequest{Keep: 1})
	require.Equal(t, []string{"deployment " + ids["r1"] + " was written meanwhile and stays"}, pruned.Left)
	require.Equal(t, []string{"r1", "r3", "r4"}, w.recorded())
}

func TestPruneRemovesWhatWasPutAside(t *testing.T) {
	w := newWorld()
	w.many(t, "r1", "r2")
	off := true
	w.on = func(op, arg string) error {
		if off && op == "rename" && strings.Contains(arg, ".kept-") {
			return errors.New("it is off")
		}
		return nil
	}
	w.deploy(t, "r3") // in blue, where r1 was
	off = false
	aside := []string{"(web-production-blue-db-1.previous=r1)", "(web-production-blue-web-1.previous=r1)", "(web-production-blue-web-2.previous=r1)"}
	require.Subset(t, w.names("b"), aside)

	stranger := &catalog.Container{ID: "s", Name: "their.previous", Labels: map[string]string{catalog.LabelService: "web", catalog.LabelEnvironment: "production"}}
	running := *w.containers["b"][0]
	running.ID, running.Name, running.Running = "x", "web-production-blue-job-1.previous", true
	w.containers["b"] = append(w.containers["b"], stranger, &running)

	dry := w.prune(t, deployer.PruneRequest{Keep: 9, DryRun: true})
	require.Subset(t, w.names("b"), aside)
	pruned := w.prune(t, deployer.PruneRequest{Keep: 9})
	require.Equal(t, dry.Containers, pruned.Containers)
	require.Len(t, pruned.Containers, 6)
	require.Equal(t, "r1", pruned.Containers[0].Release)
	require.Equal(t, []string{
		"(their.previous=)",
		"web-production-blue-db-1=r3", "web-production-blue-job-1.previous=r1", "web-production-blue-web-1=r3", "web-production-blue-web-2=r3",
		"web-production-green-db-1=r2", "web-production-green-web-1=r2", "web-production-green-web-2=r2",
	}, w.names("b"))
}

// TestPruneTakesNothingFromTheNextRun kills a deployment before each of its
// operations in turn, prunes, and looks at what the next run makes of what it
// left. Until that has settled it, even the standby may have been put aside.
func TestPruneTakesNothingFromTheNextRun(t *testing.T) {
	for k := int64(0); ; k++ {
		w := twoReleases(t)
		w.config = declared()
		died := w.dieAt(k)
		_, err := w.deployer().Deploy(t.Context(), saying(request("good", "r3")))
		if !died() {
			require.NoError(t, err)
			return
		}
		w.bury()
		before := w.names("a")
		unended := w.deployments[w.last(t).ID].State
		pruned := w.prune(t, deployer.PruneRequest{Keep: 1})
		if !unended.Ended() {
			require.Empty(t, pruned.Containers, "killed at operation %d", k)
			require.Equal(t, before, w.names("a"))
		}
		assertLiveRuns(t, w)
		nextRun(t, w, "sick", fmt.Sprintf("killed at operation %d, then pruned", k))
	}
}

func TestPruneLeavesTheReleaseThatCouldNotBePutBack(t *testing.T) {
	w := twoReleases(t)
	var off atomic.Bool
	w.on = func(op, arg string) error {
		if op == "deployment" && arg == string(catalog.Checking) {
			off.Store(true)
		}
		if off.Load() && op == "rename" && strings.HasPrefix(arg, "web-production-blue") {
			return errors.New("it is off")
		}
		return nil
	}
	_, err := w.deployer().Deploy(t.Context(), request("sick", "r3"))
	require.Error(t, err)
	w.on = nil
	require.Equal(t, catalog.Dirty, w.release(t, "blue-production").State)
	require.Contains(t, w.names("b"), "web-production-blue-web-1.previous=r1")
	require.Empty(t, w.prune(t, deployer.PruneRequest{Keep: 1}).Containers)
}

func TestPruneTellsWhatItCantDo(t *testing.T) {
	w := newWorld()
	_, err := w.deployer().Prune(t.Context(), deployer.PruneRequest{Service: "web", Keep: 1})
	require.ErrorContains(t, err, "no service web is known")

	w.many(t, "r1", "r2", "r3")
	w.holder = "another"
	_, err = w.deployer().Prune(t.Context(), deployer.PruneRequest{Service: "web", Keep: 1})
	require.ErrorIs(t, err, catalog.ErrLocked)
	require.Len(t, w.deployments, 3)

	w.holder = ""
	w.on = func(op, arg string) error {
		if op == "list" && arg == "b" {
			return errors.New("it is off")
		}
		return nil
	}
	pruned := w.prune(t, deployer.PruneRequest{Keep: 1})
	require.Equal(t, []string{"host b can't be seen: it is off"}, pruned.Left)
	require.Len(t, pruned.Deployments, 1)
}
