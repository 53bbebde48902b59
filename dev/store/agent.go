package store

import (
	"fmt"
	"time"
)

// checkUpdateInterval is for how long an agent keeps a check's new output to
// itself while the status stays the same, so that talkative checks don't wake
// everybody.
const checkUpdateInterval = 5 * time.Minute

// minDeregisterAfter is the least time a service stays critical before the
// agent removes it.
const minDeregisterAfter = time.Minute

const defaultMaintenanceReason = "Maintenance mode is enabled for this service, but no reason was provided. This is a default message."

// localCheck is a check as its agent knows it. Guarded by Store.mu.
type localCheck struct {
	id string
	// def is nil for maintenance, which nothing monitors.
	def *checkDefinition
	// output is the latest; the catalogue's may be older.
	output string
	// staleSince is when output and the catalogue's first differed.
	staleSince time.Time
	// criticalSince is zero while the check is not critical.
	criticalSince time.Time
	monitor       *monitor
}

// registerService registers a validated definition. With replace, checks of
// the service that the definition doesn't name are removed.
func (s *Store) registerService(def *serviceDefinition, replace bool) error {
	return s.update(func(w *write) error {
		svc := def.service()
		w.putService(svc)
		named := make(map[string]bool)
		checks := def.checks()
		for i, c := range checks {
			check := c.serviceCheck(svc, i, len(checks))
			named[check.CheckID] = true
			s.addCheck(w, check, c)
		}
		if replace {
			s.removeChecks(w, svc.ID, func(id string) bool { return !named[id] })
		}
		return nil
	})
}

// serviceCheck builds the row of the i-th of n checks of a service.
func (d *checkDefinition) serviceCheck(svc service, i, n int) healthCheck {
	check := healthCheck{
		CheckID:   d.CheckID,
		Name:      d.Name,
		Status:    d.Status,
		Notes:     d.Notes,
		ServiceID: svc.ID,
		Type:      d.kind(),
		Interval:  d.Interval.text(),
		Timeout:   d.Timeout.text(),
	}
	if check.CheckID == "" {
		check.CheckID = "service:" + svc.ID
		if n > 1 {
			check.CheckID += fmt.Sprintf(":%d", i+1)
		}
	}
	if check.Name == "" {
		check.Name = fmt.Sprintf("Service '%s' check", svc.Name)
	}
	return check
}

// ownCheck builds the row of a check registered by itself.
func (d *checkDefinition) ownCheck() healthCheck {
	check := healthCheck{
		CheckID:     d.ID,
		Name:        d.Name,
		Status:      d.Status,
		Notes:       d.Notes,
		ServiceID:   d.ServiceID,
		ServiceTags: []string{},
		Type:        d.kind(),
		Interval:    time.Duration(d.Interval).String(),
		Timeout:     time.Duration(d.Timeout).String(),
	}
	if check.CheckID == "" {
		check.CheckID = d.Name
	}
	return check
}

// addCheck stores a check and starts monitoring it. A check that the agent had
// under the same id passes on its status and output.
func (s *Store) addCheck(w *write, check healthCheck, def *checkDefinition) {
	check.Node = w.node.Node
	if check.Status == "" {
		check.Status = statusCritical
	}
	local := &localCheck{id: check.CheckID, def: def}
	if old := s.local[check.CheckID]; old != nil {
		old.monitor.stop()
		check.Status, check.Output = w.checks[check.CheckID].Status, old.output
		local.criticalSince = old.criticalSince
	}
	local.output = check.Output
	local.track(check.Status, w.now)
	s.local[check.CheckID] = local
	w.putCheck(check)
	s.startMonitor(local)
}

// removeChecks removes the checks of a service whose id drop accepts.
func (s *Store) removeChecks(w *write, serviceID string, drop func(id string) bool) {
	for _, check := range w.sortedChecks(func(c *healthCheck) bool { return c.ServiceID == serviceID }) {
		if drop(check.CheckID) {
			s.dropCheck(w, check.CheckID)
		}
	}
}

func (s *Store) dropCheck(w *write, id string) {
	if local := s.local[id]; local != nil {
		local.monitor.stop()
		delete(s.local, id)
	}
	w.removeCheck(id)
}

func (s *Store) dropService(w *write, id string) {
	s.removeChecks(w, id, func(string) bool { return true })
	w.removeService(id)
}

// deregisterService removes an instance the agent registered.
func (s *Store) deregisterService(id string) error {
	return s.update(func(w *write) error {
		if err := w.ownsService(id); err != nil {
			return err
		}
		s.dropService(w, id)
		return nil
	})
}

