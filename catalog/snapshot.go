package catalog

import (
	"fmt"
	"time"

	"teal/catalog/cow"
)

// Snapshot is everything a router knows at one moment. It is immutable once it
// has been handed on; parts that did not change are shared between snapshots.
type Snapshot struct {
	Services cow.Map[*Service] // by name
	// AliasIndex is Consul's index of the alias keys that this snapshot has read.
	// A router that applied it has applied every flip up to that index.
	AliasIndex uint64
	Problems   []Problem
	// StaleSince is since when some part of Consul can't be read; zero while all
	// can.
	StaleSince time.Time
	// Restored is when this view was saved, where it comes from a disk rather than
	// from Consul; zero else.
	Restored time.Time
}

// Service is all that is known of one service.
type Service struct {
	Name      string
	Instances []Instance // ordered by node, then id
	Aliases   map[string]Alias
	Config    ServiceConfig
	Releases  map[Target]Release
	Flips     map[string]FlipRecord
	Halts     map[string]Halt // by alias
	// Held are targets whose instances are an earlier, better view that is kept
	// because the present one is not believed yet.
	Held map[Target]Hold
}

// Hold is a view of a target's instances that outlives a bad reading.
type Hold struct {
	Since     time.Time
	Reason    string // a sentence
	Instances []Instance
}

// DefaultAlias is the alias that answers when a URI names none.
const DefaultAlias = "production"

// DefaultAlias is the alias of this service that answers when a URI names none.
func (s *Service) DefaultAlias() string { return s.Config.DefaultAlias() }

// Resolve finds an alias: the one that has a key, else the implied one of an
// uncoloured environment that has instances.
func (s *Service) Resolve(name string) (Alias, bool) {
	if a, ok := s.Aliases[name]; ok {
		return a, true
	}
	t := Target{Environment: name}
	for _, i := range s.Instances {
		if i.Target == t {
			return Alias{Name: name, Value: PointTo(t)}, true
		}
	}
	return Alias{}, false
}

// Expects tells whether an instance is of the release its target holds. Where
// no release is recorded, every instance is.
func (s *Service) Expects(i Instance) bool {
	r, ok := s.Releases[i.Target]
	return !ok || r.ID == i.Release
}

// Unknown tells whether nothing at all is known of the service.
func (s *Service) Unknown() bool {
	return len(s.Instances)+len(s.Aliases)+len(s.Releases)+len(s.Flips)+len(s.Halts) == 0 && s.Config.IsZero()
}

// Answering are the instances of a target that get its requests: of the release
// the target holds, and passing or, as the service wants it, warning.
func (s *Service) Answering(t Target) []Instance {
	var warning []Instance
	passing := s.Passing(t)
	if s.Config.Warning == WarningNever || (len(passing) > 0 && s.Config.Warning != WarningEqual) {
		return passing
	}
	for _, i := range s.Instances {
		if i.Target == t && i.Health == Warning && !i.ZeroWeight && s.Expects(i) {
			warning = append(warning, i)
		}
	}
	return append(passing, warning...)
}

// Passing are the instances of a target that may get requests: well, and of the
// release the target holds.
func (s *Service) Passing(t Target) []Instance {
	var passing []Instance
	for _, i := range s.Instances {
		if i.Target == t && i.Routable() && s.Expects(i) {
			passing = append(passing, i)
		}
	}
	return passing
}

// Unfinished says why a target's release is not to be flipped to yet, or nil.
func (s *Service) Unfinished(t Target) error {
	switch r := s.Releases[t]; r.State {
	case Staging:
		return fmt.Errorf("%s is being brought up by deployment %s; wait for it", t, r.Deployment)
	case Dirty:
		return fmt.Errorf("a deployment left %s half done; deploy to it again", t)
	}
	return nil
}

// FlippedByHand tells whether an alias has moved since Teal last recorded a
// flip of it.
func (s *Service) FlippedByHand(alias string) bool {
	a, ok := s.Aliases[alias]
	if !ok {
		return false
	}
	f, recorded := s.Flips[alias]
	return !recorded || f.Index != a.Index
}
