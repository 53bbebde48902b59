package catalog

import "slices"

// saveService is the form of a service in which it is saved.
func saveService(s *Service) savedService {
	return savedService{
		Name:   s.Name,
		Config: savedConfig{ServiceConfig: s.Config, Since: s.Config.Since},
		Aliases: mapped(s.Aliases, func(_ string, a Alias) savedAlias {
			return savedAlias{Value: a.Value, Index: a.Index}
		}),
		Releases: mapped(s.Releases, func(_ Target, r Release) savedRelease {
			return savedRelease{Release: r, Index: r.Index}
		}),
		Flips: mapped(s.Flips, func(_ string, f FlipRecord) savedFlipRecord {
			return savedFlipRecord{FlipRecord: f, Index: f.Index}
		}),
		Halts: mapped(s.Halts, func(_ string, h Halt) savedHalt {
			return savedHalt{Halt: h, Index: h.Index}
		}),
		Instances: essential(s.Instances),
		Held: mapped(s.Held, func(_ Target, h Hold) savedHold {
			return savedHold{Since: h.Since, Reason: h.Reason, Instances: essential(h.Instances)}
		}),
	}
}

// service is the service that was saved.
func (s savedService) service() *Service {
	config := s.Config.ServiceConfig
	config.Since = s.Config.Since
	return &Service{
		Name: s.Name, Config: config, Instances: s.Instances,
		Aliases: mapped(s.Aliases, func(name string, a savedAlias) Alias {
			return Alias{Name: name, Value: a.Value, Index: a.Index}
		}),
		Releases: mapped(s.Releases, func(_ Target, r savedRelease) Release {
			r.Release.Index = r.Index
			return r.Release
		}),
		Flips: mapped(s.Flips, func(_ string, f savedFlipRecord) FlipRecord {
			f.FlipRecord.Index = f.Index
			return f.FlipRecord
		}),
		Halts: mapped(s.Halts, func(_ string, h savedHalt) Halt {
			h.Halt.Index = h.Index
			return h.Halt
		}),
		Held: mapped(s.Held, func(_ Target, h savedHold) Hold { return Hold(h) }),
	}
}

// mapped is m with its values changed; nil if it is empty.
func mapped[K comparable, A, B any](m map[K]A, change func(K, A) B) map[K]B {
	if len(m) == 0 {
		return nil
	}
	changed := make(map[K]B, len(m))
	for k, v := range m {
		changed[k] = change(k, v)
	}
	return changed
}

// essential is the instances with those of their checks that do not pass, and
// without what those have said.
func essential(instances []Instance) []Instance {
	kept := slices.Clone(instances)
	for i := range kept {
		kept[i].Checks = failing(kept[i].Checks)
	}
	return kept
}

func failing(checks []CheckStatus) []CheckStatus {
	var failing []CheckStatus
	for _, c := range checks {
		if c.Status != Passing {
			c.Output = ""
			failing = append(failing, c)
		}
	}
	return failing
}
