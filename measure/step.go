package measure

import (
	"time"

	"teal/catalog"
)

// Step is how long deployments were in a state.
type Step struct {
	State catalog.DeploymentState `json:"state"`
	Spread
}

// order is that of the states a deployment that succeeds may go through.
var order = []catalog.DeploymentState{
	catalog.Pending, catalog.Locked, catalog.Pulling, catalog.Starting, catalog.Checking, catalog.Testing,
	catalog.AwaitingApproval, catalog.Flipping, catalog.Draining, catalog.Baking,
}

// stepsOf are the steps of deployments, each time that one was in a state counted
// together.
func stepsOf(changes []*change) []Step {
	took := map[catalog.DeploymentState][]time.Duration{}
	for _, c := range changes {
		for state, t := range timesOf(c.record.Timeline) {
			took[state] = append(took[state], t)
		}
	}
	steps := []Step{}
	for _, state := range order {
		if len(took[state]) > 0 {
			steps = append(steps, Step{State: state, Spread: spreadOf(took[state])})
		}
	}
	return steps
}

func timesOf(timeline []catalog.Moment) map[catalog.DeploymentState]time.Duration {
	took := map[catalog.DeploymentState]time.Duration{}
	for n, m := range timeline[:max(0, len(timeline)-1)] {
		took[m.State] += max(0, timeline[n+1].At.Sub(m.At))
	}
	return took
}
