package router

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"
)

// course is one Run of a Lifecycle: its parts, and the contexts that end them.
type course struct {
	*Lifecycle
	group *errgroup.Group

	told  context.Context         // ends when the router is to end; the cause says why
	tell  context.CancelCauseFunc // likewise
	front context.Context         // of what takes requests
	desk  context.Context         // of the admin API
	rear  context.Context         // of all the rest

	endFront, endDesk, endRear context.CancelFunc

	doors chan struct{} // closed when connections may be accepted

	proxy  *server
	secure *secure // nil for none
	admin  *server
}

func newCourse(ctx context.Context, l *Lifecycle) *course {
	c := &course{Lifecycle: l, doors: make(chan struct{})}
	c.told, c.tell = context.WithCancelCause(ctx)
	rear, endRear := context.WithCancel(context.WithoutCancel(ctx))
	c.group, c.rear = errgroup.WithContext(rear)
	c.endRear = endRear
	c.front, c.endFront = context.WithCancel(c.rear)
	c.desk, c.endDesk = context.WithCancel(c.rear)
	idle := func() bool { return l.Router.InFlight() == 0 }
	o := serving{handler: l.Router.Handler(), grace: l.grace(), idle: idle}
	if l.HTTPS != nil {
		o.log = l.Logger.Named("https")
		c.secure = newSecure(c.front, l.HTTPS, l.Router, o)
	}
	o.log, o.listener, o.h2c = l.Logger.Named("proxy"), l.Proxy, true
	c.proxy = newServer(c.front, o)
	c.admin = newServer(c.desk, serving{
		listener: l.Admin, handler: l.Router.Admin(), grace: l.grace(), log: l.Logger.Named("admin"),
	})
	return c
}

// start sets all parts going.
func (c *course) start() {
	if !c.Succession.follows() {
		close(c.doors)
	}
	c.group.Go(func() error { c.retire(); return nil })
	c.group.Go(func() error { c.Router.endHolding(c.front, c.rear, min(heldGrace, c.grace()*9/10)); return nil })
	c.group.Go(c.takeRequests)
	c.group.Go(func() error { return c.behindDoors(c.desk, c.admin.run) })
	c.group.Go(func() error { return c.Router.Run(c.rear) })
	c.group.Go(c.succeed)
	if c.HTTPS != nil {
		c.group.Go(func() error { return c.HTTPS.Certificates.Run(c.rear) })
	}
	if c.Beside != nil {
		c.group.Go(func() error { return c.Beside(c.rear) })
	}
}

// behindDoors runs a part once the doors are open, unless its context ends before
// that.
func (c *course) behindDoors(ctx context.Context, run func(context.Context) error) error {
	select {
	case <-ctx.Done():
		return nil
	case <-c.doors:
		return run(ctx)
	}
}

// takeRequests runs what clients connect to, and ends the rest when the last of
// their requests has ended.
func (c *course) takeRequests() error {
	defer c.endRear()
	var group errgroup.Group
	part := func(run func(context.Context) error) {
		group.Go(func() error {
			err := run(c.front)
			if err != nil {
				c.endFront() // the others must not go on by themselves
			}
			return err
		})
	}
	part(func(ctx context.Context) error { return c.behindDoors(ctx, c.proxy.run) })
	if c.secure != nil {
		part(func(ctx context.Context) error { return c.behindDoors(ctx, c.secure.run) })
	}
	part(c.Router.TCP().Run)
	err := group.Wait()
	ctx, done := context.WithTimeout(c.rear, upgradeGrace)
	defer done()
	await(ctx, func() bool { return c.Router.InFlight() == 0 })
	return err
}

// succeed follows the router before, once this one is ready, and then waits for
// the one after.
func (c *course) succeed() error {
	if c.Succession == nil || !await(c.told, c.Router.isReady) {
		return nil
	}
	if c.Succession.follows() {
		close(c.doors)
	}
	if err := c.Succession.take(c.told, c.Router); err != nil {
		if c.told.Err() != nil {
			return nil
		}
		return err
	}
	over := context.AfterFunc(c.rear, func() { c.tell(nil) })
	defer over()
	c.Succession.offer(c.told, func() { c.tell(errSucceeded) }, c.Logger.Named("handover"))
	return nil
}

// retire begins the end when it has come: it ends the front.
func (c *course) retire() {
	defer c.endFront()
	select {
	case <-c.rear.Done():
		return
	case <-c.told.Done():
	}
	if errors.Is(context.Cause(c.told), errSucceeded) {
		c.giveWay()
	} else if !c.announceEnd() {
		return
	}
	c.Router.ledger.leaveStreams(c.grace()/4, c.grace()/2) // time for the short ones, and for the last to say goodbye
}

// giveWay leaves the addresses to the successor at once.
func (c *course) giveWay() {
	c.Logger.Info("another process serves in place of this one, which finishes what it has", "in_flight", c.Router.InFlight())
	for _, s := range c.servers() {
		s.linger = handoverLinger
	}
	c.endDesk()
}

// announceEnd tells balancers and clients that the end is near, and gives them
// ShutdownDelay. It is false when all is over before that.
func (c *course) announceEnd() bool {
	c.Router.retiring.Store(true)
	c.Logger.Info("told to end; the router is not ready any more", "requests_taken_for", c.ShutdownDelay)
	for _, s := range c.servers() {
		s.part(moving)
	}
	delay := time.NewTimer(c.ShutdownDelay)
	defer delay.Stop()
	select {
	case <-c.rear.Done():
		return false
	case <-delay.C:
		return true
	}
}

func (c *course) servers() []*server {
	all := []*server{c.proxy, c.admin}
	if c.secure != nil {
		all = append(all, c.secure.server)
	}
	return all
}
