package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// monitor is one running check. A nil monitor is one that doesn't run.
type monitor struct {
	cancel context.CancelFunc
	// restarts tells a TTL check that it was heard from.
	restarts chan struct{}
}

func (m *monitor) stop() {
	if m != nil {
		m.cancel()
	}
}

// restart never blocks: one pending restart is as good as two.
func (m *monitor) restart() {
	if m == nil {
		return
	}
	select {
	case m.restarts <- struct{}{}:
	default:
	}
}

// startMonitor starts the check's goroutine if Run runs. Call with s.mu held.
func (s *Store) startMonitor(local *localCheck) {
	if s.running == nil || local.def == nil {
		return
	}
	ctx, cancel := context.WithCancel(s.running)
	local.monitor = &monitor{cancel: cancel, restarts: make(chan struct{}, 1)}
	run := s.probeLoop
	if !local.def.probes() {
		run = s.ttlLoop
	}
	s.monitors.Go(func() {
		defer cancel()
		run(ctx, local)
	})
}

// probeLoop probes at the interval until ctx ends. As in Consul the first run
// comes after a random part of it, so that checks spread out.
func (s *Store) probeLoop(ctx context.Context, local *localCheck) {
	probe := newProbe(local.def)
	thresholds := newThresholds(local.def)
	timer := time.NewTimer(rand.N(local.def.interval()))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		status, output := probe.run(ctx)
		if ctx.Err() != nil {
			return // the probe failed because it was told to end
		}
		if status, ok := thresholds.judge(status); ok {
			s.report(local, status, output)
		}
		timer.Reset(local.def.interval())
	}
}

// ttlLoop marks the check critical whenever nobody updated it for its TTL.
func (s *Store) ttlLoop(ctx context.Context, local *localCheck) {
	ttl := time.Duration(local.def.TTL)
	timer := time.NewTimer(ttl)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-local.monitor.restarts:
			timer.Reset(ttl)
		case <-timer.C:
			s.expireTTL(local)
		}
	}
}

// expireTTL marks a TTL check critical. An update that came in the meantime
// wins: it has put a restart in the channel before this gets the lock.
func (s *Store) expireTTL(local *localCheck) {
	_ = s.update(func(w *write) error {
		if s.local[local.id] != local || len(local.monitor.restarts) > 0 {
			return nil
		}
		output := "TTL expired"
		if local.output != "" {
			output = fmt.Sprintf("%s (last output before timeout follows): %s", output, local.output)
		}
		s.setStatus(w, local, statusCritical, output)
		return nil
	})
}

// report records a probe's result, unless the check was replaced meanwhile.
func (s *Store) report(local *localCheck, status, output string) {
	_ = s.update(func(w *write) error {
		if s.local[local.id] == local {
			s.setStatus(w, local, status, output)
		}
		return nil
	})
}

// thresholds holds back results until there were enough of a kind in a row.
// The first result counts at once.
type thresholds struct {
	def                 *checkDefinition
	successes, failures int
}

func newThresholds(def *checkDefinition) *thresholds {
	return &thresholds{def: def, successes: def.SuccessBeforePassing, failures: def.FailuresBeforeCritical}
}

// judge returns the status to report after a result, if any.
func (t *thresholds) judge(status string) (string, bool) {
	if status != statusCritical {
		t.successes, t.failures = t.successes+1, 0
		return status, t.successes >= t.def.SuccessBeforePassing
	}
	t.successes, t.failures = 0, t.failures+1
	if t.failures >= t.def.FailuresBeforeCritical {
		return status, true
	}
	warnAfter := t.def.FailuresBeforeWarning
	if warnAfter == 0 {
		warnAfter = t.def.FailuresBeforeCritical
	}
	return statusWarning, t.failures >= warnAfter
}
