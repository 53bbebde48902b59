package notify

import (
	"teal/catalog"
	"teal/deployer/servicefile"
)

// Listeners are those who are told of a record. Previous is the deployment that it
// is compared with, see LastVerdict; nil for none. It is pure.
func Listeners(all []servicefile.Notify, record catalog.Deployment, previous *catalog.Deployment) []servicefile.Notify {
	var told []servicefile.Notify
	for _, n := range all {
		if wants(n, record, previous) {
			told = append(told, n)
		}
	}
	return told
}

// verdict is what the end of a deployment says of a service.
type verdict int

const (
	// noVerdict is one that was stopped by a person, or gave way to another flip:
	// that says nothing of the service, and those who did it know.
	noVerdict verdict = iota
	good
	bad
	// broken is one that could neither come through nor be taken back. It is told
	// whatever came before.
	broken
)

func verdictOf(s catalog.DeploymentState) verdict {
	switch s {
	case catalog.Succeeded:
		return good
	case catalog.Failed, catalog.RolledBack:
		return bad
	case catalog.RollbackFailed:
		return broken
	}
	return noVerdict
}

// wants tells whether one is told of a record. What was before the first
// deployment counts as good: its success is no change. It is pure.
func wants(n servicefile.Notify, record catalog.Deployment, previous *catalog.Deployment) bool {
	now := verdictOf(record.State)
	switch n.When {
	case servicefile.NotifyAlways:
		return true
	case servicefile.NotifyChange, "":
		if record.State == catalog.AwaitingApproval {
			return true // somebody has to do something
		}
	case servicefile.NotifyFailure:
		return record.State.Ended() && now != good
	}
	before := good
	if previous != nil && verdictOf(previous.State) != noVerdict {
		before = verdictOf(previous.State)
	}
	return now == broken || now != noVerdict && (now == good) != (before == good)
}

// LastVerdict is the deployment that one is compared with: of those before it, the
// last that says something of the service. Those that were stopped or gave way are
// passed over. It is nil where there is none, and pure.
func LastVerdict(all []catalog.Deployment, record catalog.Deployment) *catalog.Deployment {
	var last *catalog.Deployment
	for n, d := range all {
		if d.ID < record.ID && verdictOf(d.State) != noVerdict && (last == nil || d.ID > last.ID) {
			last = &all[n]
		}
	}
	return last
}
