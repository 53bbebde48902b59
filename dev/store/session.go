package store

import (
	"cmp"
	"slices"
	"time"
)

// What happens to keys held by a session that ends.
const (
	behaviorRelease = "release"
	behaviorDelete  = "delete"
)

// Consul's limits of sessions.
const (
	minSessionTTL    = 10 * time.Second
	maxSessionTTL    = 24 * time.Hour
	defaultLockDelay = 15 * time.Second
	maxLockDelay     = 60 * time.Second
	// ttlGrace is how many times its TTL a session lives unrenewed.
	ttlGrace = 2
)

// session is one session as Consul's JSON shows it.
type session struct {
	ID            string
	Name          string
	Node          string
	LockDelay     time.Duration
	Behavior      string
	TTL           string
	NodeChecks    []string
	ServiceChecks []sessionServiceCheck
	Checks        []string `json:",omitempty"`
	CreateIndex   uint64
	ModifyIndex   uint64

	ttl time.Duration
	// deadline is when an unrenewed session ends; zero is never.
	deadline time.Time
}

type sessionServiceCheck struct {
	ID        string
	Namespace string
}

// boundTo reports whether the session ends with the check.
func (s *session) boundTo(checkID string) bool {
	return slices.Contains(s.checkIDs(), checkID)
}

func (s *session) checkIDs() []string {
	ids := slices.Concat(s.Checks, s.NodeChecks)
	for _, c := range s.ServiceChecks {
		ids = append(ids, c.ID)
	}
	return ids
}

// validate checks what doesn't depend on other records and completes s.
func (s *session) validate() error {
	switch s.Behavior {
	case "":
		s.Behavior = behaviorRelease
	case behaviorRelease, behaviorDelete:
	default:
		return consulError("Invalid Behavior setting '%s'", s.Behavior)
	}
	if s.TTL == "" {
		return nil
	}
	ttl, err := time.ParseDuration(s.TTL)
	if err != nil {
		return consulError("Session TTL '%s' invalid: %w", s.TTL, err)
	}
	if ttl != 0 && (ttl < minSessionTTL || ttl > maxSessionTTL) {
		return consulError("Invalid Session TTL '%d', must be between [%v=%v]",
			ttl, minSessionTTL, maxSessionTTL)
	}
	s.ttl = ttl
	return nil
}

// renewed is s with its time limit counted from now.
func (s *session) renewed(now time.Time) *session {
	next := *s
	if next.ttl > 0 {
		next.deadline = now.Add(ttlGrace * next.ttl)
	}
	return &next
}

// createSession stores a validated session. It refuses one for another node
// or bound to a check that is critical or unknown.
func (w *write) createSession(s session) error {
	if s.Node != w.node.Node {
		return consulError("apply failed: Missing node registration")
	}
	for _, id := range s.checkIDs() {
		check := w.checks[id]
		if check == nil {
			return consulError("apply failed: Missing check '%s' registration", id)
		}
		if check.Status == statusCritical {
			return consulError("apply failed: Check '%s' is in %s state", id, check.Status)
		}
	}
	s.CreateIndex, s.ModifyIndex = w.index, w.index
	w.sessions[s.ID] = s.renewed(w.now)
	w.touchSessions()
	return nil
}

// deleteSession ends a session and releases or deletes the keys it holds, in
// the same commit. Ending an unknown session does nothing.
func (w *write) deleteSession(id string) {
	s := w.sessions[id]
	if s == nil {
		return
	}
	delete(w.sessions, id)
	w.touchSessions()
	delay := min(s.LockDelay, maxLockDelay)
	for _, held := range w.heldBy(id) {
		if s.Behavior == behaviorDelete {
			w.deleteKey(held.Key)
		} else {
			released := *held
			released.Session = ""
			w.putKey(released)
		}
		w.delayLock(held.Key, delay)
	}
}

// deleteSessionsOf ends the sessions bound to a check.
func (w *write) deleteSessionsOf(checkID string) {
	for id, s := range w.sessions {
		if s.boundTo(checkID) {
			w.deleteSession(id)
		}
	}
}

// expireSessions ends the sessions whose time is over and returns their ids.
func (w *write) expireSessions() []string {
	var expired []string
	for id, s := range w.sessions {
		if !s.deadline.IsZero() && !s.deadline.After(w.now) {
			w.deleteSession(id)
			expired = append(expired, id)
		}
	}
	return expired
}

func (w *write) touchSessions() {
	w.sessionsIndex = w.index
	w.touch(topicSessions)
}

// nextDeadline is when the next session may end; zero if none can.
func (st *state) nextDeadline() time.Time {
	var next time.Time
	for _, s := range st.sessions {
		if !s.deadline.IsZero() && (next.IsZero() || s.deadline.Before(next)) {
			next = s.deadline
		}
	}
	return next
}

// sortedSessions returns the sessions that keep accepts, in order of their ids.
func (st *state) sortedSessions(keep func(*session) bool) []*session {
	list := make([]*session, 0, len(st.sessions))
	for _, s := range st.sessions {
		if keep(s) {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b *session) int { return cmp.Compare(a.ID, b.ID) })
	return list
}
