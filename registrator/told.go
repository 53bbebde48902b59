package registrator

import (
	"sync"

	"teal/catalog"
)

// told remembers which containers were told to end. hear may be called from any
// goroutine, judge from one.
type told struct {
	mu    sync.Mutex
	heard map[string][]catalog.Signal // by container, not judged yet

	ended map[string]int // by incarnation: the signal
}

func newTold() *told {
	return &told{heard: map[string][]catalog.Signal{}, ended: map[string]int{}}
}

// hear notes a signal until somebody knows the container that got it.
func (t *told) hear(s catalog.Signal) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.heard[s.Container] = append(t.heard[s.Container], s)
}

// judge tells which incarnations among all containers were told to end, and by
// what signal. The answer is the caller's until the next call.
func (t *told) judge(containers []catalog.Container) map[string]int {
	t.mu.Lock()
	heard := t.heard
	t.heard = map[string][]catalog.Signal{}
	t.mu.Unlock()
	ended := map[string]int{}
	for _, c := range containers {
		if !c.Running && !c.Paused {
			continue
		}
		run := incarnation(c)
		if signal, ok := t.ended[run]; ok {
			ended[run] = signal
		}
		for _, s := range heard[c.ID] {
			if earlier := !s.At.IsZero() && s.At.Before(c.Started); !earlier && endsBy(s.Number, c) {
				ended[run] = s.Number
			}
		}
	}
	t.ended = ended
	return ended
}
