package consul

import "teal/catalog"

// facts are what one folder of the key-value store says about one service.
// Snapshots share them: they are never changed once they have been parsed.
type facts struct {
	aliases  map[string]catalog.Alias
	releases map[catalog.Target]catalog.Release
	flips    map[string]catalog.FlipRecord
	halts    map[string]catalog.Halt
	config   *catalog.ServiceConfig
}

// withAlias adds an alias to the facts and answers them.
func (f facts) withAlias(a catalog.Alias) facts {
	if f.aliases == nil {
		f.aliases = map[string]catalog.Alias{}
	}
	f.aliases[a.Name] = a
	return f
}

// withRelease adds a release to the facts and answers them.
func (f facts) withRelease(t catalog.Target, r catalog.Release) facts {
	if f.releases == nil {
		f.releases = map[catalog.Target]catalog.Release{}
	}
	f.releases[t] = r
	return f
}

// withHalt adds a halt to the facts and answers them.
func (f facts) withHalt(alias string, h catalog.Halt) facts {
	if f.halts == nil {
		f.halts = map[string]catalog.Halt{}
	}
	f.halts[alias] = h
	return f
}

func (f facts) addTo(s *catalog.Service) {
	switch {
	case f.aliases != nil:
		s.Aliases = f.aliases
	case f.releases != nil:
		s.Releases = f.releases
	case f.flips != nil:
		s.Flips = f.flips
	case f.halts != nil:
		s.Halts = f.halts
	case f.config != nil:
		s.Config = *f.config
	}
}
