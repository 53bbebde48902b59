package router

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"teal/catalog"
	"teal/router/limit"
)

// The defaults of a pause.
const (
	// DefaultPauseWait is how long a request waits for the end of a pause.
	DefaultPauseWait = 30 * time.Second

	// DefaultPauseQueue is how many requests of an alias may wait for it.
	DefaultPauseQueue = 10_000
)

// halt keeps the requests of an alias away from its instances. It is immutable
// once its table is published.
type halt struct {
	kind     catalog.HaltKind
	maxWait  time.Duration
	maxQueue int
	gate     *limit.Gate // of a pause; set before publication
}

func newHalt(h catalog.Halt) *halt {
	out := &halt{kind: h.Kind, maxWait: orElse(h.MaxWaitMS, DefaultPauseWait), maxQueue: DefaultPauseQueue}
	if h.MaxQueue > 0 {
		out.maxQueue = h.MaxQueue
	}
	return out
}

// checkHalts tells of halts that keep nobody from anything.
func (b *partBuilder) checkHalts() {
	for _, name := range slices.Sorted(maps.Keys(b.service.Halts)) {
		if _, ok := b.aliases[name]; !ok {
			b.problem(name, "alias %s is halted (%s), but %s has no such alias; resume it, or set the alias", name, b.service.Halts[name].Kind, b.name)
		}
	}
}

// await answers nil when the halt may be over, so that the request is to be
// looked up again.
func (h *halt) await(ctx context.Context, r *Route) *Answer {
	if h.kind == catalog.HaltMaintenance {
		return answerMaintenance(r)
	}
	err := h.gate.Wait(ctx, h.maxWait)
	switch {
	case err == nil:
		return nil
	case errors.Is(context.Cause(ctx), errEnding):
		return answerPaused(r, "and this router is about to end")
	case errors.Is(err, limit.ErrFull):
		return answerPaused(r, "and too many requests are waiting already")
	case ctx.Err() != nil:
		return answerGone()
	}
	return answerPaused(r, "and did not resume within "+h.maxWait.String())
}
