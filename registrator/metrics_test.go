package registrator

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

// oneAnswer is a registry whose every write ends in the same way.
type oneAnswer struct {
	Registry
	err error
}

func (o oneAnswer) Register(context.Context, catalog.Registration) error { return o.err }
func (o oneAnswer) Deregister(context.Context, string) error             { return o.err }
func (o oneAnswer) Maintain(context.Context, string, string) error       { return o.err }
func (o oneAnswer) Report(context.Context, string, catalog.Health, string) error {
	return o.err
}

func TestWritesAreCountedByKindWhenTheyGoWell(t *testing.T) {
	agent, err := New(Config{Options: options, Registry: oneAnswer{}})
	require.NoError(t, err)
	failing := countedRegistry{oneAnswer{err: errFault}, agent.meters}
	for times, kind := range []string{"register", "deregister", "report", "maintain", "resume"} {
		write := func(r Registry) error {
			switch kind {
			case "register":
				return r.Register(t.Context(), catalog.Registration{})
			case "deregister":
				return r.Deregister(t.Context(), "a")
			case "report":
				return r.Report(t.Context(), "c", catalog.Passing, "")
			case "maintain":
				return r.Maintain(t.Context(), "a", "why")
			}
			return r.Maintain(t.Context(), "a", "")
		}
		for range times + 1 {
			require.NoError(t, write(agent.conf.Registry))
			require.ErrorIs(t, write(failing), errFault)
		}
	}
	_, text := asked(t, agent.Handler(), "/metrics")
	for kind, times := range map[string]string{"register": "1", "deregister": "2", "report": "3", "maintain": "4", "resume": "5"} {
		require.Contains(t, text, `teal_registrator_writes_total{kind="`+kind+`"} `+times+"\n")
	}
}
