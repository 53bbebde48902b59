package registrator

import (
	"fmt"
	"strings"

	"teal/catalog"
)

// maxReason is how much of a reason is kept: it travels in a URL.
const maxReason = 200

// The reasons to hold an instance back though its container runs.
const (
	draining = "draining" // somebody asked for it; over when the request is taken back
	ending   = "ending"   // its container was told to end; never over
)

// hold is why this registrator has put an instance into maintenance. Its text is
// the reason in Consul, where it outlives the registrator. Maintenance with any
// other reason is somebody else's.
type hold struct {
	kind        string
	incarnation string // which run of which container is held
	why         string
}

const holdMark = "teal: "

func (h hold) String() string {
	return cut(fmt.Sprintf("%s%s %s: %s", holdMark, h.kind, h.incarnation, h.why), maxReason)
}

// parseHold reads a reason; it answers false for one that is somebody else's.
func parseHold(reason string) (hold, bool) {
	rest, ok := strings.CutPrefix(reason, holdMark)
	if !ok {
		return hold{}, false
	}
	head, why, _ := strings.Cut(rest, ": ")
	kind, incarnation, ok := strings.Cut(head, " ")
	if !ok || (kind != draining && kind != ending) {
		return hold{}, false
	}
	return hold{kind: kind, incarnation: incarnation, why: why}, true
}

// orders are what was asked of instances from outside of their containers'
// settings.
type orders struct {
	drains map[string]catalog.DrainRequest // by instance id; nil when they can't be read
	ended  map[string]int                  // the signal that told an incarnation to end
}

// held says of each desired instance whether it is to be in maintenance. What
// was told to end stays so, as Consul remembers; while the requests can't be
// read, those that are in force stay.
func held(desired, actual []catalog.Registration, o orders) []catalog.Registration {
	present := byID(actual)
	all := make([]catalog.Registration, len(desired))
	for i, r := range desired {
		before, ours := parseHold(present[r.ID].Maintenance)
		same := ours && before.incarnation == r.Incarnation
		request, asked := o.drains[r.ID]
		signal, told := o.ended[r.Incarnation]
		switch {
		case asked && !stale(request, r, present[r.ID]):
			r.Maintenance = hold{draining, r.Incarnation, request.String()}.String()
		case told:
			r.Maintenance = hold{ending, r.Incarnation, fmt.Sprintf("its container was sent signal %d", signal)}.String()
		case same && (before.kind == ending || o.drains == nil):
			r.Maintenance = present[r.ID].Maintenance
		}
		all[i] = r
	}
	return all
}

// stale tells whether a request meant an earlier incarnation of an instance: it
// says so, or the earlier one was held for it.
func stale(request catalog.DrainRequest, r, present catalog.Registration) bool {
	if request.Container != "" && request.Container != r.Meta[catalog.MetaContainer] {
		return true
	}
	before, ours := parseHold(present.Maintenance)
	return ours && before.kind == draining && before.incarnation != r.Incarnation
}

// concluded are the requests to an owner that are done with: their instances are
// gone, or were replaced.
func concluded(desired, actual []catalog.Registration, drains map[string]catalog.DrainRequest, owner string) []string {
	wanted, present := byID(desired), byID(actual)
	var done []string
	for _, id := range sortedIDs(drains) {
		request := drains[id]
		r, runs := wanted[id]
		_, known := present[id]
		if request.Owner != "" && request.Owner != owner {
			continue
		}
		if (!runs && !known) || (runs && stale(request, r, present[id])) {
			done = append(done, id)
		}
	}
	return done
}

// endsBy tells whether a signal tells a container to end: those that end a
// program which does not care, and the one by which the container is stopped.
func endsBy(signal int, c catalog.Container) bool {
	switch signal {
	case 2, 3, 6, 9, 15: // SIGINT, SIGQUIT, SIGABRT, SIGKILL, SIGTERM
		return true
	}
	return signal != 0 && signal == c.StopSignal
}
