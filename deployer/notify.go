package deployer

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"teal/catalog"
	"teal/deployer/servicefile"
	"teal/deployer/timing"
)

// NotifyTimeout is how long somebody who is told may take, with the second try.
const NotifyTimeout = 5 * time.Second

// Notifier tells somebody how a deployment went. It keeps nothing between calls
// and is safe for concurrent use.
type Notifier struct {
	Environ []string      // where addresses are looked up, in the form of os.Environ
	Timeout time.Duration // for each who is told; NotifyTimeout when 0
}

// notify tells those whom a service file names how a deployment went, or that it
// began, when the record has not ended. Previous is the deployment that it is
// compared with, see lastVerdict; nil for none. It answers sentences about those
// who could not be told, which hold no address, and takes no longer than
// NotifyTimeout. A context that has ended keeps nobody from being told.
func (d *Deployer) notify(ctx context.Context, spec *servicefile.Spec, record catalog.Deployment, previous *catalog.Deployment) []string {
	ctx, done := timing.Bounded(ctx, NotifyTimeout+time.Second)
	defer done()
	n := Notifier{Environ: d.opt.Environ}
	return n.Tell(ctx, notified(spec.Notify, record, previous), newTidings(spec, record, previous))
}

// notified are those who are told of a record. It is pure.
func notified(all []servicefile.Notify, record catalog.Deployment, previous *catalog.Deployment) []servicefile.Notify {
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

// lastVerdict is the deployment that one is compared with: of those before it, the
// last that says something of the service. Those that were stopped or gave way are
// passed over. It is nil where there is none, and pure.
func lastVerdict(all []catalog.Deployment, record catalog.Deployment) *catalog.Deployment {
	var last *catalog.Deployment
	for n, d := range all {
		if d.ID < record.ID && verdictOf(d.State) != noVerdict && (last == nil || d.ID > last.ID) {
			last = &all[n]
		}
	}
	return last
}

// Tell tells all at once and answers a sentence for each who could not be told.
func (n Notifier) Tell(ctx context.Context, all []servicefile.Notify, t tidings) []string {
	notes := make([]string, len(all))
	var wait sync.WaitGroup
	for at, one := range all {
		wait.Go(func() {
			if err := n.tell(ctx, one, t); err != nil {
				notes[at] = fmt.Sprintf("%s was not told how the deployment stands: %s", one.Name(), err)
			}
		})
	}
	wait.Wait()
	return slices.DeleteFunc(notes, func(note string) bool { return note == "" })
}
