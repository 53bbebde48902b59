package registrator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"teal/catalog"
)

// writing is one round of writes. A write that fails keeps no other back, but
// those to the same instance.
type writing struct {
	agent    *Agent
	failed   map[string]bool // instances
	failures []error
	refused  []catalog.Problem
}

// apply writes the changes: what takes instances out of service goes first, what
// puts them back goes last but for those that are gone.
func (w *writing) apply(ctx context.Context, c Changes) {
	fresh := func(m Maintenance) bool {
		return slices.ContainsFunc(c.Register, func(r catalog.Registration) bool { return r.ID == m.ID })
	}
	for _, m := range c.Maintain {
		if !fresh(m) {
			w.maintain(ctx, m)
		}
	}
	for _, r := range c.Register {
		w.register(ctx, r)
	}
	for _, m := range c.Maintain {
		if fresh(m) {
			w.maintain(ctx, m)
		}
	}
	for _, r := range c.Report {
		w.report(ctx, r)
	}
	for _, id := range c.Resume {
		w.resume(ctx, id)
	}
	for _, id := range c.Deregister {
		w.deregister(ctx, id)
	}
}

// try does one write to an instance and tells whether it went well.
func (w *writing) try(ctx context.Context, id, doing string, write func(context.Context) error) bool {
	if w.failed[id] {
		return false
	}
	err := w.agent.write(ctx, write)
	if err == nil {
		return true
	}
	w.failed[id] = true
	w.failures = append(w.failures, fmt.Errorf("%s %s: %w", doing, id, err))
	return false
}

func (w *writing) register(ctx context.Context, r catalog.Registration) {
	registry, log := w.agent.conf.Registry, w.agent.conf.Logger
	done := w.try(ctx, r.ID, "register", func(ctx context.Context) error {
		err := registry.Register(ctx, r)
		if errors.Is(err, catalog.ErrRefused) {
			w.failed[r.ID] = true
			w.refused = append(w.refused, catalog.Problem{Service: r.Service, Subject: r.ID, Message: err.Error()})
			return nil
		}
		return err
	})
	if done && !w.failed[r.ID] {
		log.Info("registered", "id", r.ID, "service", r.Service, "address", r.Address, "port", r.Port, "tags", r.Tags)
	}
}

func (w *writing) maintain(ctx context.Context, m Maintenance) {
	if w.try(ctx, m.ID, "put into maintenance", func(ctx context.Context) error {
		return w.agent.conf.Registry.Maintain(ctx, m.ID, m.Reason)
	}) {
		w.agent.conf.Logger.Info("put into maintenance", "id", m.ID, "reason", m.Reason)
	}
}

func (w *writing) resume(ctx context.Context, id string) {
	if w.try(ctx, id, "end the maintenance of", func(ctx context.Context) error {
		return w.agent.conf.Registry.Maintain(ctx, id, "")
	}) {
		w.agent.conf.Logger.Info("maintenance is over", "id", id)
	}
}

func (w *writing) report(ctx context.Context, r Report) {
	if w.send(ctx, r) {
		w.agent.conf.Logger.Info("reported", "id", r.ID, "check", r.Check, "status", r.Status)
	}
}

// send reports and remembers when.
func (w *writing) send(ctx context.Context, r Report) bool {
	done := w.try(ctx, r.ID, "report the health of", func(ctx context.Context) error {
		return w.agent.conf.Registry.Report(ctx, r.Check, r.Status, r.Output)
	})
	if done {
		w.agent.beats[r.Check] = w.agent.conf.Now()
	}
	return done
}

func (w *writing) deregister(ctx context.Context, id string) {
	if w.try(ctx, id, "deregister", func(ctx context.Context) error { return w.agent.conf.Registry.Deregister(ctx, id) }) {
		w.agent.conf.Logger.Info("deregistered", "id", id)
	}
}

// settle forgets the requests that are done with. While one can't be forgotten,
// what is held for it stays held, lest it be taken for a new request.
func (w *writing) settle(ctx context.Context, v view) Changes {
	for _, id := range v.concluded {
		err := w.agent.write(ctx, func(ctx context.Context) error { return w.agent.conf.Drains.Settle(ctx, id) })
		if err != nil {
			w.failures = append(w.failures, fmt.Errorf("forget the request to drain %s: %w", id, err))
			v.changes.Resume = slices.DeleteFunc(v.changes.Resume, func(held string) bool { return held == id })
		}
	}
	return v.changes
}

// refresh repeats the reports that are about to run out.
func (w *writing) refresh(ctx context.Context, v view) {
	foreign := map[string]bool{}
	for _, p := range v.changes.Problems {
		foreign[p.Subject] = true
	}
	beats := map[string]time.Time{}
	for _, r := range v.desired {
		for _, c := range r.Checks {
			if c.Status == "" || foreign[r.ID] {
				continue
			}
			// A report that runs out says critical, as one that is critical does.
			if c.Status != catalog.Critical && w.agent.conf.Now().Sub(w.agent.beats[c.ID]) >= c.TTL/3 {
				w.send(ctx, Report{r.ID, c.ID, c.Status, c.Output})
			}
			beats[c.ID] = w.agent.beats[c.ID]
		}
	}
	w.agent.beats = beats
}

// write does one write, with a deadline.
func (a *Agent) write(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, a.conf.Timeout)
	defer cancel()
	return do(ctx)
}
