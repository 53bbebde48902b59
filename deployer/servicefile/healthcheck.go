package servicefile

import (
	"math"
	"slices"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"teal/catalog"
)

// healthcheck reads how the engine shall look after a part; nil for what the image
// says.
func (r *reader) healthcheck(s types.ServiceConfig) *catalog.Healthcheck {
	path := []string{"services", s.Name, "healthcheck"}
	switch {
	case len(usedKeys(s.HealthCheck)) == 0:
		return nil
	case isUnchecked(s):
		return &catalog.Healthcheck{Test: []string{catalog.HealthcheckNone}}
	}
	h := &catalog.Healthcheck{
		Test:          s.HealthCheck.Test,
		Interval:      r.checkTime(path, "interval", s.HealthCheck.Interval),
		Timeout:       r.checkTime(path, "timeout", s.HealthCheck.Timeout),
		StartPeriod:   r.checkTime(path, "start_period", s.HealthCheck.StartPeriod),
		StartInterval: r.checkTime(path, "start_interval", s.HealthCheck.StartInterval),
	}
	if s.HealthCheck.Retries != nil {
		h.Retries = int(min(*s.HealthCheck.Retries, math.MaxInt32))
	}
	// Engines take any word, and check nothing where they don't know it.
	if known := []string{catalog.HealthcheckCommand, catalog.HealthcheckShell}; len(h.Test) > 0 && (!slices.Contains(known, h.Test[0]) || len(h.Test) == 1) {
		r.complain(append(path, "test"), "the test of part %s must be a line for the shell, or a list such as [CMD, /app, check] or [CMD-SHELL, a line for the shell]", s.Name)
	}
	return h
}

// isUnchecked tells whether a part has no health check, whatever its image says.
func isUnchecked(s types.ServiceConfig) bool {
	h := s.HealthCheck
	return h != nil && (h.Disable || len(h.Test) > 0 && h.Test[0] == catalog.HealthcheckNone)
}

// checkTime reads a time span of a health check; 0 where there is none, as engines
// read it too.
func (r *reader) checkTime(path []string, key string, d *types.Duration) time.Duration {
	const least = time.Millisecond // that engines take
	if d == nil || *d == 0 {
		return 0
	}
	if time.Duration(*d) < least {
		r.complain(append(slices.Clone(path), key), "%s of a healthcheck is %s; it must be at least %s", key, time.Duration(*d), least)
	}
	return time.Duration(*d)
}
