package deployer_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer"
	"teal/deployer/servicefile"
)

// backTo goes back to a release and expects success.
func (w *world) backTo(t *testing.T, release string) deployer.Flipped {
	t.Helper()
	done, err := w.deployer().RollbackTo(t.Context(), to(release))
	require.NoError(t, err)
	return done
}

func to(release string) deployer.RollbackRequest {
	return deployer.RollbackRequest{Service: "web", Environment: "production", Release: release}
}

func TestReplacedReleasesAreKeptStopped(t *testing.T) {
	w := newWorld()
	w.many(t, "r1", "r2", "r3", "sick4", "r5", "r6", "r7")
	for _, h := range []string{"a", "b"} {
		require.Equal(t, both(running("blue", "r6"), running("green", "r7")), w.names(h))
		require.Equal(t, []string{"r2", "r3", "r5"}, w.keptOn(h), "with live and standby that makes five")
	}
	require.Contains(t, w.allNames("a"), "(web-production-green-web-1.kept-"+w.idOf("r2")+"=r2)")
	require.Empty(t, first(w.drifted(t)), "what is kept is no drift")
	require.Len(t, w.planned(t, request("good", "r8")).Hosts[0].Containers, 6, "and none of a plan's concern")
	require.Equal(t, 5, w.last(t).Keep)
}

// idOf is the newest deployment of a release.
func (w *world) idOf(release string) (id string) {
	for _, d := range w.deployments {
		if d.Release == release {
			id = max(id, d.ID)
		}
	}
	return id
}

func TestFewerReleasesAreKeptWhereTheFileSaysSo(t *testing.T) {
	w := newWorld()
	for _, release := range []string{"r1", "r2", "r3", "r4", "r5"} {
		req := request("good", release)
		env := req.Spec.Environments["production"]
		env.Keep = 3
		req.Spec.Environments["production"] = env
		_, err := w.deployer().Deploy(t.Context(), req)
		require.NoError(t, err)
	}
	require.Equal(t, []string{"r3"}, w.keptOn("a"))
}

func TestAKeptReleaseThatCannotBeRemovedFailsNoDeployment(t *testing.T) {
	w := newWorld()
	w.many(t, "r1", "r2", "r3", "r4", "r5")
	w.on = func(op, _ string) error {
		if op == "remove" {
			return errors.New("it is off")
		}
		return nil
	}
	d := w.deploy(t, "r6")
	require.Contains(t, d.Timeline[len(d.Timeline)-1].Note, "it is off")
	require.Equal(t, []string{"r1", "r2", "r3", "r4"}, w.keptOn("a"))
	w.on = nil
	w.deploy(t, "r7")
	require.Equal(t, []string{"r3", "r4", "r5"}, w.keptOn("a"), "the next one does")
}

func TestRollbackToAKeptReleaseOfEitherColour(t *testing.T) {
	for release, from := range map[string]string{"r1": "blue", "r2": "green"} {
		t.Run("kept of "+from, func(t *testing.T) {
			w := newWorld()
			w.many(t, "r1", "r2", "r3", "r4") // r4 is live in green, r3 standby in blue
			source := w.idOf(release)
			done := w.backTo(t, release)

			require.Equal(t, "green-production", done.From.String())
			require.Equal(t, "blue-production", done.To.String())
			require.Equal(t, release, done.Release)
			require.Equal(t, 1, done.Routers)
			require.Empty(t, done.Notes)
			require.Equal(t, "blue-production", w.alias("production"))
			for _, h := range []string{"a", "b"} {
				require.Equal(t, both(running("blue", release), running("green", "r4")), w.names(h))
				require.NotContains(t, w.keptOn(h), release, "it is held by a target again")
				require.Contains(t, w.keptOn(h), "r3")
			}
			d := w.last(t)
			require.Equal(t, source, d.RolledBackTo)
			require.Equal(t, catalog.Succeeded, d.State)
			require.Equal(t, w.deployments[source].Images, d.Images)
			require.Equal(t, w.deployments[source].Spec, d.Spec)
			require.Equal(t, catalog.Ready, w.release(t, "blue-production").State)
			require.Equal(t, release, w.release(t, "blue-production").ID)
			require.Equal(t, catalog.Standby, w.release(t, "green-production").State)
			require.Equal(t, "A shop", w.config.Description, "the service's own words stay")
			require.Empty(t, first(w.drifted(t)))
			require.Empty(t, w.holder)
			require.False(t, w.planned(t, request("good", release)).Changes, "it is what a deployment of it would be")

			_, err := w.deployer().Rollback(t.Context(), "web", "production", false)
			require.NoError(t, err, "and forth again")
			require.Equal(t, "green-production", w.alias("production"))
			w.backTo(t, "r3")
			w.deploy(t, "r9")
		})
	}
}

