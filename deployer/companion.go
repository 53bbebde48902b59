package deployer

import "teal/catalog"

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
		a, ok := s.Aliases[name]
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
