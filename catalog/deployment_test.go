package catalog

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestARecordHasPassedAnother(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	record := func(states ...DeploymentState) Deployment {
		var d Deployment
		for n, s := range states {
			d = d.Enter(s, at.Add(time.Duration(n)*time.Second), "")
		}
		return d
	}
	later := record(Pending, Locked)
	later.Timeline[1].At = at.Add(time.Hour)
	for name, c := range map[string]struct {
		there, other Deployment
		passed       bool
	}{
		"nothing is there":               {Deployment{}, record(Pending), false},
		"the next state":                 {record(Pending), record(Pending, Locked), false},
		"the same again":                 {record(Pending, Locked), record(Pending, Locked), false},
		"an earlier state":               {record(Pending, Locked), record(Pending), true},
		"a write that nobody waited for": {later, record(Pending, Failed), false},
		"a flip that nobody waited for":  {record(Flipping, Draining), record(Flipping, Failed), true},
		"a part of a canary":             {record(Flipping, Flipping), record(Flipping, Failed), true},
		"the way back":                   {record(Flipping, RollingBack), record(Flipping, Failed), true},
		"another end":                    {record(Flipping, Succeeded), record(Flipping, Failed), true},
	} {
		require.Equal(t, c.passed, c.there.HasPassed(c.other), name)
	}
}
