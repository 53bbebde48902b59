package fleet

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"teal/catalog"
)

// Goal is what is waited for.
type Goal string

// The goals.
const (
	Applied Goal = "applied" // every living router has applied the flip
	Drained Goal = "drained" // and none has, or will have, a request at the old targets
)

// DefaultPoll is how long an Observer rests between two looks, at most.
const DefaultPoll = 100 * time.Millisecond

// Observer watches flips go through. It is safe for concurrent use.
type Observer struct {
	Records Records
	Ask     Asker         // nil believes what the records say; that is enough for Applied alone
	Poll    time.Duration // between two looks, at most; 0 for DefaultPoll
}

// Await looks until the goal is reached, can't be reached, or ctx ends, and
// answers what it saw last. The flip must have been committed before the call.
//
// Which routers live is read after the commit, and again at each look. One that
// is not listed yet has not read the aliases yet, as routers announce themselves
// first, and so will read the flipped one. One that is listed no more is dropped
// only when it does not answer either: it may live on without its session.
func (o *Observer) Await(ctx context.Context, f Flip, goal Goal) Report {
	known := map[string]catalog.RouterRecord{}
	pause := Pacer(cmp.Or(o.Poll, DefaultPoll))
	var last Report
	for {
		next := o.look(ctx, f, known)
		if ctx.Err() != nil && last.looked {
			return last // the look was cut short and says less
		}
		if next.Err != nil {
			next.Routers, next.looked = last.Routers, last.looked
		}
		if goal == Drained && (next.idle() || next.live()) {
			o.confirm(ctx, f, &next)
		}
		if next.Moved != "" || goal == Applied && next.Applied() || goal == Drained && next.Drained() {
			return next
		}
		last = next
		if pause(ctx) != nil {
			return last
		}
	}
}

// confirm asks Consul whether an alias sends requests to an old target, as
// somebody may have flipped back. A router that says so where Consul does not
// tells of another history, before Consul was wiped, and is waited for.
func (o *Observer) confirm(ctx context.Context, f Flip, r *Report) {
	if len(f.Old) == 0 {
		r.certain = true
		return
	}
	service, err := o.Records.Service(ctx, f.Service)
	if err != nil {
		r.Err = fmt.Errorf("look whether %s has been flipped again: %w", f.Service, err)
		return
	}
	r.Moved = stillLive(service, f.Old)
	r.certain = r.Moved == ""
}

// look asks all living routers at once. known are those met so far, by id and
// admin URL.
func (o *Observer) look(ctx context.Context, f Flip, known map[string]catalog.RouterRecord) Report {
	listed, err := o.Records.Routers(ctx)
	if err != nil {
		return Report{Err: fmt.Errorf("look which routers live: %w", err)}
	}
	if o.Ask == nil {
		return believe(listed, f)
	}
	here := map[string]bool{}
	for _, r := range listed {
		here[key(r)] = true
		known[key(r)] = r
	}
	all := make([]catalog.RouterRecord, 0, len(known))
	for _, r := range known {
		all = append(all, r)
	}
	var answers []Router
	for n, answer := range o.askAll(ctx, f, all) {
		if k := key(all[n]); !here[k] && answer.Error != "" {
			delete(known, k)
			continue
		}
		answers = append(answers, answer)
	}
	return newReport(answers)
}

func key(r catalog.RouterRecord) string { return r.ID + " " + r.Admin }

// askAll asks routers, all at once.
func (o *Observer) askAll(ctx context.Context, f Flip, records []catalog.RouterRecord) []Router {
	routers := make([]Router, len(records))
	var wait sync.WaitGroup
	for n, r := range records {
		wait.Go(func() { routers[n] = o.askOne(ctx, f, r) })
	}
	wait.Wait()
	return routers
}

func (o *Observer) askOne(ctx context.Context, f Flip, r catalog.RouterRecord) Router {
	var views []TargetView
	for _, t := range f.asked() {
		v, err := o.Ask.Target(ctx, r, f.Service, t)
		if err != nil {
			return judge(r.ID, f, nil, err)
		}
		views = append(views, v)
	}
	return judge(r.ID, f, views, nil)
}
