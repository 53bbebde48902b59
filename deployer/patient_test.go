package deployer_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer"
	"teal/deployer/servicefile"
)

// consulOps are the operations of the world that Consul does, but for taking the
// lock, before which nothing is touched.
var consulOps = map[string]bool{
	"service": true, "flip": true, "hosts": true, "decision": true, "deployment": true, "release": true,
	"delete-release": true, "config": true, "routers": true,
}

// insisting is a deployer that tries again for a while.
func insisting(store deployer.Store, w *world) *deployer.Deployer {
	return deployer.New(deployer.Options{
		Store: store, Connect: w.connect, Fleet: w, By: "test@here", Poll: time.Millisecond, GatePoll: time.Millisecond,
		Acknowledge: time.Second, Routed: time.Second, Insist: 5 * time.Second,
	})
}

// everything is a request whose deployment goes through all states.
func everything(release string) deployer.Request {
	req := canaried(2 * time.Millisecond)
	req.Release = release
	req.Spec.Canary.Steps = []int{5, 100}
	req.Spec.Timeout = 5 * time.Second
	req.Spec.Tasks = tasked().Spec.Tasks
	req.Spec.Bake = baked(2 * time.Millisecond).Spec.Bake
	req.WaitApproval = true
	return inProduction(req, func(env *servicefile.Environment) {
		env.Approval = &servicefile.ApprovalRule{Within: 0, Then: catalog.Approve}
	})
}

func TestConsulMayFailForAMomentAnywhere(t *testing.T) {
	t.Parallel()
	for k := int64(0); ; k++ {
		w := twoReleases(t)
		w.failing(blue, 0)
		var ops atomic.Int64
		w.on = func(op, _ string) error {
			if !consulOps[op] || op == "decision" {
				return nil
			}
			if n := ops.Add(1); n == k+1 || n == k+2 {
				return errKilled
			}
			return nil
		}
		d, err := insisting(w, w).Deploy(t.Context(), everything("r3"))
		require.NoError(t, err, "Consul failed at operation %d", k)
		require.Equal(t, catalog.Succeeded, d.State)
		require.Equal(t, both(running("blue", "r3"), running("green", "r2")), w.names("a"))
		if ops.Load() <= k {
			require.Greater(t, k, int64(30))
			return
		}
	}
}

// forgetful is a store that loses the answers of flips.
type forgetful struct {
	*world
	lost atomic.Int64
	then func() // what happens after a flip
}

func (f *forgetful) FlipTogether(ctx context.Context, flips []catalog.Flip) (uint64, error) {
	if _, err := f.world.FlipTogether(ctx, flips); err != nil {
		return 0, err
	}
	f.lost.Add(1)
	if f.then != nil {
		f.then()
	}
	return 0, errKilled
}

func TestEveryAnswerToAFlipIsLost(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	w.failing(blue, 0)
	store := &forgetful{world: w}
	d, err := insisting(store, w).Deploy(t.Context(), everything("r3"))
	require.NoError(t, err)
	require.Equal(t, catalog.Succeeded, d.State)
	require.EqualValues(t, 2, store.lost.Load(), "5 % and all")
	require.Equal(t, "blue-production", w.alias("production"))
}

// TestDeployerDiesAnywhereOnItsWayThroughAllStates is TestDeployerDiesAnywhere for
// a deployment with a canary, tasks, somebody's word and a watch.
func TestDeployerDiesAnywhereOnItsWayThroughAllStates(t *testing.T) {
	for first, next := range []string{"good", "sick"} { // in turn, as there are many operations
		t.Run("next "+next, func(t *testing.T) {
			t.Parallel()
			for k := int64(first); ; k += 2 {
				w := twoReleases(t)
				w.config = declared()
				w.failing(blue, 0)
				died := w.dieAt(k)
				req := saying(everything("r3"))
				req.Spec.Settle, req.Spec.Timeout, req.Spec.Drain = time.Millisecond, 100*time.Millisecond, 5*time.Millisecond
				_, err := deployer.New(deployer.Options{
					Store: w, Connect: w.connect, Fleet: w, By: "test@here", Poll: time.Millisecond, GatePoll: time.Millisecond,
					Acknowledge: 5 * time.Millisecond, Routed: 5 * time.Millisecond, Insist: time.Microsecond,
				}).Deploy(t.Context(), req)
				if !died() {
					require.NoError(t, err)
					require.Greater(t, k, int64(80))
					return
				}
				for _, target := range w.aliases["production"].Value.Live() {
					require.Subset(t, w.names("a"), running(string(target.Colour), w.releases[target].ID), "killed at operation %d", k)
				}
				w.bury()
				nextRun(t, w, next, "killed on its way through all states")
			}
		})
	}
}

