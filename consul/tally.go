package consul

import "hash/maphash"

// checkRow is what of a check tells that its service is to be read again.
type checkRow struct {
	Node        string
	CheckID     string
	ServiceName string // empty for a check of the node
	Status      string
	ModifyIndex uint64
}

// subject is what a check is about: a service, or else a node.
type subject struct {
	service, node string
}

func (r checkRow) subject() subject {
	if r.ServiceName == "" {
		return subject{node: r.Node}
	}
	return subject{service: r.ServiceName}
}

// tally sums up checks by subject: two tallies differ in those whose checks
// differ. It is far smaller than the checks.
type tally map[subject]count

type count struct {
	checks int
	sum    uint64 // of their hashes, so that their order is nothing
}

// seed is the same for all tallies of a process, so that any two can be compared.
var seed = maphash.MakeSeed()

// byStatus sums up which checks there are and what they say.
func byStatus(rows []checkRow) tally {
	t := tally{}
	for _, r := range rows {
		r.ModifyIndex = 0
		t.add(r)
	}
	return t
}

// byIndex sums up which checks there are and when they were last written.
func byIndex(rows []checkRow) tally {
	t := tally{}
	for _, r := range rows {
		t.add(r)
	}
	return t
}

func (t tally) add(r checkRow) {
	c := t[r.subject()]
	c.checks++
	c.sum += maphash.Comparable(seed, r)
	t[r.subject()] = c
}

// differences are the subjects whose checks differ between two tallies, in no
// order, and how many checks fewer each has in now.
func differences(before, now tally) map[subject]int {
	changed := map[subject]int{}
	for s, c := range now {
		if before[s] != c {
			changed[s] = max(0, before[s].checks-c.checks)
		}
	}
	for s, c := range before {
		if _, there := now[s]; !there {
			changed[s] = c.checks
		}
	}
	return changed
}
