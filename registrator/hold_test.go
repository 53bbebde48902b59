package registrator

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

func TestHoldsAreReadAsTheyAreWritten(t *testing.T) {
	h := hold{kind: draining, incarnation: "abc-1", why: "asked by ops: x: y"}
	got, ours := parseHold(h.String())
	require.True(t, ours)
	require.Equal(t, h, got)
	for _, reason := range []string{"", "disk is full", "teal: hello", "teal: other abc: x", "Maintenance mode is enabled for this service, but no reason was provided. This is a default message."} {
		_, ours = parseHold(reason)
		require.False(t, ours, reason)
	}
}

// run is an incarnation of an instance of ours, under a hold or not.
func run(id, incarnation, maintenance string) catalog.Registration {
	r := ours(id, 80)
	r.Incarnation, r.Maintenance = incarnation, maintenance
	r.Meta["container"] = incarnation
	return r
}

func TestHeld(t *testing.T) {
	request := map[string]catalog.DrainRequest{"a": {By: "ops", Reason: "r8", Container: "c1"}}
	none := map[string]catalog.DrainRequest{}
	asked, told := hold{draining, "c1", "asked by ops: r8"}.String(), hold{ending, "c1", "its container was sent signal 15"}.String()
	for _, test := range []struct {
		name   string
		actual string // maintenance
		orders orders
		want   string
	}{
		{"nothing asked", "", orders{drains: none}, ""},
		{"asked", "", orders{drains: request}, asked},
		{"asked of an earlier container", "", orders{drains: map[string]catalog.DrainRequest{"a": {Container: "c0"}}}, ""},
		{"held for an earlier incarnation", hold{draining, "c0", ""}.String(), orders{drains: map[string]catalog.DrainRequest{"a": {}}}, ""},
		{"taken back", asked, orders{drains: none}, ""},
		{"not to be read", asked, orders{}, asked},
		{"told to end", "", orders{drains: none, ended: map[string]int{"c1": 15}}, told},
		{"another told to end", "", orders{drains: none, ended: map[string]int{"c0": 15}}, ""},
		{"was told, as Consul remembers", told, orders{drains: none}, told},
		{"its former incarnation was told", hold{ending, "c0", ""}.String(), orders{drains: none}, ""},
		{"somebody else's maintenance", "disk is full", orders{drains: none}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := held([]catalog.Registration{run("a", "c1", "")}, []catalog.Registration{run("a", "", test.actual)}, test.orders)
			require.Equal(t, test.want, got[0].Maintenance)
		})
	}
}

func TestPlanOfMaintenanceAndHealth(t *testing.T) {
	asked := hold{draining, "c1", "x"}.String()
	checked := func(status catalog.Health, output string) catalog.Registration {
		r := ours("a", 80)
		r.Checks = []catalog.Check{{ID: "k", TTL: time.Minute, Status: status, Output: output}}
		return r
	}
	fresh := checked(catalog.Passing, "")
	for _, test := range []struct {
		name         string
		want, have   catalog.Registration
		maintain     int
		resume       int
		reports      int
		registers    int
		unregistered bool
	}{
		{name: "hold", want: run("a", "c1", asked), have: run("a", "c1", ""), maintain: 1},
		{name: "held already", want: run("a", "c1", asked), have: run("a", "c1", asked)},
		{name: "held by somebody else", want: run("a", "c1", asked), have: run("a", "c1", "disk is full")},
		{name: "over", want: run("a", "c1", ""), have: run("a", "c1", asked), resume: 1},
		{name: "somebody else's is not ended", want: run("a", "c1", ""), have: run("a", "c1", "disk is full")},
		{name: "new and held", want: run("a", "c1", asked), unregistered: true, registers: 1, maintain: 1},
		{name: "passes now", want: checked(catalog.Passing, ""), have: checked(catalog.Critical, ""), reports: 1},
		{name: "fails now", want: checked(catalog.Critical, "why"), have: checked(catalog.Passing, ""), reports: 1},
		{name: "fails otherwise", want: checked(catalog.Critical, "why"), have: checked(catalog.Critical, "TTL expired"), reports: 1},
		{name: "passes with other words", want: checked(catalog.Passing, "a"), have: checked(catalog.Passing, "b")},
		{name: "new and passing", want: fresh, unregistered: true, registers: 1, reports: 1},
		{name: "not reported to by us", want: checked("", ""), have: checked(catalog.Passing, "x")},
	} {
		t.Run(test.name, func(t *testing.T) {
			actual := []catalog.Registration{test.have}
			if test.unregistered {
				actual = nil
			}
			c := Plan([]catalog.Registration{test.want}, actual, "host-1")
			require.Len(t, c.Maintain, test.maintain)
			require.Len(t, c.Resume, test.resume)
			require.Len(t, c.Report, test.reports)
			require.Len(t, c.Register, test.registers)
		})
	}
}

func TestRequestsAreForgottenWithTheirInstances(t *testing.T) {
	drains := map[string]catalog.DrainRequest{
		"runs": {Container: "c1"}, "gone": {Reason: "x"}, "replaced": {Container: "c0"},
		"foreign": {Reason: "x"}, "elsewhere": {Owner: "host-2"},
	}
	desired := []catalog.Registration{run("runs", "c1", ""), run("replaced", "c1", "")}
	actual := append(desired[:2:2], theirs("foreign", nil))
	require.Equal(t, []string{"gone", "replaced"}, concluded(desired, actual, drains, "host-1"))
}

func TestWhichSignalsEnd(t *testing.T) {
	apache := catalog.Container{StopSignal: 28}
	for signal, want := range map[int]bool{2: true, 3: true, 9: true, 15: true, 0: false, 1: false, 10: false, 28: true} {
		require.Equal(t, want, endsBy(signal, apache), signal)
	}
	require.False(t, endsBy(28, catalog.Container{}))
}

func TestASignalIsOfOneIncarnation(t *testing.T) {
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	c := catalog.Container{ID: "c", Running: true, Started: began}
	memory := newTold()
	memory.hear(catalog.Signal{Container: "c", Number: 15, At: began.Add(-time.Second)})
	require.Empty(t, memory.judge([]catalog.Container{c}), "it was sent to the run before")
	memory.hear(catalog.Signal{Container: "c", Number: 15, At: began.Add(time.Second)})
	memory.hear(catalog.Signal{Container: "c", Number: 1, At: began.Add(time.Second)})
	for range 3 {
		require.Equal(t, map[string]int{incarnation(c): 15}, memory.judge([]catalog.Container{c}))
	}
	c.Started = began.Add(time.Minute)
	require.Empty(t, memory.judge([]catalog.Container{c}), "it has started again")
	require.Empty(t, memory.ended)
}
