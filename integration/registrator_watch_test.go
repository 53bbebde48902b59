//go:build integration

package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/stretchr/testify/require"

	"teal/catalog"
)

// lag is how long Consul may go on calling an instance passing after its
// container was last well. Nobody can know at once: the check must run (200 ms)
// and time out (200 ms), or Docker must tell of a death and the registrator look
// (50 ms of debounce and the look itself), and the agent must tell the servers.
// The rest, most of it, is for a machine that is busy: what is wrong stays wrong.
const lag = 4 * time.Second

// awakening is for how long an agent that comes back with its data may repeat
// what it said before it went: it answers from its disk as soon as there is a
// leader, and gives up what its own checks do not say at its first sync. That is
// between Consul's parts; no registrator can hurry it.
const awakening = 2 * time.Second

// absence is how long an agent is silent at least that was away.
const absence = time.Second

// watcher asks Consul without pause which instances are passing, and holds it
// against the truth that the containers themselves tell (see testimage/patient):
//
//   - an instance whose container has never been well is never passing: nothing
//     is inherited from an earlier container of that name, or guessed;
//   - any other is not passing later than lag after its container was last well,
//     except that, for as long as awakening, what an agent says that was away may
//     be as old as its last answer before.
type watcher struct {
	m    *machine
	stop chan struct{}
	done sync.WaitGroup

	mu    sync.Mutex
	wrong []string
	worst time.Duration // the latest that an instance was called passing
	polls int           // that Consul answered

	answered time.Time // when Consul last did
	left     time.Time // when it last did before it was away
	awoke    time.Time // when it was back
}

// watch watches until the test ends, and then fails it if anything was wrong.
func (m *machine) watch(t *testing.T) *watcher {
	w := &watcher{m: m, stop: make(chan struct{})}
	w.done.Go(w.loop)
	t.Cleanup(func() {
		close(w.stop)
		w.done.Wait()
		t.Logf("%d looks at Consul; an instance was called passing at most %s after its container was last well", w.polls, w.worst.Round(time.Millisecond))
		require.Greater(t, w.polls, 10, "Consul hardly ever answered")
		require.Empty(t, w.wrong, "wrongly shown passing")
	})
	return w
}

func (w *watcher) loop() {
	client := w.m.consul.Client()
	for {
		select {
		case <-w.stop:
			return
		case <-time.After(50 * time.Millisecond):
			w.look(client)
		}
	}
}

func (w *watcher) look(client *api.Client) {
	asked := time.Now() // what is passing now was so, at the latest, when it was answered
	entries, _, err := client.Health().Service("patient", "", true, nil)
	if err != nil {
		return // Consul is away
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.polls++
	if asked.Sub(w.answered) > absence {
		w.left, w.awoke = w.answered, asked
	}
	w.answered = time.Now()
	for _, e := range entries {
		name := e.Service.Meta[catalog.MetaContainer]
		if name == "" {
			continue // somebody else's
		}
		well, known := w.m.lastWell(name)
		late := w.reference(asked).Sub(well)
		switch {
		case !known:
			w.accuse(e, "was never well")
		case late > lag:
			w.accuse(e, fmt.Sprintf("was last well %s ago", late.Round(10*time.Millisecond)))
		}
		if known {
			w.worst = max(w.worst, late)
		}
	}
}

// reference is the moment of which an answer tells.
func (w *watcher) reference(asked time.Time) time.Time {
	if asked.Sub(w.awoke) < awakening && !w.left.IsZero() {
		return w.left
	}
	return asked
}

func (w *watcher) accuse(e *api.ServiceEntry, why string) {
	if len(w.wrong) < 20 {
		w.wrong = append(w.wrong, fmt.Sprintf("%s: %s passes, but its container %s %s",
			time.Now().Format("05.000"), e.Service.ID, e.Service.Meta[catalog.MetaContainer], why))
	}
}

// lastWell is when a container last said that it is well; false for never.
func (m *machine) lastWell(short string) (time.Time, bool) {
	info, err := os.Stat(filepath.Join(m.path("truth"), short))
	if err != nil {
		return time.Time{}, false
	}
	return info.ModTime(), true
}

// isWell tells whether a container is well now.
func (m *machine) isWell(short string) bool {
	at, known := m.lastWell(short)
	return known && time.Since(at) < 300*time.Millisecond
}
