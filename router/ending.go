package router

import (
	"context"
	"errors"
	"time"
)

// errEnding is why a request that was held goes on without its alias.
var errEnding = errors.New("the router ends")

// ending lets those go whom the router holds, when it ends.
type ending struct {
	ctx context.Context // done when nobody is held any more
	end context.CancelFunc
}

func newEnding() ending {
	ctx, end := context.WithCancel(context.Background())
	return ending{ctx: ctx, end: end}
}

// await has a request wait for the end of its alias's halt, or of the router. It
// answers nil when the halt may be over.
func (d *dispatch) await(ctx context.Context, r *Route) *Answer {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(d.ending.ctx, func() { cancel(errEnding) })()
	return r.halt.await(ctx, r)
}

// heldGrace is how long requests stay held after the proxy's listener has closed:
// as long as they may get their turn, and an answer before they are cut off.
const heldGrace = ShutdownGrace - 2*time.Second

// endHolding lets go whom the router holds, a while after it has taken its last
// request, or when all is over anyway.
func (r *Router) endHolding(stopped, over context.Context, grace time.Duration) {
	defer r.dispatch.ending.end()
	<-stopped.Done() // over ends it too
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-over.Done():
	case <-timer.C:
	}
}
