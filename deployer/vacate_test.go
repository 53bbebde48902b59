package deployer_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

// Somebody looks at the standby while it is replaced: what is under way there
// ends first.
func TestStandbyIsStoppedWhenItsLastRequestHasEnded(t *testing.T) {
	w := twoReleases(t)
	blue := catalog.Target{Colour: catalog.Blue, Environment: "production"}
	w.inFlight[blue] = 1
	asked := 0
	w.on = func(op, _ string) error {
		switch {
		case op == "target" && w.inFlight[blue] > 0:
			if asked++; asked == 3 {
				w.inFlight[blue] = 0
			}
		case op == "stop":
			require.Zero(t, w.inFlight[blue], "stopped with a request under way")
		}
		return nil
	}
	req := request("good", "r3")
	req.Spec.Drain = time.Hour
	_, err := w.deployer().Deploy(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, 3, asked)
}
