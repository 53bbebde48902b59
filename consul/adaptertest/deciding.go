package adaptertest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/stretchr/testify/require"

	"teal/catalog"
)

// deciding are the tests of people's words about deployments.
func deciding() map[string]func(*testing.T, *world) {
	return map[string]func(*testing.T, *world){
		"a decision is read as it was made":               decided,
		"a later decision replaces an earlier one":        decidedAgain,
		"what is not under way can't be decided about":    nothingToDecide,
		"a decision goes with its deployment":             decisionForgotten,
		"a decision is made while the deployment goes on": decidedMeanwhile,
	}
}

func (w *world) decide(t *testing.T, id string, v catalog.Verdict) error {
	return w.Decide(t.Context(), w.service, "production", id, catalog.Decision{Verdict: v, By: "ops@here", At: time.Unix(1, 0).UTC()})
}

// decision is the word about a deployment, empty when there is none.
func (w *world) decision(t *testing.T, id string) catalog.Decision {
	t.Helper()
	d, there, err := w.Decision(t.Context(), w.service, "production", id)
	require.NoError(t, err)
	require.Equal(t, d != catalog.Decision{}, there)
	return d
}

func decided(t *testing.T, w *world) {
	require.NoError(t, w.PutDeployment(t.Context(), w.deployment("d1"), w.lock(t)))
	require.Empty(t, w.decision(t, "d1"))
	want := catalog.Decision{Verdict: catalog.Approve, By: "ops@here", At: time.Unix(1, 0).UTC(), Reason: "it is good"}
	require.NoError(t, w.Decide(t.Context(), w.service, "production", "d1", want))
	got := w.decision(t, "d1")
	require.NotZero(t, got.Index)
	want.Index = got.Index
	require.Equal(t, want, got)
	require.ErrorContains(t, w.decide(t, "d1", "perhaps"), `"perhaps" is neither`)
	require.Equal(t, want, w.decision(t, "d1"))
}

func decidedAgain(t *testing.T, w *world) {
	require.NoError(t, w.PutDeployment(t.Context(), w.deployment("d1"), w.lock(t)))
	for _, v := range []catalog.Verdict{catalog.Approve, catalog.Approve, catalog.Abort, catalog.Abort} {
		require.NoError(t, w.decide(t, "d1", v))
		require.Equal(t, v, w.decision(t, "d1").Verdict)
	}
	err := w.decide(t, "d1", catalog.Approve)
	require.ErrorContains(t, err, "ops@here has aborted it")
	require.Equal(t, catalog.Abort, w.decision(t, "d1").Verdict)

	w.put(t, w.keys.Decision(w.service, "production", "d1"), "by hand")
	_, _, err = w.Decision(t.Context(), w.service, "production", "d1")
	require.ErrorContains(t, err, "decide again")
	require.NoError(t, w.decide(t, "d1", catalog.Abort))
	require.Equal(t, catalog.Abort, w.decision(t, "d1").Verdict)
}

func nothingToDecide(t *testing.T, w *world) {
	require.ErrorContains(t, w.decide(t, "d0", catalog.Approve), "there is no such deployment")
	session := w.lock(t)
	for _, state := range []catalog.DeploymentState{catalog.Succeeded, catalog.Failed, catalog.Aborted} {
		d := w.deployment("d-"+string(state)).Enter(state, time.Now(), "")
		require.NoError(t, w.PutDeployment(t.Context(), d, session))
		require.ErrorContains(t, w.decide(t, d.ID, catalog.Abort), "it has ended, "+string(state))
	}
	w.put(t, w.keys.Deployment(w.service, "production", "d2"), "by hand")
	require.ErrorContains(t, w.decide(t, "d2", catalog.Abort), "can't be read")
	left, _, err := w.api.KV().Keys(w.keys.Decision(w.service, "production", ""), "", nil)
	require.NoError(t, err)
	require.Empty(t, left)
}

func decisionForgotten(t *testing.T, w *world) {
	session := w.lock(t)
	require.NoError(t, w.PutDeployment(t.Context(), w.deployment("d1"), session))
	require.NoError(t, w.decide(t, "d1", catalog.Approve))
	list, err := w.Deployments(t.Context(), w.service, "production")
	require.NoError(t, err)
	stale := list[0]
	stale.Index--
	require.ErrorIs(t, w.DeleteDeployment(t.Context(), stale, session), catalog.ErrChanged)
	require.NotEmpty(t, w.decision(t, "d1"), "one stays with the other")
	require.NoError(t, w.DeleteDeployment(t.Context(), list[0], session))
	require.Empty(t, w.decision(t, "d1"))
	require.ErrorContains(t, w.decide(t, "d1", catalog.Abort), "no such deployment")
}

// decidedMeanwhile writes the deployment's record all the time, but not so fast
// that no decision fits in between on a machine that has much else to do.
func decidedMeanwhile(t *testing.T, w *world) {
	session, d := w.lock(t), w.deployment("d1")
	require.NoError(t, w.PutDeployment(t.Context(), d, session))
	began := time.Now()
	require.NoError(t, w.decide(t, "d1", catalog.Approve))
	rest := 10*time.Since(began) + 20*time.Millisecond
	stop := make(chan struct{})
	var writing sync.WaitGroup
	var failed error
	writing.Go(func() {
		pace := time.NewTicker(rest)
		defer pace.Stop()
		for n := 0; failed == nil; n++ {
			select {
			case <-stop:
				return
			case <-pace.C:
				d.Reason = fmt.Sprint(n)
				_, failed = w.api.KV().Put(&api.KVPair{Key: w.keys.Deployment(w.service, "production", "d1"), Value: d.Encode()}, nil)
			}
		}
	})
	for range 50 {
		require.NoError(t, w.decide(t, "d1", catalog.Approve))
	}
	close(stop)
	writing.Wait()
	require.NoError(t, failed)
}
