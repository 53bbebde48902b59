package router

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"teal/catalog"
)

// haltPoll is how often routers are asked whether they have halted an alias.
const haltPoll = 100 * time.Millisecond

// Fleet is the routers, for who waits for them all.
type Fleet struct {
	// Living are the routers that Consul knows to live.
	Living func(ctx context.Context) ([]catalog.RouterRecord, error)
	// Alias asks one of them; AliasOf is the usual one.
	Alias func(ctx context.Context, r catalog.RouterRecord, service, alias string) (AliasState, error)
}

// AwaitHalted returns once every living router has applied a halt of an alias and
// has no request in flight that came through it. From then on none gets to an
// instance until the halt ends. When ctx ends first, the error says who is
// behind.
func (f Fleet) AwaitHalted(ctx context.Context, service, alias string, kind catalog.HaltKind) error {
	tick := time.NewTicker(haltPoll)
	defer tick.Stop()
	var last error
	for {
		err := f.halted(ctx, service, alias, kind)
		if err == nil {
			return nil
		}
		if last == nil || ctx.Err() == nil {
			last = err // one that was cut short says less
		}
		select {
		case <-ctx.Done():
			return last
		case <-tick.C:
		}
	}
}

// halted is nil when it is so at present.
func (f Fleet) halted(ctx context.Context, service, alias string, kind catalog.HaltKind) error {
	routers, err := f.Living(ctx)
	if err != nil {
		return err
	}
	if len(routers) == 0 {
		return errors.New("no living router is known to Consul, so nobody can say that requests are kept away")
	}
	behind := make([]string, len(routers))
	var asked sync.WaitGroup
	for i, r := range routers {
		asked.Go(func() {
			state, err := f.Alias(ctx, r, service, alias)
			behind[i] = state.behind(r.ID, kind, err)
		})
	}
	asked.Wait()
	who := slices.DeleteFunc(behind, func(b string) bool { return b == "" })
	if len(who) == 0 {
		return nil
	}
	return errors.New(strings.Join(who, "; "))
}

// behind says what a router has yet to do; empty for nothing.
func (s AliasState) behind(router string, kind catalog.HaltKind, err error) string {
	switch {
	case err != nil:
		return fmt.Sprintf("router %s can't be asked: %v", router, err)
	case s.Halt != kind:
		return fmt.Sprintf("router %s has not applied it yet", router)
	case s.InFlight > 0:
		return fmt.Sprintf("router %s still has %d in flight", router, s.InFlight)
	}
	return ""
}
