package registrator

import (
	"maps"
	"slices"
	"strings"

	"teal/catalog"
)

// adoption is how the classic registrator's entries of our containers are taken
// over.
type adoption struct {
	desired []catalog.Registration
	actual  []catalog.Registration // with the entries under our own ids read as ours
	retire  []string               // the entries that ours replace
}

// adopt finds what the classic registrator has registered of the same
// containers: entries without an owner, at the very address and port of one of
// ours, under our id or under host:container:port with another host. One under
// another id is retired when ours is as well as it is; one under our id is
// registered again, and what passed goes on passing until the first check.
func adopt(desired, actual []catalog.Registration, owner string) adoption {
	a := adoption{desired: slices.Clone(desired), actual: slices.Clone(actual)}
	present := byID(actual)
	at := map[string]int{} // of desired, by what follows the host in a classic id
	for i, r := range desired {
		at[tail(r.ID)] = i
	}
	for n, theirs := range actual {
		i, found := at[tail(theirs.ID)]
		if !found || !classic(theirs) || theirs.Address != desired[i].Address || theirs.Port != desired[i].Port {
			continue
		}
		ours := desired[i]
		switch now, registered := present[ours.ID]; {
		case theirs.ID == ours.ID && theirs.Service == ours.Service:
			a.desired[i], a.actual[n] = inherit(ours, theirs), claimed(theirs, owner)
		case theirs.ID == ours.ID || ours.ID == tail(ours.ID):
			// another service under our id, or an id that names no container
		case registered && owned(now, owner) && ours.Same(now) && asWell(now, theirs):
			a.retire = append(a.retire, theirs.ID)
		}
	}
	slices.Sort(a.retire)
	return a
}

// tail is what follows the host in an id of the classic registrator:
// container:port or container:port:udp. Any other id is its own tail.
func tail(id string) string {
	parts := strings.Split(id, ":")
	if n := len(parts); n == 3 && isDigits(parts[2]) || n == 4 && isDigits(parts[2]) && parts[3] == "udp" {
		return strings.Join(parts[1:], ":")
	}
	return id
}

// classic tells whether nobody says that a registration is theirs, as the
// classic registrator does not.
func classic(r catalog.Registration) bool {
	return r.Meta[catalog.MetaManagedBy] == "" && r.Meta[catalog.MetaOwner] == ""
}

// asWell tells whether ours may stand in for theirs: it passes, or theirs does
// not either.
func asWell(ours, theirs catalog.Registration) bool {
	return ours.Health() == catalog.Passing || theirs.Health() != catalog.Passing
}

// inherit lets our checks begin with what theirs have found.
func inherit(ours, theirs catalog.Registration) catalog.Registration {
	if theirs.Health() != catalog.Passing {
		return ours
	}
	ours.Checks = slices.Clone(ours.Checks)
	for i := range ours.Checks {
		if c := &ours.Checks[i]; c.TTL == 0 && c.Initial == "" {
			c.Initial = catalog.Passing
		}
	}
	return ours
}

// claimed is a registration that is ours from now on.
func claimed(r catalog.Registration, owner string) catalog.Registration {
	meta := maps.Clone(r.Meta)
	if meta == nil {
		meta = map[string]string{}
	}
	meta[catalog.MetaManagedBy], meta[catalog.MetaOwner] = catalog.ManagedBy, owner
	r.Meta = meta
	return r
}
