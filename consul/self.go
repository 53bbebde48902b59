package consul

import (
	"context"
	"math/rand/v2"
)

// Self is the agent's node name and the address it advertises to others. It
// waits for no more than ten seconds.
func (s *Store) Self(ctx context.Context) (node, address string, err error) {
	// The SDK's Agent().Self takes no context; the raw endpoint does.
	var self struct {
		Config struct{ NodeName string }
		Member struct{ Addr string }
	}
	if _, err := s.api.Raw().Query("/v1/agent/self", &self, s.query(ctx)); err != nil {
		return "", "", s.explain(err, "ask the agent who it is")
	}
	return self.Config.NodeName, self.Member.Addr, nil
}

// AwaitSelf asks like Self until the agent answers: a daemon may be started
// before its Consul. failed is told of each failure; the log only of what is
// new. The error is that of a context that has ended.
func (s *Store) AwaitSelf(ctx context.Context, failed func(error)) (node, address string, err error) {
	said := ""
	for backoff := minBackoff; ; backoff = min(2*backoff, maxBackoff) {
		node, address, err = s.Self(ctx)
		if ctx.Err() != nil {
			return "", "", ctx.Err()
		}
		if err == nil {
			if said != "" {
				s.log.Info("Consul answers", "node", node)
			}
			return node, address, nil
		}
		failed(err)
		if text := err.Error(); text != said {
			s.log.Warn("waiting for Consul", "error", err)
			said = text
		}
		rest(ctx, backoff/2+rand.N(backoff))
	}
}
