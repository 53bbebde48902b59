package deployer

import (
	"context"

	"teal/catalog"
)

// companions are the further aliases of an environment that move with its own: those
// that its service declares, and that lead where that one leads, or nowhere yet. One
// that somebody has pointed elsewhere stays there. It is pure.
func companions(s *catalog.Service, alias catalog.Alias) []catalog.Alias {
	return companionsNamed(s, alias, s.Config.Aliases[alias.Name])
}

// companionsNamed are those of some names.
func companionsNamed(s *catalog.Service, alias catalog.Alias, names []string) []catalog.Alias {
	var all []catalog.Alias
	for _, name := range names {
		a, ok := s.Resolve(name) // or what containers without colours imply
		switch {
		case !ok:
			all = append(all, catalog.Alias{Name: name})
		case a.Value.String() == alias.Value.String():
			all = append(all, a)
		}
	}
	return all
}

// withCompanions are a flip of an environment's own alias and those of the aliases
// that move with it. The guards and records of the one are those of all.
func withCompanions(s *catalog.Service, f catalog.Flip) []catalog.Flip {
	flips := []catalog.Flip{f}
	for _, a := range companions(s, f.From) {
		also := f
		also.Alias, also.From = a.Name, a
		also.Guards, also.Releases = nil, nil
		flips = append(flips, also)
	}
	return flips
}

// followBack points back the further aliases that lead to the run's release while
// the environment's own does not, or not as they do: somebody moved that one alone.
func (r *run) followBack(ctx context.Context) {
	var flips []catalog.Flip
	for _, name := range r.service.Config.Aliases[r.env.Name] {
		a, ok := r.service.Aliases[name]
		if !ok || !a.Value.Sends(r.record.Target) || a.Value.String() == r.alias.Value.String() || r.record.Previous.IsZero() {
			continue
		}
		flips = append(flips, catalog.Flip{
			Service: r.record.Service, Alias: name, From: a, To: r.record.Previous, By: r.opt.By, At: r.opt.Now(),
			LockSession: r.lock.session, Environment: r.env.Name, Guards: r.oldGuards(),
		})
	}
	if len(flips) == 0 {
		return
	}
	if _, err := r.opt.Store.FlipTogether(ctx, flips); err != nil {
		r.note("%s of %s still leads to release %s: %s; point it elsewhere with `teal flip`", flips[0].Alias, r.record.Service, r.record.Release, err)
	}
}
