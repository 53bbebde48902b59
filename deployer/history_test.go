package deployer_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer"
)

func TestHistoryTellsTheNewestFirst(t *testing.T) {
	w := newWorld()
	w.deploy(t, "r1")
	w.deploy(t, "r2")
	_, err := w.deployer().Deploy(t.Context(), request("sick", "r3"))
	require.Error(t, err)
	req := request("good", "r1")
	req.Environment = "integration"
	_, err = w.deployer().Deploy(t.Context(), req)
	require.NoError(t, err)

	past, err := w.deployer().History(t.Context(), "web", "")
	require.NoError(t, err)
	require.Len(t, past, 4)
	require.Equal(t, "integration", past[0].Environment)

	past, err = w.deployer().History(t.Context(), "web", "production")
	require.NoError(t, err)
	require.Len(t, past, 3)
	var told []string
	for _, p := range past {
		told = append(told, p.Release+" "+string(p.State)+" "+string(p.Holds))
		require.Equal(t, "test@here", p.By)
		require.False(t, p.Dead)
		require.Equal(t, w.deployments[p.ID].Timeline[0].At, p.Began)
	}
	require.Equal(t, []string{"r3 failed ", "r2 succeeded live", "r1 succeeded standby"}, told)
	require.Contains(t, past[0].Reason, "failed while checking")

	w.setAlias("production", "blue-production") // by hand, so the records stay
	past, err = w.deployer().History(t.Context(), "web", "production")
	require.NoError(t, err)
	require.Equal(t, []deployer.Holding{deployer.HoldsStandby, deployer.HoldsLive}, []deployer.Holding{past[1].Holds, past[2].Holds})
}

func TestHistoryTellsHowLongEachStateTook(t *testing.T) {
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	record := catalog.Deployment{ID: "1", Service: "web", Environment: "production"}.
		Enter(catalog.Pending, began, "").
		Enter(catalog.Checking, began.Add(time.Second), "").
		Enter(catalog.Succeeded, began.Add(4*time.Second), "one router was slow")
	w := newWorld()
	w.deployments["1"] = record
	past, err := w.deployer().History(t.Context(), "web", "production")
	require.NoError(t, err)
	require.Equal(t, []deployer.PastStep{
		{State: catalog.Pending, Took: time.Second},
		{State: catalog.Checking, Took: 3 * time.Second},
		{State: catalog.Succeeded, Note: "one router was slow"},
	}, past[0].Steps)
	require.Equal(t, 4*time.Second, past[0].Took)
}

func TestHistoryTellsTheDeadFromThoseUnderWay(t *testing.T) {
	w := newWorld()
	w.deployments["1"] = catalog.Deployment{ID: "1", Service: "web", Environment: "production"}.Enter(catalog.Checking, time.Now().Add(-time.Hour), "")
	for _, c := range []struct {
		holder   string
		orphaned bool
		dead     bool
	}{{"", false, true}, {"2", false, true}, {"1", false, false}, {"1", true, true}} {
		w.holder, w.orphaned = c.holder, c.orphaned
		past, err := w.deployer().History(t.Context(), "web", "production")
		require.NoError(t, err)
		require.Equal(t, c.dead, past[0].Dead, "%+v", c)
		require.GreaterOrEqual(t, past[0].Took, time.Hour, "it goes on")
	}
}

func TestHistoryOfAnUnknownService(t *testing.T) {
	_, err := newWorld().deployer().History(t.Context(), "web", "")
	require.ErrorContains(t, err, "no service web is known")
}
