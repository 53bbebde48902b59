package consul

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/consul/api"

	"teal/catalog"
)

// hold is a session that is being renewed.
type hold struct {
	stop context.CancelFunc
	done chan struct{} // closed when renewing has ended
}

// Lock takes the deployment lock of a service in an environment and renews it
// until Unlock. lost is closed if the lock goes without that. The error wraps
// catalog.ErrLocked and names the holder when somebody else has it.
func (s *Store) Lock(ctx context.Context, service, env string, rec catalog.LockRecord) (string, <-chan struct{}, error) {
	began := time.Now()
	session, err := s.newSession(ctx, fmt.Sprintf("teal deploy %s in %s by %s", service, env, rec.Holder))
	if err != nil {
		return "", nil, err
	}
	err = s.acquire(ctx, service, env, session, began, rec)
	if err != nil {
		s.destroy(ctx, session)
		return "", nil, err
	}
	return session, s.keepAlive(ctx, session, began), nil
}

func (s *Store) newSession(ctx context.Context, name string) (string, error) {
	id, _, err := s.api.Session().Create(&api.SessionEntry{
		Name: name, TTL: sessionTTL.String(), LockDelay: lockDelay, Behavior: api.SessionBehaviorDelete,
	}, s.write(ctx))
	return id, s.explain(err, "make a session")
}

// acquire takes the lock for a session that is as old as began. What Consul did
// not answer is asked again while the session lives: it was there to make that,
// and gives a session a lock that it has already.
func (s *Store) acquire(ctx context.Context, service, env, session string, began time.Time, rec catalog.LockRecord) error {
	key := s.keys.Lock(service, env)
	pair := &api.KVPair{Key: key, Value: rec.Encode(), Session: session}
	for {
		holder, err := s.tryAcquire(ctx, pair)
		pause := renewAgain
		switch {
		case err == nil && holder == nil:
			return nil
		case err == nil && holder.Session != "":
			return busy(service, env, holder.Value)
		case err == nil:
			pause = 10 * lockDelay // nobody holds it: that of the last holder is not over yet
		case refused(err) || time.Since(began) > sessionTTL-pause:
			return err
		}
		if rest(ctx, pause); ctx.Err() != nil {
			return fmt.Errorf("take the lock %s: %w", key, context.Cause(ctx))
		}
	}
}

// tryAcquire answers who holds the lock instead; nil when it was taken.
func (s *Store) tryAcquire(ctx context.Context, pair *api.KVPair) (holder *api.KVPair, err error) {
	ok, _, err := s.api.KV().Acquire(pair, s.write(ctx))
	if ok || err != nil {
		return nil, s.explain(err, "take the lock "+pair.Key)
	}
	holder, _, err = s.api.KV().Get(pair.Key, s.query(ctx))
	if err != nil {
		return nil, s.explain(err, "read who holds the lock "+pair.Key)
	}
	if holder == nil {
		holder = &api.KVPair{Key: pair.Key}
	}
	return holder, nil
}

// refused tells whether Consul has answered, and with a no.
func refused(err error) bool {
	var status api.StatusError
	return errors.As(err, &status) && status.Code < 500
}

func busy(service, env string, value []byte) error {
	rec, err := catalog.ParseLockRecord(value)
	if err != nil {
		return fmt.Errorf("%w: %s in %s is being deployed by somebody whose record can't be read: %w", catalog.ErrLocked, service, env, err)
	}
	return fmt.Errorf("%w: %s in %s is being deployed by %s for %s (deployment %s); wait for it to end",
		catalog.ErrLocked, service, env, rec.Holder, time.Since(rec.Since).Round(time.Second), rec.Deployment)
}

// Unlock gives the lock back. It is safe to call it for a lock that is lost.
func (s *Store) Unlock(ctx context.Context, service, env, session string) error {
	s.mu.Lock()
	h := s.holds[session]
	delete(s.holds, session)
	s.mu.Unlock()
	if h != nil {
		h.stop()
		<-h.done
	}
	_, err := s.api.Session().Destroy(session, s.write(ctx))
	return s.explain(err, fmt.Sprintf("give back the lock of %s in %s", service, env))
}

// keepAlive renews the session, which is as old as began, until Unlock. The answered channel is closed if
// Consul has deleted the session, or has been away for longer than its TTL.
func (s *Store) keepAlive(ctx context.Context, session string, began time.Time) <-chan struct{} {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx)) // a cancelled deployment still cleans up under its lock
	h := &hold{stop: stop, done: make(chan struct{})}
	lost := make(chan struct{})
	s.mu.Lock()
	s.holds[session] = h
	s.mu.Unlock()
	go func() {
		defer close(h.done)
		if !s.renew(ctx, session, began) {
			close(lost)
		}
	}()
	return lost
}

// renew answers true when it was asked to stop, false when the session is gone.
func (s *Store) renew(ctx context.Context, session string, renewed time.Time) bool {
	pause := time.Until(renewed.Add(renewEvery))
	for {
		rest(ctx, pause)
		asked := time.Now()
		alive, err := s.renewBefore(ctx, renewed.Add(lostAfter), session)
		switch {
		case ctx.Err() != nil:
			return true
		case err == nil && !alive:
			s.log.Warn("Consul has ended a session", "session", session)
			return false
		case err == nil:
			renewed, pause = asked, renewEvery
		default:
			left := time.Until(renewed.Add(lostAfter))
			if left <= 0 {
				s.log.Warn("a session could not be renewed in time", "session", session, "error", err)
				return false
			}
			pause = min(time.Until(asked.Add(renewAgain)), left)
		}
	}
}

func (s *Store) renewBefore(ctx context.Context, limit time.Time, session string) (bool, error) {
	ctx, cancel := context.WithDeadline(ctx, limit)
	defer cancel()
	return s.renewOnce(ctx, session)
}

func (s *Store) renewOnce(ctx context.Context, session string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, renewEvery)
	defer cancel()
	entry, _, err := s.api.Session().Renew(session, s.write(ctx))
	if errors.Is(err, api.ErrSessionExpired) {
		return false, nil
	}
	return entry != nil, err
}

func (s *Store) destroy(ctx context.Context, session string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if _, err := s.api.Session().Destroy(session, s.write(ctx)); err != nil {
		s.log.Debug("a session will run out by itself", "session", session, "error", err)
	}
}
