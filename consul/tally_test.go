package consul

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTallies(t *testing.T) {
	a := checkRow{Node: "n1", CheckID: "a:http", ServiceName: "web", Status: "passing", ModifyIndex: 1}
	b := checkRow{Node: "n1", CheckID: "b:http", ServiceName: "web", Status: "passing", ModifyIndex: 2}
	serf := checkRow{Node: "n1", CheckID: "serfHealth", Status: "passing", ModifyIndex: 3}
	failing, written := a, a
	failing.Status = "critical"
	written.ModifyIndex = 4
	web, node := subject{service: "web"}, subject{node: "n1"}
	for name, test := range map[string]struct {
		before, now []checkRow
		sum         func([]checkRow) tally
		want        map[subject]int
	}{
		"the same in another order":     {[]checkRow{a, b, serf}, []checkRow{serf, b, a}, byIndex, map[subject]int{}},
		"another status":                {[]checkRow{a, b}, []checkRow{failing, b}, byStatus, map[subject]int{web: 0}},
		"written again, by status":      {[]checkRow{a, b}, []checkRow{written, b}, byStatus, map[subject]int{}},
		"written again, by index":       {[]checkRow{a, b}, []checkRow{written, b}, byIndex, map[subject]int{web: 0}},
		"one more":                      {[]checkRow{a}, []checkRow{a, b}, byIndex, map[subject]int{web: 0}},
		"one less":                      {[]checkRow{a, b, serf}, []checkRow{b, serf}, byIndex, map[subject]int{web: 1}},
		"all of a service gone":         {[]checkRow{a, b, serf}, []checkRow{serf}, byIndex, map[subject]int{web: 2}},
		"a check of a node":             {[]checkRow{a}, []checkRow{a, serf}, byStatus, map[subject]int{node: 0}},
		"one for another is not a less": {[]checkRow{a}, []checkRow{b}, byStatus, map[subject]int{web: 0}},
	} {
		before := slices.Clone(test.before)
		require.Equal(t, test.want, differences(test.sum(test.before), test.sum(test.now)), name)
		require.Equal(t, before, test.before, name)
	}
}
