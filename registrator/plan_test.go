package registrator

import (
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

// ours is a registration as this registrator writes it.
func ours(id string, port int) catalog.Registration {
	return catalog.Registration{
		ID: id, Service: "web", Address: "10.0.0.1", Port: port,
		Meta: map[string]string{"managed-by": "teal", "owner": "host-1"},
	}
}

func theirs(id string, meta map[string]string) catalog.Registration {
	r := ours(id, 80)
	r.Service, r.Meta = "foreign", meta
	return r
}

func TestPlan(t *testing.T) {
	checked := ours("a", 1)
	checked.Checks = []catalog.Check{{ID: "new", HTTP: "http://x/"}}
	for _, test := range []struct {
		name            string
		desired, actual []catalog.Registration
		want            Changes
	}{
		{"nothing at all", nil, nil, Changes{}},
		{"the same", []catalog.Registration{ours("a", 1)}, []catalog.Registration{ours("a", 1)}, Changes{}},
		{"new", []catalog.Registration{ours("b", 2), ours("a", 1)}, nil, Changes{Register: []catalog.Registration{ours("a", 1), ours("b", 2)}}},
		{"moved", []catalog.Registration{ours("a", 2)}, []catalog.Registration{ours("a", 1)}, Changes{Register: []catalog.Registration{ours("a", 2)}}},
		{"checked otherwise", []catalog.Registration{checked}, []catalog.Registration{ours("a", 1)}, Changes{Register: []catalog.Registration{checked}}},
		{"gone", nil, []catalog.Registration{ours("b", 2), ours("a", 1)}, Changes{Deregister: []string{"a", "b"}}},
		{"foreign without meta", nil, []catalog.Registration{theirs("consul", nil)}, Changes{}},
		{"another registrator's", nil, []catalog.Registration{theirs("a", map[string]string{"managed-by": "teal", "owner": "host-2"})}, Changes{}},
		{"another tool's with our name", nil, []catalog.Registration{theirs("a", map[string]string{"owner": "host-1"})}, Changes{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := Plan(test.desired, test.actual, "host-1")
			require.Equal(t, test.want, got)
			require.Equal(t, len(test.want.Register)+len(test.want.Deregister) == 0, isEmpty(got))
		})
	}
}

func TestAForeignIDIsNotTaken(t *testing.T) {
	changes := Plan([]catalog.Registration{ours("a", 1), ours("b", 2)}, []catalog.Registration{theirs("a", nil)}, "host-1")
	require.Equal(t, []catalog.Registration{ours("b", 2)}, changes.Register)
	require.Empty(t, changes.Deregister)
	require.Len(t, changes.Problems, 1)
	require.Equal(t, "a", changes.Problems[0].Subject)
	require.Contains(t, changes.Problems[0].Message, "service foreign")
}

// isEmpty tells whether there is nothing to write.
func isEmpty(c Changes) bool {
	return len(c.Register)+len(c.Maintain)+len(c.Report)+len(c.Resume)+len(c.Deregister) == 0
}
