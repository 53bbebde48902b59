package catalog

// PreviewTarget is where a preview rule leads at present. It is false where that
// is nowhere: the alias does not exist, or the rule leaves the target open and no
// colour is about to be flipped to.
//
// A rule that leaves the target open means the colour of the alias's environment
// that the alias sends nothing to, while a deployment brings a release up there.
// Once it is flipped to, the other colour holds what was before, and users who
// asked for what is next must not get that. Where no release is recorded nobody
// can tell, and the colour is meant at all times.
func (s *Service) PreviewTarget(rule PreviewRule) (Target, bool) {
	name := rule.Alias
	if name == "" {
		name = s.DefaultAlias()
	}
	alias, ok := s.Resolve(name)
	if !ok || !rule.Target.IsZero() {
		return rule.Target, ok
	}
	env, ok := alias.Value.environment()
	if !ok {
		return Target{}, false
	}
	next, err := alias.Value.Offline(env)
	if err != nil {
		return Target{}, false
	}
	release, recorded := s.Releases[next]
	return next, !recorded || release.State == Staging
}

// environment is that of the coloured targets that v sends requests to; false
// where they are of several, or not coloured.
func (v AliasValue) environment() (string, bool) {
	live := v.Live()
	for _, t := range live {
		if t.Colour == "" || t.Environment != live[0].Environment {
			return "", false
		}
	}
	return live[0].Environment, len(live) > 0
}