func TestRollbackToWhatIsThere(t *testing.T) {
	w := newWorld()
	w.many(t, "r1", "r2", "r3")
	recorded := len(w.deployments)

	done := w.backTo(t, "r3")
	require.Equal(t, []string{"release r3 is live already"}, done.Notes)
	done = w.backTo(t, "r2")
	require.Equal(t, "green-production", done.To.String(), "the standby")
	done = w.backTo(t, "")
	require.Equal(t, "blue-production", done.To.String())
	require.Len(t, w.deployments, recorded, "a flip is no deployment")

	_, err := w.deployer().RollbackTo(t.Context(), to("r0"))
	f := failure(t, err)
	require.Equal(t, catalog.RollbackFailed, f.Outcome)
	require.Contains(t, f.Reason, "release r0: it is not kept on any host; those that are kept are r1")
	require.Empty(t, w.holder)
	require.Equal(t, both(running("blue", "r3"), running("green", "r2")), w.names("a"))
}

func TestRollbackToAKeptReleaseThatDoesNotComeUp(t *testing.T) {
	w := newWorld()
	w.many(t, "r1", "r2", "r3")
	before := w.allNames("a")
	for id, s := range w.specs {
		if s.Labels[catalog.LabelRelease] == "r1" {
			s.Image = strings.ReplaceAll(s.Image, "good", "crash")
			w.specs[id] = s
		}
	}
	_, err := w.deployer().RollbackTo(t.Context(), to("r1"))
	f := failure(t, err)
	require.Equal(t, catalog.RollbackFailed, f.Outcome)
	require.Equal(t, catalog.Checking, f.Stage)
	require.Contains(t, f.Reason, "exited with 3")
	require.NoError(t, f.Leftover)
	require.Equal(t, catalog.Failed, w.last(t).State)
	require.Equal(t, before, w.allNames("a"), "all is as it was, what is kept too")
	require.Equal(t, "blue-production", w.alias("production"))
	require.Equal(t, catalog.Standby, w.release(t, "green-production").State)
}

func TestRollbackToAKeptReleaseWaitsForNobody(t *testing.T) {
	w := newWorld()
	w.many(t, "r1", "r2", "r3")
	w.holder = "another"
	_, err := w.deployer().RollbackTo(t.Context(), to("r1"))
	require.ErrorIs(t, err, catalog.ErrLocked)
	var f *deployer.Failure
	require.False(t, errors.As(err, &f), "it is a matter of the lock alone")
	require.Len(t, w.deployments, 3)

	req := to("r1")
	req.WaitLock = time.Minute
	w.on = func(op, _ string) error {
		if op == "lock" {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.holder = ""
		}
		return nil
	}
	_, err = w.deployer().RollbackTo(t.Context(), req)
	require.NoError(t, err)
}

func TestRollbackPastATaskThatCantBeTakenBackTakesForce(t *testing.T) {
	w := newWorld()
	w.many(t, "r1", "r2", "r3")
	d := w.deployments[w.idOf("r2")]
	d.Tasks = []catalog.TaskRun{{Name: "migrate"}}
	w.deployments[d.ID] = d
	req := to("r1")
	_, err := w.deployer().RollbackTo(t.Context(), req)
	require.Contains(t, failure(t, err).Reason, "what migrate did since can't be taken back")
	require.Equal(t, both(running("blue", "r3"), running("green", "r2")), w.names("a"))
	req.Force = true
	_, err = w.deployer().RollbackTo(t.Context(), req)
	require.NoError(t, err)
}

func TestRollbackGoesWithTheHostsThatHaveTheReleaseWhole(t *testing.T) {
	w := newWorld()
	w.many(t, "r1", "r2", "r3")
	kept := "web-production-blue-web-2.kept-" + w.idOf("r1")
	w.containers["b"] = slices.DeleteFunc(w.containers["b"], func(c *catalog.Container) bool { return c.Name == kept })
	w.backTo(t, "r1")
	require.Equal(t, both(running("blue", "r3"), running("green", "r1")), w.names("a"))
	require.Equal(t, both(running("blue", "r3"), running("green", "r2")), w.names("b"))
	require.Equal(t, []string{"a"}, w.last(t).Hosts)

	w = newWorld()
	w.many(t, "r1", "r2", "r3")
	w.deaf["a"] = true
	w.backTo(t, "r1")
	require.Equal(t, both(running("blue", "r3"), running("green", "r1")), w.names("b"))
	require.Equal(t, []string{"b"}, w.last(t).Hosts)

	w = newWorld()
	w.many(t, "r1", "r2", "r3")
	w.deaf["a"], w.deaf["b"] = true, true
	_, err := w.deployer().RollbackTo(t.Context(), to("r1"))
	f := failure(t, err)
	require.Equal(t, catalog.RollbackFailed, f.Outcome)
	require.Contains(t, f.Reason, "no host that release r1 could be kept on answers")
}

