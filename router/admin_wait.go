package router

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"teal/catalog"
	"teal/fleet"
)

// The limits of a flip that waits.
const (
	defaultWait = 30 * time.Second
	maxWait     = 10 * time.Minute
	// routedWait is how long, before the flip, routers may take to hear of the
	// instances that are flipped to.
	routedWait = 2 * time.Second
)

// waiting is what the client of a flip waits for; the zero value for nothing.
type waiting struct {
	goal    fleet.Goal
	timeout time.Duration
}

// parseWaiting reads ?wait=applied|drained and ?timeout=30s.
func parseWaiting(q url.Values) (waiting, error) {
	for name := range q {
		if !slices.Contains(flipParameters, name) {
			// A misspelt wait would flip without waiting, and somebody would stop the old target.
			return waiting{}, refuse(http.StatusBadRequest, "There is no parameter %q; there are %s.", name, strings.Join(flipParameters, ", "))
		}
	}
	w := waiting{goal: fleet.Goal(q.Get("wait")), timeout: defaultWait}
	text := q.Get("timeout")
	switch w.goal {
	case fleet.Applied, fleet.Drained:
	case "":
		if text != "" {
			return w, refuse(http.StatusBadRequest, "The parameter timeout says how long to wait, but wait is missing; add wait=drained or wait=applied.")
		}
		return w, nil
	default:
		return w, refuse(http.StatusBadRequest, "The parameter wait is %q; it is applied or drained.", w.goal)
	}
	if text == "" {
		return w, nil
	}
	var err error
	if w.timeout, err = time.ParseDuration(text); err != nil || w.timeout <= 0 || w.timeout > maxWait {
		return w, refuse(http.StatusBadRequest, "The parameter timeout is %q; it is a duration such as 30s, up to %s.", text, maxWait)
	}
	return w, nil
}

// flipParameters are those of a flip.
var flipParameters = []string{"from", "wait", "timeout"}

// progress is the part of a flip's answer that tells what was waited for.
type progress struct {
	Applied bool             `json:"applied"`
	Drained *bool            `json:"drained,omitempty"` // nil if that was not waited for
	Old     []catalog.Target `json:"old,omitempty"`     // what lost the alias's requests
	Routers []fleet.Router   `json:"routers"`
	Notes   []string         `json:"notes,omitempty"` // what could not be made sure of before the flip
	Message string           `json:"message,omitempty"`

	reached bool
}

// waiting is what r wants to wait for. It is settled before anything is flipped.
func (h *flipHandler) waiting(r *http.Request) (waiting, error) {
	wait, err := parseWaiting(r.URL.Query())
	if err == nil && wait.goal != "" && h.router.opt.Roster == nil {
		err = refuse(http.StatusServiceUnavailable, "This router does not know the others, so it can't wait for them. Flip without wait.")
	}
	return wait, err
}

// observer watches the fleet from this router.
func (h *flipHandler) observer() *fleet.Observer {
	c := &circle{router: h.router, others: h.router.fleet}
	return &fleet.Observer{Records: c, Ask: c}
}

// awaitRouted has every router hear of the instances that are about to get
// requests. What it waited for in vain it answers in sentences, and does not keep
// the flip from happening.
func (h *flipHandler) awaitRouted(ctx context.Context, f catalog.Flip) []string {
	ctx, done := context.WithTimeout(ctx, routedWait)
	defer done()
	unready, silent, err := h.observer().AwaitRouted(ctx, f.Service, f.Guards)
	if err != nil {
		return []string{fmt.Sprintf("The routers can't be asked whether they know the instances that are flipped to: %v.", err)}
	}
	var notes []string
	for _, s := range silent {
		notes = append(notes, s.Error())
	}
	if len(unready) > 0 {
		notes = append(notes, fmt.Sprintf("routers %s do not yet send requests to all instances that are flipped to, after %s", strings.Join(unready, ", "), routedWait))
	}
	return notes
}

// seeThrough waits for the fleet after a flip, until the client goes away or this
// router ends.
func (h *flipHandler) seeThrough(ctx context.Context, wait waiting, f fleet.Flip) *progress {
	ctx, done := context.WithTimeout(ctx, wait.timeout)
	defer done()
	defer context.AfterFunc(h.router.dispatch.ending.ctx, done)()
	return told(h.observer().Await(ctx, f, wait.goal), f, wait)
}

// told puts what was seen into an answer. It is pure.
func told(seen fleet.Report, f fleet.Flip, wait waiting) *progress {
	p := &progress{Applied: seen.Applied(), Old: f.Old, Routers: seen.Routers, reached: seen.Applied()}
	if p.Routers == nil {
		p.Routers = []fleet.Router{}
	}
	if wait.goal == fleet.Drained {
		drained := seen.Drained()
		p.Drained, p.reached = &drained, drained
	}
	switch {
	case p.reached:
	case seen.Moved != "":
		p.Message = fmt.Sprintf("The flip happened, but %s, so it will not be done with.", seen.Moved)
	default:
		p.Message = fmt.Sprintf("The flip happened, but after %s %s. Leave what was flipped from running, and send the same PUT to wait on.", wait.timeout, seen)
	}
	return p
}
