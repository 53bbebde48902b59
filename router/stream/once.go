package stream

import "sync"

// once is something that happens once and can be waited for.
type once struct {
	done chan struct{}
	do   func() // from any goroutine, any number of times
}

func newOnce() once {
	done := make(chan struct{})
	return once{done: done, do: sync.OnceFunc(func() { close(done) })}
}

func (o once) happened() bool {
	select {
	case <-o.done:
		return true
	default:
		return false
	}
}
