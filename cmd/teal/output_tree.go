package main

import (
	"slices"
	"time"

	"teal/catalog"
	"teal/deployer"
)

// recentSteps is how many of a state's last steps are kept.
const recentSteps = 4

// tree is what is known of one deployment on its way. It changes only by apply.
type tree struct {
	service string
	heading string
	began   time.Time
	states  []*treeState
	hosts   []*treeHost
	notes   []string
	outcome catalog.DeploymentState // empty while it runs
	ended   time.Time
}

// treeState is one state that the deployment entered.
type treeState struct {
	state   catalog.DeploymentState
	text    string
	entered time.Time
	left    time.Time // zero while it lasts
	failed  bool
	steps   []string // the last, that are about no host
}

type treeHost struct {
	name       string
	text       string
	health     catalog.Health
	containers []*treeContainer
}

type treeContainer struct {
	name   string
	text   string
	health catalog.Health
	checks []*treeCheck
}

type treeCheck struct {
	name   string
	text   string
	health catalog.Health
}

// apply adds an event to what is known.
func (t *tree) apply(e deployer.Event, now time.Time) {
	if t.began.IsZero() {
		t.began = now
	}
	t.name(e)
	switch {
	case e.Kind == deployer.Entered:
		t.enter(e, now)
	case e.Kind == deployer.Note:
		_, text := eventWords(e)
		t.notes = append(t.notes, text)
	case e.Host != "":
		t.host(e.Host).apply(e)
	default:
		t.step(e)
	}
}

func (t *tree) name(e deployer.Event) {
	if e.Service != "" {
		t.service = e.Service
	}
	switch {
	case !e.Target.IsZero():
		t.heading = e.Target.String()
		if e.Release != "" {
			t.heading += ", release " + e.Release
		}
	case t.heading == "" && e.Kind == deployer.Entered:
		t.heading = e.Text
	}
}

func (t *tree) enter(e deployer.Event, now time.Time) {
	if last := t.current(); last != nil {
		last.left = now
		last.failed = givesUp(e.State)
	}
	if e.State.Ended() {
		t.outcome, t.ended = e.State, now
		return
	}
	t.states = append(t.states, &treeState{state: e.State, text: e.Text, entered: now})
}

// givesUp tells whether a state is entered because the one before it did not come
// through.
func givesUp(s catalog.DeploymentState) bool {
	switch s {
	case catalog.Failed, catalog.Aborted, catalog.Superseded, catalog.RollingBack, catalog.RollbackFailed:
		return true
	}
	return false
}

// current is the state that lasts; nil when none does.
func (t *tree) current() *treeState {
	if n := len(t.states); n > 0 && t.states[n-1].left.IsZero() {
		return t.states[n-1]
	}
	return nil
}

func (t *tree) step(e deployer.Event) {
	state := t.current()
	if state == nil { // a rollback or a flip has no states
		state = &treeState{}
		t.states = append(t.states, state)
	}
	_, text := eventWords(e)
	state.steps = append(state.steps, text)
	if extra := len(state.steps) - recentSteps; extra > 0 {
		state.steps = state.steps[extra:]
	}
}

func (t *tree) host(name string) *treeHost {
	for _, h := range t.hosts {
		if h.name == name {
			return h
		}
	}
	h := &treeHost{name: name}
	t.hosts = append(t.hosts, h)
	slices.SortFunc(t.hosts, func(a, b *treeHost) int { return compareNames(a.name, b.name) })
	return h
}

func (h *treeHost) apply(e deployer.Event) {
	if e.Container == "" {
		h.text, h.health = e.Text, e.Health
		return
	}
	c := h.container(e.Container)
	if e.Check == "" {
		c.text, c.health = e.Text, e.Health
		return
	}
	for _, check := range c.checks {
		if check.name == e.Check {
			check.text, check.health = e.Text, e.Health
			return
		}
	}
	c.checks = append(c.checks, &treeCheck{name: e.Check, text: e.Text, health: e.Health})
}

func (h *treeHost) container(name string) *treeContainer {
	for _, c := range h.containers {
		if c.name == name {
			return c
		}
	}
	c := &treeContainer{name: name}
	h.containers = append(h.containers, c)
	slices.SortFunc(h.containers, func(a, b *treeContainer) int { return compareNames(a.name, b.name) })
	return c
}

// worst is the container's health, or that of its worst check.
func (c *treeContainer) worst() catalog.Health {
	worst := c.health
	for _, check := range c.checks {
		if check.health != "" && check.health != catalog.Passing {
			worst = check.health
		}
	}
	return worst
}

// compareNames puts web-2 before web-10: the shorter name is first.
func compareNames(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// forest is the deployments that a command runs, in the order in which they began.
type forest struct {
	trees []*tree
	lines []string // that were said beside them, not yet written
}

// apply adds an event to its deployment; one that enters a state after its end is
// another deployment.
func (f *forest) apply(e deployer.Event, now time.Time) {
	for n := len(f.trees) - 1; n >= 0; n-- {
		t := f.trees[n]
		if t.service != e.Service && e.Service != "" && t.service != "" {
			continue
		}
		if t.outcome != "" && e.Kind == deployer.Entered && !e.State.Ended() {
			break
		}
		t.apply(e, now)
		return
	}
	t := &tree{}
	f.trees = append(f.trees, t)
	t.apply(e, now)
}