// ownsService answers 404 for an id the agent didn't register.
func (st *state) ownsService(id string) error {
	if svc := st.services[id]; svc == nil || svc.server {
		return notFound("Unknown service ID %q. Ensure that the service ID is passed, not the service name.", id)
	}
	return nil
}

// ownsCheck answers 404 for an id the agent didn't register.
func (s *Store) ownsCheck(id string) error {
	if s.local[id] == nil {
		return notFound("Unknown check ID %q. Ensure that the check ID is passed, not the check name.", id)
	}
	return nil
}

// registerCheck adds a validated check to the node or to a service.
func (s *Store) registerCheck(def *checkDefinition) error {
	return s.update(func(w *write) error {
		check := def.ownCheck()
		if svc := w.services[check.ServiceID]; check.ServiceID != "" && (svc == nil || svc.server) {
			return notFound("ServiceID %q does not exist", check.ServiceID)
		}
		s.addCheck(w, check, def)
		return nil
	})
}

func (s *Store) deregisterCheck(id string) error {
	return s.update(func(w *write) error {
		if err := s.ownsCheck(id); err != nil {
			return err
		}
		s.dropCheck(w, id)
		return nil
	})
}

// setMaintenance adds or removes a critical check, which takes a service out
// of healthy answers.
func (s *Store) setMaintenance(serviceID string, enable bool, reason string) error {
	return s.update(func(w *write) error {
		if err := w.ownsService(serviceID); err != nil {
			return err
		}
		id := "_service_maintenance:" + serviceID
		if !enable {
			s.dropCheck(w, id)
			return nil
		}
		if s.local[id] != nil {
			return nil
		}
		if reason == "" {
			reason = defaultMaintenanceReason
		}
		s.addCheck(w, healthCheck{
			CheckID: id, Name: "Service Maintenance Mode", Notes: reason,
			ServiceID: serviceID, Status: statusCritical, Type: "maintenance",
		}, nil)
		return nil
	})
}

// updateTTL sets the status of a TTL check and restarts its time limit.
func (s *Store) updateTTL(id, status, output string) error {
	return s.update(func(w *write) error {
		if err := s.ownsCheck(id); err != nil {
			return err
		}
		local := s.local[id]
		if local.def == nil || local.def.TTL == 0 {
			return consulError("CheckID %q does not have associated TTL", id)
		}
		s.setStatus(w, local, status, truncated(output, local.def.outputLimit()))
		local.monitor.restart()
		return nil
	})
}

// setStatus records a result of a check. A new status is in the catalogue at
// once; output alone stays with the agent for a while.
func (s *Store) setStatus(w *write, local *localCheck, status, output string) {
	check := *w.checks[local.id]
	local.output = output
	local.track(status, w.now)
	if check.Status == status {
		if !local.outputDue(check.Output, w.now) {
			return
		}
	} else {
		s.logger.Info("check changed", "check", local.id, "from", check.Status, "to", status)
	}
	local.staleSince = time.Time{}
	check.Status, check.Output = status, output
	w.putCheck(check)
}

// outputDue reports whether the catalogue should get output that alone changed.
func (c *localCheck) outputDue(published string, now time.Time) bool {
	if c.output == published {
		c.staleSince = time.Time{}
		return false
	}
	if c.staleSince.IsZero() {
		c.staleSince = now
	}
	return now.Sub(c.staleSince) >= checkUpdateInterval
}

// track keeps since when the check is critical.
func (c *localCheck) track(status string, now time.Time) {
	switch {
	case status != statusCritical:
		c.criticalSince = time.Time{}
	case c.criticalSince.IsZero():
		c.criticalSince = now
	}
}

// reapCritical removes services whose checks have been critical for longer
// than their definition allows, and returns their ids.
func (s *Store) reapCritical(w *write) []string {
	var reaped []string
	for id, local := range s.local {
		serviceID := ""
		if check := w.checks[id]; check != nil {
			serviceID = check.ServiceID
		}
		if serviceID == "" || !local.overdue(w.now) {
			continue
		}
		s.dropService(w, serviceID)
		reaped = append(reaped, serviceID)
	}
	return reaped
}

func (c *localCheck) overdue(now time.Time) bool {
	if c.def == nil || c.def.DeregisterCriticalServiceAfter <= 0 || c.criticalSince.IsZero() {
		return false
	}
	limit := max(time.Duration(c.def.DeregisterCriticalServiceAfter), minDeregisterAfter)
	return now.Sub(c.criticalSince) > limit
}

// truncated cuts output the way Consul does for TTL checks.
func truncated(output string, limit int) string {
	if len(output) <= limit {
		return output
	}
	return fmt.Sprintf("%s ... (captured %d of %d bytes)", output[:limit], limit, len(output))
}