func TestRollbackInAnUncolouredEnvironment(t *testing.T) {
	w := newWorld()
	for _, release := range []string{"r1", "r2", "r3"} {
		req := request("good", release)
		req.Environment = "integration"
		_, err := w.deployer().Deploy(t.Context(), req)
		require.NoError(t, err)
	}
	require.Equal(t, []string{"r1", "r2"}, w.keptOn("a"))
	req := to("r1")
	req.Environment = "integration"
	_, err := w.deployer().RollbackTo(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, []string{"web-integration-db-1=r1", "web-integration-web-1=r1"}, w.names("a"))
	require.Equal(t, []string{"r2", "r3"}, w.keptOn("a"))
	require.Equal(t, "r1", w.release(t, "integration").ID)
}

func TestRollbackKeepsWeightsOrderAndConditions(t *testing.T) {
	w := newWorld()
	for _, release := range []string{"r1", "r2", "r3"} {
		req := request("good", release)
		req.Spec.Environments["production"] = servicefile.Environment{
			Name: "production", Hosts: []string{"a", "b"}, Replicas: 2, Coloured: true, Weights: map[string]int{"b": 3},
		}
		req.Spec.Parts[1].After = []servicefile.Dependency{{Part: "db", Condition: servicefile.Healthy}}
		req.Spec.Parts[1].Restart = "always"
		_, err := w.deployer().Deploy(t.Context(), req)
		require.NoError(t, err)
	}
	w.backTo(t, "r1")
	weights := map[string]string{}
	for _, h := range []string{"a", "b"} {
		for _, c := range w.containers[h] {
			if c.Labels[catalog.LabelRelease] == "r1" && c.Labels[catalog.ServiceName] != "" {
				weights[h] = c.Labels[catalog.ServiceWeight]
				require.Contains(t, c.Labels[catalog.LabelStart], `"service_healthy"`)
				require.Equal(t, "unless-stopped", w.specs[c.ID].Restart, "or an engine that starts would start what is kept")
			}
		}
	}
	require.Equal(t, map[string]string{"a": "", "b": "3"}, weights)
	require.Empty(t, first(w.drifted(t)))
}

// TestRollbackDiesAnywhere kills a rollback to a kept release before each of its
// operations in turn, and looks at what the next run makes of what it left.
func TestRollbackDiesAnywhere(t *testing.T) {
	for k := int64(0); ; k++ {
		w := newWorld()
		w.many(t, "r1", "r2", "r3") // r3 is live in blue, r2 standby in green
		died := w.dieAt(k)
		_, err := w.deployer().RollbackTo(t.Context(), to("r1"))
		if !died() {
			require.NoError(t, err)
			require.Greater(t, k, int64(30), "a rollback has more operations than that")
			return
		}
		assertLiveRuns(t, w)
		w.bury()
		when := fmt.Sprintf("killed at operation %d", k)
		flipped := w.alias("production") == "green-production"
		req := request("sick", "r4")
		req.Spec.Timeout = 10 * time.Millisecond // it never passes
		_, err = w.deployer().Deploy(t.Context(), req)
		require.NoError(t, failure(t, err).Leftover, when)
		green, kept := "r2", []string{"r1"}
		if flipped {
			green, kept = "r1", []string{"r2"}
		}
		for _, h := range []string{"a", "b"} {
			require.Equal(t, both(running("blue", "r3"), running("green", green)), w.names(h), "%s, on %s", when, h)
			require.Equal(t, kept, w.keptOn(h), "%s, on %s", when, h)
		}
		for _, d := range w.deployments {
			require.True(t, d.State.Ended(), "%s: %s of %s", when, d.State, d.Release)
		}
	}
}

func TestPruneKeepsReleases(t *testing.T) {
	w := newWorld()
	ids := w.many(t, "r1", "r2", "r3", "r4", "r5")
	dry := w.prune(t, deployer.PruneRequest{Keep: 3, DryRun: true})
	require.Len(t, dry.Containers, 12)
	require.Equal(t, []string{"r1", "r2", "r3"}, w.keptOn("a"))

	var off atomic.Bool
	off.Store(true)
	w.on = func(op, arg string) error {
		if off.Load() && op == "remove" && strings.HasPrefix(arg, "b-") {
			return errors.New("it is off")
		}
		return nil
	}
	pruned := w.prune(t, deployer.PruneRequest{Keep: 3})
	require.Len(t, pruned.Left, 6)
	require.Equal(t, []string{"r3"}, w.keptOn("a"))
	off.Store(false)
	pruned = w.prune(t, deployer.PruneRequest{Keep: 3})
	require.Len(t, pruned.Containers, 6)
	require.Equal(t, []string{"r3"}, w.keptOn("b"))
	require.Equal(t, []string{"r3", "r4", "r5"}, w.recorded())

	for _, c := range w.containers["a"] { // somebody looks at it
		c.Running = c.Running || c.Labels[catalog.LabelRelease] == "r3"
	}
	w.prune(t, deployer.PruneRequest{Keep: 2})
	require.Equal(t, []string{"r3"}, w.keptOn("a"), "what runs is never removed")
	require.Empty(t, w.keptOn("b"))
	require.Contains(t, w.deployments, ids["r3"], "its record stays as long as it is kept")

	require.Empty(t, w.prune(t, deployer.PruneRequest{}).Containers, "as many as the environment says")
}

