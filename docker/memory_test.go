package docker

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/stretchr/testify/require"

	"teal/catalog"
)

// storied is an engine with two containers, whose list and whose events a test
// tells, and which counts what is inspected.
type storied struct {
	*Engine
	events chan events.Message

	mu        sync.Mutex
	list      string
	health    string
	inspected []string
}

func newStoried(t *testing.T) *storied {
	s := &storied{
		events: make(chan events.Message),
		list:   `[{"Id":"a","State":"running","Status":"Up 1 second"},{"Id":"b","State":"running","Status":"Up 1 second"}]`,
	}
	paths := map[string]http.HandlerFunc{
		"/containers/json": func(w http.ResponseWriter, _ *http.Request) {
			s.mu.Lock()
			defer s.mu.Unlock()
			fmt.Fprint(w, s.list)
		},
		"/events": func(w http.ResponseWriter, r *http.Request) {
			s.mu.Lock()
			told := s.events
			s.mu.Unlock()
			w.(http.Flusher).Flush()
			for {
				select {
				case <-r.Context().Done():
					return
				case e, open := <-told:
					if !open {
						return
					}
					_ = json.NewEncoder(w).Encode(e)
					w.(http.Flusher).Flush()
				}
			}
		},
	}
	for _, id := range []string{"a", "b"} {
		paths["/containers/"+id+"/json"] = func(w http.ResponseWriter, _ *http.Request) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.inspected = append(s.inspected, id)
			fmt.Fprintf(w, `{"Id":%q,"Name":"/%s","State":{"Running":true,"Health":{"Status":%q}}}`, id, id, s.health)
		}
	}
	s.Engine = fakeEngine(t, paths)
	return s
}

// looksAt lists the containers and answers those that were inspected for it.
func (s *storied) looksAt(t *testing.T) ([]string, []catalog.Container) {
	t.Helper()
	s.mu.Lock()
	s.inspected = nil
	s.mu.Unlock()
	all, err := s.Containers(t.Context())
	require.NoError(t, err)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inspected, all
}

func (s *storied) tells(how func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	how()
}

func TestContainersAreRememberedWhileEventsAreHeard(t *testing.T) {
	s := newStoried(t)
	for range 2 {
		looked, _ := s.looksAt(t)
		require.Len(t, looked, 2, "nobody listens")
	}
	changes, err := s.Changes(t.Context())
	require.NoError(t, err)
	looked, first := s.looksAt(t)
	require.Len(t, looked, 2)
	looked, again := s.looksAt(t)
	require.Empty(t, looked)
	require.Equal(t, first, again)

	s.tells(func() {
		s.list, s.health = `[{"Id":"a","State":"running","Status":"Up 2 seconds"},{"Id":"b","State":"running","Status":"Up 2 seconds"}]`, "healthy"
	})
	looked, _ = s.looksAt(t)
	require.Empty(t, looked, "for how long they run is nothing new")

	s.events <- events.Message{Type: events.ContainerEventType, Action: events.ActionHealthStatus, Actor: events.Actor{ID: "b"}}
	hint(t, changes, true)
	looked, all := s.looksAt(t)
	require.Equal(t, []string{"b"}, looked)
	require.Equal(t, []string{"", "healthy"}, []string{all[0].Health, all[1].Health})

	s.events <- events.Message{Type: events.NetworkEventType, Action: events.ActionConnect, Actor: events.Actor{ID: "net", Attributes: map[string]string{"container": "a"}}}
	hint(t, changes, true)
	looked, _ = s.looksAt(t)
	require.Equal(t, []string{"a"}, looked)

	close(s.events)
	for range changes {
	}
	looked, _ = s.looksAt(t)
	require.Len(t, looked, 2, "nobody listens any more")

	s.tells(func() { s.events = make(chan events.Message) })
	_, err = s.Changes(t.Context())
	require.NoError(t, err)
	looked, _ = s.looksAt(t)
	require.Len(t, looked, 2, "nobody has listened meanwhile")
}

func TestTheListIsAWitnessToo(t *testing.T) {
	s := newStoried(t)
	_, err := s.Changes(t.Context())
	require.NoError(t, err)
	s.looksAt(t)
	for _, list := range []string{
		`[{"Id":"a","State":"running","Status":"Up 1 second (unhealthy)"},{"Id":"b","State":"running","Status":"Up 1 second"}]`,
		`[{"Id":"a","State":"paused","Status":"Up 1 second (Paused)"},{"Id":"b","State":"running","Status":"Up 1 second"}]`,
		`[{"Id":"a","State":"running","Status":"Up 1 second","Names":["/new"]},{"Id":"b","State":"running","Status":"Up 1 second"}]`,
		`[{"Id":"a","State":"running","Status":"Up 1 second","Ports":[{"PublicPort":1}]},{"Id":"b","State":"running","Status":"Up 1 second"}]`,
		`[{"Id":"a","State":"running","Status":"Up 1 second","NetworkSettings":{"Networks":{"n":{"IPAddress":"10.0.0.1"}}}},{"Id":"b","State":"running","Status":"Up 1 second"}]`,
	} {
		s.tells(func() { s.list = list })
		looked, _ := s.looksAt(t)
		require.Equal(t, []string{"a"}, looked, list)
	}
	s.tells(func() { s.list = `[{"Id":"b","State":"running","Status":"Up 1 second"}]` })
	looked, all := s.looksAt(t)
	require.Empty(t, looked)
	require.Len(t, all, 1)
	require.Len(t, s.memory.known, 1, "the one that is gone is forgotten")
}

func TestNothingIsRememberedForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m memory
		defer m.attend()()
		text, c := []byte(`{"Id":"a"}`), catalog.Container{ID: "a"}
		l := m.look(time.Now())
		l.keep(container.Summary{ID: "a"}, text, c)
		l.end([]catalog.Container{c})
		recalls := func() bool {
			l := m.look(time.Now())
			defer l.end([]catalog.Container{c})
			_, ok := l.recall(text)
			_, alike := l.recognise(container.Summary{ID: "a"}, text)
			require.Equal(t, ok, alike)
			return ok
		}
		require.True(t, recalls())
		time.Sleep(rememberFor/2 - time.Second)
		require.True(t, recalls())
		time.Sleep(rememberFor/2 + time.Second)
		require.False(t, recalls())
	})
}

// What is inspected before an event and kept after it may be what it was before.
func TestWhatChangesWhileItIsLookedAtIsNotKept(t *testing.T) {
	for name, told := range map[string]events.Message{
		"of one": {Type: events.ContainerEventType, Actor: events.Actor{ID: "a"}},
		"of any": {Type: events.NetworkEventType},
	} {
		t.Run(name, func(t *testing.T) {
			var m memory
			defer m.attend()()
			l := m.look(time.Now())
			m.hear(told)
			l.keep(container.Summary{ID: "a"}, []byte(`{"Id":"a"}`), catalog.Container{ID: "a"})
			l.end([]catalog.Container{{ID: "a"}})
			require.Empty(t, m.known)
		})
	}
}
