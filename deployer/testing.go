package deployer

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	"teal/catalog"
	"teal/deployer/timing"
)

// test asks the others first, as a task may be one that can't be taken back, then
// runs the tasks and holds the new release to the gates of the file. No user's
// requests go there yet, but for an environment without colours.
func (r *run) test(ctx context.Context) error {
	for _, gate := range []func(context.Context) error{r.askOutside, r.runTasks, r.smoke, r.runTest} {
		if err := gate(ctx); err != nil {
			return err
		}
	}
	return r.stillPassing(ctx)
}

// stillPassing looks again at what was checked, as gates may take long, and waits
// for it as at first if it no longer passes.
func (r *run) stillPassing(ctx context.Context) error {
	now, err := r.look(ctx)
	if err != nil {
		return err
	}
	if !now.complete(r.platform.Instances(r.work())) {
		return r.check(ctx)
	}
	r.guards = now.passing
	return nil
}

// persist tries something until it goes well, at most for a time, and answers
// what was in the way last. A container that exits ends it.
func (r *run) persist(ctx context.Context, within, pause time.Duration, try func(ctx context.Context, round int) error) error {
	bound, done := context.WithTimeout(ctx, within)
	defer done()
	var last error
	for round := 0; ; round++ {
		err := try(bound, round)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case last == nil || bound.Err() == nil: // else it is the end of the time that was in the way
			if last == nil || last.Error() != err.Error() {
				r.step("not yet: %s", err)
			}
			last = err
		}
		if _, err := r.look(ctx); err != nil {
			return err
		}
		if err := timing.Sleep(bound, pause); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return fmt.Errorf("after %s, %w", within, last)
		}
	}
}

// door is where the new release can be asked before it is flipped to.
type door struct {
	url      string // without a slash at its end
	through  string // who is asked
	protocol string // what is spoken there
}

// door picks a living router, another one each round, else an instance.
func (r *run) door(ctx context.Context, round int) (door, error) {
	routers, err := r.opt.Store.Routers(ctx)
	if err != nil {
		return door{}, fmt.Errorf("find a router to ask through: %w", err)
	}
	var living []catalog.RouterRecord
	for _, router := range routers {
		if router.Proxy != "" {
			living = append(living, router)
		}
	}
	if len(living) > 0 {
		router := living[round%len(living)]
		return door{
			url:     fmt.Sprintf("http://%s/%s@%s", router.Proxy, r.record.Service, cmp.Or(r.at, r.record.Target.String())),
			through: "router " + router.ID, protocol: catalog.ProtocolHTTP,
		}, nil
	}
	if !r.direct {
		r.direct = true
		r.note("no router lives to ask through, so the new instances are asked themselves")
	}
	return directDoor(r.guards[round%len(r.guards)]), nil
}

// directDoor is an instance itself.
func directDoor(i catalog.Instance) door {
	scheme := "http"
	if i.Protocol == catalog.ProtocolHTTPS {
		scheme = "https"
	}
	address := net.JoinHostPort(i.Address, strconv.Itoa(i.Port))
	return door{url: scheme + "://" + address, through: fmt.Sprintf("instance %s on %s", i.ID, i.Node), protocol: i.Protocol}
}
