package deployer

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"teal/catalog"
)

// PastDeployment is a recorded deployment, and what has become of it.
type PastDeployment struct {
	ID          string                  `json:"id"`
	Environment string                  `json:"environment"`
	Target      catalog.Target          `json:"target"`
	Release     string                  `json:"release"`
	Revision    string                  `json:"revision,omitempty"`
	By          string                  `json:"by"`
	State       catalog.DeploymentState `json:"state"`
	Reason      string                  `json:"reason,omitempty"`
	Began       time.Time               `json:"began"`
	Took        time.Duration           `json:"took_ns"` // until it ended, or until now
	Steps       []PastStep              `json:"steps"`
	// Holds tells what its release is good for now.
	Holds Holding `json:"holds,omitempty"`
	// Dead tells that it has not ended and nobody is at it.
	Dead bool `json:"dead,omitempty"`
	// Waits is what it waits for where it awaits approval, when nobody need be at it.
	Waits *Waiting `json:"waits,omitempty"`
	// Record is all that is recorded of it.
	Record catalog.Deployment `json:"record"`
}

// PastStep is a state that a deployment went through.
type PastStep struct {
	State catalog.DeploymentState `json:"state"`
	Took  time.Duration           `json:"took_ns"` // 0 for the state it ended in
	Note  string                  `json:"note,omitempty"`
}

// Holding is what the release of a deployment is good for.
type Holding string

// The holdings. A deployment without one has been replaced, or brought nothing.
const (
	HoldsLive    Holding = "live"
	HoldsStandby Holding = "standby"
)

// History is the recorded deployments of a service, the newest first: those to
// one environment, or to all where none is named. A service that nobody knows is
// an error.
func (d *Deployer) History(ctx context.Context, service, environment string) ([]PastDeployment, error) {
	s, err := d.opt.Store.Service(ctx, service)
	if err != nil {
		return nil, fmt.Errorf("read service %s: %w", service, err)
	}
	past := []PastDeployment{}
	for _, env := range chosenEnvironments(s, environment) {
		all, err := d.opt.Store.Deployments(ctx, service, env)
		if err != nil {
			return nil, fmt.Errorf("read the deployments of %s to %s: %w", service, env, err)
		}
		lock, locked, err := d.opt.Store.HeldLock(ctx, service, env)
		if err != nil {
			return nil, err
		}
		for _, record := range all {
			one := pastOf(s, record, d.opt.Now())
			if one.Waits, err = d.waiting(ctx, record); err != nil {
				return nil, err
			}
			one.Dead = !record.State.Ended() && !(locked && lock.Alive && lock.Deployment == record.ID)
			past = append(past, one)
		}
	}
	if len(past) == 0 && s.Unknown() {
		return nil, unknownService(service)
	}
	slices.SortFunc(past, func(a, b PastDeployment) int { return strings.Compare(b.ID, a.ID) })
	return past, nil
}

// unknownService is the error for a service of which nothing is there.
func unknownService(service string) error {
	return fmt.Errorf("no service %s is known; see the catalogue page for those that are", service)
}

// chosenEnvironments are the one that was asked for, else all.
func chosenEnvironments(s *catalog.Service, asked string) []string {
	if asked != "" {
		return []string{asked}
	}
	return environmentsOf(s)
}

// pastOf tells a record. It is pure.
func pastOf(s *catalog.Service, record catalog.Deployment, now time.Time) PastDeployment {
	past := PastDeployment{
		ID: record.ID, Environment: record.Environment, Target: record.Target, Release: record.Release,
		Revision: record.Revision, By: record.By, State: record.State, Reason: record.Reason,
		Steps: []PastStep{}, Holds: holdingOf(s, record), Record: record,
	}
	for n, m := range record.Timeline {
		step := PastStep{State: m.State, Note: m.Note}
		switch {
		case n+1 < len(record.Timeline):
			step.Took = record.Timeline[n+1].At.Sub(m.At)
		case !m.State.Ended():
			step.Took = now.Sub(m.At)
		}
		past.Took += step.Took
		past.Steps = append(past.Steps, step)
	}
	if len(record.Timeline) > 0 {
		past.Began = record.Timeline[0].At
	}
	return past
}

// holdingOf goes by what the aliases point at: flips by hand leave the states of
// releases as they were.
func holdingOf(s *catalog.Service, record catalog.Deployment) Holding {
	release, held := s.Releases[record.Target]
	switch {
	case !held || release.Deployment != record.ID || !record.State.Ended() || s.Unfinished(record.Target) != nil:
		return ""
	case isLive(s, record.Target):
		return HoldsLive
	}
	return HoldsStandby
}

// isLive tells whether some alias sends a target requests.
func isLive(s *catalog.Service, t catalog.Target) bool {
	return slices.ContainsFunc(aliasNames(s), func(name string) bool {
		a, _ := s.Resolve(name)
		return a.Value.Sends(t)
	})
}
