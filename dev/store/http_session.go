package store

import (
	"encoding/json"
	"net/http"
	"time"
)

// lockDelayUnit is the bound below which a lock delay without a unit is taken
// for seconds.
const lockDelayUnit = 1000

// errMissingSessionID is the answer to a request that needs a session's id.
var errMissingSessionID = badRequest("Missing session")

// sessionDefinition is the body of a session's creation.
type sessionDefinition struct {
	Name          string
	Node          string
	LockDelay     *duration
	Behavior      string
	TTL           string
	NodeChecks    []string
	ServiceChecks []sessionServiceCheck
	Checks        []string
}

// session builds the session Consul would make of the definition.
func (d sessionDefinition) session() session {
	s := session{
		ID:            newUUID(),
		Name:          d.Name,
		Node:          d.Node,
		LockDelay:     defaultLockDelay,
		Behavior:      d.Behavior,
		TTL:           d.TTL,
		NodeChecks:    d.NodeChecks,
		ServiceChecks: d.ServiceChecks,
		Checks:        d.Checks,
	}
	if d.LockDelay != nil {
		s.LockDelay = time.Duration(*d.LockDelay)
		if s.LockDelay < lockDelayUnit {
			s.LockDelay *= time.Second
		}
	}
	// Both lists start out as the liveness check; naming other checks in one
	// of them, or emptying it, must not leave it in the other.
	switch {
	case len(s.Checks) == 0:
		s.NodeChecks = []string{}
	case len(s.Checks) == 1 && s.Checks[0] == serfHealth:
		s.Checks = nil
	case len(s.NodeChecks) == 0:
		s.Checks = nil
	}
	return s
}

func (s *Store) putSession(r *http.Request, _ string) (reply, error) {
	def := sessionDefinition{
		Node:       s.opts.NodeName,
		Behavior:   behaviorRelease,
		NodeChecks: []string{serfHealth},
		Checks:     []string{serfHealth},
	}
	if r.ContentLength != 0 {
		body := http.MaxBytesReader(nil, r.Body, maxBodySize)
		if err := json.NewDecoder(body).Decode(&def); err != nil {
			return reply{}, badRequest("Request decode failed: %v", err)
		}
	}
	session := def.session()
	if err := session.validate(); err != nil {
		return reply{}, err
	}
	if err := s.update(func(w *write) error { return w.createSession(session) }); err != nil {
		return reply{}, err
	}
	s.moveDeadlines()
	return reply{body: struct{ ID string }{session.ID}}, nil
}

func (s *Store) destroySession(_ *http.Request, id string) (reply, error) {
	if id == "" {
		return reply{}, errMissingSessionID
	}
	err := s.update(func(w *write) error {
		w.deleteSession(id)
		return nil
	})
	return reply{body: true}, err
}

// renewSession restarts a session's time limit. That is no change of the
// session, so no index moves.
func (s *Store) renewSession(_ *http.Request, id string) (reply, error) {
	if id == "" {
		return reply{}, errMissingSessionID
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.state.sessions[id]
	if old == nil {
		return reply{}, notFound("Session id '%s' not found", id)
	}
	renewed := old.renewed(s.now())
	s.state.sessions[id] = renewed
	return reply{body: []*session{renewed}}, nil
}

func (s *Store) sessionInfo(r *http.Request, id string) (reply, error) {
	if id == "" {
		return reply{}, errMissingSessionID
	}
	return queried(s.query(r, topicSessions, func(st *state) answer {
		list := st.sortedSessions(func(each *session) bool { return each.ID == id })
		return answer{body: list, index: st.sessionsIndex, missing: len(list) == 0}
	}))
}

func (s *Store) sessionList(r *http.Request, _ string) (reply, error) {
	return s.sessions(r, func(*session) bool { return true })
}

func (s *Store) nodeSessions(r *http.Request, node string) (reply, error) {
	if node == "" {
		return reply{}, badRequest("Missing node name")
	}
	return s.sessions(r, func(each *session) bool { return each.Node == node })
}

func (s *Store) sessions(r *http.Request, keep func(*session) bool) (reply, error) {
	return queried(s.query(r, topicSessions, func(st *state) answer {
		return answer{body: st.sortedSessions(keep), index: st.sessionsIndex}
	}))
}
