package deployer_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/deployer"
)

// patient is a release whose routed part may take a time to end, and whose standby
// is stopped.
func patient(release string, grace time.Duration) deployer.Request {
	req := request("good", release)
	req.Spec.Parts[1].StopGrace = grace
	env := req.Spec.Environments["production"]
	env.StopStandby = true
	req.Spec.Environments["production"] = env
	return req
}

// A container is given the time to end that was said when it was made, unless it
// failed before anybody used it: what makes way for it comes back soon then.
func TestContainersAreGivenTheirOwnTimeToEnd(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for n, grace := range []time.Duration{3 * time.Minute, 4 * time.Minute} {
		_, err := w.deployer().Deploy(t.Context(), patient([]string{"r1", "r2"}[n], grace))
		require.NoError(t, err)
	}
	require.NotEmpty(t, w.gracesOf("r1"))
	for _, grace := range w.gracesOf("r1") {
		require.Equal(t, 3*time.Minute, grace, "it rests")
	}
	sick := patient("r3", 5*time.Minute)
	sick.Spec.Parts[1].Image = "sick"
	_, err := w.deployer().Deploy(t.Context(), sick)
	require.Error(t, err)
	require.NotEmpty(t, w.gracesOf("r3"))
	for _, grace := range w.gracesOf("r3") {
		require.Equal(t, 10*time.Second, grace, "it failed")
	}
	require.Empty(t, w.gracesOf("r2"), "it is live")
}

// gracesOf are the times that a release's routed containers were stopped with.
func (w *world) gracesOf(release string) []time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []time.Duration
	for id, grace := range w.graces {
		if labels := w.specs[id].Labels; labels["teal.release"] == release && labels["teal.part"] == "web" {
			all = append(all, grace)
		}
	}
	return all
}
