package process

import "context"

// watcher is one receiver of hints.
type watcher struct {
	changes chan struct{} // room for one hint
	forget  func() bool   // stops waiting for the end of its context
}

// Changes tells that something about the processes may have changed, from now
// until ctx or the platform ends, when the channel is closed. The events carry
// nothing and are coalesced: the receiver lists again.
func (p *Platform) Changes(ctx context.Context) (<-chan struct{}, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return nil, errEnded
	}
	w := &watcher{changes: make(chan struct{}, 1)}
	p.watchers[w] = struct{}{}
	w.forget = context.AfterFunc(ctx, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.dropWatcher(w)
	})
	return w.changes, nil
}

// dropWatcher closes a watcher's channel, once. The lock must be held.
func (p *Platform) dropWatcher(w *watcher) {
	if _, ok := p.watchers[w]; !ok {
		return
	}
	delete(p.watchers, w)
	w.forget()
	close(w.changes)
}

// hint tells every watcher that something may have changed. The lock must be
// held.
func (p *Platform) hint() {
	for w := range p.watchers {
		select {
		case w.changes <- struct{}{}:
		default: // a hint is waiting already
		}
	}
}
