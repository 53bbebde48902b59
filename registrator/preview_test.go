package registrator

import (
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

func TestDifferences(t *testing.T) {
	base := ours("a", 1)
	base.Tags = []string{"production", "blue"}
	base.Checks = []catalog.Check{{ID: "1", Name: "http"}}
	for want, change := range map[string]func(*catalog.Registration){
		"service web -> shop":                    func(r *catalog.Registration) { r.Service = "shop" },
		"address 10.0.0.1 -> 10.0.0.2":           func(r *catalog.Registration) { r.Address = "10.0.0.2" },
		"port 1 -> 2":                            func(r *catalog.Registration) { r.Port = 2 },
		"tags [production blue] -> [production]": func(r *catalog.Registration) { r.Tags = []string{"production"} },
		"meta team (none) -> pay": func(r *catalog.Registration) {
			r.Meta = map[string]string{"managed-by": "teal", "owner": "host-1", "team": "pay"}
		},
		"meta owner host-1 -> (none)":                    func(r *catalog.Registration) { r.Meta = map[string]string{"managed-by": "teal"} },
		`without check "http" (1); with check "tcp" (2)`: func(r *catalog.Registration) { r.Checks = []catalog.Check{{ID: "2", Name: "tcp"}} },
	} {
		after := base
		change(&after)
		require.False(t, after.Same(base), want)
		p := Preview{actual: map[string]catalog.Registration{"a": base}}
		require.Equal(t, want, p.reason(after))
	}
}

func TestPreviewWritesNothing(t *testing.T) {
	h := newFakeHost(t)
	h.containers = []catalog.Container{container("a", 80), labelled(container("b", 80), "SERVICE_COLOUR=red")}
	h.services["host-1:gone:80"] = ours("host-1:gone:80", 1)
	h.services["consul"] = theirs("consul", nil)
	agent, err := New(Config{Options: options, Runtime: h, Registry: h})
	require.NoError(t, err)
	p, err := agent.Preview(t.Context())
	require.NoError(t, err)
	require.Zero(t, h.writeCount())
	lines := p.Lines()
	require.Len(t, lines, 4)
	require.Contains(t, lines[0], "register host-1:a:80: new, service")
	require.Equal(t, "deregister host-1:gone:80: service web has no such container any more", lines[1])
	require.Contains(t, lines[2], "problem ")
	require.Contains(t, lines[2], "red")
	require.Equal(t, "to register: 1, to deregister: 1, other writes: 0, problems: 1", lines[3])

	require.NoError(t, agent.Once(t.Context()))
	p, err = agent.Preview(t.Context())
	require.NoError(t, err)
	require.Equal(t, "to register: 0, to deregister: 0, other writes: 0, problems: 1", p.Lines()[1])
	h.readFault = func() error { return errFault }
	_, err = agent.Preview(t.Context())
	require.ErrorIs(t, err, errFault)
}

func TestEveryWriteHasItsLine(t *testing.T) {
	classic := theirs("box:web:80", nil)
	p := Preview{
		Changes: Changes{
			Maintain: []Maintenance{{"a", "why"}}, Report: []Report{{ID: "b", Check: "c", Status: catalog.Passing}},
			Resume: []string{"d"}, Deregister: []string{"box:web:80"},
		},
		actual: map[string]catalog.Registration{"d": {ID: "d", Maintenance: "before"}, "box:web:80": classic},
	}
	require.Equal(t, []string{
		"put a into maintenance: why",
		"report b: check c is passing",
		"end the maintenance of d: before",
		"deregister box:web:80: it is the classic registrator's, and one of ours stands in for it",
		"to register: 0, to deregister: 1, other writes: 3, problems: 0",
	}, p.Lines())
}
