package consul

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// job is a service to read.
type job struct {
	service string
	at      time.Time // not before
	stale   bool      // any server may answer, however late it is itself
	place   int       // in the heap
}

// backlog is which services are to be read, each once, and by one reader at a
// time. Its methods may be called from any goroutine.
type backlog struct {
	mu      sync.Mutex
	queue   jobs
	waiting map[string]*job
	reading map[string]*job // and what to do about the service next; nil if nothing
	wake    chan struct{}   // closed when something new waits
}

func newBacklog() *backlog {
	return &backlog{waiting: map[string]*job{}, reading: map[string]*job{}, wake: make(chan struct{})}
}

// add has a service read at a time, or earlier if it waits for that already. A
// service that is being read is read again after that.
func (b *backlog) add(service string, at time.Time, stale bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	next, busy := b.reading[service]
	if !busy {
		next = b.waiting[service]
	}
	if next == nil {
		next = &job{service: service, at: at, stale: stale}
	}
	if at.Before(next.at) {
		next.at = at
	}
	next.stale = next.stale && stale
	if busy {
		b.reading[service] = next
		return
	}
	b.enqueue(next)
}

// enqueue puts a job where its time says. The caller holds mu.
func (b *backlog) enqueue(j *job) {
	if b.waiting[j.service] == j {
		heap.Fix(&b.queue, j.place)
	} else {
		b.waiting[j.service] = j
		heap.Push(&b.queue, j)
	}
	close(b.wake)
	b.wake = make(chan struct{})
}

// take waits for the next service that is due. It answers false when ctx ends.
func (b *backlog) take(ctx context.Context) (job, bool) {
	for {
		j, wake, wait := b.next(time.Now())
		if j != nil {
			return *j, true
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return job{}, false
		case <-wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// next takes out what is due, or answers how long nothing will be.
func (b *backlog) next(now time.Time) (due *job, wake <-chan struct{}, wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) == 0 {
		return nil, b.wake, time.Hour
	}
	if wait := b.queue[0].at.Sub(now); wait > 0 {
		return nil, b.wake, wait
	}
	j := heap.Pop(&b.queue).(*job)
	delete(b.waiting, j.service)
	b.reading[j.service] = nil
	return j, nil, 0
}

// done ends the reading of a service that take has answered.
func (b *backlog) done(service string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	next := b.reading[service]
	delete(b.reading, service)
	if next != nil {
		b.enqueue(next)
	}
}

// jobs are a heap, the earliest first.
type jobs []*job

func (q jobs) Len() int           { return len(q) }
func (q jobs) Less(i, j int) bool { return q[i].at.Before(q[j].at) }

func (q jobs) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i, j
}

// Push implements heap.Interface.
func (q *jobs) Push(x any) {
	j := x.(*job)
	j.place = len(*q)
	*q = append(*q, j)
}

// Pop implements heap.Interface.
func (q *jobs) Pop() any {
	last := len(*q) - 1
	j := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return j
}