// byHand are what people do to an alias of twoReleases: each points production at
// blue.
func byHand(t *testing.T) map[string]func(*deployer.Deployer) (deployer.Flipped, error) {
	return map[string]func(*deployer.Deployer) (deployer.Flipped, error){
		"rollback": func(d *deployer.Deployer) (deployer.Flipped, error) {
			return d.RollbackTo(t.Context(), to(""))
		},
		"flip": func(d *deployer.Deployer) (deployer.Flipped, error) {
			return d.Flip(t.Context(), "web", "production", catalog.PointTo(blue))
		},
		"canary": func(d *deployer.Deployer) (deployer.Flipped, error) {
			return d.Share(t.Context(), "web", "production", 100)
		},
	}
}

func TestConsulMayFailForAMomentByHand(t *testing.T) {
	t.Parallel()
	for name, act := range byHand(t) {
		for k := int64(0); ; k++ {
			w := twoReleases(t)
			var ops atomic.Int64
			w.on = func(op, _ string) error {
				if !consulOps[op] {
					return nil
				}
				if n := ops.Add(1); n == k+1 || n == k+2 {
					return errKilled
				}
				return nil
			}
			done, err := act(insisting(w, w))
			require.NoError(t, err, "%s: Consul failed at operation %d", name, k)
			require.Equal(t, "blue-production", w.alias("production"))
			require.Equal(t, w.index, done.Index)
			if ops.Load() <= k {
				require.Greater(t, k, int64(2), name)
				break
			}
		}
	}
}

func TestWhatConsulDeniesIsNotAskedAgain(t *testing.T) {
	t.Parallel()
	for name, act := range byHand(t) {
		w := twoReleases(t)
		var asked atomic.Int64
		w.on = func(op, _ string) error {
			if consulOps[op] {
				asked.Add(1)
				return catalog.ErrDenied
			}
			return nil
		}
		_, err := act(insisting(w, w))
		require.ErrorIs(t, err, catalog.ErrDenied, name)
		require.EqualValues(t, 1, asked.Load(), name)
	}
}

func TestTheAnswerToAFlipByHandIsLost(t *testing.T) {
	t.Parallel()
	for name, act := range byHand(t) {
		w := twoReleases(t)
		store := &forgetful{world: w}
		done, err := act(insisting(store, w))
		require.NoError(t, err, name)
		require.EqualValues(t, 1, store.lost.Load(), name)
		require.Equal(t, "blue-production", w.alias("production"))
		require.Equal(t, w.index, done.Index, name)
		require.Equal(t, 1, done.Routers, name)

		w = twoReleases(t)
		store = &forgetful{world: w, then: func() { w.setAlias("production", "green-production") }}
		_, err = act(insisting(store, w))
		require.ErrorIs(t, err, catalog.ErrMoved, "%s: somebody else came after it", name)
		require.NotContains(t, err.Error(), "still points at")
	}
}

func TestNobodyTellsWhatBecameOfAFlipByHand(t *testing.T) {
	t.Parallel()
	for name, act := range byHand(t) {
		w := twoReleases(t)
		store := &forgetful{world: w, then: func() { w.on = func(string, string) error { return errKilled } }}
		d := deployer.New(deployer.Options{Store: store, Connect: w.connect, Fleet: w, By: "test@here", Poll: time.Millisecond, Insist: time.Millisecond})
		_, err := act(d)
		require.ErrorContains(t, err, "it is not known whether the flip went through", name)
		require.ErrorContains(t, err, "`teal status web` says what is live", name)
		require.NotContains(t, err.Error(), "still points at", name)
		require.NotContains(t, err.Error(), "run it again", name)
		var f *deployer.Failure
		require.NotErrorAs(t, err, &f, name)
	}
}