func TestPruneImages(t *testing.T) {
	w := newWorld()
	for _, release := range []string{"1", "2", "3", "4"} {
		_, err := w.deployer().Deploy(t.Context(), request("good:"+release, "r"+release))
		require.NoError(t, err)
	}
	w.kept["a"] = []string{"good:0", "db:old"}
	w.deployments["z"] = catalog.Deployment{ID: "z", Service: "web", Environment: "production", State: catalog.Pulling}
	require.Contains(t, w.prune(t, deployer.PruneRequest{Images: true}).Left[0], "images are left alone while deployment z")
	delete(w.deployments, "z")

	dry := w.prune(t, deployer.PruneRequest{Images: true, DryRun: true})
	require.Equal(t, []deployer.PrunedImage{{Host: "a", ID: "sha256:good:0", Tags: []string{"good:0"}, Size: 1 << 20}}, dry.Images)
	require.Empty(t, w.unkept["a"])
	require.Equal(t, dry.Images, w.prune(t, deployer.PruneRequest{Images: true}).Images)
	require.Equal(t, map[string]bool{"good:0": true}, w.unkept["a"], "another's database is not the service's to remove")

	w.kept["a"], w.kept["b"] = []string{"good:1"}, []string{"good:1"}
	pruned := w.prune(t, deployer.PruneRequest{Images: true, Keep: 3})
	require.Len(t, pruned.Images, 2, "%v", pruned)
	require.Equal(t, []string{"r2"}, w.keptOn("a"))

	require.Empty(t, w.prune(t, deployer.PruneRequest{Images: true, Keep: 3}).Images, "once more")
}

// A job that is run again deploys the same twice. Going back means the release
// before it then, not its repetition.
func TestRollbackGoesBehindARepetition(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.many(t, "r1", "r2")
	w.deploy(t, "r2")
	done := w.backTo(t, "")
	require.Equal(t, "r1", done.Release)
	require.Equal(t, "green-production", w.alias("production"))

	w = newWorld()
	w.many(t, "r1", "r2")
	again := request("good", "r2")
	again.Spec.Description = "with other words"
	_, err := w.deployer().Deploy(t.Context(), again)
	require.NoError(t, err)
	require.Equal(t, "r2", w.backTo(t, "").Release, "what differs is no repetition")

	w = newWorld()
	w.many(t, "r1", "r2") // r2 is bad
	require.Equal(t, "r1", w.backTo(t, "").Release)
	w.deploy(t, "r3")
	w.deploy(t, "r3")
	require.Equal(t, "r1", w.backTo(t, "").Release, "what somebody went back from is not gone back to")

	w = newWorld()
	w.many(t, "r1", "r2")
	w.deploy(t, "r2")
	w.deploy(t, "r2")
	require.Equal(t, "r1", w.backTo(t, "").Release, "deployed three times")

	w = newWorld()
	w.deploy(t, "r1")
	w.deploy(t, "r1")
	require.Equal(t, "r1", w.backTo(t, "").Release, "there is no other")
}

// The repetition may have been killed anywhere on its way: what it left is settled
// first, and may bring back the very release that is gone back to.
func TestRollbackGoesBehindARepetitionThatDied(t *testing.T) {
	t.Parallel()
	for _, release := range []string{"", "r1"} {
		for k := int64(0); ; k++ {
			w := newWorld()
			w.many(t, "r1", "r2") // r2 is live in green
			died := w.dieAt(k)
			_, err := w.deployer().Deploy(t.Context(), request("good", "r2"))
			if !died() {
				require.NoError(t, err)
				require.Greater(t, k, int64(30))
				break
			}
			w.bury()
			done, err := w.deployer().RollbackTo(t.Context(), to(release))
			require.NoError(t, err, "killed at operation %d", k)
			require.Equal(t, "r1", done.Release, "killed at operation %d", k)
			require.Empty(t, w.holder)
			live, ok := w.aliases["production"].Value.Single()
			require.True(t, ok)
			require.Equal(t, "r1", w.releases[live].ID)
			require.Subset(t, w.names("a"), running(string(live.Colour), "r1"), "killed at operation %d", k)
		}
	}
}
