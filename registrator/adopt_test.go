package registrator

import (
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

// entry is one as the classic registrator writes it.
func entry(id string, port int, status catalog.Health) catalog.Registration {
	return catalog.Registration{
		ID: id, Service: "web", Address: "10.0.0.1", Port: port,
		Checks: []catalog.Check{{ID: "service:" + id, Status: status}},
	}
}

func TestAdopt(t *testing.T) {
	mine := ours("host-1:web:80", 40000)
	mine.Checks = []catalog.Check{{ID: "k", HTTP: "http://x/"}}
	has := func(status catalog.Health) catalog.Registration {
		r := mine
		r.Checks = []catalog.Check{{ID: "k", Status: status}}
		return r
	}
	other := entry("box:web:80", 40000, catalog.Passing)
	other.Meta = map[string]string{"owner": "somebody"}
	elsewhere := entry("box:web:80", 40000, catalog.Passing)
	elsewhere.Address = "10.0.0.2"
	for _, test := range []struct {
		name   string
		actual []catalog.Registration
		retire []string
	}{
		{"ours is not there yet", []catalog.Registration{entry("box:web:80", 40000, catalog.Passing)}, nil},
		{"ours has not passed yet", []catalog.Registration{has(catalog.Critical), entry("box:web:80", 40000, catalog.Passing)}, nil},
		{"ours passes", []catalog.Registration{has(catalog.Passing), entry("box:web:80", 40000, catalog.Passing)}, []string{"box:web:80"}},
		{"neither passes", []catalog.Registration{has(catalog.Critical), entry("box:web:80", 40000, catalog.Critical)}, []string{"box:web:80"}},
		{"another port of the host", []catalog.Registration{has(catalog.Passing), entry("box:web:80", 40001, catalog.Passing)}, nil},
		{"another host", []catalog.Registration{has(catalog.Passing), elsewhere}, nil},
		{"another container", []catalog.Registration{has(catalog.Passing), entry("box:api:80", 40000, catalog.Passing)}, nil},
		{"another kind of id", []catalog.Registration{has(catalog.Passing), entry("web-80", 40000, catalog.Passing)}, nil},
		{"somebody's own", []catalog.Registration{has(catalog.Passing), other}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, test.retire, adopt([]catalog.Registration{mine}, test.actual, "host-1").retire)
		})
	}
}

func TestAdoptUnderOurOwnID(t *testing.T) {
	mine := ours("host-1:web:80", 40000)
	mine.Meta["image"] = "web:1"
	mine.Checks = []catalog.Check{{ID: "k", HTTP: "http://x/"}, {ID: "h", TTL: DockerHealthTTL}}
	a := adopt([]catalog.Registration{mine}, []catalog.Registration{entry(mine.ID, 40000, catalog.Passing)}, "host-1")
	require.Empty(t, a.retire)
	changes := Plan(a.desired, a.actual, "host-1")
	require.Empty(t, changes.Problems)
	require.Len(t, changes.Register, 1)
	require.Equal(t, catalog.Passing, changes.Register[0].Checks[0].Initial, "it was passing")
	require.Empty(t, changes.Register[0].Checks[1].Initial, "Docker knows better")
	require.Empty(t, mine.Checks[0].Initial, "the input is left alone")

	a = adopt([]catalog.Registration{mine}, []catalog.Registration{entry(mine.ID, 40000, catalog.Critical)}, "host-1")
	require.Empty(t, a.desired[0].Checks[0].Initial)

	strange := entry(mine.ID, 40000, catalog.Passing)
	strange.Service = "other"
	a = adopt([]catalog.Registration{mine}, []catalog.Registration{strange}, "host-1")
	require.Len(t, Plan(a.desired, a.actual, "host-1").Problems, 1, "it stays somebody else's")
}

func TestClassicIDs(t *testing.T) {
	for id, want := range map[string]string{
		"box:web:80": "web:80", "box:dns:53:udp": "dns:53:udp", "web": "web", "a:b": "a:b", "box:web:http": "box:web:http", "a:b:53:tcp": "a:b:53:tcp",
	} {
		require.Equal(t, want, tail(id), id)
	}
}
